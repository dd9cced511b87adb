//! What stays as it is in every language: addresses, file names, placeholders, identifiers, emoji.
//!
//! A network garbles what it has never seen. Whoever translates takes these stretches out first and puts them back in.

use std::ops::Range;

use linkify::{LinkFinder, LinkKind};
use unicode_segmentation::UnicodeSegmentation;

/// Endings of file names that prose does not end a word in.
const FILE_ENDINGS: [&str; 64] = [
    "bash", "bat", "bin", "bmp", "bz2", "cfg", "conf", "cpp", "crt", "css", "csv", "deb", "dll", "doc", "docx", "env",
    "exe", "flac", "gif", "gz", "hpp", "htm", "html", "ico", "ini", "ipynb", "iso", "jar", "java", "jpeg", "jpg", "js",
    "json", "jsx", "lock", "log", "md", "mp3", "mp4", "odt", "pdf", "php", "png", "ppt", "pptx", "py", "rpm", "rs",
    "scss", "sh", "sql", "svg", "tar", "tex", "toml", "ts", "tsx", "txt", "wasm", "xls", "xlsx", "xml", "yaml", "yml",
];

/// Byte ranges of `text` that no translation changes, in order and without overlap.
///
/// - URLs, `www.` addresses and e-mail addresses.
/// - Placeholders: `%s`, `%1$d`, `%(name)s`, `{name}`, `{{ name }}`, `${name}`.
/// - Paths, file names and identifiers: `/etc/passwd`, `config.toml`, `snake_case`, `std::vec`, `main()`.
/// - Code between backquotes.
/// - Emoji.
pub fn kept_ranges(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    found.extend(links(text));
    found.extend(braces(text));
    found.extend(percents(text));
    found.extend(emoji(text));
    found.extend(quoted_code(text));
    for (start, token) in tokens(text) {
        if is_identifier(token) {
            found.push(start..start + token.len());
        }
    }
    found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    let mut kept: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match kept.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => kept.push(range),
        }
    }
    kept
}

fn links(text: &str) -> Vec<Range<usize>> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url, LinkKind::Email]);
    finder.links(text).map(|link| link.start()..link.end()).collect()
}

/// `{name}`, `{{ name }}`, `${name}`: braces around one word at most, on one line.
fn braces(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(open) = text[rest..].find('{').map(|at| rest + at) {
        let depth = if text[open..].starts_with("{{") { 2 } else { 1 };
        let close = &"}}"[..depth];
        let inside = open + depth;
        rest = inside;
        let Some(end) = text[inside..].find(close).map(|at| inside + at) else { continue };
        let name = text[inside..end].trim_matches(' ');
        if !name.contains(|c: char| c.is_whitespace() || c == '{') && name.len() <= 64 {
            let start = if text[..open].ends_with('$') { open - 1 } else { open };
            found.push(start..end + depth);
            rest = end + depth;
        }
    }
    found
}

/// `%s`, `%05.2f`, `%1$s`, `%(name)s`, as printf and Python write them.
fn percents(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices('%') {
        // "50% des" is a share, "%d" is not.
        if text[..start].ends_with(|c: char| c.is_alphanumeric()) {
            continue;
        }
        let mut rest = &text[start + 1..];
        if let Some(named) = rest.strip_prefix('(') {
            let Some(end) = named.find(')').filter(|&end| !named[..end].contains(' ')) else { continue };
            rest = &named[end + 1..];
        }
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || ".$-+#l*".contains(c));
        let conversion = rest.chars().next().filter(|c| "sdiufxXeEgGcp@".contains(*c));
        let is_alone = !rest.chars().nth(1).is_some_and(char::is_alphanumeric);
        if let Some(conversion) = conversion.filter(|_| is_alone) {
            found.push(start..text.len() - rest.len() + conversion.len_utf8());
        }
    }
    found
}

/// Pairs of backquotes close around something on one line.
fn quoted_code(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut quotes = text.match_indices('`').map(|(at, _)| at).peekable();
    while let Some(open) = quotes.next() {
        let Some(&close) = quotes.peek() else { break };
        let code = &text[open + 1..close];
        if !code.is_empty() && code.trim() == code && !code.contains('\n') {
            found.push(open..close + 1);
            quotes.next();
        }
    }
    found
}

fn emoji(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, cluster) in text.grapheme_indices(true) {
        if !cluster.chars().any(is_pictograph) {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.end == start => last.end += cluster.len(),
            _ => found.push(start..start + cluster.len()),
        }
    }
    found
}

/// The blocks of pictures, dingbats and flags, the clocks, players' keys and squares outside them that are pictures too, and
/// the sign that asks for the picture of a character.
fn is_pictograph(character: char) -> bool {
    matches!(character, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{fe0f}' | '\u{20e3}'
        | '\u{231a}'..='\u{231b}' | '\u{23e9}'..='\u{23f3}' | '\u{25fd}'..='\u{25fe}')
}

/// What white space separates, without the punctuation of the sentence around it.
fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_opening = |c: char| "([`\"'\u{ab}\u{201c}\u{2018}".contains(c) || is_pictograph(c);
    let is_closing = |c: char| "`.,;:!?]\"'\u{bb}\u{201d}\u{2019}".contains(c) || is_pictograph(c);
    text.split_whitespace().map(move |token| {
        let inner = token.trim_start_matches(is_opening);
        let start = inner.as_ptr() as usize - text.as_ptr() as usize;
        let inner = inner.trim_end_matches(is_closing);
        // A closing bracket is the sentence's unless it was opened inside.
        (start, if inner.contains('(') { inner } else { inner.trim_end_matches(')').trim_end_matches(is_closing) })
    })
}

fn is_identifier(token: &str) -> bool {
    token.contains(|c: char| c.is_ascii_alphabetic())
        && (is_path(token)
            || is_file_name(token)
            || token.starts_with("www.")
            || token.contains("::")
            || token.ends_with("()")
            || token.trim_matches('_').contains('_'))
}

fn is_path(token: &str) -> bool {
    let is_relative = ["./", "../", "~/"].iter().any(|root| token.starts_with(root));
    // "/month" may be a word; two slashes are not.
    let is_absolute = token.strip_prefix('/').is_some_and(|rest| rest.contains('/'));
    let is_on_drive = token.as_bytes().get(1..3) == Some(b":\\");
    is_relative || is_absolute || is_on_drive
}

fn is_file_name(token: &str) -> bool {
    let is_of_file = |c: char| c.is_alphanumeric() || "._-/+~*".contains(c);
    let ending = token.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| FILE_ENDINGS.binary_search(&ending).is_ok()) && token.chars().all(is_of_file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(text: &str) -> Vec<&str> {
        kept_ranges(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn addresses() {
        assert_eq!(
            kept("See https://example.org/a_(b), www.example.org. Or write to info@example.org!"),
            ["https://example.org/a_(b)", "www.example.org", "info@example.org"]
        );
    }

    #[test]
    fn placeholders() {
        assert_eq!(kept("Hello {name}, {{ user.id }} has ${n} of {0}"), ["{name}", "{{ user.id }}", "${n}", "{0}"]);
        assert_eq!(kept("%s of %1$d, %(count)s and %.2f%%."), ["%s", "%1$d", "%(count)s", "%.2f"]);
        assert_eq!(kept("50% de tout, 100 % sûr, { this is prose }, {}"), ["{}"]);
    }

    #[test]
    fn code() {
        assert_eq!(kept("Run `cargo build`, not `` or `x`; a ` alone."), ["`cargo build`", "`x`"]);
    }

    #[test]
    fn files_and_identifiers() {
        assert_eq!(
            kept("Edit config.toml, (main.rs) or ./run.sh; call main() in std::vec, set MAX_LEN in /etc/conf.d/x."),
            ["config.toml", "main.rs", "./run.sh", "main()", "std::vec", "MAX_LEN", "/etc/conf.d/x"]
        );
        assert_eq!(kept("It ends.The next, e.g. this and/or that at 5 p.m. for 3 /month, _so_."), [""; 0]);
    }

    #[test]
    fn pictures() {
        assert_eq!(kept("The alarm \u{23f0} rings; wait \u{231b}\u{25fe}"), ["\u{23f0}", "\u{231b}\u{25fe}"]);
        assert_eq!(
            kept("Great \u{1f389}\u{1f389} 5\u{20e3} or \u{1f468}\u{200d}\u{1f469}!"),
            ["\u{1f389}\u{1f389}", "5\u{20e3}", "\u{1f468}\u{200d}\u{1f469}"]
        );
    }

    #[test]
    fn file_endings_can_be_searched() {
        assert!(FILE_ENDINGS.is_sorted());
    }

    proptest! {
        #[test]
        fn ranges_are_in_order_and_whole(text in "[a-z%{}$/_.:@() s\u{1f389}\u{e9}]{0,40}|(?s).{0,30}") {
            let mut end = 0;
            for range in kept_ranges(&text) {
                prop_assert!(range.start >= end && !range.is_empty());
                prop_assert!(text.get(range.clone()).is_some());
                end = range.end;
            }
        }
    }
}
