//! From files to clean pairs: normalises and judges chunks of pairs on all cores, compares them in order.

use std::collections::{HashMap, HashSet};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rayon::prelude::*;
use tempfile::NamedTempFile;
use traduko_text::normalize;

use super::clean::{Cleaner, Fault};
use super::plan::PreparePlan;
use super::{Summary, spinner};
use crate::corpus::{Pair, read_moses, read_tsv, tag_of};

/// Pairs judged at once.
const CHUNK: usize = 20_000;

/// A clean pair and the file it comes from, as an index into the plan's.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub pair: Pair,
    pub file: usize,
}

/// Reads, respells and judges all that the plan names.
pub(super) fn read_pairs(
    plan: &PreparePlan,
    summary: &mut Summary,
    dropped: &mut DroppedFile,
) -> anyhow::Result<Vec<Kept>> {
    let mut reader = Reader {
        plan,
        cleaner: Cleaner::new(&plan.clean),
        excluded: plan.exclude.iter().map(String::as_str).collect(),
        tags: HashSet::new(),
        seen: HashSet::new(),
        templates: HashMap::new(),
        kept: Vec::new(),
        summary,
        dropped,
    };
    let spinner = spinner("reading".into());
    for (index, file) in plan.files.iter().enumerate() {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut failure = None;
        let take = |pair: Pair| {
            if failure.is_some() {
                return;
            }
            chunk.push(if plan.swap { swapped(pair) } else { pair });
            if chunk.len() == CHUNK {
                failure = reader.judge(index, std::mem::take(&mut chunk)).err();
                spinner.set_message(format!("reading, {} pairs", reader.summary.read));
            }
        };
        match &file.target {
            Some(target) => read_moses(&file.path, target, take)?,
            None => read_tsv(&file.path, take)?,
        }
        if let Some(error) = failure {
            return Err(error);
        }
        reader.judge(index, chunk)?;
    }
    spinner.finish_and_clear();
    let named = plan.exclude.iter().chain(plan.files.iter().flat_map(|file| &file.exclude));
    let named = named.chain(plan.weights.iter().map(|(tag, _)| tag)).chain(plan.hold_out.iter().map(|(tag, _)| tag));
    // Validation text has a tag too: the name of its file.
    let valid = plan.valid.as_ref().map(|(source, _)| tag_of(source));
    let named = named.chain(plan.source_tags.keys().filter(|tag| Some(*tag) != valid.as_ref()));
    for tag in named {
        let is_known = tag == "*" || reader.tags.contains(tag);
        ensure!(is_known, "no pair has the tag {tag:?} (the corpus has {})", listed(&reader.tags));
    }
    Ok(reader.kept)
}

fn listed(tags: &HashSet<String>) -> String {
    let mut tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    tags.sort_unstable();
    tags.join(", ")
}

struct Reader<'a> {
    plan: &'a PreparePlan,
    cleaner: Cleaner,
    excluded: HashSet<&'a str>,
    tags: HashSet<String>,
    seen: HashSet<u64>,
    templates: HashMap<u64, u32>,
    kept: Vec<Kept>,
    summary: &'a mut Summary,
    dropped: &'a mut DroppedFile,
}

impl Reader<'_> {
    fn judge(&mut self, file: usize, chunk: Vec<Pair>) -> anyhow::Result<()> {
        let plan = &self.plan.files[file];
        let judged: Vec<(Pair, Option<Fault>, u64, Option<u64>)> = chunk
            .into_par_iter()
            .map(|pair| {
                if self.excluded.contains(pair.tag.as_str()) || plan.exclude.contains(&pair.tag) {
                    return (pair, Some(Fault::ExcludedTag), 0, None);
                }
                let mut pair = normalized(pair);
                self.cleaner.respell(&mut pair);
                let fault = self.cleaner.fault(&pair);
                let tag = self.plan.source_tag(&pair.tag);
                let (key, template) = match fault {
                    None => (self.cleaner.pair_key(&pair, tag), self.cleaner.template_key(&pair, tag)),
                    Some(_) => (0, None),
                };
                (pair, fault, key, template)
            })
            .collect();
        let name = plan.path.display().to_string();
        let mut count = self.summary.files.remove(&name).unwrap_or_default();
        for (pair, fault, key, template) in judged {
            let fault = fault
                .or_else(|| (!self.seen.insert(key)).then_some(Fault::Duplicate))
                .or_else(|| template.is_some_and(|template| self.is_one_too_many(template)).then_some(Fault::Template));
            if !self.tags.contains(&pair.tag) {
                self.tags.insert(pair.tag.clone());
            }
            self.summary.read += 1;
            count.read += 1;
            match fault {
                Some(fault) => {
                    *self.summary.dropped.entry(fault.to_string()).or_default() += 1;
                    *count.dropped.entry(fault.to_string()).or_default() += 1;
                    self.dropped.push(fault, &pair)?;
                }
                None => {
                    count.kept += 1;
                    self.kept.push(Kept { pair, file });
                }
            }
        }
        self.summary.files.insert(name, count);
        Ok(())
    }

    fn is_one_too_many(&mut self, template: u64) -> bool {
        let count = self.templates.entry(template).or_default();
        *count += 1;
        self.plan.clean.max_template.is_some_and(|most| *count > most)
    }
}

pub(super) fn normalized(pair: Pair) -> Pair {
    Pair { source: normalize(&pair.source), target: normalize(&pair.target), tag: pair.tag }
}

fn swapped(Pair { tag, source, target }: Pair) -> Pair {
    Pair { tag, source: target, target: source }
}

/// What was dropped, for a person to look at. Appears under its name when all is written.
pub(super) struct DroppedFile(Option<(PathBuf, BufWriter<NamedTempFile>)>);

impl DroppedFile {
    /// Opens the file, or stands for none.
    pub fn create(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".writing-").tempfile_in(folder);
        let file = file.with_context(|| format!("--dropped {}: creating a file there", path.display()))?;
        Ok(Self(Some((path.to_owned(), BufWriter::new(file)))))
    }

    /// Adds a pair. Pairs of excluded tags are not written: nobody doubts the reason.
    pub fn push(&mut self, fault: Fault, pair: &Pair) -> anyhow::Result<()> {
        match &mut self.0 {
            Some((path, file)) if fault != Fault::ExcludedTag => {
                let line = writeln!(file, "{fault}\t{}\t{}\t{}", pair.tag, pair.source, pair.target);
                line.with_context(|| format!("writing {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Gives the file its name.
    pub fn finish(self) -> anyhow::Result<()> {
        let Some((path, file)) = self.0 else { return Ok(()) };
        let writing = || format!("writing {}", path.display());
        let file = file.into_inner().map_err(|error| error.into_error()).with_context(writing)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let readable = std::fs::Permissions::from_mode(0o644);
            file.as_file().set_permissions(readable).with_context(writing)?;
        }
        file.persist(&path).with_context(writing)?;
        Ok(())
    }
}
