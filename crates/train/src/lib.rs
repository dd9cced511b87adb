//! The training toolkit as a library, so that tests and benches reach it.

pub mod corpus;
pub mod dataset;
pub mod prepare;
