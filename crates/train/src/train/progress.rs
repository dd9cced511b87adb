//! What a person sees of a run, and the log a script reads.

use std::{fs::File, io::Write, path::Path, time::Duration};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// One line of the log.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StepLine {
    /// Steps done.
    pub step: u64,
    /// Smoothed training loss, nats a target token, since the last line.
    pub loss: f64,
    /// Perplexity of the plain loss since the last line.
    pub perplexity: f64,
    /// Alignment loss, nats a target token, since the last line; with guided alignment only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alignment_loss: Option<f64>,
    /// Learning rate.
    pub learning_rate: f64,
    /// Norm of the gradient of the last step.
    pub gradient_norm: f64,
    /// Target tokens a second since the last line, end marks included, padding not.
    pub tokens_per_second: f64,
}

/// One validation.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ValidationLine {
    /// Steps done.
    pub step: u64,
    /// Plain validation loss, nats a target token.
    pub valid_loss: f64,
    /// Its perplexity.
    pub valid_perplexity: f64,
    /// Whether it is the least so far.
    pub is_best: bool,
}

/// A progress bar on a terminal, lines elsewhere, and `log.jsonl` in the run's folder.
pub struct Progress {
    bar: ProgressBar,
    log: File,
}

impl Progress {
    /// Opens the log of `run` for appending.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn new(run: &Path, step: u64, max_steps: u64) -> anyhow::Result<Self> {
        let path = run.join("log.jsonl");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("writing {}", path.display()))?;
        let bar = ProgressBar::with_draw_target(Some(max_steps), ProgressDrawTarget::stderr());
        let style = "{bar:30} {pos}/{len} steps  {elapsed} gone  {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(style).expect("a valid template"));
        bar.set_position(step);
        bar.reset_eta();
        Ok(Self { bar, log })
    }

    /// One more step.
    pub fn step(&self, step: u64) {
        self.bar.set_position(step);
    }

    fn say(&mut self, line: &str, record: &impl Serialize) -> anyhow::Result<()> {
        self.line(line);
        serde_json::to_writer(&mut self.log, record)?;
        self.log.write_all(b"\n")?;
        Ok(())
    }

    /// A line for people, above the bar where there is one.
    pub fn line(&self, line: &str) {
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// A line of training.
    ///
    /// # Errors
    /// Where the log cannot be written.
    pub fn trained(&mut self, line: StepLine) -> anyhow::Result<()> {
        let StepLine { step, loss, perplexity, alignment_loss, learning_rate, gradient_norm, tokens_per_second } = line;
        self.bar.set_message(format!("{tokens_per_second:.0} tok/s"));
        let alignment = alignment_loss.map(|loss| format!("  align {loss:.3}")).unwrap_or_default();
        let text = format!(
            "step {step}  loss {loss:.3}  ppl {perplexity:.1}{alignment}  lr {learning_rate:.1e}  norm {gradient_norm:.2}  {:.2}k tok/s",
            tokens_per_second / 1000.0
        );
        self.say(&text, &line)
    }

    /// A validation.
    ///
    /// # Errors
    /// Where the log cannot be written.
    pub fn validated(&mut self, line: ValidationLine) -> anyhow::Result<()> {
        let best = if line.is_best { "  best" } else { "" };
        let text =
            format!("step {}  valid loss {:.3}  ppl {:.2}{best}", line.step, line.valid_loss, line.valid_perplexity);
        self.say(&text, &line)
    }

    /// Ends the bar.
    pub fn finish(&self, elapsed: Duration) {
        self.bar.finish_and_clear();
        eprintln!("trained for {:.0} s", elapsed.as_secs_f64());
    }
}
