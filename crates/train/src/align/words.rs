//! Words for people: what the hand-made links count, and from subword links to word links.

use std::ops::Range;

use super::links::Link;

/// The words of a normalised text, as byte ranges.
///
/// White space separates. From a piece that has a letter or a digit, what leads up to the first and what follows the
/// last of them is split off, a run of one and the same character at a time: `("Hello...")` is `(`, `"`, `Hello`,
/// `...`, `"`, `)`. A piece with neither stays whole, such as `->`. Inside a word nothing is split: `l'eau` and
/// `e-mail` are one word each.
pub fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = 0;
    for piece in text.split(' ') {
        let is_inner = |c: char| c.is_alphanumeric();
        let first = piece.find(is_inner);
        let last = piece.char_indices().rfind(|&(_, c)| is_inner(c));
        match (first, last) {
            (Some(first), Some((last, c))) => {
                let end = last + c.len_utf8();
                runs(&piece[..first], start, &mut words);
                words.push(start + first..start + end);
                runs(&piece[end..], start + end, &mut words);
            }
            _ if !piece.is_empty() => words.push(start..start + piece.len()),
            _ => {}
        }
        start += piece.len() + 1;
    }
    words
}

/// The runs of equal characters of `text`, which begins at byte `start` of the whole.
fn runs(text: &str, start: usize, words: &mut Vec<Range<usize>>) {
    let mut last = None;
    for (at, c) in text.char_indices() {
        let end = start + at + c.len_utf8();
        match words.last_mut() {
            Some(word) if last == Some(c) => word.end = end,
            _ => words.push(start + at..end),
        }
        last = Some(c);
    }
}

/// Links of words `(source, target)`: there is one where any of their subwords have one. In order, each once.
///
/// Offsets are the byte ranges of the subwords in the same texts as the words. A subword that reaches over several
/// words counts for each of them.
pub(super) fn project(links: &[Link], source: &Offsets, target: &Offsets) -> Vec<(usize, usize)> {
    let (source, target) = (source.words_of_subwords(), target.words_of_subwords());
    let mut projected: Vec<(usize, usize)> = links
        .iter()
        .flat_map(|link| {
            let (from, to) = (source[usize::from(link.source)].clone(), target[usize::from(link.target)].clone());
            from.flat_map(move |source| to.clone().map(move |target| (source, target)))
        })
        .collect();
    projected.sort_unstable();
    projected.dedup();
    projected
}

/// The words and the subwords of one text.
pub(super) struct Offsets {
    pub(super) words: Vec<Range<usize>>,
    pub(super) subwords: Vec<Range<usize>>,
}

impl Offsets {
    /// For each subword the words it shares bytes with.
    fn words_of_subwords(&self) -> Vec<Range<usize>> {
        let overlapping = |subword: &Range<usize>| {
            let first = self.words.partition_point(|word| word.end <= subword.start);
            let end = self.words.partition_point(|word| word.start < subword.end);
            first..end.max(first)
        };
        self.subwords.iter().map(overlapping).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        words(text).into_iter().map(|word| &text[word]).collect()
    }

    #[test]
    fn punctuation_at_the_ends_is_split_off() {
        assert_eq!(
            split("(\"Hello...\") -> l'eau, e-mail."),
            ["(", "\"", "Hello", "...", "\"", ")", "->", "l'eau", ",", "e-mail", "."]
        );
        assert_eq!(
            split("« Été » : 1,2 C++ __init__()"),
            ["«", "Été", "»", ":", "1,2", "C", "++", "__", "init", "__", "(", ")"]
        );
        assert_eq!(split("(), ..."), ["(),", "..."]);
        assert!(split("").is_empty());
    }

    #[test]
    fn a_word_link_needs_one_subword_link() {
        // "ab cd." in subwords a, "b c", d, "."; "x" in one.
        let source = Offsets { words: words("ab cd."), subwords: vec![0..1, 1..4, 4..5, 5..6] };
        let target = Offsets { words: words("x"), subwords: std::iter::once(0..1).collect() };
        let link = |source| Link { source, target: 0 };
        assert_eq!(project(&[link(0)], &source, &target), [(0, 0)]);
        assert_eq!(project(&[link(0), link(1)], &source, &target), [(0, 0), (1, 0)]);
        assert_eq!(project(&[link(2), link(3)], &source, &target), [(1, 0), (2, 0)]);
        // A subword that is a mere space belongs to no word.
        let source = Offsets { words: words("a b"), subwords: vec![0..1, 1..2, 2..3] };
        assert_eq!(project(&[link(1)], &source, &target), []);
    }

    #[test]
    fn words_are_what_is_not_white_space() {
        for text in ["«a1 é… .", ",,'' a.'a", "… «é»1 ,", "1.a,é", "a  b"] {
            assert_eq!(split(text).concat(), text.replace(' ', ""));
            assert!(words(text).iter().all(|word| !word.is_empty()), "{text}");
        }
    }
}
