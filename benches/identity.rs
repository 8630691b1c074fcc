//! What a credential costs: `cargo bench --bench identity --profile ci`.
//!
//! A key may take 5 µs: it is read once, and looked up by the guard and on the road.
//! A token that was verified a moment ago may take 5 µs, another one 150 µs. `asked` is all that a door does for a
//! remembered token: it sees to the keys, then verifies.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench stops at the first fault"
)]

#[path = "../src/identity/jwt/tests/signing.rs"]
mod signing;
#[path = "../tests/it/trail.rs"]
#[expect(dead_code, reason = "a bench needs a part of it")]
mod trail;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use policyguard::clock::SystemClock;
use policyguard::domain::{AgentId, ApiKey, Clock, Holder, Role, Timestamp, User};
use policyguard::identity::{
    Algorithm, BookUnread, Fetching, Issuer, KeyPlace, KeySource, KeyStore, KeyText, Keys, NewKey,
    Tokens,
};
use policyguard::storage;
use serde_json::{Value, json};
use signing::{Signer, key_set};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "https://policyguard.test/mcp";

/// Keys that are there at once.
struct AtHand(String);

impl KeySource for AtHand {
    fn fetch<'a>(&'a self, _: &'a KeyPlace) -> Fetching<'a> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

fn verifier(signer: &Signer) -> Tokens {
    let issuer = Issuer {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        algorithms: Algorithm::ALL.to_vec(),
        keys: KeyPlace::Url(format!("{ISSUER}/keys")),
        roles: Vec::new(),
    };
    let source: Arc<dyn KeySource> = Arc::new(AtHand(key_set(&[signer.jwk()])));
    Tokens::new(vec![issuer], source, Arc::new(SystemClock::new())).unwrap()
}

/// What identity providers put into a token, and what we read of it.
fn claims() -> Value {
    let now = SystemClock::new().now().as_millis() / 1_000;
    json!({
        "iss": ISSUER, "aud": [AUDIENCE], "sub": "build-agent@ci.example",
        "iat": now, "nbf": now, "exp": now + 36_000, "jti": "0d1f8a52-6c1e-4d5e-9a43-0d2a3f5b7c91",
        "scope": "openid profile tools:call", "groups": ["engineering", "platform", "on-call"],
        "azp": "client-17", "email": "build-agent@ci.example", "email_verified": true,
    })
}

fn tokens(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let agent = AgentId::parse("build-agent@ci.example").unwrap();
    for algorithm in ["ES256", "RS256", "EdDSA"] {
        let signer = Signer::new(algorithm, "key-2026-11");
        let (tokens, token) = (verifier(&signer), signer.token(&claims()));
        runtime.block_on(tokens.prepare(&token));
        assert_eq!(tokens.verify(&token).unwrap().agent_id, agent);
        criterion.bench_function(&format!("token remembered, {algorithm}"), |bencher| {
            bencher.iter(|| tokens.verify(black_box(&token)).unwrap());
        });
        criterion.bench_function(&format!("token asked, {algorithm}"), |bencher| {
            bencher.iter(|| {
                runtime.block_on(tokens.prepare(black_box(&token)));
                tokens.verify(black_box(&token)).unwrap()
            });
        });
        criterion.bench_function(&format!("token verified, {algorithm}"), |bencher| {
            bencher.iter_batched(
                || tokens.forget_subject(&agent),
                |()| tokens.verify(black_box(&token)).unwrap(),
                BatchSize::PerIteration,
            );
        });
    }
}

/// Ten thousand keys, one of which is shown.
struct Stored(Vec<ApiKey>);

impl KeyStore for Stored {
    fn keys(&self) -> Result<Vec<(ApiKey, Option<Timestamp>)>, BookUnread> {
        Ok(self.0.iter().map(|key| (key.clone(), None)).collect())
    }

    fn users(&self) -> Result<Vec<User>, BookUnread> {
        Ok(Vec::new())
    }
}

fn key_of(made: &NewKey, number: usize) -> ApiKey {
    ApiKey {
        revision: 1,
        key_id: made.key_id.clone(),
        digest: made.digest,
        holder: Holder::Agent(AgentId::parse(&format!("agent-{number}")).unwrap()),
        roles: vec![Role::Agent],
        name: None,
        created_at: Timestamp::from_millis(0),
        created_by: "bench".to_owned(),
        expires_at: None,
        revoked_at: None,
        revocation_reason: None,
        replaced_by: None,
        bootstrap: false,
    }
}

fn keys(criterion: &mut Criterion) {
    let made: Vec<NewKey> = (0..10_000).map(|_| NewKey::random().unwrap()).collect();
    let stored = made
        .iter()
        .zip(0..)
        .map(|(made, number)| key_of(made, number));
    let store = storage::open_temporary().unwrap();
    let (recorder, _) = trail::open(&store, &trail::HandClock::new());
    let keys = Keys::open(&Stored(stored.collect()), recorder).unwrap();
    let (text, now) = (&made[5_000].text, Timestamp::from_millis(1));
    criterion.bench_function("key, read and looked up twice", |bencher| {
        bencher.iter(|| {
            let key = KeyText::read(black_box(text)).unwrap();
            drop(black_box(keys.holder(&key, now)).unwrap());
            keys.holder(&key, now).unwrap()
        });
    });
    let unknown = NewKey::random().unwrap().text;
    criterion.bench_function("key, unknown", |bencher| {
        bencher.iter(|| {
            let key = KeyText::read(black_box(&unknown)).unwrap();
            keys.holder(&key, now).unwrap_err()
        });
    });
}

criterion_group!(benches, keys, tokens);
criterion_main!(benches);
