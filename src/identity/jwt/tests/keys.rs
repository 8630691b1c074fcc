//! Which keys are taken out of a set.

use aws_lc_rs::rsa::KeySize;

use super::*;
use crate::identity::jwt::key_set::KeySet;

/// Whether a token passes when its issuer's set holds these keys.
async fn ask(signer: &Signer, keys: &[Value]) -> Option<TokenFault> {
    let desk = Desk::of(vec![issuer(ISSUER)], keys);
    desk.ask(&signer.token(&claims())).await.err()
}

/// The signer's key with one field changed.
fn but(signer: &Signer, name: &str, value: Value) -> Value {
    let mut key = signer.jwk();
    key[name] = value;
    key
}

#[tokio::test]
async fn a_key_is_for_what_it_says() {
    let signer = Signer::new("ES256", "k1");
    for (name, value) in [("use", "sig"), ("alg", "ES256")] {
        assert_eq!(
            ask(&signer, &[but(&signer, name, json!(value))]).await,
            None
        );
    }
    let both = but(&signer, "key_ops", json!(["verify", "sign"]));
    assert_eq!(ask(&signer, &[both]).await, None);
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!(null)),
        ("alg", json!("ES384")),
        ("alg", json!("es256")),
        ("alg", json!(null)),
        ("key_ops", json!([])),
        ("key_ops", json!("verify")),
        ("kty", json!("RSA")),
        ("kty", json!("oct")),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("x", json!("AAAA")),
        ("y", json!(signer.jwk()["x"])),
        ("d", json!("AAAA")),
    ] {
        let found = ask(&signer, &[but(&signer, name, value.clone())]).await;
        assert_eq!(found, Some(TokenFault::UnfitKey), "{name}: {value}");
    }
}

#[tokio::test]
async fn an_rsa_key_has_at_least_2048_bits() {
    let signer = Signer::sized("RS256", "k1", KeySize::Rsa3072);
    assert_eq!(ask(&signer, &[signer.jwk()]).await, None);
    let encoded = signer.jwk()["n"].as_str().expect("a text").to_owned();
    // 255 of its bytes: the shape of a key of 2040 bits, which nobody can sign with.
    let short: String = encoded.chars().take(340).collect();
    let short = but(&signer, "n", json!(short));
    assert_eq!(ask(&signer, &[short]).await, Some(TokenFault::UnfitKey));
    // Some issuers write a zero before it: 'A' is six zero bits, so four of them are three zero bytes.
    let padded = but(&signer, "n", json!(format!("AAAA{encoded}")));
    assert_eq!(ask(&signer, &[padded]).await, None);
}

#[tokio::test]
async fn keys_of_one_name_are_told_apart_by_what_they_are_for_or_not_taken() {
    let (signer, other) = (Signer::new("ES256", "k1"), Signer::new("EdDSA", "k1"));
    let encrypting = but(&Signer::new("ES256", "k1"), "use", json!("enc"));
    assert_eq!(
        ask(&signer, &[encrypting, other.jwk(), signer.jwk()]).await,
        None
    );
    let second = Signer::new("ES256", "k1");
    let found = ask(&signer, &[signer.jwk(), second.jwk()]).await;
    assert_eq!(found, Some(TokenFault::UnfitKey));
}

#[tokio::test]
async fn a_key_without_a_name_is_nobodys() {
    let signer = Signer::new("ES256", "k1");
    for none in [json!(""), json!(null), json!(1)] {
        let found = ask(&signer, &[but(&signer, "kid", none)]).await;
        assert_eq!(found, Some(TokenFault::UnknownKey));
    }
    let found = ask(&signer, &[json!("k1"), json!(null)]).await;
    assert_eq!(found, Some(TokenFault::UnknownKey));
}

#[test]
fn what_is_no_set_is_not_read() {
    for (text, part) in [
        ("", "EOF"),
        ("[]", "an array"),
        ("{}", "no list `keys`"),
        (r#"{"keys":{}}"#, "no list `keys`"),
        (r#"{"keys":[],"keys":[]}"#, "stands twice"),
        (r#"{"keys":[{"kid":"a","kid":"b"}]}"#, "stands twice"),
        ("<html>", "expected value"),
    ] {
        let fault = KeySet::read(text, &Algorithm::ALL).err().expect(part);
        assert!(fault.to_string().contains(part), "{fault}");
    }
    let empty = KeySet::read(r#"{"keys":[]}"#, &Algorithm::ALL).expect("a set");
    assert_eq!(empty.usable(), 0);
}
