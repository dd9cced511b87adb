//! The training text, batch by batch and pass after pass.

use anyhow::{Context, bail};

use super::{checkpoint::TrainSummary, trainer::Batch};
use crate::{
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
        bail!("{}: no sentence pairs inside; prepare the text again", path.display());
    }
    Ok(dataset)
}

/// Batches of the training text, pass after pass.
pub struct Feed<'a> {
    dataset: &'a Dataset,
    settings: &'a OptimisationConfig,
    batches: Vec<Vec<usize>>,
    epoch: u64,
}

impl<'a> Feed<'a> {
    /// Batches from pass `epoch` on.
    pub fn new(dataset: &'a Dataset, settings: &'a OptimisationConfig, epoch: u64) -> Self {
        let batches = dataset.batches(settings.batch_tokens, settings.seed, epoch);
        Self { dataset, settings, batches, epoch }
    }

    /// The next batch; `summary` says which, and is moved on.
    pub fn next(&mut self, summary: &mut TrainSummary) -> Batch {
        if summary.batch >= self.batches.len() {
            (summary.epoch, summary.batch) = (summary.epoch + 1, 0);
        }
        if summary.epoch != self.epoch {
            self.batches = self.dataset.batches(self.settings.batch_tokens, self.settings.seed, summary.epoch);
            self.epoch = summary.epoch;
        }
        let batch = gather(self.dataset, &self.batches[summary.batch]);
        summary.batch += 1;
        batch
    }
}

/// The sentences of a batch.
pub fn gather(dataset: &Dataset, batch: &[usize]) -> Batch {
    let pairs = batch.iter().map(|&index| (dataset.source(index).to_vec(), dataset.target(index).to_vec()));
    let (sources, targets) = pairs.unzip();
    Batch { sources, targets, alignments: None }
}
