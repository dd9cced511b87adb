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
    let lockfile: Lockfile = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let package = lockfile.package.into_iter().find(|package| package.name == name);
    Ok(package.with_context(|| format!("{}: no package {name}", path.display()))?.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_locked_version_or_names_what_is_missing() {
        let version = locked_version("wasm-bindgen").unwrap();
        assert!(version.starts_with("0.2."), "{version}");
        let error = locked_version("no-such-package").unwrap_err().to_string();
        assert!(error.contains("Cargo.lock") && error.contains("no-such-package"), "{error}");
    }
}
