//! How many streams one identity may have open at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The most streams of one identity.
pub(super) const EACH: usize = 4;

/// The streams that are open, by who reads.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<String, usize>>>);

impl Streams {
    /// How many readers have a stream open.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// A seat for one more, if there is one.
    pub(super) fn take(&self, reader: &str) -> Option<Seat> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(reader.to_owned()).or_default();
        if *count >= EACH {
            return None;
        }
        *count += 1;
        Some(Seat {
            streams: self.clone(),
            reader: reader.to_owned(),
        })
    }
}

/// One open stream; its place is free again when it is dropped.
pub(super) struct Seat {
    streams: Streams,
    reader: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self
            .streams
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.reader) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.reader);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_it_is_left_and_others_have_their_own() {
        let streams = Streams::default();
        let mut seats: Vec<Seat> = (0..EACH).filter_map(|_| streams.take("a")).collect();
        assert_eq!(seats.len(), EACH);
        assert!(streams.take("a").is_none());
        assert!(streams.take("b").is_some());
        seats.pop();
        assert!(streams.take("a").is_some());
    }
}
