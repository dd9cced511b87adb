//! What several tests do: wait for the engine, type, read.

use anyhow::Result;
use serde_json::{Value, json};
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

/// The control of the demo site.
pub const CONTROL: &str = "document.querySelector('traduko-translate')";
const STATE: &str = "return document.querySelector('traduko-translate').dataset.state";

/// Waits until the demo site offers its translation.
pub async fn wait_for_offer(browser: &mut Browser) -> Result<()> {
    browser.wait(10, &format!("{STATE} === 'idle'")).await?;
    Ok(())
}

/// Presses the button of the demo site's control.
pub async fn press_button(browser: &mut Browser) -> Result<()> {
    browser.script(&format!("{CONTROL}.shadowRoot.querySelector('button').click()")).await?;
    Ok(())
}

/// Presses the demo site's button and waits until the page is translated.
pub async fn press_translate(browser: &mut Browser) -> Result<()> {
    press_button(browser).await?;
    wait_until_translated(browser).await
}

/// Waits until the demo page is translated; where it says that it failed, that is the error.
pub async fn wait_until_translated(browser: &mut Browser) -> Result<()> {
    let is_over = format!("return ['translated', 'failed'].includes({CONTROL}.dataset.state)");
    browser.wait(TRANSLATE, &is_over).await?;
    let status =
        browser.text(&format!("return {CONTROL}.shadowRoot.querySelector('[role=status]').textContent")).await?;
    println!("{status}");
    assert_eq!(browser.script(STATE).await?, "translated", "{status}");
    Ok(())
}

/// Presses the demo site's button and waits until the original is back.
pub async fn press_undo(browser: &mut Browser) -> Result<()> {
    press_button(browser).await?;
    wait_for_offer(browser).await
}

/// Runs the body of an async function with the site's address as `base` in the page, and gives what it returns; an error of
/// the script is a fault of the test.
pub async fn run_in_page(browser: &mut Browser, base: &str, body: &str, seconds: u64) -> Result<Value> {
    let run = format!(
        "window.report = null;
         const run = async (base) => {{ {body} }};
         run({}).then((value) => (window.report = {{ value }}), (error) => (window.report = {{ error: error.stack ?? String(error) }}))",
        json!(base)
    );
    browser.script(&run).await?;
    let report = browser.wait(seconds, "return window.report").await?;
    anyhow::ensure!(report["error"].is_null(), "the page's script threw {}", report["error"]);
    Ok(report["value"].clone())
}

/// Fails with the faults that a script of [`run_in_page`] found, one a line; prints how many things it tried.
pub fn check_faults(report: &Value) -> Result<()> {
    let faults: Vec<String> = serde_json::from_value(report["faults"].clone())?;
    println!("{} tried", report["count"]);
    anyhow::ensure!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}
