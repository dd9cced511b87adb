//! Numbers, which a translation must not lose.
//!
//! A network writes a number subword by subword and may slip. A translation may write a number in another way (`3.5` as `3,5`,
//! `1,000` as `1 000`), so only its digits are looked for, and the sign of a currency beside them.

use std::ops::Range;

/// What may stand between thousands, or between a number and its currency.
const SPACES: [char; 4] = [' ', '\u{a0}', '\u{2009}', '\u{202f}'];

/// The numbers of `text`: digits with single signs between them, such as `1,000.50`, `10:30` or `2024-01-31`, and a currency
/// before or behind, such as `$5` or `5 €`.
pub(crate) fn numbers(text: &str) -> Vec<Range<usize>> {
    let mut found = runs(text, is_joined);
    let mut end = 0;
    for number in &mut found {
        *number = with_currency(text, end, number.clone());
        end = number.end;
    }
    found
}

/// Digits in a row, across what `is_joined`.
fn runs(text: &str, is_joined: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, digit) in text.char_indices().filter(|(_, c)| c.is_numeric()) {
        let end = at + digit.len_utf8();
        match found.last_mut() {
            Some(last) if is_joined(&text[last.end..at]) => last.end = end,
            _ => found.push(at..end),
        }
    }
    found
}

fn is_currency(sign: char) -> bool {
    matches!(sign, '$' | '\u{a2}'..='\u{a5}' | '\u{e3f}' | '\u{20a0}'..='\u{20c0}')
}

/// A number with the currency that stands before it, past `from`, or else behind it, a space between or none.
fn with_currency(text: &str, from: usize, number: Range<usize>) -> Range<usize> {
    let (before, behind) = (&text[from..number.start], &text[number.end..]);
    let before = before.strip_suffix(SPACES).unwrap_or(before);
    if let Some(sign) = before.chars().next_back().filter(|&sign| is_currency(sign)) {
        return from + before.len() - sign.len_utf8()..number.end;
    }
    let mut behind = behind.strip_prefix(SPACES).unwrap_or(behind).chars();
    match behind.next().filter(|&sign| is_currency(sign)) {
        // Else it is the next number's.
        Some(_) if !behind.as_str().starts_with(char::is_numeric) => number.start..text.len() - behind.as_str().len(),
        _ => number,
    }
}

fn is_joined(between: &str) -> bool {
    between.is_empty() || [".", ",", ":", "-", "/", "'", "\u{2019}"].contains(&between)
}

/// Whether every number of `source` is in `translation` by its digits, and its currency by its sign, and none lost its decimals.
pub(crate) fn has_numbers(source: &str, translation: &str) -> bool {
    let mut signs = written(source).flat_map(str::chars).filter(|&c| is_currency(c));
    if !signs.all(|sign| translation.contains(sign)) {
        return false;
    }
    let said = groups(translation, |between| between == "h" || is_joined(between));
    let said_in_parts = parts(translation);
    let is_said = |digits: &str| {
        // `5/6` may be written as `05/06`.
        let is_padded = |part: &Range<usize>| translation[part.clone()].strip_prefix('0') == Some(digits);
        said.iter().any(|row| (0..row.len()).any(|first| begin_with(&row[first..], digits)))
            || (digits.len() == 1 && said_in_parts.iter().any(is_padded))
    };
    let is_word = |between: &str| between.chars().all(|c| c.is_alphabetic() || is_currency(c));
    let said_across_words = groups(translation, |between| is_word(between) || is_joined(between));
    // Else decimals were lost, and what seems to be them is another number: `1.5 to 5` as `1 à 5`.
    let has_all_groups = runs(source, str::is_empty).len() <= runs(translation, str::is_empty).len();
    // `1.85 m` may be written as `1 m 85`.
    let is_said_across_words = |part: &str| {
        let wanted: Vec<&str> = part.split(|c: char| !c.is_numeric()).collect();
        has_all_groups && said_across_words.iter().any(|row| row.windows(wanted.len()).any(|found| found == wanted))
    };
    let has_all = |parts: &[Range<usize>]| {
        let parts: Vec<&str> = parts.iter().map(|part| &source[part.clone()]).collect();
        // `1 000` may be one number, and be written as `1000`.
        parts.iter().all(|part| is_said(&digits(part)) || is_said_across_words(part))
            || is_said(&digits(&parts.concat()))
    };
    let is_spaced =
        |left: &Range<usize>, right: &Range<usize>| source[left.end..right.start].trim_matches(SPACES).is_empty();
    parts(source).chunk_by(is_spaced).all(has_all) && !has_one_sign_for_two(source, translation)
}

/// The numbers of a text, but each part of a time or a date for itself: they may change places.
fn parts(text: &str) -> Vec<Range<usize>> {
    runs(text, |between| is_joined(between) && ![":", "-", "/"].contains(&between))
}

/// The groups of digits of a text, in rows across what `is_inside` one number but for spaces: `1 250,50`, `10 h 30`.
fn groups(text: &str, is_inside: impl Fn(&str) -> bool) -> Vec<Vec<&str>> {
    let groups = runs(text, str::is_empty);
    let is_row =
        |left: &Range<usize>, right: &Range<usize>| is_inside(text[left.end..right.start].trim_matches(SPACES));
    groups.chunk_by(is_row).map(|row| row.iter().map(|group| &text[group.clone()]).collect()).collect()
}

/// Whether the first of `groups` are `digits` together: a group is there as a whole or not at all.
fn begin_with(groups: &[&str], digits: &str) -> bool {
    match groups {
        _ if digits.is_empty() => true,
        [first, rest @ ..] => digits.strip_prefix(*first).is_some_and(|digits| begin_with(rest, digits)),
        [] => false,
    }
}

/// Whether thousands and decimals of a number of `source` have the same sign in `translation`, as `1,250.50` in `1,250,50`.
fn has_one_sign_for_two(source: &str, translation: &str) -> bool {
    let parts = |number: &str| number.split([',', '.']).map(digits).collect::<Vec<_>>();
    let has_two = |number: &&str| number.contains(',') && number.contains('.');
    let wanted: Vec<_> = written(source).filter(has_two).map(parts).collect();
    written(translation).filter(|number| !has_two(number)).any(|number| wanted.contains(&parts(number)))
}

fn written(text: &str) -> impl Iterator<Item = &str> {
    numbers(text).into_iter().map(|number| &text[number])
}

fn digits(text: &str) -> String {
    text.chars().filter(|c| c.is_numeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_their_signs() {
        let found = |text| numbers(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(
            found("In 2024, 1,000.50 at 10:30. x2 \u{bd} 3, 4"),
            ["2024", "1,000.50", "10:30", "2", "\u{bd}", "3", "4"]
        );
        assert_eq!(found("none."), [""; 0]);
        assert_eq!(
            found("From $19.99 to 30 \u{20ac} or \u{a3} 5, 7\u{20ac}/kg"),
            ["$19.99", "30 \u{20ac}", "\u{a3} 5", "7\u{20ac}"]
        );
        // A sign between two numbers belongs to one of them.
        assert_eq!(found("5 $6, 7 \u{20ac} 8, 9\u{20ac}10"), ["5", "$6", "7 \u{20ac}", "8", "9", "\u{20ac}10"]);
    }

    #[test]
    fn digits_must_be_there() {
        for (source, translation) in [
            ("It costs 3.5 euros.", "Il coûte 3,5 euros."),
            ("1,000 of 12", "12 sur 1 000"),
            ("at 10:30", "à 10 h 30"),
            ("on 2024-01-31", "le 31/01/2024"),
            ("no number", "7"),
            ("only $19.99", "seulement 19,99 $"),
            ("1,250.50 of 1,000", "1 250,50 de 1,000"),
            ("1,250.50", "1.250,50"),
            ("15,000 or 1 000, 2 000", "15\u{2009}000 ou 1000, 2,000"),
            ("10.30, 1,2,3", "10 h 30, 1, 2, 3"),
            ("He is 1.85 m tall.", "Il mesure 1 m 85."),
            ("It costs 2.50 €.", "Cela coûte 2 € 50."),
            ("The train leaves at 10.30.", "Le train part à 10 heures 30."),
            ("See sections 1,2.", "Voir les sections 1 et 2."),
            ("See sections 1,2,3.", "Voir les sections 1, 2 et 3."),
            ("on 5/6/2024", "le 05/06/2024"),
        ] {
            assert!(has_numbers(source, translation), "{source}");
        }
        for (source, translation) in [
            ("in 2024", "en 2023"),
            ("3 cats", "trois chats"),
            ("10:30", "10 h 13"),
            ("$5", "5"),
            ("1,250.50", "1,250,50"),
            ("5 of the 15 members", "des 15 membres"),
            ("3 cats", "13 chats"),
            ("12 and 3", "1 et 23"),
            ("in 2014", "12 014"),
            ("12 of pages 1 to 2", "pages 1 à 2"),
            ("1.5 to 5 kg", "1 à 5 kg"),
            ("0.5 l", "5 l"),
            ("5 cats", "1,05 chats"),
        ] {
            assert!(!has_numbers(source, translation), "{source}");
        }
    }
}
