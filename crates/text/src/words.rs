//! Words of people among signs, identifiers and numbers.

/// Punctuation that may stand around a word of a sentence.
const AROUND: &str = ".,;:!?\"'()[]«»“”„…—–*";

/// A token without the punctuation of the sentence around it.
pub fn trim_punctuation(token: &str) -> &str {
    token.trim_matches(|c| AROUND.contains(c))
}

/// The words of people in `text`, without the punctuation around them.
///
/// A word has letters only, but for inner apostrophes and hyphens, two at least, with a vowel where it is ASCII. What has
/// an upper-case letter after a lower-case one (`innerHTML`), brackets, underscores, slashes or digits is none, and
/// neither is a word in capitals among others (`EINTR`), only where all of the text is in capitals.
pub fn prose_words(text: &str) -> impl Iterator<Item = &str> {
    let is_shouted = !text.contains(char::is_lowercase);
    text.split(' ').filter_map(move |token| word(token, is_shouted))
}

fn word(token: &str, is_shouted: bool) -> Option<&str> {
    if token.contains("()") {
        return None;
    }
    let word = trim_punctuation(token).trim_end_matches('-');
    let mut letters = 0;
    let mut upper_letters = 0;
    let mut previous = ' ';
    for c in word.chars() {
        if c.is_alphabetic() {
            letters += 1;
            upper_letters += usize::from(c.is_uppercase());
            if c.is_uppercase() && previous.is_lowercase() {
                return None;
            }
        } else if !(c == '\'' || c == '-' && previous != ' ') {
            return None;
        }
        previous = c;
    }
    let is_acronym = upper_letters == letters && !is_shouted;
    let can_be_said = !word.is_ascii() || word.contains(|c| "aeiouyAEIOUY".contains(c));
    (letters >= 2 && !is_acronym && can_be_said).then_some(word)
}

/// Whether a word is one of a list's, which spaces separate.
pub fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_people_say() {
        let found = |text| prose_words(text).collect::<Vec<_>>();
        assert_eq!(found("\"Don't (re-use) innerHTML, EINTR or foo_bar()!\""), ["Don't", "re-use", "or"]);
        assert_eq!(found("L'état n'est pas 42 % de /usr/lib."), ["L'état", "n'est", "pas", "de"]);
        assert_eq!(found("LOST AND FOUND"), ["LOST", "AND", "FOUND"]);
        assert_eq!(found("--help -x b strcmp 3rd"), [""; 0]);
    }
}
