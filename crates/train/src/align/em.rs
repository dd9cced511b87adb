//! Expectation maximisation of both models over all pairs, on all cores.
//!
//! Model 1 (Brown et al., 1993) starts from a uniform table and has one optimum, the HMM starts from its table. Pairs
//! are worked off in chunks of a fixed size: lexical counts are integers, jump counts and likelihoods are added chunk
//! by chunk, so the result depends on the pairs alone and not on the number of threads.

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use super::direction::{Directed, NULL, Picks};
use super::hmm::{Jumps, Lattice};
use super::table::TranslationTable;

const CHUNK_PAIRS: usize = 1024;

/// Entries below this after model 1 are dropped before the HMM.
const PRUNED: f32 = 1e-6;

/// Prior of the lexical probabilities. With [`super::hmm::NULL_PROBABILITY`] the only settings chosen by error rate: on 94
/// thousand pairs, 200 sentences, grow-diag-final-and has 12.2% with 0 and 0.2, 12.0% with 0.01 and 0.2, 11.3% with 0 and
/// 0.4, 10.7% with 0.01 and 0.4.
const ALPHA: f64 = 0.01;

/// How often each model goes over the pairs.
#[derive(Clone, Copy, Debug)]
pub struct Iterations {
    /// Of model 1.
    pub ibm1: usize,
    /// Of the HMM.
    pub hmm: usize,
}

/// What one iteration found before it improved the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The direction, such as `source to target`.
    pub direction: &'static str,
    /// `IBM 1` or `HMM`.
    pub model: &'static str,
    /// From 1.
    pub iteration: usize,
    /// Perplexity of the generated words, given their number, under the model before this iteration. The prior of the
    /// lexical probabilities makes it a little too high, more so where words are rare.
    pub perplexity: f64,
    /// Entries of the lexical table.
    pub n_entries: usize,
}

/// Expected jumps and likelihood of some pairs.
struct Expectation {
    log_likelihood: f64,
    n_words: usize,
    jumps: Vec<f64>,
}

/// Trains one direction and returns what each generated word picks on its best path.
pub(super) fn align(pairs: &Directed, iterations: Iterations, mut report: impl FnMut(&Step)) -> Picks {
    let (all, learned) = ((0..pairs.len()).collect::<Vec<_>>(), pairs.learned());
    let mut table = TranslationTable::uniform(pairs, &learned);
    let mut jumps = Jumps::initial();
    let schedule = (1..=iterations.ibm1).map(|i| (false, i)).chain((1..=iterations.hmm).map(|i| (true, i)));
    for (is_hmm, iteration) in schedule {
        if is_hmm && iteration == 1 && iterations.ibm1 > 0 {
            table.prune(PRUNED);
        }
        let model = if is_hmm { "HMM" } else { "IBM 1" };
        let bar = bar(&learned, format!("{}, {model} {iteration}", pairs.name()));
        let chunks = over_chunks(&learned, &bar, |chunk, work| {
            let jumps = is_hmm.then_some(&jumps);
            expect(pairs, chunk, &table, jumps, work)
        });
        bar.finish_and_clear();
        let (mut log_likelihood, mut n_words, mut counts) = (0.0, 0, Jumps::counts());
        for chunk in &chunks {
            log_likelihood += chunk.log_likelihood;
            n_words += chunk.n_words;
            counts.iter_mut().zip(&chunk.jumps).for_each(|(count, jumps)| *count += jumps);
        }
        table.maximize(ALPHA);
        if is_hmm {
            jumps = Jumps::from_counts(&counts);
        }
        let perplexity = (-log_likelihood / n_words.max(1) as f64).exp();
        report(&Step { direction: pairs.name(), model, iteration, perplexity, n_entries: table.len() });
    }

    let bar = bar(&all, format!("{}, links", pairs.name()));
    let picks = over_chunks(&all, &bar, |chunk, work| {
        let mut picks = Vec::new();
        for &pair in chunk {
            match pairs.get(pair) {
                Some((given, generated)) => {
                    look_up(&table, pairs.null(), given, generated, work);
                    if iterations.hmm > 0 {
                        work.lattice.viterbi(given.len(), &jumps, &mut picks);
                    } else {
                        picks.extend(work.lattice.emissions.chunks_exact(given.len() + 1).map(best));
                    }
                }
                None => picks.resize(picks.len() + pairs.n_generated(pair), NULL),
            }
        }
        picks
    });
    bar.finish_and_clear();
    Picks::join(picks, pairs)
}

/// A lattice and where its emissions come from in the table.
#[derive(Default)]
struct Work {
    lattice: Lattice,
    entries: Vec<Option<usize>>,
}

fn bar(pairs: &[usize], message: String) -> ProgressBar {
    let style = ProgressStyle::with_template("aligning {msg} {wide_bar} {human_pos}/{human_len} {eta}");
    let bar = ProgressBar::new(pairs.len() as u64).with_message(message);
    bar.with_style(style.expect("the template is a constant"))
}

/// `work` on each chunk of pairs, in order.
fn over_chunks<T: Send>(pairs: &[usize], bar: &ProgressBar, work: impl Fn(&[usize], &mut Work) -> T + Sync) -> Vec<T> {
    pairs
        .par_chunks(CHUNK_PAIRS)
        .map_init(Work::default, |scratch, chunk| {
            let done = work(chunk, scratch);
            bar.inc(chunk.len() as u64);
            done
        })
        .collect()
}

/// Fills the emissions of a pair and remembers their entries.
fn look_up(table: &TranslationTable, null: u32, given: &[u32], generated: &[u32], work: &mut Work) {
    work.entries.clear();
    for &word in generated {
        let row = std::iter::once(&null).chain(given);
        work.entries.extend(row.map(|&given| table.find(given, word)));
    }
    let emissions = &mut work.lattice.emissions;
    emissions.clear();
    emissions.extend(work.entries.iter().map(|&entry| table.probability(entry)));
}

/// The E step on some pairs: with jumps the HMM, without them model 1.
fn expect(
    pairs: &Directed,
    chunk: &[usize],
    table: &TranslationTable,
    jumps: Option<&Jumps>,
    work: &mut Work,
) -> Expectation {
    let mut found = Expectation { log_likelihood: 0.0, n_words: 0, jumps: Jumps::counts() };
    for &pair in chunk {
        let Some((given, generated)) = pairs.get(pair) else { continue };
        look_up(table, pairs.null(), given, generated, work);
        found.n_words += generated.len();
        let Work { lattice, entries } = work;
        found.log_likelihood += match jumps {
            Some(jumps) => lattice.posteriors(given.len(), jumps, &mut found.jumps),
            None => ibm1_posteriors(lattice, given.len() + 1),
        };
        for (&entry, &posterior) in entries.iter().zip(&lattice.posteriors) {
            table.count(entry, posterior);
        }
    }
    found
}

/// Model 1: every given word and the null word are equally likely to be picked. Returns the log likelihood.
fn ibm1_posteriors(lattice: &mut Lattice, width: usize) -> f64 {
    lattice.posteriors.clear();
    let mut log_likelihood = 0.0;
    for row in lattice.emissions.chunks_exact(width) {
        let sum: f32 = row.iter().sum();
        lattice.posteriors.extend(row.iter().map(|emission| emission / sum));
        log_likelihood += f64::from(sum / width as f32).ln();
    }
    log_likelihood
}

/// The given position with the highest emission, the first of equals; the null word only if it is strictly best.
fn best(row: &[f32]) -> u16 {
    let words = &row[1..];
    let best = (0..words.len()).fold(0, |best, i| if words[i] > words[best] { i } else { best });
    if row[0] > words[best] { NULL } else { best as u16 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    const DAS: u32 = 0;
    const HAUS: u32 = 1;
    const BUCH: u32 = 2;
    const EIN: u32 = 3;
    const THE: u32 = 4;
    const HOUSE: u32 = 5;
    const BOOK: u32 = 6;
    const A: u32 = 7;
    const NULL_WORD: u32 = 8;

    /// Koehn (2010), figure 4.4: das Haus, das Buch, ein Buch.
    fn koehn() -> Dataset {
        let mut set = Dataset::new(8);
        set.push(&[DAS, HAUS], &[THE, HOUSE]);
        set.push(&[DAS, BUCH], &[THE, BOOK]);
        set.push(&[EIN, BUCH], &[A, BOOK]);
        set
    }

    fn after(iterations: usize) -> (TranslationTable, f64) {
        let set = koehn();
        let pairs = Directed::source_to_target(&set);
        let mut table = TranslationTable::uniform(&pairs, &pairs.learned());
        let mut log_likelihood = 0.0;
        for _ in 0..iterations {
            log_likelihood = expect(&pairs, &[0, 1, 2], &table, None, &mut Work::default()).log_likelihood;
            table.maximize(0.0);
        }
        (table, log_likelihood)
    }

    fn close(table: &TranslationTable, given: u32, word: u32, wanted: f32) {
        let found = table.probability(table.find(given, word));
        assert!((found - wanted).abs() < 1e-6, "p({word} | {given}) = {found}, not {wanted}");
    }

    /// At first each word of a pair is a third das, a third Haus and a third null. So `das` has the counts the 2/3,
    /// house 1/3, book 1/3 and the null word the 2/3, house 1/3, book 2/3, a 1/3.
    #[test]
    fn the_first_iteration_by_hand() {
        let (table, log_likelihood) = after(1);
        for (given, word, wanted) in [
            (DAS, THE, 1.0 / 2.0),
            (DAS, HOUSE, 1.0 / 4.0),
            (DAS, BOOK, 1.0 / 4.0),
            (HAUS, THE, 1.0 / 2.0),
            (HAUS, HOUSE, 1.0 / 2.0),
            (BUCH, BOOK, 1.0 / 2.0),
            (EIN, A, 1.0 / 2.0),
            (NULL_WORD, THE, 1.0 / 3.0),
            (NULL_WORD, HOUSE, 1.0 / 6.0),
        ] {
            close(&table, given, word, wanted);
        }
        // Each of six words has 3 * 1/8 / 3.
        assert!((log_likelihood - 6.0 * (1.0f64 / 8.0).ln()).abs() < 1e-5);
    }

    /// `the` beside `Haus` is 1/2 : 1/2 : 1/3, so 3/8 das; beside `Buch` 1/2 : 1/4 : 1/3, so 6/13 das. `house` is 1/4 : 1/2 :
    /// 1/6, so 3/11 das and 6/11 Haus. `book` beside das is 1/4 : 1/2 : 1/3, so 3/13 das.
    #[test]
    fn the_second_iteration_by_hand() {
        let (table, log_likelihood) = after(2);
        let (the, house, book) = (3.0 / 8.0 + 6.0 / 13.0, 3.0 / 11.0, 3.0 / 13.0);
        let total = the + house + book;
        close(&table, DAS, THE, the / total);
        close(&table, DAS, HOUSE, house / total);
        close(&table, HAUS, HOUSE, (6.0 / 11.0) / (6.0 / 11.0 + 3.0 / 8.0));
        // The third pair mirrors the first: a as house, book as the; each sum over the three words, divided by 3.
        let wanted = 2.0 * ((4.0f64 / 9.0).ln() + (11.0f64 / 36.0).ln() + (13.0f64 / 36.0).ln());
        assert!((log_likelihood - wanted).abs() < 1e-5, "{log_likelihood} {wanted}");
    }

    #[test]
    fn likelihood_never_falls() {
        let likelihoods: Vec<f64> = (1..20).map(|iterations| after(iterations).1).collect();
        assert!(likelihoods.windows(2).all(|two| two[1] >= two[0] - 1e-6), "{likelihoods:?}");
    }

    #[test]
    fn words_find_each_other() {
        let set = koehn();
        for pairs in [Directed::source_to_target(&set), Directed::target_to_source(&set)] {
            let picks = align(&pairs, Iterations { ibm1: 5, hmm: 0 }, |_| ());
            assert!((0..3).all(|pair| picks.get(pair) == [0, 1]));
            let picks = align(&pairs, Iterations { ibm1: 5, hmm: 5 }, |_| ());
            assert!((0..3).all(|pair| picks.get(pair) == [0, 1]));
        }
    }

    /// Pairs whose words are permuted by a fixed dictionary, enough for several chunks.
    fn many() -> Dataset {
        let mut set = Dataset::new(100);
        for i in 0..3000u32 {
            let source: Vec<u32> = (0..2 + i % 7).map(|k| (i * 37 + k * k * 11) % 50).collect();
            let mut target: Vec<u32> = source.iter().map(|&word| 50 + (word * 7) % 50).collect();
            let middle = (i % 3) as usize % target.len();
            target.rotate_left(middle);
            set.push(&source, &target);
        }
        set
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let set = many();
        let pairs = Directed::source_to_target(&set);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut steps = Vec::new();
            let picks = pool.install(|| align(&pairs, Iterations { ibm1: 3, hmm: 3 }, |step| steps.push(step.clone())));
            (steps, (0..set.len()).map(|pair| picks.get(pair).to_vec()).collect::<Vec<_>>())
        };
        let one = run(1);
        assert_eq!(one, run(4));
        assert_eq!(one.0.len(), 6);
        let correct = n_correct(&set, |pair| &one.1[pair]);
        assert!(correct * 100 > set.target_tokens() * 95, "{correct} of {}", set.target_tokens());
    }

    /// How many target words of [`many`] picked the word that they come from.
    fn n_correct<'a>(set: &Dataset, picks: impl Fn(usize) -> &'a [u16]) -> usize {
        let of_pair = |pair: usize| {
            let words = set.source(pair);
            let targets = picks(pair).iter().zip(set.target(pair));
            targets.filter(|&(&pick, &target)| pick != NULL && 50 + (words[pick as usize] * 7) % 50 == target).count()
        };
        (0..set.len()).map(of_pair).sum()
    }

    #[test]
    fn all_are_aligned_where_some_are_learned_from() {
        let set = many();
        let pairs = Directed::source_to_target(&set).learned_every(7);
        assert_eq!(pairs.learned().len(), 429);
        let mut n_entries = Vec::new();
        let picks = align(&pairs, Iterations { ibm1: 3, hmm: 3 }, |step| n_entries.push(step.n_entries));
        let correct = n_correct(&set, |pair| picks.get(pair));
        assert!(correct * 100 > set.target_tokens() * 95, "{correct} of {}", set.target_tokens());
        align(&pairs.learned_every(1), Iterations { ibm1: 1, hmm: 0 }, |step| assert!(step.n_entries > n_entries[0]));
    }

    #[test]
    fn empty_and_endless_sides_stay_unaligned() {
        let mut set = koehn();
        set.push(&[], &[THE]);
        set.push(&[DAS; 2], &[]);
        set.push(&[DAS], &[THE; super::super::MAX_LENGTH + 1]);
        let picks = align(&Directed::source_to_target(&set), Iterations { ibm1: 1, hmm: 1 }, |_| ());
        assert_eq!(picks.get(3), [NULL]);
        assert!(picks.get(4).is_empty());
        assert!(picks.get(5).iter().all(|&pick| pick == NULL));
        let picks = align(&Directed::source_to_target(&Dataset::new(4)), Iterations { ibm1: 1, hmm: 1 }, |_| ());
        drop(picks);
    }
}
