//! Pages of every kind, at rest and alive, and the JavaScript interface, with the engine and the model that ship.

use anyhow::Result;
use traduko_tests::{Browser, Graphics, Site};

use crate::visitor::{TRANSLATE, check_faults, run_in_page};

/// Runs a script in an empty page of the site's language.
async fn run(page: &str, body: &str) -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url(page)).await?;
    let report = run_in_page(&mut browser, &site.url(""), body, 3 * TRANSLATE).await?;
    check_faults(&report)?;
    browser.finish().await
}

#[tokio::test]
async fn every_trap_comes_through_and_goes_back() -> Result<()> {
    run("demo/", include_str!("fixtures.js")).await
}

#[tokio::test]
async fn a_page_that_lives_stays_translated() -> Result<()> {
    run("demo/", include_str!("living-page.js")).await
}

#[tokio::test]
async fn the_interface_is_that_of_the_draft() -> Result<()> {
    run("demo/", include_str!("interface.js")).await
}

#[tokio::test]
async fn workers_share_what_is_long() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    let report = run_in_page(&mut browser, &site.url(""), include_str!("pool.js"), 3 * TRANSLATE).await?;
    check_faults(&report)?;
    // The death of a worker, which the script brings about, is told there.
    browser.finish_where(|entry| entry.message.contains("out of memory")).await
}
