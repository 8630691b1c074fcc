//! How the trail is read back.

use std::sync::Arc;
use std::time::Duration;

use policyguard::audit::{Filter, RecordKind, Status, TrailReader};
use policyguard::domain::{AgentId, Timestamp};
use policyguard::storage::{self, Store};
use serde_json::json;

use crate::trail::{Asker, HandClock, START, caller, done, open};

/// Thirty attempts, one a minute, of three agents in turn; every fifth is denied.
async fn trail_of_sixty(store: &Store) -> Arc<dyn TrailReader> {
    let clock = HandClock::new();
    let (recorder, _) = open(store, &clock);
    let mut asker = Asker::new();
    for number in 0..30 {
        clock.advance(Duration::from_mins(1));
        asker.agent = AgentId::parse(&format!("bot-{}", number % 3)).unwrap();
        let tool = if number % 5 == 0 {
            "delete_database"
        } else {
            "get_status"
        };
        let why = format!("ticket {number}.");
        let decision = asker.run(&recorder, tool, json!({"number": number, "reason": why}));
        let decided = recorder.decision(decision, &caller()).await.unwrap();
        let of = decided.outcome_of(&caller());
        recorder.outcome(of, done(), Vec::new()).await.unwrap();
    }
    recorder.close();
    store.reader().unwrap()
}

/// A filter in words; instants are minutes after the start.
fn filter(words: &[(&str, &str)]) -> Filter {
    let mut filter = Filter::default();
    for &(name, value) in words {
        let text = Some(value.to_owned());
        let instant = || {
            let minutes = Duration::from_mins(value.parse().unwrap());
            Some(Timestamp::from_millis(START).plus(minutes))
        };
        match name {
            "kind" => filter.kind = RecordKind::parse(value),
            "agent" => filter.agent_id = text,
            "tool" => filter.tool = text,
            "type" => filter.action_type = text,
            "status" => filter.status = Status::parse(value),
            "since" => filter.since = instant(),
            "until" => filter.until = instant(),
            "text" => filter.text = text,
            other => panic!("{other}"),
        }
    }
    filter
}

#[tokio::test]
async fn queries_filter_newest_first_and_page_to_the_end() {
    let store = storage::open_temporary().unwrap();
    let reader = trail_of_sixty(&store).await;
    let decisions = ("kind", "decision");
    let cases: [(&[(&str, &str)], u64); 15] = [
        (&[], 60),
        (&[decisions], 30),
        (&[("agent", "bot-1")], 20),
        (&[("agent", "nobody")], 0),
        (&[("tool", "delete_database")], 12),
        (&[decisions, ("tool", "get_status"), ("agent", "bot-0")], 8),
        (&[("status", "denied")], 6),
        (&[("status", "allowed")], 24),
        (&[("type", "tool_call")], 60),
        (&[("type", "data_read")], 0),
        (&[("since", "10"), ("until", "20")], 20),
        (&[("text", "DELETE_data")], 12),
        (&[("text", "there is no such")], 6),
        (&[("text", "TICKET 7.")], 1),
        (&[("text", "nothing says this")], 0),
    ];
    for (words, total) in cases {
        let filter = filter(words);
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = reader.query(&filter, cursor.as_deref(), 7).unwrap();
            assert_eq!(page.total, total, "{words:?}");
            assert!(page.records.len() <= 7);
            seen.extend(page.records.iter().map(|record| record.seq));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len() as u64, total, "{words:?}");
        assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    }
}

#[tokio::test]
async fn a_cursor_is_of_its_own_query_only() {
    let store = storage::open_temporary().unwrap();
    let reader = trail_of_sixty(&store).await;
    let page = reader.query(&Filter::default(), None, 5).unwrap();
    let cursor = page.next_cursor.unwrap();
    let all = Filter::default();
    let other = filter(&[("tool", "get_status")]);
    assert!(reader.query(&all, Some(&cursor), 5).is_ok());
    for (filter, cursor) in [
        (&other, cursor.as_str()),
        (&all, "1-0000000000000000"),
        (&all, "nonsense"),
        (&all, ""),
    ] {
        assert!(reader.query(filter, Some(cursor), 5).is_err(), "{cursor}");
    }
}

#[tokio::test]
async fn an_attempt_is_found_with_everything_that_came_of_it() {
    let store = storage::open_temporary().unwrap();
    let reader = trail_of_sixty(&store).await;
    let page = reader.query(&Filter::default(), None, 4).unwrap();
    let action = page.records[2].action_id.unwrap();
    let records = reader.action(action).unwrap();
    assert_eq!(records.len(), 2);
    assert!(
        records
            .iter()
            .all(|record| record.action_id == Some(action))
    );
    assert_eq!(reader.outcomes(&[action]).unwrap(), records[1..]);
    assert_eq!(reader.get(1).unwrap().unwrap().seq, 1);
    assert_eq!(reader.get(61).unwrap(), None);
}
