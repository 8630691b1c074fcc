//! What passes and what does not.

use super::*;
use crate::domain::{Role, Roles};

#[tokio::test]
async fn a_token_of_each_algorithm_proves_who_calls() {
    for algorithm in Algorithm::ALL {
        let signer = Signer::new(algorithm.as_str(), "k1");
        let desk = Desk::with(&signer);
        let verified = desk.ask(&signer.token(&claims())).await.expect("a token");
        assert_eq!(verified.agent_id.as_str(), "agent-1");
        assert_eq!(&*verified.issuer, ISSUER);
        assert_eq!(&*verified.subject, "agent-1");
        assert_eq!(verified.roles, Roles::of(&[Role::Agent]));
        assert_eq!(
            verified.expires,
            Timestamp::from_millis((NOW + 3_600) * 1_000)
        );
    }
}

#[tokio::test]
async fn a_token_of_each_algorithm_with_anothers_signature_is_refused() {
    for algorithm in Algorithm::ALL {
        let (owner, other) = (
            Signer::new(algorithm.as_str(), "k1"),
            Signer::new(algorithm.as_str(), "k1"),
        );
        let desk = Desk::with(&owner);
        let found = desk.ask(&other.token(&claims())).await;
        assert_eq!(found, Err(TokenFault::Signature), "{algorithm}");
    }
}

#[tokio::test]
async fn an_algorithm_is_one_that_configuration_names() {
    for used in Algorithm::ALL {
        let signer = Signer::new(used.as_str(), "k1");
        let mut believed = issuer(ISSUER);
        believed.algorithms.retain(|algorithm| *algorithm != used);
        let desk = Desk::of(vec![believed], &[signer.jwk()]);
        let found = desk.ask(&signer.token(&claims())).await;
        assert_eq!(found, Err(TokenFault::Algorithm), "{used}");
        assert_eq!(desk.source.fetches(), 0, "nobody asks for its key");
    }
}

#[tokio::test]
async fn a_token_that_says_another_algorithm_than_it_was_signed_with_is_refused() {
    let signer = Signer::new("RS256", "k1");
    let desk = Desk::with(&signer);
    for (said, fault) in [
        ("PS256", TokenFault::Signature),
        ("RS384", TokenFault::Signature),
        ("ES256", TokenFault::UnfitKey),
        ("EdDSA", TokenFault::UnfitKey),
        ("HS256", TokenFault::Algorithm),
        ("none", TokenFault::Algorithm),
    ] {
        let header = json!({"alg": said, "kid": "k1"}).to_string();
        let token = signer.token_with(&header, &claims().to_string());
        assert_eq!(desk.ask(&token).await, Err(fault), "{said}");
    }
}

#[tokio::test]
async fn a_token_with_any_byte_changed_is_refused() {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let signer = Signer::new(algorithm, "k1");
        let desk = Desk::with(&signer);
        let token = signer.token(&claims());
        desk.ask(&token).await.expect("unchanged it passes");
        for at in 0..token.len() {
            let before = token.as_bytes()[at];
            // Letters that differ in bits that base64 may leave unused, and such as are none.
            for after in [
                before ^ 1,
                before ^ 2,
                before ^ 4,
                b'A',
                b'Q',
                b'g',
                b'w',
                b'.',
                b'=',
                b' ',
            ] {
                let mut changed = token.clone().into_bytes();
                changed[at] = after;
                let changed = String::from_utf8(changed).expect("ASCII");
                if changed != token {
                    assert!(
                        desk.tokens.verify(&changed).is_err(),
                        "{algorithm}: {changed}"
                    );
                }
            }
        }
        for changed in [
            format!("{token}A"),
            format!(" {token}"),
            token.replacen('.', "..", 1),
        ] {
            assert!(desk.tokens.verify(&changed).is_err(), "{changed}");
        }
        let mut cut = token.clone();
        while cut.pop().is_some() {
            assert!(desk.tokens.verify(&cut).is_err(), "{algorithm}: {cut}");
        }
    }
}

#[tokio::test]
async fn a_claim_that_is_wrong_or_missing_is_named() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    for (claim, value, fault) in [
        ("iss", json!(null), TokenFault::Missing("iss")),
        ("iss", json!("https://other.test"), TokenFault::Issuer),
        ("iss", json!("https://issuer.test/"), TokenFault::Issuer),
        (
            "iss",
            json!([ISSUER]),
            TokenFault::Claim("iss", "not a text"),
        ),
        ("aud", json!(null), TokenFault::Missing("aud")),
        ("aud", json!("https://other.test"), TokenFault::Audience),
        ("exp", json!(null), TokenFault::Missing("exp")),
        ("exp", json!(NOW), TokenFault::Expired),
        ("nbf", json!(NOW + 61), TokenFault::NotYet),
        ("sub", json!(null), TokenFault::Missing("sub")),
        ("sub", json!("spiffe://a/b"), TokenFault::Subject),
        ("sub", json!("gateway"), TokenFault::Reserved),
        ("sub", json!("local-operator"), TokenFault::Reserved),
    ] {
        let token = signer.token(&claims_but(claim, value.clone()));
        assert_eq!(desk.ask(&token).await, Err(fault), "{claim}: {value}");
    }
    for claim in ["nbf", "iat"] {
        let token = signer.token(&claims_but(claim, json!(null)));
        assert!(desk.ask(&token).await.is_ok(), "{claim} may be missing");
    }
}

#[tokio::test]
async fn a_header_that_would_choose_the_key_or_the_meaning_is_refused_though_it_is_signed() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let ask = async |name: &str, value: Value| {
        let mut header = json!({"alg": "EdDSA", "kid": "k1"});
        header[name] = value;
        desk.ask(&signer.token_with(&header.to_string(), &claims().to_string()))
            .await
            .err()
    };
    for (name, value) in [
        ("jku", json!("https://issuer.test/keys")),
        ("x5u", json!("https://issuer.test/keys")),
        ("jwk", signer.jwk()),
        ("x5c", json!([])),
        ("crit", json!(["exp"])),
    ] {
        assert_eq!(ask(name, value).await, Some(TokenFault::Header(name)));
    }
    for none in [json!(""), json!(1), json!(null), json!("k".repeat(257))] {
        assert_eq!(ask("kid", none).await, Some(TokenFault::NoKeyNamed));
    }
    for other in ["id_token+jwt", "logout+jwt", "dpop+jwt", "", "JWE"] {
        assert_eq!(ask("typ", json!(other)).await, Some(TokenFault::Type));
    }
    for usual in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(ask("typ", json!(usual)).await, None, "{usual}");
    }
    assert_eq!(
        ask("x5t", json!("thumb")).await,
        None,
        "a thumbprint is no key"
    );
}

#[tokio::test]
async fn what_two_readers_could_read_differently_is_refused_though_it_is_signed() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let header = json!({"alg": "EdDSA", "kid": "k1"}).to_string();
    let doubled = claims()
        .to_string()
        .replacen('{', "{\"su\\u0062\":\"admin\",", 1);
    for (header, claims) in [
        (header.as_str(), doubled.as_str()),
        (
            r#"{"alg":"EdDSA","kid":"k1","kid":"k1"}"#,
            &claims().to_string(),
        ),
        (&header, &format!("[{}]", claims())),
        (&header, &format!("{} {{}}", claims())),
        (&header, ""),
    ] {
        let found = desk.ask(&signer.token_with(header, claims)).await;
        assert!(
            matches!(found, Err(TokenFault::Unreadable(_))),
            "{claims}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_token_longer_than_eight_kibibytes_is_not_read() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::with(&signer);
    let sized = |fill: usize| signer.token(&claims_but("fill", json!("x".repeat(fill))));
    let fits = (0..9_000)
        .rev()
        .map(sized)
        .find(|token| token.len() <= 8 * 1024)
        .expect("one fits");
    assert!(desk.ask(&fits).await.is_ok());
    let long = sized(9_000);
    assert_eq!(desk.ask(&long).await, Err(TokenFault::TooLong));
}

#[tokio::test]
async fn with_two_issuers_agents_have_the_names_of_theirs() {
    let signer = Signer::new("EdDSA", "k1");
    let tenant = "https://login.test/tenant/v2.0";
    let desk = Desk::of(vec![issuer(ISSUER), issuer(tenant)], &[signer.jwk()]);
    for (name, expected) in [
        (ISSUER, "issuer.test:agent-1"),
        (tenant, "login.test:tenant:v2.0:agent-1"),
    ] {
        let token = signer.token(&claims_but("iss", json!(name)));
        let verified = desk.ask(&token).await.expect("a token");
        assert_eq!(verified.agent_id.as_str(), expected);
        assert_eq!((&*verified.issuer, &*verified.subject), (name, "agent-1"));
    }
    assert_eq!(desk.source.fetches(), 2);
}

#[tokio::test]
async fn a_key_of_one_issuer_signs_nothing_for_another() {
    let signer = Signer::new("EdDSA", "k1");
    let desk = Desk::of(
        vec![issuer(ISSUER), issuer("https://b.test")],
        &[signer.jwk()],
    );
    desk.ask(&signer.token(&claims())).await.expect("its own");
    let other = Signer::new("EdDSA", "k1");
    desk.source.gives(&[other.jwk()]);
    let foreign = signer.token(&claims_but("iss", json!("https://b.test")));
    assert_eq!(desk.ask(&foreign).await, Err(TokenFault::Signature));
}

#[tokio::test]
async fn claims_give_roles_where_configuration_says_so() {
    let signer = Signer::new("EdDSA", "k1");
    let mut believed = issuer(ISSUER);
    believed.roles.push(RoleClaim {
        claim: "groups".to_owned(),
        value: "sre".to_owned(),
        role: Role::Operator,
    });
    let desk = Desk::of(vec![believed], &[signer.jwk()]);
    for (groups, roles) in [
        (json!(["sre"]), [Role::Operator]),
        (json!(["admin"]), [Role::Agent]),
        (json!(null), [Role::Agent]),
    ] {
        let token = signer.token(&claims_but("groups", groups));
        assert_eq!(desk.ask(&token).await.unwrap().roles, Roles::of(&roles));
    }
}

#[test]
fn faults_fit_a_header_and_repeat_nothing() {
    for fault in [
        TokenFault::TooLong,
        TokenFault::Unreadable("it needs three parts with a dot between each"),
        TokenFault::Header("jku"),
        TokenFault::Type,
        TokenFault::Algorithm,
        TokenFault::NoKeyNamed,
        TokenFault::Issuer,
        TokenFault::NoKeys,
        TokenFault::UnknownKey,
        TokenFault::UnfitKey,
        TokenFault::Signature,
        TokenFault::Missing("exp"),
        TokenFault::Claim("sub", "empty"),
        TokenFault::Audience,
        TokenFault::Expired,
        TokenFault::NotYet,
        TokenFault::Subject,
        TokenFault::Reserved,
    ] {
        let text = fault.to_string();
        // RFC 6750, 3: what `error_description` may hold.
        let fits = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(text.bytes().all(fits), "{text}");
        assert!(!text.ends_with('.') && text.starts_with("the "), "{text}");
    }
}
