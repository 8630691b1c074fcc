//! The threads behind the recorder: one commits what nobody else does, one syncs, one keeps the log short.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::error::AuditError;
use super::line::lock;
use super::store::{LogKeeper, LogSync, StoreFault};
use super::writer::Writer;

/// How long something committed may wait for a sync that nobody asked for, and a read's decision for a batch.
/// Together with the sync itself it stays below the 50 ms that are promised.
const TICK: Duration = Duration::from_millis(20);
/// After so many ticks without work the clerk sleeps until something arrives.
const IDLE_TICKS: u32 = 50;
/// How often a store that refuses is asked again, and the length of the log is looked at.
const ROUND: Duration = Duration::from_secs(1);

/// Starts the threads.
pub(super) fn start(
    writer: &Arc<Writer>,
    mut log: Box<dyn LogSync>,
    mut keeper: Box<dyn LogKeeper>,
) -> Result<Vec<JoinHandle<()>>, AuditError> {
    let rounds = Arc::new(Rounds::default());
    let clerk = (Arc::clone(writer), Arc::clone(&rounds));
    let syncer = Arc::clone(writer);
    let tidier = Arc::clone(writer);
    Ok(vec![
        spawn("audit-clerk", move || Clerk::new(&clerk.0, &clerk.1).run())?,
        spawn("audit-sync", move || run_syncs(&syncer, &mut *log))?,
        spawn("audit-tidy", move || {
            run_rounds(&tidier, &rounds, &mut *keeper);
        })?,
    ])
}

/// Lets the threads finish what waits, and end.
pub(super) fn stop(writer: &Writer) {
    writer.write_counts(true);
    lock(&writer.line).closed.get_or_insert(AuditError::Closed);
    writer.bell.notify_all();
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, AuditError> {
    Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| AuditError::Unavailable(format!("no thread for it: {error}")))
}

/// Wakes the thread that keeps the log short.
#[derive(Default)]
struct Rounds {
    /// Guards whether a round is due, and whether it was the last.
    state: Mutex<(bool, bool)>,
    bell: Condvar,
}

impl Rounds {
    fn ring(&self, last: bool) {
        let mut state = lock(&self.state);
        *state = (true, state.1 || last);
        self.bell.notify_one();
    }

    /// Waits for the next round; `false` after the last.
    fn wait(&self) -> bool {
        let mut state = lock(&self.state);
        while !state.0 {
            state = self
                .bell
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.0 = false;
        !state.1
    }
}

struct Clerk<'a> {
    writer: &'a Writer,
    rounds: &'a Rounds,
    idle: u32,
    last_tick: Instant,
    last_round: Instant,
}

impl<'a> Clerk<'a> {
    fn new(writer: &'a Writer, rounds: &'a Rounds) -> Self {
        Self {
            writer,
            rounds,
            idle: 0,
            last_tick: Instant::now(),
            last_round: Instant::now(),
        }
    }

    fn run(mut self) {
        while self.step() {}
        let mut syncs = lock(&self.writer.syncs);
        syncs.closed = true;
        self.writer.sync_bell.notify_one();
        drop(syncs);
        self.rounds.ring(true);
    }

    /// Waits for work and does it; `false` at the end.
    fn step(&mut self) -> bool {
        let writer = self.writer;
        let mut line = lock(&writer.line);
        if std::mem::take(&mut line.handed) {
            drop(line);
            self.lead();
            return true;
        }
        if line.closed.is_some() {
            if line.is_empty() {
                return false;
            }
            if line.take_lead() {
                drop(line);
                self.lead();
                return !writer.failing();
            }
        }
        let quiet =
            line.is_empty() && !writer.unsynced() && !writer.failing() && writer.counts_nothing();
        if self.idle >= IDLE_TICKS && quiet {
            line.resting = true;
            drop(writer.bell.wait(line));
            self.idle = 0;
            return true;
        }
        let (line, waited) = writer
            .bell
            .wait_timeout(line, TICK)
            .unwrap_or_else(PoisonError::into_inner);
        drop(line);
        if waited.timed_out() {
            self.idle += 1;
            self.take_along();
        }
        self.keep_time();
        true
    }

    /// Commits until nothing waits. The clerk has the lead.
    fn lead(&mut self) {
        self.idle = 0;
        let writer = self.writer;
        writer.lead_until_empty(|| self.keep_time());
    }

    /// Commits what waits though nobody waits for it.
    fn take_along(&mut self) {
        let mut line = lock(&self.writer.line);
        let waits = !line.is_empty() && !self.writer.failing();
        if waits && line.take_lead() {
            drop(line);
            self.lead();
        }
    }

    /// Does what is due by the clock, however much is committed meanwhile.
    fn keep_time(&mut self) {
        let writer = self.writer;
        if self.last_tick.elapsed() < TICK {
            return;
        }
        self.last_tick = Instant::now();
        writer.write_counts(false);
        if writer.unsynced() {
            lock(&writer.syncs).asked = true;
            writer.sync_bell.notify_one();
        }
        if self.last_round.elapsed() >= ROUND {
            self.last_round = Instant::now();
            self.rounds.ring(false);
            if writer.failing() && lock(&writer.line).take_lead() {
                writer.probe();
            }
        }
    }
}

fn run_syncs(writer: &Writer, log: &mut dyn LogSync) {
    loop {
        let mut syncs = lock(&writer.syncs);
        while !syncs.due() && !syncs.closed {
            syncs = writer
                .sync_bell
                .wait(syncs)
                .unwrap_or_else(PoisonError::into_inner);
        }
        syncs.asked = false;
        let last = syncs.closed;
        drop(syncs);
        if !writer.sync(log) || last {
            return;
        }
    }
}

fn run_rounds(writer: &Writer, rounds: &Rounds, keeper: &mut dyn LogKeeper) {
    loop {
        let goes_on = rounds.wait();
        let folded = match (goes_on, writer.broken()) {
            // What a failed sync left behind is for the next start to judge.
            (_, true) => return,
            (true, false) => tidy(writer, keeper),
            (false, false) => keeper.fold(),
        };
        match folded {
            Ok(()) => {}
            Err(StoreFault::Refused(why)) => tracing::warn!(why, "the log was not folded in"),
            Err(StoreFault::Broken(why)) => return writer.break_down(&why),
        }
        if !goes_on {
            return;
        }
    }
}

/// Keeps the log short: most of the work beside the writer, the rest while it stands still.
fn tidy(writer: &Writer, keeper: &mut dyn LogKeeper) -> Result<(), StoreFault> {
    if !keeper.tidy()? {
        return Ok(());
    }
    let _nobody_commits = lock(&writer.desk);
    keeper.finish()
}
