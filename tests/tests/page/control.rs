//! The control in the visitor's hands: cancel, the original beside pointer and focus, what is kept for the next page.

use anyhow::Result;
use fantoccini::key::Key;
use serde_json::{Value, json};
use traduko_tests::{Browser, Graphics, Site};

use crate::visitor::{
    CONTROL, START, press_button, press_translate, run_in_page, wait_for_offer, wait_until_translated,
};

const BODY: &str = "const copy = document.body.cloneNode(true);
    copy.querySelector('.translate-bar').remove();
    return copy.innerHTML";
/// Counts the workers that live, one for each engine.
const COUNT_WORKERS: &str = "window.workers = new Set();
    const OwnWorker = window.Worker;
    window.Worker = class extends OwnWorker {
        constructor(...parameters) {
            super(...parameters);
            window.workers.add(this);
        }
        terminate() {
            window.workers.delete(this);
            super.terminate();
        }
    };
    Object.defineProperty(navigator, 'hardwareConcurrency', { value: 1 })";
const TIP: &str = "const tip = document.querySelector('traduko-translate').shadowRoot.querySelector('.tip');
    return tip.hidden ? '' : tip.textContent";

#[tokio::test]
async fn a_translation_is_cancelled_at_any_time() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    wait_for_offer(&mut browser).await?;
    let long = "const block = document.querySelector('main p');
        for (let at = 0; at < 40; at++) block.parentNode.append(block.cloneNode(true), `Number ${at} is here.`);";
    browser.script(long).await?;
    browser.script(COUNT_WORKERS).await?;
    let original = browser.text(BODY).await?;
    // While the model comes, while the engine starts, while words change.
    for state in ["downloading", "translating"] {
        press_button(&mut browser).await?;
        browser.wait(START, &format!("return {CONTROL}.dataset.state === '{state}'")).await?;
        press_button(&mut browser).await?;
        wait_for_offer(&mut browser).await?;
        assert_eq!(browser.text(BODY).await?, original, "cancelled while {state}");
    }
    press_button(&mut browser).await?;
    let first =
        "return [...document.querySelectorAll('main p')].some((block) => /Notre|nous/u.test(block.textContent))";
    browser.wait(START, first).await?;
    press_button(&mut browser).await?;
    wait_for_offer(&mut browser).await?;
    assert_eq!(browser.text(BODY).await?, original, "cancelled amidst the words");
    press_translate(&mut browser).await?;
    // Once WebGPU was tried, one engine is left of all that was begun.
    browser.wait(START, "return window.workers.size === 1").await?;
    browser.finish().await
}

#[tokio::test]
async fn the_original_is_beside_pointer_and_focus() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    let heading = browser.text("return document.querySelector('h1').textContent").await?;
    press_translate(&mut browser).await?;
    let place = "const { left, top } = document.querySelector('h1').getBoundingClientRect();
        return { type: 'mouseMoved', x: left + 5, y: top + 5 }";
    let place = browser.script(place).await?;
    browser.dev_tools("Input.dispatchMouseEvent", place).await?;
    let tip = browser.wait(START, TIP).await?;
    assert!(tip.as_str().is_some_and(|tip| tip.contains(&heading)), "{tip}");
    browser.press(Key::Escape).await?;
    assert_eq!(browser.text(TIP).await?, "");

    // The link lies below the window: focusing it scrolls.
    browser.script("document.querySelector('main a[href=\"guide.html\"]').focus()").await?;
    let is_there =
        "return document.querySelector('main a[href=\"guide.html\"]').getBoundingClientRect().top < innerHeight";
    browser.wait(START, is_there).await?;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let link = browser.text(TIP).await?;
    assert!(link.contains("our short guide"), "{link:?}");
    browser.finish().await
}

#[tokio::test]
async fn finished_translations_are_kept_for_the_next_page() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    press_translate(&mut browser).await?;
    let mark = "const [{ name }] = await indexedDB.databases();
        const wait = (request) => new Promise((resolve, reject) => {
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
        });
        const database = await wait(indexedDB.open(name));
        const store = database.transaction('translations', 'readwrite').objectStore('translations');
        const keys = await wait(store.getAllKeys());
        const key = keys.find((key) => key.endsWith('We clean your chain.'));
        const kept = await wait(store.get(key));
        await wait(store.put({ ...kept, text: 'Kept from before.', day: 1 }, key));
        const read = () => wait(database.transaction('translations').objectStore('translations').get(key));
        const old = await read();
        database.close();
        return { keys: keys.length, old };";
    let marked = run_in_page(&mut browser, &site.url(""), mark, START).await?;
    println!("{} texts are kept", marked["keys"]);
    assert_eq!(marked["old"]["day"], 1);
    browser.reload().await?;
    wait_until_translated(&mut browser).await?;
    let text = browser.text("return document.querySelector('main').textContent").await?;
    assert!(text.contains("Kept from before."), "the page was translated anew: {text}");
    let used = "const [{ name }] = await indexedDB.databases();
        const wait = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
        const database = await wait(indexedDB.open(name));
        const all = await wait(database.transaction('translations').objectStore('translations').getAll());
        database.close();
        return all.find(({ text }) => text === 'Kept from before.').day > 1;";
    assert_eq!(run_in_page(&mut browser, &site.url(""), used, START).await?, Value::Bool(true), "it was used today");

    // Bounded: more than there is room for, then a new page.
    let fill = "const [{ name }] = await indexedDB.databases();
        const wait = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
        const database = await wait(indexedDB.open(name));
        const transaction = database.transaction('translations', 'readwrite');
        const store = transaction.objectStore('translations');
        for (let at = 0; at < 11_000; at++) store.put({ text: 'x', spans: [], day: 2 }, `other ${at}`);
        await new Promise((resolve) => (transaction.oncomplete = resolve));
        database.close();
        return true;";
    run_in_page(&mut browser, &site.url(""), fill, START).await?;
    browser.reload().await?;
    wait_until_translated(&mut browser).await?;
    let count = "const [{ name }] = await indexedDB.databases();
        const wait = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
        const database = await wait(indexedDB.open(name));
        const store = database.transaction('translations').objectStore('translations');
        const counts = [await wait(store.count()), (await wait(store.getAll())).filter(({ day }) => day > 2).length];
        database.close();
        return counts;";
    let counts = run_in_page(&mut browser, &site.url(""), count, START).await?;
    let (all, ours): (u64, u64) = serde_json::from_value(counts)?;
    assert!((7_000..=10_000).contains(&all), "{all} texts are kept");
    assert_eq!(json!(ours), marked["keys"], "the page's own were used last and stay");
    browser.finish().await
}

#[tokio::test]
async fn where_the_browsers_own_translator_does_not_start_ours_is_offered_with_its_size() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    wait_for_offer(&mut browser).await?;
    let own = "const create = () => Promise.reject(new DOMException('no language pack', 'NetworkError'));
        const own = { availability: () => Promise.resolve('available'), create };
        Object.defineProperty(window, 'Translator', { value: own, configurable: true });
        document.querySelector('traduko-translate').setAttribute('prefer', 'built-in')";
    browser.script(own).await?;
    press_button(&mut browser).await?;
    browser.wait(START, &format!("return {CONTROL}.dataset.state === 'failed'")).await?;
    let offer = format!("return {CONTROL}.shadowRoot.querySelector('button').textContent.includes('MB')");
    browser.wait(START, &offer).await?;
    press_translate(&mut browser).await?;
    browser.finish_where(|entry| entry.message.contains("traduko:")).await
}

#[tokio::test]
async fn one_control_has_the_page_however_many_there_are() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    wait_for_offer(&mut browser).await?;
    let original = browser.text(BODY).await?;
    press_translate(&mut browser).await?;
    let french = browser.text(BODY).await?;
    // A framework puts a new element in its place; its words are those of the original, not of the translation.
    let replace = "const old = document.querySelector('traduko-translate');
        const another = old.cloneNode(true);
        delete another.dataset.state;
        old.replaceWith(another)";
    browser.script(replace).await?;
    wait_until_translated(&mut browser).await?;
    assert_eq!(browser.text(BODY).await?, french);
    assert_eq!(browser.text(&format!("return {CONTROL}.dataset.engine")).await?, "cpu", "the engine is handed on");
    // A second one does not translate the translation, and takes over when it is pressed.
    browser.script("const old = document.querySelector('traduko-translate'); old.after(old.cloneNode(true))").await?;
    let second = "document.querySelectorAll('traduko-translate')[1]";
    browser.wait(START, &format!("return {second}.dataset.state === 'idle'")).await?;
    browser.script(&format!("{second}.translatePage()")).await?;
    browser.wait(START, &format!("return {second}.dataset.state === 'translated'")).await?;
    assert_eq!(browser.text(&format!("return {CONTROL}.dataset.state")).await?, "idle");
    assert_eq!(browser.text(BODY).await?, french);
    // The page writes its language again, as a router does.
    browser.script("document.documentElement.lang = 'en'").await?;
    browser.wait(START, "return document.documentElement.lang === 'fr'").await?;
    browser.script(&format!("{second}.undo()")).await?;
    browser.wait(START, &format!("return {second}.dataset.state === 'idle'")).await?;
    assert_eq!(browser.text(BODY).await?, original);
    assert_eq!(browser.text("return document.documentElement.lang").await?, "en");
    browser.finish().await
}
