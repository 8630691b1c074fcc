//! The secret behind a person's codes: made, shown once, and sealed for the store.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, RandomizedNonceKey};

use super::super::NoRandomness;
use super::code::CodeForm;
use crate::audit::derive;
use crate::domain::{AgentId, Secret};

/// How many bytes a secret has: as many as SHA-1 gives, which RFC 4226 asks for.
const LENGTH: usize = 20;
/// Who issues the codes, as apps show it.
const ISSUER: &str = "policyguard";
/// The digits of base 32 (RFC 4648).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The sealed secret cannot be opened: it was changed, is another person's, or the store key is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored totp secret cannot be read")]
pub struct Unsealable;

/// A new secret, for the one answer that shows it.
pub struct NewTotp {
    secret: Secret,
}

impl NewTotp {
    /// A secret of random bytes.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = vec![0; LENGTH];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self {
            secret: Secret::new(bytes),
        })
    }

    /// The secret as people type it.
    #[must_use]
    pub fn base32(&self) -> String {
        base32(self.secret.expose())
    }

    /// The address that apps read from a QR code.
    #[must_use]
    pub fn uri(&self, user_id: &AgentId) -> String {
        let CodeForm { digits, period, .. } = CodeForm::USUAL;
        // An id has two characters that mean something in an address.
        let label = user_id.as_str().replace(':', "%3A").replace('@', "%40");
        let secret = self.base32();
        format!(
            "otpauth://totp/{ISSUER}:{label}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits={digits}&period={period}"
        )
    }
}

/// Seals secrets with a key of the store.
pub(super) struct Sealer {
    key: RandomizedNonceKey,
}

impl Sealer {
    /// The sealer of the store with this key.
    #[expect(
        clippy::expect_used,
        reason = "the derived key has the 32 bytes that AES-256 takes"
    )]
    pub(super) fn new(store_key: &Secret) -> Self {
        let key = derive(store_key, "totp secrets");
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key);
        Self {
            key: key.expect("32 bytes are a key of AES-256"),
        }
    }

    /// The secret as it is stored: the nonce, then what is sealed, which opens for this person alone.
    pub(super) fn seal(&self, user_id: &AgentId, new: &NewTotp) -> Result<Vec<u8>, NoRandomness> {
        let mut sealed = new.secret.expose().to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(user_id.as_str()), &mut sealed)
            .map_err(|_| NoRandomness)?;
        let mut stored = nonce.as_ref().to_vec();
        stored.append(&mut sealed);
        Ok(stored)
    }

    /// The secret.
    pub(super) fn open(&self, user_id: &AgentId, stored: &[u8]) -> Result<Secret, Unsealable> {
        let (nonce, sealed) = stored.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
        let mut bytes = sealed.to_vec();
        let secret = self
            .key
            .open_in_place(nonce.into(), Aad::from(user_id.as_str()), &mut bytes)
            .map_err(|_| Unsealable)?;
        Ok(Secret::new(secret.to_vec()))
    }
}

/// The bytes in base 32, without padding.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    for chunk in bytes.chunks(5) {
        let group = chunk
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let group = group << (8 * (5 - chunk.len()));
        for place in 0..(chunk.len() * 8).div_ceil(5) {
            let digit = usize::try_from(group >> (35 - 5 * place) & 31).unwrap_or(0);
            text.push(char::from(BASE32.get(digit).copied().unwrap_or(b'A')));
        }
    }
    text
}

/// The bytes of base 32.
#[cfg(test)]
pub(super) fn from_base32(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        let digit = BASE32.iter().position(|digit| *digit == c).unwrap();
        held = held << 5 | u32::try_from(digit).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).unwrap());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> AgentId {
        AgentId::parse(id).unwrap()
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), encoded);
            assert_eq!(from_base32(encoded), plain.as_bytes());
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_person_alone_and_only_whole() {
        let sealer = Sealer::new(&Secret::new(vec![1; 32]));
        let new = NewTotp::random().unwrap();
        let olga = user("olga");
        let sealed = sealer.seal(&olga, &new).unwrap();
        assert_ne!(
            sealed,
            sealer.seal(&olga, &new).unwrap(),
            "the nonce is new"
        );
        assert_eq!(sealer.open(&olga, &sealed).unwrap(), new.secret);
        assert_eq!(sealer.open(&user("bob"), &sealed), Err(Unsealable));
        let other = Sealer::new(&Secret::new(vec![2; 32]));
        assert_eq!(other.open(&olga, &sealed), Err(Unsealable));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(sealer.open(&olga, &changed), Err(Unsealable), "{place}");
            assert_eq!(sealer.open(&olga, &sealed[..place]), Err(Unsealable));
        }
    }

    #[test]
    fn the_address_holds_the_person_and_the_secret() {
        let new = NewTotp {
            secret: Secret::new(b"12345678901234567890".to_vec()),
        };
        assert_eq!(
            new.uri(&user("olga:ops@example.org")),
            "otpauth://totp/policyguard:olga%3Aops%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=policyguard&algorithm=SHA1&digits=6&period=30"
        );
    }
}
