//! What the trail promises: nothing runs unrecorded, nothing acknowledged is lost, nothing is recorded twice.

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use policyguard::audit::{
    AuditError, AuditRecord, Caller, ChangeNote, Door, Listener, OutcomeStatus, RecordKind, Source,
    StateChange, Status,
};
use policyguard::domain::{ModeName, ModeState, Purpose, Timestamp, canonical_json};
use policyguard::storage::{self, Store};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::trail::{Asker, Failure, HandClock, caller, done, failing, open, open_trail};

fn note(operation: &'static str) -> ChangeNote {
    ChangeNote {
        operation,
        by: "gateway".to_owned(),
        details: Map::new(),
    }
}

fn set_mode(revision: u64) -> StateChange {
    StateChange::SetMode(ModeState {
        revision,
        mode: ModeName::emergency(),
        base_mode: ModeName::normal(),
        since: Timestamp::from_millis(0),
        by: "operator".to_owned(),
        reason: "an incident".to_owned(),
        expires_at: None,
        temporary: false,
        incident_scope: None,
    })
}

fn everything(store: &Store) -> Vec<AuditRecord> {
    store.reader().unwrap().range(1, 10_000).unwrap()
}

fn kinds(store: &Store) -> Vec<RecordKind> {
    everything(store).iter().map(|record| record.kind).collect()
}

fn status(record: &AuditRecord) -> OutcomeStatus {
    record.outcome.as_ref().unwrap().status
}

#[tokio::test]
async fn an_allowed_read_has_only_its_place_until_its_outcome_is_committed_with_it() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let decision = Asker::new().run(&recorder, "get_status", json!({}));
    let decided = recorder.decision(decision, &caller()).await.unwrap();
    assert_eq!(decided.seq(), None);
    let of = decided.outcome_of(&caller());
    let outcome = recorder.outcome(of, done(), Vec::new()).await.unwrap();
    assert_eq!(outcome.seq(), Some(2));
    assert_eq!(kinds(&store), [RecordKind::Decision, RecordKind::Outcome]);
}

#[tokio::test]
async fn a_read_that_nothing_follows_is_committed_by_itself() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let decision = Asker::new().run(&recorder, "get_status", json!({}));
    recorder.decision(decision, &caller()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(250)).await; // 50 ms are promised; this machine may be busy
    assert_eq!(kinds(&store), [RecordKind::Decision]);
}

#[tokio::test]
async fn what_may_change_something_and_what_is_denied_is_committed_before_the_answer() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let asker = Asker::new();
    let changing = asker.run(&recorder, "restart_service", json!({}));
    let denied = asker.run(&recorder, "no_such_tool", json!({}));
    let question = asker.ask(&recorder, "get_status", json!({}), Purpose::Question);
    for (decision, seq) in [(changing, 1), (denied, 2), (question, 3)] {
        let decided = recorder.decision(decision, &caller()).await.unwrap();
        assert_eq!(decided.seq(), Some(seq));
    }
    let records = everything(&store);
    let questions: Vec<bool> = records
        .iter()
        .map(|record| record.decision.as_ref().unwrap().asked_by.is_some())
        .collect();
    assert_eq!(questions, [false, false, true]);
    assert_eq!(records[1].status(), Some(Status::Denied));
}

#[tokio::test]
async fn a_change_and_its_record_are_written_together_or_not_at_all() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let change = || recorder.change(note("mode_change"), vec![set_mode(1)], None);
    assert_eq!(change().await.unwrap().seq(), Some(1));
    let again = change().await;
    let Err(AuditError::Conflict(conflict)) = again else {
        panic!("{again:?}")
    };
    assert_eq!((conflict.wanted, conflict.stored), (1, 1));
    assert_eq!(everything(&store).len(), 1);
    assert_eq!(store.states().load_mode().unwrap().unwrap().revision, 1);
}

#[tokio::test]
async fn a_store_that_refuses_lets_nothing_happen_and_is_asked_again() {
    let store = storage::open_temporary().unwrap();
    let (commits, syncs) = <(Arc<Failure>, Arc<Failure>)>::default();
    let (recorder, _) = open_trail(failing(&store, &commits, &syncs), &HandClock::new());
    let asker = Asker::new();
    commits.set(true);
    let changing = asker.run(&recorder, "restart_service", json!({}));
    let refused = recorder.decision(changing, &caller()).await.unwrap_err();
    assert!(matches!(refused, AuditError::Unavailable(_)), "{refused}");
    assert!(recorder.health().is_err());
    let change = recorder.change(note("mode_change"), vec![set_mode(1)], None);
    assert!(change.await.is_err());
    commits.set(false);
    for _ in 0..100 {
        if recorder.health().is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    recorder.health().unwrap(); // without a call: readiness keeps calls away
    assert_eq!(
        everything(&store),
        [],
        "nothing of what was refused is written later"
    );
    assert_eq!(store.states().load_mode().unwrap(), None);
    let changing = asker.run(&recorder, "restart_service", json!({}));
    let decided = recorder.decision(changing, &caller()).await.unwrap();
    assert_eq!(decided.seq(), Some(1));
}

#[tokio::test]
async fn an_outcome_that_was_refused_is_recorded_as_unknown_later() {
    let store = storage::open_temporary().unwrap();
    let (commits, syncs) = <(Arc<Failure>, Arc<Failure>)>::default();
    let (recorder, _) = open_trail(failing(&store, &commits, &syncs), &HandClock::new());
    let decision = Asker::new().run(&recorder, "get_status", json!({}));
    let decided = recorder.decision(decision, &caller()).await.unwrap();
    commits.set(true);
    let of = decided.outcome_of(&caller());
    assert!(recorder.outcome(of, done(), Vec::new()).await.is_err());
    commits.set(false);
    recorder
        .change(note("probe"), Vec::new(), None)
        .await
        .unwrap();
    let kinds = kinds(&store);
    assert_eq!(
        kinds,
        [
            RecordKind::Decision,
            RecordKind::Outcome,
            RecordKind::Change
        ]
    );
    assert_eq!(status(&everything(&store)[1]), OutcomeStatus::Unknown);
}

#[tokio::test]
async fn after_a_failed_sync_nothing_more_is_written_and_the_process_is_told_to_end() {
    let store = storage::open_temporary().unwrap();
    let (commits, syncs) = <(Arc<Failure>, Arc<Failure>)>::default();
    let (recorder, _) = open_trail(failing(&store, &commits, &syncs), &HandClock::new());
    let asker = Asker::new();
    let fatal = recorder.fatal();
    syncs.set(true);
    let changing = asker.run(&recorder, "restart_service", json!({}));
    let refused = recorder.decision(changing, &caller()).await.unwrap_err();
    assert!(matches!(refused, AuditError::Broken(_)), "{refused}");
    assert!(matches!(fatal.await, AuditError::Broken(_)));
    syncs.set(false);
    let denied = asker.run(&recorder, "no_such_tool", json!({}));
    let refused = recorder.decision(denied, &caller()).await.unwrap_err();
    assert!(
        matches!(refused, AuditError::Broken(_)),
        "it is not asked again: {refused}"
    );
    assert!(recorder.health().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_committed_is_synced_soon_while_calls_never_pause() {
    let store = storage::open_temporary().unwrap();
    let (commits, syncs) = <(Arc<Failure>, Arc<Failure>)>::default();
    let (recorder, _) = open_trail(failing(&store, &commits, &syncs), &HandClock::new());
    // Denials wait for no sync themselves: that one was due shows in its failure.
    syncs.set(true);
    let mut callers = JoinSet::new();
    for _ in 0..16 {
        let recorder = recorder.clone();
        callers.spawn(async move {
            let asker = Asker::new();
            for _ in 0..1_000 {
                let denial = asker.run(&recorder, "delete_database", json!({}));
                if let Err(fault) = recorder.decision(denial, &caller()).await {
                    return Some(fault);
                }
            }
            None
        });
    }
    for ended in callers.join_all().await {
        assert!(matches!(ended, Some(AuditError::Broken(_))), "{ended:?}");
    }
}

#[tokio::test]
async fn a_decision_whose_caller_went_away_is_closed_as_cancelled() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let (asker, asked) = (Asker::new(), caller());
    // On a busy machine the disk may be done before the caller looks: then it is asked once more.
    let mut answered = 0;
    loop {
        let changing = asker.run(&recorder, "restart_service", json!({}));
        let mut answer = Box::pin(recorder.decision(changing, &asked));
        if poll_fn(|context| Poll::Ready(answer.as_mut().poll(context).is_pending())).await {
            break;
        }
        answered += 1;
        assert!(answered < 100, "it never waits for the disk");
    }
    let mut records = everything(&store);
    for _ in 0..200 {
        if records.len() >= answered + 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        records = everything(&store);
    }
    assert_eq!(records.len(), answered + 2);
    assert_eq!(status(&records[answered + 1]), OutcomeStatus::Cancelled);
}

#[tokio::test]
async fn a_restart_goes_on_with_chain_and_ids_and_closes_what_was_left_open() {
    let store = storage::open_temporary().unwrap();
    let clock = HandClock::new();
    let asker = Asker::new();
    let mut ids = HashSet::new();
    let mut left_open = None;
    for round in 0..4_u64 {
        let (recorder, recovery) = open(&store, &clock);
        assert_eq!(recovery.closed, Vec::from_iter(left_open.take()));
        assert_eq!(recovery.clean, round == 0);
        for _ in 0..50 {
            assert!(ids.insert(recorder.next_action_id()), "an id came twice");
        }
        let changing = asker.run(&recorder, "restart_service", json!({}));
        let decided = recorder.decision(changing, &caller()).await.unwrap();
        let id = decided.get().request().action_id;
        assert!(ids.insert(id), "an id came twice");
        left_open = Some(id);
    }
    let (recorder, recovery) = open(&store, &clock);
    let records = store.reader().unwrap().action(recovery.closed[0]).unwrap();
    assert_eq!(status(&records[1]), OutcomeStatus::Unknown);
    let report = store.reader().unwrap().verify().unwrap();
    assert!(report.intact, "{report:?}");
    recorder
        .change(note("stop"), Vec::new(), None)
        .await
        .unwrap();
    drop(recorder);
    let (_recorder, recovery) = open(&store, &clock);
    assert!(recovery.clean && recovery.closed.is_empty(), "{recovery:?}");
}

#[tokio::test]
async fn what_waits_is_written_at_the_end_and_nothing_is_taken_after_it() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let asker = Asker::new();
    let read = asker.run(&recorder, "get_status", json!({}));
    recorder.decision(read, &caller()).await.unwrap();
    recorder.close();
    assert_eq!(kinds(&store), [RecordKind::Decision]);
    let read = asker.run(&recorder, "get_status", json!({}));
    let refused = recorder.decision(read, &caller()).await.unwrap_err();
    assert_eq!(refused, AuditError::Closed);
}

#[tokio::test]
async fn records_hold_no_secret_and_equal_secrets_look_alike() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let arguments = json!({
        "service_name": "web", "password": "hunter2", "client_secret": "hunter2", "api_key": 12345,
        "nested": [{"Authorization": {"scheme": "x", "value": "hunter3"}}],
        "note": "use ghp_Wm5HPa6EeFUJFOrNXA6Whw35pbBNM3nLIQnt please",
    });
    let decision = Asker::new().run(&recorder, "no_such_tool", arguments);
    recorder.decision(decision, &caller()).await.unwrap();
    let record = everything(&store).remove(0);
    let text = serde_json::to_string(&record).unwrap();
    for secret in ["hunter2", "hunter3", "12345", "ghp_"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let arguments = record.arguments.unwrap();
    assert_eq!(arguments["service_name"], "web");
    assert_eq!(arguments["password"], arguments["client_secret"]);
    let hidden = arguments["password"].as_str().unwrap();
    assert!(hidden.starts_with("<redacted:hmac:"), "{hidden}");
    assert!(record.arguments_digest.unwrap().starts_with("hmac:"));
}

#[tokio::test]
async fn long_arguments_are_kept_as_prefix_and_digest() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let long = json!({"text": "x".repeat(100_000)});
    let decision = Asker::new().run(&recorder, "no_such_tool", long);
    recorder.decision(decision, &caller()).await.unwrap();
    let arguments = everything(&store).remove(0).arguments.unwrap();
    assert_eq!(arguments["truncated"], true);
    assert!(arguments["bytes"].as_u64().unwrap() > 100_000);
    let kept = arguments["prefix"].as_str().unwrap().len();
    assert!((8_000..9_000).contains(&kept), "{kept}");
}

#[tokio::test]
async fn every_record_is_canonical_json_and_is_read_back_as_it_was_written() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let odd =
        json!({"z": 1.5, "a": {"\u{20ac}": 1, "\r": [true, null, "\u{1f}\"\\"]}, "big": u64::MAX});
    let read = Asker::new().run(&recorder, "get_status", odd.clone());
    let decided = recorder.decision(read, &caller()).await.unwrap();
    let mut failed = done();
    failed.status = OutcomeStatus::Failed;
    failed.error = Some("it said \"no\"".to_owned());
    failed.result = Some(&odd);
    failed.findings = vec!["a finding".to_owned()];
    let of = decided.outcome_of(&caller());
    recorder.outcome(of, failed, Vec::new()).await.unwrap();
    recorder
        .change(note("start"), Vec::new(), None)
        .await
        .unwrap();
    let source = Source {
        address: Some("192.0.2.1".to_owned()),
        user_agent: Some("curl/8".to_owned()),
        ..Source::default()
    };
    recorder.refused(&Caller::new(Door::Mcp, source), "unauthenticated");
    let filters = Map::from_iter([("limit".to_owned(), json!(5))]);
    recorder.access("local-operator", &caller(), "agents", &filters);
    recorder.close();
    let records = everything(&store);
    assert_eq!(records.len(), 5);
    let database = rusqlite::Connection::open(store.database()).unwrap();
    for record in records {
        let sql = "SELECT text FROM records WHERE seq = ?1";
        let text: String = database
            .query_row(sql, [record.seq.cast_signed()], |row| row.get(0))
            .unwrap();
        let canonical = |value: &Value| String::from_utf8(canonical_json(value)).unwrap();
        assert_eq!(canonical(&serde_json::from_str(&text).unwrap()), text);
        assert_eq!(canonical(&json!(record)), text);
    }
}

#[tokio::test]
async fn a_flood_of_refusals_is_one_record_a_minute() {
    let store = storage::open_temporary().unwrap();
    let clock = HandClock::new();
    let (recorder, _) = open(&store, &clock);
    let from = |address: &str| {
        let source = Source {
            address: Some(address.to_owned()),
            ..Source::default()
        };
        Caller::new(Door::Rest, source)
    };
    for _ in 0..1000 {
        recorder.refused(&from("192.0.2.1"), "unauthenticated");
    }
    recorder.refused(&from("192.0.2.2"), "unauthenticated");
    assert_eq!(kinds(&store).len(), 2, "the first of each source at once");
    clock.advance(Duration::from_secs(61));
    tokio::time::sleep(Duration::from_millis(250)).await;
    let counts: Vec<Value> = everything(&store)
        .into_iter()
        .map(|record| record.arguments.unwrap()["count"].clone())
        .collect();
    assert_eq!(counts, [json!(1), json!(1), json!(999)]);
}

#[tokio::test]
async fn reads_are_one_record_a_minute_with_every_filter() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    for agent in ["a", "b", "a", "c"] {
        let filters = Map::from_iter([("agent_id".to_owned(), json!(agent))]);
        recorder.access("local-operator", &caller(), "audit", &filters);
    }
    recorder.close();
    let records = everything(&store);
    assert_eq!(records.len(), 2);
    let rest = records[1].arguments.as_ref().unwrap();
    assert_eq!(rest["count"], 3);
    assert_eq!(rest["filters"]["agent_id"], json!(["a", "b", "c"]));
    let who = records[1].principal.as_ref().unwrap();
    assert_eq!(&*who.agent_id, "local-operator");
}

#[derive(Default)]
struct Heard(Mutex<Vec<(u64, usize)>>);

impl Listener for Heard {
    fn recorded(&self, record: &AuditRecord, changes: &[StateChange]) {
        self.0.lock().unwrap().push((record.seq, changes.len()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_hear_every_record_in_order_before_its_caller_is_answered() {
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let heard = Arc::new(Heard::default());
    recorder.listen(Arc::clone(&heard) as Arc<dyn Listener>);
    let change = recorder.change(note("mode_change"), vec![set_mode(1)], None);
    change.await.unwrap();
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (recorder, heard) = (recorder.clone(), Arc::clone(&heard));
            tokio::spawn(async move {
                let asker = Asker::new();
                for _ in 0..50 {
                    let denied = asker.run(&recorder, "no_such_tool", json!({}));
                    let decided = recorder.decision(denied, &caller()).await.unwrap();
                    let seq = decided.seq().unwrap();
                    assert!(heard.0.lock().unwrap().contains(&(seq, 0)));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let heard = heard.0.lock().unwrap();
    let numbers: Vec<u64> = heard.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers, (1..=401).collect::<Vec<_>>());
    assert_eq!(heard[0].1, 1);
}
