//! Codes of RFC 6238: a secret and the time in, a few digits out.

use aws_lc_rs::hmac::{
    HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512, Key as MacKey, sign,
};
use subtle::ConstantTimeEq as _;

use crate::domain::Timestamp;

/// The hash beneath a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeHash {
    /// What every app knows. As a MAC it is not broken.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How codes are made of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeForm {
    /// The hash.
    pub hash: CodeHash,
    /// How many digits, 9 at most.
    pub digits: u32,
    /// How many seconds a step lasts.
    pub period: u64,
}

impl CodeForm {
    /// What apps take for granted: SHA-1, 6 digits, 30 seconds.
    pub const USUAL: Self = Self {
        hash: CodeHash::Sha1,
        digits: 6,
        period: 30,
    };

    /// The step of this moment.
    #[must_use]
    pub fn step(self, now: Timestamp) -> u64 {
        let seconds = u64::try_from(now.as_millis() / 1000).unwrap_or(0);
        seconds / self.period.max(1)
    }

    /// The code of a step.
    #[must_use]
    pub fn code(self, secret: &[u8], step: u64) -> String {
        let algorithm = match self.hash {
            CodeHash::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            CodeHash::Sha256 => HMAC_SHA256,
            CodeHash::Sha512 => HMAC_SHA512,
        };
        let tag = sign(&MacKey::new(algorithm, secret), &step.to_be_bytes());
        // RFC 4226, 5.3: the last half byte says where the number stands, whose sign is left out.
        let tag = tag.as_ref();
        let at = usize::from(tag.last().copied().unwrap_or(0) & 0x0f);
        let number = tag.iter().skip(at).take(4);
        let number = number.fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) & 0x7fff_ffff;
        let digits = self.digits.min(9);
        let width = usize::try_from(digits).unwrap_or(0);
        format!("{:0width$}", number % 10_u32.pow(digits))
    }

    /// The step that the code is of, if it is of this one or a neighbour, and later than the last one that was used.
    ///
    /// All three are compared whatever matches, each in constant time: how long it takes tells nothing.
    #[must_use]
    pub fn check(self, secret: &[u8], code: &str, now: Timestamp, last_step: u64) -> Option<u64> {
        let step = self.step(now);
        let mut found = None;
        for candidate in [step.saturating_sub(1), step, step.saturating_add(1)] {
            let right = self.code(secret, candidate);
            let same: bool = right.as_bytes().ct_eq(code.as_bytes()).into();
            if same && candidate > last_step {
                found = Some(candidate);
            }
        }
        found
    }
}

#[cfg(test)]
#[path = "tests/code.rs"]
mod tests;
