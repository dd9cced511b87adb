//! The folder that site owners copy, as the npm package that it is.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use traduko_tests::{SiteFolder, run, workspace};

#[test]
fn it_packs_installs_and_has_types_without_a_network() -> Result<()> {
    let site = SiteFolder::new("project")?;
    let traduko = site.path("traduko");
    let npm = Path::new("npm");
    let packed: serde_json::Value = serde_json::from_str(&run(&traduko, npm, &["pack", "--json", "--offline"], "")?)?;
    let packed = packed.get(0).or_else(|| packed.get("traduko")).context("npm pack names what it packed")?;
    let names: Vec<&str> =
        packed["files"].as_array().into_iter().flatten().filter_map(|file| file["path"].as_str()).collect();
    for wanted in ["traduko.js", "index.d.ts", "traduko-sw.js", "package.json"] {
        assert!(names.contains(&wanted), "{wanted} is not packed: {names:?}");
    }
    assert!(names.iter().any(|name| name.starts_with("models/en-fr-") && name.ends_with("model.safetensors.gz")));
    assert!(names.iter().any(|name| name.ends_with("/traduko_cpu_bg.wasm.gz")));

    let owner = tempfile::tempdir()?;
    let archive = traduko.join(packed["filename"].as_str().context("a file name")?);
    fs::write(owner.path().join("package.json"), r#"{ "private": true, "type": "module" }"#)?;
    run(owner.path(), npm, &["install", "--offline", "--no-audit", "--no-fund", &archive.display().to_string()], "")?;
    fs::copy(workspace().join("tests/types/usage.ts"), owner.path().join("usage.ts"))?;
    let compiler = workspace().join("target/types/node_modules/.bin/tsc");
    // No `skipLibCheck`: the declarations are checked as well.
    let options = ["--noEmit", "--strict", "--target", "es2023", "--module", "esnext", "--moduleResolution", "bundler"];
    let lib = ["--lib", "es2023,dom,dom.iterable,dom.asynciterable", "usage.ts"];
    run(owner.path(), &compiler, &[&options[..], &lib].concat(), "")?;
    Ok(())
}
