//! One step of Adam (Kingma & Ba, 2015) with decoupled weight decay (Loshchilov & Hutter, 2019).

use burn::tensor::{Tensor, backend::Backend};

/// The numbers of one Adam step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay; 0 is plain Adam.
    pub weight_decay: f32,
    /// What the gradient is multiplied by first (clipping, averaging).
    pub gradient_scale: f32,
    /// The step's number, from 1, for the bias correction.
    pub step: u64,
}

impl AdamStep {
    /// `1 - beta^step` for both moments.
    pub(crate) fn corrections(&self) -> [f32; 2] {
        [self.beta_1, self.beta_2].map(|beta| (1.0 - f64::from(beta).powf(self.step as f64)) as f32)
    }
}

pub(crate) fn step<B: Backend>(
    values: Tensor<B, 1>,
    gradient: Tensor<B, 1>,
    [first, second]: [Tensor<B, 1>; 2],
    step: AdamStep,
) -> (Tensor<B, 1>, [Tensor<B, 1>; 2]) {
    let [correct_1, correct_2] = step.corrections();
    let gradient = gradient * step.gradient_scale;
    let first = first * step.beta_1 + gradient.clone() * (1.0 - step.beta_1);
    let second = second * step.beta_2 + gradient.powi_scalar(2) * (1.0 - step.beta_2);
    let update = (first.clone() / correct_1) / ((second.clone() / correct_2).sqrt() + step.epsilon);
    let values = values * (1.0 - step.learning_rate * step.weight_decay) - update * step.learning_rate;
    (values, [first, second])
}
