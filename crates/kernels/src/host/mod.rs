//! The kernels of the host backends, as loops over slices.
//!
//! The compiler vectorises them; natively each is compiled for several instruction sets and the best one is taken
//! at run time. `flex` backs native training and translation, `ndarray` the page's CPU engine; both call the same
//! loops, so that a translation differs only where the order of a float sum does.

#[cfg(feature = "flex")]
mod adam;
#[cfg(feature = "flex")]
mod additive;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod attention;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod beam;
#[cfg(all(feature = "flex", target_arch = "x86_64", target_os = "linux"))]
mod bf16;
#[cfg(all(feature = "flex", not(all(target_arch = "x86_64", target_os = "linux"))))]
#[path = "no_bf16.rs"]
mod bf16;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cells;
#[cfg(feature = "flex")]
mod cells_backward;
#[cfg(feature = "flex")]
mod dropout;
#[cfg(feature = "flex")]
mod flex;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod int8;
#[cfg(feature = "flex")]
mod layer_norm;
#[cfg(feature = "flex")]
mod layout;
#[cfg(feature = "flex")]
mod linear;
#[cfg(feature = "flex")]
mod loss;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod math;
#[cfg(feature = "ndarray")]
mod ndarray;
#[cfg(feature = "flex")]
mod packed;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod packed_sequence;
#[cfg(feature = "flex")]
mod product;
#[cfg(feature = "ndarray")]
mod rows;
#[cfg(feature = "flex")]
mod sequence;
#[cfg(feature = "flex")]
mod shared;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod top_k;

#[cfg(any(feature = "flex", feature = "ndarray"))]
pub use int8::use_portable_products;
