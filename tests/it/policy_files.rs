//! Policy files: what is read, what is refused, and how that is told.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use policyguard::cloud;
use policyguard::domain::{ActionRequest, Owner, Timestamp, ToolFacts};
use policyguard::policy::{self, Engine, Finding, FindingCode, Loaded, Source, Suite, SuiteReport};
use policyguard::policy_admin;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn load(text: &str) -> Result<Loaded, Vec<Finding>> {
    policy::load(&[Source::new("policy.yaml", text)])
}

/// The tools of the cloud, and two of the gateway's own.
fn tools() -> Vec<ToolFacts> {
    let mut tools: Vec<ToolFacts> = cloud::definitions()
        .into_iter()
        .map(|tool| tool.facts)
        .collect();
    let own = ["set_mode", "set_lockdown"].map(|name| ToolFacts {
        name: name.into(),
        server: "gateway".into(),
        owner: Owner::Gateway,
        ..tools[0].clone()
    });
    tools.extend(own);
    tools
}

fn now() -> Timestamp {
    Timestamp::parse("2026-06-01T12:00:00Z").unwrap()
}

fn run_suite(policy: &str, suite: &str) -> SuiteReport {
    let sources = policy_admin::read(Path::new(policy)).unwrap();
    let loaded = policy::check(&sources, &tools(), now()).unwrap();
    assert_eq!(loaded.findings, [], "{policy}");
    let engine = Engine::compile(Arc::new(loaded.bundle), &tools(), 1);
    let text = std::fs::read(suite).unwrap();
    let suite = Suite::read(&Source::new(suite, text)).unwrap();
    suite.run(&engine.bundle().default_mode, |request| {
        let arguments = engine.complete(&request.resource.name, request.arguments.clone());
        engine.decide(&Arc::new(ActionRequest {
            arguments,
            ..request
        }))
    })
}

#[test]
fn the_default_policy_answers_as_its_suite_says() {
    let report = run_suite("policies/default.yaml", "policies/default.test.yaml");
    assert_eq!(report.failed(), 0, "{report}");
}

#[test]
fn ops_policy_answers_as_its_suite_says() {
    let report = run_suite("policies/ops_policy.json", "policies/ops_policy.test.yaml");
    assert_eq!(report.failed(), 0, "{report}");
}

#[test]
fn the_built_in_policy_is_the_shipped_one() {
    let built_in = policy::load(&policy_admin::embedded()).unwrap();
    let shipped = policy_admin::read(Path::new("policies/default.yaml")).unwrap();
    let shipped = policy::load(&shipped).unwrap();
    assert_eq!(built_in.bundle.digest, shipped.bundle.digest);
}

/// Every file of `tests/cases/policy_files` with the findings that people read about it.
#[test]
fn mistakes_are_told_with_place_caret_and_hint() {
    let folder = Path::new("tests/cases/policy_files");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| {
            [".yaml", ".json"]
                .iter()
                .any(|ending| name.ends_with(ending))
        })
        .collect();
    names.sort();
    for name in names {
        let source = Source::new(&name, std::fs::read(folder.join(&name)).unwrap());
        let findings = policy::check(&[source], &tools(), now()).unwrap_err();
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        insta::with_settings!({
            snapshot_path => "../cases/policy_files",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!(name, shown.join("\n\n")) });
    }
}

/// The own-marked hostile vectors: each is refused for what it does, also where its keys are known.
#[test]
fn hostile_yaml_is_refused_for_what_it_does() {
    let reasons = [
        ("billion laughs", "an anchor is not allowed"),
        ("laughs 5 levels", "an anchor is not allowed"),
        ("dup key", "stands twice"),
        ("tag", "a tag is not allowed"),
        ("custom tag enum", "a tag is not allowed"),
        ("octal", "`010` is not a number"),
        ("nan", "`.nan` is not a number"),
        ("null action", "unknown key `action`"),
        ("only comment", "says nothing"),
        ("nul in scalar", "invisible character U+0000"),
        ("zero-width in pattern", "invisible character U+200B"),
        ("unknown action", "unknown key `action`"),
        ("non-UTF8", "not UTF-8"),
        ("time sexagesimal", "unknown key `start_time`"),
        ("time 22:30:00", "unknown key `end_time`"),
    ];
    let vectors = std::fs::read_to_string("tests/cases/policy_files/yaml_hostile.jsonl").unwrap();
    let mut seen = 0;
    for line in vectors.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = vector["name"].as_str().unwrap();
        let text = match vector["doc"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => b"action: \xff".to_vec(), // the one vector in base64
        };
        let findings = policy::load(&[Source::new("hostile.yaml", text)]).unwrap_err();
        let wanted = reasons.iter().find(|(of, _)| *of == name).unwrap().1;
        let told = findings
            .iter()
            .any(|finding| finding.message.contains(wanted));
        assert!(told, "{name}: {findings:?}");
        seen += 1;
    }
    assert_eq!(seen, reasons.len());
}

#[test]
fn files_that_say_nothing_are_refused_for_that() {
    for (name, text) in [
        ("a.yaml", ""),
        ("a.yaml", "# nothing\n"),
        ("a.yaml", "[]"),
        ("a.json", "[]"),
    ] {
        let findings = policy::load(&[Source::new(name, text)]).unwrap_err();
        let told: Vec<&str> = findings.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(told, ["the file says nothing"], "{name}: {text:?}");
    }
}

/// The same tricks where a rule would take them.
#[test]
fn hostile_values_do_not_become_rules() {
    let rule = |line: &str| {
        let text = format!(
            "policies:\n  - id: a\n    rules:\n      - condition: {{ tool_pattern: x }}\n        {line}\n"
        );
        load(&text)
    };
    let clock = rule("{ action: deny }").is_err();
    assert!(clock, "a map inside a map is no YAML");
    let text = rule("action: deny\n        message: 08:00").unwrap();
    let message = text.bundle.policies[0].rules[0].message.clone();
    assert_eq!(message.as_deref(), Some("08:00"));
    for line in [
        "action: ~",
        "action: denny",
        "action: !allow x",
        "action: [deny]",
        "action: Deny",
        "action: deny\n        action: allow",
        "action: deny\n        overridable: 1",
        "action: deny\n        message: [x]",
    ] {
        assert!(rule(line).is_err(), "{line}");
    }
}

#[test]
fn files_that_are_too_large_are_refused_by_size_alone() {
    let line = "# nothing\n";
    let large = Source::new(
        "large.yaml",
        line.repeat(policy::MAX_FILE_BYTES / line.len() + 1),
    );
    let findings = policy::load(&[large]).unwrap_err();
    assert!(
        findings[0].message.contains("at most 1 MiB"),
        "{findings:?}"
    );
    let medium = "policy_name: x\n".to_owned() + &line.repeat(100_000);
    let many: Vec<Source> = (0..9)
        .map(|n| Source::new(&format!("{n}.yaml"), &medium))
        .collect();
    let findings = policy::load(&many).unwrap_err();
    assert!(
        findings[0].message.contains("at most 8 MiB in all"),
        "{findings:?}"
    );
    assert!(policy::load(&many[..7]).is_ok());
}

fn many_rules(count: usize) -> String {
    let mut text = "policies:\n  - id: a\n    rules:\n".to_owned();
    for index in 0..count {
        text.push_str("      - { condition: { tool_pattern: \"t");
        text.push_str(&index.to_string());
        text.push_str("_*\" }, action: deny }\n");
    }
    text
}

#[test]
fn ten_thousand_rules_load_and_one_more_is_refused() {
    assert!(load(&many_rules(10_000)).is_ok());
    let findings = load(&many_rules(10_001)).unwrap_err();
    assert!(
        findings[0].message.contains("10001 rules: at most 10000"),
        "{findings:?}"
    );
}

/// Nesting, keys and patterns at the edge of a file; what is not linear in them would not come back.
#[test]
fn what_is_built_to_be_slow_is_refused_with_a_bounded_answer() {
    let deep_flow = "[".repeat(1_000_000);
    let lines = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        (0..count).map(line).collect::<Vec<_>>().concat()
    };
    let deep_block = lines(1_000, &|depth| format!("{}a:\n", " ".repeat(depth)));
    let keys = lines(90_000, &|n| format!("k{n}: 1\n"));
    let same: String = "a: 1\n".repeat(200_000);
    let patterns = format!("tool_groups: {{ a: [{}] }}", "\"[a]*b\",".repeat(40_000));
    let groups = lines(15, &|n| {
        format!("  g{}: [{}]\n", n + 1, format!("\"@g{n}\",").repeat(40))
    });
    let groups = format!("tool_groups:\n  g0: [\"a*\",\"b*\"]\n{groups}");
    let zones = lines(20_000, &|n| {
        format!("t{n}: {{allowed_hours: [1], timezone: Mars}},")
    });
    let zones = format!("time_restrictions: {{ {zones} }}");
    for text in [deep_flow, deep_block, keys, same, patterns, groups, zones] {
        let findings = load(&text).unwrap_err();
        assert!(!findings.is_empty() && findings.len() <= 200);
    }
}

#[test]
fn files_of_a_folder_join_and_contradictions_name_both_places() {
    let a = Source::new(
        "a.yaml",
        "policy_name: A\ntool_groups: { g: [\"get_*\"] }\nglobal_rules: { always_blocked: [x] }\npolicies:\n  - { id: one, rules: [{ condition: { tool_pattern: \"@h\" }, action: allow }] }\n",
    );
    let b = Source::new(
        "b.yaml",
        "policy_name: A\ntool_groups: { h: [\"@g\", \"list_*\"] }\nglobal_rules: { always_blocked: [y] }\n",
    );
    let c = Source::new(
        "c.json",
        r#"[{ "id": "two", "rules": [{ "condition": { "tool_pattern": "*" }, "action": "deny" }] }]"#,
    );
    let loaded = policy::load(&[a.clone(), b.clone(), c.clone()]).unwrap();
    assert_eq!(loaded.bundle.policies.len(), 2);
    assert_eq!(loaded.bundle.always_blocked.include.len(), 2);
    let tools = loaded.bundle.policies[0].rules[0]
        .condition
        .tools
        .clone()
        .unwrap();
    assert!(tools.matches("get_x") && tools.matches("list_x") && !tools.matches("x"));
    assert_eq!(loaded.notes, ["c.json: read as the rules dialect"]);
    let turned = policy::load(&[c.clone(), b.clone(), a.clone()]).unwrap();
    assert_eq!(
        loaded.bundle.digest, turned.bundle.digest,
        "the order of files means nothing"
    );

    let other = Source::new(
        "d.yaml",
        "policy_name: D\ntool_groups: { g: [x] }\npolicies:\n  - { id: two, rules: [{ condition: { agents: [x] }, action: deny }] }\n",
    );
    let findings = policy::load(&[a, c, other]).unwrap_err();
    let told: Vec<&str> = findings
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert!(
        told.contains(&"`policy_name` differs from a.yaml:1"),
        "{told:?}"
    );
    assert!(
        told.contains(&"the group `g` stands twice, first at a.yaml:2:16"),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|message| message.starts_with("the policy `two` stands twice, first at ")),
        "{told:?}"
    );
}

#[test]
fn a_group_that_takes_names_away_never_widens_or_narrows_its_neighbours() {
    let with = |list: &str| {
        load(&format!(
            "tool_groups: {{ safe: [\"get_*\", \"!get_secret\"] }}\npolicies:\n  - {{ id: a, rules: [{{ condition: {{ tool_pattern: {list} }}, action: allow }}] }}\n"
        ))
    };
    let loaded = with("[\"@safe\", \"list_*\"]").unwrap();
    let tools = loaded.bundle.policies[0].rules[0]
        .condition
        .tools
        .clone()
        .unwrap();
    assert!(tools.matches("get_x") && tools.matches("list_x") && !tools.matches("get_secret"));
    for list in [
        "[\"@safe\", get_secret]",
        "[\"*_secret\", \"@safe\"]",
        "[\"*\", \"!@safe\"]",
        "\"!x\"",
    ] {
        assert!(with(list).is_err(), "{list}");
    }
}

#[test]
fn a_bundle_without_modes_has_two_without_ceilings() {
    let loaded = load(
        "policies:\n  - { id: a, rules: [{ condition: { tool_pattern: x }, action: deny }] }\n",
    )
    .unwrap();
    let modes: Vec<(&str, bool, bool)> = loaded
        .bundle
        .modes
        .iter()
        .map(|(name, rules)| {
            (
                name.as_str(),
                rules.has_ceiling(),
                rules.max_duration.is_some(),
            )
        })
        .collect();
    assert_eq!(
        modes,
        [("EMERGENCY", false, true), ("NORMAL", false, false)]
    );
}

#[test]
fn digests_follow_what_is_said_and_not_where() {
    let one = "policies:\n  - id: a\n    rules:\n      - { name: r, condition: { tool_pattern: [x, y] }, action: deny }\n";
    let same = "# moved\n\npolicies: [{ rules: [{ action: deny, condition: { tool_pattern: [y, x] }, name: r }], id: a }]\n";
    let (one, same) = (load(one).unwrap().bundle, load(same).unwrap().bundle);
    assert_eq!(one.digest, same.digest);
    assert_eq!(
        one.policies[0].rules[0].digest,
        same.policies[0].rules[0].digest
    );
    for other in ["x", "[x, z]", "[x, \"!y\"]"] {
        let text = format!(
            "policies: [{{ rules: [{{ action: deny, condition: {{ tool_pattern: {other} }}, name: r }}], id: a }}]\n"
        );
        let other = load(&text).unwrap().bundle;
        assert_ne!(one.digest, other.digest);
        assert_ne!(
            one.policies[0].rules[0].digest,
            other.policies[0].rules[0].digest
        );
    }
}

#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "rules are written where they are checked"
)]
fn check_call(rules: serde_json::Value, problems: &str) {
    let call = serde_json::json!({ "policy_id": "p", "name": "P", "rules": rules });
    let findings = policy::parse_rules(&call, "create_policy").unwrap_err();
    assert_eq!(policy::call_problems(&findings), problems);
}

#[test]
fn create_policy_says_every_problem_with_its_rule() {
    use serde_json::json;
    check_call(json!([]), "Policy must have at least one rule");
    check_call(
        json!([
            { "condition": { "tol_pattern": "x" }, "action": "deny" },
            { "condition": { "tool_pattern": "x" }, "action": "block" },
            { "condition": {}, "action": "allow" },
        ]),
        "Rule 1: unknown condition 'tol_pattern', did you mean 'tool_pattern'?; \
         Rule 2 has invalid action 'block'. Must be one of: allow, deny, require_approval; \
         Rule 3: an empty condition",
    );
    let call = json!({ "id": "p", "name": "P", "priority": 5, "rules": [{ "condition": { "tool_pattern": "x_*" }, "action": "deny" }] });
    let policy = policy::parse_rules(&call, "create_policy").unwrap();
    assert_eq!(
        (policy.id.as_str(), policy.priority, policy.rules.len()),
        ("p", 5, 1)
    );
    assert_eq!(policy.rules[0].at.to_string(), "create_policy");
}

#[test]
fn a_failed_case_says_what_was_expected_and_what_came() {
    let suite = "now: 2026-06-01T12:00:00Z\nagents: { a: { trust: low } }\ncases:\n  - name: low trust deletes\n    request: { agent: a, tool: delete_table }\n    expect: { effect: allow, code: rule_allow, rule: destructive }\n  - name: reads run\n    request: { agent: a, tool: list_services }\n    expect: allow\n";
    let suite = Suite::read(&Source::new("default.test.yaml", suite)).unwrap();
    let bundle = policy::load(&policy_admin::embedded()).unwrap().bundle;
    let engine = Engine::compile(Arc::new(bundle), &tools(), 1);
    let report = suite.run(&engine.bundle().default_mode, |request| {
        engine.decide(&Arc::new(request))
    });
    assert_eq!(report.failed(), 1);
    insta::assert_snapshot!(report.to_string(), @"
    default.test.yaml
      FAIL  low trust deletes (default.test.yaml:4)
            effect: expected `allow`, got `deny`
            code: expected `rule_allow`, got `rule_deny`
            rule: expected `destructive`, got `delete-needs-admin`
      ok    reads run
      1 passed, 1 failed
    ");
}

#[test]
fn a_suite_with_a_typo_is_refused() {
    let suite =
        "cases:\n  - name: x\n    request: { agent: a, tol: y }\n    expect: { efect: allow }\n";
    let findings = Suite::read(&Source::new("x.test.yaml", suite)).unwrap_err();
    let told: Vec<&str> = findings
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert!(
        told.contains(&"unknown key `tol`, did you mean `tool`?"),
        "{told:?}"
    );
    assert!(
        told.contains(&"unknown key `efect`, did you mean `effect`?"),
        "{told:?}"
    );
    assert!(told.contains(&"the suite has no `now`"), "{told:?}");
}

/// Rules over few names, levels, modes and values, so that every request about them can be tried.
fn small_policies() -> impl Strategy<Value = String> {
    let tools = select(vec![
        "list_services",
        "\"list_*\"",
        "\"*_services\"",
        "\"*\"",
        "set_mode",
        "read_logs",
        "\"{list,read}_*\"",
        "[\"*\", \"!read_*\"]",
        "[\"read_*\", set_mode]",
    ]);
    let trust = select(vec![
        "",
        "trust_level_below: high, ",
        "trust_level_at_least: medium, ",
        "trust_level: low, ",
    ]);
    let rest = select(vec![
        "",
        "modes: [NORMAL], ",
        "agents: [\"a*\"], ",
        "arguments: { n: 1 }, ",
        "arguments: { n: { gt: 0 } }, ",
        "action_type: tool_call, ",
        "action_type: \"data_*\", ",
    ]);
    let action = select(vec!["allow", "deny", "require_approval"]);
    let rule = (tools, trust, rest, action).prop_map(|(tools, trust, rest, action)| {
        format!("{{ condition: {{ {trust}{rest}tool_pattern: {tools} }}, action: {action} }}")
    });
    let policy = (select(vec![1, 2]), vec(rule, 1..4));
    vec(policy, 1..4).prop_map(|policies| {
        let policy = |(index, (priority, rules)): (usize, (i32, Vec<String>))| {
            format!(
                "  - {{ id: p{index}, priority: {priority}, rules: [{}] }}\n",
                rules.join(", ")
            )
        };
        let policies: String = policies.into_iter().enumerate().map(policy).collect();
        format!("policies:\n{policies}")
    })
}

/// A suite that asks every question that [`small_policies`] could tell apart.
fn every_request() -> Suite {
    let mut text = "now: 2026-06-01T12:00:00Z\nagents:\n".to_owned();
    let mut cases = String::new();
    for trust in ["low", "medium", "high", "admin"] {
        for agent in ["a", "b"] {
            writeln!(
                text,
                "  {agent}-{trust}: {{ trust: {trust}, roles: [admin, agent] }}"
            )
            .unwrap();
            for tool in [
                "list_services",
                "list_x",
                "x_services",
                "read_logs",
                "set_mode",
                "other",
            ] {
                for (action, mode) in [
                    ("tool_call", "NORMAL"),
                    ("tool_call", "EMERGENCY"),
                    ("data_read", "NORMAL"),
                ] {
                    for arguments in ["", "n: 1", "n: 2", "n: \"1\"", "n: -1"] {
                        let request = format!(
                            "agent: {agent}-{trust}, tool: {tool}, action: {action}, mode: {mode}"
                        );
                        writeln!(cases, "  - {{ name: x, request: {{ {request}, arguments: {{ {arguments} }} }}, expect: allow }}").unwrap();
                    }
                }
            }
        }
    }
    text.push_str("cases:\n");
    Suite::read(&Source::new("every.test.yaml", text + &cases)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// `PG011` against brute force: what is said never to decide decides no request there is.
    #[test]
    fn a_rule_that_is_said_never_to_decide_never_does(text in small_policies()) {
        thread_local!(static SUITE: Suite = every_request());
        let bundle = load(&text).unwrap().bundle;
        let findings = policy::validate(&bundle, &tools(), now());
        prop_assume!(!findings.iter().any(Finding::is_error)); // refused, and so never asked
        let shadowed: Vec<(String, usize)> = findings.iter()
            .filter(|finding| finding.code == FindingCode::Shadowed)
            .map(|finding| (finding.message.split('`').nth(1).unwrap().to_owned(), finding.rule.unwrap()))
            .collect();
        if !shadowed.is_empty() {
            let engine = Engine::compile(Arc::new(bundle), &tools(), 1);
            let decided = std::cell::RefCell::new(Vec::new());
            SUITE.with(|suite| suite.run(&engine.bundle().default_mode, |request| {
                let decision = engine.decide(&Arc::new(request));
                decided.borrow_mut().extend(decision.determined_by().map(|it| (it.policy.to_string(), it.rule)));
                decision
            }));
            for rule in shadowed {
                prop_assert!(!decided.borrow().contains(&rule), "{rule:?} decides in\n{text}");
            }
        }
    }
}
