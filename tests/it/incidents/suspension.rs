//! Who is suspended, and exactly when.

use std::sync::Arc;
use std::time::Duration;

use policyguard::audit::AuditRecord;
use policyguard::domain::{AgentId, IncidentType, RESERVED_AGENTS, Severity, SuspensionState};
use policyguard::incidents::Config;
use serde_json::json;

use super::room::{Room, by_rule, denial};

/// Denies so many runs of different tools to the agent.
async fn deny(room: &Room, agent: &str, runs: usize, change: fn(&mut AuditRecord)) {
    for run in 0..runs {
        let mut record = denial(agent, &format!("t{run}"), "rule_deny", room.clock_now());
        change(&mut record);
        room.hear(record).await;
    }
}

fn as_it_is(_record: &mut AuditRecord) {}

#[tokio::test]
async fn twenty_denied_runs_suspend_nobody_and_one_more_does() {
    let room = Room::new();
    deny(&room, "bot", 20, as_it_is).await;
    assert_eq!(room.registry.suspended(), Vec::<String>::new());
    room.hear(denial("bot", "one_more", "default_deny", room.clock_now()))
        .await;
    let orders = room.registry.orders.lock().unwrap().clone();
    assert_eq!(orders.len(), 1);
    let order = &orders[0];
    assert_eq!(
        (order.agent_id.as_str(), order.by.as_str()),
        ("bot", "gateway")
    );
    let incident = room.incidents.get(order.incident_id, None).await.unwrap();
    assert_eq!(
        order.reason,
        format!(
            "Auto-suspended due to critical incident: {}",
            incident.incident_id
        )
    );
    assert_eq!(
        (incident.kind, incident.severity),
        (IncidentType::SuspiciousActivity, Severity::Critical)
    );
    assert_eq!(incident.reported_by, "gateway");
    let numbers = json!(order.numbers);
    assert_eq!(numbers["trigger"], json!("denied_runs"));
    assert_eq!(
        (
            &numbers["denied_runs"],
            &numbers["limit"],
            &numbers["window_seconds"]
        ),
        (&json!(21), &json!(20), &json!(600))
    );
    let suspension = incident.suspension.unwrap();
    assert_eq!(
        (suspension.state, suspension.numbers),
        (SuspensionState::Suspended, order.numbers.clone())
    );
    let events: Vec<_> = incident
        .timeline
        .iter()
        .map(|line| line.event.as_str())
        .collect();
    assert_eq!(events, ["reported", "agent `bot` was suspended"]);
}

#[tokio::test]
async fn only_runs_of_the_last_ten_minutes_count() {
    let room = Room::new();
    deny(&room, "bot", 20, as_it_is).await;
    room.advance(Duration::from_mins(10));
    deny(&room, "bot", 20, as_it_is).await;
    assert_eq!(room.registry.suspended(), Vec::<String>::new());
    room.advance(Duration::from_secs(599));
    deny(&room, "bot", 1, as_it_is).await;
    assert_eq!(room.registry.suspended(), ["bot"]);
}

#[tokio::test]
async fn only_runs_under_the_agents_own_credential_count() {
    type Change = fn(&mut AuditRecord);
    let uncounted: &[(&str, Change)] = &[
        ("an operator ran it", |record| {
            let actor = record.principal.as_mut().unwrap();
            actor.acted_by = Some(AgentId::parse("local-operator").unwrap());
        }),
        ("the agent only asked", |record| {
            record.decision.as_mut().unwrap().asked_by = Some(Arc::from("bot"));
        }),
        ("a dry run", |record| {
            let ruling = record.decision.as_mut().unwrap();
            ruling.asked_by = Some(Arc::from("bot"));
            ruling.simulated = true;
        }),
        ("a lockdown", |record| {
            record.decision.as_mut().unwrap().code = Arc::from("lockdown");
        }),
        ("a typo", |record| {
            record.decision.as_mut().unwrap().code = Arc::from("unknown_tool");
        }),
        ("what follows from a suspension", |record| {
            record.decision.as_mut().unwrap().code = Arc::from("agent_suspended");
        }),
    ];
    for (what, change) in uncounted {
        let room = Room::new();
        deny(&room, "bot", 40, *change).await;
        assert_eq!(room.registry.suspended(), Vec::<String>::new(), "{what}");
    }
}

#[tokio::test]
async fn a_denied_run_may_be_repeated_five_times_and_no_more() {
    let room = Room::new();
    let same = || denial("bot", "restart_service", "rule_deny", room.clock_now());
    for _ in 0..6 {
        room.hear(same()).await;
    }
    let mut other = same();
    other.arguments_digest = Some(Arc::from("hmac:other"));
    room.hear(other).await;
    assert_eq!(
        room.registry.suspended(),
        Vec::<String>::new(),
        "one run and five repetitions"
    );
    room.hear(same()).await;
    let orders = room.registry.orders.lock().unwrap().clone();
    assert_eq!(orders.len(), 1);
    let numbers = json!(orders[0].numbers);
    assert_eq!(
        (&numbers["trigger"], &numbers["repeats"]),
        (&json!("repeated_run"), &json!(6))
    );
}

#[tokio::test]
async fn the_gateways_own_names_are_never_suspended() {
    for agent in RESERVED_AGENTS {
        let room = Room::new();
        deny(&room, agent, 30, as_it_is).await;
        let critical = by_rule(
            denial(agent, "t", "rule_deny", room.clock_now()),
            Severity::Critical,
        );
        room.hear(critical).await;
        assert_eq!(room.registry.suspended(), Vec::<String>::new(), "{agent}");
        assert!(
            room.all()
                .await
                .iter()
                .all(|incident| incident.suspension.is_none())
        );
    }
}

#[tokio::test]
async fn a_critical_incident_of_the_gateway_suspends_at_once_and_again_after_a_reinstatement() {
    let room = Room::new();
    let strike = || {
        by_rule(
            denial("bot", "wipe", "rule_deny", room.clock_now()),
            Severity::Critical,
        )
    };
    room.hear(strike()).await;
    assert_eq!(room.registry.suspended(), ["bot"]);
    // Calls that were on their way.
    room.hear(strike()).await;
    room.change_agent("bot", "agent_suspension").await;
    room.hear(strike()).await;
    assert_eq!(room.registry.suspended(), ["bot"]);
    room.change_agent("bot", "agent_reinstatement").await;
    assert_eq!(
        room.registry.suspended(),
        ["bot"],
        "to be reinstated is no offence"
    );
    room.hear(strike()).await;
    assert_eq!(room.registry.suspended(), ["bot", "bot"]);
    assert_eq!(room.only().await.count, 4);
}

#[tokio::test]
async fn a_reinstated_agent_starts_from_nothing() {
    let room = Room::new();
    deny(&room, "bot", 21, as_it_is).await;
    assert_eq!(room.registry.suspended(), ["bot"]);
    room.change_agent("bot", "agent_suspension").await;
    room.change_agent("bot", "agent_reinstatement").await;
    deny(&room, "bot", 20, as_it_is).await;
    assert_eq!(room.registry.suspended(), ["bot"]);
    deny(&room, "bot", 1, as_it_is).await;
    assert_eq!(room.registry.suspended(), ["bot", "bot"]);
}

#[tokio::test]
async fn a_suspension_that_fails_is_tried_again_until_it_is_done() {
    let room = Room::new();
    room.registry.answers(Err("the trail is busy".to_owned()));
    deny(&room, "bot", 21, as_it_is).await;
    let incident = room
        .all()
        .await
        .into_iter()
        .find(|incident| incident.suspension.is_some())
        .unwrap();
    assert_eq!(incident.suspension.unwrap().state, SuspensionState::Ordered);
    let before = room.registry.suspended().len();
    assert_eq!(before, 1, "not more than once a second");
    room.registry.answers(Ok(true));
    room.advance(Duration::from_secs(1));
    room.incidents.caught_up().await;
    assert_eq!(room.registry.suspended().len(), 2);
    let incident = room
        .incidents
        .get(incident.incident_id, None)
        .await
        .unwrap();
    assert_eq!(
        incident.suspension.unwrap().state,
        SuspensionState::Suspended
    );
    room.advance(Duration::from_secs(1));
    room.incidents.caught_up().await;
    assert_eq!(room.registry.suspended().len(), 2);
}

#[tokio::test]
async fn nobody_is_suspended_who_is_not_registered_and_the_incident_says_so() {
    let room = Room::new();
    room.registry.answers(Ok(false));
    let strike = || {
        by_rule(
            denial("ghost", "wipe", "rule_deny", room.clock_now()),
            Severity::Critical,
        )
    };
    for _ in 0..4 {
        room.hear(strike()).await;
    }
    let incident = room.only().await;
    assert_eq!(
        incident.suspension.unwrap().state,
        SuspensionState::NotRegistered
    );
    assert_eq!(
        (incident.count, room.registry.suspended().len()),
        (4, 1),
        "asked once, not at each call"
    );
}

#[tokio::test]
async fn the_numbers_are_settings() {
    let room = Room::with(Config {
        suspend_after: 2,
        window: Duration::from_mins(1),
    });
    deny(&room, "bot", 2, as_it_is).await;
    room.advance(Duration::from_mins(1));
    deny(&room, "bot", 2, as_it_is).await;
    assert_eq!(room.registry.suspended(), Vec::<String>::new());
    deny(&room, "bot", 1, as_it_is).await;
    assert_eq!(room.registry.suspended(), ["bot"]);
    let off = Room::with(Config {
        suspend_after: 0,
        ..Config::default()
    });
    deny(&off, "bot", 50, as_it_is).await;
    assert_eq!(off.registry.suspended(), Vec::<String>::new());
}
