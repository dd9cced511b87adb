//! The encoder: stacked recurrent layers, each in one or two directions.

use burn::{
    module::Module,
    tensor::{Tensor, backend::Backend},
};
use traduko_kernels::Kernels;

use crate::{
    config::ModelConfig,
    dropout::{Dropouts, drop},
    layer::Layer,
    weights::WeightSource,
};

/// What the decoder needs of a source batch.
#[derive(Clone, Debug)]
pub struct Encoded<B: Backend> {
    /// The top layer, `[batch, source, d_encoded]`.
    pub outputs: Tensor<B, 3>,
    /// 1 for a real position, `[batch, source]`.
    pub mask: Tensor<B, 2>,
    /// Each layer's last hidden states, both directions side by side, `[batch, d_encoded]`.
    pub last: Vec<Tensor<B, 2>>,
}

impl<B: Backend> Encoded<B> {
    /// The top layer's last hidden states, both directions side by side, `[batch, d_encoded]`.
    pub fn summary(&self) -> Tensor<B, 2> {
        self.last.last().expect("an encoder has a layer").clone()
    }

    /// The mean of the outputs over real positions, `[batch, d_encoded]`.
    pub fn mean(&self) -> Tensor<B, 2> {
        let mask: Tensor<B, 3> = self.mask.clone().unsqueeze_dim(2);
        let sum: Tensor<B, 2> = (self.outputs.clone() * mask).sum_dim(1).squeeze_dim(1);
        sum / self.mask.clone().sum_dim(1).clamp_min(1.0)
    }
}

/// One encoder layer.
#[derive(Module, Debug)]
pub struct Directions<B: Backend> {
    forward: Layer<B>,
    backward: Option<Layer<B>>,
}

/// Stacked recurrent layers.
#[derive(Module, Debug)]
pub struct Encoder<B: Backend> {
    layers: Vec<Directions<B>>,
    is_residual: bool,
}

impl<B: Kernels> Encoder<B> {
    /// Asks `source` for the weights of every layer.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(config: &ModelConfig, source: &mut S, device: &B::Device) -> Result<Self, S::Error> {
        let mut layers = Vec::with_capacity(config.n_encoder_layers);
        for index in 0..config.n_encoder_layers {
            let d_input = if index == 0 { config.d_embedding } else { config.d_encoded() };
            let mut layer = |direction: &str| {
                let name = format!("encoder.layers.{index}.{direction}");
                Layer::build(&name, config, [d_input, config.d_encoder], source, device)
            };
            layers.push(Directions {
                forward: layer("forward")?,
                backward: if config.is_bidirectional { Some(layer("backward")?) } else { None },
            });
        }
        Ok(Self { layers, is_residual: config.is_residual })
    }

    pub(crate) fn layers_mut(&mut self) -> impl Iterator<Item = &mut Layer<B>> {
        self.layers.iter_mut().flat_map(|layer| std::iter::once(&mut layer.forward).chain(layer.backward.as_mut()))
    }

    /// `x` `[source, batch, d_embedding]`, `mask` `[source, batch]`.
    pub fn forward(&self, x: Tensor<B, 3>, mask: Tensor<B, 2>, dropouts: &Dropouts) -> Encoded<B> {
        let [time, batch, _] = x.dims();
        let device = x.device();
        let mut x = x;
        let mut last = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let input = if index > 0 { drop(x.clone(), dropouts.layers) } else { x.clone() };
            let run = |layer: &Layer<B>, is_reversed: bool| {
                let start = layer.zero_state(batch, &device);
                layer.sequence(input.clone(), start, &mask, is_reversed, dropouts.recurrent)
            };
            let forward = run(&layer.forward, false);
            // Padding hands states on, so the forward state at the end is that of each sentence's last token.
            let mut ends = vec![forward.clone().narrow(0, time - 1, 1)];
            let output = match &layer.backward {
                Some(layer) => {
                    let backward = run(layer, true);
                    ends.push(backward.clone().narrow(0, 0, 1));
                    let d = forward.dims()[2];
                    let [forward, backward] = [forward, backward].map(|x| x.reshape([time * batch, d]));
                    B::join_columns(forward, backward).reshape([time, batch, 2 * d])
                }
                None => forward,
            };
            last.push(Tensor::cat(ends, 2).squeeze_dim(0));
            x = if self.is_residual { residual(x, output) } else { output };
        }
        Encoded { outputs: B::swap_leading(x), mask: mask.transpose(), last }
    }
}

/// What a residual layer gives: its input added to its output where both are equally wide (He et al., 2016).
pub(crate) fn residual<B: Kernels, const D: usize>(input: Tensor<B, D>, output: Tensor<B, D>) -> Tensor<B, D> {
    if input.dims()[D - 1] == output.dims()[D - 1] { input + output } else { output }
}
