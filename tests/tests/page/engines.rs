//! Which engine runs, and what the page says about it.

use anyhow::Result;
use traduko_tests::{Browser, Graphics, Site};

use crate::visitor::{translate, wait_for_engine};

const ENGINE_LINE: &str = "return document.getElementById('engine-line').textContent";
const ENGLISH: &str = "The cat is sleeping on the chair.";

/// Opens the text page, and returns the engine, what the page says of it, and the French of [`ENGLISH`].
async fn visit(browser: &mut Browser, site: &Site, page: &str) -> Result<(String, String, String)> {
    browser.open(&site.url(page)).await?;
    let engine = wait_for_engine(browser).await?;
    let reason = browser.text(ENGINE_LINE).await?;
    let french = translate(browser, ENGLISH).await?;
    println!("{page:?}: {reason} {french}");
    Ok((engine, reason, french))
}

#[tokio::test]
async fn without_webgpu_the_cpu_runs_and_the_page_says_why() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    let (engine, reason, french) = visit(&mut browser, &site, "").await?;
    assert_eq!(engine, "cpu");
    assert_eq!(reason, "Runs on CPU because WebGPU found no graphics adapter.");

    let (engine, reason, same) = visit(&mut browser, &site, "?engine=webgpu").await?;
    assert_eq!(engine, "cpu");
    assert!(reason.contains("WebGPU was asked for, but WebGPU found no graphics adapter"), "{reason}");
    assert_eq!(same, french);
    browser.finish().await
}

#[tokio::test]
async fn an_emulated_graphics_card_is_used_only_when_asked_for() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Emulated).await?;
    let (engine, reason, on_cpu) = visit(&mut browser, &site, "").await?;
    assert_eq!(engine, "cpu", "{reason}");
    assert!(reason.contains("emulated in software"), "{reason}");

    let (engine, reason, on_gpu) = visit(&mut browser, &site, "?engine=webgpu").await?;
    assert_eq!(engine, "webgpu", "{reason}");
    assert!(reason.contains("WebGPU") && reason.contains("self-test"), "{reason}");
    // Far from a tie: the two engines differ only where two translations score the same to three digits.
    assert_eq!(on_gpu, on_cpu);
    browser.finish().await
}
