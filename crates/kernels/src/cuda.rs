//! Whether CUDA can run here, asked before burn would panic.

use std::path::Path;

use libloading::Library;

/// The driver, and the run-time compiler under names that burn tries: those with 13 only where it was built for CUDA 13, and
/// `nvrtc64_120_0.dll` only for CUDA 12. So a compiler of the other version passes here, and burn panics all the same.
const DRIVER: &[&str] = if cfg!(windows) { &["nvcuda.dll"] } else { &["libcuda.so.1"] };
const COMPILER: &[&str] = if cfg!(windows) {
    &["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"]
} else {
    &["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11"]
};

/// Folders of the toolkit, each after what tells that it is there: burn takes the first.
const TOOLKITS: &[[&str; 2]] = if cfg!(windows) {
    &[["C:/Program Files/NVIDIA GPU Computing Toolkit/CUDA"; 2]]
} else {
    &[["/usr/local/cuda"; 2], ["/opt/cuda"; 2], ["/usr/bin/nvcc", "/usr"]]
};

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
    /// The driver has no GPU for this program.
    #[error(
        "the NVIDIA driver gives no GPU (error {code} of cuInit or cuDeviceGet): see nvidia-smi and CUDA_VISIBLE_DEVICES, \
         and start a container with its GPUs"
    )]
    Device {
        /// The driver's number for the error.
        code: i32,
    },
    /// NVRTC's headers are not where they are looked for.
    #[error("no CUDA headers under {path}: set CUDA_PATH to the folder of the CUDA toolkit")]
    Headers {
        /// Where they were looked for.
        path: String,
    },
}

/// Opens the driver and the run-time compiler, asks for the first GPU and looks for the compiler's headers.
///
/// # Errors
/// The first that is missing, with what to do about it.
pub fn check() -> Result<(), CudaError> {
    let driver = open(DRIVER, "install the NVIDIA driver")?;
    open(COMPILER, "install the CUDA toolkit's NVRTC and put it on the library path")?;
    let code = first_device(&driver).map_err(|error| CudaError::Library {
        library: DRIVER[0],
        reason: error.to_string(),
        remedy: "install a newer NVIDIA driver",
    })?;
    // What was initialised stays loaded: burn needs it a moment later.
    std::mem::forget(driver);
    if code != 0 {
        return Err(CudaError::Device { code });
    }
    let path = std::env::var("CUDA_PATH").unwrap_or_else(|_| {
        let found = TOOLKITS.iter().find(|[sign, _]| Path::new(sign).exists());
        found.unwrap_or(&TOOLKITS[0])[1].to_owned()
    });
    if Path::new(&path).join("include/cuda.h").exists() { Ok(()) } else { Err(CudaError::Headers { path }) }
}

/// The first library of these `names` that can be opened; where there is none, why the first cannot.
fn open(names: &[&'static str], remedy: &'static str) -> Result<Library, CudaError> {
    let open = |library: &'static str| {
        // SAFETY: the driver's and the compiler's own initialisers are what burn would run a moment later.
        unsafe { Library::new(library) }.map_err(|error| CudaError::Library {
            library,
            reason: error.to_string(),
            remedy,
        })
    };
    names[1..].iter().fold(open(names[0]), |found, &name| found.or_else(|first| open(name).map_err(|_| first)))
}

/// Has the driver initialise itself and name its first GPU; gives its error, 0 where there is none.
fn first_device(driver: &Library) -> Result<i32, libloading::Error> {
    let mut device = 0i32;
    // SAFETY: as the driver's header declares them; burn would call both a moment later.
    unsafe {
        let init = driver.get::<unsafe extern "C" fn(u32) -> i32>(b"cuInit\0")?;
        let get = driver.get::<unsafe extern "C" fn(*mut i32, i32) -> i32>(b"cuDeviceGet\0")?;
        Ok(match init(0) {
            0 => get(&mut device, 0),
            code => code,
        })
    }
}
