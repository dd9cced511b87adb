//! Links made by hand, and how far a program's links are from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Serialize;

/// Links of one sentence pair by hand, `(source word, target word)` from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gold {
    /// Links a good aligner must find.
    pub sure: BTreeSet<(usize, usize)>,
    /// Links it may find, the sure ones included.
    pub possible: BTreeSet<(usize, usize)>,
}

/// Reads links by hand by line number of the text, from 1.
///
/// A line is a line number, a tab and links, separated by spaces: `3-4` is a sure link of source word 3 and target word
/// 4, `3?4` a possible one. Words are those of [`super::words()`]. Lines that begin with `#` are comments.
///
/// # Errors
/// When the file cannot be read or a line is not of that form; the error names the line.
pub fn read_gold(path: &Path) -> anyhow::Result<BTreeMap<usize, Gold>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut all = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("{}:{number}", path.display());
        let (sentence, links) = line.split_once('\t').with_context(|| {
            format!("{place}: found no tab (wanted a line number, a tab and links such as 0-0 1-2 3?4)")
        })?;
        let sentence: usize = match sentence.parse() {
            Ok(sentence) if sentence > 0 => sentence,
            _ => bail!("{place}: found line number {sentence:?} (wanted one from 1)"),
        };
        let mut gold = Gold::default();
        for link in links.split(' ') {
            let is_sure = link.contains('-');
            let positions = link.split_once(['-', '?']).map(|(source, target)| (source.parse(), target.parse()));
            let Some((Ok(source), Ok(target))) = positions else {
                bail!("{place}: found link {link:?} (wanted 3-4 for a sure one or 3?4 for a possible one)");
            };
            ensure!(gold.possible.insert((source, target)), "{place}: link {link} comes twice (wanted each once)");
            if is_sure {
                gold.sure.insert((source, target));
            }
        }
        ensure!(
            all.insert(sentence, gold).is_none(),
            "{place}: sentence {sentence} comes twice (wanted each line number once)"
        );
    }
    ensure!(!all.is_empty(), "{}: found no links", path.display());
    Ok(all)
}

/// How links compare with those made by hand (Och and Ney, 2003).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlignmentScore {
    n_found: usize,
    n_sure: usize,
    n_found_sure: usize,
    n_found_possible: usize,
}

/// The three figures, in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AlignmentFigures {
    /// Share of the found links that are possible.
    pub precision: f64,
    /// Share of the sure links that are found.
    pub recall: f64,
    /// Alignment error rate.
    pub aer: f64,
}

impl AlignmentScore {
    /// Adds a sentence, each found link once.
    pub fn add(&mut self, found: &[(usize, usize)], gold: &Gold) {
        self.n_found += found.len();
        self.n_sure += gold.sure.len();
        self.n_found_sure += found.iter().filter(|link| gold.sure.contains(link)).count();
        self.n_found_possible += found.iter().filter(|link| gold.possible.contains(link)).count();
    }

    /// `|A & P| / |A|`, `|A & S| / |S|` and `1 - (|A & S| + |A & P|) / (|A| + |S|)`; nothing of nothing counts as right.
    pub fn figures(&self) -> AlignmentFigures {
        let share = |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        AlignmentFigures {
            precision: share(self.n_found_possible, self.n_found),
            recall: share(self.n_found_sure, self.n_sure),
            aer: 1.0 - share(self.n_found_sure + self.n_found_possible, self.n_found + self.n_sure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<BTreeMap<usize, Gold>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("web.links");
        fs::write(&path, text)?;
        read_gold(&path)
    }

    #[test]
    fn links_are_sure_or_possible() {
        let gold = read("# by hand\n7\t0-0 1?2\n\n12\t3-4\n").unwrap();
        assert_eq!(gold.keys().copied().collect::<Vec<_>>(), [7, 12]);
        assert_eq!(gold[&7].sure, BTreeSet::from([(0, 0)]));
        assert_eq!(gold[&7].possible, BTreeSet::from([(0, 0), (1, 2)]));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, wanted) in [
            ("7 0-0\n", "web.links:1: found no tab"),
            ("7\t0-0\n0\t1-1\n", "web.links:2: found line number \"0\""),
            ("7\t0-0 1+1\n", "web.links:1: found link \"1+1\""),
            ("7\t0-0  1-1\n", "found link \"\""),
            ("7\t1-1 1?1\n", "web.links:1: link 1?1 comes twice"),
            ("7\t1-1\n7\t1-1\n", "web.links:2: sentence 7 comes twice"),
            ("", "web.links: found no links"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    /// Sure 0-0 and 1-1, possible 1-2 and 2-2. Found 0-0, 1-2, 2-1: two of three are possible, one of two sure is found,
    /// the error is 1 - (1 + 2) / (3 + 2).
    #[test]
    fn error_rate_by_hand() {
        let gold = read("1\t0-0 1-1 1?2 2?2\n").unwrap();
        let mut score = AlignmentScore::default();
        score.add(&[(0, 0), (1, 2), (2, 1)], &gold[&1]);
        let figures = score.figures();
        assert_eq!((figures.precision, figures.recall), (2.0 / 3.0, 0.5));
        assert!((figures.aer - 0.4).abs() < 1e-12);
        // A second sentence, wholly right: 1 - (1 + 2 + 2 + 2) / (3 + 2 + 2 + 2).
        score.add(&[(0, 0), (1, 1)], &gold[&1]);
        assert!((score.figures().aer - 2.0 / 9.0).abs() < 1e-12);
        assert_eq!(AlignmentScore::default().figures(), AlignmentFigures { precision: 1.0, recall: 1.0, aer: 0.0 });
    }
}
