//! Every kind of network, trained a little, exported and loaded by a page, says there what the native binary says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use traduko_tests::{Browser, Graphics, Site, SiteFolder, run, workspace};

use crate::visitor::{TRANSLATE, check_faults, run_in_page};

/// The experiment that every kind changes: as small as the kinds allow.
const EXPERIMENT: &str = r#"
[data]
dir = "data"
[model]
d_embedding = 16
d_encoder = 16
n_encoder_layers = 1
d_decoder = 16
n_decoder_layers = 2
d_attention = 16
max_source_length = 64
[train]
batch_tokens = 200
max_steps = 80
learning_rate = 2e-2
warmup_steps = 10
log_every = 80
validate_every = 80
checkpoint_every = 80
"#;
const WORDS: [(&str, &str); 6] =
    [("one", "un"), ("two", "deux"), ("three", "trois"), ("four", "quatre"), ("five", "cinq"), ("six", "six")];
const SENTENCES: &str = "one two three four\nsix\nfive five one two six three\n";

struct Kind {
    /// The row of docs/features.md.
    name: String,
    /// A tag of the range that is for private use, so that each kind is a pair of languages.
    language: String,
    settings: Vec<String>,
    /// How its text was prepared beside the others', and what it is exported with.
    text: Text,
}

#[derive(Clone, Copy)]
enum Text {
    /// One vocabulary.
    Shared,
    /// A vocabulary for each side, and a tag before each source.
    OfEachSide,
}

const TAG: &str = "<2x>";

impl Text {
    fn folder(self) -> &'static str {
        match self {
            Self::Shared => "data",
            Self::OfEachSide => "sides",
        }
    }
}

/// The kinds that docs/features.md names under "The network", and one with subwords of each side.
fn kinds() -> Result<Vec<Kind>> {
    let page = fs::read_to_string(workspace().join("docs/features.md"))?;
    let table = page.split("\n## ").find(|part| part.starts_with("The network")).context("a table of networks")?;
    let rows = table.lines().filter(|line| line.starts_with('|') && line.contains('`'));
    let kind = |(index, row): (usize, &str)| {
        let name = row.split('|').nth(1).unwrap_or_default().trim().to_owned();
        // What is 512 there is so because the encoder's output is; here that is 32.
        let keys = row.split('`').nth(1).unwrap_or_default().replace("=512", "=32");
        let letters = [b'q', b'a' + (index / 26) as u8, b'a' + (index % 26) as u8].map(char::from);
        let settings = keys.split(' ').map(str::to_owned).collect();
        Kind { name, language: letters.iter().collect(), settings, text: Text::Shared }
    };
    let sides = Kind {
        name: "subwords of each side, and a tag".to_owned(),
        language: "qtz".to_owned(),
        settings: vec!["model.tie_embeddings=\"target\"".to_owned()],
        text: Text::OfEachSide,
    };
    Ok(rows.enumerate().map(kind).chain([sides]).collect())
}

/// Runs the native binary in a folder and gives what it prints.
fn traduko(folder: &Path, arguments: &[&str], input: &str) -> Result<String> {
    run(folder, &workspace().canonicalize()?.join("target/release/traduko"), arguments, input)
}

fn prepare(folder: &Path) -> Result<()> {
    let word = |seed: usize, at: usize| WORDS[(seed.wrapping_mul(0x9e37_79b9) >> (8 + 3 * at)) % WORDS.len()];
    let sentence = |seed: usize| (0..1 + seed % 6).map(move |at| word(seed, at));
    let side = |seeds: std::ops::Range<usize>, of: fn((&'static str, &'static str)) -> &'static str| {
        seeds.map(|seed| sentence(seed).map(of).collect::<Vec<_>>().join(" ") + "\n").collect::<String>()
    };
    for (name, seeds) in [("train", 0..400), ("valid", 400..410)] {
        fs::write(folder.join(format!("{name}.en")), side(seeds.clone(), |(english, _)| english))?;
        fs::write(folder.join(format!("{name}.fr")), side(seeds, |(_, french)| french))?;
    }
    fs::write(folder.join("experiment.toml"), EXPERIMENT)?;
    let text = ["--moses", "train.en", "train.fr", "--valid-source", "valid.en", "--valid-target", "valid.fr"];
    let shared = ["prepare", "--out", Text::Shared.folder(), "--vocab", "480"];
    traduko(folder, &[&shared, &text[..]].concat(), "")?;
    let (tags, vocabularies) = (format!("*={TAG}"), ["--vocab", "480", "--source-vocab", "475"]);
    let sides = ["prepare", "--out", Text::OfEachSide.folder(), "--source-tags", &tags];
    traduko(folder, &[&sides[..], &vocabularies, &text].concat(), "")?;
    Ok(())
}

/// Trains and exports a kind; gives its package.
fn package(folder: &Path, kind: &Kind) -> Result<PathBuf> {
    let data = format!("data.dir={:?}", kind.text.folder());
    let mut arguments = vec!["train", "experiment.toml", "--out", &kind.language, "--set", &data];
    kind.settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
    traduko(folder, &arguments, "")?;
    let package = format!("package-{}", kind.language);
    let mut export = vec!["export", "--checkpoint", &kind.language, "--out", &package, "--preview", "8"];
    export.extend(["--source-language", "en", "--target-language", &kind.language]);
    if let Text::OfEachSide = kind.text {
        export.extend(["--source-tag", TAG]);
    }
    traduko(folder, &export, "")?;
    Ok(folder.join(package))
}

#[tokio::test]
async fn every_kind_of_network_says_in_a_page_what_it_says_natively() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    prepare(folder)?;
    let site = SiteFolder::new("kinds")?;
    let mut wanted = Vec::new();
    for kind in kinds()? {
        let package = package(folder, &kind).with_context(|| kind.name.clone())?;
        site.add_model(&package)?;
        let model = package.display().to_string();
        let said = traduko(folder, &["translate", "--model", &model, "--beam", "2"], SENTENCES)?;
        ensure!(said.split_whitespace().count() > 0, "{}: nothing was said", kind.name);
        wanted.push(json!({ "name": kind.name, "language": kind.language, "said": said.lines().collect::<Vec<_>>() }));
    }
    ensure!(wanted.len() > 20, "docs/features.md names {} kinds", wanted.len());

    let served = Site::start_in(site.root())?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&served.url("kinds/demo/")).await?;
    let sentences: Vec<&str> = SENTENCES.lines().collect();
    let given = format!("const [sentences, kinds] = {};", json!([sentences, wanted]));
    let report =
        run_in_page(&mut browser, &served.url("kinds/"), &(given + include_str!("kinds.js")), 3 * TRANSLATE).await?;
    check_faults(&report)?;
    browser.finish().await
}
