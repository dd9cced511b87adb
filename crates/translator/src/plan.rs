//! The work of one call: which sentences there are, and which of them share a batch.

use std::ops::Range;

use traduko_text::{Encoding, Kept, Normalized, Vocabulary, is_all_caps, kept_ranges, split_sentences};

use crate::clock::Clock;
use crate::mask::{Masked, Term, gaps};
use crate::numbers::numbers;
use crate::split::{split_to_fit, trimmed};
use crate::{ATOM, Glossary, SentenceTranslation, TranslateError, TranslateOptions, Translation};

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
    pub masked: Masked,
    /// Whether it was in capitals, and is in small letters now.
    pub is_shouted: bool,
    pub ids: Vec<u32>,
    pub pieces: Vec<String>,
    /// For each piece its bytes in the text.
    pub origins: Vec<Range<usize>>,
    /// What its translation begins with.
    pub prefix: Vec<u32>,
}

impl Segment {
    /// `None` where it has more terms than can be masked.
    fn new(
        vocabulary: &Vocabulary,
        (text, content): (usize, &str),
        range: Range<usize>,
        terms: &[Term],
    ) -> Result<Option<Self>, TranslateError> {
        let terms = within(terms, &range);
        let Some(mut masked) = Masked::new(content, range.clone(), terms) else { return Ok(None) };
        // Small letters of an address say nothing of the sentence.
        let around: Vec<&str> = gaps(&range, terms).map(|gap| &content[gap]).collect();
        let is_shouted = is_all_caps(&around.join(" ")) && masked.make_small();
        let Encoding { ids, pieces, offsets } = vocabulary.source().encode(&masked.text)?;
        let normalized = Normalized::new(&masked.text);
        let origins = offsets.into_iter().map(|offset| masked.origin(normalized.origin(offset))).collect();
        Ok(Some(Self { text, range, masked, is_shouted, ids, pieces, origins, prefix: Vec::new() }))
    }
}

/// Independent batches of sentences, ready to be translated in any order and by any number of threads.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) options: TranslateOptions,
    texts: Vec<String>,
    /// For each text what is not the network's to translate, in order.
    terms: Vec<Vec<Term>>,
    segments: Vec<Segment>,
    batches: Vec<Vec<usize>>,
}

impl Plan {
    pub(crate) fn new(
        vocabulary: &Vocabulary,
        max_tokens: usize,
        texts: &[String],
        clock: Clock,
        options: &TranslateOptions,
    ) -> Result<Self, TranslateError> {
        options.validate()?;
        if !options.prefixes.is_empty() && options.prefixes.len() != texts.len() {
            let (found, expected) =
                (options.prefixes.len().to_string(), format!("one for each of {} texts", texts.len()));
            return Err(TranslateError::Option { option: "prefixes", found, expected });
        }
        let mut segments: Vec<Segment> = Vec::new();
        let clock = if options.keep_numbers { clock } else { Clock::Any };
        let terms: Vec<Vec<Term>> = texts.iter().map(|text| terms_of(text, &options.glossary, clock)).collect();
        for (text, (content, terms)) in texts.iter().zip(&terms).enumerate() {
            let whole: Vec<Range<usize>> = terms.iter().map(|term| term.range.clone()).collect();
            let mut parts = Vec::new();
            for sentence in sentences(content, terms) {
                let mut fits = |range: Range<usize>| -> Result<_, TranslateError> {
                    let segment = Segment::new(vocabulary, (text, content), range, terms)?;
                    Ok(segment.filter(|segment| segment.ids.len() <= max_tokens))
                };
                split_to_fit(content, sentence, &whole, &mut fits, &mut parts)?;
            }
            let first = segments.len();
            for (range, segment) in parts {
                // One character of more subwords than the limit is passed on whole.
                let segment = match segment {
                    Some(segment) => Some(segment),
                    None => Segment::new(vocabulary, (text, content), range, terms)?,
                };
                segments.extend(segment.filter(|segment| !segment.ids.is_empty()));
            }
            if let (Some(segment), Some(prefix)) = (segments.get_mut(first), options.prefixes.get(text)) {
                segment.prefix = vocabulary.target().encode_ids(prefix)?;
            }
        }
        let batches = batches(&segments, options.batch_sentences);
        Ok(Self { options: options.clone(), texts: texts.to_vec(), terms, segments, batches })
    }

    /// A segment's terms, its numbers among them.
    pub(crate) fn terms_and_numbers(&self, segment: &Segment) -> Vec<Term> {
        let mut terms = within(&self.terms[segment.text], &segment.range).to_vec();
        let content = &self.texts[segment.text][segment.range.clone()];
        for number in numbers(content) {
            let (replacement, range) = (content[number.clone()].to_owned(), shifted(number, segment.range.start));
            if !terms.iter().any(|term| term.overlaps(&range)) {
                terms.push(Term { range, replacement });
            }
        }
        terms.sort_by_key(|term| term.range.start);
        terms
    }

    /// The same segment with other terms; `None` where they are too many.
    pub(crate) fn with_terms(
        &self,
        vocabulary: &Vocabulary,
        segment: &Segment,
        terms: &[Term],
    ) -> Result<Option<Segment>, TranslateError> {
        let again = Segment::new(vocabulary, (segment.text, &self.texts[segment.text]), segment.range.clone(), terms)?;
        Ok(again.map(|again| Segment { prefix: segment.prefix.clone(), ..again }))
    }

    /// A segment cut at `terms`: what is left of it, each without terms. The first has its prefix.
    pub(crate) fn parts(
        &self,
        vocabulary: &Vocabulary,
        segment: &Segment,
        terms: &[Term],
    ) -> Result<Vec<Segment>, TranslateError> {
        let content = &self.texts[segment.text];
        let mut parts: Vec<Segment> = Vec::new();
        for gap in gaps(&segment.range, terms) {
            let range = trimmed(content, gap);
            if content[range.clone()].contains(char::is_alphabetic) {
                parts.extend(Segment::new(vocabulary, (segment.text, content), range, &[])?);
            }
        }
        if let Some(first) = parts.first_mut() {
            first.prefix.clone_from(&segment.prefix);
        }
        Ok(parts)
    }

    /// The translations of a segment's parts as one.
    pub(crate) fn join(&self, segment: &Segment, terms: &[Term], parts: Vec<(Segment, Finished)>) -> Finished {
        let mut joined = Joined::new(segment.range.start);
        let content = &self.texts[segment.text];
        let mut sentence = SentenceTranslation::default();
        let n_parts = parts.len().max(1) as f32;
        let n_source: usize = parts.iter().map(|(part, _)| part.pieces.len()).sum();
        for (part, finished) in parts {
            joined.copy(content, part.range.start, terms);
            let before = sentence.source_pieces.len();
            let start = joined.push(&finished.text, part.range.end);
            let SentenceTranslation {
                source_pieces,
                target_pieces,
                source_offsets,
                target_offsets,
                attention,
                score,
                is_cut_off,
                ..
            } = finished.sentence;
            sentence.source_pieces.extend(source_pieces);
            sentence.target_pieces.extend(target_pieces);
            sentence.source_offsets.extend(source_offsets);
            sentence.target_offsets.extend(target_offsets.into_iter().map(|range| shifted(range, start)));
            sentence.score += score / n_parts;
            sentence.is_cut_off |= is_cut_off;
            sentence.attention.extend(attention.into_iter().map(|row| {
                let mut wide = vec![0.0; n_source];
                wide[before..before + row.len()].copy_from_slice(&row);
                wide
            }));
        }
        joined.copy(content, segment.range.end, terms);
        Finished { text: joined.text, kept: joined.kept, sentence }
    }

    /// How many batches there are.
    pub fn n_batches(&self) -> usize {
        self.batches.len()
    }

    /// How many sentences there are.
    pub fn n_sentences(&self) -> usize {
        self.segments.len()
    }

    /// How many subwords the network reads.
    pub fn n_subwords(&self) -> usize {
        self.segments.iter().map(|segment| segment.ids.len()).sum()
    }

    /// Where the sentences begin, in bytes of the text each belongs to.
    pub fn sentence_starts(&self) -> impl Iterator<Item = usize> {
        self.segments.iter().map(|segment| segment.range.start)
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

    /// Puts translated sentences, by the numbers of their segments, into their places; one that is missing stays as it
    /// was in the source, but for its terms.
    pub(crate) fn assemble(&self, finished: impl IntoIterator<Item = (usize, Finished)>) -> Vec<Translation> {
        let mut by_segment: Vec<Option<Finished>> = vec![None; self.segments.len()];
        for (segment, finished) in finished {
            by_segment[segment] = Some(finished);
        }
        let mut joined = vec![Joined::new(0); self.texts.len()];
        let mut sentences = vec![Vec::new(); self.texts.len()];
        for (segment, finished) in self.segments.iter().zip(by_segment) {
            let Some(Finished { text, kept, sentence }) = finished else { continue };
            let joined = &mut joined[segment.text];
            joined.copy(&self.texts[segment.text], segment.range.start, &self.terms[segment.text]);
            let start = joined.push(&text, segment.range.end);
            joined.kept.extend(kept.into_iter().map(|kept| Kept { target: shifted(kept.target, start), ..kept }));
            sentences[segment.text].push(SentenceTranslation {
                source: segment.range.clone(),
                target: start..joined.text.len(),
                target_offsets: sentence.target_offsets.into_iter().map(|range| shifted(range, start)).collect(),
                ..sentence
            });
        }
        let rest = joined.into_iter().zip(sentences).zip(self.texts.iter().zip(&self.terms));
        rest.map(|((mut joined, sentences), (text, terms))| {
            joined.copy(text, text.len(), terms);
            Translation { text: joined.text, sentences, kept: joined.kept }
        })
        .collect()
    }
}

/// A translation of a sentence before it has a place in its text; its ranges count from its own beginning.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub text: String,
    /// Where its terms are, in the whole text and in this translation.
    pub kept: Vec<Kept>,
    pub sentence: SentenceTranslation,
}

/// A translation that grows from left to right.
#[derive(Clone, Debug)]
struct Joined {
    text: String,
    kept: Vec<Kept>,
    /// How far the source has come.
    copied_to: usize,
}

impl Joined {
    fn new(copied_to: usize) -> Self {
        Self { text: String::new(), kept: Vec::new(), copied_to }
    }

    /// The source up to `end` as it is, but for its terms. Line ends count as kept, since something may hang on them.
    fn copy(&mut self, content: &str, end: usize, terms: &[Term]) {
        let mut copied_to = self.copied_to;
        for Term { range, replacement } in within(terms, &(copied_to..end)) {
            self.copy_lines(content, copied_to..range.start);
            let start = self.text.len();
            self.text.push_str(replacement);
            self.kept.push(Kept { source: range.clone(), target: start..self.text.len() });
            copied_to = range.end;
        }
        self.copy_lines(content, copied_to..end);
        self.copied_to = end;
    }

    fn copy_lines(&mut self, content: &str, range: Range<usize>) {
        let start = self.text.len();
        self.text.push_str(&content[range.clone()]);
        let line_ends = content[range.clone()].match_indices('\n');
        self.kept.extend(
            line_ends
                .map(|(at, _)| Kept { source: shifted(at..at + 1, range.start), target: shifted(at..at + 1, start) }),
        );
    }

    /// A translation of the source up to `end`; gives its beginning.
    fn push(&mut self, text: &str, end: usize) -> usize {
        let start = self.text.len();
        self.text.push_str(text);
        self.copied_to = end;
        start
    }
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// The terms that lie inside `range`.
fn within<'a>(terms: &'a [Term], range: &Range<usize>) -> &'a [Term] {
    let start = terms.partition_point(|term| term.range.start < range.start);
    let end = terms.partition_point(|term| term.range.end <= range.end);
    &terms[start..end.max(start)]
}

/// What is not the network's to translate. A term of the glossary or a time gives way to an address that it is a part of.
fn terms_of(text: &str, glossary: &Glossary, clock: Clock) -> Vec<Term> {
    let atoms = text.match_indices(ATOM).map(|(at, atom)| at..at + atom.len());
    let kept = kept_ranges(text).into_iter().chain(atoms);
    let mut terms: Vec<Term> = kept.map(|range| Term { replacement: text[range.clone()].to_owned(), range }).collect();
    for term in glossary.find(text).into_iter().chain(clock.terms(text)) {
        if !terms.iter().any(|kept| kept.overlaps(&term.range)) {
            terms.push(term);
        }
    }
    terms.sort_by_key(|term| term.range.start);
    terms.dedup_by(|next, last| next.range.start < last.range.end);
    terms
}

/// The sentences of a text that have something to translate. No term is cut, and pictures at their ends are left out.
fn sentences(text: &str, terms: &[Term]) -> Vec<Range<usize>> {
    let mut sentences: Vec<Range<usize>> = Vec::new();
    for sentence in split_sentences(text) {
        let is_cut = |at: usize| terms.iter().any(|term| term.range.start < at && at < term.range.end);
        match sentences.last_mut() {
            Some(last) if is_cut(last.end) || is_cut(sentence.start) => last.end = sentence.end,
            _ => sentences.push(sentence),
        }
    }
    for sentence in &mut sentences {
        let is_picture = |term: &Term| !text[term.range.clone()].contains(|c: char| c.is_alphanumeric() || c == ATOM);
        let terms = within(terms, sentence);
        for term in terms.iter().take_while(|term| is_picture(term)) {
            if text[sentence.start..term.range.start].trim().is_empty() {
                *sentence = trimmed(text, term.range.end..sentence.end);
            }
        }
        for term in terms.iter().rev().take_while(|term| is_picture(term)) {
            if sentence.start < term.range.start && text[term.range.end..sentence.end].trim().is_empty() {
                *sentence = trimmed(text, sentence.start..term.range.start);
            }
        }
    }
    // Bullets, numbers and rows of dots are the same in every language; a network would invent words.
    let has_letters = |gap: Range<usize>| text[gap].contains(char::is_alphabetic);
    sentences.retain(|sentence| gaps(sentence, within(terms, sentence)).any(has_letters));
    sentences
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

    fn segment(text: usize, content: &str, range: Range<usize>, n_ids: usize) -> Segment {
        let masked = Masked::new(content, range.clone(), &[]).expect("no terms");
        let (pieces, origins) = (vec!["a".to_owned(); n_ids], vec![range.clone(); n_ids]);
        Segment { text, range, masked, is_shouted: false, ids: vec![4; n_ids], pieces, origins, prefix: Vec::new() }
    }

    fn plan(texts: &[&str], segments: Vec<Segment>, batch_sentences: usize) -> Plan {
        let batches = batches(&segments, batch_sentences);
        let terms = texts.iter().map(|text| terms_of(text, &Glossary::default(), Clock::Any)).collect();
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Plan { options: TranslateOptions::default(), texts, terms, segments, batches }
    }

    fn finished(text: &str) -> Finished {
        Finished { text: text.to_owned(), kept: Vec::new(), sentence: SentenceTranslation::default() }
    }

    #[test]
    fn batches_hold_one_step_of_lengths() {
        let lengths = [9, 1, 8, 16, 3, 17];
        let segments = lengths.iter().map(|&length| segment(0, "", 0..0, length)).collect();
        let plan = plan(&[""], segments, 2);
        assert_eq!(plan.batches, [vec![1, 4], vec![2], vec![0, 3], vec![5]]);
        assert_eq!((0..4).map(|batch| plan.max_length(batch)).collect::<Vec<_>>(), [26, 26, 42, 58]);
    }

    #[test]
    fn white_space_between_sentences_stays() {
        let content = " a.\n\tb. ";
        let segments = vec![segment(1, content, 1..3, 1), segment(1, content, 5..7, 1)];
        let plan = plan(&["-", content], segments, 1);
        let translations = plan.assemble([(1, finished("\u{c9}!")), (0, finished("Oh."))]);
        assert_eq!(translations[0].text, "-");
        assert_eq!(translations[1].text, " Oh.\n\t\u{c9}! ");
        assert_eq!(translations[1].sentences[1].target, 6..9);
        assert_eq!(translations[1].sentences[1].source, 5..7);
        assert_eq!(translations[1].kept, [Kept { source: 3..4, target: 4..5 }]);
    }

    #[test]
    fn capitals_are_told_from_what_is_around_terms() {
        let sentences = (0..200).map(|i| format!("{i} {}", i * 7));
        let target = traduko_text::train(sentences, traduko_text::MIN_VOCAB + 10).expect("enough text");
        let vocabulary = Vocabulary::from(target);
        let read = |text: &str| {
            let terms = terms_of(text, &Glossary::default(), Clock::Any);
            let segment = Segment::new(&vocabulary, (0, text), 0..text.len(), &terms).expect("text");
            let segment = segment.expect("letters enough");
            (segment.is_shouted, segment.masked.text)
        };
        assert_eq!(read("NEW www.example.org BOOKS"), (true, "New X books".to_owned()));
        assert_eq!(read("HTTP {code}"), (false, "HTTP X".to_owned()));
        assert_eq!(read("NEW www.example.org Books"), (false, "NEW X Books".to_owned()));
    }

    fn found(text: &str) -> Vec<&str> {
        sentences(text, &terms_of(text, &Glossary::default(), Clock::Any))
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn sentences_with_something_to_translate() {
        assert_eq!(found("\u{1f389} Great! \u{1f389}"), ["Great!"]);
        assert_eq!(found("See https://example.org/?a=b for more. 12 %"), ["See https://example.org/?a=b for more."]);
        assert_eq!(found("https://example.org/ config.toml \u{fffc} 42. \u{2013}"), [""; 0]);
        assert_eq!(found("Run \u{fffc}"), ["Run \u{fffc}"]);
    }

    #[test]
    fn what_is_copied_is_kept() {
        let content = "{a} b c.\n{d}";
        let plan = plan(&[content], vec![segment(0, content, 4..8, 1)], 1);
        let translations = plan.assemble([(0, finished("B, c."))]);
        assert_eq!(translations[0].text, "{a} B, c.\n{d}");
        let kept = [(0..3, 0..3), (8..9, 9..10), (9..12, 10..13)].map(|(source, target)| Kept { source, target });
        assert_eq!(translations[0].kept, kept);
    }
}
