//! Policies created, compared and rolled back while the gateway runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use policyguard::audit::{Caller, Door};
use policyguard::pipeline::{Body, Call};
use serde_json::{Value, json};

use crate::support::{House, Reply};

/// Two reads for everyone, and one policy that stands in the file.
const POLICY: &str = r"
policy_name: Test
modes:
  NORMAL: { allowed_tools: [list_services], reachable_tools: ['*'] }
  EMERGENCY: { allowed_tools: [list_services, restart_service], reachable_tools: ['*'] }
policies:
  - id: of-file
    priority: 50
    rules:
      - { name: no-drops, condition: { tool_pattern: 'drop_*' }, action: deny }
";

async fn house() -> House {
    House::with_policy_text(POLICY).await
}

async fn create(house: &House, id: &str, rules: Value) -> Value {
    let arguments = json!({ "policy_id": id, "name": id.to_uppercase(), "rules": rules });
    house.execute("create_policy", arguments).await
}

async fn put(house: &House, id: &str, body: &Value) -> Reply {
    let path = format!("/api/v1/policies/{id}");
    house
        .send("PUT", &path, Some(body.to_string().into_bytes()))
        .await
}

async fn delete(house: &House, id: &str) -> Reply {
    let path = format!("/api/v1/policies/{id}");
    house.send("DELETE", &path, None).await
}

fn deny(pattern: &str, message: &str) -> Value {
    json!([{ "condition": { "tool_pattern": pattern }, "action": "deny", "message": message }])
}

fn allow(pattern: &str) -> Value {
    json!([{ "condition": { "tool_pattern": pattern }, "action": "allow" }])
}

/// What an action of this agent is answered.
async fn validate(house: &House, target: &str, agent: &str) -> Value {
    let asked = json!({ "action_type": "tool_call", "target": target, "agent_id": agent });
    house.execute("validate_action", asked).await["result"].take()
}

/// What a model gets that calls over MCP in local mode.
async fn as_model(house: &House, tool: &str, arguments: Value) -> Value {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object")
    };
    let call = Call::tool(Caller::at(Door::Mcp), tool, arguments);
    let answer = house.app.pipeline.handle(call).await.unwrap();
    match answer.body {
        Body::Done(result) => json!({ "done": result }),
        Body::Refused => json!({
            "refused": answer.decision.code(),
            "remedy": answer.decision.remedy().map(|remedy| remedy.text.clone()),
        }),
        Body::Mendable { error, message, .. } => json!({ "error": error, "message": message }),
        Body::Failed { message, .. } => panic!("{message}"),
        Body::Shadow { .. } => panic!("it was no dry run"),
    }
}

async fn version(house: &House) -> u64 {
    house.get("/policy/status").await.body["policy_version"]
        .as_u64()
        .unwrap()
}

// S1.t10
#[tokio::test]
async fn a_policy_is_created_replaced_and_deleted_each_as_a_version() {
    let house = house().await;
    let rules = json!([{ "condition": { "tool_pattern": "test_*" }, "action": "allow", "message": "Test allowed" }]);
    let created = create(&house, "p", rules).await;
    assert_eq!(created["success"], json!(true), "{created}");
    assert_eq!(
        created["result"],
        json!({
            "success": true,
            "policy_id": "p",
            "message": "Policy 'P' (p) created successfully with 1 rules",
            "version": 2,
            "warnings": [
                "PG020: `test_*` matches no tool; names are compared as a whole; `policyguard policy explain` shows what matches",
                "PG070: becomes callable: test_* (in EMERGENCY, NORMAL)",
            ],
        })
    );
    let asked = validate(&house, "test_x", "a").await;
    assert_eq!(
        (
            &asked["allowed"],
            &asked["matched_policy"],
            &asked["reason"]
        ),
        (&json!(true), &json!("p"), &json!("Test allowed"))
    );
    let body = json!({ "name": "P", "rules": deny("test_*", "no more tests"), "priority": 7 });
    let replaced = put(&house, "p", &body).await;
    assert_eq!(replaced.status, 200, "{:?}", replaced.body);
    assert_eq!(
        replaced.body["message"],
        json!("Policy 'P' (p) updated successfully with 1 rules")
    );
    assert_eq!(replaced.body["version"], json!(3));
    assert_eq!(
        validate(&house, "test_x", "a").await["reason"],
        json!("no more tests")
    );
    let deleted = delete(&house, "p").await;
    assert_eq!(
        (
            deleted.status,
            &deleted.body["message"],
            &deleted.body["version"]
        ),
        (
            200,
            &json!("Policy 'P' (p) deleted successfully"),
            &json!(4)
        )
    );
    let again = delete(&house, "p").await;
    assert_eq!(
        (again.status, &again.body["code"]),
        (404, &json!("policy_not_found"))
    );
}

// S1.t11, and the messages of the specification
#[tokio::test]
async fn what_is_wrong_with_a_policy_is_said_with_its_rule_and_nothing_is_stored() {
    let house = house().await;
    let cases = [
        (
            json!([]),
            "invalid policy rules",
            "Invalid policy rules: Policy must have at least one rule",
        ),
        (
            json!([
                { "condition": { "tol_pattern": "x" }, "action": "deny" },
                { "condition": { "tool_pattern": "x" }, "action": "block" },
            ]),
            "invalid policy rules",
            "Invalid policy rules: Rule 1: unknown condition 'tol_pattern', did you mean 'tool_pattern'?; \
             Rule 2 has invalid action 'block'. Must be one of: allow, deny, require_approval",
        ),
        (
            json!("[{"),
            "invalid rules JSON",
            "Invalid rules JSON: EOF while parsing an object at line 1 column 2",
        ),
        (
            json!(r#"[{"action":"deny","action":"allow"}]"#),
            "invalid rules JSON",
            "Invalid rules JSON: the key `action` stands twice at line 1 column 26",
        ),
    ];
    for (rules, error, message) in cases {
        let refused = create(&house, "p", rules).await;
        assert_eq!(refused["success"], json!(false));
        assert_eq!(refused["policy_violation"], json!(false));
        assert_eq!(refused["result"]["error"], json!(error));
        assert_eq!(refused["result"]["message"], json!(message));
        assert_eq!(refused["result"]["success"], json!(false));
    }
    let body = json!({ "name": "P", "rules": [] });
    let refused = put(&house, "p", &body).await;
    assert_eq!(refused.status, 400);
    assert_eq!(version(&house).await, 1);
    assert_eq!(house.get("/api/v1/policies/p").await.status, 404);
}

// S1.t17
#[tokio::test]
async fn what_is_no_regex_is_a_glob_of_literals_and_breaks_no_decision() {
    let house = house().await;
    let rules = json!([{ "condition": { "tool_pattern": "(x", "trust_level_below": "admin" }, "action": "deny" }]);
    let created = create(&house, "p", rules).await;
    assert_eq!(created["success"], json!(true), "{created}");
    let asked = validate(&house, "list_services", "a").await;
    assert_eq!(asked["allowed"], json!(true), "{asked}");
    let target = json!({ "action_type": "data_read", "target": "(x", "agent_id": "a" });
    let asked = house.execute("validate_action", target).await;
    assert_eq!(asked["result"]["matched_policy"], json!("p"), "{asked}");
}

// S1.rule.4
#[tokio::test]
async fn the_policy_with_the_higher_priority_decides() {
    let house = House::with_policy_text("policy_name: T\ndefault_decision: allow\n").await;
    let high = json!({ "name": "hi", "priority": 200, "rules": [{ "condition": { "tool_pattern": "x_*", "trust_level_at_least": "low" }, "action": "allow" }] });
    let low = json!({ "name": "lo", "priority": 1, "rules": [{ "condition": { "tool_pattern": "x_*", "trust_level_below": "admin" }, "action": "deny", "message": "no" }] });
    assert_eq!(put(&house, "lo", &low).await.status, 200);
    assert_eq!(validate(&house, "x_1", "a").await["allowed"], json!(false));
    assert_eq!(put(&house, "hi", &high).await.status, 200);
    let asked = validate(&house, "x_1", "a").await;
    assert_eq!(
        (&asked["allowed"], &asked["matched_policy"]),
        (&json!(true), &json!("hi"))
    );
}

// S1.fail.1
#[tokio::test]
async fn a_store_with_a_policy_that_cannot_be_read_refuses_the_start() {
    let corrupt = [
        ("{\"rules\":", "EOF while parsing"),
        ("{\"policy_id\":\"no-x\",\"rules\":[]}", "at least one rule"),
        (
            r#"{"policy_id":"y","rules":[{"condition":{"tool_pattern":"y"},"action":"allow"}]}"#,
            "it calls itself `y`",
        ),
    ];
    for (document, why) in corrupt {
        let house = house().await;
        create(&house, "no-x", deny("delete_x", "no")).await;
        let opened = house.restarted_after(|data| {
            let store = rusqlite::Connection::open(data.join("policyguard.db")).unwrap();
            let sql = "UPDATE policy_versions SET document = ?1";
            assert_eq!(store.execute(sql, [document]).unwrap(), 1);
        });
        let Err(refused) = opened.await else {
            panic!("a gateway without one of its policies opened")
        };
        let said = refused.to_string();
        assert!(
            said.contains("the runtime policy `no-x` in the store cannot be read"),
            "{said}"
        );
        assert!(said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn runtime_policies_survive_a_restart_under_the_same_version() {
    let house = house().await;
    create(&house, "no-x", deny("delete_x", "not that")).await;
    let before = house.get("/policy/status").await.body;
    let house = house.restarted().await;
    let after = house.get("/policy/status").await.body;
    for name in ["policy_version", "bundle_digest"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!(
        validate(&house, "delete_x", "a").await["reason"],
        json!("not that")
    );
}

#[tokio::test]
async fn an_id_that_stands_in_a_file_is_left_to_the_file() {
    let house = house().await;
    let body = json!({ "name": "Mine", "rules": deny("x", "no") });
    let refused = put(&house, "of-file", &body).await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.body["code"], json!("policy_in_file"));
    let place = house.policy_file().display().to_string();
    assert_eq!(
        refused.body["detail"],
        json!(format!(
            "policy `of-file` stands in a file ({place}:7), which only the file can change"
        ))
    );
    let refused = delete(&house, "of-file").await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (409, &json!("policy_in_file"))
    );
    let refused = create(&house, "of-file", deny("x", "no")).await;
    assert_eq!(refused["result"]["error"], json!("policy_in_file"));
    assert_eq!(version(&house).await, 1);
}

#[tokio::test]
async fn files_are_reloaded_around_runtime_policies() {
    let house = house().await;
    create(&house, "mine", deny("make_*", "not made")).await;
    let renamed = POLICY.replace("no-drops", "never-drop");
    std::fs::write(house.policy_file(), &renamed).unwrap();
    house.app.reload().await;
    assert_eq!(version(&house).await, 3);
    assert_eq!(
        validate(&house, "make_x", "a").await["reason"],
        json!("not made")
    );
    // A file that takes the id is no policy, and says what to do.
    let taken = renamed.replace("of-file", "mine");
    std::fs::write(house.policy_file(), &taken).unwrap();
    house.app.reload().await;
    assert_eq!(version(&house).await, 3);
    let status = house.get("/policy/status").await.body;
    let warnings = status["warnings"].to_string();
    assert!(
        warnings.contains(
            "policy `mine` stands in a file and was also created at run time: delete one of both"
        ),
        "{warnings}"
    );
    delete(&house, "mine").await;
    house.app.reload().await;
    assert_eq!(version(&house).await, 5);
}

#[tokio::test]
async fn rules_of_files_and_runtime_policies_are_counted_together() {
    let mut text = POLICY.to_owned();
    for place in 1..9_999 {
        let _ = writeln!(
            text,
            "      - {{ condition: {{ tool_pattern: t{place} }}, action: deny }}"
        );
    }
    let house = House::with_policy_text(&text).await;
    let fits = create(&house, "one", deny("x", "no")).await;
    assert_eq!(fits["success"], json!(true), "{fits}");
    let body = json!({ "name": "Two", "rules": deny("y", "no") });
    let refused = put(&house, "two", &body).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (409, &json!("too_many_rules"))
    );
}

#[tokio::test]
async fn lint_tells_what_a_policy_brings_and_not_what_was_there() {
    let house = house().await;
    let rules = json!([
        { "name": "first", "condition": { "tool_pattern": "restart_*" }, "action": "deny" },
        { "name": "second", "condition": { "tool_pattern": "restart_service" }, "action": "deny" },
    ]);
    let created = create(&house, "p", rules.clone()).await;
    let shadowed = "PG011: rule `second` of policy `p` never decides: rule `first` of policy `p` comes first and covers it; \
         raise its priority above 100, narrow the other (create_policy), or take it out";
    assert_eq!(created["result"]["warnings"], json!([shadowed]));
    // Replaced by itself it is told the same; another policy is not told of it.
    let again = create(&house, "p", rules).await;
    assert_eq!(again["result"]["warnings"], json!([shadowed]));
    assert_eq!(again["result"]["version"], created["result"]["version"]);
    let other = create(&house, "q", deny("scale_fleet", "no")).await;
    assert_eq!(other["result"]["warnings"], json!([]));
    // What lint refuses is not stored.
    let refused = create(
        &house,
        "r",
        json!([{ "condition": { "tool_pattern": "x", "modes": ["NOWHERE"] }, "action": "deny" }]),
    )
    .await;
    let message = refused["result"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("Invalid policy rules: Rule 1:"),
        "{message}"
    );
}

#[tokio::test]
async fn policies_of_files_and_of_run_time_are_listed_and_shown() {
    let house = house().await;
    let body = json!({ "name": "Mine", "description": "mine alone", "priority": 7, "enabled": false, "enforcement": "shadow",
        "rules": [{ "name": "r", "condition": { "tool_pattern": ["a_*", "b"], "trust_level_below": "high", "arguments": { "count": { "gt": 5 } } },
            "action": "require_approval", "approval": { "timeout": "10m", "quorum": 2, "valid_for": "900s", "approvers": ["role:approver"] } }] });
    assert_eq!(put(&house, "mine", &body).await.status, 200);
    let all = house.get("/api/v1/policies").await.body;
    let ids: Vec<&str> = all["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["policy_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["mine", "of-file"]);
    assert_eq!(
        all["policies"][0],
        json!({
            "policy_id": "mine", "name": "Mine", "description": "mine alone", "priority": 7, "enabled": false,
            "enforcement": "shadow", "rules_count": 1, "origin": "runtime", "place": "create_policy",
        })
    );
    for (filter, count) in [
        ("origin=file", 1),
        ("origin=runtime", 1),
        ("enabled=true", 1),
        ("enforcement=shadow", 1),
        ("origin=file&enabled=false", 0),
    ] {
        let some = house.get(&format!("/api/v1/policies?{filter}")).await.body;
        assert_eq!(some["total"], json!(count), "{filter}");
    }
    let first = house.get("/api/v1/policies?limit=1").await.body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = house
        .get(&format!("/api/v1/policies?limit=1&cursor={cursor}"))
        .await
        .body;
    assert_eq!(second["policies"][0]["policy_id"], json!("of-file"));
    assert_eq!(second["next_cursor"], json!(null));
    // What is shown is what create_policy takes: sent back, nothing changes.
    let shown = house.get("/api/v1/policies/mine").await.body;
    let version = &shown["policy_version"];
    let mut back = shown.clone();
    for name in ["rules_count", "origin", "place", "policy_version"] {
        back.as_object_mut().unwrap().remove(name);
    }
    let again = put(&house, "mine", &back).await;
    assert_eq!(&again.body["version"], version, "{:?}", again.body);
    let of_file = house.get("/api/v1/policies/of-file").await.body;
    assert_eq!(
        of_file["rules"],
        json!([{ "name": "no-drops", "condition": { "tool_pattern": "drop_*" }, "action": "deny" }])
    );
}

#[tokio::test]
async fn history_says_who_made_each_version_and_what_changed() {
    let house = house().await;
    create(&house, "p", deny("x", "no")).await;
    create(&house, "p", deny("y", "no")).await;
    create(&house, "q", deny("z", "no")).await;
    let path = "/api/v1/policies/p?reason=it%20was%20wrong";
    assert_eq!(house.send("DELETE", path, None).await.status, 200);
    let back = house
        .post(
            "/api/v1/policies/rollback",
            &json!({ "version": 3, "reason": "as it was" }),
        )
        .await;
    assert_eq!(back.status, 200, "{:?}", back.body);
    let mut history = house.get("/api/v1/policies/history").await.body;
    for version in history["versions"].as_array_mut().unwrap() {
        let digest = version["digest"].take();
        assert_eq!(digest.as_str().unwrap().len(), 64);
        version["digest"] = json!("[HASH]");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&history).unwrap());
    let first = house.get("/api/v1/policies/history?limit=4").await.body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = house
        .get(&format!("/api/v1/policies/history?limit=4&cursor={cursor}"))
        .await
        .body;
    let versions = |page: &Value| -> Vec<u64> {
        let all = page["versions"].as_array().unwrap().iter();
        all.map(|version| version["version"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(versions(&first), [6, 5, 4, 3]);
    assert_eq!(versions(&rest), [2, 1]);
    assert_eq!(rest["next_cursor"], json!(null));
}

#[tokio::test]
async fn a_rollback_brings_back_the_runtime_policies_of_a_version_and_nothing_else() {
    let house = house().await;
    create(&house, "p", deny("make_*", "first")).await;
    create(&house, "p", deny("make_*", "second")).await;
    create(&house, "q", deny("bake_*", "third")).await;
    let mended = POLICY.replace("no-drops", "never-drop");
    std::fs::write(house.policy_file(), &mended).unwrap();
    house.app.reload().await;
    let back = house
        .post("/api/v1/policies/rollback", &json!({ "version": 2 }))
        .await;
    assert_eq!(
        (back.status, &back.body["version"], &back.body["message"]),
        (
            200,
            &json!(6),
            &json!("Rolled back to version 2: 1 runtime policies restored, 1 deleted")
        )
    );
    assert_eq!(
        back.body["warnings"],
        json!([
            "the files of version 2 are not those in force, which stay: change them on disk",
            "PG070: becomes callable: bake_* (in EMERGENCY, NORMAL)",
        ])
        .as_array()
        .map(|all| json!(all[..1]))
        .unwrap()
    );
    assert_eq!(
        validate(&house, "make_x", "a").await["reason"],
        json!("first")
    );
    assert_eq!(
        validate(&house, "bake_x", "a").await["code"],
        json!("default_deny")
    );
    let of_file = house.get("/api/v1/policies/of-file").await.body;
    assert_eq!(of_file["rules"][0]["name"], json!("never-drop"));
    let same = house
        .post("/api/v1/policies/rollback", &json!({ "version": 6 }))
        .await;
    assert_eq!(
        (&same.body["version"], &same.body["message"]),
        (
            &json!(6),
            &json!("The runtime policies are those of version 6 already")
        )
    );
    let unknown = house
        .post("/api/v1/policies/rollback", &json!({ "version": 77 }))
        .await;
    assert_eq!(
        (unknown.status, &unknown.body["code"]),
        (404, &json!("version_not_found"))
    );
    let house = house.restarted().await;
    assert_eq!(version(&house).await, 6);
    assert_eq!(
        validate(&house, "make_x", "a").await["reason"],
        json!("first")
    );
}

#[tokio::test]
async fn every_change_of_a_policy_is_on_record() {
    let house = house().await;
    create(&house, "p", allow("test_*")).await;
    delete(&house, "p").await;
    let trail = house
        .get("/api/v1/audit?action_type=policy_management")
        .await
        .body;
    let details: Vec<&Value> = trail["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["action"]["parameters"])
        .collect();
    assert_eq!(details.len(), 2, "{trail}");
    for (name, deleted, created) in [
        ("operation", json!("delete"), json!("create")),
        ("policy_id", json!("p"), json!("p")),
        ("rules_count", json!(0), json!(1)),
        ("enabled", json!(false), json!(true)),
        ("version", json!(3), json!(2)),
        (
            "becomes_callable",
            json!(null),
            json!(["test_* (in EMERGENCY, NORMAL)"]),
        ),
    ] {
        assert_eq!(details[0][name], deleted, "{name}");
        assert_eq!(details[1][name], created, "{name}");
    }
}

#[tokio::test]
async fn a_model_may_only_tighten() {
    let house = house().await;
    let policy = |id: &str, rules: Value| json!({ "policy_id": id, "name": "M", "rules": rules });
    let denied = as_model(&house, "create_policy", policy("m", deny("make_*", "no"))).await;
    assert_eq!(denied["done"]["success"], json!(true), "{denied}");
    let asks =
        json!([{ "condition": { "tool_pattern": "list_services" }, "action": "require_approval" }]);
    let asked = as_model(&house, "create_policy", policy("n", asks)).await;
    assert_eq!(asked["done"]["success"], json!(true), "{asked}");
    let before = version(&house).await;
    // An allow, an id that is taken, and a demand for an approval where a deny stood.
    let opens =
        json!([{ "condition": { "tool_pattern": "drop_*" }, "action": "require_approval" }]);
    let grants = json!([{ "condition": { "tool_pattern": "list_services" }, "action": "require_approval" }, { "condition": { "tool_pattern": "zzz" }, "action": "allow" }]);
    for arguments in [
        policy("o", allow("make_*")),
        policy("o", grants),
        policy("m", deny("make_*", "no")),
        policy("of-file", deny("make_*", "no")),
        policy("o", opens),
        json!({ "policy_id": "o", "name": "O", "rules": allow("x"), "allow_loosening": true }),
    ] {
        let refused = as_model(&house, "create_policy", arguments.clone()).await;
        assert_eq!(
            refused["refused"],
            json!("role_required"),
            "{arguments}: {refused}"
        );
        let remedy = refused["remedy"].as_str().unwrap();
        assert!(remedy.contains("`--mcp-role admin`"), "{remedy}");
    }
    for (tool, arguments) in [
        ("delete_policy", json!({ "policy_id": "m" })),
        ("rollback_policy", json!({ "version": 1 })),
        ("policy_history", json!({})),
        ("check_policies", json!({})),
    ] {
        let refused = as_model(&house, tool, arguments).await;
        assert_eq!(refused["refused"], json!("role_required"), "{tool}");
    }
    // What cannot be read is said.
    let unreadable = as_model(&house, "create_policy", policy("o", json!([]))).await;
    assert_eq!(
        unreadable["message"],
        json!("Invalid policy rules: Policy must have at least one rule")
    );
    assert_eq!(version(&house).await, before);
}

#[tokio::test]
async fn a_change_that_loosens_can_be_refused() {
    let house = House::refusing_to_loosen(POLICY).await;
    let refused = put(
        &house,
        "p",
        &json!({ "name": "P", "rules": allow("restart_service") }),
    )
    .await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (409, &json!("loosening"))
    );
    assert_eq!(
        refused.body["detail"],
        json!(
            "the change is refused because it loosens: becomes callable: restart_service (in NORMAL)"
        )
    );
    let body = json!({ "name": "P", "rules": allow("restart_service"), "allow_loosening": true });
    assert_eq!(put(&house, "p", &body).await.status, 200);
    let tightens = json!({ "name": "Q", "rules": deny("restart_service", "no"), "priority": 200 });
    assert_eq!(put(&house, "q", &tightens).await.status, 200);
    let refused = delete(&house, "q").await;
    assert_eq!(refused.body["code"], json!("loosening"));
    let refused = house
        .post("/api/v1/policies/rollback", &json!({ "version": 2 }))
        .await;
    assert_eq!(refused.body["code"], json!("loosening"));
    assert_eq!(version(&house).await, 3);
    let path = "/api/v1/policies/q?allow_loosening=true";
    assert_eq!(house.send("DELETE", path, None).await.status, 200);
}

#[tokio::test]
async fn files_that_allow_more_are_told_at_their_reload_and_can_be_refused() {
    let opened = POLICY.replace(
        "NORMAL: { allowed_tools: [list_services]",
        "NORMAL: { allowed_tools: [list_services, read_logs]",
    );
    let house = house().await;
    std::fs::write(house.policy_file(), &opened).unwrap();
    house.app.reload().await;
    assert_eq!(version(&house).await, 2);
    let trail = house
        .get("/api/v1/audit?action_type=policy_reload")
        .await
        .body;
    assert_eq!(
        trail["entries"][0]["action"]["parameters"]["becomes_callable"],
        json!(["read_logs (in NORMAL)"]),
        "{trail}"
    );
    let house = House::refusing_to_loosen(POLICY).await;
    std::fs::write(house.policy_file(), &opened).unwrap();
    house.app.reload().await;
    let status = house.get("/policy/status").await.body;
    assert_eq!(status["policy_version"], json!(1));
    let warnings = status["warnings"].to_string();
    assert!(
        warnings.contains("becomes callable: read_logs (in NORMAL)"),
        "{warnings}"
    );
    let house = house.restarted().await;
    assert_eq!(version(&house).await, 2);
}

#[tokio::test]
async fn a_policy_is_checked_compared_and_tried_without_being_stored() {
    let house = house().await;
    let candidate = json!({ "policy_id": "p", "name": "P", "rules": allow("restart_service") });
    let live = house.post("/api/v1/policies/check", &json!({})).await;
    assert_eq!((live.status, &live.body["valid"]), (200, &json!(true)));
    let checked = house
        .post("/api/v1/policies/check", &json!({ "policy": candidate }))
        .await
        .body;
    assert_eq!(
        checked["warnings"],
        json!(["PG070: becomes callable: restart_service (in NORMAL)"])
    );
    let wrong = json!({ "policy_id": "p", "name": "P", "rules": [] }).to_string();
    let checked = house
        .post("/api/v1/policies/check", &json!({ "policy": wrong }))
        .await
        .body;
    assert_eq!(
        (&checked["valid"], &checked["errors"]),
        (
            &json!(false),
            &json!([
                "PG001: policy must have at least one rule; add a rule, or take the policy out"
            ])
        )
    );
    let compared = house
        .post("/api/v1/policies/diff", &json!({ "policy": candidate }))
        .await
        .body;
    assert_eq!(
        (&compared["added"], &compared["becomes_callable"]),
        (
            &json!(["p"]),
            &json!(["becomes callable: restart_service (in NORMAL)"])
        )
    );
    assert_eq!(version(&house).await, 1);
}

#[tokio::test]
async fn calls_are_tried_under_a_policy_that_is_not_in_force() {
    let house = house().await;
    let candidate = json!({ "policy_id": "p", "name": "P", "rules": allow("restart_service") });
    let calls = json!([
        { "tool": "restart_service", "arguments": { "service_name": "cache" }, "agent_id": "a" },
        { "tool": "restart_service", "arguments": { "service_name": "cache" }, "mode": "EMERGENCY" },
        { "tool": "drop_x", "trust_level": "high" },
    ]);
    let tried = house
        .post(
            "/api/v1/policies/simulate",
            &json!({ "policy": candidate, "calls": calls }),
        )
        .await
        .body;
    assert_eq!(tried["changed"], json!(2), "{tried}");
    assert_eq!(
        (
            &tried["calls"][0]["before"]["code"],
            &tried["calls"][0]["after"]["code"]
        ),
        (&json!("default_deny"), &json!("rule_allow"))
    );
    assert_eq!(
        (
            &tried["calls"][1]["before"]["code"],
            &tried["calls"][1]["after"]["code"]
        ),
        (&json!("mode_allowed"), &json!("rule_allow"))
    );
    assert_eq!(tried["calls"][2]["changes"], json!(false));
    assert_eq!(version(&house).await, 1);
    create(&house, "q", deny("list_services", "no")).await;
    let tried = house
        .post(
            "/api/v1/policies/simulate",
            &json!({ "without": "q", "calls": [{ "tool": "list_services" }] }),
        )
        .await
        .body;
    assert_eq!(tried["changed"], json!(1));
}

#[tokio::test]
async fn stored_versions_are_compared_with_their_files() {
    let house = house().await;
    create(&house, "p", allow("restart_service")).await;
    create(&house, "q", deny("list_services", "no")).await;
    let compared = house
        .post("/api/v1/policies/diff", &json!({ "from": 1 }))
        .await
        .body;
    assert_eq!((&compared["from"], &compared["to"]), (&json!(1), &json!(3)));
    assert_eq!(
        compared["becomes_callable"],
        json!(["becomes callable: restart_service (in NORMAL)"])
    );
    assert_eq!(
        compared["stops_being_callable"],
        json!(["stops being callable: list_services (in EMERGENCY, NORMAL)"])
    );
    let opened = POLICY.replace("[list_services]", "[list_services, read_logs]");
    std::fs::write(house.policy_file(), &opened).unwrap();
    house.app.reload().await;
    let compared = house
        .post("/api/v1/policies/diff", &json!({ "to": 4 }))
        .await
        .body;
    assert_eq!((&compared["from"], &compared["to"]), (&json!(3), &json!(4)));
    assert_eq!(
        compared["becomes_callable"],
        json!(["becomes callable: read_logs (in NORMAL)"])
    );
    for (from, to) in [(1, 9), (9, 1)] {
        let body = json!({ "from": from, "to": to });
        let unknown = house.post("/api/v1/policies/diff", &body).await;
        assert_eq!(unknown.status, 404);
    }
}

/// Policies are replaced while calls are made: each answer is of one whole version.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_answer_is_of_one_whole_version_while_policies_change() {
    let house = Arc::new(house().await);
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let (house, done) = (Arc::clone(&house), Arc::clone(&done));
            tokio::spawn(async move {
                let mut seen: BTreeSet<(u64, String)> = BTreeSet::new();
                while !done.load(Ordering::SeqCst) {
                    for tool in ["read_logs", "get_service_status"] {
                        let arguments = json!({ "service_name": "cache" });
                        let answer = house.execute(tool, arguments).await;
                        let said = answer["blocked_reason"].as_str().unwrap_or("").to_owned();
                        seen.insert((answer["policy_version"].as_u64().unwrap(), said));
                    }
                    tokio::task::yield_now().await;
                }
                seen
            })
        })
        .collect();
    // Two writers at once: their changes take turns, and no number is given twice.
    let writers: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|writer| {
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                let mut made = Vec::new();
                for round in 0..20 {
                    let words = format!("{writer}{round}");
                    let rules = json!([
                        { "condition": { "tool_pattern": "read_logs" }, "action": "deny", "message": words },
                        { "condition": { "tool_pattern": "get_service_status" }, "action": "deny", "message": words },
                    ]);
                    let created = create(&house, "both", rules).await;
                    made.push((created["result"]["version"].as_u64().unwrap(), words));
                }
                made
            })
        })
        .collect();
    let mut words: BTreeMap<u64, String> = BTreeMap::new();
    for writer in writers {
        for (version, said) in writer.await.unwrap() {
            let twice = words.insert(version, said);
            assert_eq!(twice, None, "version {version} was given twice");
        }
    }
    done.store(true, Ordering::SeqCst);
    assert_eq!(words.len(), 40);
    assert_eq!(*words.last_key_value().unwrap().0, 41);
    let mut checked = 0;
    for caller in callers {
        for (version, said) in caller.await.unwrap() {
            if version == 1 {
                continue;
            }
            assert_eq!(words[&version], said, "version {version}");
            checked += 1;
        }
    }
    assert!(checked > 0, "no call was made while policies changed");
}
