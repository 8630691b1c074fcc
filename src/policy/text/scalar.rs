//! What a plain word means: YAML's core schema, less everything that reads differently elsewhere.

use serde_json::Number;

use super::Data;

/// What an unquoted word is.
///
/// # Errors
/// When readers disagree about it (octal, hexadecimal, `.nan`, `1_000`), with a hint.
pub(super) fn plain(word: &str) -> Result<Data, &'static str> {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Data::Null),
        "true" => return Ok(Data::Bool(true)),
        "false" => return Ok(Data::Bool(false)),
        _ => {}
    }
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(unsigned) {
        return integer(word, unsigned);
    }
    let lower = unsigned.to_ascii_lowercase();
    if matches!(lower.as_str(), ".nan" | ".inf") {
        return Err("a number must be finite: write digits, or quote the text");
    }
    let radix = lower
        .strip_prefix("0x")
        .or_else(|| lower.strip_prefix("0o"));
    if radix
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Err(
            "octal and hexadecimal numbers are refused: write it in decimal, or quote the text",
        );
    }
    let grouped = unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned.contains('_')
        && unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_');
    if grouped {
        return Err("digits cannot be grouped: leave the `_` out, or quote the text");
    }
    if is_float_like(&lower) {
        return float(word, &lower);
    }
    Ok(Data::Text(word.to_owned()))
}

fn integer(word: &str, digits: &str) -> Result<Data, &'static str> {
    if word.starts_with('+') {
        return Err("a number has no `+`: leave it out, or quote the text");
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(
            "a number with a leading zero is octal to some: leave the zero out, or quote the text",
        );
    }
    let number = word.parse::<i64>().map(Number::from);
    number
        .or_else(|_| word.parse::<u64>().map(Number::from))
        .map(Data::Number)
        .map_err(|_| "the number does not fit into 64 bits: write a smaller one, or quote the text")
}

/// Digits with one dot or an exponent, and nothing else.
fn is_float_like(lower: &str) -> bool {
    let (mantissa, exponent) = lower
        .split_once('e')
        .map_or((lower, None), |(a, b)| (a, Some(b)));
    let exponent_fits = exponent.is_none_or(|part| {
        let digits = part.strip_prefix(['-', '+']).unwrap_or(part);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let dots = mantissa.bytes().filter(|&byte| byte == b'.').count();
    let has_digit = mantissa.bytes().any(|byte| byte.is_ascii_digit());
    let plain = mantissa
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    exponent_fits && dots <= 1 && has_digit && plain
}

fn float(word: &str, lower: &str) -> Result<Data, &'static str> {
    let mantissa = lower.split('e').next().unwrap_or_default();
    let whole = mantissa.split('.').next().unwrap_or_default();
    let odd = word.starts_with('+')
        || whole.is_empty()
        || mantissa.ends_with('.')
        || (whole.len() > 1 && whole.starts_with('0'));
    if odd {
        return Err(
            "a number is written as `0.5`, with a digit on both sides of the dot: write it so, or quote the text",
        );
    }
    let number = word.parse::<f64>().ok().and_then(Number::from_f64);
    number
        .map(Data::Number)
        .ok_or("a number must be finite: write a smaller one, or quote the text")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_that_only_look_like_numbers_stay_text() {
        for word in [
            "08:00",
            "22:30:00",
            "1.0.2",
            "10.0.0.1",
            "1h",
            "2026-01-01",
            "yes",
            "True",
            "e5",
            ".",
            "1e",
            "-",
        ] {
            assert_eq!(plain(word), Ok(Data::Text(word.to_owned())), "{word}");
        }
    }

    #[test]
    fn words_that_readers_disagree_about_are_refused() {
        for word in [
            "010",
            "-01",
            "0x1f",
            "0o17",
            "0O17",
            ".nan",
            ".NaN",
            "-.inf",
            "+.Inf",
            "+1",
            "1_000",
            ".5",
            "1.",
            "01.5",
            "1e400",
            "18446744073709551616",
        ] {
            assert!(plain(word).is_err(), "{word}");
        }
    }

    #[test]
    fn numbers_are_exact() {
        for (word, value) in [
            ("0", json!(0)),
            ("-12", json!(-12)),
            ("0.5", json!(0.5)),
            ("1e3", json!(1000.0)),
            (
                "18446744073709551615",
                json!(18_446_744_073_709_551_615_u64),
            ),
        ] {
            let Ok(Data::Number(number)) = plain(word) else {
                panic!("{word}")
            };
            assert_eq!(serde_json::Value::Number(number), value);
        }
    }
}
