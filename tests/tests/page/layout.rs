//! Narrow screens and the keyboard.

use anyhow::Result;
use fantoccini::key::Key;
use traduko_tests::{Browser, Graphics, Site, View};

use crate::visitor::{translate, wait_for_engine, wait_for_offer, wait_until_translated};

const PAGES: [&str; 5] = ["", "demo/", "demo/guide.html", "demo/prices.html", "demo/about.html"];

#[tokio::test]
async fn nothing_sticks_out_at_320_pixels() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    for is_dark in [false, true] {
        browser.set_view(View { width: 320, height: 640, is_dark }).await?;
        for page in PAGES {
            browser.open(&site.url(page)).await?;
            if page.is_empty() {
                wait_for_engine(&mut browser).await?;
                translate(&mut browser, "We are going to the cinema with our friends tomorrow evening.").await?;
            }
            let width = browser.script("return document.documentElement.scrollWidth").await?;
            assert!(width.as_u64().is_some_and(|width| width <= 320), "{page:?} is {width} pixels wide");
        }
    }
    browser.finish().await
}

#[tokio::test]
async fn dark_mode_turns_light_on_dark() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    // The relative lightness of paper and ink, 0 to 1, read through a canvas so that any notation of colour will do.
    let lightness = "const paint = (colour) => {
            const context = document.createElement('canvas').getContext('2d');
            context.fillStyle = colour;
            context.fillRect(0, 0, 1, 1);
            const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
            return alpha === 0 ? null : (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
        };
        const style = (element) => getComputedStyle(element);
        const [html, body] = [document.documentElement, document.body];
        const paper = paint(style(body).backgroundColor) ?? paint(style(html).backgroundColor);
        return [paper, paint(style(body).color)]";
    for page in ["", "demo/"] {
        for is_dark in [false, true] {
            browser.set_view(View { width: 1280, height: 800, is_dark }).await?;
            browser.open(&site.url(page)).await?;
            let (paper, ink): (f64, f64) = serde_json::from_value(browser.script(lightness).await?)?;
            assert_eq!(paper < ink, is_dark, "{page:?}: paper {paper}, ink {ink}");
            assert!((paper - ink).abs() > 0.5, "{page:?}: paper {paper}, ink {ink}");
        }
    }
    browser.finish().await
}

#[tokio::test]
async fn the_keyboard_is_enough() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    wait_for_offer(&mut browser).await?;
    let focus = "return document.activeElement?.shadowRoot?.activeElement?.className ?? ''";
    for _ in 0..20 {
        if browser.text(focus).await? == "translate" {
            break;
        }
        browser.press(Key::Tab).await?;
    }
    assert_eq!(browser.text(focus).await?, "translate");
    let outline = "const style = getComputedStyle(document.activeElement.shadowRoot.activeElement);
                   return style.outlineStyle !== 'none' || style.boxShadow !== 'none'";
    assert_eq!(browser.script(outline).await?, true, "the focus cannot be seen");
    browser.press(Key::Enter).await?;
    wait_until_translated(&mut browser).await?;
    browser.press(Key::Enter).await?;
    wait_for_offer(&mut browser).await?;
    browser.finish().await
}
