//! Figures for Prometheus, and the events of the log.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::{House, assert_golden};

/// The figures as they are served.
async fn figures(house: &House) -> String {
    let reply = house.get("/metrics").await;
    assert_eq!(reply.status, 200);
    reply.body.as_str().unwrap().to_owned()
}

/// The value of one series; `None` when it is not shown.
fn value(figures: &str, series: &str) -> Option<f64> {
    let line = figures
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

#[track_caller]
fn check(figures: &str, series: &str, expected: f64) {
    let found = value(figures, series).unwrap_or_else(|| panic!("no {series} in\n{figures}"));
    assert!(
        (found - expected).abs() < 1e-9,
        "{series} is {found}, not {expected}"
    );
}

#[tokio::test]
async fn decisions_are_counted_by_tool_mode_and_result() {
    let house = House::new().await;
    for _ in 0..3 {
        house.execute("list_services", json!({})).await;
    }
    let restart = json!({ "service_name": "cache" });
    house.execute("restart_service", restart.clone()).await;
    house.set_mode("EMERGENCY").await;
    house.execute("restart_service", restart).await;
    let figures = figures(&house).await;
    let validations = |labels: &str| format!("policy_validations_total{{{labels}}}");
    for (labels, expected) in [
        (
            r#"tool_name="list_services",mode="NORMAL",result="allowed""#,
            3.0,
        ),
        (
            r#"tool_name="restart_service",mode="NORMAL",result="blocked""#,
            1.0,
        ),
        (
            r#"tool_name="restart_service",mode="EMERGENCY",result="allowed""#,
            1.0,
        ),
        (
            r#"tool_name="set_mode",mode="NORMAL",result="allowed""#,
            1.0,
        ),
    ] {
        check(&figures, &validations(labels), expected);
    }
    let violation = r#"policy_violations_total{tool_name="restart_service",mode="NORMAL",reason="mode_blocked"}"#;
    check(&figures, violation, 1.0);
    check(&figures, "policy_validation_duration_seconds_count", 6.0);
    check(
        &figures,
        r#"policyguard_calls_total{door="rest",result="refused"}"#,
        1.0,
    );
    check(&figures, "policyguard_calls_running", 0.0);
}

#[tokio::test]
async fn names_that_callers_invent_make_no_series() {
    let house = House::new().await;
    for number in 0..20 {
        let name = format!("invented_{number}\"\n{{x=\"1\"}} 5");
        house.execute(&name, json!({})).await;
    }
    let figures = figures(&house).await;
    assert!(!figures.contains("invented"), "{figures}");
    let other = r#"policy_validations_total{tool_name="_other",mode="NORMAL",result="blocked"}"#;
    check(&figures, other, 20.0);
}

#[tokio::test]
async fn a_question_counts_once_as_what_is_asked_and_a_dry_run_not_at_all() {
    let house = House::new().await;
    let ask = |dry_run: bool| json!({ "action_type": "tool_call", "target": "list_services", "dry_run": dry_run });
    for dry_run in [false, true] {
        let reply = house
            .post("/api/v1/decisions/validate", &ask(dry_run))
            .await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
    }
    let figures = figures(&house).await;
    let asked =
        r#"policy_validations_total{tool_name="list_services",mode="NORMAL",result="allowed"}"#;
    check(&figures, asked, 1.0);
    assert!(
        !figures.contains("tool_name=\"validate_action\""),
        "{figures}"
    );
}

#[tokio::test]
async fn what_holds_is_shown_as_it_is_now() {
    let house = House::new().await;
    let before = figures(&house).await;
    check(&before, r#"policyguard_mode{mode="NORMAL"}"#, 1.0);
    check(&before, r#"policyguard_mode{mode="EMERGENCY"}"#, 0.0);
    check(&before, "policyguard_lockdown", 0.0);
    check(&before, "policyguard_policy_version", 1.0);
    check(
        &before,
        "policyguard_lockdown_last_drill_timestamp_seconds",
        0.0,
    );
    check(&before, r#"policyguard_agents{trust_level="admin"}"#, 1.0);
    let agent = json!({ "name": "Bot" });
    let put = Some(agent.to_string().into_bytes());
    assert_eq!(
        house.send("PUT", "/api/v1/agents/bot", put).await.status,
        200
    );
    let empty = json!({});
    assert_eq!(
        house.post("/api/v1/lockdown/drill", &empty).await.status,
        200
    );
    house.set_mode("EMERGENCY").await;
    let on = json!({ "on": true });
    assert_eq!(house.post("/api/v1/lockdown", &on).await.status, 200);
    let after = figures(&house).await;
    check(&after, r#"policyguard_mode{mode="NORMAL"}"#, 0.0);
    check(&after, r#"policyguard_mode{mode="EMERGENCY"}"#, 1.0);
    check(&after, "policyguard_lockdown", 1.0);
    check(&after, r#"policyguard_agents{trust_level="low"}"#, 1.0);
    check(&after, "policyguard_audit_up", 1.0);
    check(&after, r#"policyguard_ready{check="audit"}"#, 1.0);
    let drilled = value(&after, "policyguard_lockdown_last_drill_timestamp_seconds").unwrap();
    assert!(drilled > 1.7e9, "{drilled}");
    // A restart forgets counters, but not when the halt path was last proved.
    let again = figures(&house.restarted().await).await;
    check(
        &again,
        "policyguard_lockdown_last_drill_timestamp_seconds",
        drilled,
    );
    check(&again, "policyguard_lockdown", 1.0);
}

#[tokio::test]
async fn what_a_door_turns_away_is_counted_by_reason_and_limit() {
    let house = House::new().await;
    let huge = vec![b' '; 300 * 1024];
    assert_eq!(
        house
            .send("POST", "/tools/execute", Some(huge))
            .await
            .status,
        413
    );
    let junk = b"{\"a\":1,\"a\":2}".to_vec();
    assert_eq!(
        house
            .send("POST", "/tools/execute", Some(junk))
            .await
            .status,
        400
    );
    let figures = figures(&house).await;
    check(
        &figures,
        r#"policyguard_limits_hit_total{limit="body"}"#,
        1.0,
    );
    check(
        &figures,
        r#"policyguard_refused_requests_total{reason="unreadable_body"}"#,
        1.0,
    );
}

#[tokio::test]
async fn the_reference_lists_every_figure() {
    let house = House::new().await;
    house
        .execute("delete_database", json!({ "db_name": "users" }))
        .await;
    let text = figures(&house).await;
    let mut known: BTreeMap<&str, (&str, &str, Vec<&str>)> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line
            .strip_prefix("# HELP ")
            .and_then(|rest| rest.split_once(' '))
        {
            known.entry(name).or_default().1 = help.trim_end_matches('.');
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            known.entry(name).or_default().0 = kind;
        }
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else {
            continue;
        };
        let owner = known
            .keys()
            .copied()
            .filter(|known| name.starts_with(known))
            .max_by_key(|known| known.len());
        let labels = rest.split('}').next().unwrap();
        for label in labels
            .split(',')
            .filter_map(|label| label.split('=').next())
        {
            let seen = &mut known.get_mut(owner.unwrap()).unwrap().2;
            if label != "le" && !seen.contains(&label) {
                seen.push(label);
            }
        }
    }
    let mut page = String::from(
        "# Metrics\n\n\
         `GET /metrics` gives these figures as OpenMetrics text; a test keeps this list up to date.\n\
         Labels come from closed sets: `tool_name` is a catalogued tool or `_other`, `mode` a mode of the policy, `result` one of `allowed`, `blocked`, `pending`, `reason` a code of a decision.\n\
         Figures start at zero with the process.\n\n\
         | name | kind | labels | what it tells |\n|---|---|---|---|\n",
    );
    for (name, (kind, help, labels)) in &known {
        let suffix = match *kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(
            page,
            "| `{name}{suffix}` | {kind} | {} | {help} |",
            labels.join(", ")
        )
        .unwrap();
    }
    assert!(known.len() > 15, "{text}");
    assert_golden("docs/reference/metrics.md", &page);
}

/// What was logged, for a test to read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// What is logged at this level while an allow, a denial and an invented name are decided, and the denial's action.
async fn logged(level: tracing::Level) -> (Vec<String>, String) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let house = House::new().await;
    let _guard = tracing::subscriber::set_default(subscriber);
    house.execute("list_services", json!({})).await;
    let denied = house
        .execute(
            "restart_service",
            json!({ "service_name": "super-secret-name" }),
        )
        .await;
    house
        .execute("x\npolicy_validation_passed", json!({}))
        .await;
    let lines = log
        .lines()
        .into_iter()
        .filter(|line| line.contains("policy_v"));
    (
        lines.collect(),
        denied["action_id"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn a_denial_is_one_line_of_the_log_and_an_allow_none() {
    let (lines, action_id) = logged(tracing::Level::INFO).await;
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let line = &lines[0];
    for part in [
        "INFO",
        "policy_violation",
        "tool=restart_service",
        "mode=NORMAL",
        "reason=mode_blocked",
        &action_id,
    ] {
        assert!(line.contains(part), "{line} lacks {part}");
    }
    assert!(
        !line.contains("super-secret-name"),
        "arguments are not logged: {line}"
    );
    let (lines, _) = logged(tracing::Level::DEBUG).await;
    let count = |event: &str| {
        lines
            .iter()
            .filter(|line| line.contains(&format!(" {event} ")))
            .count()
    };
    assert_eq!(count("policy_validation_start"), 3, "{lines:#?}");
    assert_eq!(count("policy_validation_passed"), 1, "{lines:#?}");
}
