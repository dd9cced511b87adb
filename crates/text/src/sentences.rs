//! Cutting a text into sentences.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::language::is_function_word;
use crate::words::is_in;

/// Words that end in a full stop and rarely end a sentence, in English and French, lower case without the stop.
const ABBREVIATIONS: [&str; 24] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "e.g", "i.e", "cf", "fig", "vol", "sgt", "capt", "rev",
    "approx", "mme", "mmes", "mlle", "mgr", "p.ex", "chap",
];
/// Words that end in a full stop and only sometimes a sentence, with their capitals.
const TITLES: [&str; 6] = ["Gen", "Col", "Lt", "Gov", "Sen", "Rep"];
/// The same, but more often a sentence.
const COMPANIES_AND_DEGREES: [&str; 4] = ["Inc", "Ltd", "Corp", "Ph.D"];
/// Words that begin sentences, beside function words.
const OPENINGS: &str = "i an no our these those some many most any each every both other after before since until \
     while although though however because why where also now then here today please see yes could should would";
const DAYS: &str =
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun";
const MONTHS: &str = "january february march april may june july august september october november december jan feb \
     mar apr jun jul aug sep sept oct nov dec";
const TIME_ZONES: &str = "ET EST EDT CT CST CDT MT MST MDT PT PST PDT AKST AKDT HST GMT UTC BST CET CEST EET EEST MSK \
     IST SGT HKT JST KST AWST ACST AEST AEDT NZST NZDT";

/// The sentences of `text` as byte ranges, in order and without overlap.
///
/// A sentence has no white space at its ends, and between two sentences, before the first and after the last
/// there is only white space. So copying what lies between the ranges and replacing each range gives the text
/// back, losslessly.
///
/// Borders are those of UAX #29, where a line end always ends a sentence, except on the same line
///
/// - after a common abbreviation or an initial: `Mr.`, `J.`
/// - after initials or a title where a word with a capital follows that does not begin a sentence, and not all is in
///   capitals: `U.S. President`, `Gen. Lee`, but `in the U.S. He`
/// - between a company or a degree and capitals: `Apple Inc. CEO Tim Cook`, but `at Apple Inc. Sales rose`
/// - between a half of the day and a day, a month or a time zone: `9 a.m. Monday`, `5 p.m. CET`
pub fn split_sentences(text: &str) -> Vec<Range<usize>> {
    let mut sentences: Vec<Range<usize>> = Vec::new();
    for (start, piece) in text.split_sentence_bound_indices() {
        let trimmed = piece.trim();
        if trimmed.is_empty() {
            continue;
        }
        let start = start + (piece.len() - piece.trim_start().len());
        let end = start + trimmed.len();
        match sentences.last_mut() {
            Some(last) if goes_on(&text[last.clone()], trimmed) && !has_line_end(&text[last.end..start]) => {
                last.end = end;
            }
            _ => sentences.push(start..end),
        }
    }
    sentences
}

fn has_line_end(gap: &str) -> bool {
    gap.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// Whether the full stop at the end of `sentence` ends an abbreviation only, by what comes next.
fn goes_on(sentence: &str, next: &str) -> bool {
    let Some(before) = sentence.strip_suffix('.') else {
        return false;
    };
    let word = before.rsplit(|c: char| c.is_whitespace() || "([{«\"'’“".contains(c)).next().unwrap_or_default();
    let lower = word.to_lowercase();
    let is_initial = |part: &str| part.chars().count() == 1 && part.chars().all(char::is_uppercase);
    if ABBREVIATIONS.contains(&lower.as_str()) || (is_initial(word) && word != "I") {
        return true;
    }
    let first = next.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
    let hour = lower.strip_suffix("a.m").or(lower.strip_suffix("p.m"));
    if hour.is_some_and(|hour| !hour.contains(char::is_alphabetic)) {
        return is_day(first) || is_month(first) || is_in(TIME_ZONES, first);
    }
    let lower = first.to_lowercase();
    if !first.starts_with(char::is_uppercase) || is_function_word(&lower) || is_in(OPENINGS, &lower) {
        return false;
    }
    let has_small = |text: &str| text.contains(char::is_lowercase);
    if COMPANIES_AND_DEGREES.contains(&word) {
        return first.chars().count() > 1 && first.chars().all(char::is_uppercase) && has_small(next);
    }
    let is_initials = word.contains('.') && word.split('.').all(is_initial);
    (is_initials || TITLES.contains(&word)) && (has_small(sentence) || has_small(next))
}

/// Whether a word is an English day of the week, whole or short, or several: `Monday`, `Tues`, `Sundays`.
pub fn is_day(word: &str) -> bool {
    let lower = word.to_lowercase();
    is_in(DAYS, lower.strip_suffix('s').filter(|day| day.ends_with("day")).unwrap_or(&lower))
}

/// Whether a word is an English month, whole or short: `January`, `Sept`.
pub fn is_month(word: &str) -> bool {
    is_in(MONTHS, &word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Vec<&str> {
        split_sentences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn sentences_and_lines_end() {
        assert_eq!(cut("It rains. Does it? Yes!  \n Go home"), ["It rains.", "Does it?", "Yes!", "Go home"]);
        assert_eq!(cut("one\ntwo"), ["one", "two"]);
        assert_eq!(cut(""), Vec::<&str>::new());
        assert_eq!(cut(" \n\t"), Vec::<&str>::new());
    }

    #[test]
    fn numbers_and_lower_case_go_on() {
        assert_eq!(cut("It costs 3.5 euros etc. and more."), ["It costs 3.5 euros etc. and more."]);
    }

    #[test]
    fn abbreviations_and_initials_go_on() {
        assert_eq!(cut("Mr. Brown met J. Smith. They left."), ["Mr. Brown met J. Smith.", "They left."]);
        assert_eq!(cut("Voir (cf. Annexe). M. Martin dort."), ["Voir (cf. Annexe).", "M. Martin dort."]);
        assert_eq!(cut("So do I. He said no. Well."), ["So do I.", "He said no.", "Well."]);
        assert_eq!(cut("Dr.\nBrown"), ["Dr.", "Brown"]);
    }

    #[test]
    fn initials_and_titles_go_on_but_before_what_begins_a_sentence() {
        for text in [
            "U.S. President George W. Bush welcomed it.",
            "In Washington, D.C. Mayor Bowser met Sen. Brown and Apple Inc. CEO Tim Cook.",
            "The (U.K. \u{2013} France) match.",
            "They heard Sen. J. D. Vance.",
        ] {
            assert_eq!(cut(text), [text]);
        }
        for (text, first) in [
            ("They moved to the U.S. I stayed in France.", "They moved to the U.S."),
            ("She has a Ph.D. I have none.", "She has a Ph.D."),
            ("He works at Acme Inc. Our team is small.", "He works at Acme Inc."),
            ("Sold in the U.S. No tax is due.", "Sold in the U.S."),
            ("Copyright 2024 Acme Ltd. Contact us", "Copyright 2024 Acme Ltd."),
            ("Acme Inc. RIGHTS RESERVED", "Acme Inc."),
            ("MADE IN THE U.S. ENJOY!", "MADE IN THE U.S."),
        ] {
            assert_eq!(cut(text), [first, text[first.len()..].trim_start()]);
        }
        assert_eq!(
            cut("They live in the U.S. He works for Apple Inc. It's far."),
            ["They live in the U.S.", "He works for Apple Inc.", "It's far."]
        );
        assert_eq!(cut("Nous montons au col. Voici le lac."), ["Nous montons au col.", "Voici le lac."]);
    }

    #[test]
    fn a_time_goes_on_with_a_day_a_month_or_a_time_zone() {
        for text in [
            "The shop opens at 9 a.m. Monday and closes at noon.",
            "Open 9 a.m. \u{2013} 5 p.m. Mondays to Friday.",
            "From 9:30p.m. Sat to 5 P.M. 3 May, 10 a.m. CET (5 a.m. EST).",
        ] {
            assert_eq!(cut(text), [text]);
        }
        for (text, first) in [
            ("It opens at 5 p.m. The shop is near.", "It opens at 5 p.m."),
            ("It opens at 5 P.M. Shops are near.", "It opens at 5 P.M."),
            ("It opens at 5 p.m. Money is needed.", "It opens at 5 p.m."),
            ("It opens at 5 p.m. I am late.", "It opens at 5 p.m."),
            ("We close at 5 p.m. Mars is visible then.", "We close at 5 p.m."),
            ("We close at 5 p.m. Suns set.", "We close at 5 p.m."),
            ("OPEN UNTIL 5 P.M. ENJOY YOUR VISIT!", "OPEN UNTIL 5 P.M."),
            ("9 a.m.\nMonday", "9 a.m."),
        ] {
            assert_eq!(cut(text)[0], first);
        }
    }

    proptest! {
        #[test]
        fn only_white_space_lies_between(text in "[a-cA-C.!?Mr 0-9\n\u{a0}é\u{2028}]{0,60}|(?s).{0,40}") {
            let mut rest = 0;
            for range in split_sentences(&text) {
                prop_assert!(text[rest..range.start].trim().is_empty());
                let sentence = &text[range.clone()];
                prop_assert!(!sentence.is_empty());
                prop_assert_eq!(sentence.trim(), sentence);
                rest = range.end;
            }
            prop_assert!(text[rest..].trim().is_empty());
        }
    }
}
