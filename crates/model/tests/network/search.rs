//! What the search promises: padding and neighbours change nothing, a beam of one is greedy, a beam as wide as the
//! space is exhaustive.

use burn::tensor::{Tensor, backend::Backend};
use pollster::block_on;
use proptest::{collection::vec, prelude::*, test_runner::RngSeed};
use traduko_kernels::backend::Flex;
use traduko_model::{
    AttentionKind, AttentionPlace, BridgeKind, CellKind, EOS, Hypothesis, ModelConfig, Pairs, Sampling, SearchOptions,
    Seq2Seq, Steering, Stopping, beam_search,
};

use crate::{sharp, small};

/// The same cases every time: near ties must not fail one run in a thousand.
fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() }
}

fn values<B: Backend, const D: usize>(x: Tensor<B, D>) -> Vec<f32> {
    x.into_data().into_vec().expect("floats")
}

fn search(model: &Seq2Seq<Flex>, sources: &[Vec<u32>], options: &SearchOptions) -> Vec<Vec<Hypothesis>> {
    block_on(beam_search(std::slice::from_ref(model), sources, options, &Default::default()))
}

/// Log-probabilities of the tokens after each prefix of `target`: what may be chosen is the end mark and the words.
fn log_probabilities(model: &Seq2Seq<Flex>, n_vocab: usize, source: &[u32], target: &[u32]) -> Vec<Vec<f64>> {
    let pairs = Pairs { sources: &[source.to_vec()], targets: &[target.to_vec()], ..Pairs::default() };
    let logits = model.logits(model.forced(&pairs, &Default::default()).output);
    values(logits)
        .chunks_exact(n_vocab)
        .map(|row| {
            let allowed = &row[EOS as usize..];
            let sum: f64 = allowed.iter().map(|&x| f64::from(x).exp()).sum();
            let dead = std::iter::repeat_n(f64::NEG_INFINITY, EOS as usize);
            dead.chain(allowed.iter().map(|&x| f64::from(x) - sum.ln())).collect()
        })
        .collect()
}

/// Greedy search by reading the whole prefix anew at every step.
fn greedy(model: &Seq2Seq<Flex>, n_vocab: usize, source: &[u32], max_length: usize) -> (Vec<u32>, f64) {
    greedy_after(&[], max_length, |tokens| {
        log_probabilities(model, n_vocab, source, tokens).pop().expect("one row after the start mark")
    })
}

/// Greedy search after a prefix where `next` gives the log-probabilities of what follows some tokens.
fn greedy_after(prefix: &[u32], max_length: usize, next: impl Fn(&[u32]) -> Vec<f64>) -> (Vec<u32>, f64) {
    let (mut tokens, mut score) = (Vec::new(), 0.0);
    for length in 1..=max_length {
        let last = next(&tokens);
        let best = |best: (usize, f64), (id, &x): (usize, &f64)| if x > best.1 { (id, x) } else { best };
        let (best, log_probability) = match prefix.get(tokens.len()) {
            Some(&forced) => (forced as usize, last[forced as usize]),
            None => last.iter().enumerate().fold((0, f64::NEG_INFINITY), best),
        };
        score += log_probability;
        if best == EOS as usize {
            return (tokens, score / length as f64);
        }
        tokens.push(best as u32);
    }
    (tokens, score / max_length as f64)
}

/// Every kind of cell, attention and place.
fn network(kind: usize) -> ModelConfig {
    let attention_place =
        [AttentionPlace::OnTop, AttentionPlace::InputFeeding, AttentionPlace::FirstLayer][kind / 4 % 3];
    if kind >= 140 {
        return ModelConfig {
            has_coverage: true,
            cell: [CellKind::Lstm, CellKind::Gru][kind / 2 % 2],
            attention: [AttentionKind::Additive, AttentionKind::NormedAdditive][kind % 2],
            attention_place,
            ..small(9)
        };
    }
    if kind >= 120 {
        let attention = [AttentionKind::FixedContext, AttentionKind::None][kind % 2];
        return ModelConfig { attention, cell: CellKind::Gru, transition_depth: 1 + kind / 2 % 2, ..small(9) };
    }
    if kind >= 100 {
        // Kinds that copy need a decoder as wide as the encoder's output.
        return ModelConfig {
            d_decoder: 10,
            attention: [AttentionKind::Dot, AttentionKind::ScaledDot][kind % 2],
            bridge: [BridgeKind::Last, BridgeKind::Mean][kind / 2 % 2],
            n_attention_heads: 1 + kind / 4 % 2,
            attention_place,
            ..small(9)
        };
    }
    ModelConfig {
        cell: [CellKind::Lstm, CellKind::Gru, CellKind::Ssru, CellKind::Rnn][kind % 4],
        is_layer_normalized: kind % 5 == 4,
        is_residual: kind % 4 == 3,
        n_attention_heads: 1 + kind % 2,
        attention: [AttentionKind::Additive, AttentionKind::General, AttentionKind::NormedAdditive][kind / 2 % 3],
        bridge: [BridgeKind::Dense, BridgeKind::Zero][kind / 7 % 2],
        attention_place,
        ..small(9)
    }
}

fn sentence() -> impl Strategy<Value = Vec<u32>> {
    vec(4u32..9, 0..7)
}

fn assert_same(found: &[Hypothesis], wanted: &[Hypothesis]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        prop_assert_eq!(&found.tokens, &wanted.tokens);
        prop_assert!((found.score - wanted.score).abs() < 1e-5, "{} and {}", found.score, wanted.score);
        prop_assert_eq!(found.attention.len(), wanted.attention.len());
        for (found, wanted) in found.attention.iter().flatten().zip(wanted.attention.iter().flatten()) {
            prop_assert!((found - wanted).abs() < 1e-5);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn padding_never_changes_a_translation(kind in 0usize..160, seed in 0u64..99, source in sentence(), others in vec(vec(4u32..9, 7..12), 1..4)) {
        let model = sharp(&network(kind), seed);
        let options = SearchOptions { beam: 3, n_best: 2, max_length: 8, with_attention: true, ..SearchOptions::default() };
        let alone = search(&model, std::slice::from_ref(&source), &options);
        let mut batch = others;
        batch.insert(batch.len() / 2, source);
        let at = (batch.len() - 1) / 2;
        assert_same(&search(&model, &batch, &options)[at], &alone[0])?;
    }

    #[test]
    fn the_order_of_a_batch_does_not_matter(kind in 0usize..160, seed in 0u64..99, sources in vec(sentence(), 2..5)) {
        let model = sharp(&network(kind), seed);
        let options = SearchOptions { beam: 4, n_best: 4, max_length: 6, ..SearchOptions::default() };
        let forwards = search(&model, &sources, &options);
        let reversed: Vec<Vec<u32>> = sources.iter().rev().cloned().collect();
        for (found, wanted) in search(&model, &reversed, &options).iter().zip(forwards.iter().rev()) {
            assert_same(found, wanted)?;
        }
    }

    #[test]
    fn a_beam_of_one_is_greedy(kind in 0usize..160, seed in 0u64..99, sources in vec(sentence(), 1..4)) {
        let (config, max_length) = (network(kind), 7);
        let model = sharp(&config, seed);
        let options = SearchOptions { beam: 1, max_length, ..SearchOptions::default() };
        for (source, found) in sources.iter().zip(search(&model, &sources, &options)) {
            let (tokens, score) = greedy(&model, config.n_vocab, source, max_length);
            prop_assert_eq!(&found[0].tokens, &tokens);
            prop_assert!((f64::from(found[0].score) - score).abs() < 1e-5, "{} and {}", found[0].score, score);
        }
    }
}

/// All targets of at most `max_length` tokens, the end mark included; the longest ones are cut before it.
fn all_targets(words: std::ops::Range<u32>, max_length: usize) -> Vec<Vec<u32>> {
    let mut all = vec![Vec::new()];
    let mut longest = all.clone();
    for _ in 0..max_length {
        longest =
            longest.iter().flat_map(|prefix| words.clone().map(|word| [prefix.as_slice(), &[word]].concat())).collect();
        all.extend_from_slice(&longest);
    }
    all
}

#[test]
fn a_beam_as_wide_as_the_space_is_brute_force() {
    let max_length = 3;
    let kinds = [(0, 1.0, 0.0), (1, 0.0, 0.0), (2, 0.6, 5.0), (7, 1.0, 2.0), (107, 1.0, 0.0), (108, 1.0, 0.0)];
    for (kind, length_penalty, length_offset) in kinds {
        let config = ModelConfig { n_vocab: 7, ..network(kind) };
        let model = sharp(&config, kind as u64);
        let source = vec![5, 4, 6];
        let mut wanted: Vec<(Vec<u32>, f64)> = all_targets(4..7, max_length)
            .into_iter()
            .map(|target| {
                let rows = log_probabilities(&model, config.n_vocab, &source, &target);
                let ids = target.iter().copied().chain([EOS]).take(max_length);
                let sum: f64 = rows.iter().zip(ids).map(|(row, id)| row[id as usize]).sum();
                let length = (target.len() + 1).min(max_length) as f64;
                let length: f64 = (length_offset + length) / (length_offset + 1.0);
                (target, sum / length.powf(length_penalty))
            })
            .collect();
        wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
        assert_eq!(wanted.len(), 1 + 3 + 9 + 27);
        let options = SearchOptions {
            beam: 48,
            n_best: wanted.len(),
            max_length,
            length_penalty: length_penalty as f32,
            length_offset: length_offset as f32,
            stopping: Stopping::WholeBeam,
            ..SearchOptions::default()
        };
        // A second sentence beside it, so that rows of two beams meet.
        let found = search(&model, &[source, vec![6]], &options).swap_remove(0);
        for (rank, (found, (tokens, score))) in found.iter().zip(&wanted).enumerate() {
            assert_eq!(&found.tokens, tokens, "kind {kind}, rank {rank}");
            assert!(
                (f64::from(found.score) - score).abs() < 1e-5,
                "kind {kind}, rank {rank}: {} and {score}",
                found.score
            );
        }
    }
}

fn steered(steering: Steering, beam: usize, n_best: usize) -> SearchOptions {
    SearchOptions { beam, n_best, max_length: 9, steering, ..SearchOptions::default() }
}

proptest! {
    #![proptest_config(cases(12))]

    /// A rule that never bites changes nothing, though it takes another way through the code.
    #[test]
    fn rules_that_never_bite(kind in 0usize..160, seed in 0u64..99, sources in vec(sentence(), 1..4)) {
        let model = sharp(&network(kind), seed);
        let idle = Steering { no_repeat_ngram: 50, ..Steering::default() };
        let found = search(&model, &sources, &steered(idle, 3, 3));
        for (found, wanted) in found.iter().zip(search(&model, &sources, &steered(Steering::default(), 3, 3))) {
            assert_same(found, &wanted)?;
        }
    }

    #[test]
    fn rules_hold(kind in 0usize..160, seed in 0u64..99, sources in vec(sentence(), 1..4)) {
        let model = sharp(&network(kind), seed);
        let rules = Steering { min_length: 4, no_repeat_ngram: 2, ..Steering::default() };
        for hypothesis in search(&model, &sources, &steered(rules, 3, 3)).into_iter().flatten() {
            let tokens = &hypothesis.tokens;
            prop_assert!(tokens.len() >= 4, "{:?}", tokens);
            let pairs: Vec<&[u32]> = tokens.windows(2).collect();
            prop_assert!((1..pairs.len()).all(|at| !pairs[..at].contains(&pairs[at])), "{:?}", tokens);
        }
    }

    #[test]
    fn draws_depend_on_the_sentence_alone(kind in 0usize..160, seed in 0u64..99, sources in vec(sentence(), 2..5)) {
        let model = sharp(&network(kind), seed);
        let sampling = Some(Sampling { temperature: 1.5, top_k: 0, top_p: 1.0, seed });
        let options = steered(Steering { sampling, ..Steering::default() }, 1, 3);
        let together = search(&model, &sources, &options);
        for (source, drawn) in sources.iter().zip(&together) {
            prop_assert_eq!(drawn.len(), 3);
            assert_same(drawn, &search(&model, std::slice::from_ref(source), &options)[0])?;
        }
    }
}

/// What a search says of its translations is what they are scored, padded beside others.
#[test]
fn a_translation_has_the_score_of_its_search() {
    for kind in 0..12 {
        let model = sharp(&network(kind), 4);
        let sources = vec![vec![5, 4, 6], vec![7], vec![8, 8, 4, 5, 6, 7]];
        let options = SearchOptions { max_length: 40, length_penalty: 0.0, ..SearchOptions::default() };
        let best: Vec<Hypothesis> =
            search(&model, &sources, &options).into_iter().map(|mut best| best.swap_remove(0)).collect();
        let targets: Vec<Vec<u32>> = best.iter().map(|hypothesis| hypothesis.tokens.clone()).collect();
        let pairs = Pairs { sources: &sources, targets: &targets, ..Pairs::default() };
        let rows = model.log_probabilities(&pairs, &Default::default());
        let time = rows.dims()[1];
        for (row, hypothesis) in values(rows).chunks_exact(time).zip(&best) {
            let score: f32 = row[..hypothesis.tokens.len() + usize::from(hypothesis.is_finished)].iter().sum();
            assert!((score - hypothesis.score).abs() < 1e-4, "kind {kind}: {score} and {}", hypothesis.score);
        }
    }
}

/// How often each first token is drawn, against how probable it is; and a score is what the network thinks of what was drawn.
#[test]
fn draws_follow_the_network() {
    let (config, source) = (network(0), vec![5, 4, 6]);
    let model = sharp(&config, 3);
    let sampling = Some(Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, seed: 1 });
    let options = SearchOptions { max_length: 2, ..steered(Steering { sampling, ..Steering::default() }, 1, 4000) };
    let drawn = search(&model, std::slice::from_ref(&source), &options).swap_remove(0);
    let wanted = &log_probabilities(&model, config.n_vocab, &source, &[])[0];
    for id in EOS..config.n_vocab as u32 {
        let first = |hypothesis: &&Hypothesis| hypothesis.tokens.first().copied().unwrap_or(EOS) == id;
        let share = drawn.iter().filter(first).count() as f64 / drawn.len() as f64;
        let probability = wanted[id as usize].exp();
        assert!((share - probability).abs() < 0.03, "{id}: drawn {share}, probability {probability}");
    }
    let two = drawn.iter().find(|hypothesis| hypothesis.tokens.len() == 2).expect("some draw goes on");
    let rows = log_probabilities(&model, config.n_vocab, &source, &two.tokens);
    let sum: f64 = rows.iter().zip(&two.tokens).map(|(row, &id)| row[id as usize]).sum();
    assert!((f64::from(two.score) - sum / 2.0).abs() < 1e-5);
}

/// Two networks of different kinds choose by the mean of their probabilities, one twice as one.
#[test]
fn an_ensemble_goes_by_the_mean() {
    let sources = vec![vec![5, 4, 6], vec![7], vec![8, 8, 4, 5, 6, 7]];
    let options = SearchOptions { beam: 1, max_length: 9, with_attention: true, ..SearchOptions::default() };
    for kind in 0..6 {
        let networks = [sharp(&network(kind), 1), sharp(&network(kind + 7), 2)];
        let found = block_on(beam_search(&networks, &sources, &options, &Default::default()));
        for (source, found) in sources.iter().zip(&found) {
            let (tokens, score) = greedy_after(&[], 9, |tokens| {
                let rows =
                    networks.each_ref().map(|one| log_probabilities(one, 9, source, tokens).pop().expect("a row"));
                rows[0].iter().zip(&rows[1]).map(|(a, b)| ((a.exp() + b.exp()) / 2.0).ln()).collect()
            });
            assert_eq!(found[0].tokens, tokens);
            assert!((f64::from(found[0].score) - score).abs() < 1e-5, "{} and {score}", found[0].score);
        }
        let twice = [sharp(&network(kind), 1), sharp(&network(kind), 1)];
        let options = SearchOptions { beam: 3, n_best: 3, ..options.clone() };
        let found = block_on(beam_search(&twice, &sources, &options, &Default::default()));
        for (found, wanted) in found.iter().zip(search(&twice[0], &sources, &options)) {
            assert_same(found, &wanted).expect("one network twice");
        }
    }
}

#[test]
fn a_prefix_is_obeyed_and_scored() {
    let sources = vec![vec![5, 4, 6], vec![7], vec![8, 8, 4, 5, 6, 7]];
    let prefixes = vec![vec![8, 4, 4], vec![], vec![5]];
    for kind in 0..6 {
        let model = sharp(&network(kind), 3);
        let options = SearchOptions { beam: 1, max_length: 9, prefixes: prefixes.clone(), ..SearchOptions::default() };
        for ((source, prefix), found) in sources.iter().zip(&prefixes).zip(search(&model, &sources, &options)) {
            let (tokens, score) = greedy_after(prefix, 9, |tokens| {
                log_probabilities(&model, 9, source, tokens).pop().expect("one row after the start mark")
            });
            assert_eq!(found[0].tokens, tokens);
            assert!((f64::from(found[0].score) - score).abs() < 1e-5, "{} and {score}", found[0].score);
        }
        let options = SearchOptions { beam: 4, n_best: 4, ..options };
        for (prefix, found) in prefixes.iter().zip(search(&model, &sources, &options)) {
            assert!(found.iter().all(|hypothesis| hypothesis.tokens.starts_with(prefix)), "{prefix:?}: {found:?}");
        }
        // The first prefix leaves no room for a second translation.
        let found = search(&model, &sources, &SearchOptions { max_length: 3, ..options });
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 4, 4]);
        assert_eq!(found[0][0].tokens, prefixes[0]);
        assert!(found.iter().flatten().all(|hypothesis| hypothesis.score > -100.0), "{found:?}");
    }
}

/// What an exact end finds is what is best when all hypotheses have come to their ends; the first end is not.
#[test]
fn an_exact_end_misses_nothing() {
    let sources = vec![vec![5, 4, 6], vec![8, 8, 4, 5, 6, 7]];
    let mut n_missed = 0;
    for (kind, n_best) in (0..60).flat_map(|kind| [(kind, 1), (kind, 2)]) {
        let model = sharp(&network(kind), kind as u64);
        let [best, exact, whole] = [Stopping::Best, Stopping::Exact, Stopping::WholeBeam].map(|stopping| {
            let options = SearchOptions { beam: 4, n_best, max_length: 9, stopping, ..SearchOptions::default() };
            search(&model, &sources, &options)
        });
        for (found, wanted) in exact.iter().zip(&whole) {
            assert_same(found, wanted).expect("the same best ones");
        }
        n_missed += best.iter().zip(&whole).filter(|(found, wanted)| found[0].tokens != wanted[0].tokens).count();
    }
    assert!(n_missed > 0, "the first end was always the best");
}

/// So strong a rule that no hypothesis has two children: each of the first tokens leads on greedily.
#[test]
fn siblings_can_be_kept_apart() {
    let (config, source) = (network(1), vec![5, 4, 6]);
    let model = sharp(&config, 6);
    let options = SearchOptions {
        beam: 3,
        n_best: 3,
        max_length: 9,
        length_penalty: 0.0,
        stopping: Stopping::WholeBeam,
        diversity_rate: 100.0,
        ..SearchOptions::default()
    };
    let next = |tokens: &[u32]| log_probabilities(&model, 9, &source, tokens).pop().expect("a row");
    let mut firsts: Vec<u32> = (0..9).collect();
    firsts.sort_by(|&a, &b| next(&[])[b as usize].total_cmp(&next(&[])[a as usize]));
    let mut wanted: Vec<(Vec<u32>, f64)> = firsts[..3]
        .iter()
        .map(|&first| match first {
            EOS => (vec![], next(&[])[EOS as usize]),
            _ => {
                let (tokens, mean) = greedy_after(&[first], 9, next);
                let length = (tokens.len() + 1).min(9);
                (tokens, mean * length as f64)
            }
        })
        .collect();
    wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (found, (tokens, score)) in search(&model, std::slice::from_ref(&source), &options)[0].iter().zip(wanted) {
        assert_eq!(found.tokens, tokens);
        assert!((f64::from(found.score) - score).abs() < 1e-3, "{} and {score}", found.score);
    }
}

#[test]
fn coverage_ranks_the_last_beam() {
    let sources = vec![vec![5, 4, 6], vec![8, 8, 4, 5, 6, 7]];
    let plain = SearchOptions {
        beam: 5,
        n_best: 5,
        max_length: 9,
        with_attention: true,
        stopping: Stopping::WholeBeam,
        ..SearchOptions::default()
    };
    let mut n_moved = 0;
    for kind in 0..12 {
        let model = sharp(&network(kind), 2);
        let covering = SearchOptions { coverage_penalty: 0.7, n_best: 2, with_attention: false, ..plain.clone() };
        let found = search(&model, &sources, &covering);
        for ((source, mut wanted), found) in sources.iter().zip(search(&model, &sources, &plain)).zip(found) {
            let first = wanted[0].tokens.clone();
            for hypothesis in &mut wanted {
                for at in 0..source.len() {
                    let seen: f32 = hypothesis.attention.iter().map(|row| row[at]).sum();
                    hypothesis.score += 0.7 * seen.min(1.0).ln();
                }
                hypothesis.attention.clear();
            }
            wanted.sort_by(|a, b| b.score.total_cmp(&a.score));
            n_moved += usize::from(wanted[0].tokens != first);
            wanted.truncate(2);
            assert_same(&found, &wanted).expect("the same order");
        }
    }
    assert!(n_moved > 0, "no translation was another");
}

/// Attention is there for every target token and the end mark, over the source and its end mark, and sums to one.
#[test]
fn attention_covers_the_sentence() {
    let model = sharp(&network(0), 5);
    let options = SearchOptions { beam: 2, n_best: 2, max_length: 6, with_attention: true, ..SearchOptions::default() };
    for (source, hypotheses) in [vec![4, 5, 6], vec![7]].iter().zip(search(&model, &[vec![4, 5, 6], vec![7]], &options))
    {
        for hypothesis in hypotheses {
            assert_eq!(hypothesis.attention.len(), (hypothesis.tokens.len() + 1).min(6));
            for row in hypothesis.attention {
                assert_eq!(row.len(), source.len() + 1);
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn nothing_to_translate_gives_nothing() {
    let model = sharp(&small(9), 1);
    assert!(search(&model, &[], &SearchOptions::default()).is_empty());
    assert_eq!(search(&model, &[vec![]], &SearchOptions::default()).len(), 1);
}
