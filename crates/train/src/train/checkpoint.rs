//! Checkpoints: one safetensors file with weights, moments and the position in training, written under a temporary
//! name and renamed, so that a kill at any moment leaves the old one or the new one.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use anyhow::{Context, bail};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use traduko_model::{ModelConfig, NamedTensor, StoredWeights};

use super::schedule::ScheduleState;
use crate::{atomic::write_atomically, config::TrainConfig};

const MODEL: &str = "model.";
const VERSION: u32 = 1;

/// The file that training resumes from.
pub const LAST: &str = "last.safetensors";
/// The weights of the best validation.
pub const BEST: &str = "best.safetensors";
/// The resolved configuration.
pub const CONFIG: &str = "config.toml";

/// Where training stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSummary {
    /// The format of the checkpoint.
    pub version: u32,
    /// Steps done.
    pub step: u64,
    /// Passes over the text begun, from 0.
    pub epoch: u64,
    /// Batches of this pass done.
    pub batch: usize,
    /// Target tokens trained on, end marks included.
    pub target_tokens: u64,
    /// Seconds spent training.
    pub seconds: f64,
    /// Validation loss by step, the newest last: nats a token, not smoothed.
    pub validations: Vec<(u64, f64)>,
    /// The learning rate's memory.
    pub schedule: ScheduleState,
    /// Steps done when Adam's moments were last zero.
    #[serde(default)]
    pub restarted_at: u64,
}

impl TrainSummary {
    /// A run that has not begun.
    pub fn new() -> Self {
        Self { version: VERSION, ..Self::default() }
    }
}

/// Weights, moments and position.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Where training stands.
    pub summary: TrainSummary,
    /// The network's float weights.
    pub weights: Vec<NamedTensor>,
    /// The optimizer's moments by name; empty where only weights were kept.
    pub moments: Vec<NamedTensor>,
}

impl Checkpoint {
    /// Writes to `path`, atomically.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let weights = self.weights.iter().map(|tensor| (format!("{MODEL}{}", tensor.name), tensor));
        let moments = self.moments.iter().map(|tensor| (tensor.name.clone(), tensor));
        let mut views = Vec::new();
        for (name, tensor) in weights.chain(moments) {
            views.push((name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes(&tensor.values))?));
        }
        let metadata = HashMap::from([("training".to_owned(), serde_json::to_string(&self.summary)?)]);
        let data = safetensors::serialize(views, Some(metadata))?;
        write_atomically(path, &data).with_context(|| format!("writing {}", path.display()))
    }

    /// Reads from `path`.
    ///
    /// # Errors
    /// Where the file is missing, truncated, or of another version.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let data = std::fs::read(path).with_context(|| format!("reading checkpoint {}", path.display()))?;
        Self::parse(&data).with_context(|| format!("{} is not a whole checkpoint", path.display()))
    }

    fn parse(data: &[u8]) -> anyhow::Result<Self> {
        let (_, header) = SafeTensors::read_metadata(data)?;
        let summary =
            header.metadata().as_ref().and_then(|map| map.get("training")).context("no training state inside")?;
        let summary: TrainSummary = serde_json::from_str(summary).context("training state")?;
        if summary.version != VERSION {
            bail!("checkpoint version {}, this program reads {VERSION}", summary.version);
        }
        let (mut weights, mut moments) = (Vec::new(), Vec::new());
        for (name, view) in SafeTensors::deserialize(data)?.iter() {
            if view.dtype() != Dtype::F32 {
                bail!("tensor {name}: found {:?}, expected F32", view.dtype());
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            let tensor = |name: &str| NamedTensor { name: name.to_owned(), shape: view.shape().to_vec(), values };
            match name.strip_prefix(MODEL) {
                Some(name) => weights.push(tensor(name)),
                None => moments.push(tensor(name)),
            }
        }
        Ok(Self { summary, weights, moments })
    }

    /// The weights as a source to build a network from.
    pub fn stored_weights(&self) -> StoredWeights {
        StoredWeights::new(self.weights.iter().cloned())
    }

    /// The moments by name.
    pub fn moments_by_name(&self) -> BTreeMap<String, NamedTensor> {
        self.moments.iter().map(|tensor| (tensor.name.clone(), tensor.clone())).collect()
    }
}

fn bytes(values: &[f32]) -> &[u8] {
    bytemuck::cast_slice(values)
}

/// The network of a run: its configuration, its best weights (the last ones where nothing was validated yet) and
/// where training stood.
///
/// # Errors
/// Where the folder holds no run, or a damaged one.
pub fn load_model_weights(run: &Path) -> anyhow::Result<(ModelConfig, Vec<NamedTensor>, TrainSummary)> {
    let config = TrainConfig::read(&run.join(CONFIG), &[])?;
    let best = run.join(BEST);
    let checkpoint = Checkpoint::read(&if best.exists() { best } else { run.join(LAST) })?;
    Ok((config.model, checkpoint.weights, checkpoint.summary))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let tensor = |name: &str| NamedTensor { name: name.into(), shape: vec![2, 1], values: vec![1.5, -2.0] };
        let summary = TrainSummary { step: 7, validations: vec![(5, 3.25)], ..TrainSummary::new() };
        Checkpoint { summary, weights: vec![tensor("a.b")], moments: vec![tensor("adam.first.a.b")] }
    }

    #[test]
    fn reads_back_what_was_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(LAST);
        checkpoint().write(&path).expect("written");
        let read = Checkpoint::read(&path).expect("read");
        assert_eq!(read.summary, checkpoint().summary);
        assert_eq!((read.weights, read.moments), (checkpoint().weights, checkpoint().moments));
    }

    #[test]
    fn a_truncated_file_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(LAST);
        checkpoint().write(&path).expect("written");
        let data = std::fs::read(&path).expect("read");
        for len in [0, 7, 8, 40, data.len() - 1] {
            std::fs::write(&path, &data[..len]).expect("written");
            let message = format!("{:#}", Checkpoint::read(&path).expect_err("truncated"));
            assert!(message.contains("last.safetensors is not a whole checkpoint"), "{message}");
        }
    }
}
