//! The encoder: stacked recurrent layers, each in one or two directions.

use burn::{
    module::Module,
    nn::Dropout,
    tensor::{Tensor, backend::Backend},
};
use traduko_kernels::Kernels;

use crate::{config::ModelConfig, layer::Layer, weights::WeightSource};

/// What the decoder needs of a source batch.
#[derive(Clone, Debug)]
pub struct Encoded<B: Backend> {
    /// The top layer, `[batch, source, d_encoded]`.
    pub outputs: Tensor<B, 3>,
    /// 1 for a real position, `[batch, source]`.
    pub mask: Tensor<B, 2>,
    /// The top layer's last hidden states, both directions side by side, `[batch, d_encoded]`.
    pub summary: Tensor<B, 2>,
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
                Layer::build(&name, config.cell.into(), d_input, config.d_encoder, source, device)
            };
            layers.push(Directions {
                forward: layer("forward")?,
                backward: if config.is_bidirectional { Some(layer("backward")?) } else { None },
            });
        }
        Ok(Self { layers })
    }

    /// `x` `[source, batch, d_embedding]`, `mask` `[source, batch]`; `dropout` acts between layers.
    pub fn forward(&self, x: Tensor<B, 3>, mask: Tensor<B, 2>, dropout: &Dropout) -> Encoded<B> {
        let [time, batch, _] = x.dims();
        let device = x.device();
        let mut x = x;
        let mut last = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                x = dropout.forward(x);
            }
            let run = |layer: &Layer<B>, is_reversed: bool| {
                let states = layer.sequence(x.clone(), layer.zero_state(batch, &device), &mask, is_reversed);
                layer.hidden(states)
            };
            let forward = run(&layer.forward, false);
            // Padding hands states on, so the forward state at the end is that of each sentence's last token.
            last = vec![forward.clone().narrow(0, time - 1, 1)];
            x = match &layer.backward {
                Some(layer) => {
                    let backward = run(layer, true);
                    last.push(backward.clone().narrow(0, 0, 1));
                    Tensor::cat(vec![forward, backward], 2)
                }
                None => forward,
            };
        }
        Encoded { outputs: x.swap_dims(0, 1), mask: mask.transpose(), summary: Tensor::cat(last, 2).squeeze_dim(0) }
    }
}
