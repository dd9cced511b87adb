//! Where to compute: the one place that turns a flag into a backend.

use anyhow::bail;
use burn::{
    backend::{Autodiff, Flex},
    tensor::backend::AutodiffBackend,
};
use clap::ValueEnum;
use traduko_kernels::Kernels;

/// The backend of native translation.
pub type Cpu = Flex;

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// All cores of this machine
    Cpu,
    /// The first NVIDIA GPU; needs a build with `--features cuda`
    Cuda,
}

/// Work that runs on a backend chosen at run time.
pub trait WithBackend {
    /// What the work gives.
    type Output;

    /// Does the work on `B`.
    fn call<B: AutodiffBackend + Kernels>(self, device: &B::Device) -> Self::Output
    where
        B::InnerBackend: Kernels;
}

impl Device {
    /// Runs `work` on the autodiff backend of this device.
    ///
    /// # Errors
    /// What the work gives, or what is missing on this machine.
    pub fn with_training<W: WithBackend<Output = anyhow::Result<()>>>(self, work: W) -> anyhow::Result<()> {
        match self {
            Self::Cpu => work.call::<Autodiff<Cpu>>(&Default::default()),
            Self::Cuda => with_cuda(work),
        }
    }
}

#[cfg(feature = "cuda")]
fn with_cuda<W: WithBackend<Output = anyhow::Result<()>>>(work: W) -> anyhow::Result<()> {
    if let Err(missing) = traduko_kernels::cuda::check() {
        bail!("--device cuda: {missing}; or train with --device cpu");
    }
    work.call::<Autodiff<burn::backend::Cuda>>(&Default::default())
}

#[cfg(not(feature = "cuda"))]
fn with_cuda<W: WithBackend<Output = anyhow::Result<()>>>(_: W) -> anyhow::Result<()> {
    bail!("--device cuda: this program was built without it; build with `cargo build --release --features cuda`")
}
