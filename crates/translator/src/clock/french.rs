//! Times of day as French writes them, `17 h 30`, which a network takes for anything but a time.

use traduko_text::is_in;

use super::{SPACES, Time};

/// Words before times. After them `9 h` is a time; elsewhere it may be nine hours.
const LEADS: &str = "\u{e0} avant d\u{e8}s entre jusque vers";

/// What joins two times to one span.
const JOINTS: &str =
    "\u{e0} au et jusqu'\u{e0} jusqu\u{2019}\u{e0} ou - \u{2010} \u{2011} \u{2012} \u{2013} \u{2014} \u{2212}";

/// The earliest hour at which a span without any word before it begins: `8 h - 12 h`, but `2 h - 3 h` are hours.
const MORNING: u8 = 5;

/// An hour, with minutes or not.
struct Hour {
    time: Time,
    has_minutes: bool,
}

/// Times of day such as `17 h 30`, and `9 h` where the words around it say that it is one: `à 9 h`, `de 9 h à 17 h`, `9 h - 12 h`; not
/// where it may be how long something lasts, as in `en 9 h`, `à 2 h de Paris`.
pub(super) fn times(text: &str) -> Vec<Time> {
    let mut hours = hours(text);
    let mut times = Vec::new();
    while !hours.is_empty() {
        let is_last = |pair: &[Hour]| {
            let between = &text[pair[0].time.range.end..pair[1].time.range.start];
            let between = between.trim_matches(SPACES).to_lowercase();
            !is_in(JOINTS, &between)
        };
        let n = hours.windows(2).position(is_last).map_or(hours.len(), |last| last + 1);
        let span: Vec<Hour> = hours.drain(..n).collect();
        let [first, last] = [&span[0], &span[n - 1]];
        let behind = text[last.time.range.end..].trim_start_matches(SPACES).to_lowercase();
        let is_duration = ["de ", "de\u{a0}", "d'", "d\u{2019}"].iter().any(|word| behind.starts_with(word));
        let word = word_before(&text[..first.time.range.start]).to_lowercase();
        let is_led = is_in(LEADS, &word);
        let is_span = n > 1 && (word == "de" || first.time.hour >= MORNING);
        if !is_duration && (is_led || is_span || span.iter().any(|hour| hour.has_minutes)) {
            times.extend(span.into_iter().map(|hour| hour.time));
        }
    }
    times
}

/// Everything that looks like a time, from left to right.
fn hours(text: &str) -> Vec<Hour> {
    let mut hours = Vec::new();
    let mut end = 0;
    for (start, _) in text.match_indices(|c: char| c.is_ascii_digit()) {
        let is_inside = text[..start].ends_with(|c: char| c.is_alphanumeric() || ".,:/$€£".contains(c));
        if start < end || is_inside {
            continue;
        }
        if let Some(hour) = hour(text, start) {
            end = hour.time.range.end;
            hours.push(hour);
        }
    }
    hours
}

/// The time that begins at a byte.
fn hour(text: &str, start: usize) -> Option<Hour> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[start..];
    let hour = rest[..digits(rest)].parse().ok().filter(|&hour: &u8| hour < 24)?;
    let rest = &rest[digits(rest)..];
    let rest = rest.strip_prefix(SPACES).unwrap_or(rest).strip_prefix(['h', 'H'])?;
    let behind = rest.strip_prefix(SPACES).unwrap_or(rest);
    let is_whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '/');
    let minute = match digits(behind) {
        2 if is_whole(&behind[2..]) => behind[..2].parse().ok().filter(|&minute: &u8| minute < 60),
        _ => None,
    };
    let rest = if minute.is_some() { &behind[2..] } else { rest };
    if !is_whole(rest) {
        return None;
    }
    let range = start..text.len() - rest.len();
    Some(Hour { time: Time { range, hour, minute: minute.unwrap_or(0) }, has_minutes: minute.is_some() })
}

/// The word right before a place in a text: `à` before `jusqu'à 9 h`.
fn word_before(before: &str) -> &str {
    before.trim_end_matches(SPACES).rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::clock::{Clock, tests::written};

    #[test]
    fn times_of_day() {
        for (text, english) in [
            ("Du lundi au vendredi, de 9 h à 17 h 30", "Du lundi au vendredi, de 9:00 à 17:30"),
            ("Le magasin ferme à 20 h.", "Le magasin ferme à 20:00."),
            ("Rendez-vous à 14h30 mardi.", "Rendez-vous à 14:30 mardi."),
            ("OUVERT JUSQU'À 19H", "OUVERT JUSQU'À 19:00"),
            ("dès 8\u{a0}h\u{a0}05", "dès 8:05"),
            ("9h-12h, 14h-18h", "9:00-12:00, 14:00-18:00"),
            ("entre 9 h et 12 h", "entre 9:00 et 12:00"),
            ("de 9 h à 12 h et de 14 h à 18 h", "de 9:00 à 12:00 et de 14:00 à 18:00"),
            ("0 h 15", "0:15"),
        ] {
            assert_eq!(written(Clock::FromFrench, text), english);
        }
    }

    #[test]
    fn no_times_of_day() {
        for text in [
            "livré en 24 h",
            "24h/24",
            "ouvert 7 j/7, 12 h/jour",
            "une durée de 2 h",
            "à 2 h de Paris",
            "à 2 h d'ici",
            "2 h 30 de route",
            "de 2 h à 3 h de marche",
            "comptez 2 h - 3 h",
            "à 90 km/h",
            "à 25 h",
            "9 h 75",
            "3 hommes",
            "1,5 h",
            "B9 h 30",
        ] {
            assert_eq!(written(Clock::FromFrench, text), text);
        }
    }
}
