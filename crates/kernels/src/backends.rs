//! Which backends have the kernels; the host ones are in [`crate::host`].

#[cfg(feature = "cuda")]
mod cuda {
    use std::sync::atomic::{AtomicBool, Ordering};

    use burn::{backend::Cuda, tensor::Tensor};

    use crate::{Kernels, precision::bf16_product};

    /// Whether products take bf16 operands. One setting for the process: a program trains one network at a time.
    static IS_BF16: AtomicBool = AtomicBool::new(false);

    impl Kernels for Cuda {
        fn use_bf16() -> bool {
            IS_BF16.store(true, Ordering::Relaxed);
            true
        }

        fn product(lhs: Tensor<Self, 2>, rhs: Tensor<Self, 2>) -> Tensor<Self, 2> {
            if IS_BF16.load(Ordering::Relaxed) { bf16_product(lhs, rhs) } else { lhs.matmul(rhs) }
        }
    }
}

#[cfg(feature = "wgpu")]
impl crate::Kernels for burn::backend::WebGpu {}
