//! Translation edit rate (Snover et al., 2006) over a corpus, with the limits and the order of preference that sacreBLEU has
//! from Tercom: without case, words as white space separates them.

use super::{Metric, SACREBLEU_VERSION, is_python_space};

/// The longest stretch of words that is moved at once.
const MAX_SHIFT_LENGTH: usize = 10;
/// How far it is moved at most.
const MAX_SHIFT_DISTANCE: usize = 50;
/// How far from the diagonal edits are looked for.
const BEAM: usize = 25;
/// How many moves of one sentence are tried in all.
const MAX_CANDIDATES: usize = 1000;

/// TER, the lower the better: edits for each 100 words of the references.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerOptions;

impl Metric for TerOptions {
    /// Edits and words of the reference.
    fn statistics(&self, hypothesis: &str, reference: &str) -> Vec<f64> {
        let [hypothesis, reference] = [hypothesis, reference].map(str::to_lowercase);
        let [hypothesis, reference] = [words(&hypothesis), words(&reference)];
        vec![edits(&hypothesis, &reference) as f64, reference.len() as f64]
    }

    fn score(&self, sums: &[f64]) -> f64 {
        match *sums {
            [edits, words] if words > 0.0 => 100.0 * edits / words,
            [edits, _] if edits > 0.0 => 100.0,
            _ => 0.0,
        }
    }

    fn name(&self) -> String {
        "TER".to_owned()
    }

    fn signature(&self) -> String {
        format!("nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:{SACREBLEU_VERSION}")
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split(is_python_space).filter(|word| !word.is_empty()).collect()
}

/// The fewest edits that greedy search finds: moves of stretches, then words inserted, deleted and replaced.
fn edits(hypothesis: &[&str], reference: &[&str]) -> usize {
    if reference.is_empty() {
        return hypothesis.len();
    }
    let mut words = hypothesis.to_vec();
    let (mut shifts, mut candidates) = (0, 0);
    while let Some(shifted) = best_shift(&words, reference, &mut candidates) {
        if candidates >= MAX_CANDIDATES {
            break;
        }
        shifts += 1;
        words = shifted;
    }
    shifts + distance(&words, reference).0
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Keep,
    Replace,
    Insert,
    Delete,
}

/// The edit distance near the diagonal, and the edits that make `reference` of `words`.
fn distance(words: &[&str], reference: &[&str]) -> (usize, Vec<Edit>) {
    const FAR: usize = usize::MAX / 2;
    let width = reference.len() + 1;
    let mut costs = vec![FAR; (words.len() + 1) * width];
    let mut edits = vec![Edit::Insert; costs.len()];
    costs[..width].iter_mut().enumerate().for_each(|(j, cost)| *cost = j);
    let ratio = if words.is_empty() { 1.0 } else { reference.len() as f64 / words.len() as f64 };
    let beam = if (BEAM as f64) < ratio / 2.0 { (ratio / 2.0 + BEAM as f64).ceil() as usize } else { BEAM };
    for i in 1..=words.len() {
        let diagonal = (i as f64 * ratio).floor() as usize;
        let last = if i == words.len() { width } else { width.min(diagonal + beam) };
        for j in diagonal.saturating_sub(beam)..last {
            let at = i * width + j;
            if j == 0 {
                (costs[at], edits[at]) = (costs[at - width] + 1, Edit::Delete);
                continue;
            }
            let is_same = words[i - 1] == reference[j - 1];
            let (cost, edit) = if is_same { (0, Edit::Keep) } else { (1, Edit::Replace) };
            let choices = [
                (costs[at - width - 1] + cost, edit),
                (costs[at - width] + 1, Edit::Delete),
                (costs[at - 1] + 1, Edit::Insert),
            ];
            for (cost, edit) in choices {
                if cost < costs[at] {
                    (costs[at], edits[at]) = (cost, edit);
                }
            }
        }
    }
    let (mut i, mut j, mut path) = (words.len(), reference.len(), Vec::new());
    while i > 0 || j > 0 {
        let edit = edits[i * width + j];
        path.push(edit);
        i -= usize::from(edit != Edit::Insert);
        j -= usize::from(edit != Edit::Delete);
    }
    path.reverse();
    (costs[words.len() * width + reference.len()], path)
}

/// What a path of edits says of both sides.
struct Alignment {
    /// For each word of the reference the word of the hypothesis that stands for it, or the last one before; -1 for none.
    aligned: Vec<isize>,
    is_reference_wrong: Vec<bool>,
    is_hypothesis_wrong: Vec<bool>,
}

impl Alignment {
    fn new(path: &[Edit]) -> Self {
        let mut alignment =
            Self { aligned: Vec::new(), is_reference_wrong: Vec::new(), is_hypothesis_wrong: Vec::new() };
        for &edit in path {
            let is_wrong = edit != Edit::Keep;
            if edit != Edit::Insert {
                alignment.is_hypothesis_wrong.push(is_wrong);
            }
            if edit != Edit::Delete {
                alignment.is_reference_wrong.push(is_wrong);
                alignment.aligned.push(alignment.is_hypothesis_wrong.len() as isize - 1);
            }
        }
        alignment
    }
}

/// `words` after the move that saves most edits; of several the longest stretch, then the first, then the one that is moved to
/// the earliest place. None where no move saves any.
fn best_shift<'a>(words: &[&'a str], reference: &[&str], candidates: &mut usize) -> Option<Vec<&'a str>> {
    let (before, path) = distance(words, reference);
    let alignment = Alignment::new(&path);
    type Rank = (isize, usize, std::cmp::Reverse<usize>, std::cmp::Reverse<usize>);
    let mut best: Option<(Rank, Vec<&str>)> = None;
    for (start, wanted, length) in same_stretches(words, reference) {
        let is_right = |wrong: &[bool], at: usize| !wrong[at..at + length].contains(&true);
        let aligned = alignment.aligned[wanted];
        let is_inside = aligned >= start as isize && aligned < (start + length) as isize;
        if is_right(&alignment.is_hypothesis_wrong, start)
            || is_right(&alignment.is_reference_wrong, wanted)
            || is_inside
        {
            continue;
        }
        let mut last = None;
        for place in wanted..=wanted + length {
            // Before the beginning, or behind the word that stands for the one before.
            let target = match place.checked_sub(1).map(|before| alignment.aligned.get(before)) {
                None => 0,
                Some(None) => break,
                Some(Some(&aligned)) => (aligned + 1) as usize,
            };
            if last.replace(target) == Some(target) {
                continue;
            }
            let shifted = shift(words, start, length, target);
            let saved = before as isize - distance(&shifted, reference).0 as isize;
            let rank = (saved, length, std::cmp::Reverse(start), std::cmp::Reverse(target));
            *candidates += 1;
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                best = Some((rank, shifted));
            }
        }
        if *candidates >= MAX_CANDIDATES {
            break;
        }
    }
    best.filter(|((saved, ..), _)| *saved > 0).map(|(_, shifted)| shifted)
}

/// Stretches that are in both, as starts in both and a length.
fn same_stretches<'a>(
    words: &'a [&str],
    reference: &'a [&str],
) -> impl Iterator<Item = (usize, usize, usize)> + use<'a> {
    let starts = (0..words.len()).flat_map(|start| (0..reference.len()).map(move |wanted| (start, wanted)));
    starts.filter(|&(start, wanted)| start.abs_diff(wanted) <= MAX_SHIFT_DISTANCE).flat_map(|(start, wanted)| {
        let pairs = words[start..].iter().zip(&reference[wanted..]);
        let longest = pairs.take(MAX_SHIFT_LENGTH).take_while(|(word, other)| word == other).count();
        (1..=longest).map(move |length| (start, wanted, length))
    })
}

/// `words` with the stretch at `start` moved before the word at `target`; inside the stretch, as far behind it.
fn shift<'a>(words: &[&'a str], start: usize, length: usize, target: usize) -> Vec<&'a str> {
    let end = start + length;
    let moved = &words[start..end];
    if target < start {
        [&words[..target], moved, &words[target..start], &words[end..]].concat()
    } else {
        let behind = if target > end { target } else { (length + target).min(words.len()) };
        [&words[..start], &words[end..behind], moved, &words[behind..]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One stretch of two words moved: one edit of five words.
    #[test]
    fn a_move_is_one_edit() {
        assert_eq!(TerOptions.statistics("d e A b c", "a b c d e"), [1.0, 5.0]);
        assert_eq!(TerOptions.score(&[1.0, 5.0]), 20.0);
    }
}
