//! The plainest static host there is: Python's, which sends no header of its own choosing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// `python3 -m http.server` at a free port of this machine until it is stopped or dropped.
pub struct PlainHost {
    process: Child,
    base: String,
}

impl PlainHost {
    /// Serves a folder.
    ///
    /// # Errors
    /// Fails when there is no Python, or it does not say where it listens.
    pub fn start(folder: &Path) -> Result<Self> {
        let mut process = Command::new("python3")
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting python3; `cargo xtask setup` installs it")?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        // Serving HTTP on 127.0.0.1 port 43715 (http://127.0.0.1:43715/) ...
        let address = line.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(address, _)| address);
        match address {
            Some(address) => Ok(Self { process, base: address.to_owned() }),
            None => {
                process.kill()?;
                bail!("python3 does not say where it listens, but: {line}")
            }
        }
    }

    /// The address of a page.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Takes the server down; [`Self::url`] stays as it was.
    ///
    /// # Errors
    /// Fails when the process cannot be ended.
    pub fn stop(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for PlainHost {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
