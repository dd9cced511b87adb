//! Axes: where a value lies, where the ticks are, and how numbers are printed.

/// How an axis is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleKind {
    /// From the least to the largest value.
    Linear,
    /// From zero, for rates and norms.
    FromZero,
    /// By factors; values above zero only.
    Log,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
    ticks: Vec<f64>,
}

/// About as many ticks as an axis has.
const TICKS: f64 = 5.0;

impl Scale {
    /// An axis that holds all `values`; none without any.
    pub fn new(kind: ScaleKind, values: impl Iterator<Item = f64>) -> Option<Self> {
        let range = values.fold(None, |range: Option<(f64, f64)>, value| {
            Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        });
        let (low, high) = range?;
        Some(match kind {
            ScaleKind::Linear => Self::linear(low, high),
            ScaleKind::FromZero => Self::linear(low.min(0.0), high),
            ScaleKind::Log => Self::log(low, high),
        })
    }

    /// The axis of steps, from 0 to `last` and no further.
    pub fn steps(last: f64) -> Self {
        let high = last.max(1.0);
        let mut scale = Self::linear(0.0, high);
        scale.ticks.retain(|&tick| tick <= high);
        Self { high, ..scale }
    }

    fn linear(low: f64, high: f64) -> Self {
        // A value alone is given some room.
        let (low, high) = if high > low { (low, high) } else { (low - 0.1 * low.abs(), high + 0.1 * high.abs()) };
        let high = if high > low { high } else { 1.0 };
        let step = nice((high - low) / TICKS);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let ticks = (0..=(last - first) as usize).map(|i| (first + i as f64) * step).collect();
        Self { low: first * step, high: last * step, is_log: false, ticks }
    }

    fn log(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low * 2.0 };
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let factors: &[f64] = if (high / low).log10() > 2.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let ticks = decades.flat_map(|decade| factors.iter().map(move |factor| factor * 10f64.powi(decade)));
        let ticks = ticks.filter(|tick| (low..=high).contains(tick)).collect();
        Self { low, high, is_log: true, ticks }
    }

    /// Where `value` lies, 0 to 1.
    pub fn position(&self, value: f64) -> f64 {
        if self.is_log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// The value at `position`, 0 to 1, of an axis that is not logarithmic.
    pub fn value(&self, position: f64) -> f64 {
        self.low + position * (self.high - self.low)
    }

    /// Values to mark.
    pub fn ticks(&self) -> &[f64] {
        &self.ticks
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn nice(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|&step| step >= least * 0.999).unwrap_or(10.0 * power)
}

/// A number in about four digits: `0.25`, `1.5e-3`, `12k`, `3.4M`.
pub fn short(value: f64) -> String {
    let trimmed = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 1e-2 => {
            let text = format!("{value:.2e}");
            let (digits, exponent) = text.split_once('e').expect("the format has an exponent");
            format!("{}e{exponent}", trimmed(digits.to_owned()))
        }
        size if size < 10.0 => trimmed(format!("{value:.3}")),
        size if size < 1e3 => trimmed(format!("{value:.1}")),
        size if size < 1e4 => format!("{value:.0}"),
        size if size < 1e6 => trimmed(format!("{:.1}", value / 1e3)) + "k",
        _ => trimmed(format!("{:.1}", value / 1e6)) + "M",
    }
}

/// A count with its digits in groups of three.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(kind: ScaleKind, values: &[f64]) -> Vec<String> {
        let scale = Scale::new(kind, values.iter().copied()).expect("values");
        scale.ticks().iter().map(|&tick| short(tick)).collect()
    }

    #[test]
    fn ticks_by_hand() {
        assert_eq!(ticks(ScaleKind::Linear, &[3.1, 8.7]), ["2", "4", "6", "8", "10"]);
        assert_eq!(ticks(ScaleKind::FromZero, &[0.0015, 0.0003]), ["0", "5e-4", "1e-3", "1.5e-3"]);
        assert_eq!(ticks(ScaleKind::Log, &[20.0, 600.0]), ["20", "50", "100", "200", "500"]);
        assert_eq!(ticks(ScaleKind::Log, &[20.0, 60_000.0]), ["100", "1000", "10k"]);
        assert_eq!(Scale::new(ScaleKind::Log, [].into_iter()), None);
        let steps: Vec<f64> = Scale::steps(7500.0).ticks().to_vec();
        assert_eq!(steps, [0.0, 2000.0, 4000.0, 6000.0]);
    }

    #[test]
    fn positions_by_hand() {
        let log = Scale::new(ScaleKind::Log, [10.0, 1000.0].into_iter()).expect("values");
        assert!((log.position(100.0) - 0.5).abs() < 1e-12);
        let steps = Scale::steps(200.0);
        assert_eq!((steps.position(50.0), steps.value(0.25)), (0.25, 50.0));
    }

    /// One value alone, zero alone: an axis has a length all the same.
    #[test]
    fn a_single_value_has_a_place() {
        for kind in [ScaleKind::Linear, ScaleKind::FromZero, ScaleKind::Log] {
            for value in [3.0, if kind == ScaleKind::Log { 1e-7 } else { 0.0 }] {
                let scale = Scale::new(kind, [value].into_iter()).expect("a value");
                assert!((0.0..=1.0).contains(&scale.position(value)), "{kind:?} {value}: {scale:?}");
            }
        }
    }

    #[test]
    fn numbers_by_hand() {
        let texts = [0.0, 0.00025, 0.05, 3.4128, 42.31, 999.96, 1234.0, 12_000.0, 6_388_288.0].map(short);
        assert_eq!(texts, ["0", "2.5e-4", "0.05", "3.413", "42.3", "1000", "1234", "12k", "6.4M"]);
        assert_eq!([0, 999, 1000, 6_388_288].map(grouped), ["0", "999", "1,000", "6,388,288"]);
    }
}
