//! Whether CUDA can run here, asked before burn would panic.

/// What CUDA lacks on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// A shared library cannot be opened.
    #[error("{library} cannot be opened ({reason}): {remedy}")]
    Library {
        /// The library's name.
        library: &'static str,
        /// What the loader said.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// NVRTC's headers are not where they are looked for.
    #[error("no CUDA headers under {path}: set CUDA_PATH to the folder of the CUDA toolkit")]
    Headers {
        /// Where they were looked for.
        path: String,
    },
}

/// Opens the driver and the run-time compiler and looks for the compiler's headers.
///
/// # Errors
/// The first that is missing, with what to do about it.
pub fn check() -> Result<(), CudaError> {
    let libraries = [
        (["libcuda.so.1", "nvcuda.dll"], "install the NVIDIA driver"),
        (["libnvrtc.so", "nvrtc64_130_0.dll"], "install the CUDA toolkit's NVRTC and put it on the library path"),
    ];
    for ([unix, windows], remedy) in libraries {
        let library = if cfg!(windows) { windows } else { unix };
        // SAFETY: the driver's and the compiler's own initialisers are what burn would run a moment later.
        if let Err(error) = unsafe { libloading::Library::new(library) } {
            return Err(CudaError::Library { library, reason: error.to_string(), remedy });
        }
    }
    let path = std::env::var("CUDA_PATH").unwrap_or_else(|_| "/usr/local/cuda".to_owned());
    if std::path::Path::new(&path).join("include/cuda.h").exists() { Ok(()) } else { Err(CudaError::Headers { path }) }
}
