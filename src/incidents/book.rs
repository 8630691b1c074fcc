//! Which incidents count, and how often each agent was denied: values in memory, without a clock and without I/O.
//!
//! Everything in here has a cap, because agents choose names: an agent has at most [`APART`] incidents that count at
//! a time, further denials count on one collective incident for each code; of all agents together at most
//! [`TRACKED`] incidents count and [`WATCHED`] agents are watched, beyond which the half that was quiet longest is
//! forgotten: its next denial opens a new incident, or starts to count anew.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::signal::Denial;
use super::{COUNTING, Config};
use crate::domain::{AgentId, Severity, Timestamp};

/// How many incidents of one agent count at a time.
const APART: usize = 50;
/// How many incidents count at a time.
const TRACKED: usize = 10_000;
/// How many agents are watched at a time.
const WATCHED: usize = 10_000;
/// How often a run may be repeated unchanged after it was denied; once more suspends (`spec/governance.md`).
pub(super) const REPEATS: usize = 5;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) agent: Arc<str>,
    pub(super) code: Arc<str>,
    /// `None`: every further tool.
    pub(super) tool: Option<Arc<str>>,
}

/// An incident that counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tracked {
    pub(super) number: u64,
    pub(super) severity: Severity,
    pub(super) last_at: Timestamp,
    pub(super) last_seq: u64,
    /// Denials that are counted and not written yet.
    pub(super) unwritten: u64,
    /// When it was last written, on the clock that never goes back.
    pub(super) written: Duration,
    /// Whether, if it is critical, its next denial suspends: it does once, and once more when the agent was
    /// reinstated since.
    pub(super) armed: bool,
}

/// An agent that was denied too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crossing {
    pub(super) agent: Arc<str>,
    pub(super) kind: CrossingKind,
    /// How many of its runs were denied in the window.
    pub(super) denied: usize,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
}

/// In which way too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CrossingKind {
    /// Too many runs.
    Runs,
    /// The same run of this tool, so often after its first denial.
    Repeated { tool: Arc<str>, repeats: usize },
}

#[derive(Debug, Clone, Copy)]
struct Run {
    at: Timestamp,
    seq: u64,
    number: u64,
}

/// The counters.
#[derive(Debug)]
pub(super) struct Book {
    config: Config,
    tracked: HashMap<Key, Tracked>,
    /// The keys of `tracked` by the incidents' numbers.
    numbers: HashMap<u64, Key>,
    /// How many of `tracked` are of which agent.
    of_agent: HashMap<Arc<str>, usize>,
    /// The denied runs of each agent in the window, oldest first; never more than suspend it.
    runs: HashMap<Arc<str>, VecDeque<Run>>,
    /// Agents that are suspended, as far as was heard or done; never more than are registered.
    halted: HashSet<AgentId>,
}

impl Book {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            tracked: HashMap::new(),
            numbers: HashMap::new(),
            of_agent: HashMap::new(),
            runs: HashMap::new(),
            halted: HashSet::new(),
        }
    }

    /// The incident on which the denial counts, or the key for which one must be opened.
    pub(super) fn place_of(&mut self, denial: &Denial) -> Result<&Tracked, Key> {
        let mut key = Key {
            agent: Arc::clone(&denial.agent),
            code: Arc::clone(&denial.code),
            tool: Some(Arc::clone(&denial.tool)),
        };
        if !self.counts(&key, denial.at) && self.of(&denial.agent) >= APART {
            self.forget_quiet(denial.at);
            if self.of(&denial.agent) >= APART {
                key.tool = None;
            }
        }
        let found = self.tracked.get(&key);
        let counts = found.filter(|tracked| tracked.last_at.until(denial.at) < COUNTING);
        counts.ok_or(key)
    }

    fn counts(&self, key: &Key, at: Timestamp) -> bool {
        let found = self.tracked.get(key);
        found.is_some_and(|tracked| tracked.last_at.until(at) < COUNTING)
    }

    fn of(&self, agent: &str) -> usize {
        self.of_agent.get(agent).copied().unwrap_or(0)
    }

    /// Lets the incident count.
    pub(super) fn track(&mut self, key: Key, tracked: Tracked) {
        if self.tracked.len() >= TRACKED && !self.tracked.contains_key(&key) {
            self.forget_quiet(tracked.last_at);
            if self.tracked.len() >= TRACKED {
                let middle = middle(self.tracked.values().map(|tracked| tracked.last_at));
                self.forget(|tracked| tracked.last_at <= middle);
            }
        }
        self.remove(&key);
        *self.of_agent.entry(Arc::clone(&key.agent)).or_insert(0) += 1;
        self.numbers.insert(tracked.number, key.clone());
        self.tracked.insert(key, tracked);
    }

    /// The incident of this number, if it counts.
    pub(super) fn numbered(&mut self, number: u64) -> Option<&mut Tracked> {
        let key = self.numbers.get(&number)?;
        self.tracked.get_mut(key)
    }

    /// Lets the incident of this number count no more.
    pub(super) fn release(&mut self, number: u64) {
        if let Some(key) = self.numbers.get(&number).cloned() {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &Key) {
        let Some(tracked) = self.tracked.remove(key) else {
            return;
        };
        self.numbers.remove(&tracked.number);
        let left = self.of(&key.agent).saturating_sub(1);
        if left == 0 {
            self.of_agent.remove(&key.agent);
        } else {
            self.of_agent.insert(Arc::clone(&key.agent), left);
        }
    }

    fn forget(&mut self, quiet: impl Fn(&Tracked) -> bool) {
        let over: Vec<Key> = self
            .tracked
            .iter()
            // What is not written yet is kept, so that no count is lost; it is written within a second.
            .filter(|(_, tracked)| tracked.unwritten == 0 && quiet(tracked))
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            self.remove(&key);
        }
    }

    /// Forgets what can count no more.
    pub(super) fn forget_quiet(&mut self, now: Timestamp) {
        self.forget(|tracked| tracked.last_at.until(now) >= COUNTING);
        let window = self.config.window;
        self.runs
            .retain(|_, runs| runs.back().is_some_and(|run| run.at.until(now) < window));
    }

    /// The incidents with counts that are to be written: all, or those that were not for a second.
    pub(super) fn due(&self, now: Duration, all: bool) -> Vec<u64> {
        let pause = Duration::from_secs(1);
        let due = |tracked: &&Tracked| {
            tracked.unwritten > 0 && (all || now.saturating_sub(tracked.written) >= pause)
        };
        self.tracked
            .values()
            .filter(due)
            .map(|tracked| tracked.number)
            .collect()
    }

    /// Lets the next try to write these counts wait.
    pub(super) fn put_off(&mut self, numbers: &[u64], now: Duration) {
        for number in numbers {
            if let Some(tracked) = self.numbered(*number) {
                tracked.written = now;
            }
        }
    }

    /// Counts a denied run; says so when it is one too many. The count begins anew then.
    pub(super) fn count_run(&mut self, denial: &Denial) -> Option<Crossing> {
        let limit = self.config.suspend_after;
        let number = denial.run.filter(|_| limit > 0)?;
        if self.is_halted(&denial.agent) {
            return None;
        }
        if self.runs.len() >= WATCHED && !self.runs.contains_key(&denial.agent) {
            self.make_room(denial.at);
        }
        let window = self.config.window;
        let runs = self.runs.entry(Arc::clone(&denial.agent)).or_default();
        runs.retain(|run| run.at.until(denial.at) < window);
        let more_than_enough = limit.saturating_add(1);
        let attempts = usize::try_from(denial.attempts).unwrap_or(more_than_enough);
        let run = Run {
            at: denial.at,
            seq: denial.seq,
            number,
        };
        runs.extend(std::iter::repeat_n(run, attempts.min(more_than_enough)));
        let same = runs.iter().filter(|run| run.number == number).count();
        let kind = if same > REPEATS + 1 {
            CrossingKind::Repeated {
                tool: Arc::clone(&denial.tool),
                repeats: same - 1,
            }
        } else if runs.len() > limit {
            CrossingKind::Runs
        } else {
            return None;
        };
        let crossing = Crossing {
            agent: Arc::clone(&denial.agent),
            kind,
            denied: runs.len(),
            first_seq: runs.front().map_or(denial.seq, |run| run.seq),
            last_seq: denial.seq,
        };
        self.runs.remove(&denial.agent);
        Some(crossing)
    }

    /// How many incidents and agents it keeps.
    pub(super) fn len(&self) -> usize {
        self.tracked.len() + self.runs.len()
    }

    fn make_room(&mut self, now: Timestamp) {
        self.forget_quiet(now);
        if self.runs.len() >= WATCHED {
            let last = |runs: &VecDeque<Run>| runs.back().map_or(now, |run| run.at);
            let middle = middle(self.runs.values().map(last));
            self.runs.retain(|_, runs| last(runs) > middle);
        }
    }

    /// Notes that the agent is suspended, or no more. Its denials count anew from here on.
    pub(super) fn note(&mut self, agent_id: &AgentId, suspended: bool) {
        if suspended {
            self.runs.remove(agent_id.as_str());
            self.halted.insert(agent_id.clone());
            return;
        }
        self.halted.remove(agent_id);
        if self.of(agent_id.as_str()) == 0 {
            return;
        }
        for (key, tracked) in &mut self.tracked {
            tracked.armed |= *key.agent == *agent_id.as_str();
        }
    }

    /// Whether the agent is known to be suspended.
    pub(super) fn is_halted(&self, agent: &str) -> bool {
        AgentId::parse(agent).is_ok_and(|agent_id| self.halted.contains(&agent_id))
    }
}

/// The instant that parts the values in two halves.
fn middle(values: impl Iterator<Item = Timestamp>) -> Timestamp {
    let mut all: Vec<Timestamp> = values.collect();
    all.sort_unstable();
    let half = all.get(all.len() / 2).copied();
    half.unwrap_or(Timestamp::from_millis(i64::MIN))
}

#[cfg(test)]
#[path = "tests/book.rs"]
mod tests;
