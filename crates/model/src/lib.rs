//! The recurrent sequence-to-sequence network and its search.
//!
//! Generic over the backend trait of `traduko-kernels`; no files, no clock, no threads, no printing. The same
//! forward pass serves training (float weights, whole target sequences) and translation (float or int8 weights,
//! one step at a time).

mod attention;
mod config;
mod decoder;
mod dropout;
mod embedding;
mod encoder;
mod layer;
mod projection;
mod search;
mod seq2seq;
mod steering;
mod weights;

pub use attention::{Attention, Keys, NormedScore};
pub use config::{AttentionKind, AttentionPlace, BridgeKind, CellKind, ModelConfig, ModelError, TieKind};
pub use decoder::{Decoder, DecoderState};
pub use dropout::Dropouts;
pub use embedding::{Embedding, PREVIEW};
pub use encoder::{Encoded, Encoder};
pub use layer::Layer;
pub use projection::Projection;
pub use search::{Hypothesis, SearchOptions, Stopping, beam_search};
pub use seq2seq::{Forced, Losses, Pairs, Seq2Seq, SourceBatch};
pub use steering::{Sampling, Steering};
pub use weights::{
    Init, InitialWeights, Matrix, NamedTensor, RandomWeights, StoredWeights, WeightSource, WeightsError,
};

/// Id of the padding token.
pub const PAD: u32 = 0;
/// Id of the unknown token: never a translation.
pub const UNK: u32 = 1;
/// Id of the token that starts a target sentence.
pub const BOS: u32 = 2;
/// Id of the token that ends a sentence.
pub const EOS: u32 = 3;
