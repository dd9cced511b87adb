//! `traduko translate`: standard input to standard output, a line a line.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use traduko_translator::{Glossary, TranslateOptions, Translation};

use crate::corpus;
use crate::native::{SourceTagArgs, n_threads, open_translators, translate_on_all_cores};
use crate::search_args::SearchArgs;
use crate::stdout::print_to_reader;

/// Lines translated at once when no person waits for each: enough to fill batches of like lengths.
const LINES_AT_ONCE: usize = 1000;

/// Translate standard input to standard output, a line a line
#[derive(Clone, Debug, clap::Args)]
pub struct TranslateArgs {
    /// Package (int8) or training run (floats); repeated, these choose every subword together
    #[arg(long, value_name = "DIR", required = true)]
    pub model: Vec<PathBuf>,
    /// What every source begins with.
    #[command(flatten)]
    pub source_tag: SourceTagArgs,
    /// How the translation of each line begins, a line each, which may be empty
    #[arg(long, value_name = "FILE")]
    pub prefixes: Option<PathBuf>,
    /// Terms whose translation is fixed: a JSON object of terms and translations, such as {"bike": "vélo", "Acme": "Acme"}
    #[arg(long, value_name = "FILE")]
    pub glossary: Option<PathBuf>,
    /// How to search.
    #[command(flatten)]
    pub search: SearchArgs,
    /// Print the N best of each line as `line ||| text ||| score`, lines counted from 0
    #[arg(long, value_name = "N", conflicts_with = "alignment", help_heading = "Output")]
    pub n_best: Option<usize>,
    /// Print ` ||| ` and pairs `source-target` of word positions after each line
    ///
    /// For each translated word the source word with the most attention. Words are what white space separates,
    /// counted from 0.
    #[arg(long, help_heading = "Output")]
    pub alignment: bool,
}

impl TranslateArgs {
    fn options(&self) -> anyhow::Result<TranslateOptions> {
        let options = TranslateOptions {
            n_best: self.n_best.unwrap_or(1),
            with_attention: self.alignment,
            glossary: self.glossary.as_deref().map(read_glossary).transpose()?.unwrap_or_default(),
            ..self.search.options()
        };
        options.validate()?;
        Ok(options)
    }
}

/// Translates all of standard input. An empty line stays empty; a reader that goes away ends it quietly.
///
/// # Errors
/// A model or a glossary that cannot be read, an option out of range, input that is not UTF-8.
pub fn run(args: TranslateArgs) -> anyhow::Result<ExitCode> {
    let mut options = args.options()?;
    let prefixes = args.prefixes.as_deref().map(corpus::read_lines).transpose()?;
    let threads = n_threads(args.search.threads)?;
    let translator = open_translators(&args.model, &args.source_tag)?;
    let stdin = io::stdin().lock();
    // A person at the keyboard wants an answer to every line.
    let lines_at_once = if stdin.is_terminal() { 1 } else { LINES_AT_ONCE };
    let mut stdin = stdin;
    let started = Instant::now();
    let mut n_lines = 0;
    loop {
        let lines = read_lines(&mut stdin, lines_at_once, n_lines)?;
        if lines.is_empty() {
            break;
        }
        if let Some(prefixes) = &prefixes {
            let after = n_lines + lines.len();
            let Some(here) = prefixes.get(n_lines..after) else {
                bail!("--prefixes: {} lines, and standard input has {after} or more", prefixes.len());
            };
            options.prefixes = here.to_vec();
        }
        let translations = translate_on_all_cores(&translator, &lines, &options, threads, |_| {})?;
        let mut text = String::new();
        for (index, (line, translation)) in lines.iter().zip(&translations).enumerate() {
            text.push_str(&render(&args, n_lines + index, line, translation));
        }
        if !print_to_reader(&text)? {
            return Ok(ExitCode::SUCCESS);
        }
        n_lines += lines.len();
    }
    eprintln!("{n_lines} lines in {:.1} s, {threads} threads", started.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

fn read_glossary(path: &Path) -> anyhow::Result<Glossary> {
    let json = std::fs::read(path).with_context(|| format!("opening {}", path.display()))?;
    let entries: BTreeMap<String, String> = serde_json::from_slice(&json)
        .with_context(|| format!("{}: wanted an object of terms and translations, all strings", path.display()))?;
    Glossary::new(entries).with_context(|| path.display().to_string())
}

/// Up to `most` lines without their ends; `before` lines have been read already.
fn read_lines(input: &mut impl BufRead, most: usize, before: usize) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut bytes = Vec::new();
    while lines.len() < most {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes).context("reading standard input")? == 0 {
            break;
        }
        let line = std::str::from_utf8(&bytes);
        let line = line.with_context(|| format!("standard input, line {}: not UTF-8", before + lines.len() + 1))?;
        let line = line.strip_suffix('\n').unwrap_or(line);
        lines.push(line.strip_suffix('\r').unwrap_or(line).to_owned());
    }
    Ok(lines)
}

/// What is printed for one line, its end included.
fn render(args: &TranslateArgs, index: usize, source: &str, translation: &Translation) -> String {
    if let Some(n_best) = args.n_best {
        let best = translation.n_best(n_best);
        if best.is_empty() {
            return format!("{index} ||| {} ||| 0\n", translation.text);
        }
        return best.iter().map(|best| format!("{index} ||| {} ||| {:.4}\n", best.text, best.score)).collect();
    }
    if args.alignment {
        let pairs = translation.word_alignment(source).into_iter();
        let pairs: Vec<String> = pairs.map(|(source, target)| format!("{source}-{target}")).collect();
        return format!("{} ||| {}\n", translation.text, pairs.join(" "));
    }
    format!("{}\n", translation.text)
}
