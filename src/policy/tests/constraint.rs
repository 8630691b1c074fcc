use serde_json::json;

use super::*;
use crate::policy::parameter::Format;

fn regex(source: &str) -> WholeRegex {
    WholeRegex::parse(source).expect("a regex")
}

fn parameter(kind: ParameterType) -> Parameter {
    Parameter {
        kind,
        required: true,
        default: None,
        allowlist_source: None,
    }
}

fn text() -> ParameterType {
    ParameterType::String {
        min_length: None,
        max_length: None,
        pattern: None,
        allowed_values: None,
        format: None,
    }
}

fn int(min: Option<i64>, max: Option<i64>) -> Parameter {
    parameter(ParameterType::Int {
        min,
        max,
        allowed_values: None,
    })
}

fn problems_with(parameter: &Parameter, value: Option<&Value>, values: &Values) -> Vec<String> {
    let mut problems = Vec::new();
    check_parameter("p", parameter, value, values, &mut |problem| {
        problems.push(problem.to_string());
    });
    problems
}

#[track_caller]
fn check(parameter: &Parameter, value: &Value, expected: &[&str]) {
    let problems = problems_with(parameter, Some(value), &Values::new());
    let expected: Vec<String> = expected
        .iter()
        .map(|words| format!("parameter p: {words}"))
        .collect();
    assert_eq!(problems, expected, "{value}");
}

#[test]
fn an_integer_is_exact_or_a_violation() {
    let count = int(Some(1), Some(100));
    check(&count, &json!(1), &[]);
    check(&count, &json!(100), &[]);
    check(&count, &json!(250), &["250 is above the maximum 100"]);
    check(&count, &json!(0), &["0 is below the minimum 1"]);
    check(
        &count,
        &json!(u64::MAX),
        &["18446744073709551615 is above the maximum 100"],
    );
    for (text, shown) in [
        ("1.0", "1.0"),
        ("1e0", "1.0"),
        ("-0", "-0.0"),
        ("true", "true"),
        ("null", "null"),
        ("\"5\"", "a text"),
        ("[5]", "a list"),
        ("{}", "an object"),
    ] {
        let value: Value = serde_json::from_str(text).expect("JSON");
        check(&count, &value, &[&format!("{shown} is not an integer")]);
    }
}

#[test]
fn an_integer_without_bounds_still_fits_a_machine() {
    check(&int(None, None), &json!(i64::MIN), &[]);
    let words = format!("{} is above the maximum {}", u64::MAX, i64::MAX);
    check(&int(None, None), &json!(u64::MAX), &[&words]);
}

#[test]
fn listed_integers_are_the_only_ones() {
    let kind = ParameterType::Int {
        min: None,
        max: None,
        allowed_values: Some(vec![1, 2]),
    };
    check(&parameter(kind), &json!(3), &["3 is not one of 1, 2"]);
}

#[test]
fn a_number_is_bounded_without_rounding() {
    let number = parameter(ParameterType::Number {
        min: Some(0.5),
        max: Some(9_007_199_254_740_992.0),
    });
    check(&number, &json!(0.5), &[]);
    check(&number, &json!(0), &["0 is below the minimum 0.5"]);
    let above = "9007199254740993 is above the maximum 9007199254740992";
    check(&number, &json!(9_007_199_254_740_993_i64), &[above]);
    check(&number, &json!("1"), &["a text is not a number"]);
    check(&number, &json!(true), &["true is not a number"]);
}

#[test]
fn a_text_is_measured_before_it_is_matched_and_never_repeated() {
    let kind = ParameterType::String {
        min_length: Some(2),
        max_length: Some(4),
        pattern: Some(regex("[a-z]+")),
        allowed_values: None,
        format: None,
    };
    let parameter = parameter(kind);
    check(&parameter, &json!("abc"), &[]);
    check(
        &parameter,
        &json!("a"),
        &["1 characters are less than the minimum 2"],
    );
    check(
        &parameter,
        &json!("ABCDE"),
        &["5 characters are more than the maximum 4"],
    );
    check(
        &parameter,
        &json!("ab1"),
        &["does not match the pattern [a-z]+"],
    );
    check(
        &parameter,
        &json!("abc\n"),
        &["does not match the pattern [a-z]+"],
    );
    check(&parameter, &json!(5), &["5 is not a text"]);
}

#[test]
fn a_pattern_covers_the_whole_value() {
    let kind = |source: &str| ParameterType::String {
        min_length: None,
        max_length: None,
        pattern: Some(regex(source)),
        allowed_values: None,
        format: None,
    };
    check(
        &parameter(kind("^[a-z]+$|x")),
        &json!("anything x"),
        &["does not match the pattern ^[a-z]+$|x"],
    );
    let long = "a".repeat(100_000);
    check(
        &parameter(kind("(.*)*x")),
        &json!(long),
        &["is too long to be matched"],
    );
}

#[test]
fn allowed_texts_are_listed_up_to_twenty() {
    let all: Vec<String> = (0..22).map(|number| format!("v{number}")).collect();
    let kind = ParameterType::String {
        min_length: None,
        max_length: None,
        pattern: None,
        allowed_values: Some(all),
        format: None,
    };
    let problems = problems_with(&parameter(kind), Some(&json!("x")), &Values::new());
    assert!(problems[0].ends_with("v18, v19 and 2 more"), "{problems:?}");
}

#[test]
fn formats_take_what_they_name_and_nothing_else() {
    for (format, good, bad) in [
        (
            Format::Hostname,
            vec!["a", "web-01.example.com"],
            vec!["", "-a", "a-", "a..b", "a_b", "a.", "é"],
        ),
        (
            Format::Ipv4,
            vec!["10.0.0.1"],
            vec!["010.0.0.1", "10.0.0", "10.0.0.256", "::1", " 10.0.0.1"],
        ),
        (
            Format::Email,
            vec!["a.b+c@example.com"],
            vec!["a@", "@b", "a b@c", "a@b@c", ".a@b", "a..b@c"],
        ),
        (
            Format::Uuid,
            vec!["123e4567-e89b-12d3-a456-426614174000"],
            vec![
                "123e4567",
                "{123e4567-e89b-12d3-a456-426614174000}",
                "123e4567-e89b-12d3-a456-42661417400g",
            ],
        ),
        (
            Format::SafeFilename,
            vec!["report-1.txt"],
            vec![
                ".hidden", "a/b", "a\\b", "..", "a..b", "-rf", "a b", "a\0", "",
            ],
        ),
        (
            Format::Url,
            vec!["https://example.com/a?b=c", "http://10.0.0.1:8080"],
            vec![
                "ftp://a",
                "https://",
                "https://u@h/",
                "https://h:0/",
                "https://h:99999",
                "javascript:x",
                "https://h/ x",
                "//h",
                "https://h\\@evil",
            ],
        ),
    ] {
        for (texts, fits) in [(good, true), (bad, false)] {
            for text in texts {
                assert_eq!(form::fits(format, text), fits, "{format:?} {text:?}");
            }
        }
    }
}

#[test]
fn a_path_is_absolute_plain_and_under_a_root() {
    let path = parameter(ParameterType::Path {
        under: vec!["/srv/app".to_owned(), "/var/log/".to_owned()],
        max_length: Some(60),
    });
    for good in ["/srv/app", "/srv/app/x", "/var/log/a.log", "/srv/app/..x"] {
        check(&path, &json!(good), &[]);
    }
    for (bad, words) in [
        ("/srv/application", "is not under /srv/app, /var/log/"),
        ("/etc/passwd", "is not under /srv/app, /var/log/"),
        ("srv/app/x", "is not an absolute path"),
        ("/srv/app/../etc", "holds a `..`"),
        (
            "/srv/app/%2e%2e/etc",
            "holds a NUL, a control character, a backslash or a percent sign",
        ),
        (
            "/srv/app/\0",
            "holds a NUL, a control character, a backslash or a percent sign",
        ),
        (
            "/srv/app\\..\\x",
            "holds a NUL, a control character, a backslash or a percent sign",
        ),
    ] {
        check(&path, &json!(bad), &[words]);
    }
}

#[test]
fn lists_are_checked_item_by_item() {
    let kind = ParameterType::List {
        max_items: Some(2),
        items: Some(Box::new(int(Some(1), None))),
    };
    let list = parameter(kind);
    check(&list, &json!([1, 2]), &[]);
    let problems = problems_with(&list, Some(&json!([1, 0, "x"])), &Values::new());
    assert_eq!(
        problems,
        [
            "parameter p: 3 items are more than the maximum 2",
            "parameter p[1]: 0 is below the minimum 1",
            "parameter p[2]: a text is not an integer",
        ]
    );
    check(&list, &json!("1"), &["a text is not a list"]);
}

#[test]
fn objects_booleans_ports_and_durations_have_their_bounds() {
    let object = parameter(ParameterType::Object { max_keys: Some(1) });
    check(&object, &json!({"a": 1}), &[]);
    check(
        &object,
        &json!({"a": 1, "b": 2}),
        &["2 keys are more than the maximum 1"],
    );
    check(&object, &json!([]), &["a list is not an object"]);
    check(&parameter(ParameterType::Bool), &json!(false), &[]);
    check(
        &parameter(ParameterType::Bool),
        &json!("false"),
        &["a text is not true or false"],
    );
    let port = parameter(ParameterType::Port);
    check(&port, &json!(65_535), &[]);
    check(&port, &json!(0), &["0 is below the minimum 1"]);
    check(&port, &json!(65_536), &["65536 is above the maximum 65535"]);
    let duration = parameter(ParameterType::Duration);
    check(&duration, &json!("30s"), &[]);
    for bad in ["30", "s", "1.5h", "-1s", "1 h", "1h30m", "1H"] {
        check(
            &duration,
            &json!(bad),
            &["is not a duration such as 30s, 5m or 1h"],
        );
    }
}

#[test]
fn a_required_parameter_must_be_there_and_an_optional_one_must_fit() {
    let required = int(None, None);
    assert_eq!(
        problems_with(&required, None, &Values::new()),
        ["parameter p: is required"]
    );
    let optional = Parameter {
        required: false,
        ..required
    };
    assert!(problems_with(&optional, None, &Values::new()).is_empty());
    check(&optional, &Value::Null, &["null is not an integer"]);
}

#[test]
fn a_listed_value_needs_a_list_that_arrived() {
    let source: Arc<str> = "list_services".into();
    let parameter = Parameter {
        allowlist_source: Some(Arc::clone(&source)),
        ..parameter(text())
    };
    let with = |list: Option<ValueList>| {
        let values: Values = list
            .into_iter()
            .map(|list| (Arc::clone(&source), list))
            .collect();
        problems_with(&parameter, Some(&json!("cache")), &values)
    };
    assert!(with(Some(ValueList::Values(Arc::from(["cache".to_owned()])))).is_empty());
    let other = with(Some(ValueList::Values(Arc::from(["database".to_owned()]))));
    assert_eq!(
        other,
        ["parameter p: is not among the values that list_services lists"]
    );
    for missing in [None, Some(ValueList::Unavailable)] {
        let words = "parameter p: list_services, which lists the valid values, is unavailable";
        assert_eq!(with(missing), [words]);
    }
}

/// A constraint as the cases of the systems before write it.
fn read(given: &Value) -> Parameter {
    let length = |key: &str| {
        given[key]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
    };
    let kind = match given["type"].as_str() {
        Some("string") if given["path"] == true => ParameterType::Path {
            under: vec!["/srv/app".to_owned()],
            max_length: length("max_length"),
        },
        Some("string") => ParameterType::String {
            min_length: None,
            max_length: length("max_length"),
            pattern: given["pattern"].as_str().map(regex),
            allowed_values: given["allowed_values"].as_array().map(|all| {
                all.iter()
                    .filter_map(|one| one.as_str().map(str::to_owned))
                    .collect()
            }),
            format: None,
        },
        Some("int") => ParameterType::Int {
            min: given["min"].as_i64(),
            max: given["max"].as_i64(),
            allowed_values: None,
        },
        Some("bool") => ParameterType::Bool,
        Some("list") => ParameterType::List {
            max_items: length("max_items"),
            items: None,
        },
        other => panic!("no such type: {other:?}"),
    };
    Parameter {
        required: given["required"] != false,
        ..parameter(kind)
    }
}

#[test]
fn constraints_of_the_systems_before_are_judged_as_theirs_should_have_been() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/cases/cases.json"
    );
    let above = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/cases/cases.json"
    );
    let Ok(text) = std::fs::read_to_string(path).or_else(|_| std::fs::read_to_string(above)) else {
        return; // the shared cases are not there
    };
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let mut count = 0;
    for case in file["cases"].as_array().expect("cases") {
        let id = case["id"].as_str().unwrap_or_default();
        let call = &case["call"];
        let problems: Vec<String> = if id.starts_with("S3.con.") {
            problems_with(
                &read(&call["constraint"]),
                Some(&call["value"]),
                &Values::new(),
            )
        } else if id.starts_with("S3.par.") {
            let all = call["constraints"].as_object().expect("constraints");
            let given = |name: &str| call["parameters"].get(name);
            all.iter()
                .flat_map(|(name, one)| problems_with(&read(one), given(name), &Values::new()))
                .collect()
        } else {
            continue;
        };
        assert_eq!(
            problems.is_empty(),
            case["expect"]["valid"] == true,
            "{case}: {problems:?}"
        );
        count += 1;
    }
    assert!(count >= 18, "only {count} cases");
}
