//! The demo site and its button: words change, nothing else does.

use anyhow::Result;
use serde_json::Value;
use traduko_tests::{Browser, Graphics, Site};

use crate::visitor::{press_translate, press_undo, wait_for_offer, wait_until_translated};

const PAGES: [&str; 4] = ["demo/", "demo/guide.html", "demo/prices.html", "demo/about.html"];

/// Keeps the page's elements outside the button's bar, so that [`SAME_ELEMENTS`] can tell whether one was replaced or went to
/// another parent, and among them the blocks of prose that are the translator's to change.
const KEEP_ELEMENTS: &str = "const bar = document.querySelector('.translate-bar');
    const prose = ':is(h1, h2, p, li, dt, dd, td, th, figcaption, caption)';
    window.elementsNow = () => [...document.querySelectorAll('head *, body, body *')].filter((element) => !bar.contains(element));
    window.elementsBefore = window.elementsNow();
    window.parentsBefore = window.elementsBefore.map((element) => element.parentNode);
    window.blocks = [...document.querySelectorAll(`main ${prose}`)]
        .filter((block) => !block.closest('[translate=no], body [lang=fr]') && /[a-z]{3}/i.test(block.textContent));";
const SAME_ELEMENTS: &str = "const [before, now] = [window.elementsBefore, new Set(window.elementsNow())];
    return before.length > 0 && before.length === now.size
        && before.every((element, index) => now.has(element) && element.parentNode === window.parentsBefore[index])";
const SAME_ORDER: &str = "const [before, now] = [window.elementsBefore, window.elementsNow()];
    return before.length === now.length && before.every((element, index) => element === now[index])";
const ATTRIBUTES: &str = "const readable = ['alt', 'title', 'aria-label', 'placeholder', 'content'];
    return window.elementsBefore.map((element) => element.tagName + [...element.attributes]
        .filter(({ name }) => !readable.includes(name)).map(({ name, value }) => ` ${name}=${value}`).join(''))";
/// Code, and what the page marks as not to be translated, in the order of the original.
const LEFT_ALONE: &str = "return window.elementsBefore
    .filter((element) => element.matches('body :is(code, pre, kbd, [translate=no], [lang=fr])'))
    .filter((element) => !element.closest('.translate-bar')).map((element) => element.textContent)";
/// Every Text node outside the bar.
const TEXTS: &str = "const bar = document.querySelector('.translate-bar');
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) if (!bar.contains(walker.currentNode)) texts.push(walker.currentNode.data);
    return texts";
const BLOCKS: &str = "return window.blocks.map((block) => block.textContent.trim())";

async fn strings(browser: &Browser, script: &str) -> Result<Vec<String>> {
    Ok(serde_json::from_value(browser.script(script).await?)?)
}

#[tokio::test]
async fn the_button_changes_the_words_and_nothing_else() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    for page in PAGES {
        browser.open(&site.url(page)).await?;
        // The choice is kept for the visit; each page starts from its English here.
        browser.script("localStorage.clear()").await?;
        browser.reload().await?;
        wait_for_offer(&mut browser).await?;
        browser.script(KEEP_ELEMENTS).await?;
        let attributes = strings(&browser, ATTRIBUTES).await?;
        let left_alone = strings(&browser, LEFT_ALONE).await?;
        let texts = strings(&browser, TEXTS).await?;
        let blocks = strings(&browser, BLOCKS).await?;

        press_translate(&mut browser).await?;
        assert_eq!(
            browser.script(SAME_ELEMENTS).await?,
            Value::Bool(true),
            "{page}: an element came, went or left home"
        );
        assert_eq!(strings(&browser, ATTRIBUTES).await?, attributes, "{page}");
        assert_eq!(strings(&browser, LEFT_ALONE).await?, left_alone, "{page}");
        assert_eq!(browser.script("return document.documentElement.lang").await?, "fr");
        let translated = strings(&browser, BLOCKS).await?;
        assert!(translated.iter().all(|block| !block.is_empty()), "{page}: a block lost all its words");
        let changed = blocks.iter().zip(&translated).filter(|(before, after)| before != after).count();
        println!("{page}: {changed} of {} blocks changed; the first: {:?}", blocks.len(), translated.first());
        // A word may be the same in both languages, a page may not.
        assert!(changed * 10 >= blocks.len() * 8, "{page}: {changed} of {} blocks changed", blocks.len());

        press_undo(&mut browser).await?;
        assert_eq!(strings(&browser, TEXTS).await?, texts, "{page}: the original did not come back");
        assert_eq!(
            browser.script(SAME_ORDER).await?,
            Value::Bool(true),
            "{page}: an element did not go back to its place"
        );
        assert_eq!(browser.script("return document.documentElement.lang").await?, "en");
    }
    browser.finish().await
}

#[tokio::test]
async fn the_next_page_of_the_visit_opens_translated() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    press_translate(&mut browser).await?;
    browser.script("document.querySelector('main a[href=\"guide.html\"]').click()").await?;
    browser.wait(10, "return location.pathname.endsWith('guide.html')").await?;
    wait_until_translated(&mut browser).await?;
    let text = browser.text("return document.querySelector('main').innerText").await?.to_lowercase();
    let french = ["le", "la", "les", "un", "une", "vous", "est", "et"];
    let words = text.split(|letter: char| !letter.is_alphabetic()).filter(|word| french.contains(word)).count();
    assert!(words >= 10, "{words} common French words in:\n{text}");
    browser.finish().await
}
