//! Subwords of a unigram language model (Kudo, 2018): those with which the text is most probable.
//!
//! The `tokenizers` crate does the estimation. Around it lies what makes the result the same every time: it would take the
//! words in the order of a hash map and add up floats in the order of the threads.

use std::cmp::Reverse;
use std::collections::HashMap;

use rayon::iter::{ParallelBridge, ParallelIterator};
use tokenizers::Tokenizer;
use tokenizers::models::unigram::{Unigram, UnigramTrainer};

use super::{MIN_VOCAB, alphabet, cut, finished, words};
use crate::tokenizer::{SPECIALS, SubwordTokenizer, UNK, byte_token};
use crate::{TextError, normalize};

/// The most frequent different words are learned from. Estimation takes time in proportion, and rare words say little.
const MAX_WORDS: usize = 150_000;
/// Of these the most frequent may become subwords as a whole.
const MAX_WHOLE_WORDS: usize = 50_000;
/// Longer words, mostly rulers of one sign, are not learned from.
const MAX_WORD_LENGTH: usize = 64;

/// Learns a vocabulary of at most `n_vocab` subwords from sentences of both languages by a unigram model.
///
/// Little text gives fewer subwords than asked for, never more. Words are cut at the same borders as by [`super::train`],
/// and characters outside the alphabet are spelled in bytes, as there.
///
/// # Errors
/// When `n_vocab` is below [`MIN_VOCAB`] or the sentences hold no word.
pub fn train_unigram<S>(
    sentences: impl Iterator<Item = S> + Send,
    n_vocab: usize,
) -> Result<SubwordTokenizer, TextError>
where
    S: AsRef<str> + Send,
{
    if n_vocab < MIN_VOCAB {
        return Err(TextError::VocabTooSmall { wanted: n_vocab, least: MIN_VOCAB });
    }
    let cut = cut()?;
    let counts = sentences
        .par_bridge()
        .try_fold(HashMap::new, |mut counts: HashMap<String, u32>, sentence| {
            for word in words(&cut, normalize(sentence.as_ref()))? {
                *counts.entry(word).or_default() += 1;
            }
            Ok(counts)
        })
        .try_reduce(HashMap::new, |mut counts, more| {
            for (word, count) in more {
                *counts.entry(word).or_default() += count;
            }
            Ok(counts)
        })
        .map_err(TextError::tokenizer)?;
    if counts.is_empty() {
        return Err(TextError::NoText);
    }
    let mut seen: HashMap<char, u64> = HashMap::new();
    for (word, count) in &counts {
        for letter in word.chars() {
            *seen.entry(letter).or_default() += u64::from(*count);
        }
    }
    let letters = alphabet(seen);
    let words = learnable(counts, &letters);
    let n_reserved = SPECIALS.len() + 256;
    // Candidates are ranked by the number of different words they are in, times their length: a limit on them would cost
    // short words with a space before them (`▁3`, `▁:`), which are frequent, but in one word only.
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size((n_vocab - n_reserved) as u32)
        .seed_size(usize::MAX)
        .build()
        .map_err(|error| TextError::Tokenizer { reason: error.to_string() })?;
    let mut model = Unigram::default();
    // One thread adds up in one order.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let alone = alone.map_err(|error| TextError::Tokenizer { reason: error.to_string() })?;
    alone.install(|| trainer.do_train(words, &mut model)).map_err(TextError::tokenizer)?;

    let is_letter = |piece: &str| piece.chars().nth(1).is_none();
    let mut pieces: Vec<(String, f64)> = model.iter().cloned().collect();
    let by_score = |a: &(String, f64), b: &(String, f64)| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    pieces.sort_unstable_by(|a, b| is_letter(&b.0).cmp(&is_letter(&a.0)).then_with(|| by_score(a, b)));
    pieces.truncate(n_vocab - n_reserved);
    pieces.sort_unstable_by(by_score);
    let reserved = SPECIALS.iter().map(|token| token.to_string()).chain((0..=255).map(byte_token));
    let vocab: Vec<(String, f64)> = reserved.map(|token| (token, 0.0)).chain(pieces).collect();
    let model = Unigram::from(vocab, Some(UNK as usize), true).map_err(TextError::tokenizer)?;
    finished(Tokenizer::new(model), cut)
}

/// The words to learn from, cut where a letter is outside the alphabet, and each letter once, so that none is lost.
///
/// Candidates for subwords are what is followed by different letters somewhere, however frequent a word is alone. So
/// frequent words come once more with a sign behind them that no word ends with, and a count of zero, which weighs nothing.
fn learnable(counts: HashMap<String, u32>, letters: &[char]) -> Vec<(String, u32)> {
    let mut known: HashMap<String, u32> = letters.iter().map(|letter| (letter.to_string(), 1)).collect();
    for (word, count) in counts {
        for part in word.split(|c| !letters.contains(&c)) {
            if !part.is_empty() && part.chars().count() <= MAX_WORD_LENGTH {
                *known.entry(part.to_owned()).or_default() += count;
            }
        }
    }
    let mut words: Vec<(String, u32)> = known.into_iter().collect();
    words.sort_unstable_by(|(a, n), (b, m)| {
        let is_word = |word: &str| word.chars().nth(1).is_some();
        (is_word(a), Reverse(n), a).cmp(&(is_word(b), Reverse(m), b))
    });
    words.truncate(MAX_WORDS);
    let whole = words.iter().filter(|(_, count)| *count > 1).take(MAX_WHOLE_WORDS);
    let followed: Vec<(String, u32)> = whole.map(|(word, _)| (format!("{word}▁"), 0)).collect();
    words.extend(followed);
    words
}
