//! The work of one call: which sentences there are, and which of them share a batch.

use std::ops::Range;

use traduko_text::{SubwordTokenizer, split_sentences};

use crate::split::split_to_fit;
use crate::{SentenceTranslation, TranslateError, TranslateOptions, Translation};

/// Sentences share a batch only when their lengths fall into one step of this many subwords: little padding, and
/// one limit on the length of the translation that depends on the sentence alone.
const LENGTH_STEP: usize = 8;
/// The longest translation of a sentence, in subwords, however long the sentence is.
const MAX_TARGET_TOKENS: usize = 256;

/// A sentence, or a part of one, on its way through the network.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Its text, by number.
    text: usize,
    /// Its bytes in that text, without white space around it.
    range: Range<usize>,
    pub ids: Vec<u32>,
    pub pieces: Vec<String>,
}

/// Independent batches of sentences, ready to be translated in any order and by any number of threads.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) options: TranslateOptions,
    texts: Vec<String>,
    segments: Vec<Segment>,
    batches: Vec<Vec<usize>>,
}

/// A translated sentence before it has a place in its text.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub segment: usize,
    pub text: String,
    pub sentence: SentenceTranslation,
}

impl Plan {
    pub(crate) fn new(
        tokenizer: &SubwordTokenizer,
        max_tokens: usize,
        texts: &[String],
        options: &TranslateOptions,
    ) -> Result<Self, TranslateError> {
        options.validate()?;
        let mut segments = Vec::new();
        for (text, content) in texts.iter().enumerate() {
            let mut parts = Vec::new();
            for range in split_sentences(content) {
                // Bullets, dashes and rows of dots are the same in every language; a network would invent words.
                if !content[range.clone()].contains(char::is_alphanumeric) {
                    continue;
                }
                let mut fits = |part: &str| -> Result<_, TranslateError> {
                    let encoding = tokenizer.encode(part)?;
                    Ok((encoding.ids.len() <= max_tokens).then_some(encoding))
                };
                split_to_fit(content, range, &mut fits, &mut parts)?;
            }
            for (range, encoding) in parts {
                // One character of more subwords than the limit is passed on whole.
                let encoding = match encoding {
                    Some(encoding) => encoding,
                    None => tokenizer.encode(&content[range.clone()])?,
                };
                if !encoding.ids.is_empty() {
                    segments.push(Segment { text, range, ids: encoding.ids, pieces: encoding.pieces });
                }
            }
        }
        let batches = batches(&segments, options.batch_sentences);
        Ok(Self { options: options.clone(), texts: texts.to_vec(), segments, batches })
    }

    /// How many batches there are.
    pub fn n_batches(&self) -> usize {
        self.batches.len()
    }

    /// How many sentences there are.
    pub fn n_sentences(&self) -> usize {
        self.segments.len()
    }

    /// How many sentences one batch has.
    pub fn batch_len(&self, batch: usize) -> usize {
        self.batches.get(batch).map_or(0, Vec::len)
    }

    /// The numbers and contents of one batch's sentences.
    pub(crate) fn batch(&self, batch: usize) -> Vec<(usize, &Segment)> {
        let members = self.batches.get(batch).map_or(&[][..], Vec::as_slice);
        members.iter().map(|&index| (index, &self.segments[index])).collect()
    }

    /// The most subwords that a batch's translations may have. All its sentences fall into one step of lengths, so
    /// that the limit is the same in whatever company a sentence is translated.
    pub(crate) fn max_length(&self, batch: usize) -> usize {
        let longest = self.batch(batch).iter().map(|(_, segment)| segment.ids.len()).max().unwrap_or(0);
        (2 * step_of(longest) * LENGTH_STEP + 10).min(MAX_TARGET_TOKENS)
    }

    /// Puts translated sentences into their places; one that is missing stays as it was in the source.
    pub(crate) fn assemble(&self, finished: impl IntoIterator<Item = Finished>) -> Vec<Translation> {
        let mut by_segment: Vec<Option<Finished>> = vec![None; self.segments.len()];
        for sentence in finished {
            let index = sentence.segment;
            by_segment[index] = Some(sentence);
        }
        let mut translations = vec![Translation::default(); self.texts.len()];
        let mut copied_to = vec![0; self.texts.len()];
        for (segment, finished) in self.segments.iter().zip(by_segment) {
            let Some(finished) = finished else { continue };
            let translation = &mut translations[segment.text];
            translation.text.push_str(&self.texts[segment.text][copied_to[segment.text]..segment.range.start]);
            let start = translation.text.len();
            translation.text.push_str(&finished.text);
            copied_to[segment.text] = segment.range.end;
            translation.sentences.push(SentenceTranslation {
                source: segment.range.clone(),
                target: start..translation.text.len(),
                ..finished.sentence
            });
        }
        for ((translation, text), copied_to) in translations.iter_mut().zip(&self.texts).zip(copied_to) {
            translation.text.push_str(&text[copied_to..]);
        }
        translations
    }
}

fn step_of(length: usize) -> usize {
    length.div_ceil(LENGTH_STEP)
}

/// Numbers of segments, shortest first, in batches whose members fall into one step of lengths.
fn batches(segments: &[Segment], batch_sentences: usize) -> Vec<Vec<usize>> {
    let length = |&index: &usize| segments[index].ids.len();
    let mut order: Vec<usize> = (0..segments.len()).collect();
    order.sort_by_key(length);
    order
        .chunk_by(|left, right| step_of(length(left)) == step_of(length(right)))
        .flat_map(|step| step.chunks(batch_sentences))
        .map(<[usize]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(text: usize, range: Range<usize>, n_ids: usize) -> Segment {
        Segment { text, range, ids: vec![4; n_ids], pieces: vec!["a".to_owned(); n_ids] }
    }

    fn plan(texts: &[&str], segments: Vec<Segment>, batch_sentences: usize) -> Plan {
        let batches = batches(&segments, batch_sentences);
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Plan { options: TranslateOptions::default(), texts, segments, batches }
    }

    #[test]
    fn batches_hold_one_step_of_lengths() {
        let lengths = [9, 1, 8, 16, 3, 17];
        let segments = lengths.iter().map(|&length| segment(0, 0..0, length)).collect();
        let plan = plan(&[""], segments, 2);
        assert_eq!(plan.batches, [vec![1, 4], vec![2], vec![0, 3], vec![5]]);
        assert_eq!((0..4).map(|batch| plan.max_length(batch)).collect::<Vec<_>>(), [26, 26, 42, 58]);
    }

    #[test]
    fn white_space_between_sentences_stays() {
        let segments = vec![segment(1, 1..3, 1), segment(1, 5..7, 1)];
        let plan = plan(&["-", " a.\n\tb. "], segments, 1);
        let finished = [(1, "\u{c9}!"), (0, "Oh.")].map(|(segment, text)| Finished {
            segment,
            text: text.to_owned(),
            sentence: SentenceTranslation::default(),
        });
        let translations = plan.assemble(finished);
        assert_eq!(translations[0].text, "-");
        assert_eq!(translations[1].text, " Oh.\n\t\u{c9}! ");
        assert_eq!(translations[1].sentences[1].target, 6..9);
        assert_eq!(translations[1].sentences[1].source, 5..7);
    }
}
