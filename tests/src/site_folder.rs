//! A copy of the built page, to be changed as a site owner would.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::site::workspace;

/// What the line of the catalog starts with.
const CATALOG: &str = "export const CATALOG = ";

/// A site with the built page in one of its folders; gone when it is dropped.
pub struct SiteFolder {
    root: TempDir,
    folder: PathBuf,
}

impl SiteFolder {
    /// Copies `dist/` into the folder `name` of an otherwise empty site.
    ///
    /// # Errors
    /// Fails when the page has not been built.
    pub fn new(name: &str) -> Result<Self> {
        let root = tempfile::tempdir()?;
        fs::write(root.path().join("index.html"), "<!doctype html><title>A host of many sites</title>")?;
        let folder = root.path().join(name);
        copy(&workspace().join("dist"), &folder)?;
        Ok(Self { root, folder })
    }

    /// The whole site.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A file of the built page.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Changes the text of every page (`.html`) of a folder.
    ///
    /// # Errors
    /// Fails when a page cannot be read or written.
    pub fn change_pages(&self, folder: &str, change: impl Fn(&str) -> String) -> Result<()> {
        for entry in fs::read_dir(self.path(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "html") {
                fs::write(&path, change(&fs::read_to_string(&path)?))?;
            }
        }
        Ok(())
    }

    /// The catalog of the folder `traduko`, and its file.
    ///
    /// # Errors
    /// Fails when there is none.
    pub fn catalog(&self) -> Result<(Value, PathBuf)> {
        let entry = fs::read_to_string(self.path("traduko/traduko.js"))?;
        let version =
            entry.split("./").nth(1).and_then(|rest| rest.split('/').next()).context("a version in traduko.js")?;
        let path = self.path(&format!("traduko/{version}/catalog.js"));
        let source = fs::read_to_string(&path)?;
        let line = source.lines().find(|line| line.starts_with(CATALOG)).context("a catalog")?;
        let catalog = serde_json::from_str(line.trim_start_matches(CATALOG).trim_end_matches(';'))?;
        Ok((catalog, path))
    }

    /// Replaces the catalog in a file.
    ///
    /// # Errors
    /// Fails when there is none.
    pub fn write_catalog(&self, catalog: &Value, path: &Path) -> Result<()> {
        let source = fs::read_to_string(path)?;
        let line = source.lines().find(|line| line.starts_with(CATALOG)).context("a catalog")?;
        fs::write(path, source.replace(line, &format!("{CATALOG}{catalog};")))?;
        Ok(())
    }

    /// Adds a model to the folder `traduko`, as `cargo xtask dist` would.
    ///
    /// # Errors
    /// Fails when the package cannot be read.
    pub fn add_model(&self, package: &Path) -> Result<()> {
        let manifest: Value = serde_json::from_slice(&fs::read(package.join("manifest.json"))?)?;
        let folder = format!("models/{}-new/", manifest["target_language"].as_str().context("a language")?);
        fs::create_dir_all(self.path(&format!("traduko/{folder}")))?;
        let listed = manifest["files"].as_array().into_iter().flatten().filter_map(|file| file["name"].as_str());
        let file = |name: &str| -> Result<Value> {
            let path = self.path(&format!("traduko/{folder}{name}.gz"));
            gzipped(name, &fs::read(package.join(name))?, &path)
        };
        let files = ["manifest.json"].into_iter().chain(listed).map(file).collect::<Result<Vec<_>>>()?;
        let (mut catalog, path) = self.catalog()?;
        catalog["models"].as_array_mut().context("models")?.push(json!({
            "source": manifest["source_language"],
            "target": manifest["target_language"],
            "folder": folder,
            "files": files,
        }));
        self.write_catalog(&catalog, &path)
    }
}

/// Writes a file gzipped; gives its entry in the catalog.
///
/// # Errors
/// Fails when it cannot be written.
pub fn gzipped(name: &str, bytes: &[u8], path: &Path) -> Result<Value> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    let packed = encoder.finish()?;
    fs::write(path, &packed)?;
    let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(json!({ "name": name, "bytes": bytes.len(), "sha256": sha256, "gzip_bytes": packed.len() }))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in
        fs::read_dir(from).with_context(|| format!("reading {}; `cargo xtask dist` builds it", from.display()))?
    {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
