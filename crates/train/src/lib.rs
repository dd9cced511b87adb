//! The training toolkit as a library, so that tests and benches reach it.

pub mod align;
mod atomic;
pub mod bench;
mod body;
pub mod compare;
pub mod config;
mod cores;
pub mod corpus;
pub mod dataset;
pub mod device;
pub mod evaluate;
pub mod export;
pub mod inspect;
pub mod metrics;
pub mod native;
pub mod prepare;
mod preview;
pub mod report;
pub mod score;
pub mod search_args;
pub mod synthesize;
pub mod tokenizers;
pub mod toy;
pub mod train;
pub mod translate;
pub mod untrained;
pub mod weights;
