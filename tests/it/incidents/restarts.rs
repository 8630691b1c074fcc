//! What an earlier run left uncounted is counted at start, each denial once.

use std::time::Duration;

use policyguard::audit::Listener as _;
use policyguard::domain::{Clock as _, Severity, SuspensionState, Timestamp};
use policyguard::incidents::Config;
use policyguard::storage;

use super::counting::asked;
use super::room::{Room, agent_change, by_rule, denial, leave};
use crate::trail::HandClock;

/// The trail's newest record, as recovery tells it.
fn last(room: &Room) -> Option<Timestamp> {
    let reader = room.store.reader().unwrap();
    let head = reader.head().unwrap();
    reader.get(head.seq).unwrap().map(|record| record.at)
}

#[tokio::test]
async fn denials_that_nobody_counted_are_counted_at_start() {
    let store = storage::open_temporary().unwrap();
    let clock = HandClock::new();
    let now = clock.now();
    let mut records = vec![denial("bot", "restart_service", "mode_blocked", now); 3];
    records.push(denial("bot", "restart_service", "unknown_tool", now));
    leave(&store, records);
    // It was down for longer than incidents count.
    clock.advance(Duration::from_hours(1));
    let room = Room::over(store, clock, Config::default());
    room.incidents.rebuild(Some(now)).await.unwrap();
    assert_eq!(room.only().await.count, 3);
}

#[tokio::test]
async fn what_is_older_than_ten_minutes_before_the_end_is_left_alone() {
    let store = storage::open_temporary().unwrap();
    let clock = HandClock::new();
    leave(
        &store,
        vec![denial("bot", "old", "mode_blocked", clock.now())],
    );
    clock.advance(Duration::from_mins(11));
    let end = clock.now();
    leave(&store, vec![denial("bot", "new", "mode_blocked", end)]);
    let room = Room::over(store, clock, Config::default());
    room.incidents.rebuild(Some(end)).await.unwrap();
    assert_eq!(room.only().await.tool.as_deref(), Some("new"));
}

#[tokio::test]
async fn no_denial_is_counted_twice_however_often_it_is_started() {
    let store = storage::open_temporary().unwrap();
    let clock = HandClock::new();
    leave(
        &store,
        vec![denial("bot", "restart_service", "mode_blocked", clock.now()); 5],
    );
    let mut room = Room::over(store, clock, Config::default());
    for _ in 0..3 {
        room.incidents.rebuild(last(&room)).await.unwrap();
        assert_eq!(room.only().await.count, 5);
        room = room.crashed();
    }
    leave(
        &room.store,
        vec![denial(
            "bot",
            "restart_service",
            "mode_blocked",
            room.clock_now(),
        )],
    );
    let room = room.crashed();
    room.incidents.rebuild(last(&room)).await.unwrap();
    assert_eq!(
        room.only().await.count,
        6,
        "and counts on the one that is open"
    );
}

#[tokio::test]
async fn an_agent_that_was_denied_too_often_before_the_end_is_suspended_at_start_and_once() {
    let store = storage::open_temporary().unwrap();
    let clock = HandClock::new();
    let runs = (0..21).map(|run| denial("bot", &format!("t{run}"), "rule_deny", clock.now()));
    leave(&store, runs.collect());
    let room = Room::over(store, clock, Config::default());
    room.incidents.rebuild(last(&room)).await.unwrap();
    assert_eq!(room.registry.suspended(), ["bot"]);
    // An operator may have reinstated it since.
    let room = room.crashed();
    room.incidents.rebuild(last(&room)).await.unwrap();
    assert_eq!(room.registry.suspended(), Vec::<String>::new());
}

#[tokio::test]
async fn twenty_before_and_one_after_the_restart_suspend_too() {
    let store = storage::open_temporary().unwrap();
    let clock = HandClock::new();
    let runs = (0..20).map(|run| denial("bot", &format!("t{run}"), "rule_deny", clock.now()));
    leave(&store, runs.collect());
    let room = Room::over(store, clock, Config::default());
    room.incidents.rebuild(last(&room)).await.unwrap();
    assert_eq!(room.registry.suspended(), Vec::<String>::new());
    room.hear(denial("bot", "t20", "rule_deny", room.clock_now()))
        .await;
    assert_eq!(room.registry.suspended(), ["bot"]);
}

#[tokio::test]
async fn a_suspension_that_was_ordered_before_the_end_is_carried_out_at_start() {
    let room = Room::new();
    room.registry.answers(Err("stopping".to_owned()));
    room.hear(by_rule(
        denial("bot", "wipe", "rule_deny", room.clock_now()),
        Severity::Critical,
    ))
    .await;
    let room = room.crashed();
    room.incidents.rebuild(last(&room)).await.unwrap();
    let orders = room.registry.orders.lock().unwrap().clone();
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].numbers["trigger"], "critical_incident");
    let incident = room.only().await;
    assert_eq!(
        incident.suspension.unwrap().state,
        SuspensionState::Suspended
    );
}

#[tokio::test]
async fn what_is_too_much_to_note_is_read_from_the_trail() {
    let store = storage::open_temporary().unwrap();
    let clock = HandClock::new();
    let strike = |tool: u32| {
        denial(
            "bot",
            &format!("t{}", tool % 7),
            "mode_blocked",
            clock.now(),
        )
    };
    let records: Vec<_> = (0..6000).map(strike).map(asked).collect();
    let numbers = leave(&store, records.clone());
    let room = Room::over(store, clock, Config::default());
    let watch = room.incidents.watch();
    for (mut record, seq) in records.into_iter().zip(numbers) {
        record.seq = seq;
        watch.recorded(&record, &[]);
    }
    let all = room.all().await;
    assert_eq!(all.len(), 7);
    let counted: u64 = all.iter().map(|incident| incident.count).sum();
    assert_eq!((counted, room.incidents.missed()), (6000, 6000 - 4096));
}

#[tokio::test]
async fn denials_before_a_reinstatement_do_not_count_after_a_restart_either() {
    let store = storage::open_temporary().unwrap();
    let clock = HandClock::new();
    let runs = |from: u32| {
        (from..from + 15).map(|run| {
            denial(
                "bot",
                &format!("t{run}"),
                "rule_deny",
                HandClock::new().now(),
            )
        })
    };
    let change = |operation| agent_change("bot", operation, clock.now());
    let records = runs(0)
        .chain([change("agent_suspension"), change("agent_reinstatement")])
        .chain(runs(15));
    leave(&store, records.collect());
    let room = Room::over(store, clock, Config::default());
    room.incidents.rebuild(last(&room)).await.unwrap();
    assert_eq!(room.registry.suspended(), Vec::<String>::new());
}
