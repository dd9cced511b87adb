use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A text in which `<n>` begins element n and `</n>` ends it; gives the text without them, and its spans.
fn parse(marked: &str) -> (String, Vec<Span>) {
    let (mut text, mut spans, mut open) = (String::new(), Vec::<Span>::new(), Vec::<usize>::new());
    for (i, part) in marked.split(['<', '>']).enumerate() {
        match (i % 2, part.starts_with('/')) {
            (0, _) => text.push_str(part),
            (_, true) => spans[open.pop().expect("an open element")].range.end = text.len(),
            (_, false) => {
                spans.push(Span { range: text.len()..text.len(), parent: open.last().copied() });
                open.push(spans.len() - 1);
            }
        }
    }
    (text, spans)
}

/// The inverse of [`parse`] for placed elements.
fn show(text: &str, placed: &[Placed], spans: &[Span]) -> String {
    let (mut shown, mut at, mut open) = (String::new(), 0, Vec::<&Placed>::new());
    let mut upto = |shown: &mut String, to: usize| {
        shown.push_str(&text[at..to]);
        at = to;
    };
    for element in placed {
        while let Some(last) = open.last().filter(|last| Some(last.span) != spans[element.span].parent) {
            upto(&mut shown, last.range.end);
            shown.push_str(&format!("</{}>", last.span));
            open.pop();
        }
        upto(&mut shown, element.range.start);
        shown.push_str(&format!("<{}>", element.span));
        open.push(element);
    }
    for last in open.iter().rev() {
        upto(&mut shown, last.range.end);
        shown.push_str(&format!("</{}>", last.span));
    }
    upto(&mut shown, text.len());
    shown
}

/// Projects `marked` on `target`; `links` are pairs of a source and a target word, counted from 0 as `words` counts. A `*`
/// was kept, the first as the first.
fn project(marked: &str, target: &str, links: &[(usize, usize)]) -> String {
    let (source, spans) = parse(marked);
    let markup = Markup::new(&source, spans).expect("the test's markup is sound");
    let stars = |text: &str| text.match_indices('*').map(|(at, _)| at..at + 1).collect::<Vec<_>>();
    let pairs = stars(&source).into_iter().zip(stars(target));
    let kept: Vec<Kept> = pairs.map(|(source, target)| Kept { source, target }).collect();
    let mut projection = Projection::new(&source, target, &kept);
    let (source_words, target_words) = (word_ranges(&source), word_ranges(target));
    for &(source, target) in links {
        projection.link(target_words[target].clone(), source_words[source].clone(), 1.0);
    }
    show(target, &projection.place(&markup), markup.spans())
}

#[test]
fn words_end_at_apostrophes() {
    let text = "l'eau d\u{2019}aujourd'hui, 3.5 km (env.) l'";
    let found: Vec<&str> = word_ranges(text).into_iter().map(|range| &text[range]).collect();
    assert_eq!(found, ["l", "eau", "d", "aujourd", "hui", "3.5", "km", "env", "l"]);
}

#[test]
fn elements_follow_their_words() {
    let links = [(0, 0), (1, 2), (2, 1)];
    assert_eq!(project("the <0>red</0> house", "la maison rouge", &links), "la maison <0>rouge</0>");
    assert_eq!(project("the <0>red</0> <1>house</1>", "la maison rouge", &links), "la <1>maison</1> <0>rouge</0>");
    assert_eq!(project("<0>the <1>red</1> house</0>.", "la maison rouge.", &links), "<0>la maison <1>rouge</1></0>.");
}

#[test]
fn an_article_stays_outside() {
    assert_eq!(project("see the <0>article</0>", "voir l'article", &[(0, 0), (1, 1), (2, 2)]), "voir l'<0>article</0>");
}

#[test]
fn words_of_one_element_that_came_apart_are_one_stretch() {
    let links = [(0, 0), (1, 2), (2, 1), (2, 3)];
    assert_eq!(project("I <0>do not</0> know", "je ne sais pas", &links), "je <0>ne sais pas</0>");
    assert_eq!(
        project("we <0>do not</0> go", "nous n'allons pas", &[(0, 0), (1, 1), (2, 1), (3, 2), (2, 3)]),
        "nous <0>n'allons pas</0>"
    );
}

#[test]
fn punctuation_comes_along_where_the_text_has_it() {
    let links = [(0, 0), (1, 1)];
    assert_eq!(project("<0>Note:</0> wet", "Remarque : humide", &links), "<0>Remarque :</0> humide");
    assert_eq!(project("<0>Note</0>: wet", "Remarque : humide", &links), "<0>Remarque</0> : humide");
    assert_eq!(project("so <0>“wet”</0>.", "si « humide ».", &links), "si <0>« humide »</0>.");
    assert_eq!(project("so, <0>(wet)</0>.", "si, (humide).", &links), "si, <0>(humide)</0>.");
}

#[test]
fn nothing_is_lost_where_no_word_answers() {
    assert_eq!(project("go <0>on</0> now", "allez maintenant", &[(0, 0), (2, 1)]), "<0>allez</0> maintenant");
    assert_eq!(project("<0>a</0><1>b</1><2>c</2>", "x", &[(0, 0)]), "<0>x</0><1></1><2></2>");
    assert_eq!(project("<0>a <1>b</1></0>", "", &[]), "<0><1></1></0>");
    assert_eq!(project("<0>a</0> b", "...", &[]), "<0></0>...");
}

#[test]
fn elements_without_words_keep_their_neighbour() {
    let links = [(0, 0), (1, 1), (2, 2)];
    assert_eq!(project("<0></0>press the key", "touchez la clef", &links), "<0></0>touchez la clef");
    assert_eq!(project("press the<0></0> key", "touchez la clef", &links), "touchez la<0></0> clef");
    assert_eq!(project("press the key<0></0>", "touchez la clef", &links), "touchez la clef<0></0>");
    assert_eq!(project("<0>press<1></1></0> the key", "touchez la clef", &links), "<0>touchez<1></1></0> la clef");
}

#[test]
fn a_letter_set_apart_takes_its_word() {
    assert_eq!(project("<0>O</0>nce a day", "une fois par jour", &[(0, 1)]), "une <0>fois</0> par jour");
}

#[test]
fn what_was_kept_keeps_its_element_to_itself() {
    assert_eq!(project("run <0>*</0>.", "lancez *.", &[(0, 0)]), "lancez <0>*</0>.");
    assert_eq!(project("<0>run *</0>.", "lancez *.", &[(0, 0)]), "<0>lancez *</0>.");
    assert_eq!(project("<0><1>*</1></0> runs", "le * marche", &[(0, 1)]), "le <0><1>*</1></0> marche");
    assert_eq!(
        project("<0>run <1>*</1></0> in <2>*</2>", "dans *, lancez *", &[(0, 1), (1, 0)]),
        "dans <0><1>*</1>, lancez</0> <2>*</2>"
    );
}

#[test]
fn pieces_share_their_weight_among_words() {
    let mut projection = Projection::new("ab cd", "x", &[]);
    // " cd" lies two bytes in the second word; "b cd" one and two.
    projection.link(0..1, 2..5, 0.5);
    projection.link(0..1, 1..5, 0.3);
    let mut links = projection.links[0].clone();
    links.sort_by_key(|(word, _)| *word);
    let expected = [(0, 0.1), (1, 0.7)];
    assert!(links.iter().zip(expected).all(|(l, r)| l.0 == r.0 && (l.1 - r.1).abs() < 1e-6), "{links:?}");
}

#[test]
fn unsound_spans_are_named() {
    let span = |range, parent| Span { range, parent };
    let fault = |spans| Markup::new("aé b", spans).expect_err("unsound").to_string();
    assert_eq!(
        fault(vec![span(0..1, None), span(0..9, None)]),
        "span 1, bytes 0..9: it leaves the text (wanted spans that nest, in the order in which they begin)"
    );
    assert!(fault(vec![span(0..2, None)]).contains("cuts a character"));
    assert!(fault(vec![span(0..1, Some(0))]).contains("comes before its parent"));
    assert!(fault(vec![span(0..1, None), span(0..3, Some(0))]).contains("leaves its parent"));
    assert!(fault(vec![span(0..3, None), span(1..4, None)]).contains("begins before its neighbour ends"));
    let reversed = Span { range: Range { start: 3, end: 1 }, parent: None };
    assert!(fault(vec![reversed]).contains("leaves the text"));
}

/// Nested elements over a text of words, punctuation and gaps.
fn trees() -> impl Strategy<Value = String> {
    let leaf = "[a-z’' .,!«(é]{0,6}";
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop::collection::vec((any::<bool>(), inner), 0..5).prop_map(|parts| {
            let marked =
                |(is_element, part): &(bool, String)| if *is_element { format!("<>{part}</>") } else { part.clone() };
            parts.iter().map(marked).collect()
        })
    })
}

/// Stretches of a text between borders that cut no character, where the border before is marked; neighbours touch.
fn stretches(text: &str, borders: &BTreeMap<usize, bool>) -> Vec<Range<usize>> {
    let borders: Vec<_> = borders.iter().filter(|&(&at, _)| text.is_char_boundary(at)).collect();
    borders.windows(2).filter(|two| *two[0].1).map(|two| *two[0].0..*two[1].0).collect()
}

proptest! {
    /// Whatever the tree, the translation, the links and what was kept: every element once, each inside its parent and beside its
    /// siblings, in an order that can be written down.
    #[test]
    fn every_element_exactly_once(
        marked in trees(),
        target in "[a-z'’ .!»é]{0,30}",
        links in prop::collection::vec((0usize..40, 0usize..40, 0.0f32..1.0), 0..30),
        source_borders in prop::collection::btree_map(0usize..40, any::<bool>(), 0..12),
        target_borders in prop::collection::btree_map(0usize..40, any::<bool>(), 0..12),
        is_reordered in any::<bool>(),
    ) {
        let (source, spans) = parse(&marked);
        let markup = Markup::new(&source, spans).expect("parsed spans are sound");
        let mut targets = stretches(&target, &target_borders);
        if is_reordered {
            targets.reverse();
        }
        let pairs = stretches(&source, &source_borders).into_iter().zip(targets);
        let kept: Vec<Kept> = pairs.map(|(source, target)| Kept { source, target }).collect();
        let mut projection = Projection::new(&source, &target, &kept);
        for (from, to, weight) in links {
            projection.link(to..to + 3, from..from + 3, weight);
        }
        let placed = projection.place(&markup);
        let mut found: Vec<usize> = placed.iter().map(|element| element.span).collect();
        found.sort_unstable();
        prop_assert_eq!(found, (0..markup.spans().len()).collect::<Vec<_>>());
        let shown = show(&target, &placed, markup.spans());
        let (text, spans) = parse(&shown);
        prop_assert_eq!(&text, &target);
        for (element, span) in placed.iter().zip(&spans) {
            prop_assert_eq!(&element.range, &span.range);
            let parent = span.parent.map(|parent| placed[parent].span);
            prop_assert_eq!(parent, markup.spans()[element.span].parent);
        }
    }
}
