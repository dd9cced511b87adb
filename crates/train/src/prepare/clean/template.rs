//! Sentences that a program filled in: the same but for numbers, quoted names, identifiers and addresses.

/// `text` in lower case, with one sign in place of each run of digits (`0`), quoted text (`"`), address (`@`) and
/// identifier (`#`).
///
/// A text of nothing else, such as the name of a function or of a menu entry, keeps all but its digits.
pub fn template(text: &str) -> String {
    let quoted = mask_quoted(text);
    let masked = mask_tokens(&quoted);
    if masked.contains(char::is_alphabetic) {
        return masked;
    }
    let mut masked = String::with_capacity(text.len());
    push_masking_digits(&mut masked, text);
    masked
}

fn mask_tokens(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for token in text.split(' ') {
        if !masked.is_empty() {
            masked.push(' ');
        }
        let core = token.trim_matches(|c| ".,;:!?()[]".contains(c));
        match mask(core) {
            Some(sign) => masked.push(sign),
            None => push_masking_digits(&mut masked, token),
        }
    }
    masked
}

fn mask(token: &str) -> Option<char> {
    let is_address = token.contains("://") || token.starts_with("www.") || (token.contains('@') && token.contains('.'));
    if is_address {
        return Some('@');
    }
    let inner_sign = token.contains(|c| "_$\\<>{}=".contains(c)) || token.contains("::") || token.contains("()");
    let is_path = token.starts_with(['/', '~']) && token.len() > 1 || token.matches('/').count() > 1;
    let mut previous = ' ';
    let has_hump = token.chars().any(|c| {
        let is_hump = c.is_uppercase() && previous.is_lowercase();
        previous = c;
        is_hump
    });
    (inner_sign || is_path || has_hump || token.starts_with("--") && token.len() > 2).then_some('#')
}

fn push_masking_digits(masked: &mut String, token: &str) {
    let mut was_digit = false;
    for c in token.chars() {
        let is_digit = c.is_numeric();
        if !is_digit {
            masked.extend(c.to_lowercase());
        } else if !was_digit {
            masked.push('0');
        }
        was_digit = is_digit;
    }
}

/// Longer quotations are speech, not names.
const MAX_QUOTED_WORDS: usize = 4;

/// Quotes without a partner stay, and so do single ones: most are apostrophes.
fn mask_quoted(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '“', '«', '`']) {
        let quote = rest[start..].chars().next().expect("found just above");
        let inner = &rest[start + quote.len_utf8()..];
        let closing = match quote {
            '“' => '”',
            '«' => '»',
            same => same,
        };
        masked.push_str(&rest[..start]);
        match inner.find(closing) {
            Some(end) => {
                let quoted = inner[..end].trim();
                if quoted.split(' ').count() > MAX_QUOTED_WORDS {
                    masked.push_str(quoted);
                } else {
                    masked.push('"');
                }
                rest = &inner[end + closing.len_utf8()..];
            }
            None => {
                masked.push(quote);
                rest = inner;
            }
        }
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_masked() {
        assert_eq!(template("Version 3.12 of Foo"), "version 0.0 of foo");
        assert_eq!(template("Open \"My File.txt\" now"), "open \" now");
        assert_eq!(template("Ouvrez « mon fichier »."), "ouvrez \".");
        assert_eq!(template("See https://example.org/a?b=1, or me@example.org."), "see @ or @");
        assert_eq!(template("The innerHTML of foo_bar() in /usr/lib"), "the # of # in #");
        assert_eq!(template("Cance_l"), "cance_l");
        assert_eq!(template("1,024.5"), "0,0.0");
        assert_eq!(template("\"How charming!\""), "\"how charming!\"");
        assert_ne!(template("“I tell you he is dead!” he said"), template("“Will you come with me?” he said"));
        assert_eq!(template("5\" and l'eau and/or"), "0\" and l'eau and/or");
    }
}
