//! `cargo xtask bench browser`: our CPU engine beside Bergamot's, in the same browser, by turns.
//!
//! Both translate the same 200 sentences in one worker, and what is compared is words a second of the renderer's CPU time.
//! Bergamot's weights are random in the shape of its `tiny` model and its output is as long as the real one's; ours are the
//! model that ships, and random weights of its size, held to the length of the reference translations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::command::{cargo, command, root, run, target_dir};
use crate::layout::{Package, lay_out_page};
use crate::page::{self, gzip_bytes};
use crate::steps::Steps;
use crate::tools::{self, Tool};
use crate::wasm;

/// The architecture of the large size, which is that of the model that ships.
const LARGE: &str = "configs/flagship-v1.toml";
/// Columns of its preview, as many as that model has.
const PREVIEW: &str = "64";
/// Target subwords for each source subword, end marks included, in the references of the sentences.
const LENGTH: f64 = 1.18;
/// What Bergamot's page is asked for.
const BERGAMOT: &str = "model=tiny&html=1";
/// Its engine among the files that its setup lays out.
const BERGAMOT_ENGINE: &str = "assets/bergamot-translator-worker.wasm";

/// How to compare.
#[derive(Debug, clap::Args)]
pub struct BrowserBench {
    /// Where Bergamot's scripts are
    #[arg(long, default_value = "../shared/peers", value_name = "DIR")]
    peers: PathBuf,
    /// How often each engine has its turn; the median counts
    #[arg(long, default_value_t = 3, value_name = "N")]
    rounds: usize,
    /// One JSON object on the last line
    #[arg(long)]
    json: bool,
}

/// Words a second of CPU time, and what else is told of an engine.
struct Figures {
    name: &'static str,
    one: f64,
    batch: f64,
    html: f64,
    first_s: f64,
    heap_mb: f64,
}

impl Figures {
    fn json(&self) -> Value {
        let &Self { name, one, batch, html, first_s, heap_mb } = self;
        json!({ "name": name, "one": one, "batch": batch, "html": html, "start_to_first_s": first_s, "heap_mb": heap_mb })
    }

    fn print(&self) {
        let Self { name, one, batch, html, first_s, heap_mb } = self;
        println!("{name:<44} {one:>8.0} {batch:>8.0} {html:>8.0} {first_s:>8.2} {heap_mb:>8.1}");
    }
}

/// One engine's page and what it is asked for.
struct Run {
    name: &'static str,
    page: &'static str,
    query: String,
    read: fn(&'static str, &Value) -> Result<Figures>,
}

impl Run {
    fn own(name: &'static str, page: &'static str, query: &str) -> Self {
        Self { name, page, query: query.to_owned(), read: traduko_figures }
    }

    fn figures(&self, work: &Path, scripts: &Path) -> Result<Figures> {
        let &Self { name, page, ref query, read } = self;
        let query = format!("{query}&reps=3&text=../assets/flores200.en");
        let mut node = command("node");
        node.arg(scripts.join("run.mjs")).args([page, &query]).env("WORK", work);
        let output = node.stdin(Stdio::null()).output().context("starting node")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name}: the page {page} gave no figures\n{said}");
        let reading = || format!("{name}: reading the figures of {page}\n{said}");
        let json = serde_json::from_slice(&output.stdout).with_context(reading)?;
        let figures = read(name, &json)?;
        figures.print();
        Ok(figures)
    }
}

/// Builds all that is compared, runs it, and prints a table.
///
/// # Errors
/// Fails when a tool is missing, a command fails or a page's figures cannot be read.
pub fn browser(options: &BrowserBench) -> Result<()> {
    let work = target_dir().join("peers");
    let scripts = root().join(&options.peers).join("bergamot");
    if !scripts.join("run.mjs").is_file() {
        bail!("{}: Bergamot's scripts are not there; --peers says where they are", scripts.display());
    }
    prepare(&work, &scripts)?;
    let large = |beam: usize| format!("beam={beam}&length={LENGTH}&numbers=any");
    let runs = [
        Run { name: "Bergamot tiny", page: "page.html", query: BERGAMOT.to_owned(), read: bergamot_figures },
        Run::own("large size, greedy, relaxed SIMD", "traduko-large/bench.html", &large(1)),
        Run::own("large size, beam 4, relaxed SIMD", "traduko-large/bench.html", &large(4)),
        Run::own("large size, greedy, plain SIMD", "traduko-large-plain/bench.html", &large(1)),
        Run::own("shipped model, greedy, relaxed SIMD", "traduko-shipped/bench.html", "beam=1"),
        Run::own("shipped model, beam 2, relaxed SIMD", "traduko-shipped/bench.html", "beam=2"),
    ];
    // Round by round, since machines change their pace.
    let mut rounds: Vec<Vec<Figures>> = Vec::new();
    for round in 1..=options.rounds.max(1) {
        println!("\nround {round}");
        print_header();
        rounds.push(runs.iter().map(|run| run.figures(&work, &scripts)).collect::<Result<_>>()?);
    }
    println!("\nmedian of the rounds");
    print_header();
    let medians: Vec<Figures> = (0..runs.len())
        .map(|at| {
            let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(|round| figure(&round[at])).collect());
            Figures {
                name: runs[at].name,
                one: of(|f| f.one),
                batch: of(|f| f.batch),
                html: of(|f| f.html),
                first_s: of(|f| f.first_s),
                heap_mb: of(|f| f.heap_mb),
            }
        })
        .collect();
    medians.iter().for_each(Figures::print);

    let [engine, bergamot] = [root().join("web/wasm/traduko_cpu-relaxed_bg.wasm"), work.join(BERGAMOT_ENGINE)];
    let [engine, bergamot] = [gzip_bytes(&engine)?, gzip_bytes(&bergamot)?];
    let [shipped, large] = [folder_gzip_bytes(&root().join("models/en-fr"))?, folder_gzip_bytes(&untrained_folder())?];
    println!("engine, gzip: {engine} bytes, Bergamot's {bergamot}");
    println!("model, gzip: shipped {shipped} bytes, large size {large}");
    let ratio = |figure: fn(&Figures) -> f64| {
        median(rounds.iter().map(|round| figure(&round[1]) / figure(&round[0])).collect())
    };
    let ratio = json!({ "one": ratio(|f| f.one), "batch": ratio(|f| f.batch), "html": ratio(|f| f.html) });
    println!("ratio of the large size, greedy, to Bergamot, median of the rounds: {ratio}");
    if options.json {
        let bytes = json!({ "engine": engine, "bergamot": bergamot, "shipped_model": shipped, "large_model": large });
        let figures: Vec<Value> = medians.iter().map(Figures::json).collect();
        println!("{}", json!({ "ratio": ratio, "figures": figures, "gzip_bytes": bytes }));
    }
    Ok(())
}

fn prepare(work: &Path, scripts: &Path) -> Result<()> {
    let mut steps = Steps::new();
    tools::prepare(&[page::NEEDS.as_slice(), &[Tool::Browser, Tool::Npm, Tool::Python]].concat(), &mut steps)?;
    steps.run("wasm", wasm::build_cpu)?;
    steps.run("untrained model", untrained)?;
    steps.run("pages", || {
        let (shipped, large) = (root().join("models/en-fr"), untrained_folder());
        stage(&work.join("traduko-shipped"), &["cpu", "cpu-relaxed"], &shipped)?;
        stage(&work.join("traduko-large"), &["cpu", "cpu-relaxed"], &large)?;
        stage(&work.join("traduko-large-plain"), &["cpu"], &large)
    })?;
    if work.join("assets/model.tiny.bin").is_file() {
        return Ok(());
    }
    steps.run("Bergamot", || run(command("bash").arg(scripts.join("setup.sh")).env("WORK", work)))
}

fn print_header() {
    let [what, one, batch, html] = ["words a CPU second", "one", "batch", "html"];
    println!("{what:<44} {one:>8} {batch:>8} {html:>8} {:>8} {:>8}", "first s", "heap MB");
}

fn untrained_folder() -> PathBuf {
    target_dir().join("bench/untrained")
}

/// Random weights of the size of the model that ships, over its subwords.
fn untrained() -> Result<()> {
    run(&mut cargo("build --release --workspace --exclude traduko-web"))?;
    let tokenizer = root().join("models/en-fr/tokenizer.json");
    let mut traduko = command(target_dir().join("release/traduko"));
    traduko.args(["untrained", LARGE, "--tokenizer"]).arg(tokenizer);
    run(traduko.args(["--preview", PREVIEW, "--out"]).arg(untrained_folder()))
}

/// Lays out the bench page with some engines and one model.
fn stage(folder: &Path, engines: &[&'static str], model: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("replacing {}", folder.display()))?;
    }
    let web = root().join("web");
    for part in ["js", "traduko"] {
        copy_folder(&web.join(part), &folder.join(part))?;
    }
    for file in ["bench.html", "style.css"] {
        fs::copy(web.join(file), folder.join(file)).with_context(|| format!("copying web/{file}"))?;
    }
    lay_out_page(folder, engines, vec![Package::open(model)?])
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let copying = || format!("copying {} to {}", from.display(), to.display());
    fs::create_dir_all(to).with_context(copying)?;
    for entry in fs::read_dir(from).with_context(copying)? {
        let path = entry.with_context(copying)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(copying)?;
        }
    }
    Ok(())
}

fn bergamot_figures(name: &'static str, json: &Value) -> Result<Figures> {
    let speed = |what: &str| number(json, &["cpu", what, "wps_cpu_median"]);
    Ok(Figures {
        name,
        one: speed("single")?,
        batch: speed("all")?,
        html: speed("html")?,
        first_s: number(json, &["startup_to_first_ms"])? / 1e3,
        heap_mb: number(json, &["mem_end"])? / 1e6,
    })
}

fn traduko_figures(name: &'static str, json: &Value) -> Result<Figures> {
    let speed = |what: &str| number(json, &[what, "wps_cpu_median"]);
    Ok(Figures {
        name,
        one: speed("single")?,
        batch: speed("all")?,
        html: speed("html")?,
        first_s: number(json, &["start_to_first_s"])?,
        heap_mb: number(json, &["memory_bytes"])? / 1e6,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn number(json: &Value, path: &[&str]) -> Result<f64> {
    let found = path.iter().fold(json, |json, key| &json[key]);
    found.as_f64().with_context(|| format!("the page's figures have no number at {}", path.join(".")))
}

fn folder_gzip_bytes(folder: &Path) -> Result<u64> {
    let reading = || format!("reading {}", folder.display());
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.extension().is_some_and(|extension| extension != "md") {
            bytes += gzip_bytes(&path)?;
        }
    }
    Ok(bytes)
}
