//! Backups that are made while calls come in (`spec/operations.md`, "Storage").

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use policyguard::storage;
use serde_json::json;
use tempfile::TempDir;

use crate::support::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_holds_every_call_that_was_answered_before_it() {
    let house = House::new().await;
    let dir = TempDir::new().unwrap();
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let work = async {
        while !stop.load(Ordering::Relaxed) {
            house.execute("list_services", json!({})).await;
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    let backups = async {
        let mut last = 0;
        for round in 0..5 {
            while answered.load(Ordering::Relaxed) < last + 20 {
                tokio::task::yield_now().await;
            }
            last = answered.load(Ordering::Relaxed);
            let (data, file) = (house.data_dir(), dir.path().join(format!("{round}.db")));
            let restored = dir.path().join(round.to_string());
            let report = tokio::task::spawn_blocking(move || {
                storage::back_up(&data, &file).unwrap();
                storage::restore(&file, &restored, &mut |_| ()).unwrap()
            });
            let report = report.await.unwrap();
            assert!(report.intact, "{report:?}");
            // A call that was let through has a decision and an outcome.
            assert!(
                report.records >= 2 * last,
                "{} of {last} calls",
                report.records
            );
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(work, backups);
}
