//! What operations share: problems, the answer of an execution, and responses for every status.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::pipeline::Code;
use crate::tools::schema::{answer, count, flag, list, one_of, or_null, text};
use crate::wire::ProblemCode;

/// The shared schemas and responses.
pub(super) fn all() -> Value {
    let mut responses = Map::new();
    for (status, codes) in by_status() {
        let titles: Vec<&str> = codes.iter().map(|code| code.title()).collect();
        let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        let says = format!("{} (`{}`)", titles.join("; "), codes.join("`, `"));
        for (name, schema) in [("", "Problem"), ("Execution", "ExecutionProblem")] {
            let schema = reference(schema);
            let response = response(&says, "application/problem+json", &schema);
            responses.insert(format!("{name}Problem{status}"), response);
        }
    }
    json!({
        "headers": {
            "RequestId": {
                "description": "The request's own id if it is a short plain one, else one of ours",
                "schema": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" },
            },
        },
        "schemas": {
            "Problem": problem(&json!({ "type": "string" }), &["hint", "action_id"]),
            "ExecutionProblem": problem(&detail_or_list(), &["hint", "action_id"]),
            "FieldProblem": field_problem(),
            "ExecuteRequest": execute_request(),
            "ExecuteAnswer": execute_answer(),
            "BatchItem": batch_item(),
            "Evaluation": evaluation(true),
            "Evaluations": evaluation(false),
            "Verdict": verdict(),
        },
        "responses": responses,
    })
}

/// A reference to a shared schema.
pub(super) fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// A response with a body of this schema.
pub(super) fn response(says: &str, media: &str, schema: &Value) -> Value {
    json!({
        "description": says,
        "headers": { "x-request-id": { "$ref": "#/components/headers/RequestId" } },
        "content": { media: { "schema": schema } },
    })
}

/// The problems with these statuses, as a route of the execution API or another words them.
pub(super) fn failures(may: impl Fn(u16) -> bool, execution_api: bool) -> Map<String, Value> {
    let kind = if execution_api { "Execution" } else { "" };
    by_status()
        .into_keys()
        .filter(|status| may(*status))
        .map(|status| {
            let place = format!("#/components/responses/{kind}Problem{status}");
            (status.to_string(), json!({ "$ref": place }))
        })
        .collect()
}

fn by_status() -> BTreeMap<u16, Vec<ProblemCode>> {
    let mut found: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
    for code in ProblemCode::ALL {
        found.entry(code.status()).or_default().push(*code);
    }
    found
}

fn problem(detail: &Value, optional: &[&str]) -> Value {
    answer(
        &json!({
            "type": { "type": "string", "pattern": "^urn:policyguard:problem:[a-z_]+$" },
            "title": text("The same for every problem of the kind"),
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": detail,
            "code": text("The stable code; for a denial, that of the decision"),
            "hint": text("What to do about it"),
            "action_id": action_id(),
            "request_id": text("The same as `x-request-id`"),
        }),
        optional,
    )
}

fn detail_or_list() -> Value {
    json!({ "anyOf": [{ "type": "string" }, list(&reference("FieldProblem"))] })
}

fn field_problem() -> Value {
    answer(
        &json!({
            "type": one_of(&["missing", "unknown", "type", "value"]),
            "loc": list(&text("Where, outermost first")),
            "msg": text("In words"),
        }),
        &[],
    )
}

fn action_id() -> Value {
    json!({ "type": "string", "pattern": "^act_[0-9a-f]{12}$" })
}

fn execute_request() -> Value {
    let id = json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$" });
    let word =
        json!({ "type": "string", "pattern": "^([Rr][Ee][Aa][Ll]|[Ss][Hh][Aa][Dd][Oo][Ww])$" });
    let own = json!({ "type": "string", "pattern": "^[!-~]{1,128}$" });
    json!({
        "type": "object",
        "properties": {
            "tool_name": text("The tool to run"),
            "arguments": described("Its arguments, as its input_schema has them", &or_null(&json!({ "type": "object" }))),
            "context": described("What to say about the call: shown and recorded, never a reason to allow", &json!({
                "anyOf": [{ "type": "object" }, { "type": "string" }, { "type": "null" }],
            })),
            "agent_id": described("The agent for whom an operator acts", &or_null(&id)),
            "execution_mode": described("REAL runs it, SHADOW only tells what would happen", &or_null(&word)),
            "correlation_id": described("The caller's own name for the work", &or_null(&own)),
            "reason": described("Why, for the record", &or_null(&json!({ "type": "string" }))),
        },
        "required": ["tool_name"],
        "additionalProperties": false,
    })
}

fn described(about: &str, schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(members) = &mut schema {
        members.insert("description".to_owned(), json!(about));
    }
    schema
}

fn execute_answer() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let effect = one_of(&["allow", "deny", "require_approval"]);
    let remedy = answer(
        &json!({ "kind": text("The kind of change"), "text": text("The change in words") }),
        &[],
    );
    let report = answer(
        &json!({
            "decision": effect,
            "code": one_of(&codes),
            "reason": text("Why, in words"),
            "risk_level": text("How much can go wrong"),
            "executed": { "type": "boolean", "const": false },
            "plan": or_null(&json!({ "type": "object" })),
        }),
        &[],
    );
    answer(
        &json!({
            "success": flag("Whether it ran and did what was asked; for SHADOW, whether it would be allowed"),
            "result": { "description": "What the tool answered, as its output schema has it" },
            "error": or_null(&text("`Policy violation: …` or `Execution error: …`")),
            "policy_violation": flag("Whether policy refused it"),
            "blocked_reason": or_null(&text("Why, in words")),
            "action_id": action_id(),
            "require_approval": flag("Whether a person must say yes first"),
            "code": one_of(&codes),
            "policy": or_null(&text("The policy that decided")),
            "rule": or_null(&text("The rule that decided; not told to agents of low trust")),
            "mode": text("The mode that held"),
            "policy_version": count("The version that decided"),
            "remedy": remedy,
            "retry_after": count("Seconds until it may fit again"),
            "warnings": list(&text("What to know")),
            "decision": effect,
            "executed": { "type": "boolean", "const": false },
            "risk_level": text("How much could go wrong"),
            "shadow_report": report,
        }),
        &[
            "remedy",
            "retry_after",
            "warnings",
            "decision",
            "executed",
            "risk_level",
            "shadow_report",
        ],
    )
}

/// The answer to one call of a batch: that of an execution, or the problem that kept it from being one.
fn batch_item() -> Value {
    let failed = answer(
        &json!({
            "success": { "type": "boolean", "const": false },
            "error": problem(&detail_or_list(), &["hint", "action_id", "request_id"]),
        }),
        &[],
    );
    json!({ "anyOf": [reference("ExecuteAnswer"), failed] })
}

/// A question of AuthZEN; as the list of several, nothing beside the list is required.
fn evaluation(one: bool) -> Value {
    let word = || json!({ "type": "string", "minLength": 1 });
    let properties = || or_null(&json!({ "type": "object" }));
    let part = |members: Value, required: &[&str]| json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false });
    let agent = json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$" });
    let kind = json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$" });
    let arguments = json!({
        "type": "object",
        "properties": { "arguments": { "type": "object" } },
    });
    let subject = part(
        json!({ "type": word(), "id": agent, "properties": properties() }),
        &["type", "id"],
    );
    let action = part(
        json!({ "name": kind, "properties": properties() }),
        &["name"],
    );
    let resource = part(
        json!({ "type": word(), "id": word(), "properties": or_null(&arguments) }),
        &["type", "id"],
    );
    let mut members = json!({
        "subject": subject,
        "action": action,
        "resource": resource,
        "context": properties(),
    });
    if one {
        return part(members, &["subject", "action", "resource"]);
    }
    let semantic = one_of(&[
        "execute_all",
        "deny_on_first_deny",
        "permit_on_first_permit",
    ]);
    let options = part(json!({ "evaluations_semantic": or_null(&semantic) }), &[]);
    if let Value::Object(members) = &mut members {
        let questions = json!({ "type": "array", "maxItems": 50, "items": { "type": "object" } });
        members.insert("evaluations".to_owned(), questions);
        members.insert("options".to_owned(), options);
    }
    part(members, &[])
}

fn verdict() -> Value {
    let words = answer(&json!({ "en": text("In words") }), &[]);
    let context = answer(
        &json!({
            "id": text("What decided"),
            "reason_admin": words,
            "reason_user": words,
            "code": text("Why, as a code"),
        }),
        &[],
    );
    answer(
        &json!({ "decision": flag("Whether it may be done"), "context": context }),
        &[],
    )
}
