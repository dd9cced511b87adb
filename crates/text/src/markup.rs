//! Inline markup: the elements inside a text, and where they go in its translation.
//!
//! Elements are ranges of bytes that nest. A [`Projection`] is told which words of the translation came from which
//! words of the text, as far as the network knows, and finds for each element the stretch of the translation that
//! speaks for it best: every element exactly once, inside its parent, beside its siblings. Nothing here knows HTML.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::TextError;

/// An element inside a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its bytes; empty for an image or a line break.
    pub range: Range<usize>,
    /// The number of the element around it, which is less than its own.
    pub parent: Option<usize>,
}

/// The elements of a text in the order in which they begin, an outer one before what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markup {
    spans: Vec<Span>,
}

impl Markup {
    /// Checks elements against their text.
    ///
    /// # Errors
    /// Names the first span that cuts a character, leaves its parent or the text, or begins before its neighbour ends.
    pub fn new(text: &str, spans: Vec<Span>) -> Result<Self, TextError> {
        // Where the next child of each element may begin; the last entry is the text's.
        let mut free_from: Vec<usize> = spans.iter().map(|span| span.range.start).chain([0]).collect();
        for (index, Span { range, parent }) in spans.iter().enumerate() {
            let fault = |reason| Err(TextError::Span { index, range: range.clone(), reason });
            if range.start > range.end || range.end > text.len() {
                return fault("leaves the text");
            }
            if !text.is_char_boundary(range.start) || !text.is_char_boundary(range.end) {
                return fault("cuts a character");
            }
            let (around, slot) = match *parent {
                Some(parent) if parent >= index => return fault("comes before its parent"),
                Some(parent) => (spans[parent].range.clone(), parent),
                None => (0..text.len(), spans.len()),
            };
            if range.start < around.start || range.end > around.end {
                return fault("leaves its parent");
            }
            if range.start < free_from[slot] {
                return fault("begins before its neighbour ends");
            }
            free_from[slot] = range.end;
        }
        Ok(Self { spans })
    }

    /// The elements.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
}

/// An element of a translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its number in the text's [`Markup`].
    pub span: usize,
    /// Its bytes in the translation.
    pub range: Range<usize>,
}

/// A stretch that came through as one, such as a name or the place of an image: a word of its own on both sides, which owes
/// all to the other and nothing to the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its bytes in the text.
    pub source: Range<usize>,
    /// Its bytes in the translation.
    pub target: Range<usize>,
}

/// A text, its translation, and how much each word of the one owes to each of the other.
#[derive(Clone, Debug)]
pub struct Projection<'a> {
    source: &'a str,
    target: &'a str,
    source_words: Vec<Range<usize>>,
    target_words: Vec<Range<usize>>,
    is_kept_source: Vec<bool>,
    is_kept_target: Vec<bool>,
    /// For each target word: source words and their weights.
    links: Vec<Vec<(usize, f32)>>,
}

/// A stretch of target words with the bytes that a span may take there.
#[derive(Clone, Debug)]
struct Place {
    words: Range<usize>,
    bytes: Range<usize>,
}

impl<'a> Projection<'a> {
    /// Nothing but `kept` is known yet, which are not empty and do not overlap: see [`Self::link`].
    pub fn new(source: &'a str, target: &'a str, kept: &[Kept]) -> Self {
        let (source_words, is_kept_source) = units(source, kept.iter().map(|kept| &kept.source));
        let (target_words, is_kept_target) = units(target, kept.iter().map(|kept| &kept.target));
        let mut links = vec![Vec::new(); target_words.len()];
        for Kept { source, target } in kept {
            let of = |words: &[Range<usize>], range: &Range<usize>| words.iter().position(|word| word == range);
            if let (Some(source), Some(target)) = (of(&source_words, source), of(&target_words, target)) {
                links[target].push((source, 1.0));
            }
        }
        Self { source, target, source_words, target_words, is_kept_source, is_kept_target, links }
    }

    /// Says that `target` bytes of the translation came from `source` bytes of the text, with some weight: a piece of the
    /// translation and its attention to a piece of the text. Adds up; what lies outside all words, or was kept, is passed
    /// over.
    pub fn link(&mut self, target: Range<usize>, source: Range<usize>, weight: f32) {
        let mut sources = overlapping(&self.source_words, &source);
        sources.retain(|&(source, _)| !self.is_kept_source[source]);
        for (target, target_share) in overlapping(&self.target_words, &target) {
            if self.is_kept_target[target] {
                continue;
            }
            let links = &mut self.links[target];
            for &(source, source_share) in &sources {
                let weight = weight * target_share * source_share;
                match links.iter_mut().find(|(known, _)| *known == source) {
                    Some((_, sum)) => *sum += weight,
                    None => links.push((source, weight)),
                }
            }
        }
    }

    /// Where the elements go: each exactly once, in the order of the translation, an outer one before what it holds.
    ///
    /// An element takes the stretch of words that owe it more than a half each, as far as neighbours leave them; if there
    /// are none the free word that owes it most. Punctuation at its edges comes along where the text has some there.
    pub fn place(&self, markup: &Markup) -> Vec<Placed> {
        let spans = markup.spans();
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len() + 1];
        for (index, span) in spans.iter().enumerate() {
            children[span.parent.unwrap_or(spans.len())].push(index);
        }
        let source_words = self.claim_source_words(spans);
        let whole = Place { words: 0..self.target_words.len(), bytes: 0..self.target.len() };
        let mut places = vec![whole.clone(); spans.len()];
        // Parents come before their children, so the place around is known.
        for parent in std::iter::once(spans.len()).chain(0..spans.len()) {
            let (around, around_words) = match spans.get(parent) {
                Some(_) => (places[parent].clone(), source_words[parent].clone()),
                None => (whole.clone(), 0..self.source_words.len()),
            };
            let siblings = std::mem::take(&mut children[parent]);
            let taken = self.assign(&siblings, &source_words, &around.words, &around_words);
            self.lay_out(&siblings, &taken, markup, &source_words, &around, &mut places);
            let mut siblings = siblings;
            siblings.sort_by_key(|&index| (places[index].bytes.start, places[index].bytes.end, index));
            children[parent] = siblings;
        }
        in_order(&children, spans.len()).map(|span| Placed { span, range: places[span].bytes.clone() }).collect()
    }

    /// The source words of each element. A word that two neighbours share belongs to the first.
    fn claim_source_words(&self, spans: &[Span]) -> Vec<Range<usize>> {
        let mut claimed: Vec<Range<usize>> = Vec::with_capacity(spans.len());
        // The first word that the next child of each element, and of the text, may have.
        let mut free_from = vec![0; spans.len() + 1];
        for (index, Span { range, parent }) in spans.iter().enumerate() {
            let slot = parent.unwrap_or(spans.len());
            let limit = parent.map_or(self.source_words.len(), |parent| claimed[parent].end);
            let start = self.source_words.partition_point(|word| word.end <= range.start).max(free_from[slot]);
            let end = self.source_words.partition_point(|word| word.start < range.end).min(limit);
            let words = if range.is_empty() || end <= start { start.min(limit)..start.min(limit) } else { start..end };
            free_from[slot] = words.end;
            free_from[index] = words.start;
            claimed.push(words);
        }
        claimed
    }

    /// Whether source words are one that was kept.
    fn is_kept(&self, words: &Range<usize>) -> bool {
        words.len() == 1 && self.is_kept_source[words.start]
    }

    /// The share of a target word that it owes to some source words, 0 to 1.
    fn share(&self, target: usize, sources: &Range<usize>) -> f32 {
        let total: f32 = self.links[target].iter().map(|(_, weight)| weight).sum();
        let inside = self.links[target].iter().filter(|(source, _)| sources.contains(source));
        if total > 0.0 { inside.map(|(_, weight)| weight).sum::<f32>() / total } else { 0.0 }
    }

    /// Target words for each of some siblings that have words in the text, out of `domain`, which belongs to
    /// `around_words` of the text.
    fn assign(
        &self,
        siblings: &[usize],
        source_words: &[Range<usize>],
        domain: &Range<usize>,
        around_words: &Range<usize>,
    ) -> Vec<Option<Range<usize>>> {
        let mut taken: Vec<Option<Range<usize>>> = vec![None; siblings.len()];
        let wanting: Vec<usize> = (0..siblings.len()).filter(|&i| !source_words[siblings[i]].is_empty()).collect();
        if let [only] = wanting[..]
            && source_words[siblings[only]] == *around_words
            && !self.is_kept(around_words)
            && !domain.is_empty()
        {
            taken[only] = Some(domain.clone());
            return taken;
        }
        let shares: Vec<Vec<f32>> = wanting
            .iter()
            .map(|&i| domain.clone().map(|target| self.share(target, &source_words[siblings[i]])).collect())
            .collect();
        let claimed: Vec<f32> =
            (0..domain.len()).map(|target| shares.iter().map(|shares| shares[target]).sum()).collect();
        // A word owed to a neighbour costs more than one owed to none, and what was kept is its owner's whatever it costs.
        let gain = |i: usize, target: usize| match (self.is_kept_target[domain.start + target], shares[i][target]) {
            (true, share) if share > 0.0 => 1e3,
            (true, _) if claimed[target] > 0.0 => -1e6,
            (_, share) => 2.0 * share - claimed[target] - 0.5,
        };
        let mut is_free = vec![true; domain.len()];
        let mut open: Vec<usize> = (0..wanting.len()).collect();
        while let Some((position, (_, words))) = open
            .iter()
            .enumerate()
            .filter_map(|(position, &i)| Some((position, best_stretch(&is_free, |target| gain(i, target))?)))
            .reduce(|best, other| if other.1.0 > best.1.0 { other } else { best })
        {
            is_free[words.clone()].fill(false);
            let i = open.remove(position);
            taken[wanting[i]] = Some(domain.start + words.start..domain.start + words.end);
        }
        for i in open {
            let words = &source_words[siblings[wanting[i]]];
            if self.is_kept(words) {
                continue;
            }
            let centre = (words.start + words.end) as f32 / 2.0 - around_words.start as f32;
            let expected = centre / around_words.len().max(1) as f32 * domain.len() as f32;
            let distance = |target: usize| (target as f32 + 0.5 - expected).abs();
            let is_open = |&target: &usize| is_free[target] && !self.is_kept_target[domain.start + target];
            let best = (0..domain.len()).rev().filter(is_open).max_by(|&left, &right| {
                let by_share = shares[i][left].total_cmp(&shares[i][right]);
                by_share.then(distance(right).total_cmp(&distance(left)))
            });
            if let Some(target) = best {
                is_free[target] = false;
                taken[wanting[i]] = Some(domain.start + target..domain.start + target + 1);
            }
        }
        taken
    }

    /// Bytes for siblings whose words are known, and a position for those that have none.
    fn lay_out(
        &self,
        siblings: &[usize],
        taken: &[Option<Range<usize>>],
        markup: &Markup,
        source_words: &[Range<usize>],
        around: &Place,
        places: &mut [Place],
    ) {
        let spans = markup.spans();
        let mut order: Vec<(usize, Range<usize>)> =
            siblings.iter().zip(taken).filter_map(|(&span, words)| Some((span, words.clone()?))).collect();
        order.sort_by_key(|(_, words)| words.start);
        let mut laid: Vec<Range<usize>> = Vec::with_capacity(order.len());
        for (span, words) in order {
            let before = if words.start > around.words.start { self.target_words[words.start - 1].end } else { 0 };
            let left = before.max(around.bytes.start).max(laid.last().map_or(0, |range| range.end));
            let right =
                if words.end < around.words.end { self.target_words[words.end].start } else { around.bytes.end };
            let core = self.target_words[words.start].start..self.target_words[words.end - 1].end;
            // The signs that the element has before its first word and behind its last.
            let (range, own) = (&spans[span].range, &self.source_words[source_words[span].clone()]);
            let first = own.first().map_or(range.start, |word| word.start.max(range.start));
            let last = own.last().map_or(range.end, |word| word.end.min(range.end));
            let bytes = core.start - leading(&self.source[range.start..first], &self.target[left..core.start])
                ..core.end + trailing(&self.source[last..range.end], &self.target[core.end..right]);
            laid.push(bytes.clone());
            places[span] = Place { words, bytes };
        }
        for (&span, _) in siblings.iter().zip(taken).filter(|(_, words)| words.is_none()) {
            let mut at = self.anchor(&spans[span].range, spans[span].parent.map(|parent| &spans[parent].range), around);
            if let Some(range) = laid.iter().find(|range| range.start < at && at < range.end) {
                at = range.end;
            }
            let word = self.target_words.partition_point(|word| word.start < at);
            places[span] = Place { words: word..word, bytes: at..at };
        }
    }

    /// Where something without words goes: to the same end of what is around it, or else behind the word that owes most
    /// to the word before it.
    fn anchor(&self, range: &Range<usize>, parent: Option<&Range<usize>>, around: &Place) -> usize {
        let within = parent.cloned().unwrap_or(0..self.source.len());
        let has_words = |range: Range<usize>| {
            let first = self.source_words.partition_point(|word| word.end <= range.start);
            self.source_words.get(first).is_some_and(|word| word.start < range.end)
        };
        if !has_words(within.start..range.start) {
            return around.bytes.start;
        }
        if !has_words(range.end..within.end) {
            return around.bytes.end;
        }
        let before = self.source_words.partition_point(|word| word.start < range.start) - 1;
        let share = |target: usize| self.share(target, &(before..before + 1));
        let best = around.words.clone().filter(|&target| share(target) > 0.0);
        match best.reduce(|best, other| if share(other) > share(best) { other } else { best }) {
            Some(target) => self.target_words[target].end,
            None => {
                let far = (range.start - within.start) * around.words.len() / within.len().max(1);
                match around.words.clone().nth(far) {
                    Some(target) => self.target_words[target].end,
                    None => around.bytes.end,
                }
            }
        }
    }
}

/// The words of a text outside `kept`, and those, in order; and which ones were kept.
fn units<'a>(text: &str, kept: impl Iterator<Item = &'a Range<usize>>) -> (Vec<Range<usize>>, Vec<bool>) {
    let kept: Vec<&Range<usize>> = kept.collect();
    let is_outside = |word: &Range<usize>| kept.iter().all(|kept| word.end <= kept.start || kept.end <= word.start);
    let words = word_ranges(text).into_iter().filter(is_outside).map(|word| (word, false));
    let mut units: Vec<(Range<usize>, bool)> = words.chain(kept.iter().map(|&kept| (kept.clone(), true))).collect();
    units.sort_by_key(|(range, _)| range.start);
    units.into_iter().unzip()
}

/// Byte ranges of the words in a text: letters, digits and what joins to them. An apostrophe ends a word, since French and
/// Italian write an article so.
pub fn word_ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (start, word) in text.unicode_word_indices() {
        let mut from = 0;
        for (at, apostrophe) in word.match_indices(['\'', '\u{2019}']) {
            if at > from {
                found.push(start + from..start + at);
            }
            from = at + apostrophe.len();
        }
        if from < word.len() {
            found.push(start + from..start + word.len());
        }
    }
    found
}

/// The words that a range overlaps, and the share of its overlap that each has.
fn overlapping(words: &[Range<usize>], range: &Range<usize>) -> Vec<(usize, f32)> {
    let first = words.partition_point(|word| word.end <= range.start);
    let overlap = |word: &Range<usize>| word.end.min(range.end).saturating_sub(word.start.max(range.start));
    let inside = words[first..].iter().take_while(|word| word.start < range.end);
    let found: Vec<(usize, usize)> = inside.enumerate().map(|(i, word)| (first + i, overlap(word))).collect();
    let total: usize = found.iter().map(|(_, bytes)| bytes).sum();
    found.into_iter().filter(|(_, bytes)| *bytes > 0).map(|(word, bytes)| (word, bytes as f32 / total as f32)).collect()
}

/// The stretch of free positions with the greatest sum, where one is above zero; of equals the last that ends,
/// which holds together what came apart.
fn best_stretch(is_free: &[bool], gain: impl Fn(usize) -> f32) -> Option<(f32, Range<usize>)> {
    let mut best: Option<(f32, Range<usize>)> = None;
    let (mut sum, mut start) = (0.0f32, 0);
    for (position, is_free) in is_free.iter().enumerate() {
        if !is_free || sum < 0.0 {
            (sum, start) = (0.0, position);
        }
        if !is_free {
            start = position + 1;
            continue;
        }
        sum += gain(position);
        if sum > 0.0 && best.as_ref().is_none_or(|(best, _)| sum >= *best) {
            best = Some((sum, start..position + 1));
        }
    }
    best
}

/// How many bytes at the end of `gap` go with an element that has `before` before its first word.
fn leading(before: &str, gap: &str) -> usize {
    let wanted = signs(before.trim_end().chars().rev(), usize::MAX).1;
    // French puts a space behind its opening quotation mark.
    let close = gap.trim_end();
    let close = if close.ends_with('\u{ab}') { close } else { gap };
    match signs(close.chars().rev(), wanted).0 {
        0 => 0,
        bytes => gap.len() - close.len() + bytes,
    }
}

/// How many bytes at the beginning of `gap` go with an element that has `behind` behind its last word.
fn trailing(behind: &str, gap: &str) -> usize {
    let wanted = signs(behind.trim_start().chars(), usize::MAX).1;
    // French puts a space before these.
    let close = gap.trim_start();
    let close = if close.starts_with(['!', '?', ':', ';', '%', '\u{bb}']) { close } else { gap };
    match signs(close.chars(), wanted).0 {
        0 => 0,
        bytes => gap.len() - close.len() + bytes,
    }
}

/// Bytes and number of the signs that come first, at most `most`; the same sign several times in a row is one.
fn signs(characters: impl Iterator<Item = char>, most: usize) -> (usize, usize) {
    let (mut bytes, mut n, mut last) = (0, 0, None);
    for character in characters.take_while(|c| is_sign(*c)) {
        n += usize::from(last != Some(character));
        if n > most {
            return (bytes, most);
        }
        bytes += character.len_utf8();
        last = Some(character);
    }
    (bytes, n)
}

fn is_sign(character: char) -> bool {
    !character.is_alphanumeric() && !character.is_whitespace()
}

/// Elements in the order of a walk from `root` that sees an element before its children.
fn in_order(children: &[Vec<usize>], root: usize) -> impl Iterator<Item = usize> {
    let mut stack: Vec<usize> = children[root].iter().rev().copied().collect();
    std::iter::from_fn(move || {
        let next = stack.pop()?;
        stack.extend(children[next].iter().rev());
        Some(next)
    })
}

#[cfg(test)]
mod tests;
