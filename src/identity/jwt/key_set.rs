//! The keys of an issuer, out of its JWKS (RFC 7517).

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::domain::Digest;
use crate::wire::read_object;

use super::algorithm::PublicKey;
use super::source::KeysUnread;
use super::{Algorithm, TokenFault};

/// The keys of an issuer by their names.
pub(super) struct KeySet {
    /// Several may have one name, such as one to sign with and one to encrypt with.
    keys: HashMap<String, Vec<Arc<Key>>>,
}

/// A key, ready for each of the issuer's algorithms that it is for.
pub(super) struct Key {
    /// Tells it from another that came to have its name.
    digest: Digest,
    ready: Vec<(Algorithm, ParsedPublicKey)>,
}

impl Key {
    /// Whether the key's owner signed these bytes.
    pub(super) fn signed(&self, algorithm: Algorithm, bytes: &[u8], signature: &[u8]) -> bool {
        let ready = self.ready.iter().find(|(known, _)| *known == algorithm);
        ready.is_some_and(|(_, key)| key.verify_sig(bytes, signature).is_ok())
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.ready.iter().any(|(known, _)| *known == algorithm)
    }
}

impl KeySet {
    /// Reads a set, for these algorithms.
    ///
    /// A key that none of them can use stays by name: a token that names it is refused for what it is, and the set is
    /// not fetched again in search of it.
    pub(super) fn read(text: &str, algorithms: &[Algorithm]) -> Result<Self, KeysUnread> {
        let document =
            read_object(text.as_bytes()).map_err(|fault| KeysUnread(fault.to_string()))?;
        let Some(Value::Array(list)) = document.get("keys") else {
            return Err(KeysUnread("it has no list `keys`".to_owned()));
        };
        let mut keys: HashMap<String, Vec<Arc<Key>>> = HashMap::new();
        for key in list.iter().filter_map(Value::as_object) {
            if let Some(id) = text_of(key, "kid").filter(|id| !id.is_empty()) {
                let same = keys.entry(id.to_owned()).or_default();
                same.push(Arc::new(read_key(key, algorithms)));
            }
        }
        Ok(Self { keys })
    }

    /// The key of this name for this algorithm.
    ///
    /// When two fit, which was meant cannot be known, and neither is taken.
    pub(super) fn key(&self, id: &str, algorithm: Algorithm) -> Result<&Arc<Key>, TokenFault> {
        let named = self.keys.get(id).ok_or(TokenFault::UnknownKey)?;
        let mut fitting = named.iter().filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None | Some(_), _) => Err(TokenFault::UnfitKey),
        }
    }

    /// Whether a key has this name.
    pub(super) fn names(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// Whether this very key still has this name.
    pub(super) fn holds(&self, id: &str, key: &Key) -> bool {
        let named = self.keys.get(id);
        named.is_some_and(|named| named.iter().any(|one| one.digest == key.digest))
    }

    /// How many keys can be used.
    pub(super) fn usable(&self) -> usize {
        let all = self.keys.values().flatten();
        all.filter(|key| !key.ready.is_empty()).count()
    }
}

fn read_key(key: &Map<String, Value>, algorithms: &[Algorithm]) -> Key {
    let public = if is_for_signatures(key) {
        public_key(key)
    } else {
        None
    };
    // A key that says its algorithm is for no other (RFC 8725, 3.1).
    let said = key.get("alg");
    let ready: Vec<(Algorithm, ParsedPublicKey)> = algorithms
        .iter()
        .filter(|algorithm| said.is_none_or(|said| said.as_str() == Some(algorithm.as_str())))
        .filter_map(|&algorithm| Some((algorithm, algorithm.ready(public.as_ref()?)?)))
        .collect();
    let digest = ready
        .first()
        .map_or(Digest::ZERO, |(_, key)| Digest::of(key.as_ref()));
    Key { digest, ready }
}

/// Whether the key may verify signatures, as far as it says, and only that.
///
/// A private key in a published set is everybody's; nothing that it signed proves anything.
fn is_for_signatures(key: &Map<String, Value>) -> bool {
    let uses = key.get("use").is_none_or(|said| said == "sig");
    let operations = key.get("key_ops").is_none_or(|said| {
        let list = said.as_array();
        list.is_some_and(|list| list.iter().any(|one| one == "verify"))
    });
    uses && operations && !key.contains_key("d")
}

fn public_key(key: &Map<String, Value>) -> Option<PublicKey> {
    match (text_of(key, "kty")?, text_of(key, "crv")) {
        ("RSA", None) => rsa(key),
        ("EC", Some("P-256")) => point(key, 32).map(PublicKey::P256),
        ("EC", Some("P-384")) => point(key, 48).map(PublicKey::P384),
        ("OKP", Some("Ed25519")) => bytes_of(key, "x")
            .filter(|x| x.len() == 32)
            .map(PublicKey::Ed25519),
        (_, _) => None,
    }
}

/// An RSA key of 2048 to 8192 bits; a shorter one protects nothing, a longer one costs too much.
fn rsa(key: &Map<String, Value>) -> Option<PublicKey> {
    let n = without_zeros(bytes_of(key, "n")?);
    let e = without_zeros(bytes_of(key, "e")?);
    let spare = n.first()?.leading_zeros() as usize;
    let bits = n.len() * 8 - spare;
    if !(2_048..=8_192).contains(&bits) {
        return None;
    }
    Some(PublicKey::Rsa(RsaPublicKeyComponents { n, e }))
}

/// A point of a curve in its uncompressed form; whether it is on the curve is seen when it is made ready.
fn point(key: &Map<String, Value>, length: usize) -> Option<Vec<u8>> {
    let (x, y) = (bytes_of(key, "x")?, bytes_of(key, "y")?);
    if x.len() != length || y.len() != length {
        return None;
    }
    Some([&[4], x.as_slice(), y.as_slice()].concat())
}

/// Some issuers write a zero before a number so that it does not look negative.
fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

fn text_of<'a>(key: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    key.get(name)?.as_str()
}

fn bytes_of(key: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text_of(key, name)?).ok()
}
