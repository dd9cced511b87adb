//! Lines in capitals, which a network sees too rarely to read well.
//!
//! Whoever trains on such lines in small letters should translate them so, too: both use these functions.

/// Whether `text` is written in capitals throughout: two words of letters at least, one of four letters or more.
pub fn is_all_caps(text: &str) -> bool {
    let words = || text.split(char::is_whitespace).filter(|word| is_word(word));
    !text.contains(char::is_lowercase) && words().count() >= 2 && words().any(|word| word.chars().count() >= 4)
}

/// Small letters but for the first, where `text` [`is_all_caps`]; words with digits or signs inside stay as they are, and
/// so does white space.
pub fn to_sentence_case(text: &str) -> String {
    let mut is_first = true;
    let small = |word: &str| {
        if !is_word(word.trim_end()) {
            return word.to_owned();
        }
        let lower = word.to_lowercase();
        if !std::mem::take(&mut is_first) {
            return lower;
        }
        let start = lower.find(char::is_alphabetic).unwrap_or(0);
        let letter = lower[start..].chars().next().map_or(0, char::len_utf8);
        format!("{}{}{}", &lower[..start], lower[start..start + letter].to_uppercase(), &lower[start + letter..])
    };
    text.split_inclusive(char::is_whitespace).map(small).collect()
}

/// Letters with apostrophes, hyphens or what is not seen among them and punctuation around: no address, number or
/// identifier. The text may be normalised or not.
fn is_word(token: &str) -> bool {
    let inner = token.trim_matches(|c| ".,;:!?\"()[]«»“”…".contains(c));
    let is_inside = |c: char| c.is_alphabetic() || "'-‘’\u{ad}\u{200b}\u{2060}\u{feff}".contains(c);
    inner.contains(char::is_alphabetic) && inner.chars().all(is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_are_told_from_names() {
        for text in ["LOST AND FOUND", "ÉTAT DES LIEUX :", "NO, THANKS!", "DON’T SIT\u{a0}!", "BIB\u{ad}LIO\nTECA"] {
            assert!(is_all_caps(text), "{text}");
        }
        for text in ["GNU GPL", "NOTE", "NOT ALl", "", "HTTP_PROXY /USR/LIB", "12 34"] {
            assert!(!is_all_caps(text), "{text}");
        }
    }

    #[test]
    fn only_words_become_small() {
        assert_eq!(to_sentence_case("“ÉTAT DES LIEUX” : L'EAU"), "“État des lieux” : l'eau");
        assert_eq!(
            to_sentence_case("L’ÉTAT DES\u{a0}LIEUX\n  QU’ON A\u{202f}:"),
            "L’état des\u{a0}lieux\n  qu’on a\u{202f}:"
        );
        assert_eq!(to_sentence_case("SET HTTP_PROXY IN /ETC/RC2"), "Set HTTP_PROXY in /ETC/RC2");
    }
}
