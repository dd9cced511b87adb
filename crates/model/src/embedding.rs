//! Embedding tables, tied or not.

use burn::{
    module::Module,
    tensor::{Int, Tensor, TensorData, backend::Backend},
};
use traduko_kernels::{CrossEntropy, Int8Matrix, Kernels, OutputLoss, Preview, dequantize_rows};

use crate::{
    config::{ModelConfig, TieKind},
    projection::Projection,
    weights::{Init, Matrix, WeightSource},
};

/// Names of what makes the preview's vector of an output vector, and the preview's table of the output table: both
/// `[d_preview, d_embedding]`.
pub const PREVIEW: [&str; 2] = ["embedding.preview.query.weight", "embedding.preview.key.weight"];

/// Source, target and output tables; a table that is tied to another is not there.
#[derive(Module, Debug)]
pub struct Embedding<B: Backend> {
    /// `[n_vocab, d_embedding]`, always there; its bias is the output's where output is tied.
    target: Projection<B>,
    source: Option<Projection<B>>,
    output: Option<Projection<B>>,
    /// Of the output table.
    preview: Option<Preview<B>>,
}

impl<B: Kernels> Embedding<B> {
    /// Asks `source` for the tables that `config` wants.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(config: &ModelConfig, source: &mut S, device: &B::Device) -> Result<Self, S::Error> {
        let (shape, of_source) = ([config.n_vocab, config.d_embedding], [config.n_source_rows(), config.d_embedding]);
        // Wide enough for lookups, narrow enough for logits when the table is tied.
        let init = Init::Uniform { bound: (3.0 / config.d_embedding as f32).sqrt() };
        let table =
            |source: &mut S, name: &str, shape, bias| Projection::build_with(name, shape, init, bias, source, device);
        let is_output_tied = config.tie_embeddings != TieKind::None;
        let mut embedding = Self {
            target: table(source, "embedding.target", shape, is_output_tied.then_some(Init::Zeros))?,
            source: match config.tie_embeddings {
                TieKind::All => None,
                TieKind::None | TieKind::Target => Some(table(source, "embedding.source", of_source, None)?),
            },
            output: match config.tie_embeddings {
                TieKind::None => Some(table(source, "embedding.output", shape, Some(Init::Zeros))?),
                TieKind::Target | TieKind::All => None,
            },
            preview: None,
        };
        if config.d_preview > 0 {
            let (rows, cols) = (config.d_preview, config.d_embedding);
            let [query, key] = PREVIEW.map(|name| source.matrix(name, rows, cols, Init::Zeros));
            let parts = (query?, key?, &embedding.output().packed);
            if let (Matrix::Int8 { values, scales }, Matrix::Int8 { values: keys, scales: steps }, Some(packed)) = parts
            {
                let keys = TensorData::new(dequantize_rows(&keys, &steps), [rows, cols]);
                let query = Int8Matrix::new(values, scales, rows, cols, device);
                embedding.preview = Some(Preview::new(query, Tensor::from_data(keys, device), packed));
            }
        }
        Ok(embedding)
    }

    /// `[a, b]` ids to `[a, b, d_embedding]`.
    pub fn source(&self, ids: Tensor<B, 2, Int>) -> Tensor<B, 3> {
        lookup(self.source.as_ref().unwrap_or(&self.target), ids)
    }

    /// `[a, b]` ids to `[a, b, d_embedding]`.
    pub fn target(&self, ids: Tensor<B, 2, Int>) -> Tensor<B, 3> {
        lookup(&self.target, ids)
    }

    fn output(&self) -> &Projection<B> {
        self.output.as_ref().unwrap_or(&self.target)
    }

    /// `[n, d_embedding]` to `[n, vocab]`.
    pub fn logits(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        self.output().forward(x)
    }

    /// [`Self::logits`] without their bias.
    pub fn product(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        self.output().product(x, None)
    }

    /// Summed cross-entropy `[2]`, label-smoothed and plain, of what [`Self::logits`] makes of `x` `[n, d_embedding]`, whose
    /// right answers are `targets` `[n]`, each with its weight of `weights` `[n]`.
    pub fn loss(
        &self,
        x: Tensor<B, 2>,
        targets: Tensor<B, 1, Int>,
        weights: Tensor<B, 1>,
        smoothing: f32,
    ) -> Tensor<B, 1> {
        let output = self.output();
        match &output.weight {
            Some(weight) => {
                let (weight, bias) = (weight.val(), self.bias());
                B::output_loss(OutputLoss { x, weight, bias, targets, weights, smoothing })
            }
            None => B::cross_entropy(CrossEntropy { logits: self.logits(x), targets, weights, smoothing }),
        }
    }

    /// The `k` most probable tokens for each of `x` `[n, d_embedding]` where `bias` stands for [`Self::bias`]: their
    /// log-probabilities and their ids, best first, both `[n, k]`.
    pub fn most_probable(&self, x: Tensor<B, 2>, bias: Tensor<B, 1>, k: usize) -> (Tensor<B, 2>, Tensor<B, 2, Int>) {
        self.output().most_probable(x, self.preview.as_ref(), bias, k)
    }

    /// What is added to the logits, `[vocab]`.
    pub fn bias(&self) -> Option<Tensor<B, 1>> {
        self.output().bias.as_ref().map(|bias| bias.val())
    }
}

fn lookup<B: Kernels>(table: &Projection<B>, ids: Tensor<B, 2, Int>) -> Tensor<B, 3> {
    let [a, b] = ids.dims();
    let rows = table.rows(ids.reshape([a * b]));
    let d = rows.dims()[1];
    rows.reshape([a, b, d])
}
