//! One step of a beam search over slices.

use burn::tensor::{Int, Tensor, backend::Backend};

use crate::{Beam, BeamRules, Extended, beam::DEAD};

/// [`crate::Beam`] as slices.
pub struct Before<'a> {
    pub scores: &'a [f32],
    pub finished: &'a [f32],
    pub lengths: &'a [f32],
    pub limits: &'a [f32],
}

/// [`crate::Extended`] as vectors.
#[derive(Default)]
pub struct After {
    pub tokens: Vec<i32>,
    pub scores: Vec<f32>,
    pub finished: Vec<f32>,
    pub lengths: Vec<f32>,
    pub parents: Vec<i32>,
    pub from: Vec<i32>,
}

impl After {
    /// As tensors that `floats` and `ints` make of vectors; `limits` are those of before.
    pub fn into_extended<B: Backend>(
        self,
        batch: usize,
        limits: Tensor<B, 2>,
        floats: impl Fn(Vec<f32>, [usize; 2]) -> Tensor<B, 2>,
        ints: impl Fn(Vec<i32>, [usize; 1]) -> Tensor<B, 1, Int>,
    ) -> Extended<B> {
        let rows = self.tokens.len();
        let column = |values| floats(values, [rows, 1]);
        Extended {
            beam: Beam {
                tokens: ints(self.tokens, [rows]),
                scores: column(self.scores),
                finished: column(self.finished),
                lengths: column(self.lengths),
                limits,
            },
            parents: ints(self.parents, [rows]).reshape([batch, rows / batch]),
            from: ints(self.from, [rows]),
        }
    }
}

/// Extends every hypothesis by the `best` of its `tokens`, both `[rows, width]`, and keeps as many as there were.
pub fn extend(best: &[f32], tokens: &[i32], before: &Before, rules: BeamRules) -> After {
    let rows = before.scores.len();
    let (beam, width) = (rows / rules.batch.max(1), best.len() / rows.max(1));
    let mut after = After::default();
    // The score and the length-normalised score of each extension of a sentence, and those that are kept, by number.
    let (mut scores, mut normalised, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for sentence in 0..rules.batch {
        scores.clear();
        normalised.clear();
        for row in sentence * beam..(sentence + 1) * beam {
            let is_open = before.finished[row] == 0.0;
            let relative = (length(before, row) + rules.length_offset) / (rules.length_offset + 1.0);
            let power = relative.powf(rules.length_penalty);
            for (place, best) in best[row * width..(row + 1) * width].iter().enumerate() {
                // A finished hypothesis has one extension: itself.
                let more = match (is_open, place) {
                    (true, _) => *best,
                    (false, 0) => 0.0,
                    (false, _) => DEAD,
                };
                scores.push(before.scores[row] + more);
                normalised.push((before.scores[row] + more) / power);
            }
        }
        kept.clear();
        for (extension, score) in normalised.iter().enumerate() {
            let place = kept.partition_point(|&other: &usize| normalised[other] >= *score);
            if place < beam {
                kept.truncate(beam - 1);
                kept.insert(place, extension);
            }
        }
        let first = after.tokens.len();
        for &extension in &kept {
            let parent = extension / width;
            let row = sentence * beam + parent;
            let is_open = before.finished[row] == 0.0;
            let token = if is_open { tokens[row * width + extension % width] } else { rules.padding as i32 };
            let is_long = length(before, row) >= before.limits[row];
            after.tokens.push(token);
            after.scores.push(scores[extension]);
            after.lengths.push(length(before, row));
            after.finished.push(f32::from(u8::from(!is_open || token == rules.end as i32 || is_long)));
            after.parents.push(parent as i32);
            after.from.push(row as i32);
        }
        let finished = &mut after.finished[first..];
        let is_live = |place: &usize| finished[*place] == 0.0;
        let can_be_passed = || {
            let last = normalised[kept[rules.n_best - 1]];
            let reach = |place: usize| reach(after.scores[first + place], before.limits[first + place], rules);
            (0..beam).filter(is_live).any(|place| reach(place) > last)
        };
        let goes_on = (0..rules.n_best).any(|place| is_live(&place)) || rules.is_exact && can_be_passed();
        if !goes_on {
            finished.fill(1.0);
        }
    }
    after
}

/// The best normalised score that a hypothesis can end with: a log-probability only falls, and its share of the length is least
/// at the limit.
fn reach(score: f32, limit: f32, rules: BeamRules) -> f32 {
    let relative = (limit + rules.length_offset) / (rules.length_offset + 1.0);
    score / relative.powf(rules.length_penalty)
}

/// Tokens of what continues a row.
fn length(before: &Before, row: usize) -> f32 {
    before.lengths[row] + 1.0 - before.finished[row]
}
