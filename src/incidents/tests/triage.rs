use super::*;
use crate::domain::{IncidentType, Timestamp};

fn incident(status: IncidentStatus) -> Incident {
    let at = Timestamp::from_millis(0);
    Incident {
        revision: 1,
        number: 1,
        incident_id: IncidentId::from_bits(1),
        kind: IncidentType::Other,
        severity: Severity::Low,
        status,
        agent_id: None,
        tool: None,
        code: None,
        action_id: None,
        description: "d".to_owned(),
        evidence: serde_json::Map::new(),
        reported_by: "operator".to_owned(),
        recommended_action: None,
        needs_operator: false,
        count: 1,
        counted: None,
        suspension: None,
        created_at: at,
        updated_at: at,
        timeline: Vec::new(),
        resolution: None,
    }
}

fn to(status: IncidentStatus) -> Update {
    Update {
        status,
        by: "operator".to_owned(),
        reason: Some("because".to_owned()),
        resolution: None,
        of: None,
    }
}

#[test]
fn only_from_resolved_to_acknowledged_and_to_where_it_is_there_is_no_way() {
    for &from in IncidentStatus::ALL {
        for &target in IncidentStatus::ALL {
            let mut incident = incident(from);
            let step = step(&mut incident, &to(target), Timestamp::from_millis(1));
            let back = (from, target) == (IncidentStatus::Resolved, IncidentStatus::Acknowledged);
            assert_eq!(
                step.is_err(),
                back || from == target,
                "{from:?} to {target:?}"
            );
            let expected = if step.is_ok() { target } else { from };
            assert_eq!(incident.status, expected);
            assert_eq!(incident.timeline.len(), usize::from(step.is_ok()));
        }
    }
}

#[test]
fn a_timeline_keeps_how_it_began_and_what_is_new() {
    let mut incident = incident(IncidentStatus::Open);
    for number in 0..LINES + 50 {
        add_line(
            &mut incident,
            Timestamp::from_millis(0),
            "gateway",
            number.to_string(),
        );
    }
    let events: Vec<&str> = incident
        .timeline
        .iter()
        .map(|line| line.event.as_str())
        .collect();
    assert_eq!(events.len(), LINES);
    assert_eq!(
        (events.first(), events.get(1), events.last()),
        (Some(&"0"), Some(&"51"), Some(&"249"))
    );
}
