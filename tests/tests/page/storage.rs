//! What the browser keeps: replaced by an update, damaged, taken away, refused for want of room.

use std::fs;
use std::io::Read;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde_json::json;
use traduko_tests::{Browser, Graphics, Site, SiteFolder, gzipped};

use crate::visitor::{CONTROL, START, press_translate, press_undo, run_in_page, wait_for_offer, wait_until_translated};

/// The names of all files that the page keeps, and those that have a namesake.
const KEPT: &str = "const [name] = (await caches.keys()).filter((name) => name.startsWith('traduko-files'));
    const keys = name ? (await (await caches.open(name)).keys()).map(({ url }) => url) : [];
    return { keys, names: keys.map((key) => new URL(key).pathname.split('/').pop()) };";
const BUTTON: &str =
    "return document.querySelector('traduko-translate').shadowRoot.querySelector('button').textContent";

async fn kept(browser: &mut Browser, base: &str, of: &str) -> Result<Vec<String>> {
    Ok(serde_json::from_value(run_in_page(browser, base, KEPT, START).await?[of].clone())?)
}

/// Replaces the model of a site by one whose manifest differs in a line end, as `cargo xtask dist` would with a new model:
/// a new folder for it, another for the scripts.
fn publish_update(site: &SiteFolder) -> Result<()> {
    let (mut catalog, path) = site.catalog()?;
    let model = &mut catalog["models"][0];
    let folder = model["folder"].as_str().context("a folder")?.to_owned();
    let new_folder = "models/en-fr-new/";
    fs::rename(site.path(&format!("traduko/{folder}")), site.path(&format!("traduko/{new_folder}")))?;
    model["folder"] = new_folder.into();
    let manifest = site.path(&format!("traduko/{new_folder}manifest.json.gz"));
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(&manifest)?).read_to_end(&mut bytes)?;
    bytes.push(b'\n');
    let files = model["files"].as_array_mut().context("files")?;
    let file = files.iter_mut().find(|file| file["name"] == "manifest.json").context("a manifest")?;
    *file = gzipped("manifest.json", &bytes, &manifest)?;

    let version = catalog["version"].as_str().context("a version")?.to_owned();
    let catalog = serde_json::from_str(&catalog.to_string().replace(&version, "new"))?;
    site.write_catalog(&catalog, &path)?;
    fs::rename(site.path(&format!("traduko/{version}")), site.path("traduko/new"))?;
    let entry = site.path("traduko/traduko.js");
    fs::write(&entry, fs::read_to_string(&entry)?.replace(&version, "new"))?;
    Ok(())
}

#[tokio::test]
async fn an_update_replaces_what_is_kept_and_downloads_only_what_changed() -> Result<()> {
    let folder = SiteFolder::new("project")?;
    let site = Site::start_in(folder.root())?;
    let base = site.url("project/");
    let page = site.url("project/demo/");
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&page).await?;
    press_translate(&mut browser).await?;
    let before = kept(&mut browser, &base, "keys").await?;

    publish_update(&folder)?;
    browser.reload().await?;
    // The new model is no small matter to have come along unasked; its size says that only one small file is missing.
    wait_for_offer(&mut browser).await?;
    let offer = browser.text(BUTTON).await?;
    assert!(offer.contains("0.0 MB"), "{offer}");
    assert_eq!(kept(&mut browser, &base, "keys").await?, before, "what was kept is there until it is replaced");
    press_translate(&mut browser).await?;
    let after = kept(&mut browser, &base, "keys").await?;
    let mut names = kept(&mut browser, &base, "names").await?;
    let changed: Vec<_> = after.iter().filter(|key| !before.contains(key)).collect();
    assert!(changed.len() == 1 && changed[0].contains("manifest.json"), "{changed:?}");
    let n = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), n, "two versions of a file are kept: {after:?}");
    browser.finish().await
}

#[tokio::test]
async fn what_is_damaged_or_gone_is_downloaded_again() -> Result<()> {
    let site = Site::start()?;
    let base = site.url("");
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    press_translate(&mut browser).await?;

    let damage = "const [name] = (await caches.keys()).filter((name) => name.startsWith('traduko-files'));
        const cache = await caches.open(name);
        const key = (await cache.keys()).find(({ url }) => url.includes('model.safetensors'));
        const bytes = new Uint8Array(await (await cache.match(key)).arrayBuffer());
        bytes[bytes.length >> 1] ^= 1;
        await cache.put(key, new Response(bytes));
        return true;";
    run_in_page(&mut browser, &base, damage, START).await?;
    browser.reload().await?;
    wait_until_translated(&mut browser).await?;
    let is_whole = "const [name] = (await caches.keys()).filter((name) => name.startsWith('traduko-files'));
        const cache = await caches.open(name);
        const key = (await cache.keys()).find(({ url }) => url.includes('model.safetensors'));
        const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await (await cache.match(key)).arrayBuffer()));
        const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
        return key.url.endsWith(hex);";
    assert_eq!(run_in_page(&mut browser, &base, is_whole, START).await?, true);

    // The browser took everything, as it may when room is short; the page that is open keeps its engine.
    let evict = "for (const name of await caches.keys()) await caches.delete(name); return true;";
    run_in_page(&mut browser, &base, evict, START).await?;
    press_undo(&mut browser).await?;
    press_translate(&mut browser).await?;
    browser.reload().await?;
    // What has to be downloaded again is asked for again.
    wait_for_offer(&mut browser).await?;
    assert!(browser.text(BUTTON).await?.contains("MB"));
    press_translate(&mut browser).await?;
    browser.finish().await
}

#[tokio::test]
async fn no_room_is_no_reason_to_fail() -> Result<()> {
    let site = Site::start()?;
    let base = site.url("");
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    let origin = base.trim_end_matches('/');
    browser.dev_tools("Storage.overrideQuotaForOrigin", json!({ "origin": origin, "quotaSize": 1_000_000 })).await?;
    press_translate(&mut browser).await?;
    let names = kept(&mut browser, &base, "names").await?;
    assert!(!names.contains(&"model.safetensors".to_owned()), "the quota is not felt: {names:?}");
    browser.reload().await?;
    wait_for_offer(&mut browser).await?;
    press_translate(&mut browser).await?;
    browser.finish().await
}

#[tokio::test]
async fn a_browser_that_saves_data_is_told_apart() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.dev_tools("Emulation.setDataSaverOverride", json!({ "dataSaverEnabled": true })).await?;
    browser.open(&site.url("demo/")).await?;
    wait_for_offer(&mut browser).await?;
    let note = browser.text(&format!("return {CONTROL}.shadowRoot.querySelector('.note').textContent")).await?;
    assert!(note.contains("save data"), "{note}");
    // Nothing was downloaded before the visitor said so.
    assert_eq!(kept(&mut browser, &site.url(""), "keys").await?, Vec::<String>::new());
    let listen = "window.reports = [];
        document.querySelector('traduko-translate').addEventListener('traduko-engine', (event) => reports.push(event.detail))";
    browser.script(listen).await?;
    press_translate(&mut browser).await?;
    // WebGPU would be one more download: it is not tried.
    let reports = browser.script("return window.reports").await?;
    assert_eq!(reports.as_array().map(Vec::len), Some(1), "{reports}");
    assert!(reports[0]["reason"].as_str().is_some_and(|reason| reason.contains("save data")), "{reports}");
    browser.finish().await
}
