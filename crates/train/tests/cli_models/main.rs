//! `translate`, `evaluate`, `export`, `inspect` and `report` through the real program, with a small random network and with
//! everything a person can get wrong.

mod compare;
mod evaluate;
mod export;
mod inspect;
mod program;
mod report;
mod score;
mod translate;
