//! Curves over steps, or over whatever else is counted, as inline SVG.
//!
//! Own drawing, because the page should be light and dark, and readable on a phone: the SVG stretches to any width, its
//! colours are the style sheet's, and its text keeps its size. `plotters` and `charming` write fixed colours and sizes,
//! or scripts.

use std::fmt::Write;

use maud::{Markup, html};

use super::scale::{Scale, ScaleKind, short};

/// Points a line is drawn with at most, and strips that tell numbers.
const MOST_BUCKETS: usize = 400;
const STRIPS: usize = 100;
/// Colours that the style sheet has.
const COLOURS: usize = 6;
/// Inner coordinates: the curve is stretched to the plot's size.
const SIDE: f64 = 1000.0;

/// One curve.
#[derive(Clone, Debug)]
pub struct Series {
    /// What the legend says.
    pub name: String,
    /// The number of its colour.
    pub colour: usize,
    /// Whether each value is marked: few, and each worth a look.
    pub has_dots: bool,
    /// Steps and values, by step.
    pub points: Vec<(f64, f64)>,
}

/// Curves over the same axis.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What is shown.
    pub title: String,
    /// In what it is measured.
    pub unit: &'static str,
    /// What the horizontal axis counts, one of it.
    pub across: &'static str,
    /// The vertical axis.
    pub scale: ScaleKind,
    /// The curves.
    pub series: Vec<Series>,
}

impl Plot {
    /// The figure; nothing where there is nothing to show.
    pub fn render(mut self, id: &str, last_step: f64) -> Markup {
        for series in &mut self.series {
            series.points.retain(|(_, y)| y.is_finite() && (self.scale != ScaleKind::Log || *y > 0.0));
        }
        self.series.retain(|series| !series.points.is_empty());
        let values = self.series.iter().flat_map(|series| series.points.iter().map(|(_, y)| *y));
        let Some(y) = Scale::new(self.scale, values) else { return html! {} };
        let x = Scale::steps(last_step);
        let percent = |position: f64| format!("{:.2}%", 100.0 * position);
        html! {
            figure.plot {
                figcaption { strong { (self.title) } " " span.unit { (self.unit) } }
                ul.legend {
                    @for series in &self.series {
                        li { span class={ "key c" (series.colour % COLOURS) @if series.has_dots { " dots" } } {} (series.name) }
                    }
                }
                svg role="img" aria-labelledby={ (id) "-title" } {
                    title id={ (id) "-title" } { (self.summary()) }
                    g.axis {
                        @for &tick in y.ticks() {
                            @let at = percent(1.0 - y.position(tick));
                            line x1="0" x2="100%" y1=(at) y2=(at) {}
                            text x="-8" y=(at) dy="0.35em" text-anchor="end" { (short(tick)) }
                        }
                        @for &tick in x.ticks() {
                            @let at = percent(x.position(tick));
                            line.tick x1=(at) x2=(at) y1="0" y2="100%" {}
                            text x=(at) y="100%" dy="1.5em" text-anchor="middle" { (short(tick)) }
                        }
                        text x="100%" y="100%" dy="2.8em" text-anchor="end" { (self.across) }
                    }
                    svg viewBox={ "0 0 " (SIDE) " " (SIDE) } preserveAspectRatio="none" width="100%" height="100%" {
                        @for series in &self.series {
                            path class={ "line c" (series.colour % COLOURS) @if series.has_dots { " dotted" } }
                                d=(line(&thinned(&series.points), &x, &y)) {}
                            @if series.has_dots {
                                path class={ "dots c" (series.colour % COLOURS) } d=(dots(&series.points, &x, &y)) {}
                            }
                        }
                    }
                    @for strip in 0..STRIPS {
                        @let told = self.told(x.value(share(strip)), x.value(share(strip + 1)));
                        @if !told.is_empty() {
                            rect.strip x=(percent(share(strip))) y="0" width=(percent(share(1))) height="100%" {
                                title { (told) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The figure in words, for who cannot see it.
    fn summary(&self) -> String {
        let across = self.across;
        let mut text = format!("{}, {}", self.title, self.unit);
        for Series { name, points, .. } in &self.series {
            let ((from, first), (to, last)) = (points[0], points[points.len() - 1]);
            let _ = write!(text, "; {name}: {} at {across} {from}, {} at {across} {to}", short(first), short(last));
        }
        text
    }

    /// The last value of each curve in `from..to`, a line each.
    fn told(&self, from: f64, to: f64) -> String {
        let last = |series: &Series| series.points.iter().rfind(|(step, _)| (from..to).contains(step)).copied();
        let lines = self.series.iter().filter_map(|series| {
            let (step, value) = last(series)?;
            Some(format!("{} {} at {} {step}", series.name, short(value), self.across))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Where a strip begins; the last one ends a little further, with the last step inside.
fn share(strip: usize) -> f64 {
    strip as f64 / STRIPS as f64 * (1.0 + 1e-9)
}

/// At most the least and the largest value of each of [`MOST_BUCKETS`] stretches: what is drawn looks the same.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= 2 * MOST_BUCKETS {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for bucket in points.chunks(points.len().div_ceil(MOST_BUCKETS)) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let extremes = bucket.iter().min_by(by_value).zip(bucket.iter().max_by(by_value));
        let (&low, &high) = extremes.expect("a chunk is not empty");
        kept.extend(if low.0 < high.0 { [low, high] } else { [high, low] });
    }
    kept
}

fn places<'a>(points: &'a [(f64, f64)], x: &'a Scale, y: &'a Scale) -> impl Iterator<Item = (f64, f64)> + 'a {
    points.iter().map(|&(step, value)| (SIDE * x.position(step), SIDE * (1.0 - y.position(value))))
}

fn line(points: &[(f64, f64)], x: &Scale, y: &Scale) -> String {
    let mut path = String::new();
    for (left, top) in places(points, x, y) {
        let letter = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{left:.1} {top:.1}");
    }
    path
}

/// Strokes of next to no length, whose round ends stay round however the plot is stretched.
fn dots(points: &[(f64, f64)], x: &Scale, y: &Scale) -> String {
    places(points, x, y).map(|(left, top)| format!("M{left:.1} {top:.1}h.01")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>) -> Plot {
        let series = Series { name: "a<b".to_owned(), colour: 0, has_dots: true, points };
        Plot {
            title: "Loss".to_owned(),
            unit: "nats",
            across: "step",
            scale: ScaleKind::FromZero,
            series: vec![series],
        }
    }

    /// Half the steps lie in the middle, the largest value at the top.
    #[test]
    fn a_line_by_hand() {
        let html =
            plot(vec![(0.0, 0.0), (50.0, 1.0), (100.0, f64::NAN), (100.0, 0.5)]).render("p", 100.0).into_string();
        assert!(html.contains(r#"d="M0.0 1000.0L500.0 0.0L1000.0 500.0""#), "{html}");
        assert!(html.contains("<title>a&lt;b 0.5 at step 100</title>"), "{html}");
        assert_eq!(html.matches("class=\"strip\"").count(), 3);
    }

    #[test]
    fn nothing_to_show_shows_nothing() {
        assert_eq!(plot(Vec::new()).render("p", 100.0).into_string(), "");
        assert_eq!(plot(vec![(1.0, f64::INFINITY)]).render("p", 100.0).into_string(), "");
    }

    #[test]
    fn thinning_keeps_a_spike() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i), 1.0)).collect();
        points[54_321].1 = 9.0;
        let kept = thinned(&points);
        assert!(kept.len() <= 2 * MOST_BUCKETS && kept.contains(&(54_321.0, 9.0)));
        assert!(kept.is_sorted_by(|a, b| a.0 <= b.0));
    }
}
