//! What can be wrong with a translation whatever its words mean.

use std::collections::HashMap;

use traduko_text::{Kept, kept_ranges};

use crate::Translation;
use crate::numbers::has_numbers;

/// The longest stretch of words that is looked for again right behind itself.
const MAX_WORDS: usize = 8;
/// How often words are said in a row before it counts as a loop, unless the source repeats itself as often.
const MIN_TURNS: usize = 3;

/// What is wrong with a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing was said where the source has letters.
    Empty,
    /// The network did not come to an end and was cut off.
    CutOff,
    /// The same words again and again.
    Loop,
    /// A number of the source is missing.
    LostNumber,
    /// An address, a placeholder or a file name of the source is missing.
    LostTerm,
}

impl Fault {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 5] = [Self::Empty, Self::CutOff, Self::Loop, Self::LostNumber, Self::LostTerm];

    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::CutOff => "cut off",
            Self::Loop => "loop",
            Self::LostNumber => "lost number",
            Self::LostTerm => "lost term",
        }
    }
}

impl Translation {
    /// What is wrong with this translation of `source`.
    pub fn faults(&self, source: &str) -> Vec<Fault> {
        let is_there = |fault: &Fault| match fault {
            Fault::Empty => self.text.trim().is_empty() && source.contains(char::is_alphabetic),
            Fault::CutOff => self.sentences.iter().any(|sentence| sentence.is_cut_off),
            Fault::Loop => has_loop(source, &self.text),
            Fault::LostNumber => !has_numbers(&self.without_kept(source), &self.text),
            Fault::LostTerm => has_lost_term(source, &self.text),
        };
        Fault::ALL.into_iter().filter(is_there).collect()
    }

    /// `source` with a line end for each term.
    fn without_kept(&self, source: &str) -> String {
        let mut kept: Vec<&Kept> = self.kept.iter().collect();
        kept.sort_by_key(|kept| kept.source.start);
        let (mut rest, mut at) = (String::with_capacity(source.len()), 0);
        for Kept { source: range, .. } in kept {
            rest.push_str(source.get(at..range.start).unwrap_or_default());
            rest.push('\n');
            at = at.max(range.end);
        }
        rest.push_str(source.get(at..).unwrap_or_default());
        rest
    }
}

/// Whether a translation says the same again and again, which its source does not.
pub(crate) fn has_loop(source: &str, translation: &str) -> bool {
    let turns = most_turns(translation);
    turns >= MIN_TURNS && turns > most_turns(source)
}

/// How often words are said in a row, at most.
fn most_turns(text: &str) -> usize {
    let words: Vec<&str> = text.split_whitespace().collect();
    let turns = |at: usize, period: usize| {
        let said = &words[at..at + period];
        words[at..].chunks_exact(period).take_while(|turn| *turn == said).count()
    };
    (0..words.len())
        .flat_map(|at| (1..=MAX_WORDS.min(words.len() - at)).map(move |period| (at, period)))
        .map(|(at, period)| turns(at, period))
        .max()
        .unwrap_or(0)
}

fn has_lost_term(source: &str, translation: &str) -> bool {
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for range in kept_ranges(source) {
        *wanted.entry(&source[range]).or_default() += 1;
    }
    wanted.into_iter().any(|(term, count)| translation.matches(term).count() < count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SentenceTranslation;

    fn faults(source: &str, text: &str) -> Vec<Fault> {
        Translation { text: text.to_owned(), ..Translation::default() }.faults(source)
    }

    #[test]
    fn each_is_found() {
        assert_eq!(faults("Good morning, 12 cats.", "Bonjour, 12 chats."), []);
        assert_eq!(faults("Good morning.", " "), [Fault::Empty]);
        assert_eq!(faults("- 1.", "- 1."), []);
        assert_eq!(faults("The man of the sea.", "La mer de la mer de la mer de la mer"), [Fault::Loop]);
        assert_eq!(faults("no no no", "non non non"), []);
        assert_eq!(faults("very, very big", "très , très , très , grand"), [Fault::Loop]);
        assert_eq!(faults("In 2024.", "En 2023."), [Fault::LostNumber]);
        assert_eq!(faults("Call %s and %s.", "Appelez %s."), [Fault::LostTerm]);
        let kept = vec![Kept { source: 3..9, target: 2..6 }, Kept { source: 13..17, target: 10..14 }];
        let translation = Translation { text: "À 17 h et 18 h.".to_owned(), kept, ..Translation::default() };
        assert_eq!(translation.faults("At 5 p.m. or 6 pm."), []);
        assert_eq!(translation.faults("At 5 p.m. or 6 pm, 9."), [Fault::LostNumber]);
        let sentences = vec![SentenceTranslation { is_cut_off: true, ..SentenceTranslation::default() }];
        let translation = Translation { text: "Un".to_owned(), sentences, ..Translation::default() };
        assert_eq!(translation.faults("One"), [Fault::CutOff]);
    }
}
