//! The part of xtask that the end-to-end tests share: the static server of the built page.
//!
//! Everything else a person runs (`cargo xtask setup`, `serve`, `test`, `dist`) lives in the binary.

pub mod server;
