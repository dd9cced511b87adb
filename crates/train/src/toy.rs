//! A made-up language pair: numbers, dates and times spelled out in English and French.
//!
//! Small enough to learn in a minute, and still a language: word order, agreement (`vingt et une minutes`) and the
//! French way of counting (`quatre-vingt-dix-sept`). Tests and the toy model train on it, so that no corpus is
//! needed. A second task, reversing a sequence, needs nothing but attention.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const ENGLISH_UNITS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const ENGLISH_TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ENGLISH_ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const FRENCH_UNITS: [&str; 20] = [
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize",
    "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf",
];
const FRENCH_TENS: [&str; 7] = ["", "", "vingt", "trente", "quarante", "cinquante", "soixante"];
const FRENCH_MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const DAYS: [(&str, &str); 7] = [
    ("Monday", "lundi"),
    ("Tuesday", "mardi"),
    ("Wednesday", "mercredi"),
    ("Thursday", "jeudi"),
    ("Friday", "vendredi"),
    ("Saturday", "samedi"),
    ("Sunday", "dimanche"),
];
/// English singular and plural, French singular and plural, whether the French word is feminine.
const THINGS: [(&str, &str, &str, &str, bool); 8] = [
    ("house", "houses", "maison", "maisons", true),
    ("book", "books", "livre", "livres", false),
    ("table", "tables", "table", "tables", true),
    ("dog", "dogs", "chien", "chiens", false),
    ("apple", "apples", "pomme", "pommes", true),
    ("day", "days", "jour", "jours", false),
    ("week", "weeks", "semaine", "semaines", true),
    ("boat", "boats", "bateau", "bateaux", false),
];

/// `number` in English words, 0 to 999,999: `one thousand two hundred and five`.
///
/// # Panics
/// Above 999,999.
pub fn english_number(number: u32) -> String {
    assert!(number < 1_000_000, "the toy language counts to 999,999");
    let (thousands, rest) = (number / 1000, number % 1000);
    match (thousands, rest) {
        (0, _) => english_hundreds(rest),
        (_, 0) => format!("{} thousand", english_hundreds(thousands)),
        (_, 1..100) => format!("{} thousand and {}", english_hundreds(thousands), english_hundreds(rest)),
        _ => format!("{} thousand {}", english_hundreds(thousands), english_hundreds(rest)),
    }
}

fn english_hundreds(number: u32) -> String {
    let units = |n: u32| ENGLISH_UNITS[n as usize];
    match number {
        0..20 => units(number).into(),
        20..100 if number.is_multiple_of(10) => ENGLISH_TENS[number as usize / 10].into(),
        20..100 => format!("{}-{}", ENGLISH_TENS[number as usize / 10], units(number % 10)),
        _ if number.is_multiple_of(100) => format!("{} hundred", units(number / 100)),
        _ => format!("{} hundred and {}", units(number / 100), english_hundreds(number % 100)),
    }
}

/// `number` as an English ordinal, 1 to 31: `twenty-first`.
fn english_ordinal(number: u32) -> String {
    match number {
        0..20 => ENGLISH_ORDINALS[number as usize].into(),
        20 => "twentieth".into(),
        21..30 => format!("twenty-{}", ENGLISH_ORDINALS[number as usize - 20]),
        30 => "thirtieth".into(),
        _ => format!("thirty-{}", ENGLISH_ORDINALS[number as usize - 30]),
    }
}

/// `number` in French words in the traditional spelling, 0 to 999,999: `deux cent quatre-vingts`.
///
/// `is_feminine` is the gender of what is counted: `vingt et une maisons`.
///
/// # Panics
/// Above 999,999.
pub fn french_number(number: u32, is_feminine: bool) -> String {
    assert!(number < 1_000_000, "the toy language counts to 999,999");
    let (thousands, rest) = (number / 1000, number % 1000);
    // Before `mille`, vingt and cent take no s, and one thousand is plain `mille`.
    let head = match thousands {
        0 => return french_hundreds(rest, is_feminine, true),
        1 => "mille".into(),
        _ => format!("{} mille", french_hundreds(thousands, false, false)),
    };
    match rest {
        0 => head,
        _ => format!("{head} {}", french_hundreds(rest, is_feminine, true)),
    }
}

/// `is_last` is whether nothing multiplied follows, so that round hundreds and eighty take their s.
fn french_hundreds(number: u32, is_feminine: bool, is_last: bool) -> String {
    let (hundreds, rest) = (number / 100, number % 100);
    let head = match hundreds {
        0 => return french_tens(rest, is_feminine, is_last),
        1 => "cent".into(),
        _ if rest == 0 && is_last => return format!("{} cents", FRENCH_UNITS[hundreds as usize]),
        _ => format!("{} cent", FRENCH_UNITS[hundreds as usize]),
    };
    match rest {
        0 => head,
        _ => format!("{head} {}", french_tens(rest, is_feminine, is_last)),
    }
}

fn french_tens(number: u32, is_feminine: bool, is_last: bool) -> String {
    let unit = |n: u32| {
        if n == 1 && is_feminine { "une" } else { FRENCH_UNITS[n as usize] }
    };
    let ten = |n: u32| FRENCH_TENS[n as usize];
    match number {
        0..20 => unit(number).into(),
        80 => if is_last { "quatre-vingts" } else { "quatre-vingt" }.into(),
        71 => "soixante et onze".into(),
        70..80 => format!("soixante-{}", unit(number - 60)),
        81..100 => format!("quatre-vingt-{}", unit(number - 80)),
        _ if number.is_multiple_of(10) => ten(number / 10).into(),
        _ if number % 10 == 1 => format!("{} et {}", ten(number / 10), unit(1)),
        _ => format!("{}-{}", ten(number / 10), unit(number % 10)),
    }
}

/// A date in both languages: `the first of May` and `le premier mai`; `month` counts from 1.
///
/// # Panics
/// When day or month is outside 1 to 31 or 1 to 12.
pub fn date(day: u32, month: u32) -> (String, String) {
    assert!((1..=31).contains(&day) && (1..=12).contains(&month), "a day of the calendar");
    let french_day = if day == 1 { "premier".into() } else { french_number(day, false) };
    let month = month as usize - 1;
    (
        format!("the {} of {}", english_ordinal(day), ENGLISH_MONTHS[month]),
        format!("le {french_day} {}", FRENCH_MONTHS[month]),
    )
}

/// A time of day in both languages: `five past three` is `trois heures cinq`; hours 1 to 11, minutes 1 to 29.
fn time(hour: u32, minute: u32) -> (String, String) {
    let english = match minute {
        15 => format!("a quarter past {}", english_number(hour)),
        _ => format!("{} past {}", english_number(minute), english_number(hour)),
    };
    let hours = if hour == 1 { "heure" } else { "heures" };
    let minutes = if minute == 15 { "et quart".into() } else { french_number(minute, true) };
    (english, format!("{} {hours} {minutes}", french_number(hour, true)))
}

fn things(rng: &mut StdRng) -> (String, String) {
    let (one, many, un, plusieurs, is_feminine) = *THINGS.choose(rng).expect("a list that is not empty");
    let count = rng.random_range(1..100);
    let (english, french) = if count == 1 { (one, un) } else { (many, plusieurs) };
    (format!("{} {english}", english_number(count)), format!("{} {french}", french_number(count, is_feminine)))
}

fn capitalised(text: String) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `count` English sentences with their French translations, the same for the same seed.
pub fn pairs(count: usize, seed: u64) -> Vec<(String, String)> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count)
        .map(|_| {
            let (english, french) = sentence(&mut rng);
            (capitalised(english), capitalised(french))
        })
        .collect()
}

fn sentence(rng: &mut StdRng) -> (String, String) {
    let (day, month) = (rng.random_range(1..=28), rng.random_range(1..=12));
    let (english_date, french_date) = date(day, month);
    let (weekday, jour) = *DAYS.choose(rng).expect("a list that is not empty");
    match rng.random_range(0..6) {
        0 => {
            let bound = [100, 1_000, 10_000][rng.random_range(0..3)];
            let number = rng.random_range(0..bound);
            (format!("{}.", english_number(number)), format!("{}.", french_number(number, false)))
        }
        1 => (format!("today is {weekday}, {english_date}."), format!("aujourd'hui, c'est {jour}, {french_date}.")),
        2 => {
            let (english, french) = time(rng.random_range(1..=11), rng.random_range(1..=29));
            (format!("it is {english}."), format!("il est {french}."))
        }
        3 => {
            let (english, french) = things(rng);
            (format!("I have {english}."), format!("j'ai {french}."))
        }
        4 => {
            let (english, french) = things(rng);
            (format!("we saw {english} on {english_date}."), format!("nous avons vu {french} {french_date}."))
        }
        _ => {
            let (english, french) = time(rng.random_range(1..=11), rng.random_range(1..=29));
            (format!("come on {weekday} at {english}."), format!("venez {jour} à {french}."))
        }
    }
}

/// `count` sequences of 3 to 10 letters with their reversals, the same for the same seed.
pub fn reverse_pairs(count: usize, seed: u64) -> Vec<(String, String)> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count)
        .map(|_| {
            let length = rng.random_range(3..=10);
            let mut letters: Vec<String> = (0..length).map(|_| rng.random_range('a'..='j').to_string()).collect();
            let source = letters.join(" ");
            letters.reverse();
            (source, letters.join(" "))
        })
        .collect()
}

#[cfg(test)]
mod tests;
