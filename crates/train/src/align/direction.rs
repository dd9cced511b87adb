//! One direction of alignment: which side is given and which is generated.
//!
//! Both models are asymmetric: each generated word picks one given word, or the null word. They are trained once in
//! each direction, on the same pairs read the other way round.

use crate::dataset::Dataset;

/// Longest side of a pair that is aligned, in subwords: the HMM's work grows with the cube of the length.
pub const MAX_LENGTH: usize = 512;

/// A generated word that belongs to no given word.
pub(super) const NULL: u16 = u16::MAX;

/// Sentence pairs, read in one direction.
#[derive(Clone, Copy)]
pub(super) struct Directed<'a> {
    set: &'a Dataset,
    is_reversed: bool,
    stride: usize,
}

impl<'a> Directed<'a> {
    /// Source words are given, target words generated.
    pub(super) fn source_to_target(set: &'a Dataset) -> Self {
        Self { set, is_reversed: false, stride: 1 }
    }

    /// Target words are given, source words generated.
    pub(super) fn target_to_source(set: &'a Dataset) -> Self {
        Self { set, is_reversed: true, stride: 1 }
    }

    /// The same pairs, of which every `stride`-th is learned from.
    pub(super) fn learned_every(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The direction, for a person.
    pub(super) fn name(&self) -> &'static str {
        if self.is_reversed { "target to source" } else { "source to target" }
    }

    pub(super) fn len(&self) -> usize {
        self.set.len()
    }

    /// The pairs that are learned from.
    pub(super) fn learned(&self) -> Vec<usize> {
        (0..self.len()).step_by(self.stride).collect()
    }

    pub(super) fn n_vocab(&self) -> usize {
        self.set.n_ids()
    }

    /// The id of the null word, past the vocabulary.
    pub(super) fn null(&self) -> u32 {
        self.set.n_ids() as u32
    }

    /// How many words of a pair are generated, those of pairs that are not aligned included.
    pub(super) fn n_generated(&self, pair: usize) -> usize {
        if self.is_reversed { self.set.source(pair).len() } else { self.set.target(pair).len() }
    }

    /// Given and generated words; nothing when a side is empty or longer than [`MAX_LENGTH`].
    pub(super) fn get(&self, pair: usize) -> Option<(&'a [u32], &'a [u32])> {
        if !is_alignable(self.set, pair) {
            return None;
        }
        let (source, target) = (self.set.source(pair), self.set.target(pair));
        Some(if self.is_reversed { (target, source) } else { (source, target) })
    }
}

/// Whether neither side of a pair is empty or longer than [`MAX_LENGTH`].
pub(super) fn is_alignable(set: &Dataset, pair: usize) -> bool {
    [set.source(pair), set.target(pair)].iter().all(|side| (1..=MAX_LENGTH).contains(&side.len()))
}

/// For every generated word of every pair the given position it picked, or [`NULL`].
pub(super) struct Picks {
    positions: Vec<u16>,
    ends: Vec<usize>,
}

impl Picks {
    /// Joins what each pair picked, in their order.
    pub(super) fn join(chunks: Vec<Vec<u16>>, pairs: &Directed) -> Self {
        let mut end = 0;
        let ends = (0..pairs.len()).map(|pair| {
            end += pairs.n_generated(pair);
            end
        });
        Self { ends: ends.collect(), positions: chunks.concat() }
    }

    /// What the words of one pair picked.
    pub(super) fn get(&self, pair: usize) -> &[u16] {
        let start = if pair == 0 { 0 } else { self.ends[pair - 1] };
        &self.positions[start..self.ends[pair]]
    }
}
