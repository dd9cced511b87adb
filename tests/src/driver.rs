//! A chromedriver process of our own.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long the driver may take to end its browser before it is killed.
const SHUTDOWN_SECONDS: u64 = 10;

/// A running chromedriver. Dropping it ends the browsers it started, and then itself.
pub struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Starts the driver named by the variable CHROMEDRIVER, or the one on the PATH, at a free port.
    pub fn start() -> Result<Self> {
        let program = env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut process = Command::new(&program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {program:?}; `cargo xtask setup` installs it"))?;
        let stdout = process.stdout.take().context("the driver's stdout is a pipe")?;
        let mut driver = Self { process, port: 0 };
        let mut lines = BufReader::new(stdout).lines();
        for line in &mut lines {
            if let Some(port) = started_on_port(&line?) {
                driver.port = port;
                // Whatever else it says must not fill the pipe.
                thread::spawn(move || lines.for_each(drop));
                return Ok(driver);
            }
        }
        bail!("{program:?} ended before it said which port it listens on")
    }

    /// Where the driver listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Asks the driver to end its browsers and itself: killing it would leave them behind.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(SHUTDOWN_SECONDS)))?;
        write!(stream, "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())?;
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

/// The port in `ChromeDriver was started successfully on port 1234.`
fn started_on_port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("started successfully on port ")?;
    rest.trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_port_the_driver_names() {
        assert_eq!(started_on_port("ChromeDriver was started successfully on port 41657."), Some(41657));
        assert_eq!(started_on_port("Starting ChromeDriver 1.2 on port 0"), None);
    }
}
