//! Finds Chromium and its driver, or installs Debian's.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::apt;
use crate::command::find_program;

/// Names a Chromium goes by, on the PATH.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The driver's path, for commands that are given it: the variable CHROMEDRIVER, or `chromedriver` on the PATH.
///
/// # Errors
/// Fails when there is none, which [`prepare`] mends.
pub fn driver_path() -> Result<PathBuf> {
    let named = env::var_os("CHROMEDRIVER").map(PathBuf::from);
    let driver = named.or_else(|| find_program(&["chromedriver"]));
    driver.context("no chromedriver on the PATH; `cargo xtask setup` says how to get one")
}

/// Installs the browser and its driver where either is missing. The variables CHROME and CHROMEDRIVER may name others.
///
/// # Errors
/// Fails, naming the packages, on a system without apt-get or when it fails.
pub fn prepare() -> Result<()> {
    let wanted = [("CHROME", &BROWSERS[..]), ("CHROMEDRIVER", &["chromedriver"])];
    let wanted: Vec<_> =
        wanted.into_iter().filter(|(variable, _)| env::var_os(variable).is_none()).map(|(_, names)| names).collect();
    apt::prepare(&wanted, &["chromium", "chromium-driver"])
        .context("Chromium and its driver, same version, can also be named in the variables CHROME and CHROMEDRIVER")
}
