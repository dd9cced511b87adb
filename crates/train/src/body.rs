//! The compressed body of the trainer's own binary files.

use std::io::Read;

use sha2::{Digest, Sha256};

/// Decompresses a body that should have `wanted` bytes and the SHA-256 `sha256`.
///
/// # Errors
/// What was found instead, in words.
pub(crate) fn decompress(compressed: &[u8], wanted: u64, sha256: &[u8]) -> Result<Vec<u8>, String> {
    // Nothing is reserved by what a header claims: the buffer grows with what the file holds.
    let mut body = Vec::new();
    zstd::Decoder::new(compressed)
        .and_then(|decoder| decoder.take(wanted.saturating_add(1)).read_to_end(&mut body))
        .map_err(|error| format!("damaged body: {error}"))?;
    if body.len() as u64 != wanted {
        return Err(format!("{} bytes of body at least (wanted {wanted})", body.len()));
    }
    if Sha256::digest(&body)[..] != *sha256 {
        return Err("the SHA-256 of the body differs from the header's".into());
    }
    Ok(body)
}

/// Where each of several runs of items ends, from their lengths as little-endian words.
pub(crate) fn ends(lengths: &[u8]) -> Vec<usize> {
    let mut end = 0;
    lengths
        .chunks_exact(4)
        .map(|length| {
            end += u32::from_le_bytes(length.try_into().expect("chunks of four")) as usize;
            end
        })
        .collect()
}
