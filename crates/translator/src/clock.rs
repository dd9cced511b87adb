//! Times of day with `a.m.` or `p.m.`, which languages with 24 hours write in another way.
//!
//! A network copies them, and `5:30 p.m.` in a French sentence is half past five in the morning to most readers.

use std::ops::Range;

use crate::mask::Term;
use crate::numbers::numbers;

/// Languages whose hours go to 24, with a colon before the minutes (CLDR 47, short times).
const WITH_COLON: [&str; 15] =
    ["ca", "cs", "de", "es", "hu", "it", "nl", "no", "pl", "pt", "ro", "ru", "sv", "tr", "uk"];

/// How times of day with `a.m.` or `p.m.` are written in a translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Clock {
    /// As the network has them.
    #[default]
    Any,
    /// As `17:30`.
    Colon,
    /// As `17 h 30`.
    French,
}

impl Clock {
    /// What a translation from one language into another calls for, by their tags.
    pub fn between(source: &str, target: &str) -> Self {
        let language = |tag: &'static str| move |full: &str| full.split('-').next() == Some(tag);
        match language("en")(source) {
            true if language("fr")(target) => Self::French,
            true if WITH_COLON.iter().any(|tag| language(tag)(target)) => Self::Colon,
            _ => Self::Any,
        }
    }

    /// The times of a text, each with what stands for it in the translation.
    pub fn terms(self, text: &str) -> Vec<Term> {
        let term = |Time { range, hour, minute }| {
            let replacement = match self {
                Self::Any => return None,
                Self::Colon => format!("{hour}:{minute:02}"),
                Self::French if minute == 0 => format!("{hour} h"),
                Self::French => format!("{hour} h {minute:02}"),
            };
            Some(Term { range, replacement })
        };
        times(text).filter_map(term).collect()
    }
}

struct Time {
    range: Range<usize>,
    /// 0 to 23.
    hour: u8,
    minute: u8,
}

/// Times of day such as `9am` and `5:30 p.m.`; not those of which one half is shared, as in `2 to 5 p.m.`
fn times(text: &str) -> impl Iterator<Item = Time> {
    numbers(text).into_iter().filter_map(|number| {
        let (hour, minute) = match text[number.clone()].split_once([':', '.']) {
            Some((hour, minute)) if minute.len() == 2 => (hour, minute.parse().ok()?),
            Some(_) => return None,
            None => (&text[number.clone()], 0),
        };
        let hour: u8 = hour.parse().ok().filter(|hour| (1..=12).contains(hour))?;
        let (length, is_afternoon) = half_of_day(&text[number.end..])?;
        let is_shared = is_end_of_range(&text[..number.start]);
        let hour = hour % 12 + if is_afternoon { 12 } else { 0 };
        (minute < 60 && !is_shared).then_some(Time { range: number.start..number.end + length, hour, minute })
    })
}

/// The length of a beginning such as ` p.m.` in bytes, without a full stop that ends a sentence, and whether it is after noon.
fn half_of_day(text: &str) -> Option<(usize, bool)> {
    let mut rest = text.strip_prefix([' ', '\u{a0}', '\u{202f}']).unwrap_or(text);
    let letter = rest.chars().next()?.to_ascii_lowercase();
    if !matches!(letter, 'a' | 'p') {
        return None;
    }
    rest = &rest[1..];
    let abbreviated = rest.strip_prefix('.');
    rest = abbreviated.unwrap_or(rest).strip_prefix(['m', 'M'])?;
    if rest.starts_with(char::is_alphanumeric) {
        return None;
    }
    if let Some(behind) = abbreviated.and(rest.strip_prefix('.')) {
        rest = if ends_a_sentence(behind) { rest } else { behind };
    }
    Some((text.len() - rest.len(), letter == 'p'))
}

/// Whether the full stop of `p.m.` ends a sentence too, by what follows it. A day goes on with it: `9 a.m. Monday`.
fn ends_a_sentence(behind: &str) -> bool {
    let next = behind.trim_start();
    let is_day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].iter().any(|day| next.starts_with(day));
    let mut letters = next.chars();
    let is_word = letters.next().is_some_and(char::is_uppercase) && letters.next().is_some_and(|c| !c.is_uppercase());
    next.is_empty() || (next.len() < behind.len() && is_word && !is_day)
}

/// Whether a text ends with a bare number and what joins it to another: `2 to`, `2-`.
fn is_end_of_range(before: &str) -> bool {
    let before = before.trim_end();
    let joints = ["to", "and", "or", "until", "till", "-", "\u{2013}", "\u{2014}"];
    joints
        .iter()
        .filter_map(|joint| before.strip_suffix(joint))
        .any(|first| first.trim_end().ends_with(char::is_numeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(clock: Clock, text: &str) -> String {
        let mut written = text.to_owned();
        for Term { range, replacement } in clock.terms(text).into_iter().rev() {
            written.replace_range(range, &replacement);
        }
        written
    }

    #[test]
    fn times_of_day() {
        for (text, french) in [
            ("Monday to Friday, 9 a.m. to 5:30 p.m.", "Monday to Friday, 9 h to 17 h 30."),
            ("9am-5pm", "9 h-17 h"),
            ("12:05 AM or 12 PM?", "0 h 05 or 12 h?"),
            ("at 5 p.m. We close", "at 17 h. We close"),
            ("9 a.m. Monday, 10.15 a.m. CET", "9 h Monday, 10 h 15 CET"),
            ("at 7 p.m., then", "at 19 h, then"),
        ] {
            assert_eq!(written(Clock::French, text), french);
        }
        assert_eq!(written(Clock::Colon, "9 a.m., 5:30 pm"), "9:00, 17:30");
        assert_eq!(written(Clock::Any, "9 a.m."), "9 a.m.");
    }

    #[test]
    fn no_times_of_day() {
        for text in [
            "5 apples",
            "13 p.m.",
            "5:75 pm",
            "$5 a month",
            "10 amps",
            "2 to 5 p.m.",
            "2\u{2013}5 pm",
            "1.5 am",
            "I am 5",
        ] {
            assert_eq!(written(Clock::French, text), text);
        }
    }

    #[test]
    fn languages() {
        let clocks = [("en-GB", "fr-CA"), ("en", "de"), ("en", "hi"), ("en", "da"), ("fr", "en"), ("de", "fr")]
            .map(|(source, target)| Clock::between(source, target));
        assert_eq!(clocks, [Clock::French, Clock::Colon, Clock::Any, Clock::Any, Clock::Any, Clock::Any]);
    }
}
