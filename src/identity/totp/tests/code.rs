use serde_json::Value;

use super::super::secret::from_base32;
use super::*;

/// The values of RFC 6238, appendix B, and what the window and single use ask for.
const CASES: &str = include_str!("../../../../tests/cases/totp.jsonl");

fn at(case: &Value, name: &str) -> Timestamp {
    Timestamp::from_millis(case[name].as_i64().unwrap() * 1000)
}

fn form(case: &Value) -> CodeForm {
    let hash = match case["alg"].as_str() {
        None | Some("SHA1") => CodeHash::Sha1,
        Some("SHA256") => CodeHash::Sha256,
        Some("SHA512") => CodeHash::Sha512,
        Some(other) => panic!("{other}"),
    };
    let digits = u32::try_from(case["digits"].as_u64().unwrap_or(6)).unwrap();
    CodeForm {
        hash,
        digits,
        ..CodeForm::USUAL
    }
}

#[test]
fn codes_are_those_of_the_rfc() {
    let mut counts = [0; 3];
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let form = form(&case);
        let secret = from_base32(case["secret_b32"].as_str().unwrap());
        let code = case["code"].as_str().unwrap_or_default();
        match case["kind"].as_str().unwrap() {
            "vector" => {
                counts[0] += 1;
                assert_eq!(form.code(&secret, form.step(at(&case, "unix"))), code, "{case}");
            }
            "window" => {
                counts[1] += 1;
                let made = form.code(&secret, form.step(at(&case, "code_made_at")));
                assert_eq!(made, code, "{case}");
                let found = form.check(&secret, code, at(&case, "now"), 0);
                assert_eq!(found.is_some(), case["expect"] == "accept", "{case}");
            }
            other => {
                counts[2] += 1;
                println!("not for this test: {other}: {case}");
            }
        }
    }
    assert!(counts[0] >= 6 && counts[1] >= 3, "{counts:?}");
}

#[test]
fn a_step_counts_once_and_none_before_it_does() {
    let secret = [7; 20];
    let form = CodeForm::USUAL;
    let now = Timestamp::from_millis(1_800_000_000_000);
    let step = form.step(now);
    for candidate in step - 3..=step + 3 {
        let code = form.code(&secret, candidate);
        let fits = candidate.abs_diff(step) <= 1;
        assert_eq!(form.check(&secret, &code, now, 0), fits.then_some(candidate));
        assert_eq!(form.check(&secret, &code, now, candidate), None);
        assert_eq!(form.check(&secret, &code, now, step + 5), None);
    }
}

#[test]
fn what_is_no_code_is_wrong() {
    let form = CodeForm::USUAL;
    let now = Timestamp::from_millis(1_800_000_000_000);
    let right = form.code(&[7; 20], form.step(now));
    for code in ["", "0", &right[1..], &format!("{right}0"), &format!(" {right}")] {
        assert_eq!(form.check(&[7; 20], code, now, 0), None, "{code}");
    }
}
