//! `cargo xtask test`: every check there is, the cheap ones first.

use anyhow::Result;
use clap::ValueEnum;

use crate::browser::driver_path;
use crate::command::{cargo, command, run};
use crate::layout;
use crate::npm;
use crate::page;
use crate::steps::Steps;
use crate::tools::{self, Tool, WASM_TARGET};
use crate::wasm::{VARIANTS, Variant};

/// One check, in the order they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TestStep {
    /// rustfmt changes nothing
    Format,
    /// Lints of the native crates, the trainer with its CUDA backend among them
    Clippy,
    /// Types of the page's modules
    Types,
    /// Unit, property and command-line tests
    NativeTests,
    /// Lints of the wasm crate, for every engine
    ClippyWasm,
    /// Tests of the wasm crate in a browser, for every engine
    WasmTests,
    /// The page, built by trunk
    Page,
    /// The built page in a browser
    PageTests,
}

impl TestStep {
    fn needs(self) -> &'static [Tool] {
        match self {
            Self::Format | Self::Clippy => &[Tool::Lints],
            Self::Types => &[Tool::Npm],
            Self::NativeTests => &[],
            Self::ClippyWasm => &[Tool::Lints, Tool::WasmTarget],
            Self::WasmTests => &[Tool::WasmTarget, Tool::WasmBindgen, Tool::WasmPack, Tool::Browser],
            Self::Page => &page::NEEDS,
            Self::PageTests => &[Tool::Browser, Tool::Firefox, Tool::Geckodriver, Tool::Npm, Tool::Python],
        }
    }

    fn check(self, steps: &mut Steps) -> Result<()> {
        match self {
            Self::Format => steps.run("format", || run(&mut cargo("fmt --all --check"))),
            // With CUDA, so that it is known to compile; the tests compile the trainer without.
            Self::Clippy => steps.run("clippy", || {
                native("clippy", "--all-targets --features traduko-train/cuda,traduko-tests/browser -- -D warnings")
            }),
            Self::Types => steps.run("types", npm::check_types),
            Self::NativeTests => steps.run("native tests", || native("test", "")),
            Self::ClippyWasm => VARIANTS
                .into_iter()
                .try_for_each(|variant| steps.run(&format!("clippy wasm {}", variant.name), || lint_wasm(variant))),
            Self::WasmTests => VARIANTS
                .into_iter()
                .try_for_each(|variant| steps.run(&format!("wasm tests {}", variant.name), || test_wasm(variant))),
            Self::Page => steps.run("page", page::build),
            Self::PageTests => {
                steps.run("npm", npm::prepare_page_tests)?;
                // One browser at a time: two would share the cores and only wait for each other.
                steps.run("page tests", || {
                    // One of them trains and exports.
                    native("build", "--bin traduko")?;
                    native("test", "--features traduko-tests/browser --test page -- --test-threads 1")
                })
            }
        }
    }
}

/// Runs the checks named in `only` (all, if none), less those in `skip`, and stops at the first that fails.
///
/// # Errors
/// Fails with the step and the command that failed.
pub fn run_steps(only: &[TestStep], skip: &[TestStep]) -> Result<()> {
    let chosen = |step: &TestStep| (only.is_empty() || only.contains(step)) && !skip.contains(step);
    let chosen: Vec<_> = TestStep::value_variants().iter().copied().filter(chosen).collect();
    if chosen.contains(&TestStep::Page) {
        // Before an hour of other steps.
        layout::models(&layout::asked())?;
    }
    let needs: Vec<_> = chosen.iter().flat_map(|step| step.needs().iter().copied()).collect();
    let mut steps = Steps::new();
    tools::prepare(&needs, &mut steps)?;
    chosen.into_iter().try_for_each(|step| step.check(&mut steps))
}

/// A cargo command for all native crates at once: chosen one by one, they would compile the crates they share again, with
/// other features.
fn native(subcommand: &str, options: &str) -> Result<()> {
    let workspace = "--release --workspace --exclude traduko-web";
    run(&mut cargo(&format!("{subcommand} {workspace} {options}")))
}

fn lint_wasm(variant: Variant) -> Result<()> {
    let options = variant.cargo_options();
    let clippy = format!("clippy --package traduko-web --target {WASM_TARGET} --all-targets {options} -- -D warnings");
    let mut clippy = cargo(&clippy);
    variant.set_up(&mut clippy);
    run(&mut clippy)
}

fn test_wasm(variant: Variant) -> Result<()> {
    let mut wasm_pack = command("wasm-pack");
    wasm_pack.args(["test", "--headless", "--chrome", "--mode", "no-install", "--chromedriver"]).arg(driver_path()?);
    // wasm-pack goes into the crate's folder, reads `webdriver.json` there, and hands the rest to cargo.
    wasm_pack.arg("crates/web").args(variant.cargo_options().split_whitespace());
    variant.set_up(&mut wasm_pack);
    // Translating on a software GPU takes its time; the runner's own limit is 20 seconds for a whole file of tests.
    wasm_pack.env("WASM_BINDGEN_TEST_TIMEOUT", "600");
    run(&mut wasm_pack)
}
