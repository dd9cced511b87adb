//! Builds the page into `dist/`, serves it, and takes its picture.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use xtask::server::Server;

use crate::command::{cargo, command, root, run};
use crate::layout;
use crate::steps::Steps;
use crate::tools::{self, Tool};

/// What building the page needs.
pub const NEEDS: [Tool; 3] = [Tool::WasmTarget, Tool::WasmBindgen, Tool::Trunk];

/// Builds the page with trunk, which calls `cargo xtask wasm` first and `cargo xtask layout` after it.
///
/// # Errors
/// Fails with the command that failed.
pub fn build() -> Result<()> {
    run(&mut trunk_build())
}

fn trunk_build() -> Command {
    let mut trunk = command("trunk");
    trunk.args(["build", "--color", "never"]);
    trunk
}

/// Builds the page with some of the models or with all, then says what is in `dist/` and how large it is on the wire.
///
/// # Errors
/// Fails where [`layout::models`] does, when a tool is missing or a command fails.
pub fn dist(models: &[String]) -> Result<()> {
    layout::models(models)?;
    let mut steps = Steps::new();
    tools::prepare(&NEEDS, &mut steps)?;
    steps.run("page", || run(trunk_build().env(layout::MODELS, models.join(","))))?;
    let folder = root().join("dist");
    println!("\n{:>10} {:>10}  file under {}", "bytes", "gzip", folder.display());
    list(&folder, &folder)
}

/// Builds the page and serves it until the program is stopped.
///
/// # Errors
/// Fails when the page cannot be built or the address cannot be bound.
pub fn serve(address: SocketAddr, open_browser: bool) -> Result<()> {
    layout::models(&layout::asked())?;
    {
        let mut steps = Steps::new();
        tools::prepare(&NEEDS, &mut steps)?;
        steps.run("page", build)?;
    }
    let server = Server::start(&root().join("dist"), address)
        .with_context(|| format!("serving at {address}; another port is chosen with --port"))?;
    let address = format!("http://{}/", server.address());
    println!("\nserving {address} until Ctrl-C");
    if open_browser {
        open::that_detached(&address).with_context(|| format!("opening {address} in a browser"))?;
    }
    loop {
        thread::park();
    }
}

/// Builds the page and takes its pictures.
///
/// # Errors
/// Fails when the page cannot be built or a picture cannot be taken.
pub fn screenshot() -> Result<()> {
    layout::models(&layout::asked())?;
    let mut steps = Steps::new();
    tools::prepare(&NEEDS, &mut steps)?;
    tools::prepare(&[Tool::Browser], &mut steps)?;
    steps.run("page", build)?;
    steps.run("pictures", || run(&mut cargo("run --release --package traduko-tests --bin screenshot")))
}

fn list(folder: &Path, base: &Path) -> Result<()> {
    let reading = || format!("reading {}", folder.display());
    let entries = fs::read_dir(folder).with_context(reading)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().with_context(reading)?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            list(&path, base)?;
        } else {
            let bytes = path.metadata().with_context(|| format!("reading {}", path.display()))?.len();
            let gzip = gzip_bytes(&path)?;
            println!("{bytes:>10} {gzip:>10}  {}", path.strip_prefix(base).unwrap_or(&path).display());
        }
    }
    Ok(())
}

/// The size of a file as `gzip -9` makes it.
///
/// # Errors
/// Fails when the file cannot be read.
pub fn gzip_bytes(path: &Path) -> Result<u64> {
    let reading = || format!("reading {}", path.display());
    let mut counter = GzEncoder::new(Counter(0), Compression::best());
    io::copy(&mut File::open(path).with_context(reading)?, &mut counter).with_context(reading)?;
    Ok(counter.finish().with_context(reading)?.0)
}

struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
