//! Training: the loop and its parts.

mod checkpoint;
mod optimizer;
mod progress;
mod run;
mod schedule;

pub use checkpoint::{Checkpoint, TrainSummary, load_model_weights};
pub use run::{TrainArgs, run};
