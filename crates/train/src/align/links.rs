//! `train.align`: the links of every pair of `train.ids`, on disk and in memory.
//!
//! A file is a small header (magic, version, counts, SHA-256 of the pairs it belongs to, SHA-256 of the body) and a zstd
//! body: the number of links of each pair, then all target positions, then all source positions, little-endian.
//! Positions count subwords from 0; begin and end marks are not among them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::atomic::write_atomically;
use crate::body;
use crate::dataset::Dataset;

const MAGIC: &[u8; 8] = b"TRADUKOA";
const VERSION: u32 = 1;
const HEADER: usize = 8 + 4 + 8 + 8 + 32 + 32;

/// The file name beside `train.ids`.
pub const ALIGN_FILE: &str = "train.align";

/// What can be wrong with a file of links.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlignmentsError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not what [`Alignments::write`] writes.
    #[error("{}: {reason} (run `traduko align` again)", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was found and what was wanted.
        reason: String,
    },
    /// The links are sound, but those of other pairs.
    #[error(
        "{}: made for other pairs than those in train.ids ({found} pairs, wanted {wanted}{}); run `traduko align` again",
        path.display(),
        if found == wanted { " with the same text" } else { "" }
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How many pairs it has links of.
        found: usize,
        /// How many pairs there are.
        wanted: usize,
    },
}

/// A source subword and a target subword that translate each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Position in the target, from 0.
    pub target: u16,
    /// Position in the source, from 0.
    pub source: u16,
}

/// The links of all pairs of a [`Dataset`], in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignments {
    pairs: [u8; 32],
    ends: Vec<usize>,
    links: Vec<Link>,
}

impl Alignments {
    /// The links of each pair of `set`, by target position and then by source position.
    ///
    /// # Panics
    /// When there are not as many lists as pairs, or a position is outside its sentence or out of order.
    pub fn new(set: &Dataset, links: impl Iterator<Item = Vec<Link>>) -> Self {
        let mut alignments = Self { pairs: set.digest(), ends: Vec::with_capacity(set.len()), links: Vec::new() };
        for links in links {
            alignments.links.extend(links);
            alignments.ends.push(alignments.links.len());
        }
        assert_eq!(alignments.len(), set.len(), "one list of links for each pair");
        if let Some(fault) = alignments.fault(set) {
            panic!("links come from an aligner of these pairs: {fault}");
        }
        alignments
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Links of all pairs.
    pub fn n_links(&self) -> usize {
        self.links.len()
    }

    /// The links of pair `pair`, by target position and then by source position; a word may have none or several.
    ///
    /// # Panics
    /// When `pair` is not below [`Self::len`].
    pub fn links(&self, pair: usize) -> &[Link] {
        let start = if pair == 0 { 0 } else { self.ends[pair - 1] };
        &self.links[start..self.ends[pair]]
    }

    /// What is wrong with the positions, if they are to be those of `set`.
    fn fault(&self, set: &Dataset) -> Option<String> {
        (0..self.len()).find_map(|pair| {
            let (source, target) = (set.source(pair).len(), set.target(pair).len());
            let links = self.links(pair);
            let outside = links.iter().find(|l| usize::from(l.source) >= source || usize::from(l.target) >= target);
            let place = |l: &Link| format!("link {}-{} of pair {pair}", l.source, l.target);
            match outside {
                Some(link) => Some(format!("{} in {source} and {target} subwords", place(link))),
                None => {
                    links.windows(2).find(|two| two[0] >= two[1]).map(|two| format!("{} out of order", place(&two[1])))
                }
            }
        })
    }

    /// Writes the links, to a temporary name first.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), AlignmentsError> {
        let failed = |source| AlignmentsError::Io { path: path.to_owned(), source };
        let mut body = Vec::with_capacity(4 * (self.len() + self.n_links()));
        for pair in 0..self.len() {
            body.extend_from_slice(&(self.links(pair).len() as u32).to_le_bytes());
        }
        body.extend(self.links.iter().flat_map(|link| link.target.to_le_bytes()));
        body.extend(self.links.iter().flat_map(|link| link.source.to_le_bytes()));

        let mut bytes = Vec::with_capacity(HEADER + body.len() / 2);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        for count in [self.len(), self.n_links()] {
            bytes.extend_from_slice(&(count as u64).to_le_bytes());
        }
        bytes.extend_from_slice(&self.pairs);
        bytes.extend_from_slice(&Sha256::digest(&body));
        bytes.extend(zstd::encode_all(&body[..], 3).map_err(failed)?);
        write_atomically(path, &bytes).map_err(failed)
    }

    /// Reads what [`Self::write`] wrote for the pairs of `set`.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated, changed or of another version, or belongs to other pairs.
    pub fn read(path: &Path, set: &Dataset) -> Result<Self, AlignmentsError> {
        let bytes = fs::read(path).map_err(|source| AlignmentsError::Io { path: path.to_owned(), source })?;
        let malformed = |reason| AlignmentsError::Malformed { path: path.to_owned(), reason };
        let alignments = Self::parse(&bytes).map_err(malformed)?;
        if alignments.len() != set.len() || alignments.pairs != set.digest() {
            return Err(AlignmentsError::Foreign { path: path.to_owned(), found: alignments.len(), wanted: set.len() });
        }
        match alignments.fault(set) {
            Some(fault) => Err(malformed(fault)),
            None => Ok(alignments),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() < HEADER || &bytes[..8] != MAGIC {
            return Err("not a file of links".into());
        }
        let version = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes of the header"));
        if version != VERSION {
            return Err(format!("version {version} (wanted {VERSION})"));
        }
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes of the header"));
        let (n_pairs, n_links) = (long(12), long(20));
        let wanted = n_pairs.checked_add(n_links).and_then(|count| count.checked_mul(4));
        let wanted = wanted.ok_or_else(|| format!("{n_pairs} pairs with {n_links} links cannot be"))?;
        let body = body::decompress(&bytes[HEADER..], wanted, &bytes[60..92])?;
        let (lengths, positions) = body.split_at(4 * n_pairs as usize);
        let (targets, sources) = positions.split_at(2 * n_links as usize);
        let ends = body::ends(lengths);
        let end = ends.last().copied().unwrap_or(0);
        if end as u64 != n_links {
            return Err(format!("the pairs add up to {end} links (wanted {n_links})"));
        }
        let position = |bytes: &[u8]| u16::from_le_bytes(bytes.try_into().expect("chunks of two"));
        let both = targets.chunks_exact(2).zip(sources.chunks_exact(2));
        let links = both.map(|(target, source)| Link { target: position(target), source: position(source) }).collect();
        Ok(Self { pairs: bytes[28..60].try_into().expect("32 bytes of the header"), ends, links })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Dataset {
        let mut set = Dataset::new(100);
        for i in 0..40u32 {
            let source: Vec<u32> = (0..2 + i % 5).collect();
            set.push(&source, &[i, 1, 2]);
        }
        set.push(&[], &[]);
        set
    }

    fn link(source: u16, target: u16) -> Link {
        Link { source, target }
    }

    fn sample() -> Alignments {
        let set = set();
        let lists = (0..41).map(|i| if i < 40 { vec![link(1, 0), link(0, 1), link(1, 1)] } else { vec![] });
        Alignments::new(&set, lists)
    }

    fn written() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ALIGN_FILE);
        sample().write(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        (folder, path, bytes)
    }

    #[test]
    fn what_is_written_is_read() {
        let (folder, path, _) = written();
        let read = Alignments::read(&path, &set()).unwrap();
        assert_eq!(read, sample());
        assert_eq!((read.len(), read.n_links(), read.is_empty()), (41, 120, false));
        assert_eq!(read.links(39), [link(1, 0), link(0, 1), link(1, 1)]);
        assert!(read.links(40).is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn truncations_and_changes_are_errors() {
        let (_folder, path, bytes) = written();
        for length in 0..bytes.len() {
            assert!(Alignments::parse(&bytes[..length]).is_err(), "{length} bytes");
        }
        let with = |at: usize, value: &[u8]| {
            let mut bytes = bytes.clone();
            bytes[at..at + value.len()].copy_from_slice(value);
            fs::write(&path, bytes).unwrap();
            Alignments::read(&path, &set()).unwrap_err().to_string()
        };
        for (at, value, wanted) in [
            (0, &b"TRADUKOD"[..], "train.align: not a file of links (run `traduko align` again)"),
            (8, &[9], "version 9 (wanted 1)"),
            (12, &u64::MAX.to_le_bytes(), "cannot be"),
            (12, &[42], "of body at least"),
            (20, &[1, 1], "of body at least"),
            (28, &[1, 2, 3], "made for other pairs"),
            (60, &[1, 2, 3], "SHA-256"),
            (bytes.len() - 8, &[0xff; 4], "train.align: "),
        ] {
            let error = with(at, value);
            assert!(error.contains(wanted), "{at}: {error}");
        }
        let missing = Alignments::read(Path::new("no/train.align"), &set()).unwrap_err();
        assert!(missing.to_string().starts_with("no/train.align: "), "{missing}");
    }

    #[test]
    fn links_of_other_pairs_are_refused() {
        let (_folder, path, _) = written();
        let mut longer = set();
        longer.push(&[1], &[2]);
        let error = Alignments::read(&path, &longer).unwrap_err().to_string();
        assert!(error.contains("(41 pairs, wanted 42); run `traduko align` again"), "{error}");
        let mut other = Dataset::new(100);
        (0..41).for_each(|_| other.push(&[1, 2, 3], &[4, 5, 6]));
        let error = Alignments::read(&path, &other).unwrap_err().to_string();
        assert!(error.contains("made for other pairs"), "{error}");
    }

    #[test]
    fn positions_outside_a_sentence_are_refused() {
        let (_folder, path, _) = written();
        for (wrong, wanted) in [
            (vec![link(2, 0)], "link 2-0 of pair 0 in 2 and 3 subwords"),
            (vec![link(0, 3)], "link 0-3 of pair 0"),
            (vec![link(0, 1), link(1, 0)], "link 1-0 of pair 0 out of order"),
            (vec![link(0, 1), link(0, 1)], "out of order"),
        ] {
            let mut alignments = sample();
            let end = wrong.len();
            alignments.links = [&wrong[..], &alignments.links[3..]].concat();
            alignments.ends.iter_mut().for_each(|e| *e = *e + end - 3);
            alignments.write(&path).unwrap();
            let error = Alignments::read(&path, &set()).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
