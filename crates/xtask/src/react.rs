//! Builds the React page that the page tests translate.

use std::fs;

use anyhow::{Context, Result};

use crate::command::{command, root, run};

/// Installs React from npm and bundles `tests/react` into `target/react`.
///
/// # Errors
/// Fails when npm cannot install what `tests/react/package.json` names, or the page does not compile.
pub fn build() -> Result<()> {
    let (source, built) = (root().join("tests/react"), root().join("target/react"));
    fs::create_dir_all(&built).with_context(|| format!("creating {}", built.display()))?;
    for name in ["package.json", "index.html", "app.jsx"] {
        fs::copy(source.join(name), built.join(name))
            .with_context(|| format!("copying {name} to {}", built.display()))?;
    }
    run(command("npm").args(["install", "--no-audit", "--no-fund", "--no-package-lock"]).current_dir(&built))?;
    // The development build of React, which says more of what it finds wrong.
    let bundle = ["app.jsx", "--bundle", "--jsx=automatic", "--define:process.env.NODE_ENV=\"development\""];
    let esbuild = built.join("node_modules/.bin/esbuild");
    run(command(esbuild)
        .args(bundle)
        .args(["--format=esm", "--outfile=app.js", "--log-level=warning"])
        .current_dir(&built))
}
