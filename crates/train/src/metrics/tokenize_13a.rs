//! The tokenizer of mteval-v13a, as sacreBLEU applies it.
//!
//! Five passes over the characters, each a regular expression in the original. The passes consume what they match,
//! so `a..` and `a.,` come out as they do there.

use super::is_python_space;

/// Cuts a line into the tokens BLEU counts.
pub(super) fn tokenize(line: &str) -> Vec<String> {
    let line = line.trim_end_matches(is_python_space);
    let mut line = line.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    if line.contains('&') {
        // In this order: `&amp;lt;` becomes `<`.
        for (entity, character) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
            line = line.replace(entity, character);
        }
    }
    let characters: Vec<char> = format!(" {line} ").chars().collect();
    let characters = around_symbols(&characters);
    let characters = before_stop(&characters);
    let characters = after_stop(&characters);
    let text: String = after_digit(&characters).into_iter().collect();
    text.split(is_python_space).filter(|token| !token.is_empty()).map(str::to_owned).collect()
}

fn is_stop(character: char) -> bool {
    matches!(character, '.' | ',')
}

/// `([\{-\~\[-\` -\&\(-\+\:-\@\/])` becomes ` \1 `.
fn around_symbols(line: &[char]) -> Vec<char> {
    let is_symbol = |c: char| matches!(c, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/');
    line.iter().flat_map(|&c| if is_symbol(c) { vec![' ', c, ' '] } else { vec![c] }).collect()
}

/// Rewrites each pair of neighbours that `fits`, left to right and without overlap.
fn rewrite(line: &[char], fits: impl Fn(char, char) -> bool, to: impl Fn(char, char) -> Vec<char>) -> Vec<char> {
    let mut out = Vec::with_capacity(line.len() + 16);
    let mut rest = line;
    while let [first, tail @ ..] = rest {
        match tail {
            [second, tail @ ..] if fits(*first, *second) => {
                out.extend(to(*first, *second));
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// `([^0-9])([\.,])` becomes `\1 \2 `.
fn before_stop(line: &[char]) -> Vec<char> {
    rewrite(line, |a, b| !a.is_ascii_digit() && is_stop(b), |a, b| vec![a, ' ', b, ' '])
}

/// `([\.,])([^0-9])` becomes ` \1 \2`.
fn after_stop(line: &[char]) -> Vec<char> {
    rewrite(line, |a, b| is_stop(a) && !b.is_ascii_digit(), |a, b| vec![' ', a, ' ', b])
}

/// `([0-9])(-)` becomes `\1 \2 `.
fn after_digit(line: &[char]) -> Vec<char> {
    rewrite(line, |a, b| a.is_ascii_digit() && b == '-', |a, b| vec![a, ' ', b, ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_whole_and_signs_stand_alone() {
        let cut = |line| tokenize(line).join(" ");
        assert_eq!(cut("It's 1,000.5 (or so), no?"), "It's 1,000.5 ( or so ) , no ?");
        assert_eq!(cut("in 1990-91."), "in 1990 - 91 .");
        assert_eq!(cut("&quot;A&amp;B&quot; &amp;lt;"), "\" A & B \" <");
        assert_eq!(cut("Well... e.g. this,that"), "Well . . . e . g . this , that");
        assert_eq!(cut("well-known l’été"), "well-known l’été");
        assert_eq!(cut(" \u{a0}\u{1f}"), "");
    }
}
