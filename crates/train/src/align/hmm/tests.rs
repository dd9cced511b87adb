use super::*;

/// p(position `to` | `anchor`) as the text says it, `to` from 1.
fn jump(jumps: &Jumps, anchor: usize, to: usize, given: usize) -> f64 {
    let weight = |to: usize| f64::from(jumps.weights[OFFSET + to - anchor]);
    let sum: f64 = (1..=given).map(weight).sum();
    let uniform = f64::from(UNIFORM);
    (1.0 - f64::from(NULL_PROBABILITY)) * (uniform / given as f64 + (1.0 - uniform) * weight(to) / sum)
}

/// The probability of one path, state 0 for null and `i` for given word `i - 1`, together with the generated words.
fn path_probability(path: &[usize], emissions: &[f32], given: usize, jumps: &Jumps) -> f64 {
    let (mut anchor, mut probability) = (0, 1.0);
    for (row, &state) in path.iter().enumerate() {
        probability *= f64::from(emissions[row * (given + 1) + state]);
        if state == 0 {
            probability *= f64::from(NULL_PROBABILITY);
        } else {
            probability *= jump(jumps, anchor, state, given);
            anchor = state;
        }
    }
    probability
}

fn all_paths(length: usize, given: usize) -> Vec<Vec<usize>> {
    let mut paths = vec![vec![]];
    for _ in 0..length {
        paths = paths.iter().flat_map(|path| (0..=given).map(move |state| [&path[..], &[state]].concat())).collect();
    }
    paths
}

/// Four generated and three given words with no two probabilities alike.
fn sample() -> (Lattice, usize) {
    let emissions: Vec<f32> = (0..16).map(|k| 0.02 + 0.06 * ((k * 7 + 3) % 16) as f32).collect();
    (Lattice { emissions, ..Lattice::default() }, 3)
}

fn uneven() -> Jumps {
    let mut counts = Jumps::counts();
    for (k, count) in counts.iter_mut().enumerate() {
        *count = ((k * 13 + 5) % 17) as f64 + 0.5;
    }
    Jumps::from_counts(&counts)
}

#[test]
fn forward_backward_is_the_sum_over_all_paths() {
    for jumps in [Jumps::initial(), uneven()] {
        let (mut lattice, given) = sample();
        let mut counts = Jumps::counts();
        let log_likelihood = lattice.posteriors(given, &jumps, &mut counts);

        let (mut total, mut posteriors, mut expected) = (0.0, vec![0.0; 16], Jumps::counts());
        for path in all_paths(4, given) {
            let probability = path_probability(&path, &lattice.emissions, given, &jumps);
            total += probability;
            let mut anchor = 0;
            for (row, &state) in path.iter().enumerate() {
                posteriors[row * 4 + state] += probability;
                if state > 0 {
                    // The part of the jump that the widths explain, not the uniform share.
                    let uniform = f64::from((1.0 - NULL_PROBABILITY) * UNIFORM) / given as f64;
                    let all = jump(&jumps, anchor, state, given);
                    expected[OFFSET + state - anchor] += probability * (all - uniform) / all;
                    anchor = state;
                }
            }
        }
        assert!((log_likelihood - total.ln()).abs() < 1e-5, "{log_likelihood} {}", total.ln());
        for (found, wanted) in lattice.posteriors.iter().zip(&posteriors) {
            assert!((f64::from(*found) - wanted / total).abs() < 1e-5, "{found} {}", wanted / total);
        }
        for (found, wanted) in counts.iter().zip(&expected) {
            assert!((found - wanted / total).abs() < 1e-5, "{found} {}", wanted / total);
        }
    }
}

#[test]
fn viterbi_is_the_best_of_all_paths() {
    for jumps in [Jumps::initial(), uneven()] {
        for turn in 0..16 {
            let (mut lattice, given) = sample();
            lattice.emissions.rotate_left(turn);
            let score = |path: &Vec<usize>| path_probability(path, &lattice.emissions, given, &jumps);
            let best = all_paths(4, given).into_iter().max_by(|a, b| score(a).total_cmp(&score(b))).unwrap();
            let mut picks = vec![7];
            lattice.viterbi(given, &jumps, &mut picks);
            let wanted: Vec<u16> = best.iter().map(|&state| if state == 0 { NULL } else { state as u16 - 1 }).collect();
            assert_eq!(picks[1..], wanted, "turn {turn}");
        }
    }
}

#[test]
fn a_lattice_is_reused_for_longer_and_shorter_pairs() {
    let jumps = uneven();
    let mut reused = Lattice::default();
    for (given, generated) in [(3, 4), (6, 2), (1, 1), (3, 4)] {
        let emissions: Vec<f32> = (0..(given + 1) * generated).map(|k| 0.1 + 0.01 * k as f32).collect();
        let mut fresh = Lattice { emissions: emissions.clone(), ..Lattice::default() };
        reused.emissions = emissions;
        let (mut a, mut b) = (Jumps::counts(), Jumps::counts());
        assert_eq!(fresh.posteriors(given, &jumps, &mut a), reused.posteriors(given, &jumps, &mut b));
        assert_eq!((&a, &fresh.posteriors), (&b, &reused.posteriors));
    }
}

#[test]
fn the_longest_pair_has_its_jumps() {
    let (mut lattice, mut counts, mut picks) = (Lattice::default(), Jumps::counts(), Vec::new());
    lattice.emissions = vec![FLOOR_FOR_TEST; (MAX_LENGTH + 1) * 3];
    assert!(lattice.posteriors(MAX_LENGTH, &Jumps::initial(), &mut counts).is_finite());
    lattice.viterbi(MAX_LENGTH, &Jumps::initial(), &mut picks);
    assert_eq!(picks.len(), 3);
}

const FLOOR_FOR_TEST: f32 = crate::align::table::FLOOR;

#[test]
fn buckets_share_their_counts() {
    let mut counts = Jumps::counts();
    counts[OFFSET + 1] = 10.0;
    counts[OFFSET + 9] = 6.0;
    counts[OFFSET + 12] = 2.0;
    counts[OFFSET - 2] = 3.0;
    let jumps = Jumps::from_counts(&counts);
    let weight = |width: isize| jumps.weights[OFFSET.checked_add_signed(width).unwrap()];
    assert_eq!((weight(1), weight(-2)), (10.0, 3.0));
    // Widths 9 to 12 share 8.
    assert_eq!((9..=12).map(weight).collect::<Vec<_>>(), [2.0; 4]);
    assert_eq!(weight(-9), 1e-3);
}
