//! Whatever is done to a stored record is found, and the record is named.

use std::fs;
use std::path::Path;

use policyguard::audit::{Fault, FirstFault, Report};
use policyguard::storage;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::trail::{Asker, HandClock, caller, done, open};

/// A store with so many attempts, two records each, that nobody owns any more.
async fn store_with(attempts: u64) -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = storage::open(dir.path()).unwrap();
    let (recorder, _) = open(&store, &HandClock::new());
    let asker = Asker::new();
    for number in 0..attempts {
        let decision = asker.run(&recorder, "get_status", json!({"number": number}));
        let decided = recorder.decision(decision, &caller()).await.unwrap();
        let of = decided.outcome_of(&caller());
        recorder.outcome(of, done(), Vec::new()).await.unwrap();
    }
    recorder.close();
    dir
}

fn verify(dir: &Path) -> Report {
    storage::open_reader(dir).unwrap().verify().unwrap()
}

/// What verification finds in a store of twenty records after this SQL.
async fn after(sql: &str) -> Option<FirstFault> {
    let dir = store_with(10).await;
    assert!(verify(dir.path()).intact);
    let database = Connection::open(dir.path().join("policyguard.db")).unwrap();
    database.execute_batch(sql).unwrap();
    drop(database);
    let report = verify(dir.path());
    assert_eq!(report.intact, report.first_fault.is_none());
    report.first_fault
}

#[tokio::test]
async fn tampering_by_sql_is_found_and_the_record_is_named() {
    let copy = "(SELECT text FROM records WHERE seq = 7)";
    let cases = [
        (
            "UPDATE records SET text = replace(text, 'get_status', 'get_statue') WHERE seq = 7",
            7,
            Fault::Changed,
        ),
        (
            "UPDATE records SET agent = 'other' WHERE seq = 7",
            7,
            Fault::Changed,
        ),
        (
            "UPDATE records SET at = at + 1 WHERE seq = 20",
            20,
            Fault::Changed,
        ),
        (
            "UPDATE records SET action = 0 WHERE seq = 7",
            7,
            Fault::Changed,
        ),
        (
            "UPDATE records SET status = 1 WHERE seq = 7",
            7,
            Fault::Changed,
        ),
        (
            "UPDATE records SET listed = 0 WHERE seq = 7",
            7,
            Fault::Changed,
        ),
        (
            "UPDATE records SET listed = 1 WHERE seq = 8",
            8,
            Fault::Changed,
        ),
        (
            "UPDATE records SET text = CAST(text AS BLOB) WHERE seq = 7",
            7,
            Fault::Changed,
        ),
        ("DELETE FROM records WHERE seq = 1", 1, Fault::Missing),
        ("DELETE FROM records WHERE seq = 7", 7, Fault::Missing),
        ("DELETE FROM records WHERE seq = 20", 20, Fault::Cut),
        ("DELETE FROM records WHERE seq > 12", 13, Fault::Cut),
        ("DELETE FROM records", 1, Fault::Cut),
        (
            "UPDATE records SET rowid = 100, seq = 100 WHERE seq = 7; UPDATE records SET rowid = 7, seq = 7 WHERE seq = 8; \
          UPDATE records SET rowid = 8, seq = 8 WHERE seq = 100",
            7,
            Fault::Reordered,
        ),
        (
            "INSERT INTO records SELECT 21, at, kind, status, agent, tool, action_type, action, text, listed FROM records WHERE seq = 20",
            21,
            Fault::Reordered,
        ),
        ("UPDATE head SET seq = 19", 20, Fault::Replaced),
        ("UPDATE head SET hash = zeroblob(32)", 20, Fault::Replaced),
    ];
    for (sql, seq, how) in cases {
        assert_eq!(after(sql).await, Some(FirstFault { seq, how }), "{sql}");
    }
    let swapped = format!("UPDATE records SET text = {copy} WHERE seq = 9");
    let found = after(&swapped).await;
    assert_eq!(
        found,
        Some(FirstFault {
            seq: 9,
            how: Fault::Reordered
        })
    );
}

#[tokio::test]
async fn a_record_that_was_sealed_anew_is_found_as_replaced() {
    use policyguard::audit::{Body, Place, open_seal};
    let dir = store_with(10).await;
    let database = Connection::open(dir.path().join("policyguard.db")).unwrap();
    let text: String = database
        .query_row("SELECT text FROM records WHERE seq = 7", (), |row| {
            row.get(0)
        })
        .unwrap();
    let (mut record, _) = open_seal(text.as_bytes()).unwrap();
    record.decision.as_mut().unwrap().reason = "something else".to_owned();
    let place = Place {
        seq: record.seq,
        id: record.id,
        prev: record.prev,
    };
    let mut forged = Vec::new();
    Body::of(&record).seal(&place, &mut forged);
    let forged = String::from_utf8(forged).unwrap();
    assert!(open_seal(forged.as_bytes()).is_some(), "whole in itself");
    let sql = "UPDATE records SET text = ?1 WHERE seq = 7";
    database.execute(sql, [forged]).unwrap();
    drop(database);
    let first = verify(dir.path()).first_fault;
    assert_eq!(
        first,
        Some(FirstFault {
            seq: 7,
            how: Fault::Replaced
        })
    );
}

#[tokio::test]
async fn a_change_of_any_byte_of_a_stored_row_is_found_and_its_record_is_named() {
    let dir = store_with(2).await;
    let path = dir.path().join("policyguard.db");
    let whole = fs::read(&path).unwrap();
    let cell = cell_of(&whole, 2);
    assert!(cell.len() > 500, "the row with all its bytes: {cell:?}");
    let mut bytes = whole.clone();
    let mut only_by_the_file = 0;
    for at in cell {
        for mask in [1 << (at % 8), 0xff] {
            bytes[at] ^= mask;
            fs::write(&path, &bytes).unwrap();
            let report = verify(dir.path());
            assert!(!report.intact, "{mask:02x} at {at}");
            match report.first_fault {
                Some(first) => assert_eq!(first.seq, 2, "{mask:02x} at {at}: {report:?}"),
                None => only_by_the_file += 1,
            }
            bytes[at] = whole[at];
        }
    }
    assert!(only_by_the_file < 16, "{only_by_the_file}");
    fs::write(&path, &whole).unwrap();
    assert!(verify(dir.path()).intact);
}

#[tokio::test]
async fn no_copy_of_a_record_stands_in_the_file_that_could_be_changed_unseen() {
    // Enough for pages to be split, which moves records.
    let dir = store_with(60).await;
    let path = dir.path().join("policyguard.db");
    let whole = fs::read(&path).unwrap();
    let texts: Vec<usize> = whole
        .windows(22)
        .enumerate()
        .filter(|(_, window)| *window == br#""resource":"get_status"#)
        .map(|(at, _)| at)
        .collect();
    assert_eq!(texts.len(), 120, "two records an attempt, each once");
    // In the indexes a record's tool stands in front of its type.
    let in_indexes = whole
        .windows(19)
        .enumerate()
        .filter(|(_, window)| *window == b"get_statustool_call")
        .map(|(at, _)| at);
    let mut bytes = whole.clone();
    for at in texts.into_iter().chain(in_indexes).step_by(7) {
        bytes[at + 3] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let report = verify(dir.path());
        assert!(report.first_fault.is_some(), "at {at}: {report:?}");
        bytes[at + 3] = whole[at + 3];
    }
}

/// Where in the file the row of this record lies (the file format of SQLite, "B-tree pages").
fn cell_of(file: &[u8], seq: u64) -> std::ops::Range<usize> {
    const PAGE: usize = 4096;
    for (number, page) in file.chunks(PAGE).enumerate() {
        let header = if number == 0 { 100 } else { 0 };
        if page[header] != 0x0d {
            continue;
        }
        let cells = usize::from(u16::from_be_bytes([page[header + 3], page[header + 4]]));
        for cell in 0..cells {
            let pointer = header + 8 + 2 * cell;
            let start = usize::from(u16::from_be_bytes([page[pointer], page[pointer + 1]]));
            let (length, after_length) = varint(page, start);
            let (rowid, payload) = varint(page, after_length);
            let end = payload + usize::try_from(length).unwrap();
            let is_record = page
                .get(payload..end)
                .is_some_and(|bytes| bytes.windows(8).any(|window| window == b"\"source\""));
            if rowid == seq && is_record {
                return number * PAGE + start..number * PAGE + end;
            }
        }
    }
    0..0
}

fn varint(bytes: &[u8], mut at: usize) -> (u64, usize) {
    let mut value = 0;
    loop {
        value = value << 7 | u64::from(bytes[at] & 0x7f);
        at += 1;
        if bytes[at - 1] & 0x80 == 0 {
            return (value, at);
        }
    }
}
