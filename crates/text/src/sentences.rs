//! Cutting a text into sentences.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Words that end in a full stop and rarely end a sentence, in English and French, lower case without the stop.
const ABBREVIATIONS: [&str; 24] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "e.g", "i.e", "cf", "fig", "vol", "sgt", "capt", "rev",
    "approx", "mme", "mmes", "mlle", "mgr", "p.ex", "chap",
];

/// The sentences of `text` as byte ranges, in order and without overlap.
///
/// A sentence has no white space at its ends, and between two sentences, before the first and after the last
/// there is only white space. So copying what lies between the ranges and replacing each range gives the text
/// back, losslessly.
///
/// Borders are those of UAX #29, where a line end always ends a sentence, except after a common abbreviation
/// or an initial (`Mr.`, `J.`) on the same line.
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
            Some(last) if ends_in_abbreviation(&text[last.clone()]) && !has_line_end(&text[last.end..start]) => {
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

fn ends_in_abbreviation(sentence: &str) -> bool {
    let Some(before) = sentence.strip_suffix('.') else {
        return false;
    };
    let word = before.rsplit(|c: char| c.is_whitespace() || "([{«\"'’“".contains(c)).next().unwrap_or_default();
    let is_initial = word.chars().count() == 1 && word.chars().all(|c| c.is_uppercase() && c != 'I');
    is_initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
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
