//! An API key as text: `pg_`, its public part, its secret part, a checksum (`spec/identity.md`, "Who is calling").

use crate::domain::{Digest, KeyId};

/// What every key starts with.
const PREFIX: &str = "pg_";
/// How many characters its secret part has: 32 bytes of base 62.
const SECRET: usize = 43;
/// How many characters its checksum has: CRC-32 of base 62.
const CHECKSUM: usize = 6;
/// The digits of base 62.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A text of the form that keys have, with a checksum that fits: not yet a key of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyText {
    /// Its public part.
    pub key_id: KeyId,
    /// SHA-256 of all of it.
    pub digest: Digest,
}

impl KeyText {
    /// Reads the text; `None` when it cannot be a key, which its checksum tells of a slip of the hand.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (id, rest) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let key_id = KeyId::parse(id)?;
        let (secret, checksum) = rest.split_at_checked(SECRET)?;
        let fits = checksum.len() == CHECKSUM && rest.bytes().all(|b| b.is_ascii_alphanumeric());
        if !fits || checksum != checksum_of(id, secret) {
            return None;
        }
        Some(Self {
            key_id,
            digest: Digest::of(text.as_bytes()),
        })
    }

    /// Whether the text means to be a key, well formed or not.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }
}

/// A key that was just made: shown once, and never kept.
pub struct NewKey {
    /// All of it.
    pub text: String,
    /// Its public part.
    pub key_id: KeyId,
    /// SHA-256 of all of it.
    pub digest: Digest,
}

/// The system gives no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

impl NewKey {
    /// A key of random bytes.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn random() -> Result<Self, NoRandomness> {
        let (mut id, mut secret) = ([0; 8], [0; 32]);
        getrandom::fill(&mut id).map_err(|_| NoRandomness)?;
        getrandom::fill(&mut secret).map_err(|_| NoRandomness)?;
        Self::of(id, secret).ok_or(NoRandomness)
    }

    /// The key that these random bytes make; `None` never in practice.
    #[must_use]
    pub fn of(id: [u8; 8], secret: [u8; 32]) -> Option<Self> {
        let id = base62(id, 8);
        let secret = base62(secret, SECRET);
        let checksum = checksum_of(&id, &secret);
        let text = format!("{PREFIX}{id}_{secret}{checksum}");
        let KeyText { key_id, digest } = KeyText::read(&text)?;
        Some(Self {
            text,
            key_id,
            digest,
        })
    }
}

fn checksum_of(id: &str, secret: &str) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for part in [PREFIX, id, "_", secret] {
        hasher.update(part.as_bytes());
    }
    base62(hasher.finalize().to_be_bytes(), CHECKSUM)
}

/// The last `length` digits of a number, whose bytes stand the highest first, in base 62.
fn base62<const N: usize>(mut number: [u8; N], length: usize) -> String {
    let mut digits = Vec::with_capacity(length);
    for _ in 0..length {
        let mut rest = 0_u32;
        for byte in &mut number {
            let part = rest << 8 | u32::from(*byte);
            // A rest is below 62, so a quotient is below 256.
            *byte = u8::try_from(part / 62).unwrap_or(u8::MAX);
            rest = part % 62;
        }
        let digit = usize::try_from(rest).ok().and_then(|at| DIGITS.get(at));
        digits.push(char::from(digit.copied().unwrap_or(b'0')));
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_form_and_is_read_again() {
        let key = NewKey::of([7; 8], [255; 32]).expect("a key");
        assert_eq!(key.text.len(), 3 + 8 + 1 + SECRET + CHECKSUM);
        let read = KeyText::read(&key.text).expect("the same key");
        assert_eq!((read.key_id, read.digest), (key.key_id, key.digest));
        assert_ne!(
            NewKey::of([7; 8], [254; 32]).map(|other| other.digest),
            Some(key.digest)
        );
    }

    #[test]
    fn different_bytes_make_different_secrets() {
        // The largest number of 32 bytes needs all 43 digits and no more.
        assert_eq!(base62([255; 32], SECRET + 1).find(|c| c != '0'), Some(1));
        assert_eq!(base62([0, 61], 2), "0z");
        assert_eq!(base62([0, 62], 2), "10");
    }

    #[test]
    fn a_slip_of_the_hand_is_no_key() {
        let key = NewKey::of([1; 8], [2; 32]).expect("a key").text;
        for place in 0..key.len() {
            let mut bytes = key.clone().into_bytes();
            if let Some(byte) = bytes.get_mut(place) {
                *byte = if *byte == b'x' { b'y' } else { b'x' };
            }
            let text = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(KeyText::read(&text), None, "{text}");
        }
        let (short, late) = (
            key.trim_end_matches(char::is_alphanumeric),
            key.trim_start_matches('p'),
        );
        let long = format!("{key}0");
        for text in ["", "pg_", "pg__", short, late, &long] {
            assert_eq!(KeyText::read(text), None, "{text}");
        }
    }
}
