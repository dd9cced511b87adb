//! Network and tokenizer together.

use std::iter::repeat_n;
use std::mem::take;
use std::ops::Range;

use traduko_kernels::Kernels;
use traduko_model::{Hypothesis, ModelConfig, SearchOptions, Seq2Seq, Steering, Stopping, beam_search};
use traduko_package::Package;
use traduko_text::{TextError, Vocabulary};

use crate::clock::Clock;
use crate::faults::has_loop;
use crate::loops::without_loops;
use crate::numbers::has_numbers;
use crate::plan::{Finished, Segment};
use crate::{Alternative, Flow, Plan, Progress, SentenceTranslation, TranslateError, TranslateOptions, Translation};

/// How many subwords in a row a network that turns in circles may not say again: first three, as is usual (Paulus et al., 2018).
const CIRCLES: [usize; 2] = [3, 2];

/// Translates text with a network, or several of one vocabulary, on one device.
#[derive(Debug)]
pub struct Translator<B: Kernels> {
    networks: Vec<Seq2Seq<B>>,
    vocabulary: Vocabulary,
    max_source_tokens: usize,
    clock: Clock,
    device: B::Device,
}

/// The translations of one batch, to be handed to [`Translator::finish`].
#[derive(Clone, Debug)]
pub struct FinishedBatch(Vec<(usize, Finished)>);

impl<B: Kernels> Translator<B> {
    /// A translator from a checked package; the package may be dropped afterwards.
    ///
    /// # Errors
    /// Where a tokenizer is broken or of another model than the weights, or the weights are not those of the configuration.
    pub fn from_package(package: &Package, device: &B::Device) -> Result<Self, TranslateError> {
        // The tokenizer first: should it be broken, no weight has been copied.
        let vocabulary = vocabulary_of(package)?;
        check_vocabulary(&vocabulary, package.config.n_vocab, package.config.n_source_vocab)?;
        let translator = Self::new(package.build_model(device)?, vocabulary, &package.config, device)?;
        Ok(translator.between(&package.manifest.source_language, &package.manifest.target_language))
    }

    /// A translator from its parts; `network` was built from `config` and lies on `device`. The languages are for
    /// [`Self::between`] to tell.
    ///
    /// # Errors
    /// Where the vocabulary has another number of subwords than the network.
    pub fn new(
        network: Seq2Seq<B>,
        vocabulary: Vocabulary,
        config: &ModelConfig,
        device: &B::Device,
    ) -> Result<Self, TranslateError> {
        check_vocabulary(&vocabulary, config.n_vocab, config.n_source_vocab)?;
        // The tag counts, and the end mark that the search appends.
        let around = vocabulary.source_tag().len() + 1;
        let max_source_tokens = config.max_source_length.saturating_sub(around).max(1);
        Ok(Self {
            networks: vec![network],
            vocabulary,
            max_source_tokens,
            clock: Clock::default(),
            device: device.clone(),
        })
    }

    /// The same translator, told its languages by their tags (BCP 47): `5 p.m.` is then written as the target language has it.
    pub fn between(self, source_language: &str, target_language: &str) -> Self {
        Self { clock: Clock::between(source_language, target_language), ..self }
    }

    /// The networks of both, which choose every token together, with the subwords of the first.
    ///
    /// # Errors
    /// Where the other has another number of subwords; that they are the same is the caller's to know.
    pub fn with(mut self, other: Self) -> Result<Self, TranslateError> {
        check_vocabulary(&self.vocabulary, other.vocabulary.target().n_vocab(), other.vocabulary.n_source_vocab())?;
        self.max_source_tokens = self.max_source_tokens.min(other.max_source_tokens);
        self.networks.extend(other.networks);
        Ok(self)
    }

    /// The subwords, for those who want to show them.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Translates texts of any length, batch by batch, and reports after each batch.
    ///
    /// One [`Translation`] a text, in order. Text without a letter around its terms comes back as it is, but for those.
    /// Native callers block on it.
    ///
    /// # Errors
    /// Those of [`Self::plan`], and [`TranslateError::Cancelled`] when `on_progress` says so.
    pub async fn translate(
        &self,
        texts: &[String],
        options: &TranslateOptions,
        mut on_progress: impl FnMut(Progress) -> Flow,
    ) -> Result<Vec<Translation>, TranslateError> {
        let plan = self.plan(texts, options)?;
        let total = plan.n_sentences();
        let mut finished = Vec::with_capacity(plan.n_batches());
        let mut done = 0;
        for batch in 0..plan.n_batches() {
            finished.push(self.run_batch(&plan, batch).await?);
            done += plan.batch_len(batch);
            if on_progress(Progress { done_sentences: done, total_sentences: total }) == Flow::Cancel {
                return Err(TranslateError::Cancelled { done, total });
            }
        }
        Ok(self.finish(&plan, finished))
    }

    /// Splits texts into sentences and sentences into batches, which [`Self::run_batch`] takes in any order.
    ///
    /// # Errors
    /// Where an option is out of its range, there are not as many prefixes as texts, or a tokenizer refuses.
    pub fn plan(&self, texts: &[String], options: &TranslateOptions) -> Result<Plan, TranslateError> {
        Plan::new(&self.vocabulary, self.max_source_tokens, texts, self.clock, options)
    }

    /// Translates one batch of a plan; a batch that the plan does not have is empty.
    ///
    /// # Errors
    /// Where a tokenizer refuses.
    pub async fn run_batch(&self, plan: &Plan, batch: usize) -> Result<FinishedBatch, TranslateError> {
        let segments = plan.batch(batch);
        let members: Vec<&Segment> = segments.iter().map(|(_, segment)| *segment).collect();
        let (steering, max_length) = (&plan.options.steering, plan.max_length(batch));
        let is_free = *steering == Steering::default() && plan.options.max_length_factor.is_none();
        let searched = self.search(&members, plan, steering, max_length).await?;
        let mut finished = Vec::with_capacity(segments.len());
        for ((index, segment), found) in segments.into_iter().zip(searched) {
            let found = match found {
                Some(found) if is_free && turns_in_circles(segment, &found) => {
                    self.search_the_end(segment, plan, max_length).await?.unwrap_or(found)
                }
                Some(found) => found,
                None => self.search_again(segment, plan, max_length).await?,
            };
            finished.push((index, found));
        }
        Ok(FinishedBatch(finished))
    }

    /// A segment of which the network says the same again and again, or finds no end. Where it may not say the same twice, it may
    /// come to one; `None` where it does not.
    async fn search_the_end(
        &self,
        segment: &Segment,
        plan: &Plan,
        max_length: usize,
    ) -> Result<Option<Finished>, TranslateError> {
        for no_repeat_ngram in CIRCLES {
            let steering = Steering { no_repeat_ngram, ..Steering::default() };
            let found = self.search(&[segment], plan, &steering, max_length).await?.pop().flatten();
            if found.as_ref().is_some_and(|found| !turns_in_circles(segment, found)) {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A segment of which the network lost a term or a number. With the numbers as terms it may do better; else what is
    /// around the terms is translated, each for itself.
    async fn search_again(
        &self,
        segment: &Segment,
        plan: &Plan,
        max_length: usize,
    ) -> Result<Finished, TranslateError> {
        let steering = &plan.options.steering;
        let terms = plan.terms_and_numbers(segment);
        if terms.len() > segment.masked.n_terms() {
            let again = plan.with_terms(&self.vocabulary, segment, &terms)?;
            let again: Vec<&Segment> = again.iter().collect();
            if let Some(Some(found)) = self.search(&again, plan, steering, max_length).await?.pop() {
                return Ok(found);
            }
        }
        let mut translated = Vec::new();
        for part in plan.parts(&self.vocabulary, segment, &terms)? {
            let found = self.search(&[&part], plan, steering, max_length).await?;
            translated.extend(found.into_iter().flatten().map(|found| (part.clone(), found)));
        }
        Ok(plan.join(segment, &terms, translated))
    }

    /// Translations of segments; none where every hypothesis lost a term or a number.
    async fn search(
        &self,
        segments: &[&Segment],
        plan: &Plan,
        steering: &Steering,
        max_length: usize,
    ) -> Result<Vec<Option<Finished>>, TranslateError> {
        if segments.is_empty() {
            return Ok(Vec::new());
        }
        let tag = self.vocabulary.source_tag();
        let sources: Vec<Vec<u32>> = segments.iter().map(|segment| [tag, &segment.ids].concat()).collect();
        let is_drawn = plan.options.steering.sampling.is_some();
        let is_brief = plan.options.stopping != Stopping::WholeBeam;
        let options = SearchOptions {
            beam: plan.options.beam,
            max_length,
            max_length_factor: plan.options.max_length_factor,
            length_penalty: plan.options.length_penalty,
            length_offset: plan.options.length_offset,
            // Where the best lost a term or a number, another may have it.
            n_best: if is_drawn || is_brief { plan.options.n_best } else { plan.options.beam },
            with_attention: plan.options.with_attention,
            stopping: plan.options.stopping,
            steering: steering.clone(),
            diversity_rate: plan.options.diversity_rate,
            coverage_penalty: plan.options.coverage_penalty,
            prefixes: segments.iter().map(|segment| segment.prefix.clone()).collect(),
        };
        let mut hypotheses = beam_search(&self.networks, &sources, &options, &self.device).await;
        if is_drawn {
            // They come in the order of the draws.
            for drawn in &mut hypotheses {
                drawn.sort_by(|left, right| right.score.total_cmp(&left.score));
            }
        }
        let found = segments.iter().zip(hypotheses);
        found.map(|(segment, best)| self.sentence(segment, best, &plan.options)).collect()
    }

    /// Joins finished batches to texts; sentences of a batch that is missing stay untranslated, but for their terms.
    pub fn finish(&self, plan: &Plan, batches: impl IntoIterator<Item = FinishedBatch>) -> Vec<Translation> {
        plan.assemble(batches.into_iter().flat_map(|batch| batch.0))
    }

    /// The best hypothesis that has all terms and numbers, with the next best ones of other texts, `n_best` in all at most;
    /// `None` where there is none.
    fn sentence(
        &self,
        segment: &Segment,
        hypotheses: Vec<Hypothesis>,
        options: &TranslateOptions,
    ) -> Result<Option<Finished>, TranslateError> {
        let mut chosen: Option<Finished> = None;
        for Hypothesis { tokens, score, is_finished, attention: mut rows } in hypotheses {
            if chosen.as_ref().is_some_and(|chosen| chosen.sentence.alternatives.len() + 1 >= options.n_best) {
                break;
            }
            let kept = without_loops(&tokens, &segment.ids, |token| self.has_letters(token));
            let tokens: Vec<u32> = kept.iter().map(|&at| tokens[at]).collect();
            let (text, offsets) = self.decode(&tokens)?;
            let Some(mut unmasked) = segment.masked.unmask(&text) else { continue };
            if options.keep_numbers && !has_numbers(&segment.masked.text, &text) {
                continue;
            }
            if segment.is_shouted {
                unmasked.make_capital();
            }
            if let Some(Finished { text, sentence, .. }) = &mut chosen {
                let is_new = |known: &str| known != unmasked.text;
                if is_new(text) && sentence.alternatives.iter().all(|other| is_new(&other.text)) {
                    sentence.alternatives.push(Alternative { text: unmasked.text, score });
                }
                continue;
            }
            // The end marks have a row and a column and a tag has a column, but no piece to show.
            let n_tags = self.vocabulary.source_tag().len();
            let n_rows = rows.len();
            let with_row = kept.iter().filter(|&&at| at < n_rows);
            let mut attention: Vec<Vec<f32>> = with_row.map(|&at| take(&mut rows[at])).collect();
            for row in &mut attention {
                row.drain(..n_tags);
                row.truncate(segment.pieces.len());
            }
            let position = |range: Range<usize>| unmasked.position(range.start)..unmasked.position(range.end);
            let sentence = SentenceTranslation {
                source_pieces: segment.pieces.clone(),
                target_pieces: self.vocabulary.target().pieces(&tokens),
                source_offsets: segment.origins.clone(),
                target_offsets: offsets.into_iter().map(position).collect(),
                score,
                is_cut_off: !is_finished,
                attention,
                ..SentenceTranslation::default()
            };
            chosen = Some(Finished { text: unmasked.text, kept: unmasked.kept, sentence });
        }
        Ok(chosen)
    }

    fn has_letters(&self, token: u32) -> bool {
        self.vocabulary.target().pieces(&[token]).iter().any(|piece| piece.contains(char::is_alphabetic))
    }

    /// Text of a hypothesis, with the bytes of each token in it.
    fn decode(&self, tokens: &[u32]) -> Result<(String, Vec<Range<usize>>), TranslateError> {
        let (text, offsets) = self.vocabulary.target().decode_with_offsets(tokens)?;
        Ok((on_one_line(&text), offsets))
    }
}

/// Bytes that a network may spell out include line ends, which would tear a line in two: as many spaces instead.
fn on_one_line(text: &str) -> String {
    let is_break = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    let spaced = |character: char| match is_break(character) {
        true => repeat_n(' ', character.len_utf8()),
        false => repeat_n(character, 1),
    };
    text.chars().flat_map(spaced).collect()
}

fn turns_in_circles(segment: &Segment, found: &Finished) -> bool {
    found.sentence.is_cut_off || has_loop(&segment.masked.text, &found.text)
}

/// The subwords of a package, with the tag that its sources begin with.
///
/// # Errors
/// Where a tokenizer is broken, or has no such tag.
pub fn vocabulary_of(package: &Package) -> Result<Vocabulary, TextError> {
    let vocabulary = Vocabulary::from_json(&package.tokenizer_json, package.source_tokenizer_json.as_deref())?;
    match &package.manifest.source_tag {
        Some(tag) => vocabulary.with_source_tag(tag),
        None => Ok(vocabulary),
    }
}

/// Compares with the sizes of a network's tables; that of the source is 0 where both sides share theirs.
fn check_vocabulary(vocabulary: &Vocabulary, target: usize, source: usize) -> Result<(), TranslateError> {
    let sizes = [
        ("tokenizer.json", vocabulary.target().n_vocab(), target),
        ("source_tokenizer.json", vocabulary.n_source_vocab(), source),
    ];
    match sizes.into_iter().find(|(_, tokenizer, network)| tokenizer != network) {
        Some((file, tokenizer, network)) => Err(TranslateError::Vocabulary { file, tokenizer, network }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::on_one_line;

    #[test]
    fn line_ends_become_spaces_of_as_many_bytes() {
        assert_eq!(on_one_line("\u{c9}\u{85}a\u{2028}\nb"), "\u{c9}  a    b");
    }
}
