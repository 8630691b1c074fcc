//! What the client of a session asked to be told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};

use rmcp::ErrorData;
use rmcp::model::LoggingLevel;

use super::{Guest, Road};

/// The most resources that a session may watch.
const MOST: usize = 64;

/// What one session asked for; gone when its worker ends, so that a client asks again.
#[derive(Default)]
pub(super) struct Wish {
    /// From which level on it wants tools' logs.
    pub(super) level: Option<LoggingLevel>,
    /// Of which resources it wants to hear.
    pub(super) resources: HashSet<String>,
}

/// The wishes by session.
pub(super) type Wishes = HashMap<Arc<str>, Wish>;

impl Road {
    pub(super) fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a wish of the guest's session.
    pub(super) fn wish(
        &self,
        guest: &Guest,
        note: impl FnOnce(&mut Wish),
    ) -> Result<(), ErrorData> {
        let session = guest.session.clone().ok_or_else(|| {
            ErrorData::invalid_request("This needs a session: send `initialize` first", None)
        })?;
        let mut wishes = self.wishes();
        let wish = wishes.entry(session).or_default();
        note(wish);
        if wish.resources.len() > MOST {
            wish.resources.clear();
            let message = format!("A session watches at most {MOST} resources: all are let go");
            return Err(ErrorData::invalid_params(message, None));
        }
        Ok(())
    }
}
