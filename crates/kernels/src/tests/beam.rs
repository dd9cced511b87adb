use burn::{backend::Flex, tensor::Tensor};

use super::{floats, integers, ints, noise, values};
use crate::{Beam, BeamRules, Extended, Kernels, beam};

fn column(values: Vec<f32>) -> Tensor<Flex, 2> {
    let rows = values.len();
    floats(values, [rows, 1])
}

/// Some hypotheses are finished, some reach their limit now, some choose the end mark.
#[test]
fn extend_equals_the_plain_body() {
    let cases = [(1, 1, 1, 1.0), (3, 1, 1, 0.0), (2, 4, 1, 1.0), (5, 3, 3, 0.6), (4, 2, 2, 1.5)];
    let mut n_kept_open = 0;
    for (case, (batch, beam, n_best, length_penalty)) in cases.into_iter().cycle().take(40).enumerate() {
        let (rows, width) = (batch * beam, beam);
        let seed = 10 * case as u64;
        let best: Vec<f32> = noise(seed, rows * width)
            .chunks_exact(width)
            .flat_map(|row| {
                let mut row: Vec<f32> = row.iter().map(|x| x - 2.0).collect();
                row.sort_by(|a, b| b.total_cmp(a));
                row
            })
            .collect();
        let tokens: Vec<i32> = (0..rows * width).map(|i| (i * 7 % 5) as i32 + 1).collect();
        let flags = |seed: u64, share: f32| -> Vec<f32> {
            noise(seed, rows).into_iter().map(|x| f32::from(u8::from(x < share))).collect()
        };
        let before = Beam {
            tokens: ints(vec![1; rows], [rows]),
            scores: column(noise(seed + 1, rows).into_iter().map(|x| 5.0 * x - 10.0).collect()),
            finished: column(flags(seed + 2, -0.3)),
            lengths: column((0..rows).map(|row| (row % 3 + 2) as f32).collect()),
            limits: column((0..rows).map(|row| (row / beam % 2 * 2 + 4) as f32).collect()),
        };
        let length_offset = if case % 2 == 0 { 0.0 } else { 5.0 };
        let (best, tokens) = (floats(best, [rows, width]), ints(tokens, [rows, width]));
        let finished = [false, true].map(|is_exact| {
            let rules = BeamRules { batch, length_penalty, length_offset, n_best, is_exact, end: 3, padding: 0 };
            let [fused, plain]: [fn(_, _, _, BeamRules) -> Extended<Flex>; 2] = [Flex::extend_beam, beam::extend];
            let extended = [fused, plain].map(|extend| extend(best.clone(), tokens.clone(), before.clone(), rules));
            let [fused, plain] = extended;
            assert_eq!(integers(fused.parents), integers(plain.parents), "case {case}");
            assert_eq!(integers(fused.from), integers(plain.from), "case {case}");
            assert_eq!(integers(fused.beam.tokens.clone()), integers(plain.beam.tokens.clone()), "case {case}");
            let [a, b] = [fused.beam, plain.beam];
            let finished = values(a.finished.clone());
            for (a, b) in [(a.scores, b.scores), (a.finished, b.finished), (a.lengths, b.lengths), (a.limits, b.limits)]
            {
                assert_eq!(values(a), values(b), "case {case}");
            }
            finished
        });
        n_kept_open += usize::from(finished[0] != finished[1]);
    }
    assert!(n_kept_open > 0, "no hypothesis could have ended better");
}
