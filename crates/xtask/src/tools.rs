//! Installs what building and testing need, each only when the right version is not there already.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::apt;
use crate::browser;
use crate::command::{cargo, command, find_program, output, root, run, target_dir, tools_dir};
use crate::lockfile::locked_version;
use crate::steps::Steps;

/// The target of the wasm builds.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Something outside the workspace that a step needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// rustfmt and clippy.
    Lints,
    /// The standard library for [`WASM_TARGET`].
    WasmTarget,
    /// `wasm-bindgen` and its test runner, equal to the locked library.
    WasmBindgen,
    /// Builds and copies the page.
    Trunk,
    /// Runs the wasm tests in a browser.
    WasmPack,
    /// Chromium and its driver.
    Browser,
    /// Firefox, where the variable FIREFOX names none.
    Firefox,
    /// Firefox's driver, where the variable GECKODRIVER names none.
    Geckodriver,
    /// Node and npm, for TypeScript and the React page that is translated in a test.
    Npm,
    /// Python, the plainest of static hosts.
    Python,
}

impl Tool {
    const ALL: [Self; 10] = [
        Self::Lints,
        Self::WasmTarget,
        Self::Browser,
        Self::Firefox,
        Self::Python,
        Self::Npm,
        Self::WasmBindgen,
        Self::Trunk,
        Self::WasmPack,
        Self::Geckodriver,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Lints => "rustfmt and clippy",
            Self::WasmTarget => "wasm target",
            Self::WasmBindgen => "wasm-bindgen",
            Self::Trunk => "trunk",
            Self::WasmPack => "wasm-pack",
            Self::Browser => "browser",
            Self::Firefox => "firefox",
            Self::Geckodriver => "geckodriver",
            Self::Npm => "npm",
            Self::Python => "python",
        }
    }

    fn prepare(self) -> Result<()> {
        match self {
            Self::Lints => prepare_lints(),
            Self::WasmTarget => prepare_wasm_target(),
            // Without their default features neither carries a TLS stack, which only their own downloads need.
            Self::WasmBindgen => prepare_package(
                "wasm-bindgen-cli",
                "wasm-bindgen",
                &locked_version("wasm-bindgen")?,
                &["--no-default-features", "--bin", "wasm-bindgen", "--bin", "wasm-bindgen-test-runner"],
            ),
            // 0.22 wants a newer rustc than the workspace does.
            Self::Trunk => prepare_package("trunk", "trunk", "0.21.14", &["--no-default-features"]),
            Self::WasmPack => prepare_package("wasm-pack", "wasm-pack", "0.15.1", &[]),
            Self::Browser => browser::prepare(),
            Self::Firefox if env::var_os("FIREFOX").is_some() => Ok(()),
            Self::Firefox => apt::prepare(&[&["firefox", "firefox-esr"]], &["firefox-esr"])
                .context("Firefox can also be named in the variable FIREFOX"),
            Self::Geckodriver if env::var_os("GECKODRIVER").is_some() => Ok(()),
            Self::Geckodriver => prepare_package("geckodriver", "geckodriver", "0.37.1", &[]),
            Self::Npm => apt::prepare(&[&["node"], &["npm"]], &["nodejs", "npm"]),
            Self::Python => apt::prepare(&[&["python3"]], &["python3"]),
        }
    }
}

/// Prepares everything, one step each.
///
/// # Errors
/// Fails when something is missing and cannot be installed.
pub fn prepare_all(steps: &mut Steps) -> Result<()> {
    prepare(&Tool::ALL, steps)
}

/// Prepares some tools, one step each.
///
/// # Errors
/// Fails when something is missing and cannot be installed.
pub fn prepare(tools: &[Tool], steps: &mut Steps) -> Result<()> {
    let wanted = Tool::ALL.into_iter().filter(|tool| tools.contains(tool));
    wanted.into_iter().try_for_each(|tool| steps.run(&format!("tool: {}", tool.name()), || tool.prepare()))
}

fn prepare_lints() -> Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if let Some(version) = output(&mut cargo(&format!("{subcommand} --version"))) {
            println!("{version}: already there");
        } else {
            run(command("rustup").args(["component", "add", component]))
                .with_context(|| format!("`cargo {subcommand}` does not run and rustup could not add {component}"))?;
        }
    }
    Ok(())
}

fn prepare_wasm_target() -> Result<()> {
    let libraries = output(command("rustc").args(["--print", "target-libdir", "--target", WASM_TARGET]));
    if libraries.is_some_and(|folder| root().join(folder).is_dir()) {
        println!("{WASM_TARGET}: already there");
        return Ok(());
    }
    run(command("rustup").args(["target", "add", WASM_TARGET]))
        .with_context(|| format!("rustc has no {WASM_TARGET} and rustup could not add it"))
}

/// Installs a tool from its package into [`tools_dir`], never over a person's own.
fn prepare_package(package: &str, binary: &str, version: &str, options: &[&str]) -> Result<()> {
    if installed_version(binary).as_deref() == Some(version) {
        println!("{binary} {version}: already there");
        return Ok(());
    }
    let mut locked = install(package, version, options);
    locked.arg("--locked");
    // A package's own Cargo.lock may name versions that a registry mirror does not have yet.
    if let Err(error) = run(&mut locked) {
        println!("{error:#}\nonce more with newly resolved dependencies");
        run(&mut install(package, version, options))?;
    }
    match installed_version(binary) {
        Some(found) if found == version => Ok(()),
        Some(found) => bail!("{binary}: found version {found}, wanted {version}"),
        None => bail!("{binary}: does not run after it was installed into {}", tools_dir().display()),
    }
}

/// `cargo install` at the least cost. Compiling these tools is what takes the time: wasm-bindgen without optimisation needs
/// 5 seconds for our largest module instead of 1, and compiles in half the time. One target folder compiles what they share
/// once.
fn install(package: &str, version: &str, options: &[&str]) -> Command {
    let mut command = cargo("install --root");
    command
        .arg(tools_dir())
        .args([package, "--version", version])
        .args(options)
        .env("CARGO_TARGET_DIR", target_dir().join("tools/build"))
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    command
}

/// The version in `NAME VERSION`, which is how what our tools print begins.
fn installed_version(binary: &str) -> Option<String> {
    let line = output(command(find_program(&[binary])?).arg("--version"))?;
    line.split_whitespace().nth(1).map(str::to_owned)
}
