use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use super::*;

fn problems(schema: &Value, arguments: &Value) -> Vec<String> {
    let arguments = Arguments(arguments.as_object().cloned().expect("an object"));
    let mut problems = Vec::new();
    Schema::compile(schema).check(&arguments, &mut |problem| {
        problems.push(problem.to_string());
    });
    problems
}

fn logs() -> Value {
    json!({
        "type": "object",
        "properties": {
            "lines": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10, "description": "how many"},
            "service_name": {"type": "string", "maxLength": 5},
            "level": {"type": "string", "enum": ["info", "warn"]},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        },
        "required": ["service_name"],
        "additionalProperties": false,
    })
}

#[test]
fn problems_are_one_line_each_and_name_the_parameter() {
    let arguments = json!({"lines": -1, "service_name": "web-server", "level": "debug", "tags": ["a", 1, "c"], "bogus": 1});
    assert_eq!(
        problems(&logs(), &arguments),
        [
            "lines: -1 is below the minimum 1",
            "service_name: 10 characters are more than the maximum 5",
            "level: is not one of info, warn",
            "tags: does not fit the tool's schema (maxItems)",
            "tags.1: 1 is not a text",
            "bogus: no such parameter; level, lines, service_name, tags are known",
        ]
    );
    assert_eq!(
        problems(&logs(), &json!({"lines": "5"})),
        [
            "lines: a text is not an integer",
            "service_name: is required"
        ]
    );
    assert!(problems(&logs(), &json!({"lines": 5, "service_name": "web"})).is_empty());
}

#[test]
fn a_name_that_a_caller_made_up_can_not_disturb_a_terminal() {
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let name = format!("\u{1b}[2J\n{}", "x".repeat(100));
    let words = problems(&closed, &json!({name: 1}));
    assert_eq!(
        words,
        [format!(
            "?[2J?{}…: no such parameter; the tool takes none",
            "x".repeat(59)
        )]
    );
}

#[test]
fn a_schema_that_says_more_goes_to_the_library_as_a_whole() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/small"}, "b": {"type": "integer"}},
        "$defs": {"small": {"type": "integer", "maximum": 9}},
        "required": ["b"],
        "additionalProperties": false,
        "minProperties": 1,
    });
    assert!(matches!(Schema::compile(&schema), Schema::Whole { .. }));
    assert!(Schema::compile(&schema).declares("a"));
    assert!(problems(&schema, &json!({"a": 9, "b": 1})).is_empty());
    let words = problems(&schema, &json!({"a": 10, "c": 1}));
    assert!(
        words.contains(&"a: 10 is above the maximum 9".to_owned()),
        "{words:?}"
    );
    assert!(words.contains(&"b: is required".to_owned()), "{words:?}");
    assert!(
        words.contains(&"c: no such parameter".to_owned()),
        "{words:?}"
    );
}

#[test]
fn nothing_fits_a_schema_that_can_not_be_read() {
    for schema in [
        json!(true),
        json!({"type": "object", "properties": {"a": {"type": "integr"}}}),
        json!({"type": "object", "properties": {"a": {"pattern": "(a)\\1"}}}),
        json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/schema.json"}}}),
        json!({"type": "object", "properties": {"a": {"minimum": "1"}}}),
    ] {
        assert_eq!(
            problems(&schema, &json!({})),
            ["the tool's input schema can't be read"],
            "{schema}"
        );
    }
}

#[test]
fn patterns_of_schemas_take_linear_time() {
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}});
    let begun = std::time::Instant::now();
    assert!(!problems(&schema, &json!({"a": "a".repeat(5000) + "!"})).is_empty());
    assert!(begun.elapsed().as_secs() < 5);
}

/// Schemas of one parameter that are checked here, and some that are not.
fn parameter_schema() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just("integer"),
        Just("number"),
        Just("string"),
        Just("boolean"),
        Just("array"),
        Just("object"),
        Just("null")
    ];
    let limit = prop_oneof![
        (-3_i64..10).prop_map(Value::from),
        Just(json!(2.5)),
        Just(json!(1e19))
    ];
    let texts = Just(json!(["a", "bb", ""]));
    (kind, limit.clone(), limit, 0_u64..4, texts, any::<u8>()).prop_map(
        |(kind, min, max, length, texts, keys)| {
            let mut schema = Map::new();
            let mut put = |bit: u8, key: &str, value: Value| {
                if keys & (1 << bit) != 0 {
                    schema.insert(key.to_owned(), value);
                }
            };
            put(0, "type", json!(kind));
            put(1, "minimum", min);
            put(2, "maximum", max);
            put(3, "minLength", json!(length));
            put(4, "maxLength", json!(length));
            if kind == "string" && keys & 1 != 0 {
                put(5, "enum", texts);
            }
            put(6, "description", json!("words"));
            Value::Object(schema)
        },
    )
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(2.0)),
        Just(json!(2.5)),
        Just(json!(-0.0)),
        Just(json!(u64::MAX)),
        Just(json!(1e300)),
        Just(json!(i64::MIN)),
        (-5_i64..12).prop_map(Value::from),
        prop_oneof![Just(""), Just("a"), Just("bb"), Just("ééé"), Just("12345")]
            .prop_map(Value::from),
    ]
}

#[test]
fn what_is_checked_here_is_what_the_library_says() {
    let config = Config {
        cases: 3000,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let input = (
        parameter_schema(),
        proptest::option::of(value()),
        any::<bool>(),
        any::<bool>(),
    );
    let result = runner.run(&input, |(schema, value, required, closed)| {
        let required = if required { json!(["p"]) } else { json!([]) };
        let root = json!({"type": "object", "properties": {"p": schema}, "required": required, "additionalProperties": !closed});
        assert!(matches!(Schema::compile(&root), Schema::Object(_)), "{root}");
        let mut arguments = Map::new();
        if let Some(value) = value {
            arguments.insert("p".to_owned(), value);
        } else {
            arguments.insert("q".to_owned(), json!(1));
        }
        let arguments = Value::Object(arguments);
        let ours = problems(&root, &arguments).is_empty();
        assert_eq!(ours, jsonschema::is_valid(&root, &arguments), "{root} {arguments}");
        Ok(())
    });
    result.expect("both agree");
}
