//! Wrong credentials, counted by where they come from: guessing is answered less and less.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many wrong credentials of one address are told each that they are wrong, in a window. Enough for many clients
/// behind one address whose keys have just been revoked; a key has 256 random bits, so that no number of guesses helps.
const MOST: u32 = 300;
/// How long a window is.
const WINDOW: Duration = Duration::from_mins(1);
/// The most addresses that are told apart in a window; then it begins anew.
const ADDRESSES: usize = 10_000;

/// Counts wrong credentials. A right one is never held up: it proves what a thousand wrong ones do not take away.
#[derive(Debug, Clone)]
pub struct Guesses {
    /// Guards the counts of the window; held for one look-up.
    window: Arc<Mutex<Window>>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    counts: HashMap<String, u32>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            window: Arc::new(Mutex::new(Window {
                since: Instant::now(),
                counts: HashMap::new(),
            })),
        }
    }
}

impl Guesses {
    /// Counts a wrong credential from this address; whether there were too many before.
    pub(super) fn is_too_many(&self, address: &str) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = window.since.elapsed() >= WINDOW;
        let is_full = window.counts.len() >= ADDRESSES && !window.counts.contains_key(address);
        if is_over || is_full {
            window.since = Instant::now();
            window.counts = HashMap::new();
        }
        let count = window.counts.entry(address.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count > MOST
    }

    /// How many addresses are told apart now.
    #[must_use]
    pub fn addresses(&self) -> usize {
        let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.counts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_guesses_on_is_told_from_others() {
        let guesses = Guesses::default();
        let told = (0..MOST + 5).map(|_| guesses.is_too_many("192.0.2.1"));
        assert_eq!(told.filter(|too_many| *too_many).count(), 5);
        assert!(!guesses.is_too_many("192.0.2.2"));
    }

    #[test]
    fn a_million_addresses_take_no_more_room_than_the_first_ten_thousand() {
        let guesses = Guesses::default();
        for number in 0..1_000_000 {
            guesses.is_too_many(&number.to_string());
        }
        assert!(guesses.addresses() <= ADDRESSES);
    }
}
