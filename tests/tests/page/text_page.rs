//! The box that translates as one types.

use std::fs;

use anyhow::{Context, Result};
use traduko_tests::{Browser, Graphics, Site, SiteFolder};

use crate::visitor::{START, TRANSLATE, translate, wait_for_engine};

#[tokio::test]
async fn typed_english_becomes_french() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("")).await?;
    wait_for_engine(&mut browser).await?;

    let french = translate(&mut browser, "The cat is sleeping on the chair.").await?;
    println!("{french}");
    assert!(french.to_lowercase().contains("chat"), "{french}");
    let french = translate(&mut browser, "I have three brothers.").await?;
    println!("{french}");
    assert!(french.to_lowercase().contains("trois"), "{french}");
    browser.finish().await
}

#[tokio::test]
async fn lines_stay_lines_and_the_heat_map_shows_each_sentence() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("?engine=cpu")).await?;
    wait_for_engine(&mut browser).await?;

    let french = translate(&mut browser, "It is cold today.\n\nWhere is the train station?").await?;
    assert_eq!(french.lines().count(), 3, "{french}");
    assert_eq!(french.lines().nth(1), Some(""), "{french}");
    let sentences = browser.script("return document.getElementById('attention-sentence').options.length").await?;
    assert_eq!(sentences, 2);
    // The numbers of a row are shares of one whole, in percent, each rounded.
    let sums = "return [...document.querySelectorAll('#attention-table tbody tr')]
                    .map((row) => [...row.querySelectorAll('td')].map((cell) => parseFloat(cell.textContent) || 0))
                    .map((cells) => cells.reduce((sum, cell) => sum + cell, 0))";
    let sums = browser.script(sums).await?;
    let sums: Vec<f64> = serde_json::from_value(sums)?;
    // What a row lacks to 100 went to the end of the sentence, which has no column.
    assert!(sums.iter().all(|sum| (0.0..=105.0).contains(sum)), "{sums:?}");
    assert!(sums.iter().any(|sum| *sum >= 50.0), "{sums:?}");

    let source = browser.element("source-text").await?;
    source.clear().await?;
    source.send_keys(" ").await?;
    browser.wait(10, "return document.getElementById('target-text').value === ''").await?;
    browser.wait(10, "return document.getElementById('attention').hidden").await?;
    browser.finish().await
}

#[tokio::test]
async fn languages_are_swapped() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("?engine=cpu")).await?;
    wait_for_engine(&mut browser).await?;
    let french = translate(&mut browser, "The cat is sleeping on the chair.").await?;

    // The translation becomes the source.
    browser.element("swap").await?.click().await?;
    wait_for_engine(&mut browser).await?;
    assert_eq!(browser.script("return document.getElementById('source-text').value").await?, french.as_str());
    browser.wait(TRANSLATE, "return document.getElementById('target-text').value.includes('cat')").await?;
    let labels = "return [...document.querySelectorAll('.pane label')].map((label) => label.textContent).join()";
    assert_eq!(browser.script(labels).await?, "French,English");
    let english = translate(&mut browser, "Où est la maison ?").await?;
    assert!(english.to_lowercase().contains("house"), "{english}");

    let choose = "const choice = document.getElementById('direction-choice');
                  choice.selectedIndex = [...choice.options].findIndex((option) => option.text === 'English to French');
                  choice.dispatchEvent(new Event('change'))";
    browser.script(choose).await?;
    wait_for_engine(&mut browser).await?;
    let french = translate(&mut browser, "I have three brothers.").await?;
    assert!(french.to_lowercase().contains("trois"), "{french}");

    // The address holds the choice.
    browser.open(&site.url("?engine=cpu&from=fr&to=en")).await?;
    wait_for_engine(&mut browser).await?;
    assert_eq!(browser.script(labels).await?, "French,English");
    browser.finish().await
}

#[tokio::test]
async fn typing_tries_again_where_the_model_did_not_come() -> Result<()> {
    let folder = SiteFolder::new("project")?;
    let (catalog, _) = folder.catalog()?;
    let model = catalog["models"][0]["folder"].as_str().context("a folder")?;
    let [model, away] = [format!("traduko/{model}"), "away".to_owned()].map(|name| folder.path(&name));
    fs::rename(&model, &away)?;
    let site = Site::start_in(folder.root())?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("project/?engine=cpu")).await?;
    browser.wait(START, "return document.documentElement.dataset.state === 'failed'").await?;

    fs::rename(&away, &model)?;
    let french = translate(&mut browser, "The cat is sleeping on the chair.").await?;
    assert!(french.to_lowercase().contains("chat"), "{french}");
    assert_eq!(browser.script("return document.getElementById('error').hidden").await?, true);
    browser.finish_where(|entry| entry.message.contains("404")).await
}
