//! Where weights come from and how they are named.
//!
//! A network is always built by asking a [`WeightSource`] for every weight by name and shape, so random
//! initialisation, checkpoints and quantized packages share one path, and a file is validated before a tensor exists.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleVisitor, Param, ParamId},
    tensor::{Tensor, backend::Backend},
};

/// How a weight starts when nothing was trained yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Uniform in `-bound..bound`.
    Uniform {
        /// The bound.
        bound: f32,
    },
    /// All zeros.
    Zeros,
    /// All ones.
    Ones,
    /// Zeros, but ones in the second of four parts: LSTM forget gates start open (Jozefowicz et al., 2015).
    ForgetOpen,
}

impl Init {
    /// Glorot & Bengio (2010).
    pub fn glorot(rows: usize, cols: usize) -> Self {
        Self::Uniform { bound: (6.0 / (rows + cols) as f32).sqrt() }
    }
}

/// A weight matrix, row-major `[rows, cols]`, one row for each output.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// Trainable floats.
    Float(Vec<f32>),
    /// Integers in -127..=127 with one scale per row.
    Int8 {
        /// `rows * cols` integers.
        values: Vec<i8>,
        /// `rows` scales.
        scales: Vec<f32>,
    },
}

/// Gives weights by name.
pub trait WeightSource {
    /// Why a weight cannot be had.
    type Error;

    /// The matrix `name`, `[rows, cols]`.
    ///
    /// # Errors
    /// Where there is no such matrix of this shape.
    fn matrix(&mut self, name: &str, rows: usize, cols: usize, init: Init) -> Result<Matrix, Self::Error>;

    /// The vector `name` of `len` values.
    ///
    /// # Errors
    /// Where there is no such vector of this length.
    fn vector(&mut self, name: &str, len: usize, init: Init) -> Result<Vec<f32>, Self::Error>;
}

/// Fresh weights, the same for the same seed on every platform.
#[derive(Clone, Debug)]
pub struct RandomWeights {
    state: u64,
}

impl RandomWeights {
    /// Weights for `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64 (Steele et al., 2014): 24 bits of it as a number in 0..1.
    fn next(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }

    fn values(&mut self, len: usize, init: Init) -> Vec<f32> {
        match init {
            Init::Uniform { bound } => (0..len).map(|_| (2.0 * self.next() - 1.0) * bound).collect(),
            Init::Zeros => vec![0.0; len],
            Init::Ones => vec![1.0; len],
            Init::ForgetOpen => (0..len).map(|i| if i / (len / 4).max(1) == 1 { 1.0 } else { 0.0 }).collect(),
        }
    }
}

impl WeightSource for RandomWeights {
    type Error = std::convert::Infallible;

    fn matrix(&mut self, _: &str, rows: usize, cols: usize, init: Init) -> Result<Matrix, Self::Error> {
        Ok(Matrix::Float(self.values(rows * cols, init)))
    }

    fn vector(&mut self, _: &str, len: usize, init: Init) -> Result<Vec<f32>, Self::Error> {
        Ok(self.values(len, init))
    }
}

/// One float tensor with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// The path through the network, joined by dots.
    pub name: String,
    /// `[len]` or `[rows, cols]`.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Vec<f32>,
}

/// A stored weight that does not fit the network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The network asks for a weight that is not stored.
    #[error("weight {name} is missing")]
    Missing {
        /// The weight's name.
        name: String,
    },
    /// The stored shape is another.
    #[error("weight {name}: found shape {found:?}, the configuration wants {wanted:?}")]
    Shape {
        /// The weight's name.
        name: String,
        /// The stored shape.
        found: Vec<usize>,
        /// The network's.
        wanted: Vec<usize>,
    },
}

/// Float weights out of a checkpoint.
#[derive(Clone, Debug, Default)]
pub struct StoredWeights {
    tensors: BTreeMap<String, NamedTensor>,
}

impl StoredWeights {
    /// Weights by their names; of two with one name the later counts.
    pub fn new(tensors: impl IntoIterator<Item = NamedTensor>) -> Self {
        Self { tensors: tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect() }
    }

    /// Names that were never asked for.
    pub fn left_over(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    fn take(&mut self, name: &str, wanted: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.tensors.remove(name).ok_or_else(|| WeightsError::Missing { name: name.to_owned() })?;
        if tensor.shape != wanted || tensor.values.len() != wanted.iter().product::<usize>() {
            return Err(WeightsError::Shape { name: name.to_owned(), found: tensor.shape, wanted: wanted.to_vec() });
        }
        Ok(tensor.values)
    }
}

impl WeightSource for StoredWeights {
    type Error = WeightsError;

    fn matrix(&mut self, name: &str, rows: usize, cols: usize, _: Init) -> Result<Matrix, Self::Error> {
        self.take(name, &[rows, cols]).map(Matrix::Float)
    }

    fn vector(&mut self, name: &str, len: usize, _: Init) -> Result<Vec<f32>, Self::Error> {
        self.take(name, &[len])
    }
}

/// Float weights of another network where one has the same name and shape, fresh ones elsewhere.
#[derive(Clone, Debug)]
pub struct InitialWeights {
    stored: StoredWeights,
    random: RandomWeights,
    n_fitting: usize,
    n_asked: usize,
}

impl InitialWeights {
    /// `tensors` where they fit, else what `random` draws.
    pub fn new(tensors: impl IntoIterator<Item = NamedTensor>, random: RandomWeights) -> Self {
        Self { stored: StoredWeights::new(tensors), random, n_fitting: 0, n_asked: 0 }
    }

    /// How many of the weights that were asked for fitted, and how many were asked for.
    pub fn fitting(&self) -> (usize, usize) {
        (self.n_fitting, self.n_asked)
    }

    fn values(&mut self, name: &str, shape: &[usize], init: Init) -> Vec<f32> {
        self.n_asked += 1;
        match self.stored.take(name, shape) {
            Ok(values) => {
                self.n_fitting += 1;
                values
            }
            Err(_) => self.random.values(shape.iter().product(), init),
        }
    }
}

impl WeightSource for InitialWeights {
    type Error = std::convert::Infallible;

    fn matrix(&mut self, name: &str, rows: usize, cols: usize, init: Init) -> Result<Matrix, Self::Error> {
        Ok(Matrix::Float(self.values(name, &[rows, cols], init)))
    }

    fn vector(&mut self, name: &str, len: usize, init: Init) -> Result<Vec<f32>, Self::Error> {
        Ok(self.values(name, &[len], init))
    }
}

/// Collects the float parameters of a module under their paths.
struct Collector {
    path: Vec<String>,
    tensors: Vec<NamedTensor>,
}

impl<B: Backend> ModuleVisitor<B> for Collector {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let tensor = param.val();
        self.tensors.push(NamedTensor {
            name: self.path.join("."),
            shape: tensor.dims().to_vec(),
            values: tensor.into_data().convert::<f32>().into_vec().expect("converted to f32"),
        });
    }
}

/// The float parameters of `module` by name. Blocks on the device: native callers only.
pub(crate) fn collect<B: Backend, M: Module<B>>(module: &M) -> Vec<NamedTensor> {
    let mut collector = Collector { path: Vec::new(), tensors: Vec::new() };
    module.visit(&mut collector);
    collector.tensors
}

/// Identifiers of the float parameters of `module` by name, in visiting order.
pub(crate) fn parameter_names<B: Backend, M: Module<B>>(module: &M) -> Vec<(String, ParamId)> {
    struct Names(Vec<String>, Vec<(String, ParamId)>);
    impl<B: Backend> ModuleVisitor<B> for Names {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            self.1.push((self.0.join("."), param.id));
        }
    }
    let mut names = Names(Vec::new(), Vec::new());
    module.visit(&mut names);
    names.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_weights_are_seeded_and_bounded() {
        let draw = |seed| RandomWeights::new(seed).vector("x", 1000, Init::Uniform { bound: 0.5 }).expect("infallible");
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(1).iter().all(|x| x.abs() <= 0.5));
        assert!(draw(1).iter().sum::<f32>().abs() < 30.0);
    }

    #[test]
    fn forget_gates_start_open() {
        let bias = RandomWeights::new(0).vector("x", 8, Init::ForgetOpen).expect("infallible");
        assert_eq!(bias, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn stored_weights_name_what_does_not_fit() {
        let tensor = NamedTensor { name: "a".into(), shape: vec![2, 3], values: vec![0.0; 6] };
        let mut stored = StoredWeights::new([tensor]);
        assert_eq!(stored.vector("b", 1, Init::Zeros), Err(WeightsError::Missing { name: "b".into() }));
        let error = stored.matrix("a", 3, 2, Init::Zeros).expect_err("another shape").to_string();
        assert_eq!(error, "weight a: found shape [2, 3], the configuration wants [3, 2]");
    }

    #[test]
    fn initial_weights_are_taken_where_they_fit() {
        let tensor = |name: &str| NamedTensor { name: name.into(), shape: vec![2], values: vec![7.0, 8.0] };
        let mut initial = InitialWeights::new([tensor("a"), tensor("b")], RandomWeights::new(0));
        let Ok(same) = initial.vector("a", 2, Init::Zeros);
        assert_eq!(same, [7.0, 8.0]);
        let Ok(longer) = initial.vector("b", 3, Init::Ones);
        assert_eq!(longer, [1.0, 1.0, 1.0]);
        let Ok(unknown) = initial.matrix("c", 1, 2, Init::Zeros);
        assert_eq!(unknown, Matrix::Float(vec![0.0, 0.0]));
        assert_eq!(initial.fitting(), (1, 3));
    }
}
