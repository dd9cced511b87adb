//! Programs beside the browser.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs a program in a folder with a text as its standard input; gives what it prints.
///
/// # Errors
/// Fails when it cannot be started or fails itself.
pub fn run(folder: &Path, program: &Path, arguments: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}; `cargo xtask test` installs or builds it", program.display()))?;
    child.stdin.take().context("piped")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let [said, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(output.status.success(), "{} {arguments:?}:\n{said}{errors}", program.display());
    Ok(said)
}
