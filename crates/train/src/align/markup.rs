//! Pairs whose elements stand where they belong on both sides, and how many of them links put there.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Serialize;
use traduko_text::{Markup, Projection, Span, normalize, word_ranges};
use traduko_translator::{TranslateOptions, Translation, Translator};

use crate::corpus::read_tsv;
use crate::device::Cpu;
use crate::native::translate_on_all_cores;

/// A sentence pair with elements.
#[derive(Clone, Debug)]
pub(super) struct Tagged {
    /// The source without its tags.
    pub source: String,
    /// The target without its tags.
    pub target: String,
    markup: Markup,
    /// For each element of `markup` its bytes in the target.
    wanted: Vec<Range<usize>>,
}

/// Reads tab-separated pairs in which elements such as `<b1>..</b1>`, each name once, are the same on both sides.
pub(super) fn read_tagged(path: &Path) -> anyhow::Result<Vec<Tagged>> {
    let mut pairs = Vec::new();
    read_tsv(path, |pair| pairs.push(Tagged::new(&pair.source, &pair.target)))?;
    let numbered = (1..).zip(pairs);
    let pairs: Vec<Tagged> = numbered
        .map(|(line, pair)| pair.with_context(|| format!("{}:{line}", path.display())))
        .collect::<anyhow::Result<_>>()?;
    ensure!(!pairs.is_empty(), "{}: found no pair", path.display());
    Ok(pairs)
}

impl Tagged {
    fn new(source: &str, target: &str) -> anyhow::Result<Self> {
        let (source, from) = read_side(source).context("source")?;
        let (target, to) = read_side(target).context("target")?;
        ensure!(from.len() == to.len(), "{} elements in the source, {} in the target", from.len(), to.len());
        let to: HashMap<&str, &Range<usize>> =
            to.iter().map(|element| (element.name.as_str(), &element.range)).collect();
        let wanted = from.iter().map(|element| {
            let range =
                to.get(element.name.as_str()).with_context(|| format!("<{}> is not in the target", element.name))?;
            Ok((*range).clone())
        });
        let wanted = wanted.collect::<anyhow::Result<_>>()?;
        let spans = from.into_iter().map(|element| Span { range: element.range, parent: element.parent }).collect();
        Ok(Self { markup: Markup::new(&source, spans)?, source, target, wanted })
    }
}

struct Element {
    name: String,
    range: Range<usize>,
    parent: Option<usize>,
}

/// A sentence without its tags, and its elements in the order in which they begin.
fn read_side(tagged: &str) -> anyhow::Result<(String, Vec<Element>)> {
    let xml = format!("<sentence>{tagged}</sentence>");
    let document = roxmltree::Document::parse(&xml)?;
    let root = document.root_element();
    let mut text = String::new();
    let mut elements: Vec<Element> = Vec::new();
    let mut numbers = HashMap::new();
    for node in root.descendants().skip(1) {
        if let Some(piece) = node.text().filter(|_| node.is_text()) {
            text += piece;
            let around = node.ancestors().filter_map(|ancestor| numbers.get(&ancestor.id()));
            for &number in around {
                let element: &mut Element = &mut elements[number];
                element.range.end = text.len();
            }
        } else if node.is_element() {
            let name = node.tag_name().name().to_owned();
            ensure!(
                elements.iter().all(|element| element.name != name),
                "<{name}> comes twice (wanted <{name}1>, <{name}2>)"
            );
            let parent = node.parent().and_then(|parent| numbers.get(&parent.id())).copied();
            numbers.insert(node.id(), elements.len());
            elements.push(Element { name, range: text.len()..text.len(), parent });
        }
    }
    ensure!(normalize(&text) == text, "the text changes when it is normalised; it becomes {:?}", normalize(&text));
    Ok((text, elements))
}

/// How many elements stand where they belong.
#[derive(Clone, Debug, Default)]
pub(super) struct MarkupScore {
    n_right: usize,
    n_elements: usize,
    /// Sum over the elements of the F1 of their words.
    f1: f64,
    /// Those that stand elsewhere, in words.
    pub wrong: Vec<String>,
}

/// A line of the table of `--markup`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct MarkupRow {
    /// Whose links, on which translations.
    name: String,
    right: usize,
    elements: usize,
    /// Share of the elements that hold just the words that they should.
    share: f64,
    /// Mean over the elements of the F1 of their words.
    f1: f64,
}

impl fmt::Display for MarkupRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, right, elements, share, f1 } = self;
        let (share, f1) = (100.0 * share, 100.0 * f1);
        write!(f, "{name:<34} {right:>4} of {elements:>4} elements  {share:>5.1}%  F1 of words {f1:>5.1}%")
    }
}

impl MarkupScore {
    pub(super) fn row(&self, name: impl Into<String>) -> MarkupRow {
        let Self { n_right: right, n_elements: elements, f1, .. } = *self;
        let n = elements.max(1) as f64;
        MarkupRow { name: name.into(), right, elements, share: right as f64 / n, f1: f1 / n }
    }

    /// An element that holds `found` of the words of a translation and should hold `wanted`.
    fn add<T: PartialEq>(&mut self, found: &[T], wanted: &[T]) -> bool {
        let common = found.iter().filter(|word| wanted.contains(word)).count();
        self.n_elements += 1;
        let is_right = found == wanted;
        // Without words on either side the fraction would be 0 / 0.
        self.f1 += if is_right { 1.0 } else { 2.0 * common as f64 / (found.len() + wanted.len()) as f64 };
        self.n_right += usize::from(is_right);
        is_right
    }
}

/// Target bytes, source bytes and weight of each link of a pair.
pub(super) type Weights = Vec<(Range<usize>, Range<usize>, f32)>;

/// Where links put the elements of `pairs` in the translations by hand. An element is right when it holds just the words
/// that it should.
pub(super) fn score(pairs: &[Tagged], links: &[Weights]) -> MarkupScore {
    let mut score = MarkupScore::default();
    for (pair, links) in pairs.iter().zip(links) {
        let mut projection = Projection::new(&pair.source, &pair.target, &[]);
        for (target, source, weight) in links {
            projection.link(target.clone(), source.clone(), *weight);
        }
        let target_words = word_ranges(&pair.target);
        let words_in = |range: &Range<usize>| -> Vec<&Range<usize>> {
            target_words.iter().filter(|word| word.start < range.end && range.start < word.end).collect()
        };
        for placed in projection.place(&pair.markup) {
            let wanted = &pair.wanted[placed.span];
            if !score.add(&words_in(&placed.range), &words_in(wanted)) {
                let source = &pair.source[pair.markup.spans()[placed.span].range.clone()];
                let [found, wanted] = [placed.range, wanted.clone()].map(|range| &pair.target[range]);
                score.wrong.push(format!("{source:?}: {found:?}, wanted {wanted:?}\t{}\n", pair.source));
            }
        }
    }
    score
}

/// Where the translator puts the elements in translations of its own, as far as it finds the words that they should hold:
/// an element counts when these words are in its translation just once.
pub(super) fn score_translations(
    pairs: &[Tagged],
    translator: &Translator<Cpu>,
    threads: usize,
) -> anyhow::Result<MarkupScore> {
    let sources: Vec<String> = pairs.iter().map(|pair| pair.source.clone()).collect();
    let options = TranslateOptions { with_attention: true, ..TranslateOptions::default() };
    let translations = translate_on_all_cores(translator, &sources, &options, threads, |_| {})?;
    let mut score = MarkupScore::default();
    for (pair, translation) in pairs.iter().zip(&translations) {
        let Translation { text, .. } = translation;
        let spoken = said(text);
        for placed in translation.projection(&pair.source).place(&pair.markup) {
            let wanted = said(&pair.target[pair.wanted[placed.span].clone()]);
            if spoken.windows(wanted.len().max(1)).filter(|window| *window == wanted).count() != 1 {
                continue;
            }
            score.add(&said(&text[placed.range]), &wanted);
        }
    }
    Ok(score)
}

/// The words of a text in small letters.
fn said(text: &str) -> Vec<String> {
    word_ranges(text).into_iter().map(|word| text[word].to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged() -> Tagged {
        Tagged::new(
            "The <a1><b1>red</b1> bike</a1> is <i1>here</i1>.",
            "Le <a1>v\u{e9}lo <b1>rouge</b1></a1> est <i1>ici</i1>.",
        )
        .expect("well-formed")
    }

    #[test]
    fn reads_elements_of_both_sides() {
        let pair = tagged();
        assert_eq!(pair.source, "The red bike is here.");
        let spans = pair.markup.spans();
        let read = spans
            .iter()
            .zip(&pair.wanted)
            .map(|(span, wanted)| (&pair.source[span.range.clone()], span.parent, &pair.target[wanted.clone()]));
        let read: Vec<_> = read.collect();
        assert_eq!(read, [("red bike", None, "v\u{e9}lo rouge"), ("red", Some(0), "rouge"), ("here", None, "ici")]);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = |source, target| format!("{:#}", Tagged::new(source, target).expect_err("not well-formed"));
        assert!(error("<b1>a", "b").contains("source"), "{}", error("<b1>a", "b"));
        assert!(error("<b1>a</b1>", "b").contains("1 elements in the source, 0"));
        assert!(error("<b1>a</b1>", "<b2>b</b2>").contains("<b1> is not in the target"));
        assert!(error("<b1>a</b1> <b1>a</b1>", "b").contains("<b1> comes twice"));
        assert!(error("a  b", "b").contains("normalised"));
    }

    #[test]
    fn scores_by_words() {
        let pair = tagged();
        let at = |text: &str, word: &str| {
            let start = text.find(word).expect("a word of the text");
            start..start + word.len()
        };
        let links = |words: &[(&str, &str)]| -> Weights {
            words.iter().map(|(to, from)| (at(&pair.target, to), at(&pair.source, from), 1.0)).collect()
        };
        let right = links(&[("Le", "The"), ("v\u{e9}lo", "bike"), ("rouge", "red"), ("est", "is"), ("ici", "here")]);
        let row = score(std::slice::from_ref(&pair), &[right]).row("right");
        assert_eq!((row.right, row.elements, row.share, row.f1), (3, 3, 1.0, 1.0));
        let wrong = links(&[("Le", "The"), ("v\u{e9}lo", "red"), ("rouge", "bike"), ("est", "is"), ("ici", "here")]);
        let score = score(std::slice::from_ref(&pair), &[wrong]);
        assert_eq!((score.n_right, score.wrong.len()), (2, 1));
        assert!(score.wrong[0].contains("\"red\": \"v\u{e9}lo\", wanted \"rouge\""), "{:?}", score.wrong);
        assert!((score.row("wrong").f1 - 2.0 / 3.0).abs() < 1e-9);
        let mut empty = MarkupScore::default();
        assert!(empty.add::<&str>(&[], &[]));
        assert_eq!(empty.row("without words").f1, 1.0);
    }
}
