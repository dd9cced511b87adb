//! The second visit: the model from the browser's cache, and no server at all.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use traduko_tests::{Browser, Graphics, Site};

use crate::visitor::{START, press_translate, translate, wait_for_button, wait_for_engine};

const MODEL_STATUS: &str = "return document.getElementById('model-status').textContent";

#[tokio::test]
async fn the_model_is_downloaded_once_and_the_site_works_without_its_server() -> Result<()> {
    let mut site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("")).await?;
    wait_for_engine(&mut browser).await?;
    let status = browser.text(MODEL_STATUS).await?;
    assert!(status.contains("was downloaded"), "{status}");
    let online = translate(&mut browser, "I am looking for my keys.").await?;
    browser.wait(START, "return document.documentElement.dataset.offline === 'ready'").await?;

    browser.reload().await?;
    wait_for_engine(&mut browser).await?;
    let status = browser.text(MODEL_STATUS).await?;
    assert!(status.contains("cache"), "{status}");
    browser.wait(START, "return document.documentElement.dataset.offline === 'ready'").await?;

    site.stop();
    browser.reload().await?;
    wait_for_engine(&mut browser).await?;
    assert_eq!(translate(&mut browser, "I am looking for my keys.").await?, online);

    browser.open(&site.url("demo/about.html")).await?;
    wait_for_button(&mut browser).await?;
    press_translate(&mut browser).await?;
    browser.finish_offline().await
}

/// The service worker keeps what it lists; a file that it does not list is missing without a connection.
#[test]
fn the_service_worker_lists_every_file_of_the_site() -> Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
    let list = fs::read_to_string(dist.join("sw.js")).context("reading dist/sw.js")?;
    let mut folders = vec![dist.clone()];
    let mut missing = Vec::new();
    let mut n_files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            let name = path.strip_prefix(&dist)?.to_string_lossy().into_owned();
            // Pages keep the engine's and the model's files themselves, a browser keeps sw.js, and who measures is online.
            if ["wasm", "models", "sw.js", "bench.html", "js/bench.js"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            n_files += 1;
            let address = if name == "index.html" { "./" } else { name.trim_end_matches("index.html") };
            if !list.contains(&format!("\"{address}\"")) {
                missing.push(name);
            }
        }
    }
    assert!(n_files > 10, "{} holds {n_files} files", dist.display());
    assert!(missing.is_empty(), "sw.js does not list {missing:?}");
    Ok(())
}
