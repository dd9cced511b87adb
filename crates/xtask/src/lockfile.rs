//! Reads versions from Cargo.lock.

use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command::root;

#[derive(Deserialize)]
struct Lockfile {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

/// The locked version of a package that occurs once in Cargo.lock.
///
/// # Errors
/// Fails when Cargo.lock cannot be read or does not name the package.
pub fn locked_version(name: &str) -> Result<String> {
    let path = root().join("Cargo.lock");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let lockfile: Lockfile =
        toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let package = lockfile
        .package
        .into_iter()
        .find(|package| package.name == name);
    Ok(package
        .with_context(|| format!("{}: no package {name}", path.display()))?
        .version)
}
