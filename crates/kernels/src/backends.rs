//! Which backends have the kernels; the host ones are in [`crate::host`].

#[cfg(feature = "cuda")]
impl crate::Kernels for burn::backend::Cuda {}

#[cfg(feature = "wgpu")]
impl crate::Kernels for burn::backend::WebGpu {}
