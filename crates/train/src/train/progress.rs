//! What a person sees of a run while it trains; the log gets the same.

use std::{path::Path, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::log::{Log, StepLine, ValidationLine};

/// A progress bar on a terminal, lines elsewhere, and the log in the run's folder.
pub struct Progress {
    bar: ProgressBar,
    log: Log,
}

impl Progress {
    /// Opens the log of `run`, which goes on after `step`.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn new(run: &Path, step: u64, max_steps: u64) -> anyhow::Result<Self> {
        let log = Log::open(run, step)?;
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
        self.log.write(record)
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
        let StepLine { step, loss, perplexity, learning_rate, gradient_norm, tokens_per_second, .. } = line;
        self.bar.set_message(format!("{tokens_per_second:.0} tok/s"));
        let part = |name: &str, loss: Option<f64>| loss.map_or(String::new(), |loss| format!("  {name} {loss:.3}"));
        let parts = part("align", line.alignment_loss) + &part("cover", line.coverage_loss);
        let text = format!(
            "step {step}  loss {loss:.3}  ppl {perplexity:.1}{parts}  lr {learning_rate:.1e}  norm {gradient_norm:.2}  {:.2}k tok/s",
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
        let score =
            |name: &str, score: Option<f64>| score.map_or(String::new(), |score| format!("  {name} {score:.2}"));
        let scores = score("BLEU", line.valid_bleu) + &score("chrF", line.valid_chrf);
        let ValidationLine { step, valid_loss, valid_perplexity, .. } = line;
        let text = format!("step {step}  valid loss {valid_loss:.3}  ppl {valid_perplexity:.2}{scores}{best}");
        self.say(&text, &line)
    }

    /// Ends the bar.
    pub fn finish(&self, elapsed: Duration) {
        self.bar.finish_and_clear();
        eprintln!("trained for {:.0} s", elapsed.as_secs_f64());
    }
}
