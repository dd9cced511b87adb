//! Translating with a small random network: what comes out is nonsense, but always the same nonsense.

use std::collections::HashSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use traduko_kernels::backend::Flex;
use traduko_model::{EOS, ModelConfig, NamedTensor, RandomWeights, Seq2Seq, StoredWeights, TieKind};
use traduko_package::{Package, PackageContents, encode};
use traduko_text::{MIN_VOCAB, SubwordTokenizer, Vocabulary};
use traduko_translator::{
    Flow, Glossary, Sampling, Steering, TranslateError, TranslateOptions, Translation, Translator,
};

fn tokenizer() -> SubwordTokenizer {
    let words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let sentences = (0..200).map(|i| {
        let word = |step: usize| words[(i * step + i / 7) % words.len()];
        format!("{} {} {}, {}.", word(1), word(3), word(7), word(9))
    });
    traduko_text::train(sentences, MIN_VOCAB + 60).expect("enough text for so few subwords")
}

fn config(n_vocab: usize) -> ModelConfig {
    ModelConfig {
        n_vocab,
        d_embedding: 16,
        d_encoder: 12,
        n_encoder_layers: 2,
        d_decoder: 16,
        n_decoder_layers: 1,
        d_attention: 12,
        max_source_length: 12,
        ..ModelConfig::default()
    }
}

/// Random weights three times as large as training would start with: a network that has opinions.
fn weights(config: &ModelConfig) -> Vec<NamedTensor> {
    let Ok(model) = Seq2Seq::<Flex>::build(config, &mut RandomWeights::new(5), &Default::default());
    let mut weights = model.weights();
    for tensor in &mut weights {
        tensor.values.iter_mut().for_each(|value| *value *= 3.0);
    }
    weights
}

/// The same network in floats and, through a package, in int8.
static TRANSLATORS: LazyLock<[Translator<Flex>; 2]> = LazyLock::new(|| {
    let tokenizer = tokenizer();
    let config = config(tokenizer.n_vocab());
    let weights = weights(&config);
    let device = Default::default();
    let package = package(&config, &weights, &tokenizer);
    let int8 = Translator::from_package(&package, &device).expect("a sound package");
    let model = Seq2Seq::build(&config, &mut StoredWeights::new(weights), &device).expect("weights of this network");
    [Translator::new(model, tokenizer.into(), &config, &device).expect("one vocabulary"), int8]
});

fn package(config: &ModelConfig, weights: &[NamedTensor], tokenizer: &SubwordTokenizer) -> Package {
    let tokenizer_json = tokenizer.to_json().expect("was trained");
    let contents = PackageContents {
        config,
        weights,
        tokenizer_json: tokenizer_json.as_bytes(),
        source_tokenizer_json: None,
        source_language: "en".to_owned(),
        target_language: "fr".to_owned(),
        source_tag: None,
        licences: Vec::new(),
        notes: Default::default(),
        recipe: Default::default(),
        scores: Vec::new(),
    };
    Package::from_files(encode(&contents).expect("sound contents")).expect("was just written")
}

fn translate(translator: &Translator<Flex>, texts: &[&str], options: &TranslateOptions) -> Vec<Translation> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    pollster::block_on(translator.translate(&texts, options, |_| Flow::Continue)).expect("a sound model")
}

/// Neither of the two crates knows the other.
#[test]
fn text_and_model_reserve_the_same_ids() {
    let of_text = [traduko_text::PAD, traduko_text::UNK, traduko_text::BOS, traduko_text::EOS];
    assert_eq!(of_text, [traduko_model::PAD, traduko_model::UNK, traduko_model::BOS, traduko_model::EOS]);
}

/// One network, two vocabularies, and a tag before each source that the caller never sees.
#[test]
fn each_side_has_its_subwords_and_sources_a_tag() {
    let numbers = (0..200).map(|i| format!("{i} {}", i * 7));
    let target = traduko_text::train(numbers, MIN_VOCAB + 10).expect("enough text for so few subwords");
    let source = tokenizer().with_tags(&["<2fr>", "<2de>"]).expect("plain tags");
    let (n_vocab, n_source_vocab) = (target.n_vocab(), source.n_vocab());
    assert_ne!(n_vocab, n_source_vocab);
    let config = ModelConfig { n_source_vocab, tie_embeddings: TieKind::Target, ..config(n_vocab) };
    let (weights, device) = (weights(&config), Default::default());
    let translator = |tag: Option<&str>| {
        let model = Seq2Seq::<Flex>::build(&config, &mut StoredWeights::new(weights.clone()), &device);
        let vocabulary = Vocabulary::new(target.clone(), Some(source.clone()));
        let vocabulary = tag.map_or(Ok(vocabulary.clone()), |tag| vocabulary.with_source_tag(tag));
        Translator::new(model.expect("weights of this network"), vocabulary.expect("a tag it has"), &config, &device)
    };
    let options = TranslateOptions { with_attention: true, ..TranslateOptions::default() };
    let text = "one two three, nine ten.";
    let said = [None, Some("<2fr>"), Some("<2de>")].map(|tag| {
        let found = translate(&translator(tag).expect("its vocabularies"), &[text], &options).remove(0);
        let [sentence] = &found.sentences[..] else { panic!("{found:?}") };
        assert_eq!(sentence.source_pieces, source.encode(text).expect("text").pieces);
        assert!(!sentence.attention.is_empty());
        assert!(sentence.attention.iter().all(|row| row.len() == sentence.source_pieces.len()));
        sentence.score
    });
    assert!(said[0] != said[1] && said[1] != said[2], "{said:?}");

    let error = Vocabulary::from(target.clone()).with_source_tag("<2fr>").expect_err("no tag there");
    assert_eq!(error.to_string(), "tag \"<2fr>\": the vocabulary has no tag");
    let model = Seq2Seq::<Flex>::build(&config, &mut StoredWeights::new(weights.clone()), &device);
    let error = Translator::new(model.expect("its weights"), target.clone().into(), &config, &device);
    let error = error.expect_err("the source's subwords are missing").to_string();
    assert!(error.starts_with("source_tokenizer.json has 0 tokens, the network has"), "{error}");
}

const TEXTS: [&str; 10] = [
    "one two three.",
    "Ten!",
    "seven eight nine ten one, two three four five. Six?",
    "",
    "five six, four three two one",
    "two",
    "nine nine nine nine",
    "eight seven six five four three two one ten nine",
    "three two. one ten. nine eight.",
    // A number is looked for in the next best translations too, which is no matter of the others.
    "three 42 two",
];

/// A sentence's words and score are the same alone, beside longer and beside shorter sentences. The batches of one
/// length step hold sentences of up to seven subwords' difference, so there is padding in them.
#[test]
fn company_does_not_change_a_translation() {
    for translator in TRANSLATORS.iter() {
        let alone: Vec<_> =
            TEXTS.iter().map(|text| translate(translator, &[text], &TranslateOptions::default()).remove(0)).collect();
        for batch_sentences in [1, 2, 3, 5, 64] {
            let options = TranslateOptions { batch_sentences, ..TranslateOptions::default() };
            for (together, alone) in translate(translator, &TEXTS, &options).iter().zip(&alone) {
                assert_eq!(together.text, alone.text, "batches of {batch_sentences}");
                assert_eq!(together.sentences.len(), alone.sentences.len());
                for (together, alone) in together.sentences.iter().zip(&alone.sentences) {
                    assert!((together.score - alone.score).abs() < 1e-4, "{} {}", together.score, alone.score);
                }
            }
        }
    }
}

#[test]
fn order_does_not_change_a_translation() {
    for translator in TRANSLATORS.iter() {
        let options = TranslateOptions { batch_sentences: 2, ..TranslateOptions::default() };
        let forwards = translate(translator, &TEXTS, &options);
        let mut reversed = TEXTS;
        reversed.reverse();
        let backwards = translate(translator, &reversed, &options);
        for (left, right) in forwards.iter().zip(backwards.iter().rev()) {
            assert_eq!(left.text, right.text);
        }
    }
}

#[test]
fn text_without_words_comes_back_as_it_is() {
    let texts = ["", " ", "\n\t\u{a0}\n", "\u{2014}", " \u{2022} ...\n", "\u{200b}", "!?"];
    for (text, translation) in texts.iter().zip(translate(&TRANSLATORS[1], &texts, &TranslateOptions::default())) {
        assert_eq!(translation.text, *text);
        assert_eq!(translation.sentences, []);
        assert_eq!(translation.n_best(3), []);
    }
}

/// A network that writes nonsense still has to hand these on, by whatever way.
#[test]
fn terms_come_through_whatever_the_network_writes() {
    let terms =
        ["https://example.org/a?b=c", "%1$s", "{{ name }}", "config.toml", "\u{fffc}", "x@example.org", "\u{1f389}"];
    let texts = [
        format!("one {} two three.", terms[0]),
        format!("{}, four {} five {} {} six: {} {}", terms[4], terms[1], terms[2], terms[3], terms[5], terms[4]),
        terms[..6].join(" "),
        format!("{}{} seven {}", terms[3], terms[6], terms[6]),
        // More than there are letters to stand for them.
        format!("one {0} {0} two", terms[..6].join(" ")),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for translator in TRANSLATORS.iter() {
        for beam in [1, 5] {
            let options = TranslateOptions { beam, with_attention: true, ..TranslateOptions::default() };
            for (text, translation) in texts.iter().zip(translate(translator, &texts, &options)) {
                for term in terms {
                    let [before, now] = [*text, &translation.text].map(|text| text.matches(term).count());
                    assert_eq!(now, before, "{term} in {:?}", translation.text);
                }
                let n_terms: usize = terms.iter().map(|term| text.matches(term).count()).sum();
                assert_eq!(translation.kept.len(), n_terms);
                for kept in &translation.kept {
                    assert_eq!(translation.text[kept.target.clone()], text[kept.source.clone()]);
                }
                for sentence in &translation.sentences {
                    let [n_source, n_target] = [&sentence.source_pieces, &sentence.target_pieces].map(Vec::len);
                    assert_eq!([sentence.source_offsets.len(), sentence.target_offsets.len()], [n_source, n_target]);
                    assert_eq!(sentence.attention.len(), n_target);
                    assert!(sentence.attention.iter().all(|row| row.len() == n_source));
                    let inside = |outer: &std::ops::Range<usize>, inner: &std::ops::Range<usize>| {
                        outer.start <= inner.start && inner.end <= outer.end
                    };
                    assert!(sentence.source_offsets.iter().all(|offset| inside(&sentence.source, offset)));
                    assert!(sentence.target_offsets.iter().all(|offset| inside(&sentence.target, offset)));
                }
            }
        }
    }
}

#[test]
fn a_glossary_is_obeyed_whatever_the_network_writes() {
    let entries = [("two", "d\u{e9}\u{e0}"), ("four five", "K")].map(|(term, into)| (term.to_owned(), into.to_owned()));
    let glossary = Glossary::new(entries).expect("sound");
    let options = TranslateOptions { glossary, ..TranslateOptions::default() };
    let text = "Two three, two four five six.";
    for translator in TRANSLATORS.iter() {
        let translation = translate(translator, &[text], &options).remove(0);
        let mut kept: Vec<_> = translation.kept.iter().map(|kept| kept.source.clone()).collect();
        kept.sort_by_key(|source| source.start);
        assert_eq!(kept, [0..3, 11..14, 15..24]);
        for kept in &translation.kept {
            let wanted = match &text[kept.source.clone()] {
                "Two" => "D\u{e9}\u{e0}",
                "two" => "d\u{e9}\u{e0}",
                _ => "K",
            };
            assert_eq!(&translation.text[kept.target.clone()], wanted);
        }
    }
}

#[test]
fn a_prefix_survives_a_second_search() {
    let texts = ["three 42 two", "three {a} two 99, one", "one {a} {b} {c} {d} {e} {f} {g} {h} two", "four"];
    let prefixes = ["one two", "ten", "nine", ""].map(str::to_owned).to_vec();
    let options = TranslateOptions { prefixes: prefixes.clone(), ..TranslateOptions::default() };
    for translator in TRANSLATORS.iter() {
        let forced = translate(translator, &texts, &options);
        for (translation, prefix) in forced.iter().zip(&prefixes) {
            assert!(translation.text.starts_with(prefix), "{}", translation.text);
        }
        assert_eq!(forced[3].text, translate(translator, &["four"], &TranslateOptions::default())[0].text);
    }
}

#[test]
fn times_of_day_are_written_as_the_target_language_has_them() {
    // Only the package says that it translates English into French.
    let [plain, packaged] = &*TRANSLATORS;
    let text = "one two 5:30 p.m. three";
    let any_numbers = TranslateOptions { keep_numbers: false, ..TranslateOptions::default() };
    let kept = &translate(packaged, &[text], &TranslateOptions::default())[0];
    assert!(kept.text.contains("17 h 30"), "{}", kept.text);
    assert!(!kept.faults(text).contains(&traduko_translator::Fault::LostNumber));
    for (translator, options) in [(packaged, any_numbers), (plain, TranslateOptions::default())] {
        let translation = &translate(translator, &[text], &options)[0];
        assert!(!translation.text.contains("17 h 30"), "{}", translation.text);
    }
}

#[test]
fn french_hours_are_written_in_english() {
    let tokenizer = tokenizer();
    let config = config(tokenizer.n_vocab());
    let package = package(&config, &weights(&config), &tokenizer);
    let translator = Translator::<Flex>::from_package(&package, &Default::default()).expect("a sound package");
    let translator = translator.between("fr", "en");
    let text = "one de 9 h à 17 h 30 two en 2 h three";
    let translation = &translate(&translator, &[text], &TranslateOptions::default())[0];
    assert!(translation.text.contains("9:00") && translation.text.contains("17:30"), "{}", translation.text);
    assert!(translation.text.contains("2 hours"), "{}", translation.text);
}

#[test]
fn a_timetable_has_24_hours() {
    let text = "Monday to Friday: 9:30 a.m. to 12 p.m., 2 to 5:30 p.m.\n\
                Saturday, July 4, 2 to 5 p.m.\n\
                Room 4, 5, 6 or 7 p.m. Open!\n\
                Session 2 \u{2013} 4:30 p.m.\n\
                Hall 3\n- 8 p.m. CET";
    let translation = &translate(&TRANSLATORS[1], &[text], &TranslateOptions::default())[0];
    let pairs =
        translation.kept.iter().map(|kept| (&text[kept.source.clone()], &translation.text[kept.target.clone()]));
    let mut changed: Vec<_> = pairs.filter(|(source, target)| source != target).collect();
    changed.sort_by_key(|(source, _)| source.as_ptr() as usize - text.as_ptr() as usize);
    let wanted = [
        ("9:30 a.m.", "9 h 30"),
        ("12 p.m.", "12 h"),
        ("2", "14 h"),
        ("5:30 p.m.", "17 h 30"),
        ("2", "14 h"),
        ("5 p.m", "17 h"),
        ("8 p.m.", "20 h"),
    ];
    assert_eq!(changed, wanted);
}

#[test]
fn white_space_and_marks_between_sentences_stay() {
    let text = "  One two.\n\n \u{2022} Three four.\tFive  ";
    let translation = translate(&TRANSLATORS[1], &[text], &TranslateOptions::default()).remove(0);
    let [first, .., last] = &translation.sentences[..] else { panic!("one sentence: {translation:?}") };
    assert_eq!(&translation.text[..first.target.start], "  ");
    assert_eq!(&translation.text[last.target.end..], "  ");
    let copied: String = translation
        .sentences
        .windows(2)
        .map(|pair| &translation.text[pair[0].target.end..pair[1].target.start])
        .collect::<Vec<_>>()
        .join("|");
    assert!(copied.starts_with("\n\n "), "{copied:?}");
    for sentence in &translation.sentences {
        assert!(!translation.text[sentence.target.clone()].contains(char::is_control));
        assert_eq!(&text[sentence.source.clone()], text[sentence.source.clone()].trim());
    }
}

#[test]
fn a_sentence_longer_than_the_network_can_bear_is_split() {
    let text = "one two three four five six seven eight nine ten, ".repeat(6);
    let translation = translate(&TRANSLATORS[0], &[&text], &TranslateOptions::default()).remove(0);
    assert!(translation.sentences.len() > 4, "{}", translation.sentences.len());
    let mut end = 0;
    for sentence in &translation.sentences {
        assert!((1..=11).contains(&sentence.source_pieces.len()));
        assert_eq!(text[end..sentence.source.start].trim(), "", "nothing but white space lies between parts");
        end = sentence.source.end;
    }
    assert_eq!(text[end..].trim(), "");
}

#[test]
fn attention_has_a_row_a_piece_and_a_column_a_piece() {
    let options = TranslateOptions { with_attention: true, ..TranslateOptions::default() };
    let translations = translate(&TRANSLATORS[0], &TEXTS, &options);
    for (source, translation) in TEXTS.iter().zip(&translations) {
        for sentence in &translation.sentences {
            assert_eq!(sentence.attention.len(), sentence.target_pieces.len());
            for row in &sentence.attention {
                assert_eq!(row.len(), sentence.source_pieces.len());
                assert!(row.iter().all(|weight| (0.0..=1.0).contains(weight)));
                assert!((0.0..1.001).contains(&row.iter().sum::<f32>()));
            }
        }
        let n_source = source.split_whitespace().count();
        for (i, _) in translation.word_alignment(source) {
            assert!(i < n_source, "{i} of {n_source}");
        }
    }
    let without = translate(&TRANSLATORS[0], &TEXTS, &TranslateOptions::default());
    for (with, without) in translations.iter().zip(&without) {
        assert_eq!(with.text, without.text, "asking for attention changes nothing");
        assert!(without.sentences.iter().all(|sentence| sentence.attention.is_empty()));
    }
}

#[test]
fn alternatives_are_sorted_and_begin_after_the_best() {
    // Of all but the one with a number, which is put together from parts.
    let texts = &TEXTS[..9];
    let plain = translate(&TRANSLATORS[1], texts, &TranslateOptions::default());
    let options = TranslateOptions { n_best: 4, ..TranslateOptions::default() };
    let mut most = 0;
    for (best, plain) in translate(&TRANSLATORS[1], texts, &options).iter().zip(&plain) {
        assert!(plain.sentences.iter().all(|sentence| sentence.alternatives.is_empty()));
        assert_best_first(best, 4);
        most = most.max(best.sentences.iter().map(|sentence| sentence.alternatives.len()).max().unwrap_or(0));
    }
    assert_eq!(most, 3);
}

/// Every sentence has at most `n` translations of different texts, the best first, and so has the whole text.
fn assert_best_first(translation: &Translation, n: usize) {
    for sentence in &translation.sentences {
        let chosen = (&translation.text[sentence.target.clone()], sentence.score);
        let others = sentence.alternatives.iter().map(|other| (other.text.as_str(), other.score));
        let (texts, scores): (Vec<&str>, Vec<f32>) = std::iter::once(chosen).chain(others).unzip();
        assert!(texts.len() <= n && scores.is_sorted_by(|left, right| left >= right), "{scores:?}");
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len(), "{texts:?}");
    }
    let n_best = translation.n_best(n);
    assert!(n_best.is_empty() || n_best[0].text == translation.text);
}

#[test]
fn draws_come_best_first_and_once() {
    let texts = &TEXTS[..9];
    let draw = |top_k| {
        let sampling = Some(Sampling { temperature: 2.0, top_k, top_p: 1.0, seed: 1 });
        let steering = Steering { sampling, ..Steering::default() };
        let options = TranslateOptions { n_best: 4, steering, ..TranslateOptions::default() };
        translate(&TRANSLATORS[1], texts, &options)
    };
    let drawn = draw(0);
    assert!(drawn.iter().any(|translation| translation.n_best(4).len() == 4));
    drawn.iter().for_each(|translation| assert_best_first(translation, 4));
    // The most probable token each time, so four times the same.
    let same = draw(1);
    let mut sentences = same.iter().flat_map(|translation| &translation.sentences).peekable();
    assert!(sentences.peek().is_some() && sentences.all(|sentence| sentence.alternatives.is_empty()));
}

#[test]
fn progress_counts_up_and_a_cancelled_call_says_so() {
    let texts: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).collect();
    let options = TranslateOptions { batch_sentences: 2, ..TranslateOptions::default() };
    let mut seen = Vec::new();
    let record = |progress| {
        seen.push(progress);
        Flow::Continue
    };
    pollster::block_on(TRANSLATORS[0].translate(&texts, &options, record)).unwrap();
    assert!(seen.len() > 2 && seen.is_sorted_by_key(|progress| progress.done_sentences));
    let total = seen[0].total_sentences;
    assert_eq!(seen.last().map(|progress| progress.done_sentences), Some(total));
    let result = pollster::block_on(TRANSLATORS[0].translate(&texts, &options, |_| Flow::Cancel));
    assert!(matches!(result, Err(TranslateError::Cancelled { done, .. }) if done == seen[0].done_sentences));
}

#[test]
fn batches_may_be_run_in_any_order() {
    let texts: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).collect();
    let translator = &TRANSLATORS[1];
    let options = TranslateOptions { batch_sentences: 2, ..TranslateOptions::default() };
    let plan = translator.plan(&texts, &options).unwrap();
    let finished =
        (0..plan.n_batches()).rev().map(|batch| pollster::block_on(translator.run_batch(&plan, batch)).unwrap());
    let translations = translator.finish(&plan, finished);
    assert_eq!(translations, translate(translator, &TEXTS, &options));
    assert_eq!(translator.finish(&plan, []).iter().map(|left| left.text.as_str()).collect::<Vec<_>>(), TEXTS);
}

#[test]
fn options_out_of_range_are_named() {
    let fault = |options: TranslateOptions| {
        let result = pollster::block_on(TRANSLATORS[0].translate(&[], &options, |_| Flow::Continue));
        result.unwrap_err().to_string()
    };
    let default = TranslateOptions::default;
    assert_eq!(fault(TranslateOptions { beam: 0, ..default() }), "beam: found 0, expected 1 to 64");
    assert_eq!(fault(TranslateOptions { n_best: 6, ..default() }), "n-best: found 6, expected 1 to 5");
    assert_eq!(fault(TranslateOptions { batch_sentences: 0, ..default() }), "batch: found 0, expected 1 to 4096");
    let error = fault(TranslateOptions { length_penalty: f32::NAN, ..default() });
    assert_eq!(error, "length-penalty: found NaN, expected 0 to 10");
    assert_eq!(
        fault(TranslateOptions { length_offset: -1.0, ..default() }),
        "length-offset: found -1, expected 0 to 100"
    );
    assert_eq!(
        fault(TranslateOptions { diversity_rate: 101.0, ..default() }),
        "diversity-rate: found 101, expected 0 to 100"
    );
    assert_eq!(
        fault(TranslateOptions { coverage_penalty: -1.0, ..default() }),
        "coverage-penalty: found -1, expected 0 to 100"
    );
    assert_eq!(
        fault(TranslateOptions { max_length_factor: Some(0.0), ..default() }),
        "max-length-factor: found 0, expected 0.1 to 10"
    );
    let drawn = |temperature, top_p| {
        let sampling = Some(Sampling { temperature, top_k: 0, top_p, seed: 1 });
        TranslateOptions { n_best: 64, steering: Steering { sampling, ..Steering::default() }, ..default() }
    };
    assert_eq!(fault(drawn(0.0, 1.0)), "temperature: found 0, expected 0.01 to 100");
    assert_eq!(fault(drawn(1.0, 1.5)), "top-p: found 1.5, expected 0 to 1");
    assert_eq!(fault(TranslateOptions { n_best: 65, ..drawn(1.0, 1.0) }), "n-best: found 65, expected 1 to 64");
    let error = fault(TranslateOptions { prefixes: vec![String::new()], ..default() });
    assert_eq!(error, "prefixes: found 1, expected one for each of 0 texts");
}

#[test]
fn a_tokenizer_of_another_model_is_named() {
    let tokenizer = tokenizer();
    let config = config(tokenizer.n_vocab() + 1);
    let package = package(&config, &weights(&config), &tokenizer);
    let error = Translator::<Flex>::from_package(&package, &Default::default()).unwrap_err();
    assert!(matches!(error, TranslateError::Vocabulary { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any text goes in, a text of as many lines comes out, and every sentence knows its place.
    #[test]
    fn any_text_can_be_translated(text in "\\PC{0,40}|([a-e]{1,6}[ ,.\n]){0,20}") {
        let options = TranslateOptions { beam: 2, ..TranslateOptions::default() };
        let translation = translate(&TRANSLATORS[1], &[&text], &options).remove(0);
        prop_assert_eq!(translation.text.matches('\n').count(), text.matches('\n').count());
        let mut end = 0;
        for sentence in &translation.sentences {
            prop_assert!(sentence.source.start >= end && text.get(sentence.source.clone()).is_some());
            prop_assert!(translation.text.get(sentence.target.clone()).is_some());
            end = sentence.source.end;
        }
    }
}

#[test]
fn what_turns_in_circles_is_searched_again() {
    let tokenizer = tokenizer();
    let config = config(tokenizer.n_vocab());
    let mut weights = weights(&config);
    // So much more likely an end that two texts in three come to one.
    let bias = weights.iter_mut().find(|tensor| tensor.name == "embedding.target.bias").expect("a bias");
    bias.values[EOS as usize] += 4.0;
    let package = package(&config, &weights, &tokenizer);
    let translator = Translator::from_package(&package, &Default::default()).expect("a sound package");
    let texts: Vec<String> = (0..40).map(|i| format!("{} two {i}", ["one", "five", "ten", "six"][i % 4])).collect();
    let said = |max_length_factor| {
        let options = TranslateOptions { max_length_factor, keep_numbers: false, ..TranslateOptions::default() };
        translate(&translator, &texts.iter().map(String::as_str).collect::<Vec<_>>(), &options)
    };
    // Who asks for a length gets the first search, and this one is never reached.
    let (first, again) = (said(Some(10.0)), said(None));
    let has_end = |text: &Translation| text.sentences.iter().all(|sentence| !sentence.is_cut_off);
    assert!(first.iter().zip(&again).all(|(first, again)| first == again || has_end(again)));
    let [before, after] = [&first, &again].map(|texts| texts.iter().filter(|text| has_end(text)).count());
    assert!((20..30).contains(&before) && after > before, "{before} came to an end, then {after}");
}
