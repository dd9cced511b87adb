//! Loops: a network that has lost its way says the same few words again and again.

/// The longest stretch that is looked for, in subwords.
const MAX_PERIOD: usize = 16;
/// How often something is said before it counts as a loop, unless the source repeats itself as well.
const MIN_REPEATS: usize = 3;

/// The positions of `tokens` that stay when every loop is cut to one turn.
///
/// A stretch repeated [`MIN_REPEATS`] times in a row is a loop, if `source` has none of as many turns and `has_words` says
/// that a token of it is more than digits and signs.
pub(crate) fn without_loops(tokens: &[u32], source: &[u32], has_words: impl Fn(u32) -> bool) -> Vec<usize> {
    let most = (0..source.len()).filter_map(|at| loop_at(source, at)).map(|(_, turns)| turns).max().unwrap_or(1);
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let found = loop_at(tokens, at).filter(|&(period, turns)| {
            turns >= MIN_REPEATS && turns > most && tokens[at..at + period].iter().any(|&token| has_words(token))
        });
        let (said, skipped) = found.map_or((1, 0), |(period, turns)| (period, period * (turns - 1)));
        kept.extend(at..at + said);
        at += said + skipped;
    }
    kept
}

/// The period and the number of turns of the longest loop that begins at a position: at least two turns.
fn loop_at(tokens: &[u32], at: usize) -> Option<(usize, usize)> {
    let rest = &tokens[at..];
    let turns =
        |period: usize| 1 + rest.chunks_exact(period).skip(1).take_while(|turn| *turn == &rest[..period]).count();
    let loops = (1..=MAX_PERIOD.min(rest.len() / 2)).map(|period| (period, turns(period)));
    loops.filter(|&(_, turns)| turns > 1).max_by_key(|&(period, turns)| (period * turns, turns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(tokens: &[u32], source: &[u32]) -> Vec<u32> {
        without_loops(tokens, source, |token| token < 100).into_iter().map(|at| tokens[at]).collect()
    }

    #[test]
    fn loops_turn_once() {
        assert_eq!(cut(&[1, 2, 2, 2, 2, 2, 3], &[7, 8]), [1, 2, 3]);
        assert_eq!(cut(&[1, 2, 3, 2, 3, 2, 3, 2, 3, 2], &[7, 8]), [1, 2, 3, 2]);
        assert_eq!(cut(&[], &[]), [0; 0]);
    }

    #[test]
    fn what_the_source_repeats_stays() {
        let two_turns = [1, 2, 2, 3];
        assert_eq!(cut(&two_turns, &[7]), two_turns);
        let five_turns = [2, 2, 2, 2, 2];
        assert_eq!(cut(&five_turns, &[7, 7, 7, 7, 7]), five_turns);
        let digits = [1, 100, 100, 100, 100, 100, 100];
        assert_eq!(cut(&digits, &[7]), digits);
    }
}
