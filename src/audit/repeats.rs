//! Denials that say what others of their minute have said: counted, so that a flood cannot fill the disk
//! (`spec/limits.md`, L16).
//!
//! Only denials are counted: whatever runs has records of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::line::lock;
use super::record::AuditRecord;
use super::writer::Writer;
use crate::policy::{Code, Decision, Effect};

/// How long identical denials are one record.
const WINDOW: Duration = Duration::from_mins(1);
/// So many different ones are told apart; beyond, they are told apart by agent and code alone.
const KINDS: usize = 4_096;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    agent: Arc<str>,
    acted_by: Option<Arc<str>>,
    code: Arc<str>,
    /// Whether it was only asked.
    asked: bool,
    /// The tool and the digest of the arguments, as far as they are told apart.
    tool: Option<Arc<str>>,
    digest: Option<Arc<str>>,
}

impl Kind {
    fn of(record: &AuditRecord, tightness: Tightness) -> Option<Self> {
        let (actor, ruling) = (record.principal.as_ref()?, record.decision.as_ref()?);
        let (by_tool, by_digest) = match tightness {
            Tightness::Loose => (true, true),
            Tightness::Tight => (true, false),
            Tightness::Tightest => (false, false),
        };
        Some(Self {
            agent: Arc::clone(&actor.agent_id),
            acted_by: actor.acted_by.as_ref().map(|by| Arc::from(by.as_str())),
            code: Arc::clone(&ruling.code),
            asked: ruling.asked_by.is_some(),
            tool: record.resource.clone().filter(|_| by_tool),
            digest: record.arguments_digest.clone().filter(|_| by_digest),
        })
    }
}

/// How much is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tightness {
    /// Tool and arguments; as many of each are recorded as is set.
    Loose,
    /// The tool; one of each is recorded: the caller is beyond its limit, or there is little room left.
    Tight,
    /// One record for a caller: it says that the caller is beyond its limit.
    Tightest,
}

impl Tightness {
    /// How much of this denial is told apart, when there is enough room, or not.
    fn of(decision: &Decision, scarce: bool) -> Self {
        if decision.code() == Code::RateLimited {
            Self::Tightest
        } else if scarce || decision.request().context.quota.is_some() {
            Self::Tight
        } else {
            Self::Loose
        }
    }

    /// How many of a minute have a record of their own; `None`: all.
    const fn recorded(self, identical: Option<u32>) -> Option<u32> {
        match self {
            Self::Loose => identical,
            Self::Tight | Self::Tightest => Some(1),
        }
    }
}

#[derive(Debug)]
struct Minute {
    since: Duration,
    recorded: u32,
    /// Counted since the last record, which the next one stands for.
    counted: u64,
    /// The last of them.
    last: Option<Box<AuditRecord>>,
}

/// The denials of the last minute.
#[derive(Debug)]
pub(super) struct Repeats {
    /// So many identical ones have a record each; `None`: all.
    identical: Option<u32>,
    minutes: HashMap<Kind, Minute>,
}

impl Repeats {
    pub(super) fn new(identical: Option<u32>) -> Self {
        Self {
            identical,
            minutes: HashMap::new(),
        }
    }

    /// The record, if it is to be written; else it is counted.
    pub(super) fn note(
        &mut self,
        record: AuditRecord,
        tightness: Tightness,
        now: Duration,
    ) -> Option<AuditRecord> {
        let Some(recorded) = tightness.recorded(self.identical) else {
            return Some(record);
        };
        let Some(mut kind) = Kind::of(&record, tightness) else {
            return Some(record);
        };
        if self.minutes.len() >= KINDS && !self.minutes.contains_key(&kind) {
            (kind.tool, kind.digest) = (None, None);
        }
        let minute = self.minutes.entry(kind).or_insert_with(|| Minute {
            since: now,
            recorded: 0,
            counted: 0,
            last: None,
        });
        if now.saturating_sub(minute.since) >= WINDOW {
            // What the minute before counted is still written.
            (minute.since, minute.recorded) = (now, 0);
        }
        if minute.recorded < recorded {
            minute.recorded += 1;
            return Some(record);
        }
        minute.counted += 1;
        minute.last = Some(Box::new(record));
        None
    }

    /// The records of what was counted in minutes that are over; `all`: in every minute so far.
    pub(super) fn due(&mut self, now: Duration, all: bool) -> Vec<AuditRecord> {
        let mut due = Vec::new();
        self.minutes.retain(|_, minute| {
            let over = now.saturating_sub(minute.since) >= WINDOW;
            if over || all {
                due.extend(minute.summary());
            }
            !over
        });
        due
    }

    /// How many kinds of denials are counted.
    pub(super) fn len(&self) -> usize {
        self.minutes.len()
    }
}

impl Minute {
    /// The last of those that were counted, standing for all of them.
    fn summary(&mut self) -> Option<AuditRecord> {
        let mut record = *self.last.take()?;
        let counted = std::mem::take(&mut self.counted);
        if let Some(ruling) = &mut record.decision {
            ruling.count = Some(counted);
        }
        Some(record)
    }
}

impl Writer {
    /// The record of this decision, unless it is counted with others that say the same.
    pub(super) fn unless_repeated(
        &self,
        record: AuditRecord,
        decision: &Decision,
    ) -> Option<AuditRecord> {
        if decision.effect() != Effect::Deny {
            return Some(record);
        }
        let tightness = Tightness::of(decision, self.is_scarce());
        let now = self.scribe.clock.monotonic();
        lock(&self.repeats).note(record, tightness, now)
    }

    /// Puts the counts of minutes that are over in line; `all`: of every minute so far. Returns whether there are any.
    pub(super) fn note_repeats(&self, all: bool) -> bool {
        let mut repeats = lock(&self.repeats);
        if repeats.len() == 0 {
            return false;
        }
        let due = repeats.due(self.scribe.clock.monotonic(), all);
        drop(repeats);
        let any = !due.is_empty();
        for mut record in due {
            self.scribe.date(&mut record);
            self.note(record);
        }
        any
    }
}
