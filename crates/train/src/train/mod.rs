//! Training: the loop and its parts.

mod checkpoint;
mod feed;
mod log;
mod optimizer;
mod progress;
mod run;
mod schedule;
mod teacher_forcing;
mod tensorboard;
mod trainer;
mod translation_score;

pub(crate) use checkpoint::{BEST, CONFIG, LAST};
pub use checkpoint::{Checkpoint, TrainSummary, load_model_weights};
pub use log::{LogRecords, StepLine, ValidationLine};
pub use optimizer::Step;
pub use run::{TrainArgs, run};
pub use trainer::{Batch, Objective, Trainer};
pub use translation_score::{TranslationScoreOptions, TranslationScores, translation_scores};
