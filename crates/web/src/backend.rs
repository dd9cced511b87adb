//! The one engine of this build.

#[cfg(all(feature = "cpu", feature = "webgpu"))]
compile_error!("one build holds one engine: use --no-default-features --features cpu, or webgpu");
#[cfg(not(any(feature = "cpu", feature = "webgpu")))]
compile_error!("choose an engine: --no-default-features --features cpu, or webgpu");

#[cfg(feature = "cpu")]
mod active {
    pub type Active = traduko_kernels::backend::NdArray;
    pub const NAME: &str = "cpu";

    pub async fn open() -> burn::tensor::Device<Active> {
        Default::default()
    }
}

#[cfg(feature = "webgpu")]
mod active {
    use std::cell::Cell;

    use burn::backend::wgpu::{RuntimeOptions, graphics, init_setup_async};

    pub type Active = traduko_kernels::backend::WebGpu;
    pub const NAME: &str = "webgpu";

    /// Opens the graphics device, once for the life of the instance.
    ///
    /// Panics without an adapter that has what burn-wgpu needs: the worker looks before it downloads this build.
    pub async fn open() -> burn::tensor::Device<Active> {
        thread_local! {
            static IS_OPEN: Cell<bool> = const { Cell::new(false) };
        }
        let device = Default::default();
        if !IS_OPEN.replace(true) {
            init_setup_async::<graphics::WebGpu>(&device, RuntimeOptions::default()).await;
        }
        device
    }
}

pub use active::{Active, NAME, open};
