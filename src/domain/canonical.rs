//! One way to write JSON for hashing: RFC 8785 (JCS).
//!
//! Integers outside ±2^53 are written exactly instead of being rounded to a double, as RFC 8785 would:
//! two different arguments must never share a digest.

use std::io::Write as _;

use serde_json::{Map, Number, Value};

/// The value in canonical form.
#[must_use]
pub fn canonical_json(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_canonical(value, &mut out);
    out
}

/// Appends the value in canonical form.
pub fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        Value::Object(map) => write_canonical_object(map, out),
    }
}

/// Appends the object in canonical form.
pub fn write_canonical_object(map: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut members: Vec<(&String, &Value)> = map.iter().collect();
    // RFC 8785 sorts by UTF-16 code units, which differs from UTF-8 order beyond the basic plane.
    members.sort_by(|(a, _), (b, _)| {
        if a.is_ascii() && b.is_ascii() {
            a.cmp(b)
        } else {
            a.encode_utf16().cmp(b.encode_utf16())
        }
    });
    out.push(b'{');
    for (index, (key, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_canonical(value, out);
    }
    out.push(b'}');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    // serde_json escapes exactly what RFC 8785 asks for. Writing to a Vec cannot fail.
    drop(serde_json::to_writer(&mut *out, text));
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    let written = match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(integer), ..) => write!(out, "{integer}"),
        (_, Some(integer), _) => write!(out, "{integer}"),
        (.., Some(float)) => {
            let mut buffer = ryu_js::Buffer::new();
            write!(out, "{}", buffer.format(float))
        }
        (None, None, None) => write!(out, "null"),
    };
    drop(written); // writing to a Vec cannot fail
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_and_numbers_are_written_as_ecmascript_does() {
        let value = json!({"b": [1, 1.0, 1e21, 1e-7, -0.0], "a": {"\u{20ac}": 1, "\r": 2, "\u{1f600}": 3, "\u{fb33}": 4}, "": "\u{1f}\"\\/"});
        let text = String::from_utf8(canonical_json(&value)).expect("utf-8");
        assert_eq!(
            text,
            "{\"\":\"\\u001f\\\"\\\\/\",\"a\":{\"\\r\":2,\"\u{20ac}\":1,\"\u{1f600}\":3,\"\u{fb33}\":4},\"b\":[1,1,1e+21,1e-7,0]}"
        );
    }

    #[test]
    fn large_integers_stay_apart() {
        let low = canonical_json(&json!(9_007_199_254_740_993_u64));
        let high = canonical_json(&json!(9_007_199_254_740_992_u64));
        assert_ne!(low, high);
    }
}
