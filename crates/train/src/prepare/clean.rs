//! What is wrong with a pair, rule by rule.
//!
//! Each rule is a small pure function of normalised text and can be left out; the first that applies names the
//! reason under which the pair is counted. The rules that compare a pair with those before it (duplicates and
//! templates) need an order and live in [`super::read`]; what they compare is made here, on all cores.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

mod template;
mod typography;
mod words;

pub use template::template;
pub use typography::french_typography;
pub use words::{copied_share, is_code, numbers_differ};

use traduko_text::LanguageCheck;

use super::plan::CleanPlan;
use crate::corpus::Pair;

/// Why a pair is not learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Fault {
    /// Its tag was to be left out.
    ExcludedTag,
    /// A side has no word.
    EmptySide,
    /// A side has too many words.
    TooLong,
    /// One side has many times the words of the other.
    LengthRatio,
    /// A side holds what a wrong conversion between encodings leaves behind.
    BrokenCharacters,
    /// The source is in another language.
    SourceLanguage,
    /// The target is in another language.
    TargetLanguage,
    /// Too much of the target stands in the source.
    Copied,
    /// Both sides are code.
    Code,
    /// The sides name different numbers.
    Numbers,
    /// The same pair came before, with the same tag before its source.
    Duplicate,
    /// Enough pairs of its source tag that differ only in numbers, names in quotes, identifiers and addresses came before.
    Template,
    /// The validation set has one of its sides.
    InValidation,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExcludedTag => "excluded tag",
            Self::EmptySide => "empty side",
            Self::TooLong => "too long",
            Self::LengthRatio => "length ratio",
            Self::BrokenCharacters => "broken characters",
            Self::SourceLanguage => "source language",
            Self::TargetLanguage => "target language",
            Self::Copied => "copied",
            Self::Code => "code",
            Self::Numbers => "numbers differ",
            Self::Duplicate => "duplicate",
            Self::Template => "template",
            Self::InValidation => "in the validation set",
        })
    }
}

/// The rules that look at one pair alone.
#[derive(Debug)]
pub struct Cleaner {
    plan: CleanPlan,
    languages: Option<LanguageCheck>,
}

impl Cleaner {
    /// Gets ready what the rules of `plan` need.
    pub fn new(plan: &CleanPlan) -> Self {
        let languages = plan.languages.map(|(source, target)| LanguageCheck::new(source, target));
        Self { plan: plan.clone(), languages }
    }

    /// Gives the pair the spelling that the plan asks for.
    pub fn respell(&self, pair: &mut Pair) {
        if self.plan.lower_caps && traduko_text::is_all_caps(&pair.source) && traduko_text::is_all_caps(&pair.target) {
            pair.source = traduko_text::to_sentence_case(&pair.source);
            pair.target = traduko_text::to_sentence_case(&pair.target);
        }
        if self.plan.typography {
            pair.target = french_typography(&pair.target);
        }
    }

    /// The first rule that a normalised pair breaks.
    pub fn fault(&self, pair: &Pair) -> Option<Fault> {
        let (source, target) = (pair.source.as_str(), pair.target.as_str());
        let count = |text: &str| text.split(' ').filter(|word| !word.is_empty()).count();
        let (longer, shorter) = (count(source).max(count(target)), count(source).min(count(target)));
        if shorter == 0 {
            return Some(Fault::EmptySide);
        }
        if longer > self.plan.max_words {
            return Some(Fault::TooLong);
        }
        if longer as f64 > self.plan.max_ratio * shorter as f64 + 2.0 {
            return Some(Fault::LengthRatio);
        }
        if self.plan.drop_broken && (is_broken(source) || is_broken(target)) {
            return Some(Fault::BrokenCharacters);
        }
        if self.plan.drop_code && is_code(source) && is_code(target) {
            return Some(Fault::Code);
        }
        if self.plan.max_copied.is_some_and(|share| copied_share(source, target).is_some_and(|found| found > share)) {
            return Some(Fault::Copied);
        }
        if let Some(languages) = &self.languages {
            if languages.is_source_foreign(source) {
                return Some(Fault::SourceLanguage);
            }
            if languages.is_target_foreign(target) {
                return Some(Fault::TargetLanguage);
            }
        }
        (self.plan.match_numbers && numbers_differ(source, target)).then_some(Fault::Numbers)
    }

    /// Equal for equal pairs whose sources begin with the same tag.
    pub fn pair_key(&self, pair: &Pair, source_tag: Option<&str>) -> u64 {
        key(source_tag, &pair.source, &pair.target)
    }

    /// Equal for pairs of one template and one tag; nothing when templates are not limited.
    pub fn template_key(&self, pair: &Pair, source_tag: Option<&str>) -> Option<u64> {
        self.plan.max_template.map(|_| key(source_tag, &template(&pair.source), &template(&pair.target)))
    }
}

/// 64 bits for a pair of texts. Two of three million different pairs meet by chance once in four million corpora.
fn key(source_tag: Option<&str>, source: &str, target: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (source_tag, source, target).hash(&mut hasher);
    hasher.finish()
}

/// What UTF-8 read as Windows-1252 looks like (`Ã©` for é, `â€™` for ’), and what a decoder puts for a byte it
/// cannot read.
fn is_broken(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    let mut previous = ' ';
    text.chars().any(|c| {
        let pair = (std::mem::replace(&mut previous, c), c);
        c == '\u{FFFD}'
            || matches!(
                pair,
                ('Ã', '©' | '¨' | 'ª' | '§' | '´' | '®' | '¢' | '¹' | '«' | '»') | ('â', '€') | ('Â', '«' | '»' | '°')
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(plan: &CleanPlan, source: &str, target: &str) -> Option<Fault> {
        let pair = Pair { tag: "t".into(), source: source.into(), target: target.into() };
        Cleaner::new(plan).fault(&pair)
    }

    #[test]
    fn lengths_are_compared_in_words() {
        let plan = CleanPlan { max_words: 6, max_ratio: 2.0, ..CleanPlan::default() };
        assert_eq!(fault(&plan, "one", ""), Some(Fault::EmptySide));
        assert_eq!(fault(&plan, "a b c d e f g", "a b c"), Some(Fault::TooLong));
        // 2 * 1 + 2 = 4 words may stand beside one.
        assert_eq!(fault(&plan, "a b c d", "a"), None);
        assert_eq!(fault(&plan, "a b c d e", "a"), Some(Fault::LengthRatio));
    }

    #[test]
    fn wrong_encodings_show() {
        for text in ["Ã©tÃ©", "lâ€™eau", "pr\u{FFFD}t", "Â« oui Â»"] {
            assert!(is_broken(text), "{text}");
        }
        for text in ["été", "l'eau", "Âge", "SÃO PAULO", "« oui »", "pâté", "10 °C"] {
            assert!(!is_broken(text), "{text}");
        }
    }

    #[test]
    fn rules_that_are_off_say_nothing() {
        let plan = CleanPlan::default();
        for (source, target) in
            [("x = foo(y);", "x = foo(y);"), ("pr\u{FFFD}t it", "pr\u{FFFD}t"), ("in 1999", "en 2000")]
        {
            assert_eq!(fault(&plan, source, target), None);
        }
    }
}
