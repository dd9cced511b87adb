//! One spelling for what readers cannot tell apart.
//!
//! Training and translating go through the same function, so the network sees one space, one apostrophe and
//! one form of an accented letter. It is idempotent, and it keeps what carries meaning: case, dashes, ellipses
//! and both kinds of quotation marks.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Returns `text` in the form the tokenizer expects.
///
/// - Unicode NFC: `e` + combining acute becomes `é`.
/// - Every run of white space and control characters becomes one plain space; none is left at either end.
///   French no-break spaces before `?`, `!`, `:`, `;` and inside « » are plain spaces too: corpora mix the
///   three kinds, and a browser shows them alike.
/// - Typographic apostrophes (U+2018, U+2019, U+02BC) become `'`. French elides in every other sentence
///   (`l'eau`, `qu'il`), corpora mix both signs, and two spellings of the same words would split their counts.
/// - Quotation marks (`"`, `“ ”`, `« »`) stay as they are: they differ between the two languages.
/// - Soft hyphens, zero-width spaces and byte order marks vanish. Joiners stay: emoji and some scripts need them.
/// - U+2581, with which the tokenizer marks spaces, becomes `_`.
pub fn normalize(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    clean(text, |_, character| spaced.push(character));
    if unicode_normalization::is_nfc(&spaced) { spaced } else { spaced.nfc().collect() }
}

/// Hands on each character that stays, with the position in `text` that it comes from; all but the composing of letters.
fn clean(text: &str, mut keep: impl FnMut(usize, char)) {
    // A space is handed on once something follows it.
    let mut gap = None;
    let mut is_begun = false;
    for (at, character) in text.char_indices() {
        let character = match character {
            '\u{00AD}' | '\u{200B}' | '\u{2060}' | '\u{FEFF}' => continue,
            '\u{2018}' | '\u{2019}' | '\u{02BC}' => '\'',
            '\u{2581}' => '_',
            c if c.is_whitespace() || c.is_control() => ' ',
            c => c,
        };
        if character == ' ' {
            gap = gap.or(is_begun.then_some(at));
            continue;
        }
        if let Some(at) = gap.take() {
            keep(at, ' ');
        }
        keep(at, character);
        is_begun = true;
    }
}

/// A normalised text that knows where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalized {
    /// What [`normalize`] gives.
    pub text: String,
    /// For each byte of it the byte of the original where its character begins; then the original's length.
    origins: Vec<usize>,
}

impl Normalized {
    /// Normalises `text`.
    pub fn new(text: &str) -> Self {
        let (mut spaced, mut sources) = (String::with_capacity(text.len()), Vec::with_capacity(text.len()));
        clean(text, |at, character| {
            spaced.push(character);
            sources.resize(spaced.len(), at);
        });
        let mut normalized = Self { text: String::with_capacity(spaced.len()), origins: Vec::new() };
        // Letters are composed within what a reader takes for one character, never beyond it.
        for (at, cluster) in spaced.grapheme_indices(true) {
            normalized.text.extend(cluster.nfc());
            normalized.origins.resize(normalized.text.len(), sources[at]);
        }
        normalized.origins.push(text.len());
        normalized
    }

    /// The bytes of the original that some bytes of the normalised text came from; to its end where they go beyond.
    pub fn origin(&self, range: Range<usize>) -> Range<usize> {
        let at = |position: usize| *self.origins.get(position).or(self.origins.last()).expect("at least its length");
        let start = at(range.start);
        // The end of the last character: where the next one begins.
        let last = at(range.end.max(1) - 1);
        let end = self.origins[range.end.min(self.origins.len())..].iter().find(|&&origin| origin > last);
        start..end.copied().unwrap_or_else(|| at(usize::MAX)).max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spaces_and_controls_become_one_plain_space() {
        assert_eq!(normalize("  a\u{a0}\u{202f}b\t\r\n\u{7}c\u{3000}"), "a b c");
        assert_eq!(normalize("Vraiment\u{202f}?"), "Vraiment ?");
        assert_eq!(normalize(" \n "), "");
    }

    #[test]
    fn apostrophes_are_one_and_quotes_stay() {
        assert_eq!(normalize("l’eau"), "l'eau");
        assert_eq!(normalize("«\u{a0}oui\u{a0}» “yes”"), "« oui » “yes”");
    }

    #[test]
    fn letters_are_composed_even_across_a_soft_hyphen() {
        assert_eq!(normalize("e\u{301}te\u{301}"), "été");
        assert_eq!(normalize("e\u{ad}\u{301}"), "é");
    }

    #[test]
    fn the_space_mark_of_the_tokenizer_never_comes_from_text() {
        assert_eq!(normalize("a▁b"), "a_b");
    }

    #[test]
    fn every_byte_knows_its_origin() {
        let text = " l\u{2019}e\u{301}te\u{301} \u{a0} a\u{ad}b";
        let normalized = Normalized::new(text);
        assert_eq!(normalized.text, "l'\u{e9}t\u{e9} ab");
        let origin = |part: &str| {
            let start = normalized.text.find(part).expect("a part");
            &text[normalized.origin(start..start + part.len())]
        };
        assert_eq!(origin("l'"), "l\u{2019}");
        assert_eq!(origin("\u{e9}t"), "e\u{301}t");
        assert_eq!(origin(" "), " \u{a0} ");
        assert_eq!(origin("ab"), "a\u{ad}b");
        assert_eq!(normalized.origin(50..60), text.len()..text.len());
        assert_eq!(Normalized::new("").origin(0..0), 0..0);
    }

    proptest! {
        #[test]
        fn with_and_without_origins_the_text_is_the_same(text in any::<String>()) {
            let normalized = Normalized::new(&text);
            prop_assert_eq!(&normalized.text, &normalize(&text));
            let parts = normalized.text.char_indices().map(|(at, c)| normalized.origin(at..at + c.len_utf8()));
            let mut end = 0;
            for part in parts {
                prop_assert!(text.get(part.clone()).is_some());
                prop_assert!(part.end >= end);
                end = part.end;
            }
        }

        #[test]
        fn odd_ones_too(text in "[ae\u{301}\u{327}\u{ad}\u{200b}\u{a0}\u{2019}\u{1fef}\u{344}\u{1100}\u{1161}\u{11a8}\u{ac00}\u{fb1d}\u{9dc}\u{9be}\u{9c7} \n]{0,12}") {
            prop_assert_eq!(Normalized::new(&text).text, normalize(&text));
        }

        #[test]
        fn twice_is_once(text in any::<String>()) {
            let once = normalize(&text);
            prop_assert_eq!(normalize(&once), once);
        }

        #[test]
        fn odd_characters_too(text in "[ae\u{301}\u{ad}\u{200b}\u{a0}\u{2019}\u{2581}\u{1fef}\u{2000}\u{344} \n]{0,12}") {
            let once = normalize(&text);
            prop_assert_eq!(normalize(&once), once);
        }
    }
}
