//! Words whose translation the owner of a text has fixed.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, Match};

use crate::TranslateError;
use crate::mask::Term;

/// Terms with their translations; a term that translates to itself stays as it is.
///
/// A term is found as a whole word or words, in its own spelling or with a capital first letter, and the longest wins.
/// Its translation stands in the text by construction, whatever the network thinks of it.
#[derive(Clone, Debug, Default)]
pub struct Glossary(Option<Arc<Terms>>);

#[derive(Debug)]
struct Terms {
    entries: Vec<(String, String)>,
    /// Every term twice: as it is written, then with a capital first letter.
    matcher: AhoCorasick,
}

impl PartialEq for Glossary {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl Glossary {
    /// A glossary of terms and their translations.
    ///
    /// # Errors
    /// An empty term or translation, one with a line end, or a term given twice, by name.
    pub fn new(entries: impl IntoIterator<Item = (String, String)>) -> Result<Self, TranslateError> {
        let mut entries: Vec<(String, String)> = entries.into_iter().collect();
        entries.sort();
        let fault = |term: &str, reason| Err(TranslateError::Glossary { term: term.to_owned(), reason });
        for (term, translation) in &entries {
            if term.trim().is_empty() || term.trim() != term {
                return fault(term, "is empty or has white space at an end");
            }
            if translation.trim().is_empty() {
                return fault(term, "has no translation");
            }
            if [term, translation].iter().any(|text| text.contains(char::is_control)) {
                return fault(term, "has a line end or a control character");
            }
        }
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return fault(&pair[0].0, "is there twice");
        }
        if entries.is_empty() {
            return Ok(Self(None));
        }
        let patterns = entries.iter().flat_map(|(term, _)| [term.clone(), capitalized(term)]);
        let matcher = AhoCorasick::new(patterns).map_err(|error| TranslateError::Option {
            option: "glossary",
            found: error.to_string(),
            expected: "fewer or shorter terms".to_owned(),
        })?;
        Ok(Self(Some(Arc::new(Terms { entries, matcher }))))
    }

    fn entries(&self) -> &[(String, String)] {
        self.0.as_ref().map_or(&[], |terms| &terms.entries)
    }

    /// The terms in a text, in order and without overlap.
    pub(crate) fn find(&self, text: &str) -> Vec<Term> {
        let Some(terms) = &self.0 else { return Vec::new() };
        let found = terms.matcher.find_overlapping_iter(text).filter(|found| is_whole(text, &found.range()));
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|found| (found.start(), Reverse(found.end()), found.pattern()));
        let mut end = 0;
        found.retain(|found| {
            let is_free = end <= found.start();
            if is_free {
                end = found.end();
            }
            is_free
        });
        let term = |found: Match| {
            let (_, translation) = &terms.entries[found.pattern().as_usize() / 2];
            let is_capitalized = found.pattern().as_usize() % 2 == 1;
            let replacement = if is_capitalized { capitalized(translation) } else { translation.clone() };
            Term { range: found.range(), replacement }
        };
        found.into_iter().map(term).collect()
    }
}

/// Whether no word goes on beyond the ends of `range`.
fn is_whole(text: &str, range: &Range<usize>) -> bool {
    let goes_on = |outside: Option<char>, inside: Option<char>| {
        outside.is_some_and(char::is_alphanumeric) && inside.is_some_and(char::is_alphanumeric)
    };
    let term = &text[range.clone()];
    !goes_on(text[..range.start].chars().next_back(), term.chars().next())
        && !goes_on(text[range.end..].chars().next(), term.chars().next_back())
}

fn capitalized(term: &str) -> String {
    let mut rest = term.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glossary(entries: &[(&str, &str)]) -> Result<Glossary, TranslateError> {
        Glossary::new(entries.iter().map(|&(term, translation)| (term.to_owned(), translation.to_owned())))
    }

    #[test]
    fn whole_words_and_the_longest() {
        let entries = [("bike", "v\u{e9}lo"), ("bike stand", "support"), ("C++", "C++"), ("iOS", "iOS")];
        let glossary = glossary(&entries).expect("sound");
        let text = "Bike stand, a bike, bikes, motorbike; C++ on iOS.";
        let found: Vec<_> = glossary.find(text).into_iter().map(|term| (&text[term.range], term.replacement)).collect();
        let wanted = [("Bike stand", "Support"), ("bike", "v\u{e9}lo"), ("C++", "C++"), ("iOS", "iOS")];
        assert_eq!(found, wanted.map(|(term, replacement)| (term, replacement.to_owned())));
    }

    #[test]
    fn a_longer_term_that_is_no_whole_word_hides_none() {
        let entries =
            [("cookie", "t\u{e9}moin"), ("cookie consent", "accord"), ("bike stand", "support"), ("stand", "pied")];
        let glossary = glossary(&entries).expect("sound");
        let text = "Read our cookie consents at the motorbike stand.";
        let found: Vec<_> = glossary.find(text).into_iter().map(|term| (&text[term.range], term.replacement)).collect();
        let wanted = [("cookie", "t\u{e9}moin"), ("stand", "pied")];
        assert_eq!(found, wanted.map(|(term, replacement)| (term, replacement.to_owned())));
    }

    #[test]
    fn faults_are_named() {
        let fault = |entries: &[(&str, &str)]| glossary(entries).expect_err("unsound").to_string();
        assert_eq!(fault(&[("", "a")]), "glossary: the term \"\" is empty or has white space at an end");
        assert_eq!(fault(&[("a", " ")]), "glossary: the term \"a\" has no translation");
        assert_eq!(fault(&[("a", "b\n")]), "glossary: the term \"a\" has a line end or a control character");
        assert_eq!(fault(&[("a", "b"), ("a", "c")]), "glossary: the term \"a\" is there twice");
        assert_eq!(Glossary::new([]).expect("nothing is wrong"), Glossary::default());
    }
}
