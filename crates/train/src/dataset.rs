//! Encoded pairs on disk and in memory, and their batches.
//!
//! A file is a small header (magic, version, vocabularies, counts, SHA-256 of the body) and a zstd body: lengths
//! of the sources, lengths of the targets, source ids, target ids, all little-endian. Sentences hold no begin
//! and no end marks; the trainer adds them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use sha2::{Digest, Sha256};

use crate::atomic::write_atomically;
use crate::body;

const MAGIC: &[u8; 8] = b"TRADUKOD";
const VERSION: u32 = 2;
const HEADER: usize = 8 + 4 + 4 + 4 + 8 + 8 + 8 + 32;

/// What can be wrong with a file of encoded pairs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not what [`Dataset::write`] writes.
    #[error("{}: {reason} (run `traduko prepare` again)", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was found and what was wanted.
        reason: String,
    },
}

/// Sentences end to end: sentence `i` is `ids[ends[i - 1]..ends[i]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Side {
    ids: Vec<u32>,
    ends: Vec<usize>,
}

impl Side {
    fn push(&mut self, ids: &[u32]) {
        self.ids.extend_from_slice(ids);
        self.ends.push(self.ids.len());
    }

    fn get(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.ids[start..self.ends[index]]
    }
}

/// Encoded sentence pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    n_vocab: usize,
    n_source_vocab: usize,
    sources: Side,
    targets: Side,
}

impl Dataset {
    /// No pairs yet, with ids below `n_vocab`.
    pub fn new(n_vocab: usize) -> Self {
        Self { n_vocab, n_source_vocab: 0, sources: Side::default(), targets: Side::default() }
    }

    /// The same set, whose sources have a vocabulary of their own; 0 where both sides share one.
    pub fn with_source_vocab(self, n_source_vocab: usize) -> Self {
        Self { n_source_vocab, ..self }
    }

    /// Adds a pair, without begin and end marks.
    ///
    /// # Panics
    /// When an id is not below the vocabulary size.
    pub fn push(&mut self, source: &[u32], target: &[u32]) {
        let are_known = |ids: &[u32], n_vocab: usize| ids.iter().all(|&id| (id as usize) < n_vocab);
        let is_known = are_known(source, self.n_source_ids()) && are_known(target, self.n_vocab);
        assert!(is_known, "ids come from the tokenizers of this set");
        self.sources.push(source);
        self.targets.push(target);
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.sources.ends.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of the target's vocabulary, or of both sides'.
    pub fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    /// The size of the source's own vocabulary; 0 where both sides share one.
    pub fn n_source_vocab(&self) -> usize {
        self.n_source_vocab
    }

    /// How many ids the larger of both vocabularies has.
    pub fn n_ids(&self) -> usize {
        self.n_vocab.max(self.n_source_vocab)
    }

    fn n_source_ids(&self) -> usize {
        if self.n_source_vocab > 0 { self.n_source_vocab } else { self.n_vocab }
    }

    /// Source tokens of all pairs.
    pub fn source_tokens(&self) -> usize {
        self.sources.ids.len()
    }

    /// Target tokens of all pairs, end marks not counted.
    pub fn target_tokens(&self) -> usize {
        self.targets.ids.len()
    }

    /// The source ids of pair `index`.
    ///
    /// # Panics
    /// When `index` is not below [`Self::len`].
    pub fn source(&self, index: usize) -> &[u32] {
        self.sources.get(index)
    }

    /// The target ids of pair `index`.
    ///
    /// # Panics
    /// When `index` is not below [`Self::len`].
    pub fn target(&self, index: usize) -> &[u32] {
        self.targets.get(index)
    }

    /// A SHA-256 that tells these pairs from others, for files that belong to them.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.body()).into()
    }

    /// All pairs once, in batches of similar length, in an order that depends on `seed` and `epoch` alone.
    ///
    /// A batch of `n` pairs whose longest target has `t` ids fills `n * (t + 1)` target positions, the end mark
    /// included; that is at most `max_tokens`, and the source side at most twice that. A pair longer than the
    /// limit gets a batch of its own.
    pub fn batches(&self, max_tokens: usize, seed: u64, epoch: u64) -> Vec<Vec<usize>> {
        let (mut order, mut rng) = self.shuffled(seed, epoch);
        // Stable, so that equal lengths stay shuffled.
        order.sort_by_key(|&i| (self.target(i).len(), self.source(i).len()));

        let mut batches = Vec::new();
        let mut batch: Vec<usize> = Vec::new();
        let (mut longest_source, mut longest_target) = (0, 0);
        for index in order {
            let source = longest_source.max(self.source(index).len() + 1);
            let target = longest_target.max(self.target(index).len() + 1);
            let count = batch.len() + 1;
            if !batch.is_empty() && (count * target > max_tokens || count * source > 2 * max_tokens) {
                batches.push(std::mem::take(&mut batch));
                longest_source = self.source(index).len() + 1;
                longest_target = self.target(index).len() + 1;
            } else {
                (longest_source, longest_target) = (source, target);
            }
            batch.push(index);
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        batches.shuffle(&mut rng);
        batches
    }

    /// All pairs once, in batches that fill a few fixed shapes, in an order that depends on `seed` and `epoch` alone: each
    /// batch with the length that both sides are to be padded to, one of `lengths` (ascending; longer pairs go to the
    /// next multiple of the last). A batch has `max_tokens / length` pairs, fewer only where a length has no more left.
    pub fn bucketed_batches(
        &self,
        max_tokens: usize,
        lengths: &[usize],
        seed: u64,
        epoch: u64,
    ) -> Vec<(usize, Vec<usize>)> {
        let (order, mut rng) = self.shuffled(seed, epoch);
        let mut open: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut batches = Vec::new();
        for index in order {
            let needed = self.source(index).len().max(self.target(index).len()) + 1;
            let longest = lengths.last().copied().unwrap_or(1).max(1);
            let fitting = lengths.iter().copied().find(|&length| length >= needed);
            let length = fitting.unwrap_or_else(|| needed.next_multiple_of(longest));
            let batch = open.entry(length).or_default();
            batch.push(index);
            if batch.len() >= (max_tokens / length).max(1) {
                batches.push((length, std::mem::take(batch)));
            }
        }
        batches.extend(open.into_iter().filter(|(_, batch)| !batch.is_empty()));
        batches.shuffle(&mut rng);
        batches
    }

    fn shuffled(&self, seed: u64, epoch: u64) -> (Vec<usize>, StdRng) {
        let mut rng = StdRng::seed_from_u64(seed ^ epoch.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut rng);
        (order, rng)
    }

    /// Writes the pairs, to a temporary name first.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), DatasetError> {
        let failed = |source| DatasetError::Io { path: path.to_owned(), source };
        let body = self.body();
        let mut bytes = Vec::with_capacity(HEADER + body.len() / 2);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        for n_vocab in [self.n_vocab, self.n_source_vocab] {
            bytes.extend_from_slice(&(n_vocab as u32).to_le_bytes());
        }
        for count in [self.len(), self.source_tokens(), self.target_tokens()] {
            bytes.extend_from_slice(&(count as u64).to_le_bytes());
        }
        bytes.extend_from_slice(&Sha256::digest(&body));
        bytes.extend(zstd::encode_all(&body[..], 3).map_err(failed)?);
        write_atomically(path, &bytes).map_err(failed)
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, or is truncated, changed or of another version.
    pub fn read(path: &Path) -> Result<Self, DatasetError> {
        let bytes = fs::read(path).map_err(|source| DatasetError::Io { path: path.to_owned(), source })?;
        Self::parse(&bytes).map_err(|reason| DatasetError::Malformed { path: path.to_owned(), reason })
    }

    fn id_bytes(&self) -> usize {
        if self.n_ids() <= 1 << 16 { 2 } else { 4 }
    }

    fn body(&self) -> Vec<u8> {
        let tokens = self.source_tokens() + self.target_tokens();
        let mut body = Vec::with_capacity(8 * self.len() + self.id_bytes() * tokens);
        for side in [&self.sources, &self.targets] {
            let mut start = 0;
            for &end in &side.ends {
                body.extend_from_slice(&((end - start) as u32).to_le_bytes());
                start = end;
            }
        }
        for id in self.sources.ids.iter().chain(&self.targets.ids) {
            body.extend_from_slice(&id.to_le_bytes()[..self.id_bytes()]);
        }
        body
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() < HEADER || &bytes[..8] != MAGIC {
            return Err("not a file of encoded pairs".into());
        }
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes of the header"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes of the header"));
        if word(8) != VERSION {
            return Err(format!("version {} (wanted {VERSION})", word(8)));
        }
        let mut set = Self::new(word(12) as usize).with_source_vocab(word(16) as usize);
        let [pairs, sources, targets] = [long(20), long(28), long(36)];
        let wanted = sources
            .checked_add(targets)
            .and_then(|tokens| tokens.checked_mul(set.id_bytes() as u64))
            .and_then(|ids| pairs.checked_mul(8)?.checked_add(ids))
            .ok_or_else(|| format!("{pairs} pairs of {sources} and {targets} tokens cannot be"))?;
        let body = body::decompress(&bytes[HEADER..], wanted, &bytes[44..76])?;
        let (lengths, ids) = body.split_at(8 * pairs as usize);
        let (source_lengths, target_lengths) = lengths.split_at(4 * pairs as usize);
        let (source_ids, target_ids) = ids.split_at(sources as usize * set.id_bytes());
        set.sources = set.side(source_lengths, source_ids, set.n_source_ids())?;
        set.targets = set.side(target_lengths, target_ids, set.n_vocab)?;
        Ok(set)
    }

    fn side(&self, lengths: &[u8], ids: &[u8], n_vocab: usize) -> Result<Side, String> {
        let ends = body::ends(lengths);
        let end = ends.last().copied().unwrap_or(0);
        let ids: Vec<u32> = ids
            .chunks_exact(self.id_bytes())
            .map(|id| id.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte)))
            .collect();
        if end != ids.len() {
            return Err(format!("lengths add up to {end} tokens (wanted {})", ids.len()));
        }
        match ids.iter().find(|&&id| id as usize >= n_vocab) {
            Some(id) => Err(format!("token id {id} in a vocabulary of {n_vocab}")),
            None => Ok(Side { ids, ends }),
        }
    }
}

#[cfg(test)]
mod tests;
