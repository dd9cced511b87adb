//! Subwords by byte pair encoding or by a unigram model, of one language or of several at once, read from and written to
//! `tokenizer.json`.
//!
//! Spaces are marked with `▁` (Metaspace), so the pieces can be shown to a person; a character outside the
//! alphabet falls back to its UTF-8 bytes, so that nothing is ever unknown.

use std::ops::Range;

use tokenizers::{AddedToken, ModelWrapper, Tokenizer};

use crate::{TextError, normalize};

/// Fills up short sentences in a batch.
pub const PAD: u32 = 0;
/// Reserved for readers that want one; text never encodes to it.
pub const UNK: u32 = 1;
/// Begins the target side.
pub const BOS: u32 = 2;
/// Ends a sentence.
pub const EOS: u32 = 3;

pub(crate) const SPECIALS: [&str; 4] = ["<pad>", "<unk>", "<s>", "</s>"];

/// Checks the form of a tag, such as `<2fr>`.
///
/// # Errors
/// When it is not letters, digits and hyphens between `<` and `>`.
#[cfg(feature = "train")]
pub fn check_tag(tag: &str) -> Result<(), TextError> {
    let name = tag.strip_prefix('<').and_then(|tag| tag.strip_suffix('>')).unwrap_or_default();
    let is_plain = |letter: char| letter.is_alphanumeric() || letter == '-';
    match !name.is_empty() && name.chars().all(is_plain) {
        true => Ok(()),
        false => {
            let reason = "wanted letters, digits and hyphens between < and >".to_owned();
            Err(TextError::Tag { tag: tag.to_owned(), reason })
        }
    }
}

/// Marks a space in a piece.
const SPACE: char = '\u{2581}';

/// The name the vocabulary gives to a byte: `<0x41>`.
pub(crate) fn byte_token(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}

/// The byte that a token such as `<0x41>` stands for.
pub(crate) fn byte_of(token: &str) -> Option<u8> {
    u8::from_str_radix(token.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// A sentence in subwords.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// One id per subword, without begin and end marks.
    pub ids: Vec<u32>,
    /// The subwords as a person may read them: `▁` for a space, `<0xE2>` for a lone byte.
    pub pieces: Vec<String>,
    /// For each subword its byte range in `normalize(text)`. The bytes of one fallen-back character, and in a unigram
    /// model of several in a row, share its range.
    pub offsets: Vec<Range<usize>>,
}

/// Cuts text into the subwords a network was trained on, and joins them again.
///
/// `decode(encode(text)) == normalize(text)` for every text, including text that contains `<s>` or `</s>`:
/// only the caller can add special ids.
#[derive(Clone, Debug)]
pub struct SubwordTokenizer {
    inner: Tokenizer,
    n_vocab: usize,
    /// Special tokens beyond [`SPECIALS`], in the order of their ids.
    tags: Vec<(u32, String)>,
}

impl SubwordTokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When the bytes are not a tokenizer, a reserved id holds another token, ids have gaps, or a byte has no token.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TextError> {
        let inner = Tokenizer::from_bytes(bytes).map_err(|error| TextError::Malformed { reason: error.to_string() })?;
        Self::from_inner(inner)
    }

    pub(crate) fn from_inner(mut inner: Tokenizer) -> Result<Self, TextError> {
        // Limits of length belong to the caller; a file that cuts or pads would lose words in silence.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(TextError::tokenizer)?;
        inner.set_encode_special_tokens(true);
        let found = match inner.get_model() {
            ModelWrapper::BPE(model) if model.dropout.is_none() && model.byte_fallback => None,
            ModelWrapper::Unigram(model) if model.byte_fallback() => None,
            ModelWrapper::BPE(model) if model.dropout.is_some() => Some("BPE with dropout"),
            ModelWrapper::BPE(_) => Some("BPE without byte_fallback"),
            ModelWrapper::Unigram(_) => Some("Unigram without byte_fallback"),
            ModelWrapper::WordPiece(_) => Some("WordPiece"),
            ModelWrapper::WordLevel(_) => Some("WordLevel"),
        };
        if let Some(found) = found {
            return Err(TextError::UnknownModel { found });
        }
        let n_vocab = inner.get_vocab_size(true);
        for (id, wanted) in (0..).zip(SPECIALS) {
            let found = inner.id_to_token(id);
            if found.as_deref() != Some(wanted) {
                return Err(TextError::SpecialToken { id, found, wanted });
            }
        }
        if let Some(id) = (0..n_vocab as u32).find(|&id| inner.id_to_token(id).is_none()) {
            return Err(TextError::IdMissing { id, n_vocab });
        }
        // A token twice could never be written for one of its ids, and an empty one makes encoding endless.
        let is_lost = |id: u32| {
            inner.id_to_token(id).is_some_and(|token| token.is_empty() || inner.token_to_id(&token) != Some(id))
        };
        if let Some(id) = (0..n_vocab as u32).find(|&id| is_lost(id)) {
            return Err(TextError::UselessToken { id, token: inner.id_to_token(id).unwrap_or_default() });
        }
        if let Some(token) = (0..=255).map(byte_token).find(|token| inner.token_to_id(token).is_none()) {
            return Err(TextError::ByteMissing { token });
        }
        let added = inner.get_added_vocabulary().get_added_tokens_decoder().iter();
        let is_tag = |id: u32, token: &AddedToken| token.special && id as usize >= SPECIALS.len();
        let mut tags: Vec<(u32, String)> =
            added.filter(|&(&id, token)| is_tag(id, token)).map(|(&id, token)| (id, token.content.clone())).collect();
        tags.sort_unstable();
        let tokenizer = Self { inner, n_vocab, tags };
        // No vocabulary has this character, so it takes the way over <unk> to the bytes.
        let probe = "\u{10FFFD}";
        let found = tokenizer.encode_ids(probe).and_then(|ids| tokenizer.decode(&ids));
        match found {
            Ok(found) if found == probe => Ok(tokenizer),
            Ok(found) => Err(TextError::Malformed { reason: format!("{probe:?} comes back as {found:?}") }),
            Err(error) => Err(TextError::Malformed { reason: format!("a character outside the vocabulary: {error}") }),
        }
    }

    /// The same with `tags` behind all other subwords: tokens such as `<2fr>`, which text never encodes to and which say
    /// nothing.
    ///
    /// # Errors
    /// As [`check_tag`], and when a tag has another meaning already.
    #[cfg(feature = "train")]
    pub fn with_tags<S: AsRef<str>>(&self, tags: &[S]) -> Result<Self, TextError> {
        let mut inner = self.inner.clone();
        for tag in tags.iter().map(AsRef::as_ref) {
            check_tag(tag)?;
            if inner.token_to_id(tag).is_some() {
                let reason = "the vocabulary has it already".to_owned();
                return Err(TextError::Tag { tag: tag.to_owned(), reason });
            }
            inner.add_special_tokens([AddedToken::from(tag, true)]).map_err(TextError::tokenizer)?;
        }
        // Through its own file, so that what was made and what is read back are the same.
        Self::from_json(inner.to_string(false).map_err(TextError::tokenizer)?.as_bytes())
    }

    /// The id of a tag.
    ///
    /// # Errors
    /// When the vocabulary has no such tag.
    pub fn tag(&self, tag: &str) -> Result<u32, TextError> {
        let found = self.tags.iter().find(|(_, known)| known == tag);
        found.map(|(id, _)| *id).ok_or_else(|| {
            let known: Vec<&str> = self.tags.iter().map(|(_, known)| known.as_str()).collect();
            let known = if known.is_empty() { "no tag".to_owned() } else { known.join(", ") };
            TextError::Tag { tag: tag.to_owned(), reason: format!("the vocabulary has {known}") }
        })
    }

    /// Whether an id says nothing: the four reserved ones, and tags.
    pub fn is_reserved(&self, id: u32) -> bool {
        (id as usize) < SPECIALS.len() || self.tags.iter().any(|&(tag, _)| tag == id)
    }

    #[cfg(feature = "train")]
    pub(crate) fn inner(&self) -> &Tokenizer {
        &self.inner
    }

    /// The file to ship, as JSON.
    ///
    /// # Errors
    /// When the `tokenizers` crate cannot write it.
    pub fn to_json(&self) -> Result<String, TextError> {
        self.inner.to_string(false).map_err(TextError::tokenizer)
    }

    /// How many ids there are, the four reserved ones and tags included.
    pub fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    /// Normalises `text` and cuts it into subwords.
    ///
    /// # Errors
    /// When the `tokenizers` crate refuses, which a tokenizer made by [`crate::train`] never does.
    pub fn encode(&self, text: &str) -> Result<Encoding, TextError> {
        let encoding = self.inner.encode(normalize(text), false).map_err(TextError::tokenizer)?;
        Ok(Encoding {
            ids: encoding.get_ids().to_vec(),
            pieces: encoding.get_tokens().to_vec(),
            offsets: encoding.get_offsets().iter().map(|&(start, end)| start..end).collect(),
        })
    }

    /// Only the ids of [`Self::encode`], faster.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_ids(&self, text: &str) -> Result<Vec<u32>, TextError> {
        let encoding = self.inner.encode_fast(normalize(text), false).map_err(TextError::tokenizer)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Joins subwords to text. Reserved ids say nothing; bytes that are no UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// When an id is outside the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TextError> {
        self.check(ids)?;
        let words: Vec<u32> = ids.iter().copied().filter(|&id| !self.is_reserved(id)).collect();
        self.inner.decode(&words, false).map_err(TextError::tokenizer)
    }

    /// [`Self::decode`], with the bytes of the text that each id wrote. The bytes of a character that was spelt out are one
    /// each; where they are no UTF-8 the ranges are only near.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_with_offsets(&self, ids: &[u32]) -> Result<(String, Vec<Range<usize>>), TextError> {
        let text = self.decode(ids)?;
        let (mut at, mut is_begun) = (0, false);
        let offsets = ids.iter().zip(self.pieces(ids)).map(|(&id, piece)| {
            let start = at;
            if !self.is_reserved(id) {
                // The first subword is written without its space.
                let space = if is_begun { " " } else { "" };
                at += if byte_of(&piece).is_some() { 1 } else { piece.replace(SPACE, space).len() };
                is_begun = true;
            }
            start.min(text.len())..at.min(text.len())
        });
        let offsets = offsets.collect();
        Ok((text, offsets))
    }

    /// The printable form of each id; an id outside the vocabulary shows as `<id>`.
    pub fn pieces(&self, ids: &[u32]) -> Vec<String> {
        ids.iter().map(|&id| self.inner.id_to_token(id).unwrap_or_else(|| format!("<{id}>"))).collect()
    }

    fn check(&self, ids: &[u32]) -> Result<(), TextError> {
        match ids.iter().find(|&&id| id as usize >= self.n_vocab) {
            Some(&id) => Err(TextError::IdOutOfVocab { id, n_vocab: self.n_vocab }),
            None => Ok(()),
        }
    }
}
