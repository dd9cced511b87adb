//! Times of day with `a.m.` or `p.m.`, which languages with 24 hours write in another way, and those that French writes
//! with an `h`.
//!
//! A network copies them, and `5:30 p.m.` in a French sentence is half past five in the morning to most readers; of `14 h` in
//! an English one it makes `14 a.m.`

use std::cell::LazyCell;
use std::ops::Range;

use traduko_text::{is_day, is_in, is_month, split_sentences};

use crate::mask::Term;
use crate::numbers::numbers;

mod french;

/// Languages whose hours go to 24, with a colon before the minutes (CLDR 47, short times).
const WITH_COLON: [&str; 15] =
    ["ca", "cs", "de", "es", "hu", "it", "nl", "no", "pl", "pt", "ro", "ru", "sv", "tr", "uk"];

/// What joins a time to another of the same half of the day.
const JOINTS: &str = "to and or until till til 'til \u{2018}til \u{2019}til through thru & / - \u{2010} \u{2011} \u{2012} \
     \u{2013} \u{2014} \u{2212}";

/// Words before times that name no number, beside days: `Open 2 - 5 p.m.`, but `Session 2 - 5 p.m.`
const NAMELESS: &str = "at between closed daily from hours open weekdays weekends";

/// What may stand inside a time and between times, which no line end does.
const SPACES: [char; 3] = [' ', '\u{a0}', '\u{202f}'];

/// How times of day are written in a translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Clock {
    /// As the network has them.
    #[default]
    Any,
    /// Those with `a.m.` or `p.m.` as `17:30`.
    Colon,
    /// Those with `a.m.` or `p.m.` as `17 h 30`.
    French,
    /// Those that French writes as `17 h 30` as `17:30`.
    FromFrench,
    /// The same, which every reader of English knows too, and `48 h` as `48 hours`.
    FrenchToEnglish,
}

impl Clock {
    /// What a translation from one language into another calls for, by their tags.
    pub fn between(source: &str, target: &str) -> Self {
        let language = |tag: &'static str| move |full: &str| full.split('-').next() == Some(tag);
        let has_colon = WITH_COLON.iter().any(|tag| language(tag)(target));
        match (language("en")(source), language("fr")(source)) {
            (true, _) if language("fr")(target) => Self::French,
            (true, _) if has_colon => Self::Colon,
            (_, true) if language("en")(target) => Self::FrenchToEnglish,
            (_, true) if has_colon => Self::FromFrench,
            _ => Self::Any,
        }
    }

    /// The times of a text, and hours, each with what stands for it in the translation.
    pub fn terms(self, text: &str) -> Vec<Term> {
        let term = |Time { range, hour, minute }| {
            let replacement = match self {
                Self::French if minute == 0 => format!("{hour} h"),
                Self::French => format!("{hour} h {minute:02}"),
                _ => format!("{hour}:{minute:02}"),
            };
            Term { range, replacement }
        };
        match self {
            Self::Any => Vec::new(),
            Self::Colon | Self::French => times(text).into_iter().map(term).collect(),
            Self::FromFrench | Self::FrenchToEnglish => french::terms(text, self == Self::FrenchToEnglish),
        }
    }
}

struct Time {
    range: Range<usize>,
    /// 0 to 23.
    hour: u8,
    minute: u8,
}

/// Times of day such as `9am` and `5:30 p.m.`, and each of those that share one half, as in `2 to 5 p.m.`; not where
/// the first of them may be of the other half, as in `9 to 5 p.m.`, a day, as in `July 4 to 8 p.m.`, or a number of
/// something, as in `Session 2 - 5 p.m.`
fn times(text: &str) -> Vec<Time> {
    let start = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    let parts = numbers(text).into_iter().flat_map(|number| text[number].split('-'));
    let numbers: Vec<Range<usize>> = parts.map(|part| start(part)..start(part) + part.len()).collect();
    let between = |at: usize| &text[numbers[at].end..numbers[at + 1].start];
    let is_joint = |at: usize, joints: &str| {
        let joint = between(at).trim_matches(SPACES).trim_start_matches(", ").to_lowercase();
        is_in(joints, &joint)
    };
    let is_loose = |at: usize| between(at).ends_with(SPACES) && !between(at).contains(char::is_alphabetic);
    let sentences = LazyCell::new(|| split_sentences(text));
    let mut times = Vec::new();
    for (last, number) in numbers.iter().enumerate() {
        let Some((length, is_afternoon)) = half_of_day(&text[number.end..]) else { continue };
        // `5, 6 or 7 p.m.`, but `July 4, 5 to 8 p.m.`
        let is_list = last > 0 && is_joint(last - 1, "and or &");
        let is_joined = |&at: &usize| is_joint(at, JOINTS) || (is_list && is_joint(at, ","));
        let first = (0..last).rev().take_while(is_joined).last().unwrap_or(last);
        let sharing = &numbers[first..=last];
        let read: Option<Vec<(u8, u8)>> = sharing.iter().map(|number| hour_and_minute(&text[number.clone()])).collect();
        let Some(read) = read.filter(|read| read.is_sorted_by(|left, right| left < right)) else { continue };
        let word = word_before(&text[..sharing[0].start]);
        if (first < last && is_month(word)) || ((first..last).any(is_loose) && names_a_number(word)) {
            continue;
        }
        times.extend(sharing.iter().zip(read).map(|(number, (hour, minute))| Time {
            range: number.clone(),
            hour: hour + if is_afternoon { 12 } else { 0 },
            minute,
        }));
        let end = number.end + length;
        let ends_sentence = text[..end].ends_with('.')
            && may_begin_a_sentence(&text[end..])
            && sentences.binary_search_by_key(&end, |sentence| sentence.end).is_ok();
        if let Some(time) = times.last_mut() {
            time.range.end = end - usize::from(ends_sentence);
        }
    }
    times
}

/// A time such as `12` or `5:30`, its hour from 0 to 11.
fn hour_and_minute(number: &str) -> Option<(u8, u8)> {
    let (hour, minute) = number.split_once([':', '.']).unwrap_or((number, "00"));
    let hour = hour.parse::<u8>().ok().filter(|hour| (1..=12).contains(hour))?;
    let minute = minute.parse::<u8>().ok().filter(|&value| minute.len() == 2 && value < 60)?;
    Some((hour % 12, minute))
}

/// The word right before a number, a full stop or `#` between them or not: `Sept. 4`, `Game #3`.
fn word_before(before: &str) -> &str {
    let before = before.trim_end_matches(SPACES).trim_end_matches(['.', '#']).trim_end_matches(SPACES);
    before.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default()
}

/// Whether a word and the number behind it may be one name, as `Session 2`.
fn names_a_number(word: &str) -> bool {
    let lower = word.to_lowercase();
    word.starts_with(char::is_uppercase) && !is_day(word) && !is_in(NAMELESS, &lower)
}

/// The length of a beginning such as ` p.m.` in bytes, and whether it is after noon.
fn half_of_day(text: &str) -> Option<(usize, bool)> {
    let mut rest = text.strip_prefix(SPACES).unwrap_or(text);
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
    rest = abbreviated.and(rest.strip_prefix('.')).unwrap_or(rest);
    Some((text.len() - rest.len(), letter == 'p'))
}

/// Whether what follows `p.m.` may begin a sentence, or is nothing. A day or a month may be a timetable's next line.
fn may_begin_a_sentence(behind: &str) -> bool {
    let next = behind.trim_start();
    let word = next.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    next.is_empty() || (next.starts_with(char::is_uppercase) && !is_day(word) && !is_month(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn written(clock: Clock, text: &str) -> String {
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
            ("at 5 p.m. May 5", "at 17 h May 5"),
            ("at 5 p.m. Money talks", "at 17 h. Money talks"),
            ("at 7 p.m., then", "at 19 h, then"),
            ("2 to 5 p.m.", "14 h to 17 h."),
            ("2\u{2013}5 pm, Tu. 9-11:30 am", "14 h\u{2013}17 h, Tu. 9 h-11 h 30"),
            ("at 5, 6, or 7 p.m., 12 & 1 PM", "at 17 h, 18 h, or 19 h, 12 h & 13 h"),
            ("10 THROUGH 11 PM", "22 h THROUGH 23 h"),
            ("on July 4, 8 p.m.", "on July 4, 20 h."),
            ("OPEN UNTIL 5 P.M. ENJOY!", "OPEN UNTIL 17 h. ENJOY!"),
            ("Saturday, July 4, 2 to 5 p.m.", "Saturday, July 4, 14 h to 17 h."),
            ("Oct 31, 2024, 2 to 5 p.m.", "Oct 31, 2024, 14 h to 17 h."),
            ("2024-05-03, 2 to 5 p.m.", "2024-05-03, 14 h to 17 h."),
            ("Room 4, 5 to 8 p.m.", "Room 4, 17 h to 20 h."),
            ("Hall 2, 5-7 p.m.", "Hall 2, 17 h-19 h."),
            ("Market 8 to 11 a.m.", "Market 8 h to 11 h."),
            ("OPEN 2 - 5 PM, Sat. 2 \u{2013} 4 pm", "OPEN 14 h - 17 h, Sat. 14 h \u{2013} 16 h"),
            ("Table 2\n- 5 pm", "Table 2\n- 17 h"),
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
            "9 to 5 p.m.",
            "July 4 \u{2013} 8 p.m.",
            "(July 4 to 8 p.m.)",
            "Sept. 4 to 8 p.m.",
            "Session 2 \u{2013} 4:30 p.m.",
            "Game #3 - 8 p.m.",
            "Room 4, 5 and 6 p.m.",
            "rooms 13 and 5 p.m.",
            "1.5 am",
            "I am 5",
        ] {
            assert_eq!(written(Clock::French, text), text);
        }
    }

    #[test]
    fn languages() {
        for (source, target, clock) in [
            ("en-GB", "fr-CA", Clock::French),
            ("en", "de", Clock::Colon),
            ("en", "hi", Clock::Any),
            ("en", "da", Clock::Any),
            ("fr", "en", Clock::FrenchToEnglish),
            ("fr-CA", "es", Clock::FromFrench),
            ("fr", "hi", Clock::Any),
            ("de", "fr", Clock::Any),
        ] {
            assert_eq!(Clock::between(source, target), clock, "{source} to {target}");
        }
    }
}
