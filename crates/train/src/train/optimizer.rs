//! Steps of a whole network by Adam or another rule, its gradient clipped by the norm over all parameters (Pascanu et al.,
//! 2013).

use std::collections::{BTreeMap, HashMap};

use burn::{
    module::{Module, ModuleMapper, Param, ParamId},
    tensor::{Tensor, TensorData, backend::AutodiffBackend},
};
use traduko_kernels::{AdamStep, Kernels};
use traduko_model::{NamedTensor, Seq2Seq};

use super::trainer::Gradients;
use crate::config::{OptimisationConfig, OptimizerKind};

/// The numbers of one step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What makes it.
    pub kind: OptimizerKind,
    /// Adam's numbers; other rules read those that they have too.
    pub adam: AdamStep,
    /// Of SGD and RMSProp.
    pub momentum: f64,
    /// Largest norm of the gradient over all parameters; 0 never clips.
    pub clip_norm: f64,
}

impl Step {
    /// Step `number`, counted from 1 since the moments were zero.
    pub fn new(settings: &OptimisationConfig, learning_rate: f64, number: u64) -> Self {
        let adam = AdamStep {
            learning_rate: learning_rate as f32,
            beta_1: settings.beta_1 as f32,
            beta_2: settings.beta_2 as f32,
            epsilon: settings.epsilon as f32,
            weight_decay: settings.weight_decay as f32,
            gradient_scale: 1.0,
            step: number,
        };
        Self { kind: settings.optimizer, adam, momentum: settings.momentum, clip_norm: settings.clip_norm }
    }
}

/// Both moments of every parameter, by whatever rule.
pub struct Optimizer<B: AutodiffBackend> {
    moments: HashMap<ParamId, [Tensor<B::InnerBackend, 1>; 2]>,
}

/// Prefixes of the moments' names in a checkpoint.
const MOMENTS: [&str; 2] = ["adam.first.", "adam.second."];

impl<B: AutodiffBackend + Kernels> Optimizer<B>
where
    B::InnerBackend: Kernels,
{
    /// Moments out of a checkpoint; those missing start at zero.
    pub fn restore(model: &Seq2Seq<B>, mut tensors: BTreeMap<String, NamedTensor>, device: &B::Device) -> Self {
        let mut moments = HashMap::new();
        for (name, id) in model.parameter_names() {
            let mut take = |prefix: &str| {
                let values = tensors.remove(&format!("{prefix}{name}"))?.values;
                let len = values.len();
                Some(Tensor::from_data(TensorData::new(values, [len]), device))
            };
            if let (Some(first), Some(second)) = (take(MOMENTS[0]), take(MOMENTS[1])) {
                moments.insert(id, [first, second]);
            }
        }
        Self { moments }
    }

    /// The moments by name.
    pub fn named(&self, model: &Seq2Seq<B>) -> Vec<NamedTensor> {
        let mut tensors = Vec::new();
        for (name, id) in model.parameter_names() {
            let Some(moments) = self.moments.get(&id) else { continue };
            for (prefix, moment) in MOMENTS.into_iter().zip(moments) {
                tensors.push(NamedTensor {
                    name: format!("{prefix}{name}"),
                    shape: moment.dims().to_vec(),
                    values: moment.to_data().convert::<f32>().into_vec().expect("converted to f32"),
                });
            }
        }
        tensors
    }

    /// Gives the network after the step and the norm of the scaled gradient before clipping. Where that is not finite nothing
    /// has changed.
    pub fn step(&mut self, model: Seq2Seq<B>, gradients: Gradients<B>, step: Step) -> (Seq2Seq<B>, f64) {
        let mut step = step;
        let Step { adam, clip_norm, .. } = &mut step;
        // Added up in the order of the parameters, so that two runs give the same bits.
        let gradients_in_order = model.parameter_names().into_iter().filter_map(|(_, id)| gradients.get(&id));
        let squares = gradients_in_order.map(|gradient| B::InnerBackend::square_sum(gradient.clone()));
        let sum: f32 =
            Tensor::cat(squares.collect(), 0).sum().into_data().convert::<f32>().into_vec().expect("converted")[0];
        let norm = f64::from(sum).sqrt() * f64::from(adam.gradient_scale);
        if !norm.is_finite() {
            return (model, norm);
        }
        if *clip_norm > 0.0 && norm > *clip_norm {
            adam.gradient_scale *= (*clip_norm / norm) as f32;
        }
        let mut update = Update { gradients, moments: &mut self.moments, step };
        (model.map(&mut update), norm)
    }
}

struct Update<'a, B: AutodiffBackend> {
    gradients: Gradients<B>,
    moments: &'a mut HashMap<ParamId, [Tensor<B::InnerBackend, 1>; 2]>,
    step: Step,
}

/// Flat tensors `[n]` after a step: the values and both moments, of which some rules leave one as it is.
fn stepped<B: Kernels>(
    values: Tensor<B, 1>,
    gradient: Tensor<B, 1>,
    moments: [Tensor<B, 1>; 2],
    Step { kind, adam, momentum, .. }: Step,
) -> (Tensor<B, 1>, [Tensor<B, 1>; 2]) {
    if kind == OptimizerKind::Adam {
        return B::adam_step(values, gradient, moments, adam);
    }
    let [first, second] = moments;
    let gradient = gradient * adam.gradient_scale;
    let squares = || gradient.clone().powi_scalar(2);
    let second = match kind {
        OptimizerKind::Adagrad => second + squares(),
        OptimizerKind::Rmsprop => second * adam.beta_2 + squares() * (1.0 - adam.beta_2),
        OptimizerKind::Sgd | OptimizerKind::Adam => second,
    };
    let change = match kind {
        OptimizerKind::Sgd | OptimizerKind::Adam => gradient,
        OptimizerKind::Adagrad | OptimizerKind::Rmsprop => gradient / (second.clone().sqrt() + adam.epsilon),
    };
    let change = if momentum > 0.0 { first.clone() * momentum + change } else { change };
    let first = if momentum > 0.0 { change.clone() } else { first };
    let values = values * (1.0 - adam.learning_rate * adam.weight_decay) - change * adam.learning_rate;
    (values, [first, second])
}

impl<B: AutodiffBackend> ModuleMapper<B> for Update<'_, B>
where
    B::InnerBackend: Kernels,
{
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let Some(gradient) = self.gradients.remove(&id) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let shape = tensor.shape();
        let len = shape.num_elements();
        let moments = self.moments.remove(&id).unwrap_or_else(|| {
            let zeros = Tensor::zeros([len], &gradient.device());
            [zeros.clone(), zeros]
        });
        let values = tensor.inner().reshape([len]);
        let (values, moments) = stepped(values, gradient, moments, self.step);
        self.moments.insert(id, moments);
        let tensor = Tensor::from_inner(values.reshape(shape)).require_grad();
        Param::from_mapped_value(id, tensor, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Cpu;

    /// Two steps of 1 - 0.1 * change, the gradients 2 and 1, by hand for every rule.
    #[test]
    fn two_steps_by_hand() {
        let settings = |optimizer, momentum| OptimisationConfig {
            optimizer,
            momentum,
            beta_2: 0.75,
            epsilon: 0.0,
            ..OptimisationConfig::default()
        };
        let tensor = |x: f32| Tensor::<Cpu, 1>::from_data(TensorData::new(vec![x], [1]), &Default::default());
        let root = |x: f32| x.sqrt();
        for (kind, momentum, [first, second]) in [
            (OptimizerKind::Sgd, 0.0, [2.0, 1.0]),
            (OptimizerKind::Sgd, 0.5, [2.0, 2.0]),
            (OptimizerKind::Adagrad, 0.0, [1.0, 1.0 / root(5.0)]),
            (OptimizerKind::Rmsprop, 0.0, [2.0, 1.0]),
            (OptimizerKind::Rmsprop, 0.5, [2.0, 2.0]),
        ] {
            let (mut values, mut moments) = (tensor(1.0), [tensor(0.0), tensor(0.0)]);
            // RMSProp's mean of squares: 4 / 4 = 1, then 3 / 4 + 1 / 4 = 1.
            for (number, gradient) in [(1, 2.0), (2, 1.0)] {
                let step = Step::new(&settings(kind, momentum), 0.1, number);
                (values, moments) = stepped(values, tensor(gradient), moments, step);
            }
            let found: f32 = values.into_scalar();
            let wanted = 1.0 - 0.1 * (first + second);
            assert!((found - wanted).abs() < 1e-6, "{kind:?}, momentum {momentum}: {found}, wanted {wanted}");
        }
    }
}
