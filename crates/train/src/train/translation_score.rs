//! Validation by translation: BLEU and chrF of what a network in training makes of the validation text.
//!
//! The loss says how well the next word of a given translation is foreseen; these scores say how good the network's own
//! translations are. They cost a search, so a part of the text and a greedy search do.

use traduko_kernels::Kernels;
use traduko_model::{SearchOptions, Seq2Seq, beam_search};
use traduko_text::{SubwordTokenizer, Vocabulary};

use crate::{
    config::OptimisationConfig, cores::map_on_threads, dataset::Dataset, device::Device, metrics::bleu_and_chrf,
    native::n_threads,
};

/// The longest translation, in subwords, whatever the source.
const MAX_TARGET_TOKENS: usize = 256;

/// How to translate while training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TranslationScoreOptions {
    /// Most sentences to translate, spread evenly over the validation text.
    pub sentences: usize,
    /// Sentences translated at once by one thread; changes speed and memory, never the words.
    pub batch_sentences: usize,
    /// Threads to translate with: the cores of a CPU, 1 for a GPU.
    pub threads: usize,
}

/// How good the translations are, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TranslationScores {
    /// Corpus BLEU as sacreBLEU computes it by default.
    pub bleu: f64,
    /// Corpus chrF2, likewise.
    pub chrf: f64,
}

/// The validation text of a run, with what it takes to translate it.
pub(super) struct ValidationText {
    /// All of it, as ids.
    pub pairs: Dataset,
    translation: Option<(SubwordTokenizer, TranslationScoreOptions)>,
}

impl ValidationText {
    /// `pairs`, with the target's subwords where the configuration wants translations.
    ///
    /// # Errors
    /// As [`n_threads`].
    pub fn new(
        pairs: Dataset,
        vocabulary: &Vocabulary,
        config: &OptimisationConfig,
        device: Device,
    ) -> anyhow::Result<Self> {
        if config.validate_translation == 0 {
            return Ok(Self { pairs, translation: None });
        }
        let tokenizer = vocabulary.target().clone();
        let (threads, batch_sentences) = match device {
            Device::Cpu => (n_threads(None)?, 16),
            Device::Cuda => (1, 128),
        };
        let sentences = config.validate_translation;
        let options = TranslationScoreOptions { sentences, batch_sentences, threads };
        Ok(Self { pairs, translation: Some((tokenizer, options)) })
    }

    /// [`translation_scores`] of `network`, where the configuration wants them.
    ///
    /// # Errors
    /// As there.
    pub fn translation_scores<B: Kernels>(
        &self,
        network: &Seq2Seq<B>,
        device: &B::Device,
    ) -> anyhow::Result<Option<TranslationScores>> {
        let Some((tokenizer, options)) = &self.translation else { return Ok(None) };
        translation_scores(network, tokenizer, &self.pairs, *options, device).map(Some)
    }
}

/// The longest translation of a source, in subwords.
fn limit(source: &[u32]) -> usize {
    (2 * source.len() + 10).min(MAX_TARGET_TOKENS)
}

/// The greedy translations of `sources`, ids without marks: each is what it would be alone.
fn translations<B: Kernels>(network: &Seq2Seq<B>, sources: &[Vec<u32>], device: &B::Device) -> Vec<Vec<u32>> {
    let max_length = sources.iter().map(|source| limit(source)).max().unwrap_or(1);
    let search = SearchOptions { beam: 1, max_length, ..SearchOptions::default() };
    let found = pollster::block_on(beam_search(std::slice::from_ref(network), sources, &search, device));
    // Greedy search goes the same way however far it may go.
    let pairs = found.iter().zip(sources);
    pairs.map(|(best, source)| best[0].tokens.iter().copied().take(limit(source)).collect()).collect()
}

/// Translates sentences of `valid` and compares with their references, both as text. 0 for no sentences at all.
///
/// # Errors
/// Ids that the tokenizer does not have, or a thread that does not start.
pub fn translation_scores<B: Kernels>(
    network: &Seq2Seq<B>,
    tokenizer: &SubwordTokenizer,
    valid: &Dataset,
    options: TranslationScoreOptions,
    device: &B::Device,
) -> anyhow::Result<TranslationScores> {
    let mut chosen = spread(valid.len(), options.sentences);
    // Like lengths share a batch; the longest go first.
    chosen.sort_by_key(|&index| std::cmp::Reverse(valid.source(index).len()));
    let batches: Vec<&[usize]> = chosen.chunks(options.batch_sentences.max(1)).collect();
    let translated = map_on_threads(batches.len(), options.threads, |batch| {
        let sources: Vec<Vec<u32>> = batches[batch].iter().map(|&index| valid.source(index).to_vec()).collect();
        let found = translations(network, &sources, device);
        let texts = found.iter().map(|ids| Ok(tokenizer.decode(ids)?));
        texts.collect::<anyhow::Result<Vec<String>>>()
    })?;
    let references = chosen.iter().map(|&index| Ok(tokenizer.decode(valid.target(index))?));
    let references = references.collect::<anyhow::Result<Vec<String>>>()?;
    let hypotheses = translated.concat();
    let [bleu, chrf] = bleu_and_chrf(&hypotheses, &references);
    Ok(TranslationScores { bleu, chrf })
}

/// At most `wanted` of the numbers below `n`, evenly spread: prepared text holds its sources one after another.
fn spread(n: usize, wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(n);
    (0..wanted).map(|i| i * n / wanted).collect()
}

#[cfg(test)]
mod tests {
    use traduko_model::{EOS, ModelConfig, RandomWeights, StoredWeights};

    use super::*;
    use crate::device::Cpu;

    #[test]
    fn a_translation_without_an_end_is_as_long_in_any_batch() {
        let config = ModelConfig { n_vocab: 40, d_embedding: 8, d_encoder: 8, d_decoder: 8, ..ModelConfig::default() };
        let device = Default::default();
        let Ok(random) = Seq2Seq::<Cpu>::build(&config, &mut RandomWeights::new(1), &device);
        let mut weights = random.weights();
        let bias = weights.iter_mut().find(|tensor| tensor.name == "embedding.target.bias").expect("the output's bias");
        bias.values[EOS as usize] = -1e4;
        let network = Seq2Seq::<Cpu>::build(&config, &mut StoredWeights::new(weights), &device).expect("all are there");
        let sources = [vec![5, 6], vec![7; 30]];
        let together = translations(&network, &sources, &device);
        assert_eq!([together[0].len(), together[1].len()], [14, 70]);
        assert_eq!(together, sources.map(|source| translations(&network, &[source], &device)).concat());
    }

    #[test]
    fn sentences_are_spread_over_the_text() {
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 5), [0, 1, 2]);
        assert_eq!(spread(0, 5), [0; 0]);
        assert_eq!(spread(5, 0), [0; 0]);
    }
}
