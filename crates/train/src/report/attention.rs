//! What each word of a translation looked at, as a table: source subwords across, target subwords down.

use maud::{Markup, html};
use traduko_translator::{SentenceTranslation, Translation};

/// Weights below this are left without a number.
const LEAST_SHOWN: f32 = 0.05;
/// From this weight on a cell is so full of colour that the paper's colour reads better on it, light or dark.
const STRONG: f32 = 0.65;

/// The map of each sentence of `translation`, under the text and its translation.
pub fn maps(source: &str, translation: &Translation) -> Markup {
    html! {
        section.sample {
            p { (source) }
            p.translation { (translation.text) }
            @for sentence in &translation.sentences {
                (map(sentence))
            }
        }
    }
}

fn map(sentence: &SentenceTranslation) -> Markup {
    let rows = sentence.target_pieces.iter().zip(&sentence.attention);
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "attention of “" (words(&sentence.target_pieces)) "”" } {
            table.attention {
                thead { tr {
                    td {}
                    @for piece in &sentence.source_pieces {
                        th scope="col" { span { (piece) } }
                    }
                } }
                tbody {
                    @for (target, weights) in rows {
                        tr {
                            th scope="row" { (target) }
                            @for (source, &weight) in sentence.source_pieces.iter().zip(weights) {
                                (cell(source, target, weight))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(source: &str, target: &str, weight: f32) -> Markup {
    let percent = 100.0 * weight;
    html! {
        td class=[(weight >= STRONG).then_some("strong")] style=(format!("--weight:{weight:.2}"))
            title=(format!("{target} looked at {source}: {percent:.0} %")) {
            @if weight >= LEAST_SHOWN { (format!("{percent:.0}")) }
        }
    }
}

/// Subwords as a person would write them.
fn words(pieces: &[String]) -> String {
    pieces.concat().replace('▁', " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_by_hand() {
        let sentence = SentenceTranslation {
            source_pieces: vec!["▁the".into(), "▁<b>".into()],
            target_pieces: vec!["▁le".into()],
            attention: vec![vec![0.96, 0.04]],
            ..SentenceTranslation::default()
        };
        let html = map(&sentence).into_string();
        assert!(html.contains("▁&lt;b&gt;") && !html.contains("<b>"), "{html}");
        assert!(html.contains(r#"<td class="strong" style="--weight:0.96" title="▁le looked at ▁the: 96 %">96</td>"#));
        assert!(html.contains(r#"<td style="--weight:0.04" title="▁le looked at ▁&lt;b&gt;: 4 %"></td>"#), "{html}");
    }
}
