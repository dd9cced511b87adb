//! A copy of the built page, to be changed as a site owner would.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::site::workspace;

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
