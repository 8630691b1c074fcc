use proptest::prelude::*;

use super::*;

/// Every word of up to six characters over an alphabet that the patterns below share, and one that they don't.
///
/// Six: of two patterns of four pieces each, one may end and the other begin with three that share nothing.
fn words() -> Vec<String> {
    let alphabet = ['a', 'b', '_', 'z'];
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..6 {
        last = last
            .iter()
            .flat_map(|word| alphabet.map(|c| format!("{word}{c}")))
            .collect();
        all.extend_from_slice(&last);
    }
    all
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let piece = prop::sample::select(vec![
        "a", "b", "_", "*", "?", "[ab]", "[!a]", "{a,_b}", "{,b}", "A",
    ]);
    prop::collection::vec(piece, 1..5).prop_filter_map("not a pattern", |pieces| {
        Pattern::parse(&pieces.concat()).ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn covering_and_meeting_agree_with_trying_every_word(a in pattern(), b in pattern()) {
        let words = words();
        let covered = words.iter().all(|word| !b.matches(word) || a.matches(word));
        let both = words.iter().any(|word| a.matches(word) && b.matches(word));
        // What is claimed holds for every word; what is denied is seen in a short word, as the patterns are short.
        prop_assert_eq!(covers(&a, &b), covered, "{} covers {}", a, b);
        prop_assert_eq!(overlap(&a, &b), both, "{} meets {}", a, b);
    }

    #[test]
    fn a_witness_fits_its_own_pattern_and_every_pattern_that_covers_it(a in pattern(), b in pattern()) {
        let word = witness(&b);
        prop_assert!(b.matches(&word), "{:?} of {}", word, b);
        prop_assert!(!covers(&a, &b) || a.matches(&word), "{} and {:?} of {}", a, word, b);
    }
}

#[test]
fn patterns_meet_in_words_that_hold_the_end_of_one_and_the_beginning_of_the_other() {
    let parse = |text| Pattern::parse(text).expect("pattern");
    assert!(overlap(&parse("?A_*"), &parse("*baA")));
}

#[track_caller]
fn check_covers(outer: &str, inner: &str, expected: bool) {
    let parse = |text| Pattern::parse(text).expect("pattern");
    assert_eq!(
        covers(&parse(outer), &parse(inner)),
        expected,
        "{outer} covers {inner}"
    );
}

#[test]
fn ranges_fold_case_without_losing_what_lies_between() {
    check_covers("[A-z]", "_", true);
    check_covers("[A-Z]", "q", true);
    check_covers("[a-z]", "Q", true);
    check_covers("[A-Z]", "_", false);
    check_covers("[!A]*", "a*", false);
}

#[test]
fn a_comparison_that_costs_too_much_claims_nothing() {
    let braces = "{a,b}".repeat(40);
    check_covers(&braces, &format!("{braces}*"), false);
    let runs = "*a*b".repeat(20);
    let _ = covers(
        &Pattern::parse(&runs).expect("pattern"),
        &Pattern::parse(&"*b*a".repeat(20)).expect("pattern"),
    );
}
