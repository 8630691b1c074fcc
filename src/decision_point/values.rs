//! Allow-lists that tools answer: `allowlist_source` of a parameter (`spec/policy-file.md`, "Constraint types").

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::domain::{Arguments, Authentication, Clock, Principal, ValueList};

/// How long an answer is used.
const FRESH: Duration = Duration::from_mins(5);
/// How soon a value that is not in the list may make us ask again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a source may take (`spec/limits.md`, facts).
const DEADLINE: Duration = Duration::from_secs(2);

/// Port: asks a read-only tool for its answer, as principal `gateway` on the one road.
pub trait ValueSource: Send + Sync {
    /// The values in the tool's answer; `None` when it did not answer.
    fn ask<'a>(
        &'a self,
        tool: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Vec<String>>> + Send + 'a>>;
}

/// The last answers, by tool. Bounded by the number of sources that the policy names.
#[derive(Default)]
pub struct Values {
    source: OnceLock<Arc<dyn ValueSource>>,
    /// Guards the answers; never held while a source is asked.
    answers: Mutex<HashMap<Arc<str>, Known>>,
}

/// When a source was asked, and what it answered.
type Known = (Duration, Arc<[String]>);

impl Values {
    /// Tells how to ask. The first call counts.
    pub fn ask_through(&self, source: Arc<dyn ValueSource>) {
        drop(self.source.set(source));
    }

    /// The lists of these sources: cached ones while they are fresh and hold what is asked for, else asked once.
    pub(super) async fn lists(
        &self,
        sources: &[Arc<str>],
        arguments: &Arguments,
        principal: &Principal,
        clock: &dyn Clock,
    ) -> BTreeMap<Arc<str>, ValueList> {
        let mut lists = BTreeMap::new();
        for tool in sources {
            // The gateway's own question never asks a further one.
            let list = if principal.authentication == Authentication::Internal {
                ValueList::Unavailable
            } else {
                self.list(tool, arguments, clock).await
            };
            lists.insert(Arc::clone(tool), list);
        }
        lists
    }

    async fn list(&self, tool: &Arc<str>, arguments: &Arguments, clock: &dyn Clock) -> ValueList {
        let now = clock.monotonic();
        let known = self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tool)
            .cloned();
        if let Some((asked, values)) = known {
            let age = now.saturating_sub(asked);
            let texts = || arguments.0.values().filter_map(serde_json::Value::as_str);
            let holds_all = texts().all(|text| values.iter().any(|value| value == text));
            if age < AGAIN || (age < FRESH && holds_all) {
                return ValueList::Values(values);
            }
        }
        let Some(source) = self.source.get() else {
            return ValueList::Unavailable;
        };
        match tokio::time::timeout(DEADLINE, source.ask(tool)).await {
            Ok(Some(values)) => {
                let values: Arc<[String]> = values.into();
                let entry = (now, Arc::clone(&values));
                self.answers
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(Arc::clone(tool), entry);
                ValueList::Values(values)
            }
            Ok(None) | Err(_) => ValueList::Unavailable,
        }
    }
}
