//! The mode that falls back by itself: every decision sees the end at once, this puts it on record.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::audit::{ChangeNote, StateChange};
use crate::modes;

use super::{ChangeError, Edit, Gate, Moment};

/// How long to wait before a fallback that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Records the end of each mode when it comes, for as long as the future is polled.
pub async fn keep_time(gate: Arc<Gate>) {
    loop {
        let moved = gate.moved();
        tokio::pin!(moved);
        moved.as_mut().enable();
        let situation = gate.situation();
        let moment = Moment::of(gate.clock());
        if situation.mode_expired(moment) {
            if record_end(&gate).await.is_err() {
                tokio::time::sleep(RETRY).await;
            }
            continue;
        }
        match situation.mode_ends {
            // A second at a time: the wall clock may jump past the end meanwhile.
            Some(end) => {
                let left = end
                    .saturating_sub(moment.monotonic)
                    .min(Duration::from_secs(1));
                tokio::select! { () = tokio::time::sleep(left) => {}, () = moved => {} }
            }
            None => moved.await,
        }
    }
}

async fn record_end(gate: &Gate) -> Result<(), ()> {
    let change = gate
        .change(|now, moment| {
            if !now.mode_expired(moment) {
                return Err(());
            }
            let state = modes::fall_back(&now.modes, moment.wall);
            let note = ChangeNote::new("mode_change", "gateway")
                .with("mode", json!(state.mode))
                .with("from", json!(now.modes.mode))
                .with("reason", json!(state.reason));
            Ok(Edit {
                next: now.with_mode(state.clone(), moment),
                note,
                changes: vec![StateChange::SetMode(state)],
                of: None,
            })
        })
        .await;
    match change {
        Ok(situation) => {
            tracing::info!(mode = %situation.modes.mode, "the mode fell back");
            Ok(())
        }
        Err(ChangeError::Refused(())) => Ok(()),
        Err(ChangeError::Audit(fault)) => {
            tracing::error!(%fault, "the end of the mode could not be recorded; it holds all the same");
            Err(())
        }
    }
}
