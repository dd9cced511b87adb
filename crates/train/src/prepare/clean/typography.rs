//! French as its typographers space it, for the target side only.
//!
//! What a network reads is changed by nothing but `traduko_text::normalize`, so that training and translating agree.
//! What it writes should have one style: corpora mix `mot:` with `mot :` and “mot” with « mot ».

/// French text with a space before `;`, `:`, `!`, `?` and inside « », and with « » for “ ”.
///
/// Only after a word of small letters, accents and hyphens that white space, a bracket, a quotation mark or the text's end
/// follows: `http://`, `foo::bar`, `12:30`, `Content-Type:`, `&amp;`, `a?b` and straight quotes stay as they are.
pub fn french_typography(text: &str) -> String {
    let text = quotes(text);
    let letters: Vec<char> = text.chars().collect();
    let mut spaced = String::with_capacity(text.len() + 4);
    let mut word_start = 0;
    for (at, &c) in letters.iter().enumerate() {
        let next = letters.get(at + 1);
        let before = &letters[word_start..at];
        match c {
            ';' | ':' | '!' | '?' if next.is_none_or(|next| " )»\"".contains(*next)) && is_word(before) => {
                spaced.extend([' ', c]);
            }
            '»' if before.last().is_some_and(|c| c.is_alphanumeric() || ".!?…)".contains(*c)) => {
                spaced.extend([' ', c])
            }
            '«' if next.is_some_and(|next| next.is_alphanumeric()) => spaced.extend([c, ' ']),
            _ => spaced.push(c),
        }
        if c == ' ' || c == '«' || c == '(' {
            word_start = at + 1;
        }
    }
    spaced
}

fn is_word(token: &[char]) -> bool {
    let rest = token.get(1..).unwrap_or_default();
    // One letter is rather a variable.
    if rest.is_empty() && token != [')'] && token != ['»'] {
        return false;
    }
    let is_small = |c: &char| c.is_lowercase() || matches!(c, '\'' | '-' | '»' | ')');
    token.first().is_some_and(|c| c.is_alphabetic() || *c == ')' || *c == '»') && rest.iter().all(is_small)
}

/// “ ” to « », where they come in pairs.
fn quotes(text: &str) -> String {
    let (opening, closing) = (text.matches('“').count(), text.matches('”').count());
    if opening == 0 || opening != closing {
        return text.to_owned();
    }
    text.replace("“ ", "“").replace(" ”", "”").replace('“', "« ").replace('”', " »")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_go_where_french_wants_them() {
        assert_eq!(french_typography("Vraiment? Oui! Voici: un mot; deux."), "Vraiment ? Oui ! Voici : un mot ; deux.");
        assert_eq!(french_typography("Il dit «oui» (n'est-ce pas?)."), "Il dit « oui » (n'est-ce pas ?).");
        assert_eq!(french_typography("Le “mot juste” manque"), "Le « mot juste » manque");
        assert_eq!(french_typography("Déjà bien : « oui » !"), "Déjà bien : « oui » !");
    }

    #[test]
    fn addresses_and_code_stay() {
        for text in [
            "http://a.b/c?d=e;f",
            "foo::bar à 12:30",
            "Content-Type: text/html",
            "&amp; est écrit &lt;",
            "int x = y;",
            "dict['clé']: valeur",
            "un \"mot\" et `code:` ici",
            "std::string a?b",
            "” mal fermé “ et “",
        ] {
            assert_eq!(french_typography(text), text);
        }
    }
}
