use super::*;

fn question() -> Value {
    json!({
        "subject": { "type": "agent", "id": "etl-1", "properties": { "team": "sre" } },
        "action": { "name": "tool_call" },
        "resource": { "type": "tool", "id": "scale_fleet", "properties": { "arguments": { "count": 4 } } },
        "context": { "ticket": 7 },
    })
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

/// Asserts what is wrong with a question of which this part is changed.
#[track_caller]
fn check(pointer: &str, value: Value, expected: &str) {
    let mut asked = question();
    *asked.pointer_mut(pointer).expect("a place") = value;
    let fault = Evaluation::read(members(&asked)).expect_err(expected);
    assert_eq!(fault.to_string(), expected);
}

#[test]
fn a_question_becomes_one_about_another_agent() {
    let read = Evaluation::read(members(&question())).expect("a question");
    let arguments = Value::Object(read.into_arguments());
    let expected = json!({
        "action_type": "tool_call",
        "target": "scale_fleet",
        "agent_id": "etl-1",
        "parameters": { "count": 4 },
        "context": { "ticket": 7 },
        "dry_run": true,
    });
    assert_eq!(arguments, expected);
}

#[test]
fn what_is_missing_unknown_or_of_another_form_is_named_with_its_place() {
    check(
        "/subject",
        json!("etl-1"),
        "subject: must be an object, not a text",
    );
    check("/subject/id", json!(""), "subject.id: must not be empty");
    check(
        "/subject/id",
        json!(7),
        "subject.id: must be a text, not a number",
    );
    check(
        "/action/name",
        json!("Read!"),
        "action.name: an action type is a-z, then up to 63 of a-z 0-9 _",
    );
    check(
        "/resource/properties/arguments",
        json!([1]),
        "resource.properties.arguments: must be an object",
    );
    let mut asked = members(&question());
    asked.insert("bogus".to_owned(), json!(1));
    asked.shift_remove("action");
    let fault = Evaluation::read(asked).expect_err("faults").to_string();
    assert!(fault.contains("action: required: an object"), "{fault}");
    assert!(fault.contains("bogus: no such field"), "{fault}");
}

#[test]
fn a_list_takes_what_its_questions_leave_out_from_beside_it() {
    let mut asked = members(&question());
    let resource = json!({ "type": "tool", "id": "list_services" });
    asked.insert(
        "evaluations".to_owned(),
        json!([{}, { "resource": resource }]),
    );
    asked.insert(
        "options".to_owned(),
        json!({ "evaluations_semantic": "deny_on_first_deny" }),
    );
    let Ok(Evaluations::Several(questions, semantic)) = Evaluations::read(asked) else {
        panic!("several")
    };
    let targets: Vec<&str> = questions.iter().map(|one| one.target.as_str()).collect();
    assert_eq!(targets, ["scale_fleet", "list_services"]);
    assert!(questions.iter().all(|one| one.agent_id.as_str() == "etl-1"));
    assert!(semantic.ends_at(false) && !semantic.ends_at(true));
}

#[test]
fn without_a_list_it_is_one_question_and_a_bad_list_is_refused() {
    assert!(matches!(
        Evaluations::read(members(&question())),
        Ok(Evaluations::One(_))
    ));
    for (name, value, expected) in [
        ("evaluations", json!("x"), "evaluations: must be an array"),
        (
            "evaluations",
            json!([7]),
            "evaluations.0: must be an object",
        ),
        (
            "evaluations",
            json!(vec![json!({}); 51]),
            "evaluations: at most 50, not 51",
        ),
        (
            "evaluations",
            json!([{ "subject": { "type": "agent" } }]),
            "evaluations.0.subject.id: required: a text",
        ),
        (
            "options",
            json!({ "evaluations_semantic": "all" }),
            "options.evaluations_semantic: one of execute_all, deny_on_first_deny, permit_on_first_permit",
        ),
    ] {
        let mut asked = members(&question());
        asked.insert(name.to_owned(), value);
        let fault = Evaluations::read(asked).expect_err(expected);
        assert_eq!(fault.to_string(), expected);
    }
}
