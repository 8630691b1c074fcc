//! Credentials are found, ordinary words are not.

#![expect(
    clippy::print_stdout,
    reason = "what is skipped or measured is printed"
)]

use serde_json::Value;

use crate::guardrails::secrets::{SHAPES, find, is_secret_name, pattern_count};

#[test]
fn every_shape_compiles() {
    assert_eq!(pattern_count(), SHAPES.len());
}

#[test]
fn names_of_secrets_are_told_from_other_names() {
    for secret in [
        "password",
        "client_secret",
        "api_key",
        "apiKey",
        "X-API-Key",
        "APIKEY",
        "token",
        "accessToken",
        "auth_token",
        "Authorization",
        "credentials",
        "db.password",
        "key",
        "private_key_pem",
        "secretValue",
        "pw",
        "otp",
        "session-cookie",
    ] {
        assert!(is_secret_name(secret), "{secret}");
    }
    for open in [
        "service_name",
        "public_key",
        "primary_key",
        "key_id",
        "keyboard",
        "monkey",
        "max_tokens",
        "tokenizer",
        "secretary",
        "author",
        "passenger",
        "password_policy",
        "",
        "count",
    ] {
        assert!(!is_secret_name(open), "{open}");
    }
}

#[test]
fn what_is_found_is_the_secret_and_not_its_name() {
    for (text, secret) in [
        ("password=hunter22 and more", "hunter22"),
        (r#"{"client_secret": "abcdef123456"}"#, "abcdef123456"),
        (r#"{\"token\":\"abcdef123456\"}"#, "abcdef123456"),
        ("postgres://user:pa55word@db/x", "pa55word"),
        (
            "Authorization: Bearer dxkeRHTrfkS2k9FFdvs35p",
            "dxkeRHTrfkS2k9FFdvs35p",
        ),
        ("mysql --password s3cr3t99 -h db", "s3cr3t99"),
    ] {
        let found: Vec<&str> = find(text)
            .into_iter()
            .filter_map(|range| text.get(range))
            .collect();
        assert!(found.contains(&secret), "{text}: {found:?}");
    }
}

#[test]
fn known_examples_are_found_and_benign_ones_are_not() {
    let path = "../shared/data/vectors/secrets.jsonl";
    let Ok(lines) = std::fs::read_to_string(path) else {
        println!("skipped: {path} is not there");
        return;
    };
    let (mut secrets, mut found, mut benign, mut wrong) = (0, 0, 0, 0);
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = case["text"].as_str().expect("a text");
        let own = case["src"].as_str().expect("a source").starts_with("own");
        let hit = !find(text).is_empty();
        if case["secret"] == true {
            secrets += 1;
            found += usize::from(hit);
            assert!(hit || !own, "missed: {text}");
        } else {
            benign += 1;
            wrong += usize::from(hit);
            assert!(!hit || !own, "found in: {text}");
        }
    }
    println!("found {found} of {secrets}; wrongly {wrong} of {benign}");
    assert!(found * 100 >= secrets * 75, "found {found} of {secrets}");
}
