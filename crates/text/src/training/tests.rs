use proptest::prelude::*;
use std::sync::LazyLock;

use super::*;
use crate::{EOS, PAD, UNK};

static TOKENIZER: LazyLock<SubwordTokenizer> = LazyLock::new(|| train(sentences(), 700).expect("enough text"));
static UNIGRAM: LazyLock<SubwordTokenizer> = LazyLock::new(|| train_unigram(sentences(), 700).expect("enough text"));

fn sentences() -> impl Iterator<Item = String> + Send {
    (0..200).flat_map(|n| {
        [
            format!("The house number {n} isn't far from the river."),
            format!("La maison numéro {n} n'est pas loin de l'eau ; n'est-ce pas ?"),
        ]
    })
}

#[test]
fn reserved_ids_come_first_and_then_the_bytes() {
    assert_eq!(TOKENIZER.pieces(&[PAD, UNK, 2, EOS]), SPECIALS);
    assert_eq!(TOKENIZER.pieces(&[4, 4 + 0x41, 259]), ["<0x00>", "<0x41>", "<0xFF>"]);
    assert!(TOKENIZER.n_vocab() <= 700);
}

#[test]
fn frequent_words_are_one_piece_and_elisions_stand_alone() {
    let encoding = TOKENIZER.encode("La maison n’est pas 42").unwrap();
    assert_eq!(encoding.pieces, ["▁La", "▁maison", "▁n'", "est", "▁pas", "▁4", "2"]);
    let text = "La maison n'est pas 42";
    let cut: Vec<&str> = encoding.offsets.iter().map(|range| &text[range.clone()]).collect();
    assert_eq!(cut, ["La", " maison", " n'", "est", " pas", " 4", "2"]);
}

#[test]
fn names_of_tokens_in_text_are_text() {
    for tokenizer in [&*TOKENIZER, &*UNIGRAM] {
        for text in ["<s>", "</s> <pad>", "a<unk>b", "<0x41>", "▁ <s></s>"] {
            let ids = tokenizer.encode_ids(text).unwrap();
            assert!(ids.iter().all(|&id| id > EOS), "{text}: {ids:?}");
            assert_eq!(tokenizer.decode(&ids).unwrap(), normalize(text));
        }
    }
}

#[test]
fn a_unigram_model_has_the_same_reserved_ids_and_borders() {
    assert_eq!(UNIGRAM.pieces(&[PAD, UNK, 2, EOS]), SPECIALS);
    assert_eq!(UNIGRAM.pieces(&[4, 4 + 0x41, 259]), ["<0x00>", "<0x41>", "<0xFF>"]);
    assert!(UNIGRAM.n_vocab() <= 700);
    let encoding = UNIGRAM.encode("La maison n’est pas 42").unwrap();
    assert_eq!(encoding.pieces, ["▁La", "▁maison", "▁n'", "est", "▁pas", "▁", "4", "2"]);
    let text = "La maison n'est pas 42";
    let cut: Vec<&str> = encoding.offsets.iter().map(|range| &text[range.clone()]).collect();
    assert_eq!(cut, ["La", " maison", " n'", "est", " pas", " ", "4", "2"]);
    let encoding = UNIGRAM.encode("漢字").unwrap();
    assert_eq!(encoding.pieces[..2], ["▁", "<0xE6>"]);
    assert_eq!(encoding.offsets[1..], vec![0..6; 6]);
}

#[test]
fn a_unigram_model_is_the_same_every_time() {
    // More rare letters than the alphabet has room for, all equally frequent, and letters that never occur.
    let sentences = || (0..400).map(|n| format!("{} {n} words", char::from_u32(0x4e00 + n).unwrap()));
    let json = || train_unigram(sentences(), 700).unwrap().to_json().unwrap();
    let first = json();
    assert!((0..3).all(|_| json() == first));
    assert!(matches!(train_unigram([" "].iter(), 700), Err(TextError::NoText)));
    assert!(matches!(train_unigram(["a"].iter(), 300), Err(TextError::VocabTooSmall { .. })));
    // Room for the alphabet and nothing else.
    assert_eq!(train_unigram(sentences(), MIN_VOCAB).unwrap().n_vocab(), MIN_VOCAB);
}

#[test]
fn characters_outside_the_alphabet_are_spelled_in_bytes() {
    let encoding = TOKENIZER.encode("漢").unwrap();
    assert_eq!(encoding.pieces, ["▁", "<0xE6>", "<0xBC>", "<0xA2>"]);
    assert_eq!(TOKENIZER.decode(&encoding.ids).unwrap(), "漢");
}

#[test]
fn decoding_skips_reserved_ids_and_refuses_strangers() {
    let mut ids = TOKENIZER.encode_ids("La maison").unwrap();
    ids.extend([EOS, PAD]);
    assert_eq!(TOKENIZER.decode(&ids).unwrap(), "La maison");
    let error = TOKENIZER.decode(&[100_000]).unwrap_err();
    assert!(error.to_string().starts_with("token id 100000 is outside the vocabulary of"));
}

#[test]
fn offsets_are_those_of_the_decoded_text() {
    let spelt = TOKENIZER.encode_ids("漢").unwrap();
    let words = TOKENIZER.encode_ids("La maison").unwrap();
    // A lone space first: the text drops that one, not the space of the word behind it.
    let ids = [&[2, spelt[0]], &words[..], &spelt[1..], &[EOS]].concat();
    let (text, offsets) = TOKENIZER.decode_with_offsets(&ids).unwrap();
    assert_eq!(text, " La maison漢");
    assert_eq!(offsets, [0..0, 0..0, 0..3, 3..10, 10..11, 11..12, 12..13, 13..13]);
}

#[test]
fn bad_files_are_named() {
    let reason = |json: &[u8]| SubwordTokenizer::from_json(json).unwrap_err().to_string();
    assert!(reason(b"{").starts_with("tokenizer.json: "));
    let json = TOKENIZER.to_json().unwrap();
    assert!(reason(&json.as_bytes()[..json.len() / 2]).starts_with("tokenizer.json: "));
    let swapped = json.replace("\"<pad>\"", "\"<fill>\"");
    assert_eq!(
        reason(swapped.as_bytes()),
        "tokenizer.json: id 0 is Some(\"<fill>\") (wanted \"<pad>\"; prepare the tokenizer again)"
    );
}

#[test]
fn the_same_text_gives_the_same_tokenizer() {
    // More rare letters than the alphabet has room for, all equally frequent.
    let sentences = || (0..400).map(|n| format!("{} {n} words", char::from_u32(0x4e00 + n).unwrap()));
    let json = || train(sentences(), 700).unwrap().to_json().unwrap();
    let first = json();
    assert!((0..3).all(|_| json() == first));
}

#[test]
fn too_little_is_refused() {
    let error = train(["a"].iter(), 300).unwrap_err();
    assert!(matches!(error, TextError::VocabTooSmall { wanted: 300, .. }));
    assert!(matches!(train([" "].iter(), 700), Err(TextError::NoText)));
}

#[test]
fn models_that_lose_text_are_refused() {
    let reason = |json: &str| SubwordTokenizer::from_json(json.as_bytes()).unwrap_err().to_string();
    for tokenizer in [&*TOKENIZER, &*UNIGRAM] {
        let json = tokenizer.to_json().unwrap();
        let found = reason(&json.replace("\"byte_fallback\":true", "\"byte_fallback\":false"));
        assert!(found.contains("without byte_fallback (wanted BPE or Unigram"), "{found}");
    }
    let json = UNIGRAM.to_json().unwrap();
    let found = reason(&json.replace("\"unk_id\":1", "\"unk_id\":null"));
    assert!(found.contains("a character outside the vocabulary"), "{found}");
    let found = reason(&json.replace("\"▁maison\"", "\"\""));
    assert!(found.contains("is \"\" (wanted every token once"), "{found}");
    let found = reason(&json.replace("\"▁maison\"", "\"▁pas\""));
    assert!(found.contains("is \"▁pas\" (wanted every token once"), "{found}");
    let json = TOKENIZER.to_json().unwrap();
    let found = reason(&json.replace("\"dropout\":null", "\"dropout\":0.1"));
    assert!(found.contains("model BPE with dropout"), "{found}");
    let words = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":null,
        "post_processor":null,"decoder":null,"model":{"type":"WordLevel","vocab":{"<unk>":0},"unk_token":"<unk>"}}"#;
    assert!(reason(words).contains("model WordLevel (wanted BPE or Unigram"));
}

proptest! {
    #[test]
    fn text_survives(text in any::<String>()) {
        for tokenizer in [&*TOKENIZER, &*UNIGRAM] {
            let ids = tokenizer.encode_ids(&text).unwrap();
            prop_assert!(ids.iter().all(|&id| id > EOS));
            prop_assert_eq!(tokenizer.decode(&ids).unwrap(), normalize(&text));
        }
    }

    #[test]
    fn words_survive_a_saved_file(text in "[a-zà-ÿ '.<>/s0-9▁\u{301}]{0,40}", is_unigram in any::<bool>()) {
        let tokenizer = if is_unigram { &*UNIGRAM } else { &*TOKENIZER };
        let again = SubwordTokenizer::from_json(tokenizer.to_json().unwrap().as_bytes()).unwrap();
        let encoding = tokenizer.encode(&text).unwrap();
        prop_assert_eq!(&again.encode_ids(&text).unwrap(), &encoding.ids);
        prop_assert_eq!(again.decode(&encoding.ids).unwrap(), normalize(&text));
        prop_assert_eq!(again.pieces(&encoding.ids), encoding.pieces);
    }
}
