//! Results on standard output.

use std::io::{ErrorKind, Write, stdout};

use anyhow::Context;

/// Writes to standard output; a reader that has gone away is no error.
///
/// # Errors
/// Where it cannot be written for another reason.
pub fn print(text: &str) -> anyhow::Result<()> {
    print_to_reader(text).map(|_| ())
}

/// As [`print`]; tells whether there still is a reader.
///
/// # Errors
/// As [`print`].
pub fn print_to_reader(text: &str) -> anyhow::Result<bool> {
    let mut stdout = stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true).context("writing standard output"),
    }
}
