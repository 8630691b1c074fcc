//! The cases of `tests/cases/jwt`: tokens as attackers send them, with the time at which they are sent.

use std::collections::HashMap;

use super::*;

const CASES: &str = include_str!("../../../../tests/cases/jwt/cases.jsonl");
const KEYS: &str = include_str!("../../../../tests/cases/jwt/issuer.json");

/// Why each case is refused. Where a case leaves it to us, what we do is said behind.
const FAULTS: [(&str, TokenFault); 38] = [
    ("0006", TokenFault::Algorithm),
    ("0007", TokenFault::Algorithm),
    ("0010", TokenFault::Algorithm),
    ("0012", TokenFault::Algorithm),
    ("0013", TokenFault::Algorithm),
    ("0014", TokenFault::Algorithm),
    ("0016", TokenFault::Signature),
    ("0017", TokenFault::Signature),
    ("0018", TokenFault::Signature),
    ("0020", TokenFault::UnfitKey),
    ("0021", TokenFault::Header("jwk")),
    ("0022", TokenFault::Header("jku")),
    ("0027", TokenFault::UnknownKey),
    ("0030", TokenFault::UnknownKey),
    ("0031", TokenFault::NoKeyNamed),
    ("0033", TokenFault::UnknownKey),
    ("0036", TokenFault::UnknownKey),
    ("0038", TokenFault::Audience),
    ("0039", TokenFault::Audience),
    ("0041", TokenFault::Audience),
    ("0045", TokenFault::Expired),
    (
        "0048",
        TokenFault::Claim("exp", "not a number of seconds from 1970 to 9999"),
    ), // no calendar has that second
    ("0050", TokenFault::NotYet),
    ("0051", TokenFault::NotYet),
    ("0052", TokenFault::Claim("sub", "empty")),
    ("0053", TokenFault::Claim("sub", "not a text")),
    ("0055", TokenFault::Missing("exp")),
    ("0059", TokenFault::Expired),
    ("0060", TokenFault::Expired),
    ("0062", TokenFault::Header("crit")),
    ("0063", TokenFault::Type), // a token of another type is a token for something else
    ("0064", CLAIMS),
    ("0065", HEADER),
    ("0067", PARTS),
    (
        "0068",
        TokenFault::Unreadable("its signature is not base64url"),
    ),
    ("0071", HEADER), // the door takes one space after the scheme, and what follows is the token
    ("0073", PARTS),
    ("0075", HEADER),
];

const PARTS: TokenFault = TokenFault::Unreadable("it needs three parts with a dot between each");
const HEADER: TokenFault =
    TokenFault::Unreadable("its header is not one JSON object, each key once, in base64url");
const CLAIMS: TokenFault =
    TokenFault::Unreadable("its claims are not one JSON object, each key once, in base64url");

#[tokio::test]
async fn every_case_is_answered_as_it_says() {
    let keys: Value = serde_json::from_str(KEYS).expect("JSON");
    let believed = Issuer {
        issuer: keys["iss"].as_str().expect("a text").to_owned(),
        audience: keys["aud"].as_str().expect("a text").to_owned(),
        ..issuer(ISSUER)
    };
    let set = keys["jwks"]["keys"].as_array().expect("a list");
    let mut faults: HashMap<&str, TokenFault> = FAULTS.into_iter().collect();
    let mut accepted = 0;
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let desk = Desk::of(vec![believed.clone()], set);
        desk.clock.set(case["now"].as_i64().expect("a number"));
        let text = |name: &str| case[name].as_str().expect("a text").to_owned();
        let (id, token) = (text("id").replace("jwt_cases-", ""), text("token"));
        let found = desk.ask(&token).await;
        if text("expect").starts_with("accept") {
            // Its scheme is the door's to read, whatever its letters' case: here it is no token, and behind it is one.
            assert_eq!(found, Err(HEADER), "{line}");
            let (_, bare) = token.split_once(' ').expect("a scheme and a token");
            let verified = desk.ask(bare).await.expect("accepted");
            assert_eq!(verified.agent_id.as_str(), "agent-1");
            accepted += 1;
        } else {
            assert_eq!(found.err(), faults.remove(id.as_str()), "{line}");
        }
        assert!(desk.source.fetches() <= 1);
    }
    assert_eq!(accepted, 1);
    assert!(faults.is_empty(), "no case for {faults:?}");
}
