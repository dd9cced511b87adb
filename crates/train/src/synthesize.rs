//! `traduko synthesize`: parallel text out of text in one language, for back-translation (Sennrich et al., 2016) and for
//! distillation by sequences (Kim & Rush, 2016).
//!
//! Goes on where it was killed: each chunk of lines is appended to `OUTPUT.partial` and flushed before `OUTPUT.position`
//! says so, and what lies beyond that position is cut off at the next start. So a kill costs one chunk and repeats none.

use std::fs::{self, File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use traduko_package::MANIFEST_FILE;
use traduko_text::normalize;
use traduko_translator::TranslateOptions;

use crate::atomic::write_atomically;
use crate::corpus::Lines;
use crate::native::{ModelFolder, SourceTagArgs, n_threads, translate_on_all_cores};

/// Translate text of one language into parallel text to train on
///
/// Run the same command again after a kill, and it goes on; the result is the same as in one go.
#[derive(Clone, Debug, clap::Args)]
pub struct SynthesizeArgs {
    /// Package (int8) or training run (floats)
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// What every source begins with.
    #[command(flatten)]
    pub source_tag: SourceTagArgs,
    /// Text to translate, a sentence a line; plain, gzip or zstd
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Tab-separated pairs for `traduko prepare`: tag, source, target
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Which side of the pairs is the machine's
    #[arg(long, value_enum)]
    pub direction: Direction,
    /// First column of all pairs, for weights, exclusions and source tags [default: back-translated or distilled]
    #[arg(long, value_name = "TAG", help_heading = "Output")]
    pub tag: Option<String>,
    /// Hypotheses kept at each step; 1 is greedy and fastest
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Search")]
    pub beam: usize,
    /// Exponent of the length that scores are divided by; larger favours longer sentences
    #[arg(long, default_value_t = 1.0, value_name = "X", help_heading = "Search")]
    pub length_penalty: f32,
    /// Sentences translated at once by one thread; changes speed and memory, never the words
    #[arg(long, default_value_t = 32, value_name = "N", help_heading = "Speed")]
    pub batch: usize,
    /// Threads to translate with [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Speed")]
    pub threads: Option<usize>,
    /// Lines between two positions: the most that a kill costs
    #[arg(long, default_value_t = 2000, value_name = "N", help_heading = "Speed")]
    pub chunk: usize,
}

/// Which side of the pairs is the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Back-translation: the input is the target side, the model translates into the source language
    Back,
    /// Distillation: the input is the source side, the model is the teacher
    Forward,
}

/// What must be the same for a run to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Settings {
    model: String,
    input: PathBuf,
    input_bytes: u64,
    direction: Direction,
    tag: String,
    source_tag: Option<String>,
    beam: usize,
    length_penalty: f32,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Position {
    settings: Settings,
    lines: usize,
    pairs: usize,
    bytes: u64,
    is_complete: bool,
}

/// Translates all of the input, from where an earlier run was stopped.
///
/// # Errors
/// A model or an input that cannot be read, an output that is there already, a position that other settings left.
pub fn run(args: SynthesizeArgs) -> anyhow::Result<()> {
    let options = TranslateOptions {
        beam: args.beam,
        length_penalty: args.length_penalty,
        batch_sentences: args.batch,
        ..TranslateOptions::default()
    };
    options.validate()?;
    ensure!(args.chunk > 0, "--chunk 0: found 0, expected at least 1");
    let threads = n_threads(args.threads)?;
    let input_bytes = fs::metadata(&args.input).with_context(|| format!("opening {}", args.input.display()))?.len();
    let model = ModelFolder::open(&args.model)?;
    let settings = Settings {
        model: fingerprint(&args.model, &model)?,
        input: args.input.clone(),
        input_bytes,
        direction: args.direction,
        tag: word("--tag", args.tag.as_deref().unwrap_or(default_tag(args.direction)))?,
        source_tag: args.source_tag.source_tag.clone(),
        beam: args.beam,
        length_penalty: args.length_penalty,
    };
    let Some(mut output) = Output::open(&args.output, settings)? else {
        eprintln!("{}: complete already", args.output.display());
        return Ok(());
    };
    let translator =
        model.into_translator(&args.source_tag).with_context(|| format!("model {}", args.model.display()))?;
    let mut lines = Lines::open(&args.input)?;
    for line in 0..output.position.lines {
        let found = lines.next()?;
        ensure!(
            found.is_some(),
            "{}: ends at line {line}, but {} were translated before",
            args.input.display(),
            output.position.lines
        );
    }
    if output.position.lines > 0 {
        eprintln!("going on after line {} with {} pairs", output.position.lines, output.position.pairs);
    }
    let started = Instant::now();
    let mut n_sentences = 0;
    loop {
        let (n_lines, texts) = read_chunk(&mut lines, args.chunk)?;
        if n_lines == 0 {
            break;
        }
        let translations = translate_on_all_cores(&translator, &texts, &options, threads, |_| {})?;
        let translations: Vec<String> = translations.iter().map(|translation| normalize(&translation.text)).collect();
        n_sentences += texts.len();
        output.append(n_lines, &texts, &translations)?;
        let rate = n_sentences as f64 / started.elapsed().as_secs_f64();
        eprintln!("line {}  {} pairs  {rate:.1} sentences/s", output.position.lines, output.position.pairs);
    }
    output.finish()
}

fn default_tag(direction: Direction) -> &'static str {
    match direction {
        Direction::Back => "back-translated",
        Direction::Forward => "distilled",
    }
}

/// A value that must stay one word in a column.
fn word(flag: &str, text: &str) -> anyhow::Result<String> {
    let is_word = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    ensure!(is_word, "{flag} {text:?} (wanted a word without white space)");
    Ok(text.to_owned())
}

/// What tells this model from another in the same folder.
fn fingerprint(dir: &Path, model: &ModelFolder) -> anyhow::Result<String> {
    Ok(match model {
        // The manifest holds the hashes of all the rest.
        ModelFolder::Package(_) => {
            let path = dir.join(MANIFEST_FILE);
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            let hash: String = Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("package {hash}")
        }
        ModelFolder::Run { summary, .. } => format!("{} at step {}", dir.display(), summary.step),
    })
}

/// The next lines: how many were read, and those that say something.
fn read_chunk(lines: &mut Lines, most: usize) -> anyhow::Result<(usize, Vec<String>)> {
    let (mut n_lines, mut texts) = (0, Vec::new());
    while n_lines < most {
        let Some(line) = lines.next()? else { break };
        n_lines += 1;
        // A tab in a line would become a column.
        let text = normalize(&line);
        if text.contains(char::is_alphanumeric) {
            texts.push(text);
        }
    }
    Ok((n_lines, texts))
}

/// The pairs so far and where they end.
struct Output {
    path: PathBuf,
    partial: File,
    position: Position,
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Output {
    /// Starts or goes on; nothing where a run was killed after its last line.
    fn open(path: &Path, settings: Settings) -> anyhow::Result<Option<Self>> {
        let (partial_path, position_path) = (beside(path, ".partial"), beside(path, ".position"));
        let again = || format!("delete {} and {} to start again", partial_path.display(), position_path.display());
        let position: Option<Position> = match fs::read(&position_path) {
            Ok(bytes) => {
                let damaged = || format!("{}: not a position of this program ({})", position_path.display(), again());
                Some(serde_json::from_slice(&bytes).with_context(damaged)?)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", position_path.display())),
        };
        if path.exists() {
            if position.is_some_and(|position| position.is_complete && position.settings == settings)
                && !partial_path.exists()
            {
                fs::remove_file(&position_path).with_context(|| format!("removing {}", position_path.display()))?;
                return Ok(None);
            }
            bail!("{}: is there already (delete it, or give another --output)", path.display());
        }
        let writing = || format!("writing {}", partial_path.display());
        let mut partial =
            File::options().create(true).write(true).truncate(false).open(&partial_path).with_context(writing)?;
        // A file system without locks cannot tell, and is no reason to stop.
        ensure!(
            !matches!(partial.try_lock(), Err(TryLockError::WouldBlock)),
            "{}: another run is writing it (wait for it, or stop it)",
            partial_path.display()
        );
        let position = position.unwrap_or(Position {
            settings: settings.clone(),
            lines: 0,
            pairs: 0,
            bytes: 0,
            is_complete: false,
        });
        if position.settings != settings {
            bail!(
                "{}: begun as {}, now {} ({})",
                partial_path.display(),
                serde_json::to_string(&position.settings)?,
                serde_json::to_string(&settings)?,
                again()
            );
        }
        let found = partial.metadata().with_context(writing)?.len();
        ensure!(
            found >= position.bytes,
            "{}: {found} bytes (wanted at least {}; {})",
            partial_path.display(),
            position.bytes,
            again()
        );
        partial.set_len(position.bytes).with_context(writing)?;
        partial.seek(SeekFrom::End(0)).with_context(writing)?;
        Ok(Some(Self { path: path.to_owned(), partial, position }))
    }

    /// Adds the pairs of a chunk of lines, and only then says so.
    fn append(&mut self, n_lines: usize, texts: &[String], translations: &[String]) -> anyhow::Result<()> {
        let Settings { direction, tag, .. } = &self.position.settings;
        let mut rows = String::new();
        let mut n_pairs = 0;
        for (text, translation) in texts.iter().zip(translations).filter(|(_, translation)| !translation.is_empty()) {
            let (source, target) = match direction {
                Direction::Back => (translation, text),
                Direction::Forward => (text, translation),
            };
            rows.push_str(&format!("{tag}\t{source}\t{target}\n"));
            n_pairs += 1;
        }
        let writing = || format!("writing {}.partial", self.path.display());
        self.partial.write_all(rows.as_bytes()).with_context(writing)?;
        self.partial.sync_data().with_context(writing)?;
        self.position.lines += n_lines;
        self.position.pairs += n_pairs;
        self.position.bytes += rows.len() as u64;
        self.write_position()
    }

    fn write_position(&self) -> anyhow::Result<()> {
        let path = beside(&self.path, ".position");
        let json = serde_json::to_vec(&self.position)?;
        write_atomically(&path, &json).with_context(|| format!("writing {}", path.display()))
    }

    /// Gives the pairs their name.
    fn finish(mut self) -> anyhow::Result<()> {
        self.position.is_complete = true;
        self.write_position()?;
        let partial = beside(&self.path, ".partial");
        fs::rename(&partial, &self.path).with_context(|| format!("renaming {}", partial.display()))?;
        let position = beside(&self.path, ".position");
        fs::remove_file(&position).with_context(|| format!("removing {}", position.display()))?;
        eprintln!("{}: {} pairs of {} lines", self.path.display(), self.position.pairs, self.position.lines);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            model: "package 12".into(),
            input: "mono".into(),
            input_bytes: 9,
            direction: Direction::Back,
            tag: "bt".into(),
            source_tag: None,
            beam: 1,
            length_penalty: 1.0,
        }
    }

    #[test]
    fn what_was_written_after_the_position_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tsv");
        let mut output = Output::open(&path, settings()).unwrap().unwrap();
        output.append(2, &["un".into()], &["one".into()]).unwrap();
        output.partial.write_all(b"half a li").unwrap();
        let error = Output::open(&path, settings()).err().unwrap().to_string();
        assert!(error.contains("another run is writing it"), "{error}");
        drop(output);
        let error = Output::open(&path, Settings { beam: 5, ..settings() }).err().unwrap().to_string();
        assert!(error.contains("begun as") && error.contains("to start again"), "{error}");
        let mut output = Output::open(&path, settings()).unwrap().unwrap();
        assert_eq!((output.position.lines, output.position.pairs), (2, 1));
        output.append(1, &["deux".into()], &["two".into()]).unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "bt\tone\tun\nbt\ttwo\tdeux\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = Output::open(&path, settings()).err().unwrap().to_string();
        assert!(error.contains("is there already"), "{error}");
    }

    #[test]
    fn killed_after_the_last_line_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tsv");
        let mut output = Output::open(&path, settings()).unwrap().unwrap();
        output.position.is_complete = true;
        output.write_position().unwrap();
        fs::rename(beside(&path, ".partial"), &path).unwrap();
        assert!(Output::open(&path, settings()).unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
