//! Constraints on arguments: whatever JSON is sent, only what is plainly within the constraint is allowed.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use policyguard::domain::ToolClass;
use policyguard::policy::{Effect, Engine, Source, load};
use policyguard::wire::read_object;
use policyguard_fuzz::{call, tool};
use serde_json::Value;

/// One tool for each type of constraint, with one parameter `value`; all of it is allowed that fits.
const POLICY: &str = r#"
default_decision: allow
parameter_constraints:
  t_int: { value: { type: int, min: 1, max: 10 } }
  t_free_int: { value: { type: int } }
  t_port: { value: { type: port } }
  t_number: { value: { type: number, min: -1.5, max: 2 } }
  t_bool: { value: { type: bool } }
  t_string: { value: { type: string, min_length: 2, max_length: 8, pattern: "[a-c]+x?" } }
  t_words: { value: { type: string, allowed_values: [cache, queue] } }
  t_path: { value: { type: path, under: [/srv/app], max_length: 64 } }
  t_list: { value: { type: list, max_items: 3, items: { type: int, min: 0, max: 9 } } }
  t_object: { value: { type: object, max_keys: 2 } }
  t_duration: { value: { type: duration } }
  t_hostname: { value: { type: string, format: hostname } }
  t_ipv4: { value: { type: string, format: ipv4 } }
  t_email: { value: { type: string, format: email } }
  t_uuid: { value: { type: string, format: uuid } }
  t_filename: { value: { type: string, format: safe_filename } }
  t_url: { value: { type: string, format: url } }
"#;

const TOOLS: [&str; 17] = [
    "t_int",
    "t_free_int",
    "t_port",
    "t_number",
    "t_bool",
    "t_string",
    "t_words",
    "t_path",
    "t_list",
    "t_object",
    "t_duration",
    "t_hostname",
    "t_ipv4",
    "t_email",
    "t_uuid",
    "t_filename",
    "t_url",
];

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let loaded = load(&[Source::new("fuzz.yaml", POLICY)]).expect("a policy");
    let catalogue = TOOLS.map(|name| tool(name, ToolClass::Modify));
    Engine::compile(Arc::new(loaded.bundle), &catalogue, 1)
});

fuzz_target!(|text: &str| {
    // Through the door, as a caller would send it: what the text says is judged, not what a reader made of it.
    let body = format!("{{\"value\":{text}}}");
    let Ok(arguments) = read_object(body.as_bytes()) else {
        return;
    };
    let sent = text.trim_matches([' ', '\t', '\n', '\r']);
    for name in TOOLS {
        let decision = ENGINE.decide(&call(name, arguments.clone()));
        let allowed = decision.effect() == Effect::Allow;
        assert!(
            allowed || !decision.problems().is_empty(),
            "denied without a reason"
        );
        // More members than one are too many for any tool.
        let fits = arguments.len() == 1 && may_pass(name, sent, &arguments["value"]);
        match fits_exactly(name) {
            true => assert_eq!(allowed, fits, "{name}: {sent}"),
            false => assert!(!allowed || fits, "{name}: {sent}"),
        }
    }
});

/// Whether [`may_pass`] says all of what the constraint says; else it says less.
fn fits_exactly(name: &str) -> bool {
    ![
        "t_path",
        "t_hostname",
        "t_email",
        "t_filename",
        "t_url",
        "t_duration",
    ]
    .contains(&name)
}

/// What a person would say of this JSON text and its value.
fn may_pass(name: &str, sent: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match name {
        "t_int" => (1..=10).any(|fit| sent == fit.to_string()),
        "t_free_int" => sent.parse::<i64>().is_ok_and(|fit| sent == fit.to_string()),
        "t_port" => sent.parse::<u16>().is_ok_and(|fit| fit > 0),
        "t_number" => {
            value.is_number()
                && sent
                    .parse()
                    .is_ok_and(|fit: f64| (-1.5..=2.0).contains(&fit))
        }
        "t_bool" => ["true", "false"].contains(&sent),
        "t_string" => {
            let letters = text.strip_suffix('x').unwrap_or(text);
            (2..=8).contains(&text.len())
                && !letters.is_empty()
                && letters.bytes().all(|byte| (b'a'..=b'c').contains(&byte))
        }
        "t_words" => ["cache", "queue"].contains(&text),
        "t_path" => {
            let below = text.strip_prefix("/srv/app");
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                && !text.split('/').any(|part| part == "..")
                && !text.contains(['%', '\\', '\0'])
                && text.chars().count() <= 64
        }
        "t_list" => value.as_array().is_some_and(|items| {
            let digits = sent.bytes().filter(|byte| !b"[], \t\r\n".contains(byte));
            items.len() <= 3
                && items
                    .iter()
                    .all(|item| item.as_u64().is_some_and(|item| item <= 9))
                && digits.count() == items.len()
        }),
        "t_object" => value.as_object().is_some_and(|members| members.len() <= 2),
        "t_ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "t_uuid" => {
            let places = |place: usize, byte: u8| match place {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            };
            text.len() == 36
                && text
                    .bytes()
                    .enumerate()
                    .all(|(place, byte)| places(place, byte))
        }
        "t_duration" => {
            let number = text.strip_suffix("ms");
            let number = number.or_else(|| text.strip_suffix(['s', 'm', 'h', 'd']));
            let digits = number.unwrap_or_default();
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        }
        "t_filename" => {
            !text.is_empty()
                && text != "."
                && text != ".."
                && !text.contains(['/', '\\', '\0', '%'])
        }
        "t_hostname" | "t_email" | "t_url" => {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
        }
        other => unreachable!("{other}"),
    }
}
