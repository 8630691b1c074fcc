//! Sessions: whose each is, and how many there may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{AgentId, Session};

/// The most sessions of one identity (`spec/mcp.md`, 3).
pub const MOST_OF_ONE: usize = 64;
/// The most sessions in all (`spec/mcp.md`, 3).
pub const MOST: usize = 1_024;
/// How long a session that nobody uses keeps its place when places are short.
const STALE: Duration = Duration::from_hours(24);

/// There is no place for another session, and none of the caller's own that could make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MOST} sessions are open: end some with DELETE, or call without a session")]
pub struct NoPlace;

/// The stored sessions cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the stored sessions cannot be read: {0}")]
pub struct SessionsUnread(pub String);

/// What sessions need from a store; they are written with their records.
pub trait SessionStore: Send + Sync {
    /// Every session.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn sessions(&self) -> Result<Vec<Session>, SessionsUnread>;
}

/// The sessions there are.
pub struct Sessions {
    /// Guards the book; held for look-ups and single changes, never while anything is written.
    book: Mutex<HashMap<Arc<str>, Kept>>,
}

struct Kept {
    session: Session,
    /// Since the process started.
    used: Duration,
}

impl Sessions {
    /// The sessions as the store has them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: &dyn SessionStore, now: Duration) -> Result<Self, SessionsUnread> {
        let kept = store
            .sessions()?
            .into_iter()
            .map(|session| (Arc::clone(&session.id), Kept { session, used: now }));
        Ok(Self {
            book: Mutex::new(kept.collect()),
        })
    }

    /// The session of this name if it is this caller's; another's is none for it.
    pub fn of(&self, id: &str, caller: &AgentId, now: Duration) -> Option<Session> {
        let mut book = self.book();
        let kept = book
            .get_mut(id)
            .filter(|kept| kept.session.agent_id == *caller)?;
        kept.used = now;
        Some(kept.session.clone())
    }

    /// The sessions that must end so that the caller can open another: its own oldest, or those long unused.
    ///
    /// # Errors
    /// When there is no place, whatever ends.
    pub fn make_room(&self, caller: &AgentId, now: Duration) -> Result<Vec<Session>, NoPlace> {
        let book = self.book();
        let mut own: Vec<&Kept> = book
            .values()
            .filter(|kept| kept.session.agent_id == *caller)
            .collect();
        own.sort_by_key(|kept| kept.used);
        if own.len() >= MOST_OF_ONE || book.len() >= MOST && !own.is_empty() {
            let spare = own.len().saturating_sub(MOST_OF_ONE) + 1;
            let ending = own.into_iter().take(spare);
            return Ok(ending.map(|kept| kept.session.clone()).collect());
        }
        if book.len() < MOST {
            return Ok(Vec::new());
        }
        let stale: Vec<Session> = book
            .values()
            .filter(|kept| now.saturating_sub(kept.used) >= STALE)
            .map(|kept| kept.session.clone())
            .collect();
        if stale.is_empty() {
            Err(NoPlace)
        } else {
            Ok(stale)
        }
    }

    /// Takes over a session that was written.
    pub fn keep(&self, session: Session, now: Duration) {
        let id = Arc::clone(&session.id);
        self.book().insert(id, Kept { session, used: now });
    }

    /// Forgets a session whose end was written.
    pub fn forget(&self, id: &str) {
        self.book().remove(id);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.book().len()
    }

    fn book(&self) -> MutexGuard<'_, HashMap<Arc<str>, Kept>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn session(number: usize, agent: &str) -> Session {
        Session {
            id: Arc::from(format!("s{number}")),
            agent_id: AgentId::parse(agent).expect("an id"),
            opened_at: Timestamp::from_millis(0),
            state: Arc::from("{}"),
        }
    }

    fn empty() -> Sessions {
        Sessions {
            book: Mutex::default(),
        }
    }

    fn at(seconds: usize) -> Duration {
        Duration::from_secs(u64::try_from(seconds).expect("small"))
    }

    #[test]
    fn a_session_is_nobody_elses() {
        let sessions = empty();
        sessions.keep(session(1, "a"), at(0));
        let (a, b) = (AgentId::parse("a").unwrap(), AgentId::parse("b").unwrap());
        assert!(sessions.of("s1", &a, at(1)).is_some());
        assert_eq!(sessions.of("s1", &b, at(1)), None);
        assert_eq!(sessions.of("s2", &a, at(1)), None);
    }

    #[test]
    fn the_sixty_fifth_session_ends_the_one_that_was_used_longest_ago() {
        let sessions = empty();
        let caller = AgentId::parse("a").unwrap();
        for number in 0..MOST_OF_ONE {
            assert_eq!(sessions.make_room(&caller, at(number)), Ok(Vec::new()));
            sessions.keep(session(number, "a"), at(number));
        }
        sessions.of("s0", &caller, at(100));
        let ending = sessions.make_room(&caller, at(101)).unwrap();
        assert_eq!(ending, [session(1, "a")]);
        let other = AgentId::parse("b").unwrap();
        assert_eq!(sessions.make_room(&other, at(101)), Ok(Vec::new()));
    }

    #[test]
    fn when_all_places_are_taken_only_own_or_stale_sessions_make_room() {
        let sessions = empty();
        for number in 0..MOST {
            let agent = format!("agent-{}", number / MOST_OF_ONE);
            sessions.keep(session(number, &agent), at(number));
        }
        let stranger = AgentId::parse("stranger").unwrap();
        let owner = AgentId::parse("agent-3").unwrap();
        assert_eq!(sessions.make_room(&stranger, at(2_000)), Err(NoPlace));
        let ending = sessions.make_room(&owner, at(2_000)).unwrap();
        assert_eq!(ending, [session(3 * MOST_OF_ONE, "agent-3")]);
        let later = STALE + at(1);
        let stale = sessions.make_room(&stranger, later).unwrap();
        assert_eq!(stale.len(), 2);
    }
}
