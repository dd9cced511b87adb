//! Terms that stand in a sentence under another name while the network reads it.
//!
//! A single capital letter comes out of a translation as it went in, even where the network is small, so `Run cargo
//! build first` goes in as `Run X first`. A translation in which a letter is missing or twice is refused, and the sentence
//! is cut at its terms instead.

use std::ops::Range;

use traduko_text::{Kept, to_sentence_case};

/// The letters, those that are no words first.
const LETTERS: [char; 7] = ['X', 'Z', 'W', 'K', 'V', 'Q', 'Y'];

/// A stretch of a text that is not the network's to translate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// What stands for it in the translation.
    pub replacement: String,
}

impl Term {
    /// Whether it shares a byte with a range of the text.
    pub fn overlaps(&self, range: &Range<usize>) -> bool {
        self.range.start < range.end && range.start < self.range.end
    }
}

/// What lies between `terms`, which lie inside `range` in order, and around them.
pub(crate) fn gaps(range: &Range<usize>, terms: &[Term]) -> impl Iterator<Item = Range<usize>> {
    let starts = std::iter::once(range.start).chain(terms.iter().map(|term| term.range.end));
    let ends = terms.iter().map(|term| term.range.start).chain([range.end]);
    starts.zip(ends).map(|(start, end)| start..end)
}

#[derive(Clone, Debug)]
struct Mask {
    letter: char,
    /// Its bytes in [`Masked::text`].
    masked: Range<usize>,
    term: Term,
}

/// A sentence as the network reads it.
#[derive(Clone, Debug)]
pub(crate) struct Masked {
    pub text: String,
    masks: Vec<Mask>,
    /// Its bytes in the text it belongs to.
    range: Range<usize>,
}

impl Masked {
    /// `range` of `text`, with a letter for each of `terms`, which lie inside it in order; `None` where there are more of
    /// them than letters that are not around them.
    pub fn new(text: &str, range: Range<usize>, terms: &[Term]) -> Option<Self> {
        let is_free = |letter: &char| !gaps(&range, terms).any(|gap| text[gap].contains(*letter));
        let mut letters = LETTERS.into_iter().filter(is_free);
        let (mut masked, mut masks, mut at) = (String::with_capacity(range.len()), Vec::new(), range.start);
        for term in terms {
            let letter = letters.next()?;
            masked.push_str(&text[at..term.range.start]);
            masks.push(Mask { letter, masked: masked.len()..masked.len() + 1, term: term.clone() });
            masked.push(letter);
            at = term.range.end;
        }
        masked.push_str(&text[at..range.end]);
        Some(Self { text: masked, masks, range })
    }

    /// Writes a sentence in capitals in small letters, but for its beginning and the letters of its terms. Tells whether it
    /// did: where a letter is longer in capitals, it does not.
    pub fn make_small(&mut self) -> bool {
        let mut small = to_sentence_case(&self.text);
        let is_same_length = small.len() == self.text.len()
            && self
                .text
                .char_indices()
                .all(|(at, letter)| small[at..].chars().next().is_some_and(|c| c.len_utf8() == letter.len_utf8()));
        if !is_same_length {
            return false;
        }
        for Mask { letter, masked, .. } in &self.masks {
            small.replace_range(masked.clone(), letter.encode_utf8(&mut [0; 4]));
        }
        self.text = small;
        true
    }

    /// How many terms there are.
    pub fn n_terms(&self) -> usize {
        self.masks.len()
    }

    /// The bytes of the text that some bytes of [`Self::text`] stand for.
    pub fn origin(&self, range: Range<usize>) -> Range<usize> {
        let at = |position: usize, is_end: bool| {
            let mut origin = self.range.start + position;
            for Mask { masked, term, .. } in &self.masks {
                if position > masked.start || (position == masked.start && is_end) {
                    origin = match position >= masked.end {
                        true => term.range.end + (position - masked.end),
                        false => term.range.start,
                    };
                }
            }
            origin.min(self.range.end)
        };
        let start = at(range.start, false);
        start..at(range.end, true).max(start)
    }

    /// A translation with the terms in it again; `None` where a letter is missing, twice or inside a word.
    pub fn unmask(&self, translation: &str) -> Option<Unmasked> {
        let mut found: Vec<(usize, &Mask)> = Vec::with_capacity(self.masks.len());
        for mask in &self.masks {
            let mut places = translation.match_indices(mask.letter);
            let (at, _) = places.next()?;
            let is_alone = !translation[..at].ends_with(char::is_alphanumeric)
                && !translation[at + 1..].starts_with(char::is_alphanumeric);
            if places.next().is_some() || !is_alone {
                return None;
            }
            found.push((at, mask));
        }
        found.sort_by_key(|(at, _)| *at);
        let mut unmasked =
            Unmasked { text: String::with_capacity(translation.len()), kept: Vec::new(), shifts: vec![] };
        let mut rest = 0;
        for (at, mask) in found {
            unmasked.text.push_str(&translation[rest..at]);
            let start = unmasked.text.len();
            unmasked.text.push_str(&mask.term.replacement);
            rest = at + 1;
            unmasked.shifts.push((rest, unmasked.text.len()));
            unmasked.kept.push(Kept { source: mask.term.range.clone(), target: start..unmasked.text.len() });
        }
        unmasked.text.push_str(&translation[rest..]);
        Some(unmasked)
    }
}

/// A translation with its terms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unmasked {
    pub text: String,
    /// Where the terms are, in the text and in this translation.
    pub kept: Vec<Kept>,
    /// Behind each term: a position in the masked translation, and the same in this one.
    shifts: Vec<(usize, usize)>,
}

impl Unmasked {
    /// Writes everything but the terms in capitals, except letters that are longer so.
    pub fn make_capital(&mut self) {
        let is_kept = |at: usize| self.kept.iter().any(|kept| kept.target.contains(&at));
        let capital = |(at, letter): (usize, char)| {
            let mut upper = letter.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) if one.len_utf8() == letter.len_utf8() && !is_kept(at) => one,
                _ => letter,
            }
        };
        self.text = self.text.char_indices().map(capital).collect();
    }

    /// Where a position of the masked translation is now; one inside a letter is at its term's beginning.
    pub fn position(&self, masked: usize) -> usize {
        let shift = self.shifts.iter().rev().find(|(before, _)| *before <= masked);
        let (before, now) = shift.copied().unwrap_or_default();
        (now + masked - before).min(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, terms: &[(&str, &str)]) -> Option<Masked> {
        let term = |&(found, replacement): &(&str, &str)| {
            let start = text.find(found).expect("a term of the text");
            Term { range: start..start + found.len(), replacement: replacement.to_owned() }
        };
        Masked::new(text, 1..text.len(), &terms.iter().map(term).collect::<Vec<_>>())
    }

    #[test]
    fn letters_stand_for_terms() {
        let found = masked(" Run cargo build in X or .", &[("cargo build", "cargo build"), ("in", "dans")]).unwrap();
        assert_eq!(found.text, "Run Z W X or .");
        let text = " Run cargo build in X or .";
        let origin = |range| &text[found.origin(range)];
        assert_eq!(origin(0..3), "Run");
        assert_eq!(origin(4..5), "cargo build");
        assert_eq!(origin(3..7), " cargo build in");
        assert_eq!(origin(8..9), "X");
        assert_eq!(origin(13..99), ".");
    }

    #[test]
    fn terms_come_back_once() {
        let found = masked(" Run a in b.", &[("a", "l'eau"), ("b", "b")]).expect("letters enough");
        assert_eq!(found.text, "Run X in Z.");
        let unmasked = found.unmask("Dans Z, lancez d'X.").expect("both are there");
        assert_eq!(unmasked.text, "Dans b, lancez d'l'eau.");
        assert_eq!(unmasked.kept, [Kept { source: 10..11, target: 5..6 }, Kept { source: 5..6, target: 17..22 },]);
        assert_eq!([0, 5, 6, 17, 18, 19].map(|at| unmasked.position(at)), [0, 5, 6, 17, 22, 23]);
        for bad in ["Dans Z.", "Dans Z, X X.", "Dans Z, Xa.", "Dans Z, 1X."] {
            assert!(found.unmask(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn capitals_there_and_back() {
        let mut found = masked(" RUN build NOW, JOHN!", &[("build", "build")]).expect("letters enough");
        assert!(found.make_small());
        assert_eq!(found.text, "Run X now, john!");
        let mut unmasked = found.unmask("Lance\u{df} X, été!").expect("it is there");
        unmasked.make_capital();
        assert_eq!(unmasked.text, "LANCE\u{df} build, ÉTÉ!");
    }

    #[test]
    fn letters_run_out() {
        assert!(
            masked(" a b c d e f g", &[("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", ""), ("f", ""), ("g", "")])
                .is_some()
        );
        assert!(masked(" a Q", &[("a", ""); 1]).is_some());
        assert!(masked(" XZWKVQY a", &[("a", "")]).is_none());
        let found = masked(" an /XZ/WK/VQ/Y of X", &[("/XZ/WK/VQ/Y", "")]).expect("letters of a term are free");
        assert_eq!(found.text, "an Z of X");
    }
}
