//! Finds Chromium and its driver, or installs Debian's.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{command, find_program, output, run};

/// Names a Chromium goes by, on the PATH.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The driver: the variable CHROMEDRIVER, or `chromedriver` on the PATH.
pub fn driver() -> Option<PathBuf> {
    env::var_os("CHROMEDRIVER").map(PathBuf::from).or_else(|| find_program(&["chromedriver"]))
}

/// The driver's path, for commands that are given it.
///
/// # Errors
/// Fails when there is none, which [`prepare`] mends.
pub fn driver_path() -> Result<PathBuf> {
    driver().context("no chromedriver on the PATH; `cargo xtask setup` says how to get one")
}

/// Installs the browser and its driver where either is missing.
///
/// # Errors
/// Fails, naming the packages, on a system without apt-get or when it fails.
pub fn prepare() -> Result<()> {
    let browser = env::var_os("CHROME").map(PathBuf::from).or_else(|| find_program(&BROWSERS));
    if let (Some(browser), Some(driver)) = (browser, driver()) {
        println!("{} and {}: already there", browser.display(), driver.display());
        return Ok(());
    }
    if find_program(&["apt-get"]).is_none() {
        bail!(
            "no Chromium or no chromedriver on the PATH, and no apt-get to install them with; \
             install both (same version), or name them in the variables CHROME and CHROMEDRIVER"
        );
    }
    run(&mut apt_get(&["update"])?)?;
    run(&mut apt_get(&["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"])?)?;
    match driver() {
        Some(_) => Ok(()),
        None => {
            bail!("apt-get installed chromium-driver, yet there is no chromedriver on the PATH")
        }
    }
}

/// `apt-get` that asks nothing, through sudo where we are not root.
fn apt_get(arguments: &[&str]) -> Result<Command> {
    let is_root = output(command("id").arg("-u")).as_deref() == Some("0");
    let mut apt = if is_root {
        let mut apt = command("env");
        apt.arg("DEBIAN_FRONTEND=noninteractive");
        apt
    } else if find_program(&["sudo"]).is_some() {
        let mut sudo = command("sudo");
        sudo.arg("DEBIAN_FRONTEND=noninteractive");
        sudo
    } else {
        bail!("not root and no sudo: as root, run apt-get install chromium chromium-driver");
    };
    apt.arg("apt-get").args(arguments);
    Ok(apt)
}
