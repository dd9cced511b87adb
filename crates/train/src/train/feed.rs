//! The training text, batch by batch and pass after pass.

use anyhow::{Context, bail};
use rand::{SeedableRng, rngs::StdRng};
use traduko_text::{BpeDropout, SubwordTokenizer, Vocabulary};

use super::{checkpoint::TrainSummary, trainer::Batch};
use crate::{
    align::{ALIGN_FILE, Alignments},
    config::{OptimisationConfig, TrainConfig},
    dataset::Dataset,
};

/// Reads encoded pairs out of the folder of `config`.
///
/// # Errors
/// Where there are none.
pub fn read_dataset(config: &TrainConfig, name: &str) -> anyhow::Result<Dataset> {
    if config.data.dir.as_os_str().is_empty() {
        bail!("data.dir is not set; give the folder that `traduko prepare` wrote");
    }
    let path = config.data.dir.join(name);
    let dataset =
        Dataset::read(&path).with_context(|| format!("reading {}; run `traduko prepare` first", path.display()))?;
    if dataset.is_empty() {
        bail!(
            "{}: no sentence pairs inside; prepare the text again, for validation with --valid-source and --valid-target or \
             with --hold-out",
            path.display()
        );
    }
    Ok(dataset)
}

/// Batches of the training text, pass after pass.
pub struct Feed<'a> {
    dataset: &'a Dataset,
    settings: &'a OptimisationConfig,
    /// Of the sources and of the targets.
    bpe_dropout: Option<[BpeDropout; 2]>,
    alignments: Option<Alignments>,
    /// Lengths to pad to, 0 for no more than needed, and pairs.
    batches: Vec<(usize, Vec<usize>)>,
    epoch: u64,
}

impl<'a> Feed<'a> {
    /// Batches of `dataset`, which has the subwords of `vocabulary`, from pass `epoch` on.
    ///
    /// # Errors
    /// Where BPE-dropout cannot work on subwords of this kind; where guided alignment is wanted and there are no alignments
    /// of this text.
    pub fn new(
        dataset: &'a Dataset,
        config: &'a TrainConfig,
        vocabulary: &Vocabulary,
        epoch: u64,
    ) -> anyhow::Result<Self> {
        let settings = &config.train;
        let bpe_dropout = if settings.bpe_dropout > 0.0 {
            let dropout = |side: &SubwordTokenizer| {
                let dir = config.data.dir.display();
                BpeDropout::new(side).with_context(|| format!("train.bpe_dropout with the subwords in {dir}"))
            };
            Some([dropout(vocabulary.source())?, dropout(vocabulary.target())?])
        } else {
            None
        };
        let alignments = if settings.alignment_weight > 0.0 {
            let path = config.data.dir.join(ALIGN_FILE);
            let read = Alignments::read(&path, dataset);
            Some(read.with_context(|| format!("train.alignment_weight wants {}", path.display()))?)
        } else {
            None
        };
        Ok(Self { dataset, settings, bpe_dropout, alignments, batches: plan(dataset, settings, epoch), epoch })
    }

    /// The next batch; `summary` says which, and is moved on.
    pub fn next(&mut self, summary: &mut TrainSummary) -> Batch {
        if summary.batch >= self.batches.len() {
            (summary.epoch, summary.batch) = (summary.epoch + 1, 0);
        }
        if summary.epoch != self.epoch {
            self.batches = plan(self.dataset, self.settings, summary.epoch);
            self.epoch = summary.epoch;
        }
        let (padded_length, pairs) = &self.batches[summary.batch];
        let mut batch = Batch { padded_length: *padded_length, ..gather(self.dataset, pairs) };
        if let Some(alignments) = &self.alignments {
            let links = |&pair: &usize| alignments.links(pair).iter().map(|link| (link.target, link.source)).collect();
            batch.alignments = Some(pairs.iter().map(links).collect());
        }
        if let Some(dropouts) = &self.bpe_dropout {
            // Seeded by the batch, so that a resumed run cuts words as an uninterrupted one would have.
            let place = (summary.epoch << 32) ^ summary.batch as u64;
            let mut rng = StdRng::seed_from_u64(self.settings.seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for (sentences, dropout) in [&mut batch.sources, &mut batch.targets].into_iter().zip(dropouts) {
                for sentence in sentences {
                    *sentence = dropout.apply(sentence, self.settings.bpe_dropout, &mut rng);
                }
            }
        }
        summary.batch += 1;
        batch
    }
}

fn plan(dataset: &Dataset, settings: &OptimisationConfig, epoch: u64) -> Vec<(usize, Vec<usize>)> {
    let (tokens, seed) = (settings.batch_tokens, settings.seed);
    if settings.length_buckets.is_empty() {
        dataset.batches(tokens, seed, epoch).into_iter().map(|pairs| (0, pairs)).collect()
    } else {
        dataset.bucketed_batches(tokens, &settings.length_buckets, seed, epoch)
    }
}

/// The sentences of a batch.
pub fn gather(dataset: &Dataset, pairs: &[usize]) -> Batch {
    let pairs = pairs.iter().map(|&index| (dataset.source(index).to_vec(), dataset.target(index).to_vec()));
    let (sources, targets) = pairs.unzip();
    Batch { sources, targets, ..Batch::default() }
}
