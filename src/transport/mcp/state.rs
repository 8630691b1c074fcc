//! What a tool that asks back gives its client to keep: sealed, so that it comes back unchanged, once, from the same
//! caller and for the same call.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rmcp::ErrorData;
use rmcp::model::{RequestStateCodec, SealOptions};

use crate::domain::Digest;

/// How long a client may think.
const VALID: Duration = Duration::from_mins(10);
/// The most used states that are remembered; beyond that none is taken until some have ended.
const MOST_USED: usize = 10_000;

/// Seals and opens states.
pub struct States {
    codec: RequestStateCodec,
    /// Which were used, and until when they would have been valid.
    used: Mutex<HashMap<Digest, Instant>>,
}

impl States {
    /// States under this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            codec: RequestStateCodec::new_unchecked(key.to_vec()),
            used: Mutex::default(),
        }
    }

    /// How many used ones are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// The state of a tool, for this call of this caller.
    pub(super) fn seal(&self, state: &str, call: &[u8]) -> String {
        let options = SealOptions::new().associated_data(call).ttl(VALID);
        self.codec.seal_with(state.as_bytes(), &options)
    }

    /// The state as the tool gave it.
    ///
    /// # Errors
    /// When it was changed, used before, given to somebody else or for another call, or is too old.
    pub(super) fn open(&self, sealed: &str, call: &[u8]) -> Result<String, ErrorData> {
        let refuse = || {
            let message = "Invalid requestState: send the call again without it";
            ErrorData::invalid_params(message, None)
        };
        let opened = self.codec.open_with(sealed, call).map_err(|_| refuse())?;
        let state = String::from_utf8(opened).map_err(|_| refuse())?;
        let now = Instant::now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MOST_USED {
            used.retain(|_, until| *until > now);
        }
        let again = used.len() >= MOST_USED
            || used
                .insert(Digest::of(sealed.as_bytes()), now + VALID)
                .is_some();
        if again { Err(refuse()) } else { Ok(state) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_once_unchanged_and_for_its_own_call() {
        let states = States::new(&[7; 32]);
        let sealed = states.seal("step 2", b"agent a, tool t");
        assert!(states.open(&sealed, b"agent b, tool t").is_err());
        assert!(states.open(&sealed, b"agent a, tool u").is_err());
        assert!(
            states
                .open(&format!("{sealed}x"), b"agent a, tool t")
                .is_err()
        );
        assert!(
            States::new(&[8; 32])
                .open(&sealed, b"agent a, tool t")
                .is_err()
        );
        let opened = states.open(&sealed, b"agent a, tool t").unwrap();
        assert_eq!(opened, "step 2");
        assert!(states.open(&sealed, b"agent a, tool t").is_err());
    }

    #[test]
    fn a_state_that_was_kept_too_long_is_refused() {
        let states = States::new(&[7; 32]);
        let call = b"agent a, tool t".as_slice();
        let short = SealOptions::new().associated_data(call).ttl(Duration::ZERO);
        let sealed = states.codec.seal_with(b"step 2", &short);
        std::thread::sleep(Duration::from_millis(5));
        assert!(states.open(&sealed, call).is_err());
    }
}
