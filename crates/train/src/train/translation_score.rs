//! Validation by translation: BLEU and chrF of what a network in training makes of the validation text.
//!
//! The loss says how well the next word of a given translation is foreseen; these scores say how good the network's own
//! translations are. They cost a search, so a part of the text and a greedy search do.

use std::path::Path;

use anyhow::Context;
use traduko_kernels::Kernels;
use traduko_model::{SearchOptions, Seq2Seq, beam_search};
use traduko_text::SubwordTokenizer;

use crate::{
    config::OptimisationConfig, cores::map_on_threads, dataset::Dataset, device::Device, metrics::bleu_and_chrf,
    native::n_threads, tokenizers::TokenizerFiles,
};

/// The longest translation, in subwords, whatever the source.
const MAX_TARGET_TOKENS: usize = 256;

/// How to translate while training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TranslationScoreOptions {
    /// Most sentences to translate, spread evenly over the validation text.
    pub sentences: usize,
    /// Hypotheses kept at each step; 1 is greedy.
    pub beam: usize,
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
    /// `pairs`, with the tokenizer of `run` where the configuration wants translations.
    ///
    /// # Errors
    /// Where the tokenizer cannot be read.
    pub fn new(pairs: Dataset, run: &Path, config: &OptimisationConfig, device: Device) -> anyhow::Result<Self> {
        if config.validate_translation == 0 {
            return Ok(Self { pairs, translation: None });
        }
        let vocabulary = TokenizerFiles::read(run)?.vocabulary().with_context(|| run.display().to_string())?;
        let tokenizer = vocabulary.target().clone();
        let (threads, batch_sentences) = match device {
            Device::Cpu => (n_threads(None)?, 16),
            Device::Cuda => (1, 128),
        };
        let sentences = config.validate_translation;
        let options = TranslationScoreOptions { sentences, beam: 1, batch_sentences, threads };
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
        let longest = sources.iter().map(Vec::len).max().unwrap_or(0);
        let max_length = (2 * longest + 10).min(MAX_TARGET_TOKENS);
        let search = SearchOptions { beam: options.beam, max_length, ..SearchOptions::default() };
        let found = pollster::block_on(beam_search(std::slice::from_ref(network), &sources, &search, device));
        let texts = found.iter().map(|best| Ok(tokenizer.decode(&best[0].tokens)?));
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
    use super::*;

    #[test]
    fn sentences_are_spread_over_the_text() {
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 5), [0, 1, 2]);
        assert_eq!(spread(0, 5), [0; 0]);
        assert_eq!(spread(5, 0), [0; 0]);
    }
}
