//! One spelling for what readers cannot tell apart.
//!
//! Training and translating go through the same function, so the network sees one space, one apostrophe and
//! one form of an accented letter. It is idempotent, and it keeps what carries meaning: case, dashes, ellipses
//! and both kinds of quotation marks.

use unicode_normalization::UnicodeNormalization;

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
    let mut is_gap = true;
    for character in text.chars() {
        let character = match character {
            '\u{00AD}' | '\u{200B}' | '\u{2060}' | '\u{FEFF}' => continue,
            '\u{2018}' | '\u{2019}' | '\u{02BC}' => '\'',
            '\u{2581}' => '_',
            c if c.is_whitespace() || c.is_control() => ' ',
            c => c,
        };
        if character != ' ' {
            spaced.push(character);
        } else if !is_gap {
            spaced.push(' ');
        }
        is_gap = character == ' ';
    }
    spaced.truncate(spaced.trim_end_matches(' ').len());
    if unicode_normalization::is_nfc(&spaced) { spaced } else { spaced.nfc().collect() }
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

    proptest! {
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
