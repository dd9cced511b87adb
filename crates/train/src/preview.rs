//! Previews of output tables for packages: the few directions that tell most about the logits of the vectors that a network
//! really puts out.

use std::path::Path;

use anyhow::{Context, ensure};
use nalgebra::{DMatrix, SymmetricEigen};
use traduko_model::{ModelConfig, NamedTensor, PREVIEW, Pairs, Seq2Seq, StoredWeights, TieKind};

use crate::dataset::Dataset;
use crate::device::Cpu;

/// Sentence pairs that show what a network puts out.
const PAIRS: usize = 500;
const PAIRS_AT_ONCE: usize = 20;

/// Adds a preview of `width` columns to the weights of a package; 0 adds none. The vectors that the network puts out are those
/// for the sentence pairs in `text`; without it all directions count alike, which makes a rougher preview.
///
/// # Errors
/// Where the preview would be as wide as the table, or the text cannot be read.
pub fn add(
    config: &mut ModelConfig,
    weights: &mut Vec<NamedTensor>,
    width: usize,
    text: Option<&Path>,
) -> anyhow::Result<()> {
    let d = config.d_embedding;
    ensure!(width < d, "--preview {width}: the table itself is {d} wide; give less, or 0 for none");
    if width == 0 {
        return Ok(());
    }
    let name =
        if config.tie_embeddings == TieKind::None { "embedding.output.weight" } else { "embedding.target.weight" };
    let table = weights.iter().find(|tensor| tensor.name == name).context("the network has an output table")?;
    let table = DMatrix::from_row_iterator(config.n_vocab, d, table.values.iter().map(|&x| f64::from(x)));
    let moment = match text {
        Some(path) => second_moment(config, weights, path)?,
        None => DMatrix::identity(d, d),
    };
    let [query, key] = directions(&table, moment, width);
    for (name, matrix) in PREVIEW.into_iter().zip([query, key]) {
        let values = matrix.transpose().iter().map(|&x| x as f32).collect();
        weights.push(NamedTensor { name: name.to_owned(), shape: vec![width, d], values });
    }
    config.d_preview = width;
    Ok(())
}

/// What makes of an output vector, and of a row of `table`, the `width` numbers whose product says most about the logit, where
/// `moment` is the second moment of output vectors: singular vectors of the table times the root of the moment.
fn directions(table: &DMatrix<f64>, moment: DMatrix<f64>, width: usize) -> [DMatrix<f64>; 2] {
    let d = moment.nrows();
    let least = 1e-6 * moment.trace() / d as f64;
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(moment);
    let roots = eigenvalues.map(|x| x.max(least).sqrt());
    let turned = |diagonal| &eigenvectors * DMatrix::from_diagonal(&diagonal) * eigenvectors.transpose();
    let (root, inverse) = (turned(roots.clone()), turned(roots.map(f64::recip)));
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(&root * (table.transpose() * table) * &root);
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|&a, &b| eigenvalues[b].total_cmp(&eigenvalues[a]));
    let chosen = eigenvectors.select_columns(&order[..width]).transpose(); // [width, d]
    [&chosen * inverse, chosen * root]
}

/// The mean of the products of output vectors with themselves, over pairs from all of a text.
fn second_moment(config: &ModelConfig, weights: &[NamedTensor], path: &Path) -> anyhow::Result<DMatrix<f64>> {
    let text = Dataset::read(path).with_context(|| path.display().to_string())?;
    let (found, wanted) = ([text.n_vocab(), text.n_source_vocab()], [config.n_vocab, config.n_source_vocab]);
    ensure!(found == wanted, "{}: of another vocabulary than the network", path.display());
    let network = Seq2Seq::<Cpu>::build(config, &mut StoredWeights::new(weights.to_vec()), &Default::default())?;
    let n_pairs = text.len().min(PAIRS);
    let (mut sum, mut n) = (DMatrix::zeros(config.d_embedding, config.d_embedding), 0);
    for first in (0..n_pairs).step_by(PAIRS_AT_ONCE) {
        // Spread over the whole text.
        let chosen = || (first..n_pairs.min(first + PAIRS_AT_ONCE)).map(|at| at * text.len() / n_pairs);
        let sources: Vec<Vec<u32>> = chosen().map(|index| text.source(index).to_vec()).collect();
        let targets: Vec<Vec<u32>> = chosen().map(|index| text.target(index).to_vec()).collect();
        let pairs = Pairs { sources: &sources, targets: &targets, ..Pairs::default() };
        let forced = network.forced(&pairs, &Default::default());
        let outputs: Vec<f32> = forced.output.into_data().convert::<f32>().into_vec().expect("converted to f32");
        let live: Vec<f32> = forced.weights.into_data().convert::<f32>().into_vec().expect("converted to f32");
        let rows = outputs.chunks_exact(config.d_embedding).zip(live).filter(|(_, weight)| *weight > 0.0);
        let rows: Vec<f64> = rows.flat_map(|(row, _)| row.iter().map(|&x| f64::from(x))).collect();
        let rows = DMatrix::from_row_slice(rows.len() / config.d_embedding, config.d_embedding, &rows);
        n += rows.nrows();
        sum += rows.transpose() * rows;
    }
    ensure!(n > 0, "{}: no sentence pairs inside", path.display());
    Ok(sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors that lie in a plane need two directions, whatever the table.
    #[test]
    fn what_does_not_differ_is_left_out() {
        let table = DMatrix::from_fn(50, 6, |row, column| ((row * 7 + column * 13) % 17) as f64 - 8.0);
        let plane = DMatrix::from_fn(2, 6, |row, column| ((row * 5 + column * 3) % 7) as f64 - 3.0);
        let [query, key] = directions(&table, plane.transpose() * &plane, 2);
        let x = plane.transpose() * DMatrix::from_column_slice(2, 1, &[0.7, -1.9]);
        let (wanted, found) = (&table * &x, &table * key.transpose() * (query * x));
        assert!((wanted.clone() - found).norm() < 1e-2 * wanted.norm());
    }
}
