//! `traduko weights`: a run's weights alone, small enough to carry, and the average of its last validations.
//!
//! Pieces are safetensors files of bf16 values named as Hugging Face names shards, `weights-00001-of-00003.safetensors`,
//! each with the position in training as metadata; a tensor too large for one piece is cut between rows. Training goes
//! on from them with `traduko train --resume-weights`, Adam's moments starting at zero.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use half::bf16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;
use traduko_model::{ModelConfig, NamedTensor, PREVIEW};
use traduko_package::{MANIFEST_FILE, Package};

use crate::{
    atomic::write_atomically,
    config::TrainConfig,
    tokenizers::TokenizerFiles,
    train::{BEST, CONFIG, Checkpoint, LAST, TrainSummary},
};

/// What the names of pieces begin with.
const PIECE: &str = "weights-";
/// Separates a tensor's name from the first row of a part of it.
const PART: char = '@';
/// Room for names and metadata in each piece.
const HEADER_ROOM: usize = 256 << 10;

/// Save a run's weights alone, in bf16 pieces, or the average of its last validations
#[derive(Args, Debug)]
pub struct WeightsArgs {
    /// The run's folder
    pub run: PathBuf,
    /// Folder for the pieces, or for the averaged run
    #[arg(long)]
    pub out: PathBuf,
    /// Largest size of a piece
    #[arg(long, value_name = "MIB", default_value_t = 15)]
    pub piece_mib: usize,
    /// Instead of pieces write a run whose weights are the mean of the newest N validated ones (needs
    /// train.keep_validated)
    #[arg(long, value_name = "N")]
    pub average: Option<usize>,
}

/// Writes the pieces or the averaged run.
///
/// # Errors
/// Where the folder holds no run, too few validated weights, `out` holds a run, or the disk refuses.
pub fn run(args: WeightsArgs) -> anyhow::Result<ExitCode> {
    let WeightsArgs { run, out, piece_mib, average } = args;
    ensure!(!out.join(LAST).exists(), "{} already holds a run; choose another --out", out.display());
    let checkpoint = match average {
        Some(n) => mean(&run, n)?,
        None => Checkpoint::read(&run.join(LAST))?,
    };
    let from = run.join(CONFIG);
    let config = fs::read(&from).with_context(|| format!("reading {}", from.display()))?;
    let tokenizers = TokenizerFiles::read(&run)?;
    fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let step = checkpoint.summary.step;
    match average {
        Some(n) => {
            checkpoint.write(&out.join(BEST))?;
            eprintln!("the mean of {n} validations up to step {step} is in {}", out.display());
        }
        None => {
            let count = write_pieces(&checkpoint, &out, piece_mib << 20)?;
            eprintln!("step {step}: {count} pieces in {}", out.display());
        }
    }
    write_atomically(&out.join(CONFIG), &config).with_context(|| format!("writing {CONFIG}"))?;
    tokenizers.write(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// One tensor or some of its rows.
struct Part {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn parts(tensors: &[NamedTensor], limit: usize) -> anyhow::Result<Vec<Part>> {
    let mut parts = Vec::new();
    for tensor in tensors {
        let width: usize = tensor.shape[1..].iter().product();
        let rows = limit / (2 * width.max(1));
        ensure!(rows > 0, "{}: one row is larger than a piece; raise --piece-mib", tensor.name);
        for (index, values) in tensor.values.chunks(rows * width.max(1)).enumerate() {
            let mut shape = tensor.shape.clone();
            shape[0] = values.len() / width.max(1);
            let is_whole = values.len() == tensor.values.len();
            let name = if is_whole { tensor.name.clone() } else { format!("{}{PART}{}", tensor.name, index * rows) };
            let bytes = values.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect();
            parts.push(Part { name, shape, bytes });
        }
    }
    Ok(parts)
}

/// Writes the pieces in the place of those that `out` holds; gives their number.
fn write_pieces(checkpoint: &Checkpoint, out: &Path, piece_bytes: usize) -> anyhow::Result<usize> {
    let limit = piece_bytes.saturating_sub(HEADER_ROOM);
    let mut pieces: Vec<Vec<Part>> = Vec::new();
    let mut filled = usize::MAX;
    for part in parts(&checkpoint.weights, limit)? {
        if filled.saturating_add(part.bytes.len()) > limit {
            pieces.push(Vec::new());
            filled = 0;
        }
        filled += part.bytes.len();
        pieces.last_mut().expect("pushed before the first part").push(part);
    }
    let metadata = HashMap::from([("training".to_owned(), serde_json::to_string(&checkpoint.summary)?)]);
    let mut older = files(out, PIECE)?;
    for (index, piece) in pieces.iter().enumerate() {
        let views: Result<Vec<_>, _> = piece
            .iter()
            .map(|part| {
                Ok::<_, safetensors::SafeTensorError>((
                    part.name.clone(),
                    TensorView::new(Dtype::BF16, part.shape.clone(), &part.bytes)?,
                ))
            })
            .collect();
        let data = safetensors::serialize(views?, Some(metadata.clone()))?;
        let path = out.join(piece_name(index, pieces.len()));
        write_atomically(&path, &data).with_context(|| format!("writing {}", path.display()))?;
        older.retain(|other| *other != path);
    }
    remove_files(&older)?;
    Ok(pieces.len())
}

/// Weights that training goes on from, and what they are for.
pub struct GivenWeights {
    /// Their network.
    pub model: ModelConfig,
    /// The subwords that they know.
    pub tokenizers: TokenizerFiles,
    /// The weights without moments; its summary says that Adam starts anew.
    pub checkpoint: Checkpoint,
}

impl GivenWeights {
    /// Reads a package, known by its manifest, or else pieces that [`run`] wrote.
    ///
    /// # Errors
    /// Where the folder holds neither, or a damaged one.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        if folder.join(MANIFEST_FILE).exists() {
            return Self::of_package(folder).with_context(|| format!("package {}", folder.display()));
        }
        let checkpoint = read_pieces(folder)?;
        let tokenizers = TokenizerFiles::read(folder)?;
        Ok(Self { model: TrainConfig::read(&folder.join(CONFIG), &[])?.model, tokenizers, checkpoint })
    }

    fn of_package(folder: &Path) -> anyhow::Result<Self> {
        let package = Package::read_dir(folder)?;
        let recipe = |key: &str| package.manifest.recipe.get(key).and_then(Value::as_u64).unwrap_or(0);
        let step = recipe("steps");
        let summary = TrainSummary {
            step,
            restarted_at: step,
            target_tokens: recipe("target_tokens"),
            seconds: recipe("training_seconds") as f64,
            ..TrainSummary::new()
        };
        let mut weights = package.dequantized_weights()?;
        weights.retain(|tensor| !PREVIEW.contains(&tensor.name.as_str()));
        let Package { config: model, tokenizer_json: tokenizer, source_tokenizer_json: source, .. } = package;
        let (model, tokenizers) = (ModelConfig { d_preview: 0, ..model }, TokenizerFiles { tokenizer, source });
        Ok(Self { model, tokenizers, checkpoint: Checkpoint { summary, weights, moments: Vec::new() } })
    }
}

/// Reads what [`run`] wrote.
///
/// # Errors
/// Where pieces are missing, damaged, or of different steps.
fn read_pieces(folder: &Path) -> anyhow::Result<Checkpoint> {
    let paths = files(folder, PIECE)?;
    let total = paths.len();
    ensure!(total > 0, "{}: no weights-*.safetensors; write them with `traduko weights`", folder.display());
    let mut summary: Option<TrainSummary> = None;
    let mut found: BTreeMap<String, Rows> = BTreeMap::new();
    for (index, path) in paths.iter().enumerate() {
        let wanted = piece_name(index, total);
        ensure!(
            path.ends_with(&wanted),
            "{}: found {}, wanted {wanted}; write the pieces again with `traduko weights`",
            folder.display(),
            path.display()
        );
        let data = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let of = read_piece(&data, &mut found).with_context(|| format!("{} is not a whole piece", path.display()))?;
        match &summary {
            Some(first) if *first != of => {
                bail!("{}: of step {}, others of step {}", path.display(), of.step, first.step)
            }
            _ => summary = Some(of),
        }
    }
    let mut summary = summary.expect("there is at least one piece");
    summary.restarted_at = summary.step;
    // Those weights are not here.
    summary.schedule.forget_best();
    let weights = found.into_iter().map(|(name, rows)| joined(name, rows)).collect::<anyhow::Result<_>>()?;
    Ok(Checkpoint { summary, weights, moments: Vec::new() })
}

/// Parts of one tensor by their first row: shapes and values.
type Rows = BTreeMap<usize, (Vec<usize>, Vec<f32>)>;

fn read_piece(data: &[u8], found: &mut BTreeMap<String, Rows>) -> anyhow::Result<TrainSummary> {
    let (_, header) = SafeTensors::read_metadata(data)?;
    let summary = header.metadata().as_ref().and_then(|map| map.get("training")).context("no training state inside")?;
    for (name, view) in SafeTensors::deserialize(data)?.iter() {
        if view.dtype() != Dtype::BF16 {
            bail!("tensor {name}: found {:?}, expected BF16", view.dtype());
        }
        let (name, row) = match name.split_once(PART) {
            Some((name, row)) => (name, row.parse().with_context(|| format!("tensor {name}"))?),
            None => (name, 0),
        };
        let values = view.data().chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect();
        found.entry(name.to_owned()).or_default().insert(row, (view.shape().to_vec(), values));
    }
    Ok(serde_json::from_str(summary)?)
}

fn joined(name: String, rows: Rows) -> anyhow::Result<NamedTensor> {
    let mut shape: Vec<usize> = Vec::new();
    let mut values = Vec::new();
    for (row, (part_shape, part)) in rows {
        let so_far = shape.first().copied().unwrap_or(0);
        ensure!(row == so_far, "tensor {name}: row {so_far} is missing, a piece is not there");
        shape = part_shape;
        ensure!(!shape.is_empty(), "tensor {name}: no shape");
        shape[0] += so_far;
        values.extend(part);
    }
    Ok(NamedTensor { name, shape, values })
}

/// The name of piece `index` of `total`, counted from 0.
fn piece_name(index: usize, total: usize) -> String {
    format!("{PIECE}{:05}-of-{total:05}.safetensors", index + 1)
}

/// The name of weights kept at a validation.
pub(crate) fn validated_name(step: u64) -> String {
    format!("validated-{step:08}.safetensors")
}

/// The weights kept at validations, oldest first.
pub(crate) fn validated_paths(run: &Path) -> anyhow::Result<Vec<PathBuf>> {
    files(run, "validated-")
}

/// The weights in `folder` in files whose names are `prefix` and numbers, in the order of those.
fn files(folder: &Path, prefix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.file_name().is_some_and(|name| is_numbered(&name.to_string_lossy(), prefix)))
        .collect();
    paths.sort();
    Ok(paths)
}

/// Whether a file is one of ours: `weights-00001-of-00003.safetensors`, but no `weights-old.safetensors`.
fn is_numbered(name: &str, prefix: &str) -> bool {
    let number = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(".safetensors"));
    number.is_some_and(|number| number.split("-of-").all(|part| part.parse::<u64>().is_ok()))
}

/// Removes all of `paths`.
pub(crate) fn remove_files(paths: &[PathBuf]) -> anyhow::Result<()> {
    for path in paths {
        fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
    }
    Ok(())
}

/// The mean of the newest `n` weights kept at validations, which of several was never validated itself.
fn mean(run: &Path, n: usize) -> anyhow::Result<Checkpoint> {
    let paths = validated_paths(run)?;
    ensure!(
        n > 0 && paths.len() >= n,
        "--average {n}: {} holds the weights of {} validations; train with train.keep_validated={n} or more",
        run.display(),
        paths.len()
    );
    let mut mean: Option<Checkpoint> = None;
    for path in &paths[paths.len() - n..] {
        let next = Checkpoint::read(path)?;
        match &mut mean {
            None => mean = Some(next),
            Some(mean) => {
                mean.summary = next.summary.clone();
                // A file's tensors come in no order.
                let next: BTreeMap<&str, &NamedTensor> =
                    next.weights.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
                for sum in &mut mean.weights {
                    let tensor = next.get(sum.name.as_str()).filter(|tensor| tensor.shape == sum.shape);
                    let tensor = tensor.with_context(|| format!("{}: another network", path.display()))?;
                    sum.values.iter_mut().zip(&tensor.values).for_each(|(a, b)| *a += b);
                }
            }
        }
    }
    let mut mean = mean.expect("n is at least 1");
    mean.weights.iter_mut().flat_map(|tensor| &mut tensor.values).for_each(|x| *x /= n as f32);
    if n > 1 {
        mean.summary.validations.clear();
    }
    Ok(mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let large = NamedTensor {
            name: "embedding".into(),
            shape: vec![1000, 300],
            values: (0..300_000).map(|i| (i % 251) as f32 / 8.0 - 3.0).collect(),
        };
        let small = NamedTensor { name: "bias".into(), shape: vec![3], values: vec![1.0, -0.5, 0.25] };
        let summary = TrainSummary { step: 70, ..TrainSummary::new() };
        Checkpoint { summary, weights: vec![small, large], moments: Vec::new() }
    }

    #[test]
    fn pieces_are_small_and_join_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let wanted = checkpoint();
        let count = write_pieces(&wanted, folder.path(), 400 << 10).expect("written");
        assert_eq!(count, 5);
        for entry in fs::read_dir(folder.path()).expect("listed") {
            assert!(entry.expect("an entry").metadata().expect("sized").len() <= 400 << 10);
        }
        let found = read_pieces(folder.path()).expect("read");
        // These values have few bits, so bf16 keeps them whole.
        assert_eq!(found.weights, wanted.weights);
        assert_eq!((found.summary.step, found.summary.restarted_at), (70, 70));
        fs::remove_file(folder.path().join("weights-00002-of-00005.safetensors")).expect("removed");
        let message = format!("{:#}", read_pieces(folder.path()).expect_err("a piece is missing"));
        assert!(message.contains("wanted weights-00001-of-00004.safetensors"), "{message}");
        // Fewer pieces take the place of those, and of nothing else.
        let other = folder.path().join("weights-old.safetensors");
        fs::write(&other, "mine").expect("written");
        assert_eq!(write_pieces(&wanted, folder.path(), 2 << 20).expect("written"), 1);
        assert_eq!(read_pieces(folder.path()).expect("read").weights, wanted.weights);
        assert!(other.exists());
    }
}
