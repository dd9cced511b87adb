//! Splitting a sentence that is too long for the network.

use std::ops::Range;

/// Where to cut `sentence` in two: in its middle half after a comma, semicolon, colon, dash or bracket; else at the
/// space nearest to the middle; else between the two characters in the middle. `None` for less than two characters.
///
/// The position is the end of the first part; white space around it belongs to neither.
fn cut(sentence: &str) -> Option<usize> {
    let middle = sentence.len() / 2;
    let nearest = |positions: &mut dyn Iterator<Item = usize>| positions.min_by_key(|at| at.abs_diff(middle));
    // A cut lies inside the sentence and leaves a word on either side.
    let mut spaces: Vec<usize> = sentence.match_indices(char::is_whitespace).map(|(at, _)| at).collect();
    spaces.retain(|&at| !sentence[..at].trim().is_empty() && !sentence[at..].trim().is_empty());
    let is_clause_end = |at: usize| sentence[..at].ends_with([',', ';', ':', '\u{2013}', '\u{2014}', ')', ']']);
    let is_central = |at: usize| (sentence.len() / 4..=sentence.len() - sentence.len() / 4).contains(&at);
    nearest(&mut spaces.iter().copied().filter(|&at| is_clause_end(at) && is_central(at)))
        .or_else(|| nearest(&mut spaces.iter().copied()))
        .or_else(|| nearest(&mut sentence.char_indices().map(|(at, _)| at).skip(1)))
}

/// Halves `range` of `text` until every part satisfies `fits`, and returns the parts without the white space around
/// them. A single character is a part whether it fits or not.
pub(crate) fn split_to_fit<T, E>(
    text: &str,
    range: Range<usize>,
    fits: &mut impl FnMut(&str) -> Result<Option<T>, E>,
    parts: &mut Vec<(Range<usize>, Option<T>)>,
) -> Result<(), E> {
    let range = trimmed(text, range);
    if range.is_empty() {
        return Ok(());
    }
    let fitting = fits(&text[range.clone()])?;
    let cut = if fitting.is_none() { cut(&text[range.clone()]) } else { None };
    match cut {
        None => parts.push((range, fitting)),
        Some(at) => {
            let at = range.start + at;
            split_to_fit(text, range.start..at, fits, parts)?;
            split_to_fit(text, at..range.end, fits, parts)?;
        }
    }
    Ok(())
}

/// `range` without the white space at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let slice = &text[range.clone()];
    let start = range.start + slice.len() - slice.trim_start().len();
    start..(start + slice.trim().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, most: usize) -> Vec<&str> {
        let mut parts = Vec::new();
        let mut fits = |part: &str| Ok::<_, ()>((part.len() <= most).then_some(()));
        split_to_fit(text, 0..text.len(), &mut fits, &mut parts).unwrap();
        parts.into_iter().map(|(range, _)| &text[range]).collect()
    }

    #[test]
    fn clauses_before_spaces_before_characters() {
        assert_eq!(split("it rained, so we stayed in bed", 20), ["it rained,", "so we stayed in bed"]);
        assert_eq!(split("one two three four", 10), ["one two", "three four"]);
        assert_eq!(split("abcdef", 2), ["a", "bc", "d", "ef"]);
        assert_eq!(split("  short  ", 10), ["short"]);
        assert_eq!(split("   ", 1), [""; 0]);
    }

    #[test]
    fn a_character_is_never_cut() {
        assert_eq!(split("\u{1f600}\u{1f600}", 1), ["\u{1f600}", "\u{1f600}"]);
    }

    proptest::proptest! {
        /// Nothing but white space is lost, whatever the text.
        #[test]
        fn parts_join_to_the_text(text in "[a-z,;é\u{1f600} \n]{0,60}", most in 1usize..12) {
            let mut parts = Vec::new();
            let mut fits = |part: &str| Ok::<_, ()>((part.len() <= most).then_some(()));
            split_to_fit(&text, 0..text.len(), &mut fits, &mut parts).unwrap();
            let mut end = 0;
            for (range, _) in parts {
                proptest::prop_assert!(text[end..range.start].trim().is_empty());
                proptest::prop_assert!(!text[range.clone()].is_empty());
                end = range.end;
            }
            proptest::prop_assert!(text[end..].trim().is_empty());
        }
    }
}
