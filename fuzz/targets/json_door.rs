//! The JSON of every door: what is taken is taken as a plain reader takes it, and only if it is bounded and unambiguous.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use policyguard::wire::{MAX_DEPTH, MAX_NODES, read_object, read_value};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let ours = read_value(bytes);
    let plain: Result<Value, _> = serde_json::from_slice(bytes);
    match (&ours, &plain) {
        (Ok(value), Ok(plain)) => {
            assert_eq!(value, plain, "read otherwise than plainly");
            check_bounds(value);
            assert!(!repeats_a_key(bytes), "a key that stands twice was taken");
            let written = serde_json::to_vec(value).expect("JSON");
            let again = read_value(&written).expect("what was taken is taken again");
            assert_eq!(value, &again, "another value the second time");
        }
        (Ok(_), Err(fault)) => panic!("taken, though it is no JSON: {fault}"),
        (Err(fault), Ok(plain)) => {
            let bounded = depth(plain) <= MAX_DEPTH && nodes(plain) <= MAX_NODES;
            assert!(
                !bounded || repeats_a_key(bytes),
                "refused without a reason: {fault}"
            );
            assert!(!fault.to_string().contains(['\n', '\r', '\x1b']));
        }
        (Err(_), Err(_)) => {}
    }
    let object = ours.is_ok_and(|value| value.is_object());
    assert_eq!(read_object(bytes).is_ok(), object);
});

fn check_bounds(value: &Value) {
    assert!(depth(value) <= MAX_DEPTH);
    assert!(nodes(value) <= MAX_NODES);
}

/// How deep arrays and objects nest.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// How many values there are.
fn nodes(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nodes).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(nodes).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

/// Whether an object of this valid JSON text names a key twice, found by walking over its bytes.
fn repeats_a_key(text: &[u8]) -> bool {
    // One set of keys for each object that is open; arrays hold none.
    let mut open: Vec<Option<HashSet<String>>> = Vec::new();
    let mut expects_key = false;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'{' => {
                open.push(Some(HashSet::new()));
                expects_key = true;
            }
            b'[' => {
                open.push(None);
                expects_key = false;
            }
            b'}' | b']' => {
                open.pop();
                expects_key = false;
            }
            b',' => expects_key = matches!(open.last(), Some(Some(_))),
            b'"' => {
                let start = at;
                at += 1;
                while text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                if expects_key {
                    let key = serde_json::from_slice(&text[start..=at]).expect("a text");
                    let keys = open.last_mut().and_then(Option::as_mut);
                    if !keys.expect("an object").insert(key) {
                        return true;
                    }
                    expects_key = false;
                }
            }
            _ => {}
        }
        at += 1;
    }
    false
}
