//! Packages on disk. Left out where there is no file system.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use crate::read::check_size;
use crate::{
    CARD_FILE, HASHED_FILES, MANIFEST_FILE, Package, PackageContents, PackageError, SOURCE_TOKENIZER_FILE, Score,
    encode, model_card,
};

impl Package {
    /// Reads and checks the package in a folder.
    ///
    /// Any file but those of a package is an error; names that begin with a dot are left alone, since file
    /// managers and version control put theirs anywhere. Sizes are checked before a file is read.
    ///
    /// # Errors
    /// Those of [`Self::from_files`], and [`PackageError::Io`] where a file cannot be read.
    pub fn read_dir(dir: &Path) -> Result<Self, PackageError> {
        let mut files = BTreeMap::new();
        for name in file_names(dir)? {
            let path = dir.join(&name);
            let failed = |source| PackageError::Io { path: path.clone(), source };
            let file = File::open(&path).map_err(failed)?;
            let size = file.metadata().map_err(failed)?.len();
            check_size(&name, size)?;
            let mut bytes = Vec::with_capacity(size as usize);
            file.take(size + 1).read_to_end(&mut bytes).map_err(failed)?;
            files.insert(name, bytes);
        }
        Self::from_files(files)
    }
}

/// Quantizes and writes a package into `dir`, which is made if need be and may hold an older package.
///
/// Every file is written under a temporary name, flushed to disk and renamed, the manifest last; only then is removed
/// what the older package alone had. So whoever reads while a package is replaced gets an error, as a rule a wrong hash,
/// never a mixture. Returns the package as read back from the bytes written.
///
/// # Errors
/// Before anything is written those of [`encode`], and [`PackageError::UnknownFile`] where the folder holds other files.
/// [`PackageError::Io`] where one cannot be written, and [`PackageError::FileTooLarge`] where no reader would take it.
pub fn write(dir: &Path, contents: &PackageContents<'_>) -> Result<Package, PackageError> {
    let files = encode(contents)?;
    fs::create_dir_all(dir).map_err(|source| PackageError::Io { path: dir.to_owned(), source })?;
    for name in file_names(dir)? {
        check_size(&name, 0)?;
    }
    if let Some(bytes) = files.get(SOURCE_TOKENIZER_FILE) {
        write_file(dir, SOURCE_TOKENIZER_FILE, bytes)?;
    }
    for name in HASHED_FILES.iter().chain(&[CARD_FILE, MANIFEST_FILE]) {
        write_file(dir, name, &files[*name])?;
    }
    if !files.contains_key(SOURCE_TOKENIZER_FILE) {
        remove_older(&dir.join(SOURCE_TOKENIZER_FILE))?;
    }
    Package::from_files(files)
}

/// Puts scores into the manifest of the package in `dir`, in place of older ones of the same test set, metric and
/// beam, and writes the model card anew unless a person has changed it. Returns whether the card was written.
///
/// # Errors
/// Those of [`Package::read_dir`], [`PackageError::Manifest`] where a score is not finite, and [`PackageError::Io`] where a
/// file cannot be written.
pub fn record_scores(dir: &Path, scores: Vec<Score>) -> Result<bool, PackageError> {
    let package = Package::read_dir(dir)?;
    let n_parameters = package.n_parameters();
    let mut manifest = package.manifest;
    let old_card = model_card(&manifest, n_parameters);
    for score in scores {
        let is_same =
            |old: &Score| (&old.test_set, &old.metric, old.beam) == (&score.test_set, &score.metric, score.beam);
        match manifest.scores.iter_mut().find(|old| is_same(old)) {
            Some(old) => *old = score,
            None => manifest.scores.push(score),
        }
    }
    manifest.validate()?;
    write_file(dir, MANIFEST_FILE, &manifest.to_json()?)?;
    let card_path = dir.join(CARD_FILE);
    let is_untouched = match fs::read_to_string(&card_path) {
        Ok(card) => card == old_card,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(source) => return Err(PackageError::Io { path: card_path, source }),
    };
    if is_untouched {
        write_file(dir, CARD_FILE, model_card(&manifest, n_parameters).as_bytes())?;
    }
    Ok(is_untouched)
}

/// Names of the entries of `dir` that do not begin with a dot.
fn file_names(dir: &Path) -> Result<Vec<String>, PackageError> {
    let failed = |source| PackageError::Io { path: dir.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn remove_older(path: &Path) -> Result<(), PackageError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(PackageError::Io { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn write_file(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), PackageError> {
    let temporary = dir.join(format!(".{name}.{}.part", std::process::id()));
    let path = dir.join(name);
    let result = File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, &path));
    result.map_err(|source| {
        // The first fault is the one to report; a left-over begins with a dot and is ignored by readers.
        let _ = fs::remove_file(&temporary);
        PackageError::Io { path, source }
    })
}
