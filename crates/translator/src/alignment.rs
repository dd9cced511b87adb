//! From attention between subwords to an alignment of words.

/// Marks the beginning of a word in a printable subword.
const WORD_START: char = '\u{2581}';

/// The word that each subword belongs to; the first subword begins word 0 whether it is marked or not.
fn word_of(pieces: &[String]) -> Vec<usize> {
    let mut word = 0;
    let number = |(position, piece): (usize, &String)| {
        word += usize::from(position > 0 && piece.starts_with(WORD_START));
        word
    };
    pieces.iter().enumerate().map(number).collect()
}

/// For each target word the source word with the most attention, summed over the subwords of both; the earlier
/// of two equals. `attention` is `[target_pieces][source_pieces]`.
pub(crate) fn align_words(
    source_pieces: &[String],
    target_pieces: &[String],
    attention: &[Vec<f32>],
) -> Vec<(usize, usize)> {
    let source_words = word_of(source_pieces);
    let target_words = word_of(target_pieces);
    let n_source = source_words.last().map_or(0, |last| last + 1);
    let mut sums: Vec<Vec<f32>> = vec![vec![0.0; n_source]; target_words.last().map_or(0, |last| last + 1)];
    for (row, &target) in attention.iter().zip(&target_words) {
        for (weight, &source) in row.iter().zip(&source_words) {
            sums[target][source] += weight;
        }
    }
    let best = |row: &Vec<f32>| (0..n_source).rev().max_by(|&left, &right| row[left].total_cmp(&row[right]));
    let aligned = sums.iter().enumerate().filter_map(|(target, row)| Some((best(row)?, target)));
    if attention.is_empty() { Vec::new() } else { aligned.collect() }
}

/// How many words of `text`, separated by white space, begin before `byte`; the word that a cut at `byte` falls
/// into is not counted.
pub(crate) fn words_before(text: &str, byte: usize) -> usize {
    let before = &text[..byte];
    let is_inside = !before.is_empty() && !before.ends_with(char::is_whitespace);
    before.split_whitespace().count() - usize::from(is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        text.split(' ').map(|piece| piece.replace('_', "\u{2581}")).collect()
    }

    /// Target word 0 = rows 0 and 1: source word 0 gets 0.5 + 0.1, word 1 gets (0.2 + 0.2) + (0.3 + 0.4) = 1.1.
    #[test]
    fn attention_is_summed_over_subwords() {
        let attention = vec![vec![0.5, 0.2, 0.2], vec![0.1, 0.3, 0.4], vec![0.6, 0.2, 0.1]];
        let pairs = align_words(&pieces("_a _b c"), &pieces("_x y _z"), &attention);
        assert_eq!(pairs, [(1, 0), (0, 1)]);
    }

    #[test]
    fn equals_go_to_the_earlier_word() {
        assert_eq!(align_words(&pieces("_a _b"), &pieces("_x"), &[vec![0.5, 0.5]]), [(0, 0)]);
        assert_eq!(align_words(&pieces("_a"), &pieces("_x"), &[]), []);
        assert_eq!(align_words(&[], &[], &[]), []);
    }

    #[test]
    fn words_are_counted_up_to_a_cut() {
        assert_eq!(words_before("one two three", 0), 0);
        assert_eq!(words_before("one two three", 4), 1);
        assert_eq!(words_before("one two three", 6), 1);
        assert_eq!(words_before(" one  two", 6), 1);
    }
}
