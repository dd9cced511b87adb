//! The second visit: the model from the browser's cache, and no server at all.

use anyhow::Result;
use traduko_tests::{Browser, Graphics, Site};

use crate::visitor::{CONTROL, START, press_translate, translate, wait_for_engine, wait_for_offer};

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
