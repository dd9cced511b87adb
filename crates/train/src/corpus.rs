//! Reading parallel text: tab-separated files and Moses pairs, plain, gzip or zstd.
//!
//! How a file is compressed is told from its first bytes, never from its name. Every error names the file and
//! the line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// One sentence and its translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Where it comes from: the first of three columns, or else the file's name.
    pub tag: String,
    /// The sentence.
    pub source: String,
    /// Its translation.
    pub target: String,
}

/// Opens a plain, gzip or zstd file for reading line by line.
///
/// # Errors
/// When the file cannot be opened or read.
pub fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    let context = || format!("opening {}", path.display());
    let mut file = File::open(path).with_context(context)?;
    let mut magic = [0; 4];
    let mut filled = 0;
    while filled < magic.len() {
        match file.read(&mut magic[filled..]).with_context(context)? {
            0 => break,
            n => filled += n,
        }
    }
    let whole = io::Cursor::new(magic[..filled].to_vec()).chain(file);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(whole))),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(BufReader::new(zstd::Decoder::new(whole).with_context(context)?)),
        _ => Box::new(BufReader::with_capacity(1 << 16, whole)),
    })
}

/// The lines of a text file, without their ends, each with its number from 1.
pub(crate) struct Lines {
    reader: Box<dyn BufRead>,
    path: PathBuf,
    number: usize,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { reader: open(path)?, path: path.to_owned(), number: 0 })
    }

    /// The next line, if there is one.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<String>> {
        let mut bytes = Vec::new();
        self.number += 1;
        let place = || format!("{}:{}", self.path.display(), self.number);
        if self.reader.read_until(b'\n', &mut bytes).with_context(place)? == 0 {
            return Ok(None);
        }
        if bytes.ends_with(b"\n") {
            bytes.pop();
        }
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
        let line = String::from_utf8(bytes)
            .ok()
            .with_context(|| format!("{}: not UTF-8 (convert the file first)", place()))?;
        Ok(Some(line))
    }
}

pub(crate) fn tag_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Hands every pair of a tab-separated file to `take`, columns `source, target` or `tag, source, target`.
///
/// # Errors
/// When the file cannot be read, is not UTF-8, or a line has another number of columns.
pub fn read_tsv(path: &Path, mut take: impl FnMut(Pair)) -> anyhow::Result<()> {
    let mut lines = Lines::open(path)?;
    let file_tag = tag_of(path);
    while let Some(line) = lines.next()? {
        let columns: Vec<&str> = line.split('\t').collect();
        let (tag, source, target) = match columns[..] {
            [source, target] => (file_tag.as_str(), source, target),
            [tag, source, target] => (tag, source, target),
            _ => bail!(
                "{}:{}: found {} columns (wanted source and target, or tag, source and target, tab-separated)",
                path.display(),
                lines.number,
                columns.len()
            ),
        };
        take(Pair { tag: tag.to_owned(), source: source.to_owned(), target: target.to_owned() });
    }
    Ok(())
}

/// Hands every pair of two files that correspond line by line to `take`.
///
/// # Errors
/// When a file cannot be read, is not UTF-8, or one is longer than the other.
pub fn read_moses(source: &Path, target: &Path, mut take: impl FnMut(Pair)) -> anyhow::Result<()> {
    let (mut sources, mut targets) = (Lines::open(source)?, Lines::open(target)?);
    let tag = tag_of(source);
    loop {
        match (sources.next()?, targets.next()?) {
            (Some(source), Some(target)) => take(Pair { tag: tag.clone(), source, target }),
            (None, None) => return Ok(()),
            (longer, _) => {
                let (longer, shorter) = if longer.is_some() { (source, target) } else { (target, source) };
                bail!(
                    "{}:{}: no such line, but {} goes on (wanted as many lines in both)",
                    shorter.display(),
                    sources.number,
                    longer.display()
                );
            }
        }
    }
}

/// All lines of a file; plain, gzip or zstd.
///
/// # Errors
/// When the file cannot be read or is not UTF-8.
pub fn read_lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let (mut lines, mut reader) = (Vec::new(), Lines::open(path)?);
    while let Some(line) = reader.next()? {
        lines.push(line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pairs_of(bytes: &[u8]) -> anyhow::Result<Vec<Pair>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("web.part1.tsv");
        std::fs::write(&path, bytes)?;
        let mut pairs = Vec::new();
        read_tsv(&path, |pair| pairs.push(pair))?;
        Ok(pairs)
    }

    #[test]
    fn compression_is_told_from_the_content() {
        let text = b"one\tun\r\nnum\ttwo\tdeux\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        let files = [text.to_vec(), gzip.finish().unwrap(), zstd::encode_all(&text[..], 1).unwrap()];
        for file in files {
            let pairs = pairs_of(&file).unwrap();
            let seen: Vec<_> = pairs.iter().map(|p| (p.tag.as_str(), p.source.as_str(), p.target.as_str())).collect();
            assert_eq!(seen, [("web", "one", "un"), ("num", "two", "deux")]);
        }
        assert!(pairs_of(b"").unwrap().is_empty());
    }

    #[test]
    fn errors_name_file_and_line() {
        let error = pairs_of(b"one\tun\ntwo\n").unwrap_err().to_string();
        assert!(error.contains("web.part1.tsv:2: found 1 columns"), "{error}");
        let error = pairs_of(b"one\t\xff\n").unwrap_err().to_string();
        assert!(error.contains("web.part1.tsv:1: not UTF-8"), "{error}");
        let cut = zstd::encode_all(&b"one\tun\n"[..], 1).unwrap();
        let error = format!("{:#}", pairs_of(&cut[..cut.len() - 3]).unwrap_err());
        assert!(error.contains("web.part1.tsv:1"), "{error}");
    }

    #[test]
    fn moses_files_must_be_equally_long() {
        let folder = tempfile::tempdir().unwrap();
        let (en, fr) = (folder.path().join("a.en"), folder.path().join("a.fr"));
        std::fs::write(&en, "one\ntwo\n").unwrap();
        std::fs::write(&fr, "un\ndeux").unwrap();
        let mut pairs = Vec::new();
        read_moses(&en, &fr, |pair| pairs.push(pair.target)).unwrap();
        assert_eq!(pairs, ["un", "deux"]);
        std::fs::write(&fr, "un\n").unwrap();
        let error = read_moses(&en, &fr, |_| ()).unwrap_err().to_string();
        assert!(error.contains("a.fr:2: no such line"), "{error}");
    }
}
