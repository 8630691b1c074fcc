//! The verifier: a token in, the agent it speaks for out.

use std::sync::Arc;

use crate::domain::{AgentId, Clock, Digest, Roles, Timestamp};

use super::claims::{agent, check_audience, check_times, roles, subject};
use super::issuer::prefixes;
use super::key_set::Key;
use super::memory::{Memory, REMEMBERED, Remembered};
use super::shelf::Shelf;
use super::written::Written;
use super::{Issuer, IssuerFault, KeySource, TokenFault};

/// The longest token that is read.
pub(super) const MAX_LENGTH: usize = 8 * 1024;

/// What a token proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The agent: the subject, behind its issuer where there are several.
    pub agent_id: AgentId,
    /// Who issued the token, as configured.
    pub issuer: Arc<str>,
    /// Whom it is about, in the issuer's words.
    pub subject: Arc<str>,
    /// What its bearer may do with the gateway.
    pub roles: Roles,
    /// When it ends.
    pub expires: Timestamp,
}

/// The verifier of tokens.
///
/// Ask [`Tokens::prepare`] before [`Tokens::verify`]: the one waits for keys where it must, the other decides and never
/// waits.
pub struct Tokens {
    issuers: Vec<Known>,
    memory: Memory,
    clock: Arc<dyn Clock>,
}

/// An issuer with what follows from there being others.
struct Known {
    name: Arc<str>,
    /// What stands before its subjects.
    prefix: String,
    shelf: Arc<Shelf>,
}

impl Tokens {
    /// A verifier of tokens of these issuers; their keys are fetched when they are first needed.
    ///
    /// With one issuer an agent is its subject, with several `<issuer>:<subject>`, the issuer written without its
    /// scheme and with `:` for `/`, for an agent id holds no slash: `https://id.example/tenant` makes
    /// `id.example:tenant:alice`. A second issuer thus renames the agents of the first.
    ///
    /// # Errors
    /// When an issuer would accept anything, or agents of two could not be told apart.
    pub fn new(
        issuers: Vec<Issuer>,
        source: Arc<dyn KeySource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IssuerFault> {
        issuers.iter().try_for_each(Issuer::check)?;
        let prefixes = prefixes(&issuers)?;
        let ticking = Arc::clone(&clock);
        let known = move |(issuer, prefix): (Issuer, String)| Known {
            name: Arc::from(issuer.issuer.as_str()),
            prefix,
            shelf: Arc::new(Shelf::new(
                issuer,
                Arc::clone(&source),
                Arc::clone(&ticking),
            )),
        };
        Ok(Self {
            issuers: issuers.into_iter().zip(prefixes).map(known).collect(),
            memory: Memory::default(),
            clock,
        })
    }

    /// Verifies a token, by the keys that are at hand.
    ///
    /// A token that passed is remembered by its digest for a minute, at most until it ends; meanwhile it passes as long
    /// as its issuer's set holds the key that signed it.
    ///
    /// # Errors
    /// When the token does not prove who calls.
    pub fn verify(&self, token: &str) -> Result<Verified, TokenFault> {
        if token.len() > MAX_LENGTH {
            return Err(TokenFault::TooLong);
        }
        let digest = Digest::of(token.as_bytes());
        if let Some(verified) = self.recall(&digest) {
            return Ok(verified);
        }
        let written = Written::read(token)?;
        let known = self.known(&written)?;
        let key = known.check_signature(&written)?;
        let verified = known.check_claims(&written, self.clock.now())?;
        self.remember(digest, &verified, (known, key, &written.key_id));
        Ok(verified)
    }

    /// Sees to it that the keys for this token are at hand, if its issuer has them.
    ///
    /// Fetches the issuer's set when the token names a key that is not in it, at most once in 30 seconds and never
    /// twice at a time, whatever the tokens of strangers name; and freshens sets older than 10 minutes without waiting.
    /// A set that cannot be fetched is used for a day, then its issuer's tokens are refused. Needs a tokio runtime.
    pub async fn prepare(&self, token: &str) {
        for known in &self.issuers {
            known.shelf.freshen();
        }
        if token.len() > MAX_LENGTH {
            return;
        }
        let digest = Digest::of(token.as_bytes());
        let now = self.clock.monotonic();
        if self.memory.recall(&digest, now).is_some() {
            return;
        }
        let Ok(written) = Written::read(token) else {
            return;
        };
        if let Ok(known) = self.known(&written)
            && !known.shelf.names(&written.key_id)
        {
            known.shelf.look_for(&written.key_id).await;
        }
    }

    /// Forgets what was remembered of an agent's tokens: the next one is verified anew.
    pub fn forget_subject(&self, agent: &AgentId) {
        self.memory.forget_agent(agent);
    }

    /// How many tokens are remembered; those that ended count until they are dropped, within two minutes of use.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.memory.count()
    }

    /// What a token proved a moment ago, if all of it still holds.
    fn recall(&self, digest: &Digest) -> Option<Verified> {
        let found = self.memory.recall(digest, self.clock.monotonic())?;
        let holds = found.shelf.holds(&found.key_id, &found.key);
        if holds && self.clock.now() < found.verified.expires {
            return Some(found.verified);
        }
        self.memory.forget(digest);
        None
    }

    fn remember(
        &self,
        digest: Digest,
        verified: &Verified,
        (known, key, key_id): (&Known, Arc<Key>, &str),
    ) {
        let now = self.clock.monotonic();
        let rest = self.clock.now().until(verified.expires);
        let remembered = Remembered {
            verified: verified.clone(),
            shelf: Arc::clone(&known.shelf),
            key_id: Arc::from(key_id),
            key,
            until: now.saturating_add(REMEMBERED.min(rest)),
        };
        self.memory.keep(digest, remembered, now);
    }

    /// The issuer that the token names, if it signs with the algorithm that the token says.
    fn known(&self, written: &Written<'_>) -> Result<&Known, TokenFault> {
        let issuer = written.issuer()?;
        let mut known = self.issuers.iter();
        let known = known
            .find(|known| *known.name == *issuer)
            .ok_or(TokenFault::Issuer)?;
        if !known.shelf.issuer().algorithms.contains(&written.algorithm) {
            return Err(TokenFault::Algorithm);
        }
        Ok(known)
    }
}

impl Known {
    /// The key that signed the token.
    fn check_signature(&self, written: &Written<'_>) -> Result<Arc<Key>, TokenFault> {
        let set = self.shelf.set()?;
        let key = set.key(&written.key_id, written.algorithm)?;
        let bytes = written.signed.as_bytes();
        if !key.signed(written.algorithm, bytes, &written.signature) {
            return Err(TokenFault::Signature);
        }
        Ok(Arc::clone(key))
    }

    /// What the claims prove, now that their issuer is known to have made them.
    fn check_claims(&self, written: &Written<'_>, now: Timestamp) -> Result<Verified, TokenFault> {
        let (issuer, claims) = (self.shelf.issuer(), &written.claims);
        check_audience(claims, &issuer.audience)?;
        let expires = check_times(claims, now)?;
        let subject = subject(claims)?;
        Ok(Verified {
            agent_id: agent(&self.prefix, subject)?,
            issuer: Arc::clone(&self.name),
            subject: Arc::from(subject),
            roles: roles(claims, &issuer.roles),
            expires,
        })
    }
}
