use serde_json::Value;

use super::super::secret::from_base32;
use super::*;

/// Codes, and what the window makes of them.
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
    let hashes = [
        (CodeHash::Sha1, 20),
        (CodeHash::Sha256, 32),
        (CodeHash::Sha512, 64),
    ];
    for (seconds, codes) in [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000_i64, ["65353130", "77737706", "47863826"]),
    ] {
        for ((hash, length), code) in hashes.into_iter().zip(codes) {
            let form = CodeForm {
                hash,
                digits: 8,
                ..CodeForm::USUAL
            };
            let secret: Vec<u8> = b"1234567890".iter().copied().cycle().take(length).collect();
            let step = form.step(Timestamp::from_millis(seconds * 1000));
            assert_eq!(form.code(&secret, step), code, "{hash:?} at {seconds}");
        }
    }
}

#[test]
fn cases_of_codes_and_of_their_window_hold() {
    let mut counts = [0; 2];
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let form = form(&case);
        let secret = from_base32(case["secret_b32"].as_str().unwrap());
        let code = case["code"].as_str().unwrap();
        if case["kind"] == "vector" {
            counts[0] += 1;
            let step = form.step(at(&case, "unix"));
            assert_eq!(form.code(&secret, step), code, "{case}");
        } else {
            counts[1] += 1;
            let made = form.code(&secret, form.step(at(&case, "code_made_at")));
            assert_eq!(made, code, "{case}");
            let found = form.check(&secret, code, at(&case, "now"), 0);
            assert_eq!(found.is_some(), case["expect"] == "accept", "{case}");
        }
    }
    assert_eq!(counts, [4, 5]);
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
        assert_eq!(
            form.check(&secret, &code, now, 0),
            fits.then_some(candidate)
        );
        assert_eq!(form.check(&secret, &code, now, candidate), None);
        assert_eq!(form.check(&secret, &code, now, step + 5), None);
    }
}

#[test]
fn what_is_no_code_is_wrong() {
    let form = CodeForm::USUAL;
    let now = Timestamp::from_millis(1_800_000_000_000);
    let right = form.code(&[7; 20], form.step(now));
    for code in [
        "",
        "0",
        right.get(1..).unwrap(),
        &format!("{right}0"),
        &format!(" {right}"),
    ] {
        assert_eq!(form.check(&[7; 20], code, now, 0), None, "{code}");
    }
}
