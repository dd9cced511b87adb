//! The log a script reads: `log.jsonl` in the run's folder, a record a line, and the same numbers for TensorBoard.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    path::Path,
    time::SystemTime,
};

use anyhow::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::tensorboard::EventFile;
use crate::atomic::write_atomically;

/// The log's name in the run's folder.
pub const LOG: &str = "log.jsonl";

/// One line of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepLine {
    /// Steps done.
    pub step: u64,
    /// Smoothed training loss, nats a target token, since the last line.
    pub loss: f64,
    /// Perplexity of the plain loss since the last line.
    pub perplexity: f64,
    /// Alignment loss, nats a target token, since the last line; with guided alignment only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment_loss: Option<f64>,
    /// Coverage loss, a target token, since the last line; where it has a weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_loss: Option<f64>,
    /// Learning rate.
    pub learning_rate: f64,
    /// Norm of the gradient of the last step.
    pub gradient_norm: f64,
    /// Target tokens a second since the last line, end marks included, padding not.
    pub tokens_per_second: f64,
}

/// One validation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidationLine {
    /// Steps done.
    pub step: u64,
    /// Plain validation loss, nats a target token.
    pub valid_loss: f64,
    /// Its perplexity.
    pub valid_perplexity: f64,
    /// BLEU of translations, where the run translates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_bleu: Option<f64>,
    /// chrF2 of translations, where the run translates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_chrf: Option<f64>,
    /// Whether it is the best so far.
    pub is_best: bool,
}

/// What a log holds, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogRecords {
    /// Lines of training.
    pub steps: Vec<StepLine>,
    /// Validations.
    pub validations: Vec<ValidationLine>,
}

impl LogRecords {
    /// Reads the log of `run`. Lines that are no record, such as a last one that a kill cut off, are passed over.
    ///
    /// # Errors
    /// Where there is no log.
    pub fn read(run: &Path) -> anyhow::Result<Self> {
        let path = run.join(LOG);
        let data = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let steps = records(&data, |line: &StepLine| line.step);
        let validations = records(&data, |line: &ValidationLine| line.step);
        Ok(Self { steps, validations })
    }
}

/// The records of one kind by step. Where steps come again, as in logs of runs that were killed before resuming took
/// care of it, the later ones count.
fn records<T: DeserializeOwned>(data: &[u8], step: impl Fn(&T) -> u64) -> Vec<T> {
    let mut records: Vec<T> = Vec::new();
    for line in data.split(|&byte| byte == b'\n') {
        let Ok(record) = serde_json::from_slice::<T>(line) else { continue };
        while records.last().is_some_and(|last| step(last) >= step(&record)) {
            records.pop();
        }
        records.push(record);
    }
    records
}

/// The log of a run that is training.
pub struct Log {
    lines: File,
    events: EventFile,
}

impl Log {
    /// Opens the log of `run`, which goes on after `step`.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn open(run: &Path, step: u64) -> anyhow::Result<Self> {
        let path = run.join(LOG);
        drop_later(&path, step).with_context(|| format!("rewriting {}", path.display()))?;
        let lines = File::options().create(true).append(true).open(&path);
        let lines = lines.with_context(|| format!("writing {}", path.display()))?;
        let events = EventFile::create(run, step, SystemTime::now());
        let events = events.with_context(|| format!("writing event files in {}", run.display()))?;
        Ok(Self { lines, events })
    }

    /// Adds a record, an object with a `step`; its other numbers go to TensorBoard under their names.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&mut self, record: &impl Serialize) -> anyhow::Result<()> {
        // One write a line: a kill leaves at most one truncated line, the last.
        self.lines.write_all(format!("{}\n", serde_json::to_string(record)?).as_bytes())?;
        let fields = serde_json::to_value(record)?;
        let fields = fields.as_object().context("a record is an object")?;
        let step = fields["step"].as_u64().context("a step is a number")?;
        let others = fields.iter().filter(|(name, _)| *name != "step");
        let scalars = others.filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)));
        self.events.scalars(step, scalars, SystemTime::now())?;
        Ok(())
    }
}

/// Takes out of a log what a run resumed from `step` will write again, and what a kill left of a line.
fn drop_later(path: &Path, step: u64) -> io::Result<()> {
    #[derive(Deserialize)]
    struct Step {
        step: u64,
    }
    let data = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        data => data?,
    };
    let is_kept = |line: &&[u8]| {
        line.ends_with(b"\n") && serde_json::from_slice::<Step>(line).is_ok_and(|record| record.step <= step)
    };
    let kept = data.split_inclusive(|&byte| byte == b'\n').filter(is_kept).collect::<Vec<_>>().concat();
    if kept == data { Ok(()) } else { write_atomically(path, &kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(before: &str, step: u64) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(LOG);
        std::fs::write(&path, before).expect("written");
        drop_later(&path, step).expect("rewritten");
        std::fs::read_to_string(path).expect("read")
    }

    #[test]
    fn later_steps_go_and_so_does_half_a_line() {
        let log = "{\"step\":5,\"loss\":1}\n{\"step\":5,\"valid_loss\":1}\n{\"step\":10,\"loss\":1}\n{\"step\":15,\"lo";
        assert_eq!(dropped(log, 5), "{\"step\":5,\"loss\":1}\n{\"step\":5,\"valid_loss\":1}\n");
        assert_eq!(dropped(log, 10), log.strip_suffix("{\"step\":15,\"lo").expect("its end"));
        assert_eq!(dropped(log, 20), dropped(log, 10));
        assert_eq!(dropped(log, 0), "");
        // Whole, but for its line end: the next record would go on in the same line.
        assert_eq!(dropped("{\"step\":5}\n{\"step\":6}", 9), "{\"step\":5}\n");
    }

    #[test]
    fn no_log_is_no_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        drop_later(&folder.path().join(LOG), 5).expect("nothing to do");
    }

    #[test]
    fn steps_that_come_again_replace_the_first() {
        let line = |step: u64, loss: f64| {
            format!("{{\"step\":{step},\"valid_loss\":{loss},\"valid_perplexity\":1,\"is_best\":true}}\n")
        };
        let log =
            [line(5, 4.0), line(10, 3.0), line(15, 2.0), line(10, 3.5), line(15, 2.5)].concat() + "{\"step\":20,\"va";
        let records = records(log.as_bytes(), |line: &ValidationLine| line.step);
        let found: Vec<(u64, f64)> = records.iter().map(|line| (line.step, line.valid_loss)).collect();
        assert_eq!(found, [(5, 4.0), (10, 3.5), (15, 2.5)]);
    }

    #[test]
    fn reads_back_what_was_written() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let step = StepLine {
            step: 5,
            loss: 2.5,
            perplexity: 12.0,
            alignment_loss: Some(0.25),
            coverage_loss: None,
            learning_rate: 1e-3,
            gradient_norm: 0.5,
            tokens_per_second: 900.0,
        };
        let validation = ValidationLine {
            step: 5,
            valid_loss: 2.0,
            valid_perplexity: 7.4,
            valid_bleu: Some(9.5),
            valid_chrf: None,
            is_best: true,
        };
        let mut log = Log::open(run.path(), 0).expect("opened");
        log.write(&step).expect("written");
        log.write(&validation).expect("written");
        let records = LogRecords::read(run.path()).expect("read");
        assert_eq!(records, LogRecords { steps: vec![step], validations: vec![validation] });
    }
}
