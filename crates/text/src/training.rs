//! Learning the subwords from text: byte pair encoding, or a unigram model in [`unigram`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as DecoderSequence;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::Split;
use tokenizers::{
    AddedToken, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, SplitDelimiterBehavior, Tokenizer,
    Trainer,
};

use crate::tokenizer::{SPECIALS, SubwordTokenizer, byte_token};
use crate::{TextError, normalize};

mod unigram;
pub use unigram::train_unigram;

/// Characters with a token of their own; rarer ones are spelled in bytes.
const MAX_ALPHABET: usize = 200;

/// The smallest vocabulary [`train`] accepts: reserved ids, bytes and the alphabet.
pub const MIN_VOCAB: usize = SPECIALS.len() + 256 + MAX_ALPHABET;

/// Always in the alphabet, whatever the training text holds.
const LETTERS: &str = "▁ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\
     ÀÂÆÇÈÉÊËÎÏÔŒÙÛÜŸàâæçèéêëîïôœùûüÿ«»“”–—…°€";

/// No subword crosses these borders: a word with the space before it and, elided, its apostrophe (`▁l'`); one
/// digit (numbers are copied digit by digit); a run of other signs.
const BORDERS: &str = r"▁?[\p{L}\p{M}]+'?|▁?\p{N}|▁?[^\p{L}\p{M}\p{N}▁]+|▁+";

/// Learns a vocabulary of at most `n_vocab` subwords from sentences of both languages by byte pair encoding (Sennrich et al.,
/// 2016).
///
/// Little text gives fewer subwords than asked for, never more.
///
/// # Errors
/// When `n_vocab` is below [`MIN_VOCAB`] or the sentences hold no word.
pub fn train<S>(sentences: impl Iterator<Item = S> + Send, n_vocab: usize) -> Result<SubwordTokenizer, TextError>
where
    S: AsRef<str> + Send,
{
    if n_vocab < MIN_VOCAB {
        return Err(TextError::VocabTooSmall { wanted: n_vocab, least: MIN_VOCAB });
    }
    let cut = cut()?;

    // Bytes go in as the trainer's special tokens to get their ids, and are left out of the added tokens
    // below, or the text `<0x41>` would become the byte itself.
    let reserved = SPECIALS.iter().map(|token| token.to_string()).chain((0..=255).map(byte_token));
    let mut trainer = BpeTrainer::builder()
        .vocab_size(n_vocab)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(reserved.map(|token| AddedToken::from(token, true)).collect())
        .build();
    let seen: Mutex<HashMap<char, u64>> = Mutex::default();
    trainer
        .feed(sentences, |sentence| {
            let sentence = normalize(sentence);
            {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                for letter in sentence.chars() {
                    *seen.entry(letter).or_default() += 1;
                }
            }
            words(&cut, sentence)
        })
        .map_err(TextError::tokenizer)?;
    let letters = alphabet(seen.into_inner().unwrap_or_else(PoisonError::into_inner));
    trainer.limit_alphabet = Some(letters.len());
    trainer.initial_alphabet.extend(letters);
    let mut model = BPE::default();
    trainer.train(&mut model).map_err(TextError::tokenizer)?;
    if trainer.get_word_count() == 0 {
        return Err(TextError::NoText);
    }
    model.byte_fallback = true;
    model.unk_token = Some("<unk>".into());

    finished(Tokenizer::new(model), cut)
}

fn spaces() -> Metaspace {
    Metaspace::new('▁', PrependScheme::Always, false)
}

/// What cuts a normalised sentence into words.
fn cut() -> Result<Sequence, TextError> {
    let borders = Split::new(
        tokenizers::pre_tokenizers::split::SplitPattern::Regex(BORDERS.into()),
        SplitDelimiterBehavior::Isolated,
        false,
    )
    .map_err(TextError::tokenizer)?;
    Ok(Sequence::new(vec![PreTokenizerWrapper::Metaspace(spaces()), PreTokenizerWrapper::Split(borders)]))
}

fn words(cut: &Sequence, sentence: String) -> Result<Vec<String>, tokenizers::Error> {
    let mut words = PreTokenizedString::from(sentence);
    cut.pre_tokenize(&mut words)?;
    let words = words.get_splits(OffsetReferential::Original, OffsetType::Byte);
    Ok(words.into_iter().map(|(word, _, _)| word.to_owned()).collect())
}

/// The model with what stands before and after it.
fn finished(mut tokenizer: Tokenizer, cut: Sequence) -> Result<SubwordTokenizer, TextError> {
    tokenizer.with_pre_tokenizer(Some(cut));
    tokenizer.with_decoder(Some(DecoderSequence::new(vec![
        ByteFallback::default().into(),
        spaces().into(),
        Fuse::new().into(),
    ])));
    tokenizer.add_special_tokens(SPECIALS.map(|token| AddedToken::from(token, true))).map_err(TextError::tokenizer)?;
    // Through its own file, so that a tokenizer just trained and one read back are the same thing.
    SubwordTokenizer::from_json(tokenizer.to_string(false).map_err(TextError::tokenizer)?.as_bytes())
}

/// [`LETTERS`] and then the most frequent characters, [`MAX_ALPHABET`] at most.
///
/// The trainer could choose by itself, but breaks ties in the order of a hash map: another tokenizer every time.
fn alphabet(seen: HashMap<char, u64>) -> Vec<char> {
    let is_always_in = |letter: char| LETTERS.contains(letter);
    let mut letters: Vec<char> = LETTERS.chars().filter(|&letter| letter != ' ').collect();
    let mut others: Vec<(char, u64)> = seen.into_iter().filter(|&(letter, _)| !is_always_in(letter)).collect();
    others.sort_unstable_by_key(|&(letter, count)| (std::cmp::Reverse(count), letter));
    let room = MAX_ALPHABET.saturating_sub(letters.len());
    letters.extend(others.into_iter().take(room).map(|(letter, _)| letter));
    letters
}

#[cfg(test)]
mod tests;
