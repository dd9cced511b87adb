//! BPE-dropout (Provilkov et al., 2020): the same text in other subwords at every epoch.
//!
//! Works on ids, so that encoded text need not be kept as text. Each word is taken apart to its letters and merged again,
//! where each possible merge is left out with some probability at each step.

use std::collections::{HashMap, HashSet};

use rand::Rng;
use tokenizers::{ModelWrapper, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, PreTokenizerWrapper};

use crate::TextError;
use crate::tokenizer::{SubwordTokenizer, byte_of};

/// A merge: how early it was learned, and what it makes.
#[derive(Clone, Copy, Debug)]
struct Merge {
    rank: u32,
    id: u32,
}

/// Cuts encoded text anew, into other subwords of the same tokenizer.
///
/// A batch of 3,000 subwords takes 1.4 ms on one core (`cargo bench -p traduko-text --features train`).
#[derive(Clone, Debug)]
pub struct BpeDropout {
    cut: PreTokenizerWrapper,
    merges: HashMap<(u32, u32), Merge>,
    /// The letters and bytes that each id is made of, as ids: `leaves[ends[id - 1]..ends[id]]`.
    leaves: Vec<u32>,
    ends: Vec<usize>,
    /// What each id says; only those of leaves are looked at.
    texts: Vec<Vec<u8>>,
    /// Ids that say nothing, in order.
    reserved: Vec<u32>,
}

impl BpeDropout {
    /// Takes the merges out of `tokenizer`.
    ///
    /// # Errors
    /// When it has none, being a unigram model, or merges that do not put two pieces end to end.
    pub fn new(tokenizer: &SubwordTokenizer) -> Result<Self, TextError> {
        let inner = tokenizer.inner();
        let malformed = |reason: String| TextError::Malformed { reason };
        let ModelWrapper::BPE(model) = inner.get_model() else {
            return Err(TextError::NotBpe);
        };
        let cut = inner.get_pre_tokenizer().ok_or_else(|| malformed("no pre_tokenizer".into()))?;
        let json = serde_json::to_value(model).map_err(|error| malformed(error.to_string()))?;
        let pairs: Vec<(String, String)> = serde_json::from_value(json["merges"].clone())
            .map_err(|error| malformed(format!("model.merges: {error}")))?;

        let n_vocab = tokenizer.n_vocab();
        let all: Vec<u32> = (0..n_vocab as u32).collect();
        let pieces = tokenizer.pieces(&all);
        let mut merges = HashMap::with_capacity(pairs.len());
        let mut parts: Vec<Option<(u32, u32)>> = vec![None; n_vocab];
        for (rank, (left, right)) in (0..).zip(pairs) {
            let id = |piece: &str| inner.token_to_id(piece);
            let (Some(left_id), Some(right_id), Some(whole)) = (id(&left), id(&right), id(&format!("{left}{right}")))
            else {
                return Err(malformed(format!("model.merges[{rank}]: {left:?} and {right:?} make no token")));
            };
            merges.insert((left_id, right_id), Merge { rank, id: whole });
            parts[whole as usize].get_or_insert((left_id, right_id));
        }
        let (mut leaves, mut ends) = (Vec::new(), Vec::with_capacity(n_vocab));
        for id in all {
            // Both parts are shorter than the whole, none is empty, so this ends.
            let mut open = vec![id];
            while let Some(id) = open.pop() {
                match parts[id as usize] {
                    Some((left, right)) => open.extend([right, left]),
                    None => leaves.push(id),
                }
            }
            ends.push(leaves.len());
        }
        let texts = pieces.into_iter().map(|piece| match byte_of(&piece) {
            Some(byte) => vec![byte],
            None => piece.into_bytes(),
        });
        let reserved = (0..n_vocab as u32).filter(|&id| tokenizer.is_reserved(id)).collect();
        Ok(Self { cut: cut.clone(), merges, leaves, ends, texts: texts.collect(), reserved })
    }

    /// The text of `ids` in other subwords: each possible merge is left out with `probability` at each step.
    ///
    /// Zero gives the ids that the tokenizer gives, one gives letters. Depends on nothing but its arguments and `rng`.
    /// Reserved ids stay where they are. Ids in an order that no text encodes to are merged within each alone.
    ///
    /// # Panics
    /// When an id is outside the vocabulary.
    pub fn apply(&self, ids: &[u32], probability: f64, rng: &mut impl Rng) -> Vec<u32> {
        let mut result = Vec::with_capacity(2 * ids.len());
        let is_reserved = |id: u32| self.reserved.binary_search(&id).is_ok();
        for run in ids.chunk_by(|&a, &b| is_reserved(a) == is_reserved(b)) {
            if is_reserved(run[0]) {
                result.extend_from_slice(run);
                continue;
            }
            let mut letters: Vec<u32> = Vec::with_capacity(4 * run.len());
            let mut borders = Vec::with_capacity(run.len());
            for &id in run {
                letters.extend_from_slice(self.letters(id));
                borders.push(letters.len());
            }
            let borders = self.word_borders(&letters).unwrap_or(borders);
            let mut start = 0;
            for end in borders {
                self.merge(&letters[start..end], probability, rng, &mut result);
                start = end;
            }
        }
        result
    }

    fn letters(&self, id: u32) -> &[u32] {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.leaves[start..self.ends[id]]
    }

    /// After which letters a word ends. Nothing where the letters are no text that the tokenizer would have cut.
    fn word_borders(&self, letters: &[u32]) -> Option<Vec<usize>> {
        let bytes: Vec<u8> = letters.iter().flat_map(|&id| &self.texts[id as usize]).copied().collect();
        let n_bytes = bytes.len();
        let mut text = PreTokenizedString::from(String::from_utf8(bytes).ok()?);
        self.cut.pre_tokenize(&mut text).ok()?;
        let mut end = 0;
        let words = text.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
        let ends: HashSet<usize> = words
            .into_iter()
            .map(|(word, _, _)| {
                end += word.len();
                end
            })
            .collect();
        if end != n_bytes {
            return None;
        }
        let mut at = 0;
        let is_border = |letter: &u32| {
            at += self.texts[*letter as usize].len();
            ends.contains(&at)
        };
        let borders: Vec<usize> =
            letters.iter().map(is_border).enumerate().filter_map(|(i, is)| is.then_some(i + 1)).collect();
        (borders.len() == ends.len()).then_some(borders)
    }

    /// Merges the letters of one word into `result`.
    fn merge(&self, letters: &[u32], probability: f64, rng: &mut impl Rng, result: &mut Vec<u32>) {
        let find = |left: u32, right: u32| self.merges.get(&(left, right)).copied();
        let mut word = letters.to_vec();
        // possible[i] joins word[i] and word[i + 1].
        let mut possible: Vec<Option<Merge>> = word.windows(2).map(|two| find(two[0], two[1])).collect();
        loop {
            let mut best: Option<(usize, Merge)> = None;
            for (at, merge) in possible.iter().enumerate().filter_map(|(at, merge)| Some((at, (*merge)?))) {
                let is_dropped = probability > 0.0 && rng.random::<f64>() < probability;
                if !is_dropped && best.is_none_or(|(_, best)| merge.rank < best.rank) {
                    best = Some((at, merge));
                }
            }
            let Some((at, merge)) = best else { break };
            word[at] = merge.id;
            word.remove(at + 1);
            possible.remove(at);
            if at > 0 {
                possible[at - 1] = find(word[at - 1], word[at]);
            }
            if at < possible.len() {
                possible[at] = find(word[at], word[at + 1]);
            }
        }
        result.append(&mut word);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::{EOS, train_unigram};

    static TOKENIZER: LazyLock<SubwordTokenizer> = LazyLock::new(|| {
        SubwordTokenizer::from_json(include_bytes!("../../../models/en-fr/tokenizer.json")).expect("a whole file")
    });
    static DROPOUT: LazyLock<BpeDropout> = LazyLock::new(|| BpeDropout::new(&TOKENIZER).expect("a BPE tokenizer"));

    const TEXT: &str =
        "The quick brown foxes aren't reading l'encyclopédie de 1751, qu'on appelle «raisonnée»... 漢字!''x''";

    fn apply(text: &str, probability: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
        let ids = TOKENIZER.encode_ids(text).unwrap();
        let found = DROPOUT.apply(&ids, probability, &mut StdRng::seed_from_u64(seed));
        (ids, found)
    }

    #[test]
    fn merges_are_left_out() {
        let (ids, found) = apply(TEXT, 0.1, 7);
        assert!(found.len() > ids.len());
        assert_eq!(TOKENIZER.decode(&found).unwrap(), TEXT);
        assert_eq!(apply(TEXT, 0.1, 7).1, found);
        assert_ne!(apply(TEXT, 0.1, 8).1, found);
    }

    #[test]
    fn all_left_out_gives_letters() {
        let (_, found) = apply("L'été !", 1.0, 1);
        assert_eq!(TOKENIZER.pieces(&found), ["▁", "L", "'", "é", "t", "é", "▁", "!"]);
        assert_eq!(apply(TEXT, 0.0, 1).0, apply(TEXT, 0.0, 1).1);
    }

    #[test]
    fn the_share_of_dropped_merges_is_as_asked() {
        // A word of two letters has one merge: it is missing in three of ten.
        let ids = TOKENIZER.encode_ids("a").unwrap();
        assert_eq!(ids.len(), 1);
        let mut rng = StdRng::seed_from_u64(1);
        let n_cut = (0..10_000).filter(|_| DROPOUT.apply(&ids, 0.3, &mut rng).len() == 2).count();
        // One standard deviation is 46.
        assert!(n_cut.abs_diff(3000) < 200, "{n_cut}");
    }

    #[test]
    fn reserved_and_odd_ids_stay() {
        let (ids, _) = apply("Hello there", 0.0, 1);
        let marked = [&[2], &ids[..], &[3, 0, 0]].concat();
        let mut rng = StdRng::seed_from_u64(1);
        assert_eq!(DROPOUT.apply(&marked, 0.0, &mut rng), marked);
        // No text encodes to the end of a word, then a lone byte of a longer character.
        let odd = [ids[1], 4 + 0xE6, ids[0]];
        assert_eq!(DROPOUT.apply(&odd, 0.0, &mut rng), odd);
        assert!(DROPOUT.apply(&[], 0.5, &mut rng).is_empty());
        let tagged = TOKENIZER.with_tags(&["<2fr>"]).unwrap();
        let marked = [&[tagged.tag("<2fr>").unwrap()], &ids[..]].concat();
        assert_eq!(BpeDropout::new(&tagged).unwrap().apply(&marked, 0.0, &mut rng), marked);
    }

    #[test]
    fn only_merges_can_be_left_out() {
        let unigram = train_unigram((0..50).map(|n| format!("the house {n}")), 500).unwrap();
        let error = BpeDropout::new(&unigram).unwrap_err().to_string();
        assert_eq!(
            error,
            "tokenizer.json: a unigram model has no merges to leave out (prepare with --subwords bpe, or without BPE-dropout)"
        );
    }

    proptest! {
        #[test]
        fn nothing_left_out_changes_nothing(text in "[a-zA-Zà-ÿ '’,.!?<>«»/0-9_\u{301}漢▁-]{0,60}|(?s).{0,40}") {
            let (ids, found) = apply(&text, 0.0, 1);
            prop_assert_eq!(ids, found);
        }

        #[test]
        fn text_stays(text in "[a-zA-Zà-ÿ '’,.!?<>«»/0-9_\u{301}漢▁-]{0,60}|(?s).{0,40}", probability in 0.0..=1.0, seed: u64) {
            let (ids, found) = apply(&text, probability, seed);
            prop_assert_eq!(TOKENIZER.decode(&ids).unwrap(), TOKENIZER.decode(&found).unwrap());
            prop_assert!(found.iter().all(|&id| id > EOS));
        }
    }
}
