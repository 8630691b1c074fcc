//! The compliance score and its parts, from counts (`spec/governance.md`, 5). Pure.

use std::collections::{BTreeMap, HashMap};

use crate::policy::Code;

use super::record::{AuditRecord, Status};

/// Denials that say nothing of what agents are up to.
const UNCOUNTED: [Code; 3] = [
    Code::InvalidParameters,
    Code::UnknownTool,
    Code::RateLimited,
];
/// How many offenders are named.
const OFFENDERS: usize = 5;
/// Above this rate, in tenths of a percent, denials are a warning.
const WARNING: u64 = 100;
/// Above this rate, in tenths of a percent, denials are critical.
const CRITICAL: u64 = 200;

/// How the record counts, if it does: decisions about what agents do, but for dry runs and what could not be read.
#[must_use]
pub fn counted(record: &AuditRecord) -> Option<Status> {
    let ruling = record.decision.as_ref()?;
    let uncounted = UNCOUNTED.iter().any(|code| code.as_str() == &*ruling.code);
    if record.management || ruling.simulated || uncounted {
        return None;
    }
    record.status()
}

/// Decisions by how they went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Allowed.
    pub allowed: u64,
    /// Denied.
    pub denied: u64,
    /// Waiting for a person.
    pub pending: u64,
}

impl Tally {
    /// Counts so many that went so.
    pub const fn add(&mut self, status: Status, count: u64) {
        match status {
            Status::Allowed => self.allowed += count,
            Status::Denied => self.denied += count,
            Status::Pending => self.pending += count,
        }
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.allowed + self.denied + self.pending
    }

    /// Percent allowed of what was answered, to one digit; 100 when nothing was.
    #[must_use]
    pub fn score(&self) -> f64 {
        percent(self.tenths(self.allowed).unwrap_or(1000))
    }

    /// Percent denied of what was answered, to one digit; 0 when nothing was.
    #[must_use]
    pub fn denial_rate(&self) -> f64 {
        percent(self.denial_tenths())
    }

    fn denial_tenths(&self) -> u64 {
        self.tenths(self.denied).unwrap_or(0)
    }

    /// Tenths of a percent that the part is of what was answered, rounded.
    fn tenths(&self, part: u64) -> Option<u64> {
        let answered = self.allowed + self.denied;
        (1000 * part + answered / 2).checked_div(answered)
    }
}

fn percent(tenths: u64) -> f64 {
    f64::from(u16::try_from(tenths).unwrap_or(u16::MAX)) / 10.0
}

/// What was decided in a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    by_type: BTreeMap<String, Tally>,
    /// Denials by agent; 0 for agents that were only allowed.
    by_agent: HashMap<String, u64>,
}

impl Counts {
    /// Counts so many decisions about an agent and a type of act that went so.
    pub fn add(&mut self, agent: &str, action_type: &str, status: Status, count: u64) {
        if let Some(tally) = self.by_type.get_mut(action_type) {
            tally.add(status, count);
        } else {
            let mut tally = Tally::default();
            tally.add(status, count);
            self.by_type.insert(action_type.to_owned(), tally);
        }
        let denied = if status == Status::Denied { count } else { 0 };
        match self.by_agent.get_mut(agent) {
            Some(sum) => *sum += denied,
            None => drop(self.by_agent.insert(agent.to_owned(), denied)),
        }
    }

    /// All types together.
    #[must_use]
    pub fn totals(&self) -> Tally {
        let mut totals = Tally::default();
        for tally in self.by_type.values() {
            totals.allowed += tally.allowed;
            totals.denied += tally.denied;
            totals.pending += tally.pending;
        }
        totals
    }

    /// By type of act.
    #[must_use]
    pub const fn by_type(&self) -> &BTreeMap<String, Tally> {
        &self.by_type
    }

    /// How many agents did anything.
    #[must_use]
    pub fn unique_agents(&self) -> usize {
        self.by_agent.len()
    }

    /// The agents that were denied most, with how often; of equals, the first by name.
    #[must_use]
    pub fn top_offenders(&self) -> Vec<(&str, u64)> {
        let mut offenders: Vec<(&str, u64)> = self
            .by_agent
            .iter()
            .filter(|&(_, &denied)| denied > 0)
            .map(|(agent, &denied)| (agent.as_str(), denied))
            .collect();
        let worst =
            |(agent, denied): &(&str, u64)| (std::cmp::Reverse(*denied), (*agent).to_owned());
        offenders.sort_by_cached_key(worst);
        offenders.truncate(OFFENDERS);
        offenders
    }
}

/// How the gateway's agents do, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing to do.
    Healthy,
    /// Worth looking at.
    Warning,
    /// Needs somebody now.
    Critical,
}

impl Standing {
    /// The standing that follows from what was decided, open critical incidents and the chain; and why.
    #[must_use]
    pub fn of(totals: &Tally, open_critical: u64, chain_broken: bool) -> (Self, &'static str) {
        let tenths = totals.denial_tenths();
        if chain_broken {
            let why = "The audit chain is broken - compare it with a copy and find who changed it";
            (Self::Critical, why)
        } else if open_critical > 0 {
            let why = "A critical incident is open - acknowledge and resolve it";
            (Self::Critical, why)
        } else if tenths > CRITICAL {
            let why =
                "High denial rate indicates potential security issues or misconfigured policies";
            (Self::Critical, why)
        } else if tenths > WARNING {
            let why = "Elevated denial rate - review agent configurations";
            (Self::Warning, why)
        } else {
            let why = "Security posture is within acceptable parameters";
            (Self::Healthy, why)
        }
    }

    /// The standing's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(allowed: u64, denied: u64) -> Tally {
        Tally {
            allowed,
            denied,
            pending: 3,
        }
    }

    #[test]
    fn thresholds_are_strict_and_compare_the_rate_as_it_is_shown() {
        use Standing::{Critical, Healthy, Warning};
        let cases = [
            (0, 0, 100.0, 0.0, Healthy),
            (9, 1, 90.0, 10.0, Healthy),
            (899, 101, 89.9, 10.1, Warning),
            (8996, 1004, 90.0, 10.0, Healthy),
            (8, 2, 80.0, 20.0, Warning),
            (799, 201, 79.9, 20.1, Critical),
            (0, 7, 0.0, 100.0, Critical),
            (2, 1, 66.7, 33.3, Critical),
        ];
        for (allowed, denied, score, rate, standing) in cases {
            let tally = tally(allowed, denied);
            assert_eq!((tally.score(), tally.denial_rate()), (score, rate));
            assert_eq!(Standing::of(&tally, 0, false).0, standing, "{tally:?}");
            assert_eq!(Standing::of(&tally, 1, false).0, Critical);
            assert_eq!(Standing::of(&tally, 0, true).0, Critical);
        }
    }

    #[test]
    fn the_five_most_denied_are_named_in_a_stable_order() {
        let mut counts = Counts::default();
        for (agent, denied) in [("e", 1), ("a", 2), ("d", 2), ("b", 9), ("f", 1), ("c", 2)] {
            counts.add(agent, "tool_call", Status::Denied, denied);
        }
        counts.add("quiet", "data_read", Status::Allowed, 4);
        let offenders = [("b", 9), ("a", 2), ("c", 2), ("d", 2), ("e", 1)];
        assert_eq!(counts.top_offenders(), offenders);
        assert_eq!(counts.unique_agents(), 7);
        assert_eq!(counts.totals().total(), 21);
    }
}
