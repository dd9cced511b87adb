//! Learning rates: a warm-up, then one of [`ScheduleKind`].

use serde::{Deserialize, Serialize};

use crate::config::{OptimisationConfig, ScheduleKind, ValidationMetric};

/// What a schedule remembers between steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleState {
    /// What plateaus have left of the learning rate.
    factor: f64,
    /// The best validation so far.
    best: Option<f64>,
    /// Validations since, or since the learning rate fell.
    stalled: u32,
    /// Validations since the best one.
    #[serde(default)]
    since_best: u32,
    /// What `best` is; checkpoints from before there was a choice hold the loss.
    #[serde(default)]
    metric: ValidationMetric,
}

impl Default for ScheduleState {
    fn default() -> Self {
        Self { factor: 1.0, best: None, stalled: 0, since_best: 0, metric: ValidationMetric::Loss }
    }
}

impl ScheduleState {
    /// The learning rate of `step`, counted from 1, where Adam's moments were last zero after step `restarted_at`.
    pub fn learning_rate(&self, config: &OptimisationConfig, step: u64, restarted_at: u64) -> f64 {
        let rate = self.scheduled(config, step) * cooled(config, step);
        let since = step - restarted_at;
        if restarted_at > 0 && since < config.restart_warmup_steps {
            rate * since as f64 / config.restart_warmup_steps as f64
        } else {
            rate
        }
    }

    fn scheduled(&self, config: &OptimisationConfig, step: u64) -> f64 {
        let peak = config.learning_rate;
        let warmup = config.warmup_steps;
        if step < warmup {
            return peak * step as f64 / warmup as f64;
        }
        // The share of the way from the warm-up to the last step that is left.
        let way = config.max_steps.saturating_sub(warmup).max(1) as f64;
        let left = config.max_steps.saturating_sub(step) as f64 / way;
        let decays = step.saturating_sub(config.decay_start) as f64 / config.decay_steps as f64;
        let rate = match config.schedule {
            ScheduleKind::Constant => peak,
            ScheduleKind::InverseSqrt => peak * (warmup.max(1) as f64 / step as f64).sqrt(),
            ScheduleKind::Linear => peak * left,
            ScheduleKind::Cosine => peak * 0.5 * (1.0 + (std::f64::consts::PI * (1.0 - left)).cos()),
            ScheduleKind::Plateau => peak * self.factor,
            ScheduleKind::Exponential => peak * config.decay_factor.powf(decays),
            ScheduleKind::Step => peak * config.decay_factor.powf(decays.floor()),
        };
        rate.max(config.min_learning_rate.min(peak))
    }

    /// Takes note of a validation, by the metric that the configuration wants; says whether it is the best so far.
    pub fn validated(&mut self, config: &OptimisationConfig, value: f64) -> bool {
        let metric = config.early_stopping_metric;
        if self.metric != metric {
            // Resumed under another metric: its values cannot be compared with the old one's.
            self.forget_best();
            self.metric = metric;
        }
        let is_better = |best| if metric == ValidationMetric::Loss { value < best } else { value > best };
        if self.best.is_none_or(is_better) {
            (self.best, self.stalled, self.since_best) = (Some(value), 0, 0);
            return true;
        }
        self.since_best += 1;
        self.stalled += 1;
        if self.stalled > config.plateau_patience {
            (self.factor, self.stalled) = (self.factor * config.plateau_factor, 0);
        }
        false
    }

    /// Lets the next validation be the best so far; the learning rate stays where plateaus have left it.
    pub fn forget_best(&mut self) {
        *self = Self { factor: self.factor, metric: self.metric, ..Self::default() };
    }

    /// Whether validations have not improved for so long that training should stop.
    pub fn is_exhausted(&self, config: &OptimisationConfig) -> bool {
        config.early_stopping_patience > 0 && self.since_best >= config.early_stopping_patience
    }
}

/// What the last steps leave of the learning rate.
fn cooled(config: &OptimisationConfig, step: u64) -> f64 {
    let left = (config.max_steps + 1).saturating_sub(step);
    if left < config.cooldown_steps { left as f64 / config.cooldown_steps as f64 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(schedule: ScheduleKind) -> OptimisationConfig {
        OptimisationConfig {
            learning_rate: 1.0,
            min_learning_rate: 0.01,
            warmup_steps: 100,
            max_steps: 1100,
            schedule,
            plateau_factor: 0.5,
            plateau_patience: 1,
            decay_factor: 0.25,
            decay_start: 300,
            decay_steps: 100,
            ..OptimisationConfig::default()
        }
    }

    #[test]
    fn rates_by_hand() {
        let state = ScheduleState::default();
        let rate = |kind, step| state.learning_rate(&config(kind), step, 0);
        assert_eq!(rate(ScheduleKind::Constant, 50), 0.5);
        assert_eq!(rate(ScheduleKind::Constant, 5000), 1.0);
        assert_eq!(rate(ScheduleKind::InverseSqrt, 400), 0.5);
        assert_eq!(rate(ScheduleKind::Linear, 600), 0.5);
        assert_eq!(rate(ScheduleKind::Linear, 5000), 0.01);
        assert!((rate(ScheduleKind::Cosine, 600) - 0.5).abs() < 1e-12);
        assert!((rate(ScheduleKind::Cosine, 350) - (0.5 + 0.125f64.sqrt())).abs() < 1e-12);
        assert_eq!(rate(ScheduleKind::Cosine, 5000), 0.01);
        assert_eq!([200, 300, 350, 400].map(|step| rate(ScheduleKind::Step, step)), [1.0, 1.0, 1.0, 0.25]);
        let fallen = [200, 300, 350, 400].map(|step| rate(ScheduleKind::Exponential, step));
        assert_eq!(fallen, [1.0, 1.0, 0.5, 0.25]);
    }

    #[test]
    fn a_cooldown_ends_at_zero() {
        let config = OptimisationConfig { cooldown_steps: 200, ..config(ScheduleKind::InverseSqrt) };
        let rate = |step| ScheduleState::default().learning_rate(&config, step, 0);
        let plain = |step: u64| (100.0 / step as f64).sqrt();
        assert_eq!([400, 901].map(rate), [400, 901].map(plain));
        assert_eq!(rate(1001), plain(1001) / 2.0);
        assert_eq!(rate(1100), plain(1100) / 200.0);
        assert_eq!(rate(1101), 0.0);
    }

    #[test]
    fn a_restart_warms_up_again() {
        let config = OptimisationConfig { restart_warmup_steps: 50, ..config(ScheduleKind::Constant) };
        let state = ScheduleState::default();
        assert_eq!(state.learning_rate(&config, 510, 500), 0.2);
        assert_eq!(state.learning_rate(&config, 550, 500), 1.0);
        assert_eq!(state.learning_rate(&config, 10, 0), 0.1);
    }

    #[test]
    fn a_plateau_halves_after_its_patience() {
        let config = config(ScheduleKind::Plateau);
        let mut state = ScheduleState::default();
        assert!(state.validated(&config, 3.0));
        assert!(!state.validated(&config, 3.5));
        assert_eq!(state.learning_rate(&config, 500, 0), 1.0);
        assert!(!state.validated(&config, 3.2));
        assert_eq!(state.learning_rate(&config, 500, 0), 0.5);
        assert!(state.validated(&config, 2.9));
    }

    #[test]
    fn a_rising_metric_and_patience() {
        let config = OptimisationConfig {
            early_stopping_metric: ValidationMetric::Bleu,
            early_stopping_patience: 3,
            ..config(ScheduleKind::Plateau)
        };
        let mut state = ScheduleState::default();
        assert!(state.validated(&config, 20.0));
        assert!(state.validated(&config, 21.0));
        assert!(!state.validated(&config, 21.0));
        assert!(!state.validated(&config, 20.5));
        // The learning rate fell at the second validation without improvement; patience counts on.
        assert_eq!(state.learning_rate(&config, 500, 0), 0.5);
        assert!(!state.is_exhausted(&config));
        assert!(!state.validated(&config, 19.0));
        assert!(state.is_exhausted(&config));
        assert!(!state.is_exhausted(&OptimisationConfig { early_stopping_patience: 0, ..config }));
    }

    #[test]
    fn another_metric_begins_anew() {
        let config = config(ScheduleKind::Plateau);
        let bleu = OptimisationConfig { early_stopping_metric: ValidationMetric::Bleu, ..config.clone() };
        let mut state = ScheduleState::default();
        assert!(state.validated(&bleu, 20.0));
        assert!(state.validated(&config, 25.0));
        assert!(state.validated(&config, 24.0));
    }

    #[test]
    fn a_state_without_a_metric_holds_the_loss() {
        let old = r#"{"factor":0.5,"best":3.25,"stalled":1}"#;
        let state: ScheduleState = serde_json::from_str(old).expect("readable");
        assert_eq!(state, ScheduleState { factor: 0.5, best: Some(3.25), stalled: 1, ..ScheduleState::default() });
    }
}
