//! The signature algorithms that a token may have.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};

/// A signature algorithm, asymmetric without exception.
///
/// `none` and the HMAC ones are not refused: there is no value for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// RSA-PSS with SHA-384.
    Ps384,
    /// RSA-PSS with SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name that tokens and configuration give it (RFC 7518, RFC 8037).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
    }

    /// The key made ready to verify signatures of this algorithm, if it is a key for it.
    pub(super) fn ready(self, key: &PublicKey) -> Option<ParsedPublicKey> {
        match (self, key) {
            (Self::Rs256, PublicKey::Rsa(key)) => rsa(key, &RSA_PKCS1_2048_8192_SHA256),
            (Self::Rs384, PublicKey::Rsa(key)) => rsa(key, &RSA_PKCS1_2048_8192_SHA384),
            (Self::Rs512, PublicKey::Rsa(key)) => rsa(key, &RSA_PKCS1_2048_8192_SHA512),
            (Self::Ps256, PublicKey::Rsa(key)) => rsa(key, &RSA_PSS_2048_8192_SHA256),
            (Self::Ps384, PublicKey::Rsa(key)) => rsa(key, &RSA_PSS_2048_8192_SHA384),
            (Self::Ps512, PublicKey::Rsa(key)) => rsa(key, &RSA_PSS_2048_8192_SHA512),
            (Self::Es256, PublicKey::P256(point)) => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
            }
            (Self::Es384, PublicKey::P384(point)) => {
                ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).ok()
            }
            (Self::EdDsa, PublicKey::Ed25519(point)) => ParsedPublicKey::new(&ED25519, point).ok(),
            (
                Self::Rs256
                | Self::Rs384
                | Self::Rs512
                | Self::Ps256
                | Self::Ps384
                | Self::Ps512
                | Self::Es256
                | Self::Es384
                | Self::EdDsa,
                PublicKey::Rsa(_) | PublicKey::P256(_) | PublicKey::P384(_) | PublicKey::Ed25519(_),
            ) => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A public key of a set, of one of the kinds that an algorithm here can use.
pub(super) enum PublicKey {
    /// Modulus and exponent, without leading zeros.
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point of P-256.
    P256(Vec<u8>),
    /// An uncompressed point of P-384.
    P384(Vec<u8>),
    /// A point of Ed25519.
    Ed25519(Vec<u8>),
}

fn rsa(
    key: &RsaPublicKeyComponents<Vec<u8>>,
    parameters: &'static RsaParameters,
) -> Option<ParsedPublicKey> {
    key.to_parsed_public_key(parameters).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact_and_name_no_shared_secret() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
        }
        for none in [
            "", "none", "None", "HS256", "HS384", "HS512", "rs256", "RS256 ", "ES256K", "ES512",
        ] {
            assert_eq!(Algorithm::parse(none), None, "{none}");
        }
    }
}
