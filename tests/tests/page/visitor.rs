//! What several tests do: wait for the engine, type, read.

use anyhow::Result;
use traduko_tests::Browser;

/// Seconds for the model to arrive and an engine to start, on a slow machine.
pub const START: u64 = 120;
/// Seconds for a translation; an emulated graphics card needs most of it.
pub const TRANSLATE: u64 = 300;

/// Waits until the text page can translate and has made its choice of engine, which is returned.
pub async fn wait_for_engine(browser: &mut Browser) -> Result<String> {
    browser.wait(START, "return document.documentElement.dataset.state !== 'loading'").await?;
    let failure = browser.text("return document.getElementById('error').textContent").await?;
    anyhow::ensure!(failure.is_empty(), "the page says: {failure}");
    let engine = browser.wait(TRANSLATE, "return document.documentElement.dataset.engine").await?;
    Ok(engine.as_str().unwrap_or_default().to_owned())
}

/// Types into the empty box of the text page and returns the translation.
pub async fn translate(browser: &mut Browser, english: &str) -> Result<String> {
    browser.script("document.getElementById('target-text').value = ''").await?;
    let source = browser.element("source-text").await?;
    source.clear().await?;
    source.send_keys(english).await?;
    let is_done = "const target = document.getElementById('target-text');
                   return target.value !== '' && !target.hasAttribute('aria-busy')
                       && document.getElementById('source-text').value.length > 0
                       && document.getElementById('status').textContent.startsWith('Translated')";
    browser.wait(TRANSLATE, is_done).await?;
    browser.text("return document.getElementById('target-text').value").await
}

/// Waits until the demo site's button can be pressed.
pub async fn wait_for_button(browser: &mut Browser) -> Result<()> {
    browser.wait(10, "return !document.getElementById('translate-page').disabled").await?;
    Ok(())
}

/// Presses the demo site's button and waits until the page is translated.
pub async fn press_translate(browser: &mut Browser) -> Result<()> {
    browser.element("translate-page").await?.click().await?;
    wait_until_translated(browser).await
}

/// Waits until the demo page is translated; where it says that it failed, that is the error.
pub async fn wait_until_translated(browser: &mut Browser) -> Result<()> {
    let is_over = "return ['translated', 'failed'].includes(document.documentElement.dataset.translation)";
    browser.wait(TRANSLATE, is_over).await?;
    let status = browser.text("return document.getElementById('translate-status').textContent").await?;
    println!("{status}");
    assert_eq!(browser.script("return document.documentElement.dataset.translation").await?, "translated", "{status}");
    Ok(())
}
