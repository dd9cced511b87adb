//! The second visit: the model from the browser's cache, and no server at all.

use anyhow::Result;
use traduko_tests::{Browser, Graphics, Site};

use crate::visitor::{CONTROL, START, press_translate, run_in_page, translate, wait_for_engine, wait_for_offer};

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
    browser.open(&site.url("demo/about.html")).await?;
    browser.wait(START, &format!("return {CONTROL}.dataset.offline === 'ready'")).await?;
    browser.open(&site.url("")).await?;

    site.stop();
    browser.reload().await?;
    wait_for_engine(&mut browser).await?;
    assert_eq!(translate(&mut browser, "I am looking for my keys.").await?, online);

    browser.open(&site.url("demo/about.html")).await?;
    wait_for_offer(&mut browser).await?;
    press_translate(&mut browser).await?;
    browser.finish_offline().await
}

#[tokio::test]
async fn a_service_worker_that_cannot_serve_the_page_is_named() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    // Left in the folder that was copied.
    let keep = "const { keepOffline } = await import(`${base}traduko/traduko.js`);
        const worker = new URL('traduko/traduko-sw.js', base);
        return keepOffline(worker).then(() => 'kept', (error) => error.message)";
    let told = run_in_page(&mut browser, &site.url(""), keep, START).await?;
    assert!(told.as_str().is_some_and(|told| told.contains("copy it to the root of the site")), "{told}");
    browser.finish().await
}
