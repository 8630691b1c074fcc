//! The contract of a store: what its ports promise, whoever implements them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use policyguard::audit::{AuditRecord, Entry, Marks, RecordKind, Release, StateChange, Trail};
use policyguard::domain::{
    AgentId, Digest, Health, LockdownState, ModeName, ModeState, Timestamp, Totp,
};
use policyguard::identity::TotpStore as _;
use policyguard::modes::ModeStore as _;
use policyguard::storage::{self, StoreError};
use serde_json::json;
use tempfile::TempDir;

fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + millis)
}

fn mode(revision: u64) -> ModeState {
    ModeState {
        revision,
        mode: ModeName::emergency(),
        base_mode: ModeName::normal(),
        since: instant(0),
        by: "operator".to_owned(),
        reason: "an incident".to_owned(),
        expires_at: Some(instant(900_000)),
        temporary: false,
        incident_scope: None,
    }
}

fn lockdown(revision: u64, on: bool) -> LockdownState {
    LockdownState {
        revision,
        on,
        since: instant(0),
        by: "operator".to_owned(),
        reason: "a drill".to_owned(),
    }
}

fn totp(revision: u64, confirmed: bool) -> Totp {
    Totp {
        revision,
        user_id: AgentId::parse("olga").unwrap(),
        sealed: vec![1, 2, 3],
        enrolled_at: instant(0),
        confirmed_at: confirmed.then(|| instant(1)),
        last_step: 5,
        wrong: [None, Some(instant(2))],
        locked_until: Some(instant(3)),
    }
}

fn release(version: u64) -> Release {
    Release {
        version,
        digest: Digest::of(b"bundle"),
        name: "default".to_owned(),
        author: "gateway".to_owned(),
        reason: "start".to_owned(),
        parent: version.checked_sub(1).filter(|&parent| parent > 0),
        content: "modes: {}".to_owned(),
    }
}

/// Appends the changes as one entry each, in one batch, and says which of them were in conflict.
fn append(trail: &mut Trail, changes: Vec<Vec<StateChange>>) -> Vec<bool> {
    let chain = trail.store.chain();
    let record = || AuditRecord::blank(RecordKind::Change, chain.clone(), instant(1), 1);
    let mut entries: Vec<Entry> = changes
        .into_iter()
        .map(|changes| Entry::new(record(), changes))
        .collect();
    let verdicts = trail.store.append(&mut entries, Marks::default()).unwrap();
    verdicts.iter().map(Result::is_err).collect()
}

#[test]
fn a_mode_follows_the_stored_one_or_is_a_conflict() {
    let store = storage::open_temporary().unwrap();
    let mut trail = store.trail().unwrap();
    assert_eq!(store.states().load_mode().unwrap(), None);
    let wanted = [1, 3, 2, 2, 3].map(|revision| vec![StateChange::SetMode(mode(revision))]);
    let conflicts = append(&mut trail, wanted.into());
    assert_eq!(conflicts, [false, true, false, true, false]);
    assert_eq!(store.states().load_mode().unwrap(), Some(mode(3)));
    let history = store.states().before(u64::MAX, 2).unwrap();
    assert_eq!(history, [mode(3), mode(2)], "newest first");
}

#[test]
fn an_entry_in_conflict_leaves_nothing_behind_and_the_others_are_written() {
    let store = storage::open_temporary().unwrap();
    let mut trail = store.trail().unwrap();
    let half = vec![
        StateChange::SetLockdown(lockdown(1, true)),
        StateChange::SetMode(mode(9)),
    ];
    let whole = vec![StateChange::SetMode(mode(1))];
    assert_eq!(append(&mut trail, vec![half, whole]), [true, false]);
    assert_eq!(store.states().load_lockdown().unwrap(), None);
    assert_eq!(store.states().load_mode().unwrap(), Some(mode(1)));
    assert_eq!(trail.store.head().seq, 1, "one record, not two");
    assert!(store.reader().unwrap().verify().unwrap().intact);
}

#[test]
fn lockdown_is_lifted_by_the_next_revision_only() {
    let store = storage::open_temporary().unwrap();
    let mut trail = store.trail().unwrap();
    let switches = [(1, true), (1, false), (2, false)]
        .map(|(revision, on)| vec![StateChange::SetLockdown(lockdown(revision, on))]);
    assert_eq!(append(&mut trail, switches.into()), [false, true, false]);
    let stored = store.states().load_lockdown().unwrap();
    assert_eq!(stored, Some(lockdown(2, false)));
}

#[test]
fn of_two_clouds_the_newer_stays() {
    let store = storage::open_temporary().unwrap();
    let mut trail = store.trail().unwrap();
    let clouds = [2, 5, 4].map(|revision| {
        let state = json!({"revision": revision});
        vec![StateChange::PutCloud { revision, state }]
    });
    let conflicts = append(&mut trail, clouds.into());
    assert_eq!(conflicts, [false; 3], "an older one is passed over");
    let stored = store.states().load_cloud().unwrap();
    assert_eq!(stored, Some((5, json!({"revision": 5}))));
}

#[test]
fn of_two_observations_the_later_stays() {
    let store = storage::open_temporary().unwrap();
    let mut trail = store.trail().unwrap();
    let seen = [
        ("web", Health::Critical, 10),
        ("web", Health::Healthy, 5),
        ("api", Health::Degraded, 1),
    ]
    .map(|(service, health, at)| {
        vec![StateChange::ObserveHealth {
            service: service.to_owned(),
            health,
            at: instant(at),
        }]
    });
    append(&mut trail, seen.into());
    let web = ("web".to_owned(), Health::Critical, instant(10));
    let api = ("api".to_owned(), Health::Degraded, instant(1));
    assert_eq!(store.states().load_health().unwrap(), [api, web]);
}

#[test]
fn a_second_factor_follows_the_stored_one_and_is_used_step_by_step() {
    let store = storage::open_temporary().unwrap();
    let mut trail = store.trail().unwrap();
    let user_id = || AgentId::parse("olga").unwrap();
    let put = |revision, confirmed| vec![StateChange::PutTotp(Box::new(totp(revision, confirmed)))];
    let used = |step| {
        let user_id = user_id();
        vec![StateChange::UseTotpStep { user_id, step }]
    };
    let removed = |revision| {
        let user_id = user_id();
        vec![StateChange::RemoveTotp { user_id, revision }]
    };
    let steps = [
        (used(9), true, "there is none"),
        (put(2, false), true, "none has revision 1"),
        (put(1, false), false, "the first"),
        (used(9), true, "it is not confirmed"),
        (put(2, true), false, "the next"),
        (used(5), true, "that step was used"),
        (used(7), false, "a later one"),
        (used(7), true, "each once"),
        (used(6), true, "and none before it"),
        (put(3, true), true, "the use was a change"),
        (removed(2), true, "likewise"),
    ];
    for (changes, conflict, why) in steps {
        assert_eq!(append(&mut trail, vec![changes]), [conflict], "{why}");
    }
    let stored = Totp {
        last_step: 7,
        wrong: [None, None],
        ..totp(3, true)
    };
    let states = store.states();
    assert_eq!(states.totp(&user_id()).unwrap(), Some(stored.clone()));
    assert_eq!(states.totps().unwrap(), [stored]);
    assert_eq!(append(&mut trail, vec![removed(3)]), [false]);
    assert_eq!(states.totp(&user_id()).unwrap(), None);
}

#[test]
fn a_release_follows_the_latest_one() {
    let store = storage::open_temporary().unwrap();
    let mut trail = store.trail().unwrap();
    let releases = [1, 1, 2].map(|version| vec![StateChange::ActivateRelease(release(version))]);
    assert_eq!(append(&mut trail, releases.into()), [false, true, false]);
    let latest = store.states().latest_release().unwrap();
    assert_eq!(latest, Some(release(2)));
}

#[test]
fn a_second_owner_is_told_the_pid_of_the_first() {
    let dir = TempDir::new().unwrap();
    let first = storage::open(dir.path()).unwrap();
    let second = storage::open(dir.path()).unwrap_err();
    let pid = std::process::id().to_string();
    assert!(
        matches!(&second, StoreError::Owned { pid: owner, .. } if *owner == pid),
        "{second}"
    );
    assert!(second.to_string().contains(&pid), "{second}");
    assert_eq!(storage::owner_pid(dir.path()).unwrap(), Some(pid));
    drop(first);
    assert_eq!(storage::owner_pid(dir.path()).unwrap(), None);
    drop(storage::open(dir.path()).unwrap());
}

#[test]
fn the_store_key_is_private_and_belongs_to_its_database() {
    let dir = TempDir::new().unwrap();
    drop(storage::open(dir.path()).unwrap());
    let key = dir.path().join("store.key");
    let set_mode = |mode| fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let bytes = fs::read(&key).unwrap();
    assert_eq!(bytes.len(), 32);

    set_mode(0o644);
    let refused = storage::open(dir.path()).unwrap_err();
    assert!(
        matches!(refused, StoreError::KeyExposed { .. }),
        "{refused}"
    );
    set_mode(0o600);

    fs::write(&key, [7; 32]).unwrap();
    let refused = storage::open(dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::KeyWrong(_)), "{refused}");

    fs::remove_file(&key).unwrap();
    let refused = storage::open(dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::KeyMissing(_)), "{refused}");
    assert!(!key.exists(), "no new key is made for an old database");

    fs::write(&key, bytes).unwrap();
    set_mode(0o600);
    drop(storage::open(dir.path()).unwrap());
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let dir = TempDir::new().unwrap();
    drop(storage::open(dir.path()).unwrap());
    let database = rusqlite::Connection::open(dir.path().join("policyguard.db")).unwrap();
    database.pragma_update(None, "user_version", 999).unwrap();
    drop(database);
    let refused = storage::open(dir.path()).unwrap_err();
    assert!(
        matches!(refused, StoreError::TooNew { found: 999, .. }),
        "{refused}"
    );
}

#[test]
fn a_reader_needs_no_owner() {
    let dir = TempDir::new().unwrap();
    let absent = storage::open_reader(dir.path()).err().unwrap();
    assert!(matches!(absent, StoreError::Absent(_)), "{absent}");
    let store = storage::open(dir.path()).unwrap();
    let mut trail = store.trail().unwrap();
    append(&mut trail, vec![vec![StateChange::SetMode(mode(1))]]);
    let beside = storage::open_reader(dir.path()).unwrap();
    assert_eq!(beside.head().unwrap().seq, 1, "beside the owner");
    drop((beside, trail, store));
    let alone = storage::open_reader(dir.path()).unwrap();
    assert_eq!(alone.verify().unwrap().records, 1, "without an owner");
}

#[test]
fn a_commit_that_was_cut_off_is_noticed_and_the_ones_before_it_stay() {
    let dir = TempDir::new().unwrap();
    let store = storage::open(dir.path()).unwrap();
    let mut trail = store.trail().unwrap();
    append(&mut trail, vec![vec![StateChange::SetMode(mode(1))]]);
    let before = fs::read(dir.path().join("policyguard.db-wal")).unwrap();
    append(&mut trail, vec![vec![StateChange::SetMode(mode(2))]]);
    let after = fs::read(dir.path().join("policyguard.db-wal")).unwrap();
    assert!(after.len() > before.len());
    // As a crash leaves it: all files but the end of the log.
    for (kept, torn, revision) in [
        (before.len(), false, 1),
        (before.len() + 10, true, 1),
        (before.len() + 30, true, 1),
        (before.len() + 4096 + 24, true, 1),
        (after.len() - 1, true, 1),
        (after.len(), false, 2),
    ] {
        let crashed = TempDir::new().unwrap();
        for file in ["policyguard.db", "store.key"] {
            fs::copy(dir.path().join(file), crashed.path().join(file)).unwrap();
        }
        fs::write(crashed.path().join("policyguard.db-wal"), &after[..kept]).unwrap();
        let store = storage::open(crashed.path()).unwrap();
        assert_eq!(store.trail().unwrap().torn, torn, "{kept} bytes");
        let stored = store.states().load_mode().unwrap().unwrap();
        assert_eq!(stored.revision, revision, "{kept} bytes");
    }
}
