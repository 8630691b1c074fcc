use super::*;

#[track_caller]
fn check(pattern: &str, text: &str, expected: bool) {
    let regex = WholeRegex::parse(pattern).expect("a regex");
    assert_eq!(regex.is_match(text), expected, "{pattern} on {text:?}");
}

#[test]
fn a_regex_covers_the_whole_value_and_ascii_alone() {
    check("^[a-z]+$|x", "anything x", false);
    check("a|b", "ab", false);
    check("^[a-zA-Z0-9]+$", "abc\n", false);
    check("(?m)^a$", "a\nb", false);
    check("\\d+", "\u{663}", false);
    check("\\w+", "\u{e9}", false);
    check("(?i)k", "\u{212a}", false);
    check("\\d+", "42", true);
    check("(?i)k", "K", true);
    check(".{1,8}", "h\u{e9}llo", true);
}

#[test]
fn a_regex_that_breaks_out_or_costs_too_much_is_refused() {
    let nested = format!("{}a{}", "(".repeat(1000), ")".repeat(1000));
    let long = "a".repeat(5_000);
    for pattern in [
        "a)|(?:b",
        "(?:a{1000}){1000}",
        "(\\p{L}{50}){50}",
        "\\pL",
        "(\\w)\\1",
        "(?=a)",
        "(?u)\\w",
        "(?iu:\\w)",
        "(?u-i:\\w)",
        "(?x)a #",
        &nested,
        &long,
    ] {
        assert!(WholeRegex::parse(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn backtracking_bait_takes_linear_time() {
    let regex = WholeRegex::parse("^(.*)*x$").expect("a regex");
    assert!(!regex.is_match(&"a".repeat(100_000)));
}
