//! Words of people among signs, identifiers and numbers, and the rules that count them.

use std::collections::HashMap;

/// Punctuation that may stand around a word of a sentence.
const AROUND: &str = ".,;:!?\"'()[]«»“”„…—–*";

/// The words of people in `text`, without the punctuation around them.
///
/// A word has letters only, but for inner apostrophes and hyphens, two at least, with a vowel where it is ASCII. What has
/// an upper-case letter after a lower-case one (`innerHTML`), brackets, underscores, slashes or digits is none, and
/// neither is a word in capitals among others (`EINTR`), only where all of the text is in capitals.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_shouted = !text.contains(char::is_lowercase);
    text.split(' ').filter_map(move |token| word(token, is_shouted))
}

fn word(token: &str, is_shouted: bool) -> Option<&str> {
    if token.contains("()") {
        return None;
    }
    let word = token.trim_matches(|c| AROUND.contains(c)).trim_end_matches('-');
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

/// Whether a token is the kind that programs are made of.
fn is_code_token(token: &str) -> bool {
    let inner = token.trim_matches(|c| AROUND.contains(c));
    let has_sign = |text: &str| text.contains(|c| "\\{}<>=$#@|`~^&+;".contains(c)) || text.contains("::");
    // One slash between words is an alternative: and/or.
    let is_path = inner.starts_with(['/', '~']) || inner.ends_with('/') || inner.matches('/').count() > 1;
    // `Co_nfigure` is a menu entry with its key marked, `DiskUsage` the name of a program.
    let is_capital = inner.starts_with(char::is_uppercase) && inner.contains(char::is_lowercase);
    let is_joined = inner.matches('_').count() > usize::from(is_capital);
    let has_hump = || {
        let mut previous = ' ';
        !is_capital && inner.chars().any(|c| c.is_uppercase() && std::mem::replace(&mut previous, c).is_lowercase())
    };
    let has_dot = || {
        let mut parts = inner.split('.');
        parts.clone().count() > 1 && parts.all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    token.contains("()")
        || inner.starts_with("--")
        || has_sign(inner)
        || is_path
        || is_joined
        || has_hump()
        || has_dot()
}

/// Whether `text` is code: nearly no words, and at least half of the rest are signs, identifiers and paths.
pub fn is_code(text: &str) -> bool {
    let n_tokens = text.split(' ').count();
    let n_code = text.split(' ').filter(|token| is_code_token(token)).count();
    n_code > 0 && 5 * words(text).count() <= n_tokens && 2 * n_code >= n_tokens
}

/// The share of the target's words that stand in the source too, letter case aside.
///
/// Nothing for fewer than four words: names and terms are rightly the same in both languages.
pub fn copied_share(source: &str, target: &str) -> Option<f64> {
    let mut left: HashMap<String, usize> = HashMap::new();
    for word in words(source) {
        *left.entry(word.to_lowercase()).or_default() += 1;
    }
    let (mut n_words, mut n_copied) = (0, 0);
    for word in words(target) {
        n_words += 1;
        if let Some(count) = left.get_mut(&word.to_lowercase()).filter(|count| **count > 0) {
            *count -= 1;
            n_copied += 1;
        }
    }
    (n_words >= 4).then(|| f64::from(n_copied) / f64::from(n_words))
}

/// Whether each side has a number of two digits or more that the other lacks.
///
/// One side alone may spell a number. `1,000` and `1 000` are one number, `1970` and `70` may be, `10` and `22` on a clock.
pub fn numbers_differ(source: &str, target: &str) -> bool {
    let (mut left, mut right) = (numbers(source), numbers(target));
    let mut drop_matches = |is_match: fn(u64, u64) -> bool| {
        left.retain(|&number| {
            let found = right.iter().position(|&other| is_match(number, other));
            found.map(|at| right.swap_remove(at)).is_none()
        });
    };
    drop_matches(|number, other| number == other);
    drop_matches(|number, other| number.max(other) % 100 == number.min(other));
    drop_matches(|number, other| number.abs_diff(other) == 12 && number.max(other) <= 24);
    let is_long = |&number: &u64| number >= 10;
    left.iter().any(is_long) && right.iter().any(is_long)
}

/// The numbers in `text`; up to three digits with a space, a comma or a full stop and three more are one.
fn numbers(text: &str) -> Vec<u64> {
    let bytes = text.as_bytes();
    let n_digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let mut end = at + n_digits(at);
        if end == at {
            at += 1;
            continue;
        }
        if end - at <= 3 {
            while bytes.get(end).is_some_and(|byte| b" ,.".contains(byte)) && n_digits(end + 1) == 3 {
                end += 4;
            }
        }
        let digits = bytes[at..end].iter().filter(|byte| byte.is_ascii_digit());
        let value = |value: u64, digit: &u8| value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        numbers.push(digits.fold(0, value));
        at = end;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_people_say() {
        let found = |text| words(text).collect::<Vec<_>>();
        assert_eq!(found("\"Don't (re-use) innerHTML, EINTR or foo_bar()!\""), ["Don't", "re-use", "or"]);
        assert_eq!(found("L'état n'est pas 42 % de /usr/lib."), ["L'état", "n'est", "pas", "de"]);
        assert_eq!(found("LOST AND FOUND"), ["LOST", "AND", "FOUND"]);
        assert_eq!(found("--help -x b strcmp 3rd"), [""; 0]);
    }

    #[test]
    fn code_has_no_sentence() {
        for text in
            ["x = foo_bar(y);", "/usr/share/doc/", "git.config.get_all", "<br />", "element.innerHTML = 'x'", "--no-ff"]
        {
            assert!(is_code(text), "{text}");
        }
        for text in [
            "Use foo_bar() to read it.",
            "Firefox 3.5",
            "2008-06-19",
            "Save",
            "and/or",
            "10.5 %",
            "e.g. Debian",
            "Hello!",
        ] {
            assert!(!is_code(text), "{text}");
        }
    }

    #[test]
    fn copies_are_counted_in_words() {
        assert_eq!(copied_share("Firefox", "Firefox"), None);
        assert_eq!(copied_share("Set the default value here", "Set the default value here"), Some(1.0));
        assert_eq!(copied_share("the cat the dog", "le chat the the"), Some(0.5));
    }

    #[test]
    fn numbers_must_not_contradict() {
        assert!(numbers_differ("in 1999", "en 2001"));
        for (source, target) in [
            ("1,000.50 dollars", "1 000,50 dollars"),
            ("twelve of 1999", "12 de 1999"),
            ("at 10:30 p.m.", "à 22 h 30"),
            ("from 5 to 7", "de 4 à 6"),
            ("06/19/2008", "19/06/2008"),
            ("15000 us (15 ms)", "15 000 us (15 ms)"),
            ("in the 1970s, 2021–22", "dans les années 70, 2021-2022"),
        ] {
            assert!(!numbers_differ(source, target), "{source}");
        }
    }
}
