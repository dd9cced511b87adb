//! Rules that count the words of people, and numbers.

use std::collections::HashMap;

use traduko_text::{prose_words, trim_punctuation};

/// Whether a token is the kind that programs are made of.
fn is_code_token(token: &str) -> bool {
    let inner = trim_punctuation(token);
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
    n_code > 0 && 5 * prose_words(text).count() <= n_tokens && 2 * n_code >= n_tokens
}

/// The share of the target's words that stand in the source too, letter case aside.
///
/// Nothing for fewer than four words: names and terms are rightly the same in both languages.
pub fn copied_share(source: &str, target: &str) -> Option<f64> {
    let mut left: HashMap<String, usize> = HashMap::new();
    for word in prose_words(source) {
        *left.entry(word.to_lowercase()).or_default() += 1;
    }
    let (mut n_words, mut n_copied) = (0, 0);
    for word in prose_words(target) {
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
