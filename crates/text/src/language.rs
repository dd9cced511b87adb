//! Text in another language than it should be in.
//!
//! whatlang (trigrams of 69 languages, 0.8 MB of source) rather than lingua: on 8,000 lines of documentation both
//! were wrong with a confidence above 0.9 in about one line of a thousand, but whatlang takes 16 us a line where
//! lingua takes 190 us and brings 4 to 6 MB of models for each language. Lingua knows more of the lines under four
//! words; those are too short to be sure of, and pass here without a look. The page's
//! program is 0.3 MB larger for it, 0.09 MB once gzipped.

use std::collections::HashSet;

use whatlang::{Detector, Lang};

use crate::normalize;
use crate::words::{is_in, prose_words};

/// Two-letter codes of what the check knows, and whatlang's three letters.
const CODES: [(&str, &str); 22] = [
    ("ar", "ara"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("da", "dan"),
    ("de", "deu"),
    ("el", "ell"),
    ("en", "eng"),
    ("es", "spa"),
    ("fi", "fin"),
    ("fr", "fra"),
    ("hu", "hun"),
    ("it", "ita"),
    ("la", "lat"),
    ("nl", "nld"),
    ("no", "nob"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("sv", "swe"),
    ("tr", "tur"),
    ("uk", "ukr"),
];

/// Against which the two languages of the corpus are held. Few, because every further one takes lines from the right
/// one; in another script a language costs nothing.
const NEIGHBOURS: [Lang; 13] = [
    Lang::Eng,
    Lang::Fra,
    Lang::Deu,
    Lang::Spa,
    Lang::Ita,
    Lang::Nld,
    Lang::Por,
    Lang::Rus,
    Lang::Ara,
    Lang::Ell,
    Lang::Cmn,
    Lang::Jpn,
    Lang::Kor,
];

/// Words that stand in nearly every sentence of a language and in few of another.
const FUNCTION_WORDS: [(Lang, &str); 2] = [
    (
        Lang::Eng,
        "the of and to is are was were with for this that you your it be by from or not will which if can has have been when \
         its he she his her him my me we us they them their at in as but had said did do does so how what who there let all",
    ),
    (
        Lang::Fra,
        "le la les un une des du de et est sont dans pour par avec vous votre qui que ce cette ces il elle ne pas au aux sur à \
         où ou je tu nous mais se sa son ses mon ma mes dit comme plus si en être était a été leur leurs",
    ),
];

/// Whether a word in small letters stands in nearly every sentence of English or of French.
pub(crate) fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.iter().any(|(_, list)| is_in(list, word))
}

/// How sure whatlang must be.
const MIN_CONFIDENCE: f64 = 0.9;
/// How sure it must be between two languages.
const MIN_CONFIDENCE_OF_TWO: f64 = 0.5;
/// Below this many words nobody can be sure.
const MIN_WORDS: usize = 4;
/// And below this many letters.
const MIN_LETTERS: usize = 16;

/// The language that a code such as `fr` or `fra` stands for.
///
/// # Errors
/// Where it stands for none that the check knows.
pub fn language_code(code: &str) -> Result<Lang, String> {
    let three = CODES.iter().find_map(|&(two, three)| (two == code).then_some(three)).unwrap_or(code);
    let known = || CODES.map(|(two, _)| two).join(", ");
    Lang::from_code(three)
        .ok_or_else(|| format!("unknown language {code:?} (expected {}, or a code of three letters)", known()))
}

/// Tells whether text is confidently in another language than its column's.
#[derive(Debug)]
pub struct LanguageCheck {
    detector: Detector,
    /// Knows the two languages only.
    pair: Detector,
    source: Lang,
    target: Lang,
}

impl LanguageCheck {
    /// A check of a corpus from `source` to `target`.
    pub fn new(source: Lang, target: Lang) -> Self {
        let languages: HashSet<Lang> = NEIGHBOURS.into_iter().chain([source, target]).collect();
        let mut languages: Vec<Lang> = languages.into_iter().collect();
        languages.sort_unstable_by_key(Lang::code);
        let pair = Detector::with_allowlist(vec![source, target]);
        Self { detector: Detector::with_allowlist(languages), pair, source, target }
    }

    /// Whether a source is confidently not in the source language.
    pub fn is_source_foreign(&self, text: &str) -> bool {
        self.foreign_language(text, self.source, &self.detector, MIN_CONFIDENCE).is_some()
    }

    /// Whether a source is in the target language already.
    ///
    /// Only the two languages are held against each other. Of the lines of four words and more of
    /// web_dev, flores200-dev and tatoeba-test-2k (en-fr) it finds 4,621 of 4,926 in French, and 11 of 4,854 in English.
    pub fn is_source_in_target_language(&self, text: &str) -> bool {
        self.foreign_language(text, self.source, &self.pair, MIN_CONFIDENCE_OF_TWO) == Some(self.target)
    }

    /// Whether a target is confidently not in the target language.
    pub fn is_target_foreign(&self, text: &str) -> bool {
        self.foreign_language(text, self.target, &self.detector, MIN_CONFIDENCE).is_some()
    }

    /// The language of a text that is confidently not in its `own`.
    ///
    /// Identifiers, numbers and addresses are left out before the look: they are in no language. A function word of the
    /// column's own language clears a short text: what is left of a line full of names and terms would mislead.
    fn foreign_language(&self, text: &str, own: Lang, detector: &Detector, min_confidence: f64) -> Option<Lang> {
        let words: Vec<String> = prose_words(&normalize(text)).map(str::to_lowercase).collect();
        let letters: usize = words.iter().map(|word| word.chars().count()).sum();
        if words.len() < MIN_WORDS || letters < MIN_LETTERS {
            return None;
        }
        let found = detector.detect(&words.join(" "))?;
        if found.lang() == own || found.confidence() < min_confidence {
            return None;
        }
        let count = |lang: Lang| {
            let list = FUNCTION_WORDS.iter().find_map(|&(of, list)| (of == lang).then_some(list))?;
            let elided = if lang == Lang::Fra { "l d c n s j m qu" } else { list };
            let is_function_word = |word: &&String| match word.split_once('\'') {
                Some((before, _)) => is_in(elided, before),
                None => is_in(list, word),
            };
            Some(words.iter().filter(is_function_word).count())
        };
        // Where a language has no list, a word in eight may be shared by chance: `in`, `die`.
        let is_foreign =
            count(own).is_none_or(|own| own <= count(found.lang()).map_or(words.len() / 8, |found| found / 4));
        is_foreign.then(|| found.lang())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check() -> LanguageCheck {
        LanguageCheck::new(language_code("en").unwrap(), language_code("fra").unwrap())
    }

    #[test]
    fn other_languages_are_seen() {
        let check = check();
        assert!(check.is_target_foreign("This page has not been translated into your language yet."));
        assert!(check.is_source_foreign("Cette page n'a pas encore été traduite dans votre langue."));
        assert!(check.is_source_in_target_language("Cette page n'a pas encore été traduite dans votre langue."));
        // As pages write it: eight words, and one only between plain spaces.
        let raw = "L’une\u{a0}d’elles\u{a0}n’a\u{a0}pas\u{a0}été\u{a0}traduite\naujourd’hui ici.";
        assert!(check.is_source_in_target_language(raw));
        let german = "Diese Seite wurde leider noch nicht in Ihre Sprache übersetzt.";
        assert!(check.is_source_foreign(german) && !check.is_source_in_target_language(german));
        assert!(check.is_target_foreign("Эта страница ещё не переведена на русский язык."));
    }

    #[test]
    fn own_text_and_short_or_mixed_text_passes() {
        let check = check();
        for text in [
            "Si c'est indisponible, l'utiliser lèvera une NotImplementedError.",
            "La commande git rebase --interactive HEAD~3 ouvre votre éditeur.",
            "Firefox Nightly",
            "Menu",
        ] {
            assert!(!check.is_target_foreign(text), "{text}");
        }
        for text in [
            "A thousand devils! cried Coconnas; it's Monsieur de la Mole!",
            "The Café des Deux Magots and the Théâtre de la Ville are in Paris.",
            "Hi",
            "x = foo_bar(12);",
        ] {
            assert!(!check.is_source_foreign(text), "{text}");
        }
    }

    #[test]
    fn unknown_codes_are_named() {
        assert!(language_code("xx").unwrap_err().starts_with("unknown language \"xx\" (expected ar, ca"));
    }
}
