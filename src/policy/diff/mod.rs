//! What two engines answer differently: what becomes callable (`PG070`), and what stops being so.
//!
//! Asked is every catalogued tool and every name that a pattern spells out, in every mode, at every trust level. For
//! wildcards, agents' ids and types of action an example of each pattern stands. Arguments are not enumerated:
//! each name is asked at its worst and at its best, and where both stay the same the rules that read arguments are
//! compared instead.

mod change; // which rules differ
mod probe; // what is asked
mod sections; // what stands beside the rules
mod space; // what may be asked
mod touch; // which of the rules that differ touch a name

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::domain::{ModeName, Timestamp, TrustLevel};

use super::decision::Effect;
use super::engine::Engine;
use change::Change;
use probe::{Cell, Probes};

/// The most lines of one kind that are told; what is more is counted.
const MOST_LINES: usize = 50;

/// What two engines answer differently.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// What becomes callable.
    pub becomes_callable: Vec<Access>,
    /// What stops being callable.
    pub stops_being_callable: Vec<Access>,
    /// How many lines of what becomes callable are not told.
    pub more_becomes: usize,
    /// How many lines of what stops being callable are not told.
    pub more_stops: usize,
}

/// A difference in what may be called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Access {
    /// The tool, or the pattern for which an example was asked; for what stands beside the rules, its place.
    pub what: String,
    /// What it was answered.
    pub from: Effect,
    /// What it is answered.
    pub to: Effect,
    /// Whether that holds for some arguments only.
    pub some_arguments: bool,
    /// In these modes; none: wherever it applies.
    pub modes: Vec<ModeName>,
    /// At these trust levels; none: wherever it applies.
    pub trust: Vec<TrustLevel>,
    /// Of agents like this pattern; none: of any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<String>,
    /// As this type of action, when it is no tool call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_type: Option<String>,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.some_arguments {
            f.write_str(" with some arguments")?;
        }
        match (self.from.min(self.to), self.from.max(self.to)) {
            (Effect::RequireApproval, _) => f.write_str(" with an approval")?,
            (_, Effect::RequireApproval) => f.write_str(" without an approval")?,
            (Effect::Allow | Effect::Deny, _) => {}
        }
        let mut bounds = Vec::new();
        if !self.modes.is_empty() {
            let modes: Vec<&str> = self.modes.iter().map(ModeName::as_str).collect();
            bounds.push(format!("in {}", modes.join(", ")));
        }
        if !self.trust.is_empty() && self.trust.len() < TrustLevel::ALL.len() {
            let trust: Vec<&str> = self.trust.iter().map(|level| level.as_str()).collect();
            bounds.push(format!("trust {}", trust.join(", ")));
        }
        bounds.extend(self.agents.iter().map(|agents| format!("agents {agents}")));
        bounds.extend(self.action_type.iter().map(|kind| format!("as {kind}")));
        if bounds.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", bounds.join("; "))
    }
}

impl Diff {
    /// Whether something becomes callable that was not.
    #[must_use]
    pub const fn loosens(&self) -> bool {
        !self.becomes_callable.is_empty()
    }

    /// What becomes callable, one line each, with the count of what is not told.
    #[must_use]
    pub fn loosened(&self) -> Vec<String> {
        lines(
            "becomes callable",
            &self.becomes_callable,
            self.more_becomes,
        )
    }

    /// What stops being callable, one line each, with the count of what is not told.
    #[must_use]
    pub fn tightened(&self) -> Vec<String> {
        lines(
            "stops being callable",
            &self.stops_being_callable,
            self.more_stops,
        )
    }
}

fn lines(title: &str, all: &[Access], more: usize) -> Vec<String> {
    let told = all.iter().map(|access| format!("{title}: {access}"));
    let rest = (more > 0).then(|| format!("{title}: {more} more"));
    told.chain(rest).collect()
}

/// What `after` answers differently than `before`, for the same catalogue, at `now` and when policies begin or end.
#[must_use]
pub fn diff(before: &Engine, after: &Engine, now: Timestamp) -> Diff {
    let change = Change::between(before.bundle(), after.bundle());
    let mut found = Found {
        access: sections::compare(before.bundle(), after.bundle()),
        cells: BTreeMap::new(),
    };
    let Some(probes) = Probes::new(before, after, &change, now) else {
        return found.into_diff();
    };
    let left_out = probes.each(|cell| found.note(cell));
    if !change.only_denies_more() {
        let agents = probes.more_agents.then_some("further agents".to_owned());
        let names = (left_out > 0).then(|| format!("{left_out} further names"));
        let unasked = agents.into_iter().chain(names);
        found
            .access
            .extend(unasked.map(|what| sections::unasked(&what)));
    }
    found.into_diff()
}

/// Differences as they are found, those that differ in mode and trust alone joined.
struct Found {
    /// By what they share: the trust levels in each mode, as bits.
    cells: BTreeMap<Key, BTreeMap<ModeName, u8>>,
    access: Vec<Access>,
}

/// What cells of one line share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    what: String,
    from: Effect,
    to: Effect,
    some_arguments: bool,
    agents: Option<String>,
    action_type: Option<String>,
}

impl Found {
    fn note(&mut self, cell: Cell) {
        let Cell { mode, trust, key } = cell;
        *self.cells.entry(key).or_default().entry(mode).or_default() |= trust;
    }

    fn into_diff(self) -> Diff {
        let mut all = self.access;
        for (key, modes) in self.cells {
            let mut by_trust: BTreeMap<u8, Vec<ModeName>> = BTreeMap::new();
            for (mode, trust) in modes {
                by_trust.entry(trust).or_default().push(mode);
            }
            all.extend(
                by_trust
                    .into_iter()
                    .map(|(trust, modes)| access(&key, modes, trust)),
            );
        }
        let (becomes, stops): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|access| access.to < access.from);
        let told = |mut lines: Vec<Access>| {
            let more = lines.len().saturating_sub(MOST_LINES);
            lines.truncate(MOST_LINES);
            (lines, more)
        };
        let ((becomes_callable, more_becomes), (stops_being_callable, more_stops)) =
            (told(becomes), told(stops));
        Diff {
            becomes_callable,
            stops_being_callable,
            more_becomes,
            more_stops,
        }
    }
}

fn access(key: &Key, modes: Vec<ModeName>, trust: u8) -> Access {
    let key = key.clone();
    let has = |level: &TrustLevel| trust & space::bit(*level) != 0;
    Access {
        what: key.what,
        from: key.from,
        to: key.to,
        some_arguments: key.some_arguments,
        modes,
        trust: TrustLevel::ALL.into_iter().filter(has).collect(),
        agents: key.agents,
        action_type: key.action_type,
    }
}
