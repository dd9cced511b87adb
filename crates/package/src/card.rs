//! The model card: what a person should know before using a model, written from its manifest.

use std::fmt::Write;

use crate::{FileEntry, Manifest};

/// Markdown with the front matter that model hubs read. `n_parameters` counts trained numbers, not bytes.
pub fn model_card(manifest: &Manifest, n_parameters: usize) -> String {
    let Manifest { source_language: source, target_language: target, .. } = manifest;
    let mut card = String::new();
    // Writing into a String cannot fail.
    let _ = card_into(&mut card, manifest, source, target, n_parameters);
    card
}

fn card_into(
    card: &mut String,
    manifest: &Manifest,
    source: &str,
    target: &str,
    n_parameters: usize,
) -> std::fmt::Result {
    writeln!(
        card,
        "---\nlanguage:\n- {source}\n- {target}\npipeline_tag: translation\ntags:\n- translation\n- traduko\n---\n"
    )?;
    writeln!(card, "# Translation from {source} to {target}\n")?;
    writeln!(
        card,
        "A recurrent sequence-to-sequence network with attention, small enough to translate inside a browser. \
         {:.1} million parameters, int8 with one scale per row. Written by {} from `manifest.json`.\n",
        n_parameters as f64 / 1e6,
        cell(&manifest.created_by)
    )?;
    writeln!(card, "```sh\ntraduko translate --model . < source.txt > translated.txt\n```\n")?;

    let notes = &manifest.notes;
    if let Some(intended_use) = &notes.intended_use {
        writeln!(card, "## Intended use\n\n{}\n", cell(intended_use))?;
    }
    writeln!(card, "## Scores\n")?;
    if manifest.scores.is_empty() {
        writeln!(card, "None recorded.\n")?;
    } else {
        writeln!(card, "| test set | metric | score | beam | signature |\n|---|---|---:|---:|---|")?;
        for score in &manifest.scores {
            writeln!(
                card,
                "| {} | {} | {:.1} | {} | `{}` |",
                cell(&score.test_set),
                cell(&score.metric),
                score.score,
                score.beam,
                cell(&score.signature)
            )?;
        }
        writeln!(card, "\nMeasured through this package, so with the quantized weights.\n")?;
    }

    writeln!(card, "## Training data\n")?;
    if manifest.licences.is_empty() {
        writeln!(card, "Not stated.\n")?;
    } else {
        writeln!(card, "| source | licence |\n|---|---|")?;
        for licence in &manifest.licences {
            writeln!(card, "| {} | {} |", cell(&licence.source), cell(&licence.licence))?;
        }
        writeln!(card)?;
    }

    writeln!(card, "## Recipe\n")?;
    if let Some(hardware) = &notes.hardware {
        writeln!(card, "{}\n", cell(hardware))?;
    }
    if manifest.recipe.is_empty() {
        writeln!(card, "Not stated.\n")?;
    } else {
        writeln!(card, "| key | value |\n|---|---|")?;
        for (key, value) in &manifest.recipe {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(card, "| {} | {} |", cell(key), cell(&value))?;
        }
        writeln!(card)?;
    }

    writeln!(card, "## Files\n\n| file | bytes | SHA-256 |\n|---|---:|---|")?;
    for FileEntry { name, bytes, sha256 } in &manifest.files {
        writeln!(card, "| {} | {bytes} | `{}` |", cell(name), cell(sha256))?;
    }
    writeln!(
        card,
        "\n## Limits\n\nA small model makes mistakes: it drops or repeats words, invents names, and gets rare words and long \
         sentences wrong. Do not use it where a wrong translation does harm. It carries the biases of its training text."
    )?;
    if !notes.weaknesses.is_empty() {
        writeln!(card, "\nSeen in this one:\n")?;
    }
    notes.weaknesses.iter().try_for_each(|weakness| writeln!(card, "- {}", cell(weakness)))
}

/// Text that cannot break out of a table cell.
fn cell(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_stay_cells() {
        assert_eq!(cell("a|b\n<script>\\"), "a\\|b &lt;script>\\\\");
    }
}
