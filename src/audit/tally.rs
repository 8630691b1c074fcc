//! Counts what would flood the trail: the first of its kind is written at once, the rest once a minute.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Map, Value};

use super::record::{Caller, Door, RecordKind, Source};

/// How long one record stands for all that follow it.
const WINDOW: Duration = Duration::from_mins(1);
/// How many are told apart; beyond, they are counted without who and whence.
const APART: usize = 2048;
/// How many values of one filter a record names.
const VALUES: usize = 16;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Counted {
    pub(super) kind: RecordKind,
    pub(super) door: Door,
    pub(super) address: Option<String>,
    /// Who read; empty for what was refused.
    pub(super) who: String,
    /// What was read, or why it was refused.
    pub(super) what: String,
}

/// A record that is due.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) of: Counted,
    pub(super) caller: Caller,
    pub(super) details: Map<String, Value>,
}

#[derive(Debug, Default)]
struct Window {
    since: Duration,
    count: u64,
    filters: BTreeMap<String, BTreeSet<String>>,
}

/// What was counted and is not written yet.
#[derive(Debug, Default)]
pub(super) struct Tally {
    windows: HashMap<Counted, Window>,
}

impl Tally {
    /// Counts one; returns its record if it opens a window.
    pub(super) fn count(
        &mut self,
        mut of: Counted,
        source: &Source,
        filters: &Map<String, Value>,
        now: Duration,
    ) -> Option<Due> {
        if !self.windows.contains_key(&of) && self.windows.len() >= APART {
            of.address = None;
            of.who.clear();
        }
        if let Some(window) = self.windows.get_mut(&of) {
            window.count += 1;
            window.join(filters);
            return None;
        }
        let window = Window {
            since: now,
            ..Window::default()
        };
        self.windows.insert(of.clone(), window);
        let mut first = Window {
            count: 1,
            ..Window::default()
        };
        first.join(filters);
        let caller = Caller::new(of.door, source.clone());
        Some(first.due(of, caller))
    }

    /// The records of windows that are over; `all`: of every window.
    pub(super) fn due(&mut self, now: Duration, all: bool) -> Vec<Due> {
        let over = |window: &Window| all || now.saturating_sub(window.since) >= WINDOW;
        let mut due = Vec::new();
        self.windows.retain(|of, window| {
            if !over(window) {
                return true;
            }
            if window.count == 0 {
                return false;
            }
            let source = Source {
                address: of.address.clone(),
                ..Source::default()
            };
            due.push(std::mem::take(window).due(of.clone(), Caller::new(of.door, source)));
            window.since = now;
            !all
        });
        due
    }

    /// How many kinds of things are counted.
    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }
}

impl Window {
    fn join(&mut self, filters: &Map<String, Value>) {
        for (name, value) in filters {
            if self.filters.len() >= VALUES && !self.filters.contains_key(name) {
                continue;
            }
            let values = self.filters.entry(name.clone()).or_default();
            if values.len() < VALUES {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                values.insert(text);
            }
        }
    }

    fn due(self, of: Counted, caller: Caller) -> Due {
        let mut details = Map::new();
        details.insert("count".to_owned(), Value::from(self.count));
        if !self.filters.is_empty() {
            let filters: Map<String, Value> = self
                .filters
                .into_iter()
                .map(|(name, values)| (name, values.into_iter().collect()))
                .collect();
            details.insert("filters".to_owned(), Value::Object(filters));
        }
        Due {
            of,
            caller,
            details,
        }
    }
}
