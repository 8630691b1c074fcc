//! From records to incidents: what opens one, how bad it is, what counts on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use policyguard::audit::{AuditRecord, Door, Filter as TrailFilter};
use policyguard::domain::{IncidentStatus, IncidentType, Severity};
use policyguard::incidents::{OPENING, UNCOUNTED, Update};
use policyguard::policy::Code;

use super::room::{Room, by_rule, denial};

/// Every code of a denial that opens an incident, and how bad that is where no rule says so.
const OPEN: &[(&str, Severity)] = &[
    ("integrity", Severity::High),
    ("quarantined", Severity::High),
    ("always_blocked", Severity::High),
    ("protected_path", Severity::High),
    ("agent_denied_tools", Severity::Medium),
    ("agent_allowed_tools", Severity::Medium),
    ("role_required", Severity::High),
    ("mode_blocked", Severity::Medium),
    ("mode_not_listed", Severity::Medium),
    ("service_healthy", Severity::Medium),
    ("out_of_scope", Severity::Medium),
    ("resource_denied", Severity::Medium),
    ("rule_deny", Severity::Medium),
    ("constraint_violated", Severity::Medium),
];

#[tokio::test]
async fn each_code_opens_an_incident_or_does_not() {
    let opens: BTreeMap<&str, Severity> = OPEN.iter().copied().collect();
    for code in Code::ALL {
        let room = Room::new();
        let at = room.clock_now();
        room.hear(denial("bot", "restart_service", code.as_str(), at))
            .await;
        let found: Vec<Severity> = room
            .all()
            .await
            .iter()
            .map(|incident| incident.severity)
            .collect();
        let expected: Vec<Severity> = opens.get(code.as_str()).copied().into_iter().collect();
        assert_eq!(found, expected, "{code}");
    }
}

#[test]
fn the_lists_of_codes_name_codes_that_there_are() {
    let known: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for (code, ..) in OPENING {
        assert!(known.contains(code), "{code}");
        assert!(
            !UNCOUNTED.contains(code),
            "{code} opens and suspends nobody"
        );
    }
    for code in UNCOUNTED {
        assert!(known.contains(code), "{code}");
    }
}

#[tokio::test]
async fn what_nobody_did_opens_nothing() {
    type Change = fn(&mut AuditRecord);
    let silent: &[(&str, Change)] = &[
        ("a dry run", |record| {
            let ruling = record.decision.as_mut().unwrap();
            ruling.asked_by = Some(Arc::from("bot"));
            ruling.simulated = true;
        }),
        ("a question asked by somebody else", |record| {
            record.decision.as_mut().unwrap().asked_by = Some(Arc::from("local-operator"));
        }),
        ("an evaluation", |record| record.door = Door::Authzen),
        ("a pending approval", |record| {
            let ruling = record.decision.as_mut().unwrap();
            ruling.effect = Arc::from("require_approval");
        }),
        ("an allowed call", |record| {
            record.decision.as_mut().unwrap().effect = Arc::from("allow");
        }),
    ];
    for (what, change) in silent {
        let room = Room::new();
        let mut record = denial("bot", "restart_service", "rule_deny", room.clock_now());
        change(&mut record);
        room.hear(record).await;
        assert_eq!(room.all().await, [], "{what}");
    }
}

#[tokio::test]
async fn an_agents_own_question_opens_one() {
    let room = Room::new();
    let mut record = denial("bot", "restart_service", "rule_deny", room.clock_now());
    record.decision.as_mut().unwrap().asked_by = Some(Arc::from("bot"));
    room.hear(record).await;
    assert_eq!(room.only().await.kind, IncidentType::PolicyViolation);
}

#[tokio::test]
async fn the_rule_says_how_bad_it_is() {
    for severity in [Severity::Low, Severity::High] {
        let room = Room::new();
        let record = denial("bot", "restart_service", "rule_deny", room.clock_now());
        room.hear(by_rule(record, severity)).await;
        let incident = room.only().await;
        assert_eq!(incident.severity, severity);
        assert_eq!(incident.evidence["policy"], "p");
        assert_eq!(
            incident.description,
            "`restart_service` was denied to agent `bot`: no restart_service for bot"
        );
    }
}

#[tokio::test]
async fn to_read_without_the_role_is_not_as_bad_as_to_change() {
    let room = Room::new();
    let mut record = denial("bot", "get_audit_log", "role_required", room.clock_now());
    record.decision.as_mut().unwrap().modifies = false;
    room.hear(record).await;
    let incident = room.only().await;
    assert_eq!(
        (incident.kind, incident.severity),
        (IncidentType::UnauthorizedAccess, Severity::Medium)
    );
}

#[tokio::test]
async fn denials_count_on_one_incident_while_ten_minutes_do_not_pass_without_one() {
    let room = Room::new();
    let strike = || denial("bot", "restart_service", "mode_blocked", room.clock_now());
    room.hear(strike()).await;
    let first = room.only().await;
    assert_eq!(first.count, 1);
    room.advance(Duration::from_secs(599));
    room.hear(strike()).await;
    room.advance(Duration::from_secs(599));
    room.hear(strike()).await;
    let counted = room.only().await;
    assert_eq!((counted.incident_id, counted.count), (first.incident_id, 3));
    assert_eq!(counted.counted.unwrap().last_at, room.clock_now());
    room.advance(Duration::from_mins(10));
    room.hear(strike()).await;
    let all = room.all().await;
    assert_eq!(
        all.iter()
            .map(|incident| incident.count)
            .collect::<Vec<_>>(),
        [1, 3],
        "newest first"
    );
}

#[tokio::test]
async fn another_agent_code_or_tool_is_another_incident() {
    let room = Room::new();
    for (agent, tool, code) in [
        ("bot", "restart_service", "mode_blocked"),
        ("bot", "restart_service", "rule_deny"),
        ("bot", "scale_fleet", "rule_deny"),
        ("cat", "scale_fleet", "rule_deny"),
    ] {
        room.hear(denial(agent, tool, code, room.clock_now())).await;
    }
    let all = room.all().await;
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|incident| incident.count == 1));
}

#[tokio::test]
async fn a_resolved_incident_counts_no_more_and_an_acknowledged_one_does() {
    let room = Room::new();
    let strike = || denial("bot", "restart_service", "mode_blocked", room.clock_now());
    room.hear(strike()).await;
    let first = room.only().await.incident_id;
    room.incidents
        .update(first, to(IncidentStatus::Acknowledged))
        .await
        .unwrap();
    room.hear(strike()).await;
    assert_eq!(room.only().await.count, 2);
    room.incidents
        .update(first, to(IncidentStatus::Resolved))
        .await
        .unwrap();
    room.hear(strike()).await;
    assert_eq!(room.all().await.len(), 2);
    let second = room.all().await[0].incident_id;
    room.incidents
        .update(second, to(IncidentStatus::Resolved))
        .await
        .unwrap();
    room.incidents
        .update(first, to(IncidentStatus::Open))
        .await
        .unwrap();
    room.hear(strike()).await;
    let again = room.incidents.get(first, None).await.unwrap();
    assert_eq!((again.status, again.count), (IncidentStatus::Open, 3));
}

fn to(status: IncidentStatus) -> Update {
    Update {
        status,
        by: "operator".to_owned(),
        reason: Some("looked at it".to_owned()),
        resolution: None,
        of: None,
    }
}

#[tokio::test]
async fn a_worse_denial_makes_the_incident_worse() {
    let room = Room::new();
    let strike = |severity| by_rule(denial("bot", "t", "rule_deny", room.clock_now()), severity);
    room.hear(strike(Severity::Low)).await;
    room.hear(strike(Severity::High)).await;
    room.hear(strike(Severity::Low)).await;
    let incident = room.only().await;
    assert_eq!((incident.severity, incident.count), (Severity::High, 3));
    assert_eq!(incident.timeline.len(), 2);
}

#[tokio::test]
async fn counts_are_written_at_most_once_a_second_and_seen_at_once() {
    let room = Room::new();
    let records = || {
        let reader = room.store.reader().unwrap();
        let filter = TrailFilter {
            action_type: Some("incident_count".to_owned()),
            ..TrailFilter::default()
        };
        reader.query(&filter, None, 1).unwrap().total
    };
    let strike = || denial("bot", "restart_service", "mode_blocked", room.clock_now());
    for _ in 0..5 {
        room.hear(strike()).await;
    }
    assert_eq!((room.only().await.count, records()), (5, 0));
    room.advance(Duration::from_secs(1));
    room.incidents.caught_up().await;
    assert_eq!((room.only().await.count, records()), (5, 1));
    room.hear(strike()).await;
    assert_eq!((room.only().await.count, records()), (6, 1));
    room.incidents.close().await;
    assert_eq!((room.only().await.count, records()), (6, 2));
    assert!(room.store.reader().unwrap().verify().unwrap().intact);
}

#[tokio::test]
async fn an_agent_that_invents_names_gets_fifty_incidents_and_one_for_the_rest() {
    let room = Room::new();
    for tool in 0..70 {
        let record = denial(
            "bot",
            &format!("tool_{tool}"),
            "mode_not_listed",
            room.clock_now(),
        );
        // Asked, not run: so many runs would suspend it.
        room.tell(asked(record));
    }
    room.tell(asked(denial(
        "cat",
        "tool_1",
        "mode_not_listed",
        room.clock_now(),
    )));
    let all = room.all().await;
    assert_eq!(all.len(), 52);
    let rest: Vec<_> = all
        .iter()
        .filter(|incident| incident.tool.is_none())
        .collect();
    assert_eq!((rest.len(), rest[0].count), (1, 20));
    room.advance(Duration::from_mins(10));
    room.hear(denial(
        "bot",
        "tool_new",
        "mode_not_listed",
        room.clock_now(),
    ))
    .await;
    assert_eq!(
        room.all().await[0].tool.as_deref(),
        Some("tool_new"),
        "ten quiet minutes later"
    );
}

pub(super) fn asked(mut record: AuditRecord) -> AuditRecord {
    let asker = record.principal.as_ref().unwrap().agent_id.clone();
    record.decision.as_mut().unwrap().asked_by = Some(asker);
    record
}
