//! Keys that are made when a test runs, and tokens that they sign.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Somebody who signs tokens.
pub(crate) struct Signer {
    /// The algorithm, by its name.
    pub(crate) algorithm: &'static str,
    /// The name of the key.
    pub(crate) key_id: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair, &'static str),
    Ed(Ed25519KeyPair),
}

impl Signer {
    /// A signer with a new key of this name, of 2048 bits where that can be chosen.
    pub(crate) fn new(algorithm: &'static str, key_id: &'static str) -> Self {
        Self::sized(algorithm, key_id, KeySize::Rsa2048)
    }

    /// As [`Signer::new`], with an RSA key of this size.
    pub(crate) fn sized(algorithm: &'static str, key_id: &'static str, size: KeySize) -> Self {
        let rsa = |encoding: &'static dyn RsaEncoding| {
            Pair::Rsa(
                Box::new(RsaKeyPair::generate(size).expect("a key")),
                encoding,
            )
        };
        let pair = match algorithm {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            "ES256" => Pair::Ec(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"),
                "P-256",
            ),
            "ES384" => Pair::Ec(
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key"),
                "P-384",
            ),
            "EdDSA" => Pair::Ed(Ed25519KeyPair::generate().expect("a key")),
            other => panic!("no signer for {other}"),
        };
        Self {
            algorithm,
            key_id,
            pair,
        }
    }

    /// The public key as a set has it.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair, _) => {
                // PKCS #1: a sequence of two numbers, of which the second is 65537 in five bytes.
                let der = pair.public_key().as_ref();
                let end = der.len() - 5;
                let n = &der[end - pair.public_modulus_len()..end];
                json!({"kty": "RSA", "n": encode(n), "e": "AQAB"})
            }
            Pair::Ec(pair, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
        };
        jwk["kid"] = json!(self.key_id);
        jwk
    }

    /// A token of these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm, "kid": self.key_id, "typ": "JWT"});
        self.token_with(&header.to_string(), &claims.to_string())
    }

    /// A token of this header and these claims, as they are written.
    pub(crate) fn token_with(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", encode(&signature))
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, bytes, &mut signature)
                    .expect("signed");
                signature
            }
            Pair::Ec(pair, _) => pair.sign(&random, bytes).expect("signed").as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(bytes).as_ref().to_vec(),
        }
    }
}

/// A set of these keys.
pub(crate) fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The bytes as base64url without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
