//! The page: one HTML file with its style inside, no script, nothing to fetch.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::attention;
use super::plot::{Plot, Series};
use super::scale::{ScaleKind, grouped, short};
use super::{Run, Sample};
use crate::config::ValidationMetric;
use crate::train::{StepLine, ValidationLine};

const STYLE: &str = include_str!("style.css");
/// Whatever slips into the page, a browser loads nothing for it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
/// Most lines of the training log that are printed as numbers.
const MOST_LINES: usize = 200;

/// The page about `runs`, the first of which made `samples`.
pub(super) fn page(runs: &[Run], samples: &[Sample]) -> Markup {
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let content = html! {
        (facts(runs))
        h2 { "Curves" }
        (curves(runs))
        @if !samples.is_empty() {
            h2 { "Attention" }
            p.quiet {
                "What each subword of a translation (down) looked at in its source (across), in percent, with the best weights of "
                (runs[0].name) ". What is missing to a hundred went to the end of the sentence."
            }
            div.samples { @for sample in samples { (attention::maps(&sample.source, &sample.translation)) } }
        }
        h2 { "Validations" }
        @for (index, run) in runs.iter().enumerate() { (validations(run, index == 0)) }
        @for run in runs { (training_lines(run)) }
        @if runs.len() > 1 {
            h2 { "What differs" }
            (differences(runs))
        }
        h2 { "Configuration" }
        @for (index, run) in runs.iter().enumerate() { (configuration(run, index == 0)) }
    };
    whole(&names, "training report", content)
}

/// The page of [`crate::compare`]: some plots whose axes end at `last`.
pub fn plots(names: &[&str], kind: &str, plots: Vec<Plot>, last: f64) -> Markup {
    whole(names, kind, figures(plots, last))
}

fn whole(names: &[&str], kind: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (names.join(", ")) " · " (kind) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { h1 { (names.join(" · ")) } p.quiet { (kind) } }
                main { (content) }
            }
        }
    }
}

/// A table that scrolls by itself on a narrow screen, also by keyboard.
fn scroll(label: &str, content: Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (content) } }
}

/// A row of the table of facts: what it says of a run, if anything.
type Fact = (&'static str, fn(&Run) -> Option<String>);

fn data(run: &Run, figure: fn(&super::DataSummary) -> Option<u64>) -> Option<String> {
    run.data.as_ref().and_then(figure).map(grouped)
}

fn facts(runs: &[Run]) -> Markup {
    let rows: [Fact; 10] = [
        ("Parameters", |run| run.checkpoint.as_ref().map(|(_, parameters)| grouped(*parameters as u64))),
        ("Step", |run| Some(format!("{} of {}", grouped(run.last_step()), grouped(run.config.train.max_steps)))),
        ("Target tokens trained on", |run| Some(grouped(run.checkpoint.as_ref()?.0.target_tokens))),
        ("Hours", |run| Some(format!("{:.2}", run.checkpoint.as_ref()?.0.seconds / 3600.0))),
        ("Best validation", |run| run.records.validations.iter().rfind(|line| line.is_best).map(best)),
        ("Training pairs", |run| data(run, |data| data.train_pairs)),
        ("Their source tokens", |run| data(run, |data| data.train_source_tokens)),
        ("Their target tokens", |run| data(run, |data| data.train_target_tokens)),
        ("Validation pairs", |run| data(run, |data| data.valid_pairs)),
        ("Vocabulary", |run| data(run, |data| data.n_vocab).or(Some(grouped(run.config.model.n_vocab as u64)))),
    ];
    let table = html! {
        table.facts {
            @if runs.len() > 1 {
                thead { tr { td {} @for run in runs { th scope="col" { (run.name) } } } }
            }
            tbody {
                @for (name, fact) in rows {
                    @let found: Vec<Option<String>> = runs.iter().map(fact).collect();
                    @if found.iter().any(Option::is_some) {
                        tr { th scope="row" { (name) } @for value in found { td { (value.unwrap_or_default()) } } }
                    }
                }
            }
        }
    };
    scroll("figures", table)
}

fn best(line: &ValidationLine) -> String {
    let score = |name: &str, score: Option<f64>| score.map_or(String::new(), |score| format!(", {name} {score:.2}"));
    let scores = score("BLEU", line.valid_bleu) + &score("chrF", line.valid_chrf);
    format!(
        "loss {:.3}, perplexity {:.2}{scores} at step {}",
        line.valid_loss,
        line.valid_perplexity,
        grouped(line.step)
    )
}

/// What a plot takes from the two kinds of lines.
#[derive(Clone, Copy)]
enum Values {
    Training(fn(&StepLine) -> Option<f64>),
    Validation(fn(&ValidationLine) -> Option<f64>),
}

fn curves(runs: &[Run]) -> Markup {
    use Values::{Training, Validation};
    let last_step = runs.iter().map(Run::last_step).max().unwrap_or(0) as f64;
    let plot = |title: &str, unit, scale, values: &[Values]| {
        let series = runs.iter().enumerate().flat_map(|(number, run)| {
            values.iter().enumerate().map(move |(index, values)| {
                // One run: a colour for each kind of line. Several: one for each run.
                let (colour, run_name) =
                    if runs.len() == 1 { (index, String::new()) } else { (number, format!("{} ", run.name)) };
                let (kind, has_dots, points) = match values {
                    Training(value) => ("training", false, points(&run.records.steps, |line| line.step, value)),
                    Validation(value) => {
                        ("validation", true, points(&run.records.validations, |line| line.step, value))
                    }
                };
                Series { name: format!("{run_name}{kind}"), colour, has_dots, points }
            })
        });
        Plot { title: title.to_owned(), unit, across: "step", scale, series: series.collect() }
    };
    let plots = [
        plot(
            "Loss",
            "nats a target token; in training with label smoothing and dropout",
            ScaleKind::Linear,
            &[Training(|line| Some(line.loss)), Validation(|line| Some(line.valid_loss))],
        ),
        plot(
            "Perplexity",
            "of the plain loss, logarithmic",
            ScaleKind::Log,
            &[Training(|line| Some(line.perplexity)), Validation(|line| Some(line.valid_perplexity))],
        ),
        plot("BLEU", "of translations, 0 to 100", ScaleKind::Linear, &[Validation(|line| line.valid_bleu)]),
        plot("chrF2", "of translations, 0 to 100", ScaleKind::Linear, &[Validation(|line| line.valid_chrf)]),
        plot("Alignment loss", "nats a target token", ScaleKind::FromZero, &[Training(|line| line.alignment_loss)]),
        plot("Coverage loss", "a target token", ScaleKind::FromZero, &[Training(|line| line.coverage_loss)]),
        plot("Learning rate", "", ScaleKind::FromZero, &[Training(|line| Some(line.learning_rate))]),
        plot(
            "Gradient norm",
            "before clipping, logarithmic",
            ScaleKind::Log,
            &[Training(|line| Some(line.gradient_norm))],
        ),
        plot("Speed", "target tokens a second", ScaleKind::FromZero, &[Training(|line| Some(line.tokens_per_second))]),
    ];
    figures(plots, last_step)
}

/// Plots whose axes end at `last`.
fn figures(plots: impl IntoIterator<Item = Plot>, last: f64) -> Markup {
    html! {
        div.plots {
            @for (index, plot) in plots.into_iter().enumerate() { (plot.render(&format!("plot-{index}"), last)) }
        }
    }
}

fn points<T>(lines: &[T], step: fn(&T) -> u64, value: &fn(&T) -> Option<f64>) -> Vec<(f64, f64)> {
    lines.iter().filter_map(|line| Some((step(line) as f64, value(line)?))).collect()
}

/// A table that folds away.
fn folded(summary: &str, is_open: bool, content: Markup) -> Markup {
    html! {
        details open[is_open] {
            summary { (summary) }
            (scroll(summary, content))
        }
    }
}

fn validations(run: &Run, is_open: bool) -> Markup {
    let lines = &run.records.validations;
    let has_scores = lines.iter().any(|line| line.valid_bleu.is_some());
    let score = |score: Option<f64>| score.map_or(String::new(), |score| format!("{score:.2}"));
    let judged_by = match run.config.train.early_stopping_metric {
        ValidationMetric::Loss => "loss",
        ValidationMetric::Bleu => "BLEU",
        ValidationMetric::Chrf => "chrF",
    };
    let best = lines.iter().rposition(|line| line.is_best);
    let table = html! {
        table.numbers {
            thead { tr {
                th scope="col" { "step" } th scope="col" { "loss" } th scope="col" { "perplexity" }
                @if has_scores { th scope="col" { "BLEU" } th scope="col" { "chrF2" } }
                th scope="col" { "best by " (judged_by) }
            } }
            tbody {
                @for (index, line) in lines.iter().enumerate() {
                    tr class=[(best == Some(index)).then_some("best")] {
                        th scope="row" { (grouped(line.step)) }
                        td { (format!("{:.4}", line.valid_loss)) }
                        td { (format!("{:.2}", line.valid_perplexity)) }
                        @if has_scores { td { (score(line.valid_bleu)) } td { (score(line.valid_chrf)) } }
                        td { @if best == Some(index) { "best" } @else if line.is_best { "so far" } }
                    }
                }
            }
        }
    };
    folded(&format!("{}: {} validations", run.name, lines.len()), is_open, table)
}

/// The curves as numbers, for who cannot see them.
fn training_lines(run: &Run) -> Markup {
    let lines = &run.records.steps;
    let stride = lines.len().div_ceil(MOST_LINES).max(1);
    let table = html! {
        table.numbers {
            thead { tr {
                @for name in ["step", "loss", "perplexity", "learning rate", "gradient norm", "tokens a second"] {
                    th scope="col" { (name) }
                }
            } }
            tbody {
                // Counted from the end, so that the last line is there.
                @for line in lines.iter().rev().step_by(stride).collect::<Vec<_>>().into_iter().rev() {
                    tr {
                        th scope="row" { (grouped(line.step)) }
                        td { (format!("{:.4}", line.loss)) }
                        td { (short(line.perplexity)) }
                        td { (short(line.learning_rate)) }
                        td { (short(line.gradient_norm)) }
                        td { (format!("{:.0}", line.tokens_per_second)) }
                    }
                }
            }
        }
    };
    let every = if stride > 1 { format!(", one in {stride} shown") } else { String::new() };
    folded(&format!("{}: {} lines of training{every}", run.name, lines.len()), false, table)
}

/// `section.key` with its value, for every key of a configuration.
fn keys(run: &Run) -> BTreeMap<String, String> {
    let sections = toml::Table::try_from(&run.config).unwrap_or_default();
    let keys = sections.iter().filter_map(|(section, keys)| Some((section, keys.as_table()?)));
    keys.flat_map(|(section, keys)| {
        keys.iter().map(move |(key, value)| (format!("{section}.{key}"), value.to_string()))
    })
    .collect()
}

/// The settings in which the runs are not alike.
fn differences(runs: &[Run]) -> Markup {
    let settings: Vec<BTreeMap<String, String>> = runs.iter().map(keys).collect();
    let is_alike = |key: &String| settings.iter().all(|of_run| of_run.get(key) == settings[0].get(key));
    let different: Vec<&String> = settings[0].keys().filter(|key| !is_alike(key)).collect();
    if different.is_empty() {
        return html! { p { "Nothing: the runs have the same configuration." } };
    }
    let table = html! {
        table.facts {
            thead { tr { td {} @for run in runs { th scope="col" { (run.name) } } } }
            tbody {
                @for key in different {
                    tr {
                        th scope="row" { (key) }
                        @for of_run in &settings { td { (of_run.get(key).map_or("", String::as_str)) } }
                    }
                }
            }
        }
    };
    scroll("settings that differ", table)
}

fn configuration(run: &Run, is_open: bool) -> Markup {
    let text = run.config.to_toml().unwrap_or_default();
    folded(&format!("{}: config.toml, complete", run.name), is_open, html! { pre { (text) } })
}
