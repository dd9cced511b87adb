//! Named steps with their wall times, and the table of them at the end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What ran so far and how long it took. Prints its table when dropped, after a failure too.
pub struct Steps {
    rows: Vec<(String, Duration, bool)>,
    started: Instant,
}

impl Steps {
    /// Starts the clock.
    pub fn new() -> Self {
        Self { rows: Vec::new(), started: Instant::now() }
    }

    /// Runs one step under a heading.
    ///
    /// # Errors
    /// Returns the step's own error with the step's name before it.
    pub fn run(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n=== {name}");
        let started = Instant::now();
        let result = step();
        let elapsed = started.elapsed();
        println!("--- {name}: {:.1} s", elapsed.as_secs_f64());
        self.rows.push((name.to_owned(), elapsed, result.is_ok()));
        result.with_context(|| format!("step {name} failed"))
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        println!("\n{:<24} {:>9}", "step", "seconds");
        for (name, elapsed, passed) in &self.rows {
            let failed = if *passed { "" } else { "  failed" };
            println!("{name:<24} {:>9.1}{failed}", elapsed.as_secs_f64());
        }
        println!("{:<24} {:>9.1}", "all", self.started.elapsed().as_secs_f64());
    }
}
