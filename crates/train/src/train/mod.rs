//! Training: the loop and its parts.

mod checkpoint;
mod optimizer;
mod progress;
mod run;
mod schedule;
mod trainer;

pub use checkpoint::{Checkpoint, TrainSummary, load_model_weights};
pub use optimizer::Step;
pub use run::{TrainArgs, run};
pub use trainer::{Batch, Objective, Trainer};
