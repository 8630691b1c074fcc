//! Tokens and keys of issuers that live as long as a test.

mod fetching; // when sets are fetched, and what happens when they are not
mod keys; // which keys are taken out of a set
mod memory; // tokens that were verified a moment ago
mod signing; // who signs
mod tokens; // what passes and what does not
mod vectors; // tests/cases/jwt

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::{Clock, Timestamp};

use super::*;
use signing::{Signer, key_set};

const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://policyguard.test/mcp";
/// When tests begin, in seconds.
const NOW: i64 = 1_800_000_000;

/// A clock that tests move.
struct FixedClock(Mutex<(Timestamp, Duration)>);

impl FixedClock {
    fn at(seconds: i64) -> Arc<Self> {
        let wall = Timestamp::from_millis(seconds * 1_000);
        Arc::new(Self(Mutex::new((wall, Duration::ZERO))))
    }

    /// Both clocks go on.
    fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = (now.0.plus(time), now.1 + time);
    }

    /// Somebody sets the wall clock.
    fn set(&self, seconds: i64) {
        self.0.lock().unwrap().0 = Timestamp::from_millis(seconds * 1_000);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

/// A source that gives what a test says and counts how often it was asked.
struct Counting {
    text: Mutex<Result<String, KeysUnread>>,
    fetches: AtomicUsize,
}

impl Counting {
    fn gives(&self, keys: &[Value]) {
        *self.text.lock().unwrap() = Ok(key_set(keys));
    }

    fn fails(&self) {
        *self.text.lock().unwrap() = Err(KeysUnread("it is down".to_owned()));
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl KeySource for Counting {
    fn fetch<'a>(&'a self, _: &'a KeyPlace) -> Fetching<'a> {
        Box::pin(async {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            // As long as a network would take: others get their turn.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            self.text.lock().unwrap().clone()
        })
    }
}

/// A verifier with its clock and the source of its keys.
struct Desk {
    tokens: Arc<Tokens>,
    clock: Arc<FixedClock>,
    source: Arc<Counting>,
}

impl Desk {
    /// A desk that believes these issuers, whose keys are these.
    fn of(issuers: Vec<Issuer>, keys: &[Value]) -> Self {
        let clock = FixedClock::at(NOW);
        let source = Arc::new(Counting {
            text: Mutex::new(Ok(key_set(keys))),
            fetches: AtomicUsize::new(0),
        });
        let tokens = Tokens::new(
            issuers,
            Arc::clone(&source) as Arc<dyn KeySource>,
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        Self {
            tokens: Arc::new(tokens.expect("issuers that can be told apart")),
            clock,
            source,
        }
    }

    /// A desk that believes one issuer, who signs with every algorithm and has this signer's key.
    fn with(signer: &Signer) -> Self {
        Self::of(vec![issuer(ISSUER)], &[signer.jwk()])
    }

    /// What a caller with this token gets.
    async fn ask(&self, token: &str) -> Result<Verified, TokenFault> {
        self.tokens.prepare(token).await;
        self.tokens.verify(token)
    }
}

fn issuer(name: &str) -> Issuer {
    Issuer {
        issuer: name.to_owned(),
        audience: AUDIENCE.to_owned(),
        algorithms: Algorithm::ALL.to_vec(),
        keys: KeyPlace::Url(format!("{name}/keys")),
        roles: Vec::new(),
    }
}

/// Claims that pass for an hour.
fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "agent-1",
        "iat": NOW, "nbf": NOW, "exp": NOW + 3_600,
    })
}

/// The claims with one of them changed, or gone where it is null.
fn claims_but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().expect("an object");
    map.remove(name);
    if !value.is_null() {
        map.insert(name.to_owned(), value);
    }
    claims
}
