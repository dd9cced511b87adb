//! Verbs through the real program, with a small random network and with everything a person can get wrong.

mod bench;
mod compare;
mod config;
mod evaluate;
mod export;
mod inspect;
mod program;
mod report;
mod score;
mod stdout;
mod translate;
mod untrained;
