//! Text in, text out: what `traduko translate`, `traduko evaluate` and the page all call.
//!
//! A text of any length is split into sentences, each sentence into subwords; sentences of like length share a
//! batch; the network's words are joined again with the white space that stood between the sentences. A sentence
//! longer than the network can bear is split at a comma or a space, never cut off. What a sentence becomes depends
//! on nothing but the sentence: not on its neighbours, their number or their order.
//!
//! Addresses, placeholders, file names, emoji and [`ATOM`]s come through untouched and the terms of a [`Glossary`] as their
//! owner wants them, whatever the network thinks of them. A number keeps its digits, `5 p.m.` and `17 h` are written as the other
//! language has it, words that the network says again and again are said once, and a sentence in capitals is read in small letters
//! and written in capitals.
//!
//! There are no threads here. [`Translator::plan`] lays the work out in independent batches, so that a native
//! caller may spread them over its cores and a page over its workers; [`Translator::translate`] runs them in turn.

mod alignment;
mod clock;
mod error;
mod faults;
mod glossary;
mod loops;
mod mask;
mod numbers;
mod options;
mod plan;
mod split;
mod translation;
mod translator;

/// Stands in a text for something that is no text, such as a piece of code or an input field. Every one comes out again.
pub const ATOM: char = '\u{fffc}';

pub use error::TranslateError;
pub use faults::Fault;
pub use glossary::Glossary;
pub use options::{Flow, Progress, TranslateOptions};
pub use plan::Plan;
pub use traduko_model::{Sampling, Steering, Stopping};
pub use translation::{Alternative, SentenceTranslation, Translation};
pub use translator::{FinishedBatch, Translator, vocabulary_of};
