use std::collections::BTreeSet;

use super::*;

/// Pair `i` has `1 + i % 7` source ids and `1 + i % 5` target ids.
fn sample(pairs: usize, n_vocab: usize) -> Dataset {
    let mut set = Dataset::new(n_vocab);
    for i in 0..pairs {
        let id = |j: usize| ((i * 31 + j) % n_vocab) as u32;
        let source: Vec<u32> = (0..1 + i % 7).map(id).collect();
        let target: Vec<u32> = (10..11 + i % 5).map(id).collect();
        set.push(&source, &target);
    }
    set
}

fn written(set: &Dataset) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.ids");
    set.write(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    (folder, path, bytes)
}

#[test]
fn what_is_written_is_read() {
    let mut own = Dataset::new(8).with_source_vocab(70_000);
    own.push(&[69_999], &[7]);
    for set in [sample(100, 300), sample(50, 70_000), Dataset::new(8), own] {
        let (_folder, path, _) = written(&set);
        assert_eq!(Dataset::read(&path).unwrap(), set);
    }
    let set = sample(3, 300);
    assert_eq!((set.source(2), set.target(2)), (&[62, 63, 64][..], &[72, 73, 74][..]));
    assert_eq!((set.len(), set.source_tokens(), set.target_tokens()), (3, 6, 6));
}

#[test]
fn nothing_is_left_beside_the_file() {
    let (folder, _, _) = written(&sample(3, 300));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn every_truncation_is_an_error() {
    let (_folder, path, bytes) = written(&sample(20, 300));
    for length in 0..bytes.len() {
        let error = Dataset::parse(&bytes[..length]).unwrap_err();
        assert!(!error.is_empty(), "{length} bytes");
    }
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = Dataset::read(&path).unwrap_err().to_string();
    assert!(error.contains("train.ids: ") && error.ends_with("(run `traduko prepare` again)"), "{error}");
}

#[test]
fn hostile_headers_are_errors() {
    let (_folder, _, bytes) = written(&sample(20, 300));
    let with = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        Dataset::parse(&bytes).unwrap_err()
    };
    assert_eq!(with(0, b"PARALLEL"), "not a file of encoded pairs");
    assert_eq!(with(8, &7u32.to_le_bytes()), "version 7 (wanted 2)");
    assert!(with(12, &3u32.to_le_bytes()).contains("in a vocabulary of 3"));
    assert!(with(16, &3u32.to_le_bytes()).contains("in a vocabulary of 3"));
    assert!(with(20, &u64::MAX.to_le_bytes()).ends_with("cannot be"));
    assert!(with(28, &(u64::MAX / 8).to_le_bytes()).contains("of body at least"));
    assert!(with(20, &21u64.to_le_bytes()).contains("of body at least"));
    assert!(with(44, &[0; 32]).contains("SHA-256"));
}

#[test]
fn lengths_must_add_up() {
    let mut set = sample(4, 300);
    set.sources.ends[0] += 1;
    let (_folder, _, bytes) = written(&set);
    // The moved border keeps the sum; a longer last sentence does not.
    assert!(Dataset::parse(&bytes).is_ok());
    set.sources.ends[3] += 1;
    let (_folder, _, bytes) = written(&set);
    assert_eq!(Dataset::parse(&bytes).unwrap_err(), "lengths add up to 11 tokens (wanted 10)");
}

#[test]
fn batches_hold_every_pair_once_and_stay_within_the_limit() {
    let set = sample(500, 300);
    let batches = set.batches(60, 1, 0);
    let mut seen = BTreeSet::new();
    for batch in &batches {
        let longest = batch.iter().map(|&i| set.target(i).len() + 1).max().unwrap();
        assert!(batch.len() * longest <= 60);
        let longest = batch.iter().map(|&i| set.source(i).len() + 1).max().unwrap();
        assert!(batch.len() * longest <= 120);
        assert!(batch.iter().all(|&i| seen.insert(i)));
    }
    assert_eq!(seen.len(), 500);
    // Lengths are alike within a batch: less than a tenth of the target positions is padding.
    let positions: usize =
        batches.iter().map(|b| b.len() * b.iter().map(|&i| set.target(i).len() + 1).max().unwrap()).sum();
    let filled = set.target_tokens() + set.len();
    assert!(filled * 10 > positions * 9, "{filled} of {positions}");
}

#[test]
fn batches_depend_on_seed_and_epoch_alone() {
    let set = sample(200, 300);
    assert_eq!(set.batches(60, 1, 4), set.batches(60, 1, 4));
    assert_ne!(set.batches(60, 1, 4), set.batches(60, 1, 5));
    assert_ne!(set.batches(60, 1, 4), set.batches(60, 2, 4));
}

#[test]
fn a_pair_beyond_the_limit_gets_its_own_batch() {
    let mut set = Dataset::new(10);
    set.push(&[1; 4], &[1; 100]);
    set.push(&[1; 4], &[1; 4]);
    set.push(&[1; 4], &[1; 4]);
    let mut batches = set.batches(20, 1, 0);
    batches.iter_mut().for_each(|batch| batch.sort_unstable());
    batches.sort();
    assert_eq!(batches, [vec![0], vec![1, 2]]);
    assert!(Dataset::new(10).batches(20, 1, 0).is_empty());
}

#[test]
fn buckets_have_few_shapes_and_hold_every_pair_once() {
    let mut set = Dataset::new(10);
    for length in 1..=50 {
        set.push(&vec![5; length], &vec![6; 51 - length]);
    }
    let batches = set.bucketed_batches(96, &[32, 48], 3, 0);
    let mut all: Vec<usize> = batches.iter().flat_map(|(_, batch)| batch.clone()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..50).collect::<Vec<_>>());
    for (length, batch) in &batches {
        assert!([32, 48, 96].contains(length), "{length}");
        assert!(batch.len() <= 96 / length);
        for &pair in batch {
            assert!(set.source(pair).len() < *length && set.target(pair).len() < *length);
        }
    }
    assert_eq!(batches, set.bucketed_batches(96, &[32, 48], 3, 0));
    assert_ne!(batches, set.bucketed_batches(96, &[32, 48], 3, 1));
}
