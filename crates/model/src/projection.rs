//! A linear map whose weights are trainable floats or packed int8, so that there is one forward pass.

use burn::{
    module::{Module, Param},
    tensor::{Int, Tensor, TensorData, backend::Backend},
};
use traduko_kernels::{Int8Matrix, Kernels, Preview};

use crate::weights::{Init, Matrix, WeightSource};

/// `y = x W^T + b` with `W` `[rows, cols]`; exactly one of `weight` and `packed` is there.
#[derive(Module, Debug)]
pub struct Projection<B: Backend> {
    /// Trainable weights, `[rows, cols]`.
    pub weight: Option<Param<Tensor<B, 2>>>,
    /// Packed weights.
    pub packed: Option<Int8Matrix<B>>,
    /// `[rows]`.
    pub bias: Option<Param<Tensor<B, 1>>>,
}

pub(crate) fn parameter<B: Backend, const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &B::Device,
) -> Param<Tensor<B, D>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

impl<B: Kernels> Projection<B> {
    /// Asks `source` for `NAME.weight` and, where `bias` says how it starts, `NAME.bias`.
    ///
    /// # Errors
    /// What the source says.
    pub fn build<S: WeightSource>(
        name: &str,
        [rows, cols]: [usize; 2],
        bias: Option<Init>,
        source: &mut S,
        device: &B::Device,
    ) -> Result<Self, S::Error> {
        let init = Init::glorot(rows, cols);
        Self::build_with(name, [rows, cols], init, bias, source, device)
    }

    /// As [`Self::build`], with the weights' own start.
    ///
    /// # Errors
    /// What the source says.
    pub fn build_with<S: WeightSource>(
        name: &str,
        [rows, cols]: [usize; 2],
        init: Init,
        bias: Option<Init>,
        source: &mut S,
        device: &B::Device,
    ) -> Result<Self, S::Error> {
        let (weight, packed) = match source.matrix(&format!("{name}.weight"), rows, cols, init)? {
            Matrix::Float(values) => (Some(parameter(values, [rows, cols], device)), None),
            Matrix::Int8 { values, scales } => (None, Some(Int8Matrix::new(values, scales, rows, cols, device))),
        };
        let bias = match bias {
            Some(init) => Some(parameter(source.vector(&format!("{name}.bias"), rows, init)?, [rows], device)),
            None => None,
        };
        Ok(Self { weight, packed, bias })
    }

    /// `[batch, cols]` to `[batch, rows]`.
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        self.product(x, self.bias.as_ref().map(|bias| bias.val()))
    }

    /// As [`Self::forward`] with another bias, or none.
    pub fn product(&self, x: Tensor<B, 2>, bias: Option<Tensor<B, 1>>) -> Tensor<B, 2> {
        match (&self.weight, &self.packed) {
            (Some(weight), _) => B::affine(x, weight.val(), bias),
            (None, Some(packed)) => B::int8_linear(x, packed, bias),
            (None, None) => unreachable!("a projection is built with weights of one kind"),
        }
    }

    /// The `k` most probable rows for each of `x` `[batch, cols]`, best first: log-probabilities and numbers, `[batch, k]`. A
    /// `preview` is of these weights.
    pub fn most_probable(
        &self,
        x: Tensor<B, 2>,
        preview: Option<&Preview<B>>,
        bias: Tensor<B, 1>,
        k: usize,
    ) -> (Tensor<B, 2>, Tensor<B, 2, Int>) {
        match &self.packed {
            Some(packed) => B::most_probable_product(x, packed, preview, bias, k),
            None => B::most_probable(self.product(x, None), bias, k),
        }
    }

    /// `[batch, rows]` plus the bias, where there is one.
    pub fn add_bias(&self, product: Tensor<B, 2>) -> Tensor<B, 2> {
        match &self.bias {
            Some(bias) => product + bias.val().unsqueeze_dim::<2>(0),
            None => product,
        }
    }

    /// `[a, b, cols]` to `[a, b, rows]` as one product.
    pub fn forward_3d(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let [a, b, cols] = x.dims();
        let y = self.forward(x.reshape([a * b, cols]));
        let rows = y.dims()[1];
        y.reshape([a, b, rows])
    }

    /// Rows `ids` of the weights, `[ids, cols]`.
    pub fn rows(&self, ids: Tensor<B, 1, Int>) -> Tensor<B, 2> {
        match (&self.weight, &self.packed) {
            (Some(weight), _) => weight.val().select(0, ids),
            (None, Some(packed)) => B::int8_rows(packed, ids),
            (None, None) => unreachable!("a projection is built with weights of one kind"),
        }
    }
}
