//! The wasm variants of `crates/web`, one per engine, each under its own name in `web/wasm/`.
//!
//! Each variant has a target folder of its own: cargo names a cdylib's file by its crate alone, so that variants that
//! share a folder take turns in one file and are linked anew at every build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::command::{cargo, command, root, run, target_dir};
use crate::tools::WASM_TARGET;

/// A build of `crates/web`.
#[derive(Clone, Copy)]
pub struct Variant {
    /// What its files are named for.
    pub name: &'static str,
    /// The feature that chooses its engine.
    feature: &'static str,
    /// Target features beyond those of .cargo/config.toml.
    needs: Option<&'static str>,
}

/// The variants a page chooses from.
pub const VARIANTS: [Variant; 3] = [
    Variant { name: "cpu", feature: "cpu", needs: None },
    Variant { name: "cpu-relaxed", feature: "cpu", needs: Some("+simd128,+relaxed-simd") },
    Variant { name: "webgpu", feature: "webgpu", needs: None },
];

impl Variant {
    /// Sets up a command that builds this variant: a target folder of its own, and its target features.
    pub fn set_up(self, command: &mut Command) {
        // Flags from the environment would take the place of those in .cargo/config.toml.
        command
            .env("CARGO_TARGET_DIR", self.target_dir())
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTFLAGS");
        if let Some(features) = self.needs {
            command.env("RUSTFLAGS", format!("-C target-feature={features}"));
        }
    }

    fn target_dir(self) -> PathBuf {
        target_dir().join(format!("wasm-{}", self.name))
    }

    /// What every cargo command for this variant ends in. The profile `wasm` is in the workspace's Cargo.toml.
    pub fn cargo_options(self) -> String {
        format!("--profile wasm --no-default-features --features {}", self.feature)
    }

    fn build(self) -> Result<()> {
        let options = self.cargo_options();
        let build = format!("build --package traduko-web --target {WASM_TARGET} {options}");
        let mut build = cargo(&build);
        self.set_up(&mut build);
        run(&mut build)?;

        let module = self.target_dir().join(WASM_TARGET).join("wasm/traduko_web.wasm");
        let folder = root().join("web/wasm");
        let bound = folder.join(format!("traduko_{}_bg.wasm", self.name));
        if is_newer(&bound, &module) {
            println!("{}: up to date", bound.display());
            return Ok(());
        }
        let mut bindgen = command("wasm-bindgen");
        bindgen.args(["--target", "web", "--out-name", &format!("traduko_{}", self.name), "--out-dir"]);
        run(bindgen.arg(&folder).arg(&module))?;
        let size = fs::metadata(&bound).with_context(|| format!("reading {}", bound.display()))?.len();
        println!("{}: {size} bytes", bound.display());
        Ok(())
    }
}

/// Builds every variant. Those that are up to date stay untouched, so that a watching trunk does not start again.
///
/// # Errors
/// Fails with the command that failed.
pub fn build_all() -> Result<()> {
    VARIANTS.into_iter().try_for_each(Variant::build)
}

/// Builds the variants that run on the CPU, as [`build_all`] does.
///
/// # Errors
/// Fails with the command that failed.
pub fn build_cpu() -> Result<()> {
    VARIANTS.into_iter().filter(|variant| variant.feature == "cpu").try_for_each(Variant::build)
}

fn is_newer(output: &Path, input: &Path) -> bool {
    let modified = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    modified(output).zip(modified(input)).is_some_and(|(output, input)| output >= input)
}
