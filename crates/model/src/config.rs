//! What a network looks like: everything that must be known before its weights are read.

use serde::{Deserialize, Serialize};

/// The kind of the recurrent cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellKind {
    /// Long short-term memory (Hochreiter & Schmidhuber, 1997).
    Lstm,
    /// Gated recurrent unit (Cho et al., 2014).
    Gru,
    /// Simpler simple recurrent unit (Kim et al., 2019): no recurrent product, the fastest.
    Ssru,
    /// Plain recurrent unit (Elman, 1990): one product and a hyperbolic tangent, without gates.
    Rnn,
}

impl From<CellKind> for traduko_kernels::CellKind {
    fn from(kind: CellKind) -> Self {
        match kind {
            CellKind::Lstm => Self::Lstm,
            CellKind::Gru => Self::Gru,
            CellKind::Ssru => Self::Ssru,
            CellKind::Rnn => Self::Rnn,
        }
    }
}

/// How attention scores a source position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionKind {
    /// `v . tanh(query + key)` (Bahdanau et al., 2015), the `concat` of Luong et al. (2015).
    Additive,
    /// The same with `v` of a length that is learnt apart, and a bias (weight normalisation: Salimans & Kingma, 2016).
    NormedAdditive,
    /// `query . key` with projected keys (Luong et al., 2015).
    General,
    /// The decoder's state times the encoder's output as they are, both equally wide (Luong et al., 2015).
    Dot,
    /// The same divided by the root of the width (Vaswani et al., 2017).
    ScaledDot,
    /// None: the encoder's last state is read at every step, beside the embedding, between layers and above them (Cho et al.,
    /// 2014).
    FixedContext,
    /// None at all: the decoder knows of the source what it starts from (Sutskever et al., 2014).
    None,
}

impl AttentionKind {
    /// Whether source positions are looked at one by one. Where they are not, all weigh the same.
    pub fn looks(self) -> bool {
        !matches!(self, Self::FixedContext | Self::None)
    }
}

/// What the decoder starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BridgeKind {
    /// Zeros.
    Zero,
    /// The encoder's last hidden states as they are, layer by layer where both sides have as many and else those of its top layer,
    /// which needs a decoder as wide as the encoder's output (Sutskever et al., 2014). The cells of an LSTM start from them, too.
    Last,
    /// The mean of the encoder's outputs as it is, as wide; the cells of an LSTM start from it, too.
    Mean,
    /// A layer on the last hidden state of the encoder's top layer, with a hyperbolic tangent (Bahdanau et al., 2015); the cells of
    /// an LSTM start from zeros.
    Dense,
}

/// Where the attention vector goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionPlace {
    /// Only above the decoder: all target steps of a training batch are computed at once.
    OnTop,
    /// It looks from the first decoder layer, and every layer above reads its context (Wu et al., 2016, section 3); as fast.
    /// With one decoder layer the same as on top.
    FirstLayer,
    /// Fed into the first decoder layer of the next step as well (Luong et al., 2015, section 3.3).
    InputFeeding,
}

/// Which embedding tables are one and the same (Press & Wolf, 2017).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TieKind {
    /// Three tables: source, target, output.
    None,
    /// The output projection is the target table.
    Target,
    /// One table for source, target and output, which share their subwords.
    All,
}

/// The network's sizes and kinds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Subwords of the target, and of the source where both share them.
    pub n_vocab: usize,
    /// Subwords of the source where it has its own; 0 where it has not.
    pub n_source_vocab: usize,
    /// Width of the embeddings, and of the vector that meets the output table.
    pub d_embedding: usize,
    /// Units of each direction of each encoder layer.
    pub d_encoder: usize,
    /// Encoder layers.
    pub n_encoder_layers: usize,
    /// Whether the encoder also reads from right to left.
    pub is_bidirectional: bool,
    /// Units of each decoder layer.
    pub d_decoder: usize,
    /// Decoder layers.
    pub n_decoder_layers: usize,
    /// Width in which queries meet keys, all heads together.
    pub d_attention: usize,
    /// Heads of the attention (Vaswani et al., 2017); a divisor of `d_attention` and of the encoder's output width.
    pub n_attention_heads: usize,
    /// The kind of cell.
    pub cell: CellKind,
    /// Cells that the state of every layer passes through in one step, of which the first reads the input (Pascanu et al., 2014;
    /// Miceli Barone et al., 2017); above 1 training walks step by step. 1 with an SSRU, whose state passes through no product.
    pub transition_depth: usize,
    /// Whether both products of every gate are layer-normalised (Ba et al., 2016).
    pub is_layer_normalized: bool,
    /// Whether a layer adds to its input rather than replaces it, wherever both are equally wide.
    pub is_residual: bool,
    /// What the decoder starts from.
    pub bridge: BridgeKind,
    /// How attention scores.
    pub attention: AttentionKind,
    /// Where the attention vector goes.
    pub attention_place: AttentionPlace,
    /// Whether additive attention knows how much of it each source position has had (See et al., 2017, equation 11); training then
    /// walks step by step.
    pub has_coverage: bool,
    /// Which embedding tables are one.
    pub tie_embeddings: TieKind,
    /// Width of the output table's preview ([`traduko_kernels::Preview`]), 0 for none; only packages have one.
    pub d_preview: usize,
    /// Longest source sentence in subwords, its end mark included; longer ones are split before.
    pub max_source_length: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            n_vocab: 8000,
            n_source_vocab: 0,
            d_embedding: 256,
            d_encoder: 256,
            n_encoder_layers: 2,
            is_bidirectional: true,
            d_decoder: 256,
            n_decoder_layers: 2,
            d_attention: 256,
            n_attention_heads: 1,
            cell: CellKind::Lstm,
            transition_depth: 1,
            is_layer_normalized: false,
            is_residual: false,
            bridge: BridgeKind::Dense,
            attention: AttentionKind::General,
            attention_place: AttentionPlace::OnTop,
            has_coverage: false,
            tie_embeddings: TieKind::All,
            d_preview: 0,
            max_source_length: 128,
        }
    }
}

/// A configuration that no network can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A size outside its range.
    #[error("model.{key}: {found} is outside {low}..={high}")]
    SizeOutOfRange {
        /// The key in the configuration.
        key: &'static str,
        /// Its value.
        found: usize,
        /// The least value.
        low: usize,
        /// The greatest value.
        high: usize,
    },
    /// Something needs a decoder as wide as the encoder's output.
    #[error("model.{key}: this kind needs model.d_decoder ({decoder}) as wide as the encoder's output ({encoded})")]
    Widths {
        /// The key in the configuration.
        key: &'static str,
        /// Width of the decoder.
        decoder: usize,
        /// Width of the encoder's output.
        encoded: usize,
    },
    /// Something that only attention has.
    #[error(
        "model.{key}: there is no attention with model.attention=\"none\" or \"fixed-context\"; leave this key out"
    )]
    NoAttention {
        /// The key in the configuration.
        key: &'static str,
    },
    /// Coverage where attention cannot go by it.
    #[error(
        "model.has_coverage: needs model.attention=\"additive\" or \"normed-additive\" with one head; set it to false"
    )]
    Coverage,
    /// Deep transitions of a cell that has none.
    #[error(
        "model.transition_depth: an ssru has no product for the state to pass through; set it to 1 or choose another \
         model.cell"
    )]
    Transitions,
    /// One table for two vocabularies.
    #[error("model.tie_embeddings: source and target have subwords of their own; choose \"target\" or \"none\"")]
    OwnTables,
    /// The decoder would know nothing of the source.
    #[error("model.bridge: with model.attention=\"none\" and \"zero\" here the decoder would not know the source")]
    Blind,
    /// The heads do not divide a width.
    #[error("model.n_attention_heads: {heads} does not divide {width}, the width of {what}")]
    Heads {
        /// How many heads.
        heads: usize,
        /// The width.
        width: usize,
        /// Whose width it is.
        what: &'static str,
    },
}

impl ModelConfig {
    /// Width of the encoder's output.
    pub fn d_encoded(&self) -> usize {
        self.d_encoder * if self.is_bidirectional { 2 } else { 1 }
    }

    /// Rows of the table that source ids are looked up in.
    pub fn n_source_rows(&self) -> usize {
        if self.n_source_vocab > 0 { self.n_source_vocab } else { self.n_vocab }
    }

    /// Width of what attention finds.
    pub fn d_context(&self) -> usize {
        if self.attention == AttentionKind::None { 0 } else { self.d_encoded() }
    }

    /// Checks every size, so that nothing hostile is ever allocated.
    ///
    /// # Errors
    /// The first size outside its range, or the first kinds and widths that do not go together, by their key.
    pub fn validate(&self) -> Result<(), ModelError> {
        let sizes = [
            ("n_vocab", self.n_vocab, 5, 1 << 18),
            ("n_source_vocab", self.n_source_vocab, 0, 1 << 18),
            ("d_embedding", self.d_embedding, 1, 1 << 13),
            ("d_encoder", self.d_encoder, 1, 1 << 13),
            ("n_encoder_layers", self.n_encoder_layers, 1, 32),
            ("d_decoder", self.d_decoder, 1, 1 << 13),
            ("n_decoder_layers", self.n_decoder_layers, 1, 32),
            ("d_attention", self.d_attention, 1, 1 << 13),
            ("n_attention_heads", self.n_attention_heads, 1, 64),
            ("transition_depth", self.transition_depth, 1, 32),
            ("d_preview", self.d_preview, 0, 1 << 13),
            ("max_source_length", self.max_source_length, 2, 4096),
        ];
        for (key, found, low, high) in sizes {
            if !(low..=high).contains(&found) {
                return Err(ModelError::SizeOutOfRange { key, found, low, high });
            }
        }
        if self.cell == CellKind::Ssru && self.transition_depth > 1 {
            return Err(ModelError::Transitions);
        }
        let copies = [
            ("bridge", matches!(self.bridge, BridgeKind::Last | BridgeKind::Mean)),
            ("attention", matches!(self.attention, AttentionKind::Dot | AttentionKind::ScaledDot)),
        ];
        let (decoder, encoded) = (self.d_decoder, self.d_encoded());
        if let Some((key, _)) = copies.into_iter().find(|(_, is_copied)| *is_copied && decoder != encoded) {
            return Err(ModelError::Widths { key, decoder, encoded });
        }
        let heads = self.n_attention_heads;
        if !self.attention.looks() {
            let parts =
                [("n_attention_heads", heads > 1), ("attention_place", self.attention_place != AttentionPlace::OnTop)];
            if let Some((key, _)) = parts.into_iter().find(|(_, is_there)| *is_there) {
                return Err(ModelError::NoAttention { key });
            }
        }
        let is_additive = matches!(self.attention, AttentionKind::Additive | AttentionKind::NormedAdditive);
        if self.has_coverage && !(is_additive && heads == 1) {
            return Err(ModelError::Coverage);
        }
        if self.n_source_vocab > 0 && self.tie_embeddings == TieKind::All {
            return Err(ModelError::OwnTables);
        }
        if self.attention == AttentionKind::None && self.bridge == BridgeKind::Zero {
            return Err(ModelError::Blind);
        }
        for (width, what) in [(self.d_attention, "model.d_attention"), (self.d_encoded(), "the encoder's output")] {
            if !width.is_multiple_of(heads) {
                return Err(ModelError::Heads { heads, width, what });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_key_that_is_out_of_range() {
        let config = ModelConfig { d_encoder: 1 << 20, ..ModelConfig::default() };
        let message = config.validate().expect_err("too wide").to_string();
        assert_eq!(message, "model.d_encoder: 1048576 is outside 1..=8192");
        let config = ModelConfig { n_attention_heads: 3, ..ModelConfig::default() };
        let message = config.validate().expect_err("256 / 3").to_string();
        assert_eq!(message, "model.n_attention_heads: 3 does not divide 256, the width of model.d_attention");
        let config = ModelConfig { attention: AttentionKind::Dot, ..ModelConfig::default() };
        let message = config.validate().expect_err("256 and 512").to_string();
        assert!(message.starts_with("model.attention: this kind needs model.d_decoder (256) as wide"), "{message}");
        let config = ModelConfig { attention: AttentionKind::None, n_attention_heads: 2, ..ModelConfig::default() };
        let message = config.validate().expect_err("heads of nothing").to_string();
        assert!(message.starts_with("model.n_attention_heads: there is no attention"), "{message}");
        let config = ModelConfig { attention: AttentionKind::None, bridge: BridgeKind::Zero, ..ModelConfig::default() };
        assert_eq!(config.validate(), Err(ModelError::Blind));
        let config = ModelConfig { n_source_vocab: 500, ..ModelConfig::default() };
        assert_eq!(config.validate(), Err(ModelError::OwnTables));
        let config = ModelConfig { has_coverage: true, ..ModelConfig::default() };
        assert_eq!(config.validate(), Err(ModelError::Coverage));
        let config = ModelConfig { cell: CellKind::Ssru, transition_depth: 2, ..ModelConfig::default() };
        assert_eq!(config.validate(), Err(ModelError::Transitions));
        assert_eq!(ModelConfig::default().validate(), Ok(()));
    }
}
