//! Who writes the trail.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use serde_json::{Map, Value};

use super::clerk;
use super::config::{Config, DurabilityPolicy};
use super::entry::{Durability, Entry, StateChange};
use super::error::AuditError;
use super::ids::Ids;
use super::line::lock;
use super::record::{Caller, OutcomeStatus, RecordKind};
use super::recorded::{Recorded, Simulated};
use super::recovery::{Recovery, recover};
use super::redact::Redactor;
use super::scribe::{ChangeNote, Outcome, OutcomeOf, Scribe};
use super::store::Trail;
use super::tally::Counted;
use super::writer::{Listener, Writer};
use crate::domain::{ActionId, Clock, Purpose};
use crate::policy::{Decision, Effect};

/// How the writer is, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Entries that wait to be written.
    pub waiting: usize,
    /// Batches that the store did not take.
    pub failures: u64,
    /// Kinds of reads, refusals and denials that are only counted so far.
    pub counted: usize,
}

/// The only writer of the trail. A clone writes to the same one.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Arc<Writer>,
    config: Config,
    threads: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Recorder {
    /// Takes the trail over: closes what an earlier run left open, reserves ids, starts its threads.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn open(
        mut trail: Trail,
        clock: Arc<dyn Clock>,
        config: Config,
    ) -> Result<(Self, Recovery), AuditError> {
        let scribe = Scribe {
            chain: trail.store.chain(),
            clock,
            redactor: Redactor::new(&trail.key),
        };
        let ids = Ids::new(&trail.key, trail.store.marks().actions_reserved);
        let recovery = recover(&mut trail, &scribe, &ids)?;
        let writer = Arc::new(Writer::new(trail.store, ids, scribe, &config));
        let threads = clerk::start(&writer, trail.sync, trail.keeper)?;
        let inner = Inner {
            writer,
            config,
            threads: std::sync::Mutex::new(threads),
        };
        Ok((
            Self {
                inner: Arc::new(inner),
            },
            recovery,
        ))
    }

    /// The next name of an attempt.
    #[must_use]
    pub fn next_action_id(&self) -> ActionId {
        self.inner.writer.ids.action()
    }

    /// Hands every record from now on to the listener.
    pub fn listen(&self, listener: Arc<dyn Listener>) {
        self.inner.writer.listen(listener);
    }

    /// Records a decision.
    ///
    /// An allowed run that may change something is on disk when this returns. An allowed read has its place in
    /// line: its outcome is committed with it or after it, never before. Everything else is committed.
    ///
    /// # Errors
    /// When it could not be recorded; then nothing may be done.
    pub async fn decision(
        &self,
        decision: Decision,
        caller: &Caller,
    ) -> Result<Recorded<Decision>, AuditError> {
        let runs = decision.effect() == Effect::Allow && decision.request().purpose == Purpose::Run;
        let durability = match (runs, decision.modifies()) {
            (true, true) => Durability::Synced,
            (true, false) => Durability::Queued,
            (false, _) => Durability::Committed,
        };
        let record = self.inner.writer.scribe.decision(&decision, caller, false);
        let Some(record) = self.inner.writer.unless_repeated(record, &decision) else {
            return Ok(Recorded::counted(decision));
        };
        let seq = self
            .write(Entry::new(record, Vec::new()), durability)
            .await?;
        Ok(Recorded::new(decision, seq))
    }

    /// Records the decision about a dry run.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub async fn simulation(
        &self,
        decision: Decision,
        caller: &Caller,
    ) -> Result<Recorded<Simulated>, AuditError> {
        let record = self.inner.writer.scribe.decision(&decision, caller, true);
        let Some(record) = self.inner.writer.unless_repeated(record, &decision) else {
            return Ok(Recorded::counted(Simulated(decision)));
        };
        let seq = self
            .write(Entry::new(record, Vec::new()), Durability::Committed)
            .await?;
        Ok(Recorded::new(Simulated(decision), seq))
    }

    /// Records what came of a call, with what changed by it. Committed when this returns.
    ///
    /// # Errors
    /// When it could not be recorded; then the output must be withheld.
    pub async fn outcome(
        &self,
        of: OutcomeOf,
        outcome: Outcome<'_>,
        changes: Vec<StateChange>,
    ) -> Result<Recorded<OutcomeStatus>, AuditError> {
        let status = outcome.status;
        let record = self.inner.writer.scribe.outcome(of, outcome);
        let seq = self
            .write(Entry::new(record, changes), Durability::Committed)
            .await?;
        Ok(Recorded::new(status, seq))
    }

    /// Records a change of the gateway's own state, with the change itself. On disk when this returns.
    ///
    /// With `of` it is the outcome of that decision, and no other is recorded.
    ///
    /// # Errors
    /// When it could not be recorded, or its precondition does not hold; then nothing has changed.
    pub async fn change(
        &self,
        note: ChangeNote,
        changes: Vec<StateChange>,
        of: Option<OutcomeOf>,
    ) -> Result<Recorded<ChangeNote>, AuditError> {
        let record = self.inner.writer.scribe.change(&note, of);
        let seq = self
            .write(Entry::new(record, changes), Durability::Synced)
            .await?;
        Ok(Recorded::new(note, seq))
    }

    /// Notes a call without a valid credential, or one that could not be read.
    ///
    /// The first of a source and reason is committed at once, what follows within a minute is counted in one
    /// record, so that a flood cannot fill the disk. Nothing is answered but a refusal, so nobody waits.
    pub fn refused(&self, caller: &Caller, reason: &str) {
        let of = Counted {
            kind: RecordKind::Refused,
            door: caller.door,
            address: caller.source.address.clone(),
            who: String::new(),
            what: reason.to_owned(),
        };
        self.inner.writer.count(of, &caller.source, &Map::new());
    }

    /// Notes that somebody read the trail or management data: `who`, `what`, and with which filters.
    ///
    /// The first is committed at once, what follows within a minute is one record with the count and the union
    /// of the filters.
    pub fn access(&self, who: &str, caller: &Caller, what: &str, filters: &Map<String, Value>) {
        let of = Counted {
            kind: RecordKind::Access,
            door: caller.door,
            address: None,
            who: who.to_owned(),
            what: what.to_owned(),
        };
        self.inner.writer.count(of, &caller.source, filters);
    }

    /// Counts an allowed read of the trail or of management data; it shares its record with the reads of its minute.
    ///
    /// Such reads must work when the trail cannot be written, or nobody could see why.
    #[must_use]
    pub fn counted(&self, decision: Decision, caller: &Caller) -> Recorded<Decision> {
        let request = decision.request();
        let principal = &request.principal;
        let who = principal.acted_by.as_ref().unwrap_or(&principal.agent_id);
        self.access(
            who.as_str(),
            caller,
            &request.resource.name,
            &request.arguments.0,
        );
        Recorded::counted(decision)
    }

    /// Puts what is only counted so far in line, before the minute is over.
    pub fn write_counts(&self) {
        self.inner.writer.write_counts(true);
    }

    /// Says whether room for records runs out: from then on denials are summarized.
    pub fn set_scarce(&self, scarce: bool) {
        self.inner.writer.set_scarce(scarce);
    }

    /// Writes the denials that are only counted so far, so that who reads the trail now finds them.
    pub fn write_repeats(&self) {
        if self.inner.writer.note_repeats(true) {
            self.inner.writer.commit_notes();
        }
    }

    /// An allowed question, of which the trail gets the record of what is asked and none of the asking
    /// (`spec/audit.md`): whoever answers it records that first.
    #[must_use]
    pub fn carried(&self, decision: Decision) -> Recorded<Decision> {
        Recorded::counted(decision)
    }

    /// The number of the last record that is committed, as it changes.
    #[must_use]
    pub fn news(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.writer.news.subscribe()
    }

    /// Whether the trail can be written.
    ///
    /// # Errors
    /// Why not.
    pub fn health(&self) -> Result<(), AuditError> {
        let state = self.inner.writer.watch().borrow().clone();
        state.map_or(Ok(()), Err)
    }

    /// How the writer is, in figures.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let writer = &self.inner.writer;
        Figures {
            waiting: lock(&writer.line).len(),
            failures: writer.failures.load(Ordering::Relaxed),
            counted: writer.counted(),
        }
    }

    /// Resolves when a sync failed and the process must end, with the reason.
    pub fn fatal(&self) -> impl Future<Output = AuditError> + Send + 'static {
        let mut state = self.inner.writer.watch();
        async move {
            let broken = state
                .wait_for(|state| matches!(state, Some(AuditError::Broken(_))))
                .await;
            match broken.map(|state| state.clone()) {
                Ok(Some(fault)) => fault,
                // The recorder is gone, and with it whatever could have failed.
                Ok(None) | Err(_) => std::future::pending().await,
            }
        }
    }

    /// Writes what waits, syncs, and takes nothing more. Blocks for as long as that takes.
    pub fn close(&self) {
        self.inner.stop();
    }

    async fn write(&self, entry: Entry, durability: Durability) -> Result<Option<u64>, AuditError> {
        let durability = match self.inner.config.durability {
            DurabilityPolicy::Balanced => durability,
            DurabilityPolicy::Strict => Durability::Synced,
        };
        self.inner.writer.write(entry, durability).await
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn stop(&self) {
        clerk::stop(&self.writer);
        for thread in lock(&self.threads).drain(..) {
            // A thread that panicked has said so.
            drop(thread.join());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
