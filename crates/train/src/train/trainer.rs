//! One step of training: the gradients of some batches added up, clipped, and given to Adam; and the moving average
//! of the weights.

use std::collections::{BTreeMap, HashMap};

use anyhow::{bail, ensure};
use burn::{
    module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    tensor::{Tensor, TensorData, backend::AutodiffBackend},
};
use traduko_kernels::Kernels;
use traduko_model::{NamedTensor, Pairs, Seq2Seq};

use super::{
    optimizer::{Optimizer, Step},
    teacher_forcing,
};

/// Prefix of the average's names in a checkpoint.
const AVERAGE: &str = "average.";

/// Sentence pairs of one batch, without marks.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Source ids.
    pub sources: Vec<Vec<u32>>,
    /// Target ids.
    pub targets: Vec<Vec<u32>>,
    /// Links of target and source positions, for guided alignment.
    pub alignments: Option<Vec<Vec<(u16, u16)>>>,
    /// Tokens, marks included, that both sides are padded to at least.
    pub padded_length: usize,
}

impl Batch {
    /// What the network reads of it.
    pub fn pairs(&self) -> Pairs<'_> {
        Pairs {
            sources: &self.sources,
            targets: &self.targets,
            alignments: self.alignments.as_deref(),
            inputs: None,
            wants_coverage: false,
            padded_length: self.padded_length,
        }
    }

    /// Target tokens, end marks included.
    pub fn target_tokens(&self) -> usize {
        self.targets.iter().map(|target| target.len() + 1).sum()
    }
}

/// How the loss of a batch is made.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    /// Label smoothing.
    pub smoothing: f32,
    /// Weight of the alignment loss.
    pub alignment_weight: f32,
    /// Weight of the coverage loss.
    pub coverage_weight: f32,
    /// Share of target tokens that the decoder is given right; in the place of the others it reads its own words.
    pub teacher_forcing_ratio: f64,
    /// Seeds the choice of those.
    pub seed: u64,
}

/// Losses of a step, summed over target tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Label-smoothed cross-entropy.
    pub smoothed: f64,
    /// Plain cross-entropy.
    pub plain: f64,
    /// Alignment loss.
    pub alignment: f64,
    /// Coverage loss.
    pub coverage: f64,
    /// Target tokens, end marks included.
    pub tokens: usize,
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.smoothed += other.smoothed;
        self.plain += other.plain;
        self.alignment += other.alignment;
        self.coverage += other.coverage;
        self.tokens += other.tokens;
    }
}

/// Gradients by parameter, flat, on the inner backend.
pub type Gradients<B> = HashMap<ParamId, Tensor<<B as AutodiffBackend>::InnerBackend, 1>>;

/// A network in training.
pub struct Trainer<B: AutodiffBackend> {
    /// Away only while a step is taken.
    model: Option<Seq2Seq<B>>,
    optimizer: Optimizer<B>,
    average: Option<Average<B>>,
}

impl<B: AutodiffBackend + Kernels> Trainer<B>
where
    B::InnerBackend: Kernels,
{
    /// `state` holds moments and averages out of a checkpoint; those missing start anew. An `ema_decay` of 0 keeps no
    /// average.
    pub fn new(model: Seq2Seq<B>, state: BTreeMap<String, NamedTensor>, ema_decay: f64, device: &B::Device) -> Self {
        let mut state = state;
        let average = (ema_decay > 0.0).then(|| Average::restore(&model, &mut state, ema_decay, device));
        let optimizer = Optimizer::restore(&model, state, device);
        Self { model: Some(model), optimizer, average }
    }

    /// The weights being trained.
    pub fn model(&self) -> &Seq2Seq<B> {
        self.model.as_ref().expect("every step puts the network back")
    }

    /// The network to validate and to keep: the moving average where there is one.
    pub fn validated(&self) -> Seq2Seq<B::InnerBackend> {
        match &self.average {
            Some(average) => average.network(self.model().clone()).valid(),
            None => self.model().valid(),
        }
    }

    /// Moments and averages by name.
    pub fn state(&self) -> Vec<NamedTensor> {
        let mut tensors = self.optimizer.named(self.model());
        tensors.extend(self.average.iter().flat_map(|average| average.named(self.model())));
        tensors
    }

    /// One step on `batches`, whose gradients are added up; `step.adam.gradient_scale` is set here. Gives the summed
    /// losses and the norm of the averaged gradient before clipping.
    ///
    /// # Errors
    /// Where the loss or the gradient is not finite; the weights are as they were.
    pub fn step(
        &mut self,
        batches: &[Batch],
        objective: Objective,
        mut step: Step,
        device: &B::Device,
    ) -> anyhow::Result<(Sums, f64)> {
        let mut sums = Sums::default();
        let mut gradients = Gradients::<B>::new();
        for batch in batches {
            self.add_gradients(batch, objective, &mut sums, &mut gradients, device)?;
        }
        step.adam.gradient_scale = 1.0 / sums.tokens as f32;
        let number = step.adam.step;
        // Taken, not cloned: so Adam is alone with the weights and may change them in place.
        let model = self.model.take().expect("every step puts the network back");
        let (model, norm) = self.optimizer.step(model, gradients, step);
        let model = self.model.insert(model);
        ensure!(norm.is_finite(), "the gradient's norm is {norm}");
        if let Some(average) = &mut self.average {
            // While training is young the average is too, or the first weights would stay in it for long.
            let n = number as f64;
            average.follow(model, average.decay.min((1.0 + n) / (10.0 + n)));
        }
        Ok((sums, norm))
    }

    fn add_gradients(
        &self,
        batch: &Batch,
        objective: Objective,
        sums: &mut Sums,
        total: &mut Gradients<B>,
        device: &B::Device,
    ) -> anyhow::Result<()> {
        let inputs = (objective.teacher_forcing_ratio < 1.0).then(|| {
            // Batches of one step draw apart.
            let seed = objective.seed.wrapping_add(sums.tokens as u64);
            teacher_forcing::inputs(&self.model().valid(), batch, objective.teacher_forcing_ratio, seed, device)
        });
        let wants_coverage = objective.coverage_weight > 0.0;
        let pairs = Pairs { inputs: inputs.as_deref(), wants_coverage, ..batch.pairs() };
        let losses = self.model().loss(&pairs, objective.smoothing, device);
        let read = |x: &Tensor<B, 1>| -> Vec<f32> {
            x.clone().inner().into_data().convert::<f32>().into_vec().expect("converted to f32")
        };
        let cross_entropy = read(&losses.cross_entropy);
        if !cross_entropy[0].is_finite() {
            bail!("the loss is {}", cross_entropy[0]);
        }
        sums.smoothed += f64::from(cross_entropy[0]);
        sums.plain += f64::from(cross_entropy[1]);
        sums.tokens += batch.target_tokens();
        let mut loss = losses.cross_entropy.narrow(0, 0, 1);
        if let Some(alignment) = losses.alignment {
            sums.alignment += f64::from(read(&alignment)[0]);
            loss = loss + alignment * objective.alignment_weight;
        }
        if let Some(coverage) = losses.coverage {
            sums.coverage += f64::from(read(&coverage)[0]);
            loss = loss + coverage * objective.coverage_weight;
        }
        let mut gradients = loss.backward();
        self.model().visit(&mut Add::<B> { gradients: &mut gradients, total });
        Ok(())
    }
}

/// Adds the gradients of one batch to a sum.
struct Add<'a, B: AutodiffBackend> {
    gradients: &'a mut B::Gradients,
    total: &'a mut Gradients<B>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Add<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Some(gradient) = param.val().grad_remove(self.gradients) else { return };
        let len = gradient.shape().num_elements();
        let gradient = gradient.reshape([len]);
        let sum = match self.total.remove(&param.id) {
            Some(sum) => sum + gradient,
            None => gradient,
        };
        self.total.insert(param.id, sum);
    }
}

/// The exponential moving average of the weights (Polyak & Juditsky, 1992).
struct Average<B: AutodiffBackend> {
    values: HashMap<ParamId, Tensor<B::InnerBackend, 1>>,
    decay: f64,
}

impl<B: AutodiffBackend> Average<B>
where
    B::InnerBackend: Kernels,
{
    /// Averages out of `state`; where there are none the weights as they are.
    fn restore(model: &Seq2Seq<B>, state: &mut BTreeMap<String, NamedTensor>, decay: f64, device: &B::Device) -> Self
    where
        B: Kernels,
    {
        let mut values = HashMap::new();
        for (name, id) in model.parameter_names() {
            if let Some(tensor) = state.remove(&format!("{AVERAGE}{name}")) {
                let len = tensor.values.len();
                values.insert(id, Tensor::from_data(TensorData::new(tensor.values, [len]), device));
            }
        }
        let mut average = Self { values, decay };
        // Those found stay as they are.
        average.follow(model, 1.0);
        average
    }

    fn follow(&mut self, model: &Seq2Seq<B>, decay: f64) {
        model.visit(&mut Follow::<B> { values: &mut self.values, decay });
    }

    fn network(&self, model: Seq2Seq<B>) -> Seq2Seq<B> {
        model.map(&mut Replace::<B>(&self.values))
    }

    fn named(&self, model: &Seq2Seq<B>) -> Vec<NamedTensor>
    where
        B: Kernels,
    {
        let names = model.parameter_names().into_iter();
        let averages = names.filter_map(|(name, id)| Some((name, self.values.get(&id)?)));
        averages
            .map(|(name, values)| NamedTensor {
                name: format!("{AVERAGE}{name}"),
                shape: values.dims().to_vec(),
                values: values.to_data().convert::<f32>().into_vec().expect("converted to f32"),
            })
            .collect()
    }
}

struct Follow<'a, B: AutodiffBackend> {
    values: &'a mut HashMap<ParamId, Tensor<B::InnerBackend, 1>>,
    decay: f64,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Follow<'_, B>
where
    B::InnerBackend: Kernels,
{
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let values = param.val().inner();
        let len = values.shape().num_elements();
        let values = values.reshape([len]);
        let next = match self.values.remove(&param.id) {
            Some(average) => B::InnerBackend::follow(average, values, self.decay),
            None => values,
        };
        self.values.insert(param.id, next);
    }
}

struct Replace<'a, B: AutodiffBackend>(&'a HashMap<ParamId, Tensor<B::InnerBackend, 1>>);

impl<B: AutodiffBackend> ModuleMapper<B> for Replace<'_, B> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let tensor = match self.0.get(&id) {
            Some(average) => Tensor::from_inner(average.clone().reshape(tensor.shape())),
            None => tensor,
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Autodiff;
    use traduko_model::{ModelConfig, RandomWeights};

    use super::*;
    use crate::{config::OptimisationConfig, device::Cpu};

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let config = ModelConfig { n_vocab: 40, d_embedding: 8, d_encoder: 8, d_decoder: 8, ..ModelConfig::default() };
        let device = Default::default();
        let Ok(model) = Seq2Seq::<Autodiff<Cpu>>::build(&config, &mut RandomWeights::new(1), &device);
        let mut trainer = Trainer::new(model, BTreeMap::new(), 0.9, &device);
        let batch = Batch { sources: vec![vec![5, 6, 7]], targets: vec![vec![8, 9, 10]], ..Batch::default() };
        let mut step = |number, coverage_weight| {
            let objective = Objective {
                smoothing: 0.0,
                alignment_weight: 0.0,
                coverage_weight,
                teacher_forcing_ratio: 1.0,
                seed: 1,
            };
            let step = Step::new(&OptimisationConfig::default(), 1e-3, number);
            let done = trainer.step(std::slice::from_ref(&batch), objective, step, &device);
            (done.map_err(|error| error.to_string()), trainer.model().weights(), trainer.state())
        };
        let (first, weights, state) = step(1, 0.0);
        assert!(first.is_ok_and(|(_, norm)| norm > 0.0));
        let (second, weights_after, state_after) = step(2, f32::INFINITY);
        let message = second.expect_err("the gradient is not finite");
        assert!(message.starts_with("the gradient's norm is "), "{message}");
        assert!(weights == weights_after && state == state_after && !state.is_empty());
    }
}
