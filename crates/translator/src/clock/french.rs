//! Times of day and hours as French writes them, `17 h 30` and `48 h`, which a network takes for anything.

use std::ops::Range;

use traduko_text::is_in;

use super::SPACES;
use crate::mask::Term;

/// Words before times. After them `9 h` is a time; elsewhere it may be nine hours.
const LEADS: &str = "\u{e0} avant d\u{e8}s entre jusque vers";

/// Words before what lasts: `en 9 h`, `toutes les 4 h`.
const LASTING: &str = "dans durant en environ les pendant sous";

/// The same with `de` behind: `une durée de 2 h`, but `le train de 9 h`.
const LASTING_OF: &str = "d\u{e9}lai dur\u{e9}e moins p\u{e9}riode plus";

/// What joins two times to one span.
const JOINTS: &str =
    "\u{e0} au et jusqu'\u{e0} jusqu\u{2019}\u{e0} ou - \u{2010} \u{2011} \u{2012} \u{2013} \u{2014} \u{2212}";

/// What follows hours that last: `à 2 h de Paris`, but `à 2 h de l'après-midi`.
const OF: [&str; 4] = ["de ", "de\u{a0}", "d'", "d\u{2019}"];
const AFTERNOON: [&str; 2] = ["de l'apr\u{e8}s", "de l\u{2019}apr\u{e8}s"];

/// The earliest hour at which a span without any word before it begins: `8 h - 12 h`, but `2 h - 3 h` are hours.
const MORNING: u16 = 5;

struct Hours {
    range: Range<usize>,
    hours: u16,
    minutes: Option<u8>,
}

impl Hours {
    fn into_time(self) -> Term {
        let Self { range, hours, minutes } = self;
        Term { range, replacement: format!("{hours}:{:02}", minutes.unwrap_or(0)) }
    }

    fn into_english(self) -> Term {
        let Self { range, hours, minutes } = self;
        let replacement = match (hours, minutes) {
            (_, Some(minutes)) => format!("{hours} h {minutes:02} min"),
            (1, None) => "1 hour".to_owned(),
            (_, None) => format!("{hours} hours"),
        };
        Term { range, replacement }
    }
}

/// Times of day, `17 h 30` as `17:30`, and `9 h` where the words around it say that it is one: `à 9 h`, `de 9 h à 17 h`,
/// `9 h - 12 h`. Where English is the target, also what lasts: `sous 48 h` as `48 hours`. What may be either is the network's.
pub(super) fn terms(text: &str, is_english: bool) -> Vec<Term> {
    let mut hours = all_hours(text).into_iter().peekable();
    let mut terms = Vec::new();
    while let Some(first) = hours.next() {
        let mut span = vec![first];
        while let Some(next) = hours.next_if(|next| is_joint(&text[span[span.len() - 1].range.end..next.range.start])) {
            span.push(next);
        }
        let behind = text[span[span.len() - 1].range.end..].trim_start_matches(SPACES).to_lowercase();
        let mut before = words(&text[..span[0].range.start]).map(str::to_lowercase);
        let [word, other] = [before.next().unwrap_or_default(), before.next().unwrap_or_default()];
        let starts_with = |beginnings: &[&str]| beginnings.iter().any(|beginning| behind.starts_with(beginning));
        let is_lasting = (starts_with(&OF) && !starts_with(&AFTERNOON))
            || (span.len() == 1 && behind.starts_with("par "))
            || span.iter().any(|hours| hours.hours > 23)
            || is_in(LASTING, &word)
            || (word == "de" && is_in(LASTING_OF, &other));
        let is_time = is_in(LEADS, &word)
            || (span.len() > 1 && (word == "de" || span[0].hours >= MORNING))
            || span.iter().any(|hours| hours.minutes.is_some());
        match (is_lasting, is_time) {
            (true, _) if is_english => terms.extend(span.into_iter().map(Hours::into_english)),
            (false, true) => terms.extend(span.into_iter().map(Hours::into_time)),
            _ => {}
        }
    }
    terms
}

fn is_joint(between: &str) -> bool {
    is_in(JOINTS, &between.trim_matches(SPACES).to_lowercase())
}

/// The words right before a place in a text, the last first: `à`, `jusqu` before `jusqu'à 9 h`; none across a line or a mark.
fn words(before: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| SPACES.contains(&c) || matches!(c, '\'' | '\u{2019}');
    before
        .rsplit(move |c: char| !c.is_alphabetic() && !is_between(c))
        .take(1)
        .flat_map(move |part| part.rsplit(is_between).filter(|word| !word.is_empty()))
}

/// Everything that looks like hours, from left to right.
fn all_hours(text: &str) -> Vec<Hours> {
    let mut all: Vec<Hours> = Vec::new();
    for (start, _) in text.match_indices(|c: char| c.is_ascii_digit()) {
        let is_inside = text[..start].ends_with(|c: char| c.is_alphanumeric() || ".,:/$\u{20ac}\u{a3}".contains(c));
        if !is_inside && all.last().is_none_or(|last| last.range.end <= start) {
            all.extend(hours(text, start));
        }
    }
    all
}

/// The hours that begin at a byte.
fn hours(text: &str, start: usize) -> Option<Hours> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[start..];
    let (hours, rest) = rest.split_at(digits(rest));
    let hours = hours.parse().ok()?;
    let rest = rest.strip_prefix(SPACES).unwrap_or(rest).strip_prefix(['h', 'H'])?;
    let behind = rest.strip_prefix(SPACES).unwrap_or(rest);
    let is_whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '/');
    let minutes = match digits(behind) {
        2 if is_whole(&behind[2..]) => behind[..2].parse().ok().filter(|&minutes: &u8| minutes < 60),
        _ => None,
    };
    let rest = if minutes.is_some() { &behind[2..] } else { rest };
    is_whole(rest).then(|| Hours { range: start..text.len() - rest.len(), hours, minutes })
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
            ("à 2 h de l'après-midi", "à 2:00 de l'après-midi"),
            ("0 h 15", "0:15"),
        ] {
            for clock in [Clock::FromFrench, Clock::FrenchToEnglish] {
                assert_eq!(written(clock, text), english);
            }
        }
    }

    #[test]
    fn hours_that_last() {
        for (text, english) in [
            ("Livraison sous 48 h", "Livraison sous 48 hours"),
            ("livré en 24h", "livré en 24 hours"),
            ("une durée de 2 h, puis 1 h de repos", "une durée de 2 hours, puis 1 hour de repos"),
            ("à 2 h de Paris", "à 2 hours de Paris"),
            ("à 2 h d'ici", "à 2 hours d'ici"),
            ("2 h 30 de route", "2 h 30 min de route"),
            ("de 2 h à 3 h de marche", "de 2 hours à 3 hours de marche"),
            ("35 h par semaine", "35 hours par semaine"),
            ("toutes les 4 h", "toutes les 4 hours"),
        ] {
            assert_eq!(written(Clock::FrenchToEnglish, text), english);
            assert_eq!(written(Clock::FromFrench, text), text);
        }
    }

    #[test]
    fn neither() {
        for text in [
            "24h/24",
            "ouvert 7 j/7, 12 h/jour",
            "le train de 9 h",
            "comptez 2 h - 3 h",
            "samedi 9 h",
            "en ligne : 9 h",
            "à 90 km/h",
            "9 h 75",
            "3 hommes",
            "1,5 h",
            "B9 h 30",
            "99999999 h",
        ] {
            assert_eq!(written(Clock::FrenchToEnglish, text), text);
        }
    }
}
