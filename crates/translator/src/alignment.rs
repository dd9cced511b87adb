//! From attention between subwords to an alignment of words.

use std::ops::Range;

use crate::SentenceTranslation;

/// Byte ranges of what white space separates.
fn words(text: &str) -> Vec<Range<usize>> {
    let start = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace().map(|word| start(word)..start(word) + word.len()).collect()
}

/// The numbers of the words that a range overlaps.
fn overlapping(words: &[Range<usize>], range: &Range<usize>) -> Range<usize> {
    let start = words.partition_point(|word| word.end <= range.start);
    let end = words.partition_point(|word| word.start < range.end);
    start..end.max(start)
}

/// For each word of `target` that looked anywhere the word of `source` it looked at most, summed over the subwords of
/// both; the earlier of two equals. As `(source, target)`.
pub(crate) fn align_words(source: &str, target: &str, sentences: &[SentenceTranslation]) -> Vec<(usize, usize)> {
    let (source_words, target_words) = (words(source), words(target));
    let mut sums: Vec<Vec<(usize, f32)>> = vec![Vec::new(); target_words.len()];
    for sentence in sentences {
        for (piece, row) in sentence.target_offsets.iter().zip(&sentence.attention) {
            for word in overlapping(&target_words, piece) {
                for (from, &weight) in sentence.source_offsets.iter().zip(row) {
                    for from in overlapping(&source_words, from) {
                        match sums[word].iter_mut().find(|(known, _)| *known == from) {
                            Some((_, sum)) => *sum += weight,
                            None => sums[word].push((from, weight)),
                        }
                    }
                }
            }
        }
    }
    let best = |sums: &Vec<(usize, f32)>| {
        sums.iter().copied().reduce(|best, other| match other.1.total_cmp(&best.1) {
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal if other.0 < best.0 => other,
            _ => best,
        })
    };
    sums.iter().enumerate().filter_map(|(target, sums)| Some((best(sums)?.0, target))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces cut where `|` stands; a space belongs to the piece behind it.
    fn cut(marked: &str) -> (String, Vec<Range<usize>>) {
        let mut at = 0;
        let offsets = marked.split('|').map(|piece| {
            at += piece.len();
            at - piece.len()..at
        });
        let offsets = offsets.collect();
        (marked.replace('|', ""), offsets)
    }

    fn align(source: &str, target: &str, attention: Vec<Vec<f32>>) -> Vec<(usize, usize)> {
        let ((source, source_offsets), (target, target_offsets)) = (cut(source), cut(target));
        let sentence =
            SentenceTranslation { source_offsets, target_offsets, attention, ..SentenceTranslation::default() };
        align_words(&source, &target, &[sentence])
    }

    /// Target word 0 = rows 0 and 1: source word 0 gets 0.5 + 0.1, word 1 gets (0.2 + 0.2) + (0.3 + 0.4) = 1.1.
    #[test]
    fn attention_is_summed_over_subwords() {
        let attention = vec![vec![0.5, 0.2, 0.2], vec![0.1, 0.3, 0.4], vec![0.6, 0.2, 0.1]];
        assert_eq!(align("a| b|c", "x|y| z", attention), [(1, 0), (0, 1)]);
    }

    #[test]
    fn equals_go_to_the_earlier_word() {
        assert_eq!(align("a| b", "x", vec![vec![0.5, 0.5]]), [(0, 0)]);
        assert_eq!(align("a", "x", vec![]), []);
        assert_eq!(align("", "", vec![]), []);
    }
}
