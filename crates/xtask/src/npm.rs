//! What the checks take from npm: TypeScript, and a React page to be translated.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::command::{command, root, run};

/// Checks the page's modules by the types in their comments.
///
/// # Errors
/// Fails when TypeScript cannot be installed or finds a fault.
pub fn check_types() -> Result<()> {
    let compiler = install("types")?.join("node_modules/.bin/tsc");
    for project in ["tsconfig.json", "tsconfig.worker.json"] {
        run(command(&compiler).arg("--project").arg(root().join("tests/types").join(project)))?;
    }
    Ok(())
}

/// Makes what the page tests take from here: TypeScript, and the React page of `tests/react`, bundled in `target/react`.
///
/// # Errors
/// Fails when either cannot be installed or the page does not compile.
pub fn prepare_page_tests() -> Result<()> {
    install("types")?;
    let folder = install("react")?;
    // The development build of React, which says more of what it finds wrong.
    let bundle = ["app.jsx", "--bundle", "--jsx=automatic", "--define:process.env.NODE_ENV=\"development\""];
    let esbuild = folder.join("node_modules/.bin/esbuild");
    run(command(esbuild)
        .args(bundle)
        .args(["--format=esm", "--outfile=app.js", "--log-level=warning"])
        .current_dir(folder))
}

/// Copies a folder of `tests/` into `target/` and installs there what its `package.json` names.
fn install(name: &str) -> Result<PathBuf> {
    let (source, folder) = (root().join("tests").join(name), root().join("target").join(name));
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let reading = || format!("reading {}", source.display());
    for entry in fs::read_dir(&source).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        let target = folder.join(path.file_name().unwrap_or_default());
        fs::copy(&path, &target).with_context(|| format!("copying {} to {}", path.display(), target.display()))?;
    }
    run(command("npm").args(["install", "--no-audit", "--no-fund", "--no-package-lock"]).current_dir(&folder))?;
    Ok(folder)
}
