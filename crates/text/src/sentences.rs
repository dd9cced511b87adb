//! Cutting a text into sentences.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// The sentences of `text` as byte ranges, in order and without overlap.
///
/// A sentence has no white space at its ends, and between two sentences, before the first and after the last
/// there is only white space. So copying what lies between the ranges and replacing each range gives the text
/// back, losslessly. Follows UAX #29: a line end always ends a sentence.
pub fn split_sentences(text: &str) -> Vec<Range<usize>> {
    text.split_sentence_bound_indices()
        .filter_map(|(start, sentence)| {
            let start = start + (sentence.len() - sentence.trim_start().len());
            let end = start + sentence.trim().len();
            (start < end).then_some(start..end)
        })
        .collect()
}
