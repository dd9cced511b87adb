//! Links out of a network: for each target subword the source subword that its first attention head looks at most while
//! it reads the known target.

use traduko_model::{Pairs, Seq2Seq};

use super::Link;
use crate::device::Cpu;

/// Pairs that are read at once.
const BATCH: usize = 32;

/// The links of each pair of `sources` and `targets`, ids without marks. A target subword whose head looks at the end mark
/// has no link.
pub(super) fn links(network: &Seq2Seq<Cpu>, sources: &[Vec<u32>], targets: &[Vec<u32>]) -> Vec<Vec<Link>> {
    let mut links = Vec::with_capacity(sources.len());
    for (sources, targets) in sources.chunks(BATCH).zip(targets.chunks(BATCH)) {
        let attention = network.forced(&Pairs { sources, targets, ..Pairs::default() }, &Default::default()).attention;
        let [_, time, width] = attention.dims();
        let weights: Vec<f32> = attention.into_data().convert::<f32>().into_vec().expect("converted to f32");
        for (rows, (source, target)) in weights.chunks_exact(time * width).zip(sources.iter().zip(targets)) {
            let looked_at = |row: &[f32]| (0..=source.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
            let pair = rows.chunks_exact(width).take(target.len()).enumerate().filter_map(|(target, row)| {
                let position = looked_at(row).filter(|&position| position < source.len())?;
                Some(Link { target: target as u16, source: position as u16 })
            });
            links.push(pair.collect());
        }
    }
    links
}
