//! What a network's first attention head looks at while it reads known targets.

use traduko_model::{Pairs, Seq2Seq};

use super::Link;
use crate::device::Cpu;

/// Pairs that are read at once.
const BATCH: usize = 32;

/// For each pair and each target subword the weights of the source subwords, the end mark's behind them. Ids come without
/// marks, and without the `tag` that the network reads before each source.
pub(super) fn weights(
    network: &Seq2Seq<Cpu>,
    tag: &[u32],
    sources: &[Vec<u32>],
    targets: &[Vec<u32>],
) -> Vec<Vec<Vec<f32>>> {
    let mut weights = Vec::with_capacity(sources.len());
    for (sources, targets) in sources.chunks(BATCH).zip(targets.chunks(BATCH)) {
        let tagged: Vec<Vec<u32>> = sources.iter().map(|source| [tag, source].concat()).collect();
        let attention =
            network.forced(&Pairs { sources: &tagged, targets, ..Pairs::default() }, &Default::default()).attention;
        let [_, time, width] = attention.dims();
        let flat: Vec<f32> = attention.into_data().convert::<f32>().into_vec().expect("converted to f32");
        for (rows, (source, target)) in flat.chunks_exact(time * width).zip(sources.iter().zip(targets)) {
            let rows = rows.chunks_exact(width).take(target.len());
            weights.push(rows.map(|row| row[tag.len()..=tag.len() + source.len()].to_vec()).collect());
        }
    }
    weights
}

/// For each target subword of a pair the source subword of the greatest weight. One that looks at the end mark has no link.
pub(super) fn links(weights: &[Vec<f32>]) -> Vec<Link> {
    let looked_at = |row: &Vec<f32>| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    let links = weights.iter().enumerate().filter_map(|(target, row)| {
        let position = looked_at(row).filter(|&position| position + 1 < row.len())?;
        Some(Link { target: target as u16, source: position as u16 })
    });
    links.collect()
}
