//! A driver process of our own: Chromium's or Firefox's.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long the driver may take to end its browser before it is killed.
const SHUTDOWN_SECONDS: u64 = 10;

/// Whose driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverKind {
    /// chromedriver, or what the variable CHROMEDRIVER names.
    Chromium,
    /// geckodriver, or what the variable GECKODRIVER names.
    Firefox,
}

impl DriverKind {
    fn program(self) -> OsString {
        let (variable, name) = match self {
            Self::Chromium => ("CHROMEDRIVER", "chromedriver"),
            Self::Firefox => ("GECKODRIVER", "geckodriver"),
        };
        env::var_os(variable).unwrap_or_else(|| name.into())
    }
}

/// A running driver. Dropping it ends the browsers it started, and then itself.
pub struct Driver {
    kind: DriverKind,
    process: Child,
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
}

impl Driver {
    /// Starts the driver at a free port.
    pub fn start(kind: DriverKind) -> Result<Self> {
        let program = kind.program();
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {program:?}; `cargo xtask setup` installs it"))?;
        let stdout = process.stdout.take().context("the driver's stdout is a pipe")?;
        let stderr = process.stderr.take().context("the driver's stderr is a pipe")?;
        let said = Arc::default();
        let mut driver = Self { kind, process, port: 0, said };
        let mut lines = BufReader::new(stdout).lines();
        for line in &mut lines {
            if let Some(port) = port_listened_on(&line?) {
                driver.port = port;
                // Whatever else it and its browsers say must not fill the pipes.
                driver.listen(lines);
                driver.listen(BufReader::new(stderr).lines());
                return Ok(driver);
            }
        }
        bail!("{program:?} ended before it said which port it listens on")
    }

    fn listen(&self, lines: impl Iterator<Item = std::io::Result<String>> + Send + 'static) {
        let said = Arc::clone(&self.said);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
    }

    /// Whose driver it is.
    pub fn kind(&self) -> DriverKind {
        self.kind
    }

    /// Where the driver listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The lines that it and its browsers have printed since the last time.
    pub fn take_lines(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the driver to end its browsers and itself: killing it would leave them behind.
    fn shut_down(&self) -> std::io::Result<()> {
        match self.kind {
            DriverKind::Chromium => {
                let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
                stream.set_read_timeout(Some(Duration::from_secs(SHUTDOWN_SECONDS)))?;
                write!(stream, "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
                stream.read_to_end(&mut Vec::new())?;
            }
            DriverKind::Firefox => {
                Command::new("kill").arg(self.process.id().to_string()).status()?;
            }
        }
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let asked = Instant::now();
        let _ = self.shut_down();
        while asked.elapsed() < Duration::from_secs(SHUTDOWN_SECONDS) {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port in `ChromeDriver was started successfully on port 1234.` and in `... Listening on 127.0.0.1:1234`.
fn port_listened_on(line: &str) -> Option<u16> {
    let chromium = line.split_once("started successfully on port ").map(|(_, rest)| rest.trim_end_matches('.'));
    let firefox = line.split_once("Listening on 127.0.0.1:").map(|(_, rest)| rest);
    chromium.or(firefox)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_port_the_driver_names() {
        assert_eq!(port_listened_on("ChromeDriver was started successfully on port 41657."), Some(41657));
        assert_eq!(port_listened_on("1795275861384\tgeckodriver\tINFO\tListening on 127.0.0.1:41973"), Some(41973));
        assert_eq!(port_listened_on("Starting ChromeDriver 1.2 on port 0"), None);
    }
}
