//! The demo site in Firefox, on the CPU.

use anyhow::Result;
use traduko_tests::{Browser, Site};

use crate::visitor::{CONTROL, START, press_translate, press_undo, run_in_page, wait_for_offer, wait_until_translated};

const TEXTS: &str =
    "return [...document.querySelectorAll('main :is(h1, p, li, td)')].map((block) => block.textContent).join('\\n')";

#[tokio::test]
async fn firefox_translates_keeps_and_gives_back() -> Result<()> {
    let mut site = Site::start()?;
    let mut browser = Browser::start_firefox().await?;
    browser.open(&site.url("demo/")).await?;
    wait_for_offer(&mut browser).await?;
    let english = browser.text(TEXTS).await?;
    press_translate(&mut browser).await?;
    assert_eq!(browser.text(&format!("return {CONTROL}.dataset.engine")).await?, "cpu");
    let french = browser.text(TEXTS).await?.to_lowercase();
    assert!(french.contains("notre") && !french.contains("our shop"), "{french}");
    let html = "const { Translator } = await import(`${base}traduko/traduko.js`);
        const translator = await Translator.create({ sourceLanguage: 'en', targetLanguage: 'fr' });
        return translator.translateHTML('<p>The cat is <b>here</b>.</p>');";
    let html = run_in_page(&mut browser, &site.url(""), html, START).await?;
    assert!(html.as_str().is_some_and(|html| html.contains("<b>") && !html.contains("cat")), "{html}");
    press_undo(&mut browser).await?;
    assert_eq!(browser.text(TEXTS).await?, english);

    press_translate(&mut browser).await?;
    browser.script("document.querySelector('main a[href=\"guide.html\"]').click()").await?;
    browser.wait(START, "return location.pathname.endsWith('guide.html')").await?;
    wait_until_translated(&mut browser).await?;
    browser.wait(START, &format!("return {CONTROL}.dataset.offline === 'ready'")).await?;
    site.stop();
    // As a visitor reloads; the driver's way goes past the service worker.
    browser.script("window.isOld = true; location.reload()").await?;
    browser.wait(START, "return !window.isOld && document.readyState === 'complete'").await?;
    wait_until_translated(&mut browser).await?;
    browser.finish().await
}
