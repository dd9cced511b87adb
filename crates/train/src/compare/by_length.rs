//! Scores of sentences by the length of their references, printed and drawn.

use std::path::Path;

use anyhow::{Context, ensure};

use crate::{
    atomic::write_atomically,
    metrics::{Metric, statistics, sum},
    report::{
        page,
        plot::{Plot, Series},
        scale::ScaleKind,
    },
    stdout::print,
};

/// Sentences by the number of words of their references.
pub struct Lengths {
    /// The most words of each part but the last.
    bounds: Vec<usize>,
    /// The sentences of each part.
    parts: Vec<Vec<usize>>,
    longest: usize,
}

impl Lengths {
    /// Parts up to `bounds` words each, and one of what is longer.
    ///
    /// # Errors
    /// Where the bounds do not ascend.
    pub fn new(bounds: &[usize], refs: &[String]) -> anyhow::Result<Self> {
        ensure!(bounds.is_sorted_by(|a, b| a < b), "--by-length: wanted ascending numbers of words, found {bounds:?}");
        let mut parts = vec![Vec::new(); bounds.len() + 1];
        let mut longest = 0;
        for (sentence, reference) in refs.iter().enumerate() {
            let words = reference.split_whitespace().count();
            parts[bounds.partition_point(|&bound| bound < words)].push(sentence);
            longest = longest.max(words);
        }
        Ok(Self { bounds: bounds.to_vec(), parts, longest })
    }

    /// Its words and how many sentences it has.
    fn name(&self, part: usize) -> String {
        let from = if part == 0 { 1 } else { self.bounds[part - 1] + 1 };
        let to = self.bounds.get(part).map_or(self.longest, |&bound| bound);
        format!("{from}-{to} words, {} sentences", self.parts[part].len())
    }

    /// A score for each part; none where no sentence is so long.
    fn scores(&self, metric: &dyn Metric, statistics: &[Vec<f64>]) -> Vec<Option<f64>> {
        let score = |part: &Vec<usize>| metric.score(&sum(part.iter().map(|&sentence| &statistics[sentence])));
        self.parts.iter().map(|part| (!part.is_empty()).then(|| score(part))).collect()
    }

    /// Where a part's score is drawn: at its longest sentences, inside the plot.
    fn place(&self, part: usize) -> f64 {
        self.bounds.get(part).map_or(self.longest, |&bound| bound.min(self.longest)) as f64
    }
}

/// Prints, and draws, scores by length.
///
/// # Errors
/// Where standard output or the page cannot be written.
pub fn report(
    lengths: &Lengths,
    metrics: &[Box<dyn Metric>],
    plot: Option<&Path>,
    systems: &[(String, Vec<String>)],
    refs: &[String],
) -> anyhow::Result<()> {
    let (mut text, mut plots) = (String::new(), Vec::new());
    for metric in metrics {
        let of = |hyps: &[String]| lengths.scores(&**metric, &statistics(&**metric, hyps, refs));
        let scores: Vec<Vec<Option<f64>>> = systems.iter().map(|(_, hyps)| of(hyps)).collect();
        text += &format!("\n{} by length of the reference\n", metric.name());
        for part in (0..lengths.parts.len()).filter(|&part| !lengths.parts[part].is_empty()) {
            text += &format!("  {}\n", lengths.name(part));
            for ((file, _), scores) in systems.iter().zip(&scores) {
                text += &format!("    {:6.2} {file}\n", scores[part].unwrap_or(f64::NAN));
            }
        }
        let series = systems.iter().zip(&scores).enumerate().map(|(colour, ((file, _), scores))| {
            let points = scores.iter().enumerate().filter_map(|(part, score)| Some((lengths.place(part), (*score)?)));
            Series { name: file.clone(), colour, has_dots: true, points: points.collect() }
        });
        plots.push(Plot {
            title: metric.name(),
            unit: "of references up to so many words",
            across: "words",
            scale: ScaleKind::FromZero,
            series: series.collect(),
        });
    }
    print(&text)?;
    if let Some(path) = plot {
        let names: Vec<&str> = systems.iter().map(|(file, _)| file.as_str()).collect();
        let html = page::plots(&names, "scores by length", plots, lengths.longest as f64).into_string();
        write_atomically(path, html.as_bytes()).with_context(|| format!("writing {}", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}
