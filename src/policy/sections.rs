//! The sections beside `policies`, compiled: hours and resource policies.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::domain::{Digest, Pattern, PolicyId, Severity, Timestamp};

use super::bundle::{Bundle, HourWindow, NamePatterns, Place, ResourcePolicy};
use super::decision::{Determinant, Text};
use super::rule::ApprovalTerms;

/// `time_restrictions`, compiled.
#[derive(Debug)]
pub(super) struct Hours {
    /// The tools.
    pub(super) tools: NamePatterns,
    /// Bit n: the hour n.
    inside: u32,
    /// As the author wrote it.
    pub(super) zone_name: String,
    /// `None` when nobody knows the zone: then no hour is inside.
    zone: Option<TimeZone>,
    /// Names it in decisions.
    pub(super) determinant: Arc<Determinant>,
}

impl Hours {
    pub(super) fn new(window: &HourWindow, determinant: Arc<Determinant>) -> Self {
        Self {
            tools: window.tools.clone(),
            inside: window.hours,
            zone_name: window.timezone.clone(),
            zone: TimeZone::get(&window.timezone).ok(),
            determinant,
        }
    }

    /// Whether the local hour is one of the window's.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        let Some(zone) = &self.zone else { return false };
        let hour = zone.to_datetime(now.as_jiff()).hour();
        u32::try_from(hour).is_ok_and(|hour| self.inside >> hour & 1 == 1)
    }

    /// The local time, `HH:MM`.
    pub(super) fn clock(&self, now: Timestamp) -> String {
        let local = self
            .zone
            .clone()
            .unwrap_or(TimeZone::UTC)
            .to_datetime(now.as_jiff());
        format!("{:02}:{:02}", local.hour(), local.minute())
    }

    /// The hours in words: `8-17`.
    pub(super) fn words(&self) -> String {
        let mut spans: Vec<(u32, u32)> = Vec::new();
        for hour in (0..24).filter(|hour| self.inside >> hour & 1 == 1) {
            match spans.last_mut() {
                Some((_, last)) if *last + 1 == hour => *last = hour,
                Some(_) | None => spans.push((hour, hour)),
            }
        }
        let span = |&(first, last): &(u32, u32)| format!("{first:02}:00-{:02}:00", last + 1);
        spans.iter().map(span).collect::<Vec<_>>().join(", ")
    }
}

/// `resource_policies`, compiled.
#[derive(Debug)]
pub(super) struct CompiledResource {
    /// The resources.
    pub(super) resources: Pattern,
    allowed: Option<BTreeSet<String>>,
    blocked: BTreeSet<String>,
    approval: BTreeSet<String>,
    /// Names it in decisions and evidence.
    pub(super) determinant: Arc<Determinant>,
    /// The terms of an approval that it asks for.
    pub(super) terms: ApprovalTerms,
}

impl CompiledResource {
    pub(super) fn new(policy: &ResourcePolicy, determinant: Arc<Determinant>) -> Self {
        Self {
            resources: policy.resources.clone(),
            allowed: policy.allowed_operations.clone(),
            blocked: policy.blocked_operations.clone(),
            approval: policy.require_approval.clone(),
            determinant,
            terms: ApprovalTerms::default(),
        }
    }

    /// Whether it denies the operation; `None` is one that can't be told.
    ///
    /// An operation under `require_approval` counts as given: otherwise that key could never take effect beside
    /// `allowed_operations`. Blocked operations are recognized in any case, allowed ones only as written.
    pub(super) fn denies(&self, operation: Option<&str>) -> bool {
        let Some(operation) = operation else {
            return !self.blocked.is_empty() || self.allowed.is_some();
        };
        let allowed = |list: &BTreeSet<String>| list.contains(operation);
        contains(&self.blocked, operation)
            || self
                .allowed
                .as_ref()
                .is_some_and(|list| !allowed(list) && !allowed(&self.approval))
    }

    /// Whether it asks for an approval of the operation.
    pub(super) fn asks(&self, operation: Option<&str>) -> bool {
        operation.map_or(!self.approval.is_empty(), |operation| {
            contains(&self.approval, operation)
        })
    }
}

fn contains(set: &BTreeSet<String>, operation: &str) -> bool {
    set.iter().any(|one| one.eq_ignore_ascii_case(operation))
}

/// The determinant of an entry outside `policies`: the section stands for the policy.
#[expect(clippy::expect_used, reason = "the two section names are policy ids")]
fn section(
    section: &str,
    rule: usize,
    name: &str,
    place: &Place,
    digest: Digest,
) -> Arc<Determinant> {
    Arc::new(Determinant {
        policy: PolicyId::parse(section).expect("a policy id"),
        rule,
        name: Some(name.into()),
        at: place.to_string().into(),
        digest,
        severity: Severity::Medium,
        says: Text::Static("Operation not approved"),
    })
}

/// The windows, in an order that doesn't depend on the order of files.
pub(super) fn hours(bundle: &Bundle) -> Vec<Hours> {
    let describe = |window: &HourWindow| {
        let names: Vec<&str> = window
            .tools
            .include
            .iter()
            .map(|e| e.pattern.as_str())
            .collect();
        (names.join(","), window.hours, window.timezone.clone())
    };
    let mut windows: Vec<&HourWindow> = bundle.time_restrictions.iter().collect();
    windows.sort_by_cached_key(|window| describe(window));
    let compile = |(index, window): (usize, &HourWindow)| {
        let (name, hours, zone) = describe(window);
        let digest =
            Digest::of(format!("time_restrictions\n{name}\n{hours:024b}\n{zone}").as_bytes());
        Hours::new(
            window,
            section("time_restrictions", index, &name, &window.at, digest),
        )
    };
    windows.into_iter().enumerate().map(compile).collect()
}

/// The resource policies, in an order that doesn't depend on the order of files.
pub(super) fn resources(bundle: &Bundle) -> Vec<CompiledResource> {
    let mut policies: Vec<&ResourcePolicy> = bundle.resource_policies.iter().collect();
    policies.sort_by_cached_key(|policy| (policy.resources.as_str().to_owned(), policy.digest()));
    let compile = |(index, policy): (usize, &ResourcePolicy)| {
        let name = policy.resources.as_str();
        let determinant = section(
            "resource_policies",
            index,
            name,
            &policy.at,
            policy.digest(),
        );
        CompiledResource::new(policy, determinant)
    };
    policies.into_iter().enumerate().map(compile).collect()
}
