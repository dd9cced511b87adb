//! Splitting a sentence that is too long for the network.

use std::ops::Range;

/// Where to cut `range` of `text` in two: in its middle half after a comma, semicolon, colon, dash or bracket; else at the
/// space nearest to the middle; else between the two characters in the middle. Never inside one of `whole`; `None` where
/// that leaves no place.
///
/// The position is the end of the first part; white space around it belongs to neither.
fn cut(text: &str, range: Range<usize>, whole: &[Range<usize>]) -> Option<usize> {
    let sentence = &text[range.clone()];
    let middle = sentence.len() / 2;
    let is_open = |at: usize| !whole.iter().any(|whole| whole.start < range.start + at && range.start + at < whole.end);
    let nearest = |positions: &mut dyn Iterator<Item = usize>| positions.min_by_key(|at| at.abs_diff(middle));
    // A cut lies inside the sentence and leaves a word on either side.
    let mut spaces: Vec<usize> = sentence.match_indices(char::is_whitespace).map(|(at, _)| at).collect();
    spaces.retain(|&at| !sentence[..at].trim().is_empty() && !sentence[at..].trim().is_empty() && is_open(at));
    let is_clause_end = |at: usize| sentence[..at].ends_with([',', ';', ':', '\u{2013}', '\u{2014}', ')', ']']);
    let is_central = |at: usize| (sentence.len() / 4..=sentence.len() - sentence.len() / 4).contains(&at);
    nearest(&mut spaces.iter().copied().filter(|&at| is_clause_end(at) && is_central(at)))
        .or_else(|| nearest(&mut spaces.iter().copied()))
        .or_else(|| nearest(&mut sentence.char_indices().map(|(at, _)| at).skip(1).filter(|&at| is_open(at))))
        .map(|at| range.start + at)
}

/// Halves `range` of `text` until every part satisfies `fits`, and returns the parts without the white space around
/// them. A single character, or one of `whole`, is a part whether it fits or not.
pub(crate) fn split_to_fit<T, E>(
    text: &str,
    range: Range<usize>,
    whole: &[Range<usize>],
    fits: &mut impl FnMut(Range<usize>) -> Result<Option<T>, E>,
    parts: &mut Vec<(Range<usize>, Option<T>)>,
) -> Result<(), E> {
    let range = trimmed(text, range);
    if range.is_empty() {
        return Ok(());
    }
    let fitting = fits(range.clone())?;
    let cut = if fitting.is_none() { cut(text, range.clone(), whole) } else { None };
    match cut {
        None => parts.push((range, fitting)),
        Some(at) => {
            split_to_fit(text, range.start..at, whole, fits, parts)?;
            split_to_fit(text, at..range.end, whole, fits, parts)?;
        }
    }
    Ok(())
}

/// `range` without the white space at its ends.
pub(crate) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let slice = &text[range.clone()];
    let start = range.start + slice.len() - slice.trim_start().len();
    start..(start + slice.trim().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_around<'a>(text: &'a str, most: usize, whole: &[Range<usize>]) -> Vec<&'a str> {
        let mut parts = Vec::new();
        let mut fits = |part: Range<usize>| Ok::<_, ()>((part.len() <= most).then_some(()));
        split_to_fit(text, 0..text.len(), whole, &mut fits, &mut parts).unwrap();
        parts.into_iter().map(|(range, _)| &text[range]).collect()
    }

    fn split(text: &str, most: usize) -> Vec<&str> {
        split_around(text, most, &[])
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
    fn what_is_whole_is_never_cut() {
        assert_eq!(split_around("a { b } c", 3, std::slice::from_ref(&(2..7))), ["a", "{ b }", "c"]);
        assert_eq!(split_around("{ b }", 3, std::slice::from_ref(&(0..5))), ["{ b }"]);
    }

    #[test]
    fn a_character_is_never_cut() {
        assert_eq!(split("\u{1f600}\u{1f600}", 1), ["\u{1f600}", "\u{1f600}"]);
    }

    proptest::proptest! {
        /// Nothing but white space is lost, whatever the text.
        #[test]
        fn parts_join_to_the_text(text in "[a-z,;é\u{1f600} \n]{0,60}", most in 1usize..12) {
            let mut end = 0;
            for part in split(&text, most) {
                let start = part.as_ptr() as usize - text.as_ptr() as usize;
                proptest::prop_assert!(text[end..start].trim().is_empty());
                proptest::prop_assert!(!part.is_empty());
                end = start + part.len();
            }
            proptest::prop_assert!(text[end..].trim().is_empty());
        }
    }
}
