//! What a person runs: `cargo xtask setup | serve | test | dist | bench | wasm | layout | screenshot`.
//!
//! Each command first installs what it needs and nothing more, says what it does, and names the command that failed.

mod apt;
mod bench;
mod browser;
mod command;
mod layout;
mod lockfile;
mod npm;
mod page;
mod steps;
mod test;
mod tools;
mod wasm;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::steps::Steps;
use crate::test::TestStep;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, serves and tests Traduko")]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Install what building and testing need
    Setup,
    /// Build the page and serve it
    Serve {
        /// Address to listen on
        #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
        address: IpAddr,
        /// Port to listen on; 0 takes a free one
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Open the page in the default browser
        #[arg(long)]
        open: bool,
    },
    /// Check everything: format, lints, native tests, wasm tests, page tests
    Test {
        /// Run only these steps
        #[arg(long, value_name = "STEP", value_delimiter = ',')]
        only: Vec<TestStep>,
        /// Leave these steps out
        #[arg(long, value_name = "STEP", value_delimiter = ',')]
        skip: Vec<TestStep>,
    },
    /// Build the page into dist/, ready for any static host
    Dist {
        /// Take only these of models/, such as en-fr
        #[arg(long, value_name = "NAME", num_args = 1..)]
        models: Vec<String>,
    },
    /// Measure speed beside others
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Build the wasm variants into web/wasm/ (trunk calls this before it builds the page)
    Wasm,
    /// Lay out the folder traduko/ in the page (trunk calls this after it has built the page)
    Layout,
    /// Write pictures of the page, narrow and wide, light and dark, into target/screenshots/
    Screenshot,
}

#[derive(Subcommand)]
enum Bench {
    /// Words a second of CPU time in the browser, beside Bergamot
    Browser(bench::BrowserBench),
}

fn main() -> Result<()> {
    match Arguments::parse().action {
        Action::Setup => {
            let mut steps = Steps::new();
            tools::prepare_all(&mut steps)
        }
        Action::Serve { address, port, open } => page::serve(SocketAddr::new(address, port), open),
        Action::Test { only, skip } => test::run_steps(&only, &skip),
        Action::Dist { models } => page::dist(&models),
        Action::Bench { what: Bench::Browser(options) } => bench::browser(&options),
        Action::Wasm => wasm::build_all(),
        Action::Layout => layout::lay_out(),
        Action::Screenshot => page::screenshot(),
    }
}
