//! Lays out `traduko/`, the one folder that a site owner copies, inside the page that trunk has built.
//!
//! `traduko.js` keeps its name; everything it loads lies in a folder named for its content, so that a visitor never gets
//! files of two versions. Engines and models are gzipped, because few static hosts compress what they do not know, and
//! their sizes and SHA-256 are written into the script.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::command::root;
use crate::wasm::VARIANTS;

/// The line of `catalog.js` that the lists replace.
const EMPTY_CATALOG: &str = r#"export const CATALOG = { version: "", scripts: [], engines: {}, models: [] };"#;
/// What keeps its name beside the folder of the version.
const STABLE: [&str; 3] = ["traduko-sw.js", "index.d.ts", "README.md"];
/// How many hexadecimal digits of a hash name a folder.
const HASH_DIGITS: usize = 10;
/// The variable that tells which of `models/` to take, by name, with commas; none or nothing is all.
pub const MODELS: &str = "TRADUKO_MODELS";

#[derive(Serialize)]
struct FileEntry {
    name: String,
    bytes: usize,
    sha256: String,
    gzip_bytes: usize,
}

#[derive(Serialize)]
struct Engine {
    folder: String,
    files: Vec<FileEntry>,
}

#[derive(Serialize)]
struct Model {
    source: String,
    target: String,
    folder: String,
    files: Vec<FileEntry>,
}

#[derive(Serialize)]
struct Catalog {
    version: String,
    scripts: Vec<String>,
    engines: BTreeMap<&'static str, Engine>,
    models: Vec<Model>,
}

/// Lays out the folder in the page that trunk is about to finish: called by trunk, which names the place.
///
/// # Errors
/// Fails when a file of the page or an engine is missing, and where [`models`] does.
pub fn lay_out() -> Result<()> {
    let staging = env::var_os("TRUNK_STAGING_DIR").context("TRUNK_STAGING_DIR is not set: `trunk build` calls this")?;
    lay_out_page(Path::new(&staging), &VARIANTS.map(|variant| variant.name), models(&asked())?)
}

/// The models that the environment names; none for all.
pub fn asked() -> Vec<String> {
    let asked = env::var(MODELS).unwrap_or_default();
    asked.split_terminator(',').map(str::to_owned).collect()
}

/// Lays out the folder in the page at `page`, with some engines and some models.
///
/// # Errors
/// Fails when a file of the page or an engine is missing.
pub fn lay_out_page(page: &Path, engines: &[&'static str], models: Vec<Package>) -> Result<()> {
    let folder = page.join("traduko");
    let mut scripts = take_scripts(&folder)?;
    let mut wasm = Vec::new();
    for &name in engines {
        let glue = read(&root().join(format!("web/wasm/traduko_{name}.js")))?;
        scripts.insert(format!("traduko_{name}.js"), glue);
        let file = format!("traduko_{name}_bg.wasm");
        wasm.push((name, file.clone(), read(&root().join("web/wasm").join(file))?));
    }

    let version = version(&scripts, &wasm, &models);
    let inside = folder.join(&version);
    fs::create_dir_all(&inside).with_context(|| format!("creating {}", inside.display()))?;
    let mut engines = BTreeMap::new();
    for (name, file, bytes) in wasm {
        let files = vec![write_gzip(&inside, &file, &bytes)?];
        engines.insert(name, Engine { folder: format!("{version}/"), files });
    }
    let models = models.into_iter().map(|model| model.write(&folder)).collect::<Result<Vec<_>>>()?;
    let names = scripts.keys().map(|name| format!("{version}/{name}"));
    let catalog = Catalog { version: version.clone(), scripts: names.collect(), engines, models };
    let source = String::from_utf8(scripts.remove("catalog.js").context("web/traduko/catalog.js is missing")?)?;
    if !source.contains(EMPTY_CATALOG) {
        bail!("web/traduko/catalog.js: the line of the empty catalog is not there (wanted {EMPTY_CATALOG})");
    }
    let line = format!("export const CATALOG = {};", serde_json::to_string(&catalog)?);
    scripts.insert("catalog.js".to_owned(), source.replace(EMPTY_CATALOG, &line).into_bytes());
    for (name, bytes) in &scripts {
        write(&inside.join(name), bytes)?;
    }
    let entry = format!(
        "// Traduko {version}: this name stays, what it loads is named for its content.\nexport * from \"./{version}/traduko.js\";\n"
    );
    write(&folder.join("traduko.js"), entry.as_bytes())?;
    write(&folder.join("package.json"), package(&version)?.as_bytes())?;
    println!("{}: version {version}", folder.display());
    Ok(())
}

/// The modules that trunk copied, taken out of the folder but for those that keep their names.
fn take_scripts(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut scripts = BTreeMap::new();
    let reading = || format!("reading {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !STABLE.contains(&name.as_str()) {
            scripts.insert(name, read(&path)?);
            fs::remove_file(&path).with_context(|| format!("moving {}", path.display()))?;
        }
    }
    Ok(scripts)
}

/// A model, ready to be laid out.
pub struct Package {
    /// Where it was read.
    folder: PathBuf,
    source: String,
    target: String,
    files: Vec<(String, Vec<u8>)>,
}

impl Package {
    /// Reads a package.
    ///
    /// # Errors
    /// A file that is missing, a manifest that is none.
    pub fn open(folder: &Path) -> Result<Self> {
        let manifest = read(&folder.join("manifest.json"))?;
        let json: Value = serde_json::from_slice(&manifest)
            .with_context(|| format!("reading {}", folder.join("manifest.json").display()))?;
        let text = |key: &str| {
            let found = json[key].as_str().map(str::to_owned);
            found.with_context(|| format!("{}/manifest.json: {key}: expected a string", folder.display()))
        };
        let (source, target) = (text("source_language")?, text("target_language")?);
        let names = json["files"].as_array().into_iter().flatten().filter_map(|file| file["name"].as_str());
        let files = names.map(|name| Ok((name.to_owned(), read(&folder.join(name))?))).collect::<Result<Vec<_>>>()?;
        let files = [("manifest.json".to_owned(), manifest)].into_iter().chain(files).collect();
        Ok(Self { folder: folder.to_owned(), source, target, files })
    }

    /// Writes the files under a folder named for the manifest, which names all others by their hashes.
    fn write(self, folder: &Path) -> Result<Model> {
        let Self { source, target, files, .. } = self;
        let hash = files.first().map(|(_, manifest)| hex(Sha256::digest(manifest))).unwrap_or_default();
        let name = format!("models/{source}-{target}-{}/", &hash[..HASH_DIGITS.min(hash.len())]);
        let inside = folder.join(&name);
        fs::create_dir_all(&inside).with_context(|| format!("creating {}", inside.display()))?;
        let files = files.iter().map(|(file, bytes)| write_gzip(&inside, file, bytes)).collect::<Result<_>>()?;
        Ok(Model { source, target, folder: name, files })
    }
}

/// The models that are asked for, or all where none is.
///
/// # Errors
/// Names the one that is not there, and those that are; two for one pair of languages; a file that cannot be read.
pub fn models(asked: &[String]) -> Result<Vec<Package>> {
    let models = folders(asked)?.iter().map(|folder| Package::open(folder)).collect::<Result<Vec<_>>>()?;
    check_pairs(&models)?;
    Ok(models)
}

/// A page takes the first model of a pair of languages, and would carry another for nothing.
fn check_pairs(models: &[Package]) -> Result<()> {
    for (at, model) in models.iter().enumerate() {
        let Package { folder, source, target, .. } = model;
        if let Some(other) = models[..at].iter().find(|other| (&other.source, &other.target) == (source, target)) {
            bail!(
                "{} and {} both translate {source} to {target} (wanted one: choose with `cargo xtask dist --models \
                 NAME..`, or for serve and test with {MODELS}=NAME,..)",
                other.folder.display(),
                folder.display()
            );
        }
    }
    Ok(())
}

fn folders(asked: &[String]) -> Result<Vec<PathBuf>> {
    let folder = root().join("models");
    let reading = || format!("reading {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        if entry.path().join("manifest.json").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    if let Some(missing) = asked.iter().find(|name| !names.contains(name)) {
        bail!("no model {missing} in {} (there are {})", folder.display(), names.join(", "));
    }
    names.retain(|name| asked.is_empty() || asked.contains(name));
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// The workspace's version and a hash of everything that it loads.
fn version(scripts: &BTreeMap<String, Vec<u8>>, wasm: &[(&str, String, Vec<u8>)], models: &[Package]) -> String {
    let mut hash = Sha256::new();
    let mut add = |name: &str, bytes: &[u8]| {
        hash.update(name);
        hash.update(Sha256::digest(bytes));
    };
    scripts.iter().for_each(|(name, bytes)| add(name, bytes));
    wasm.iter().for_each(|(_, name, bytes)| add(name, bytes));
    models.iter().flat_map(|model| &model.files).for_each(|(name, bytes)| add(name, bytes));
    let hash = hex(hash.finalize());
    format!("{}-{}", env!("CARGO_PKG_VERSION"), &hash[..HASH_DIGITS])
}

/// `package.json` of the folder, so that it is an npm package as it lies there.
fn package(version: &str) -> Result<String> {
    let json = serde_json::json!({
        "name": "traduko",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Translates static websites inside the visitor's browser",
        "license": "MIT OR Apache-2.0",
        "type": "module",
        "main": "./traduko.js",
        "types": "./index.d.ts",
        "exports": { ".": { "types": "./index.d.ts", "default": "./traduko.js" }, "./*": "./*" },
        "files": ["traduko.js", "index.d.ts", "traduko-sw.js", "README.md", version, "models"],
        "sideEffects": ["./traduko.js", format!("./{version}/traduko.js")],
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&json)?))
}

fn write_gzip(folder: &Path, name: &str, bytes: &[u8]) -> Result<FileEntry> {
    let path = folder.join(format!("{name}.gz"));
    let writing = || format!("writing {}", path.display());
    let mut encoder = GzEncoder::new(File::create(&path).with_context(writing)?, Compression::best());
    encoder.write_all(bytes).with_context(writing)?;
    let file = encoder.finish().with_context(writing)?;
    let gzip_bytes = usize::try_from(file.metadata().with_context(writing)?.len())?;
    Ok(FileEntry { name: name.to_owned(), bytes: bytes.len(), sha256: hex(Sha256::digest(bytes)), gzip_bytes })
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_models_or_all() {
        let all = folders(&[]).unwrap();
        assert!(all.contains(&root().join("models/en-fr")), "{all:?}");
        assert_eq!(folders(&["en-fr".to_owned()]).unwrap(), [root().join("models/en-fr")]);
        let error = folders(&["en-xx".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("no model en-xx in ") && error.contains("(there are en-fr"), "{error}");
    }

    #[test]
    fn one_model_for_each_pair_of_languages() {
        let open = |name: &str| Package::open(&root().join("models").join(name)).unwrap();
        let mut models = vec![open("en-fr"), open("fr-en")];
        check_pairs(&models).unwrap();
        models.push(Package { folder: "models/mine".into(), ..open("en-fr") });
        let error = check_pairs(&models).unwrap_err().to_string();
        assert!(error.contains("models/en-fr and models/mine both translate en to fr"), "{error}");
    }
}
