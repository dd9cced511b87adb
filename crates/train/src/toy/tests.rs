use super::*;

#[test]
fn french_counts() {
    let by_hand = [
        (0, "zéro"),
        (16, "seize"),
        (17, "dix-sept"),
        (21, "vingt et un"),
        (22, "vingt-deux"),
        (61, "soixante et un"),
        (70, "soixante-dix"),
        (71, "soixante et onze"),
        (77, "soixante-dix-sept"),
        (80, "quatre-vingts"),
        (81, "quatre-vingt-un"),
        (91, "quatre-vingt-onze"),
        (97, "quatre-vingt-dix-sept"),
        (100, "cent"),
        (101, "cent un"),
        (180, "cent quatre-vingts"),
        (200, "deux cents"),
        (203, "deux cent trois"),
        (1000, "mille"),
        (1001, "mille un"),
        (1999, "mille neuf cent quatre-vingt-dix-neuf"),
        (2280, "deux mille deux cent quatre-vingts"),
        (80_000, "quatre-vingt mille"),
        (200_000, "deux cent mille"),
        (200_200, "deux cent mille deux cents"),
    ];
    for (number, words) in by_hand {
        assert_eq!(french_number(number, false), words);
    }
    assert_eq!(french_number(1, true), "une");
    assert_eq!(french_number(31, true), "trente et une");
    assert_eq!(french_number(81, true), "quatre-vingt-une");
    assert_eq!(french_number(71, true), "soixante et onze");
    assert_eq!(french_number(21_000, true), "vingt et un mille");
}

#[test]
fn english_counts() {
    let by_hand = [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (42, "forty-two"),
        (100, "one hundred"),
        (215, "two hundred and fifteen"),
        (1000, "one thousand"),
        (1005, "one thousand and five"),
        (12_345, "twelve thousand three hundred and forty-five"),
    ];
    for (number, words) in by_hand {
        assert_eq!(english_number(number), words);
    }
}

#[test]
fn dates_and_times() {
    let both = |english: &str, french: &str| (english.to_owned(), french.to_owned());
    assert_eq!(date(1, 5), both("the first of May", "le premier mai"));
    assert_eq!(date(14, 7), both("the fourteenth of July", "le quatorze juillet"));
    assert_eq!(date(22, 8), both("the twenty-second of August", "le vingt-deux août"));
    assert_eq!(date(30, 2), both("the thirtieth of February", "le trente février"));
    assert_eq!(time(1, 21), both("twenty-one past one", "une heure vingt et une"));
    assert_eq!(time(3, 15), both("a quarter past three", "trois heures et quart"));
}

#[test]
fn the_same_seed_gives_the_same_pairs() {
    assert_eq!(pairs(50, 7), pairs(50, 7));
    assert_ne!(pairs(50, 7), pairs(50, 8));
    assert!(pairs(500, 1).iter().all(|(en, fr)| en.ends_with('.') && fr.starts_with(char::is_uppercase)));
    for (source, target) in reverse_pairs(50, 3) {
        assert_eq!(source.chars().rev().collect::<String>(), target);
        assert!((5..=19).contains(&source.len()));
    }
}
