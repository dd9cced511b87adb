//! The hosts that site owners have: one without headers, a sub-folder of it, plain http, no host at all.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use traduko_tests::{Browser, Graphics, PlainHost, Site, SiteFolder};

use crate::visitor::{CONTROL, START, press_translate, press_undo, run_in_page, wait_for_offer, wait_until_translated};

const CACHES: &str = "window.names = null; caches.keys().then((names) => (window.names = names))";

async fn cache_names(browser: &mut Browser) -> Result<Vec<String>> {
    browser.script(CACHES).await?;
    Ok(serde_json::from_value(browser.wait(START, "return window.names").await?)?)
}

/// Opens the demo site, translates, follows a link, loads that page again.
async fn read_two_pages(browser: &mut Browser, base: &str) -> Result<()> {
    browser.open(base).await?;
    wait_for_offer(browser).await?;
    press_translate(browser).await?;
    browser.script("document.querySelector('main a[href=\"guide.html\"]').click()").await?;
    browser.wait(START, "return location.pathname.endsWith('guide.html')").await?;
    wait_until_translated(browser).await?;
    browser.reload().await?;
    wait_until_translated(browser).await
}

#[tokio::test]
async fn a_host_without_headers_and_a_folder_below_its_root() -> Result<()> {
    let site = SiteFolder::new("project")?;
    // No service worker: what is kept is kept by the page alone.
    site.change_pages("demo", |page| page.replace(" offline=\"../traduko-sw.js\"", ""))?;
    let mut host = PlainHost::start(site.root())?;
    let mut browser = Browser::start(Graphics::Without).await?;
    let base = host.url("project/demo/");
    read_two_pages(&mut browser, &base).await?;
    let names = cache_names(&mut browser).await?;
    assert!(!names.is_empty() && names.iter().all(|name| name.contains("/project/")), "{names:?}");

    // Engine and model come from the browser: the host has them no more.
    let removed = remove_downloads(&site.path("traduko"))?;
    assert!(removed >= 4, "{removed} files ended in .gz");
    browser.open(&base).await?;
    wait_until_translated(&mut browser).await?;

    // A page that is open translates without any host.
    press_undo(&mut browser).await?;
    browser.reload().await?;
    wait_for_offer(&mut browser).await?;
    let prepare = "return (await import(`${base}project/traduko/traduko.js`)).prepareEngine().then(() => true)";
    run_in_page(&mut browser, &host.url(""), prepare, START).await?;
    host.stop()?;
    press_translate(&mut browser).await?;
    browser.finish_offline().await
}

#[tokio::test]
async fn a_folder_below_the_root_opens_without_its_host() -> Result<()> {
    let site = SiteFolder::new("project")?;
    // An image that is not there does not keep the page from being kept.
    site.change_pages("demo", |page| page.replace("<main>", "<main><img src=\"gone.png\" alt=\"\">"))?;
    let mut host = PlainHost::start(site.root())?;
    let mut browser = Browser::start(Graphics::Without).await?;
    let base = host.url("project/demo/");
    read_two_pages(&mut browser, &base).await?;
    let is_asked_for = "return performance.getEntriesByType('resource').some(({ name }) => name.endsWith('gone.png'))";
    assert_eq!(browser.script(is_asked_for).await?, true);
    browser.wait(START, &format!("return {CONTROL}.dataset.offline === 'ready'")).await?;
    browser.open(&base).await?;
    browser.wait(START, &format!("return {CONTROL}.dataset.offline === 'ready'")).await?;
    host.stop()?;
    browser.reload().await?;
    wait_until_translated(&mut browser).await?;
    browser.script("document.querySelector('main a[href=\"guide.html\"]').click()").await?;
    browser.wait(START, "return location.pathname.endsWith('guide.html')").await?;
    wait_until_translated(&mut browser).await?;
    browser.finish_offline().await
}

#[tokio::test]
async fn plain_http_translates_and_says_what_is_missing() -> Result<()> {
    let site = Site::start()?;
    let plain = site.url("").replace("127.0.0.1", "plain.test");
    let rule = "--host-resolver-rules=MAP plain.test 127.0.0.1".to_owned();
    let mut browser = Browser::start_with(Graphics::Without, &[rule]).await?;
    browser.open(&format!("{plain}demo/")).await?;
    wait_for_offer(&mut browser).await?;
    assert_eq!(browser.script("return [isSecureContext, 'caches' in window]").await?, json!([false, false]));
    let note = browser.text(&format!("return {CONTROL}.shadowRoot.querySelector('.note').textContent")).await?;
    assert!(note.contains("not served over https"), "{note}");
    press_translate(&mut browser).await?;
    browser.finish().await
}

#[tokio::test]
async fn a_page_opened_from_a_file_says_why_it_cannot_be_translated() -> Result<()> {
    let site = SiteFolder::new("project")?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&format!("file://{}", site.path("demo/index.html").display())).await?;
    let text = browser.text("return document.body.innerText").await?;
    assert!(text.contains("Translation needs JavaScript and a web server."), "{text}");
    assert!(text.contains("We repair your bike"), "{text}");
    // The browser itself says in its console that it loads no module from a file.
    browser.finish_where(|entry| entry.message.contains("file://")).await
}

#[tokio::test]
async fn nothing_but_the_sites_own_files_is_asked_for() -> Result<()> {
    let dist = SiteFolder::new("project")?;
    let logs = tempfile::tempdir()?;
    let log = logs.path().join("net.json");
    let site = Site::start_in(dist.root())?;
    let mut browser = Browser::start_with(Graphics::Without, &[format!("--log-net-log={}", log.display())]).await?;
    let base = site.url("project/");
    read_two_pages(&mut browser, &format!("{base}demo/")).await?;
    browser.finish().await?;

    let requests = requests(&log)?;
    let origin = site.url("");
    let ours: Vec<_> = requests.iter().filter(|request| request.concerns(&origin)).collect();
    let mut files = BTreeSet::new();
    for Request { method, url, .. } in &ours {
        assert_eq!(method, "GET", "{url}");
        let path = url.strip_prefix(&base).with_context(|| format!("{url} is asked for, which is not below {base}"))?;
        let path = if path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
        assert!(dist.path(&path).is_file(), "{url} is asked for, and there is no such file: what else does it say?");
        files.insert(path);
    }
    println!("{} requests for {} files", ours.len(), files.len());
    assert!(files.iter().any(|file| file.ends_with("model.safetensors.gz")), "the log has no model: {files:?}");
    assert!(files.contains("demo/guide.html"), "{files:?}");
    Ok(())
}

/// A request as the browser's own log has it, from whichever page or worker.
#[derive(Debug)]
struct Request {
    method: String,
    url: String,
    initiator: String,
}

impl Request {
    /// Whether a site asked for it, or it went to that site.
    fn concerns(&self, origin: &str) -> bool {
        self.url.starts_with(origin) || self.initiator == origin.trim_end_matches('/')
    }
}

/// All requests in a file of `--log-net-log`.
fn requests(log: &Path) -> Result<Vec<Request>> {
    let log: Value = serde_json::from_str(&fs::read_to_string(log)?).context("reading the browser's log")?;
    let starts = &log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"];
    let events = log["events"].as_array().context("the log has events")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let requests = events.iter().filter(|event| event["type"] == *starts).map(|event| &event["params"]);
    let requests = requests.filter(|params| params["url"].is_string());
    Ok(requests
        .map(|params| Request {
            method: text(&params["method"]),
            url: text(&params["url"]),
            initiator: text(&params["initiator"]),
        })
        .collect())
}

/// Removes what is downloaded to translate; gives the number of files.
fn remove_downloads(folder: &Path) -> Result<usize> {
    let mut n = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            n += remove_downloads(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            fs::remove_file(&path)?;
            n += 1;
        }
    }
    Ok(n)
}
