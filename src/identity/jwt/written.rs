//! A token as it was written: three parts, a header that is held to what we understand, and claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::wire::read_object;

use super::{Algorithm, TokenFault};

/// Header fields by which a token would say where its key is, or what must be understood beyond the standard.
///
/// Following one would let whoever writes the token choose the key it is verified with (RFC 8725, 3.10).
const REFUSED: [&str; 5] = ["jku", "x5u", "jwk", "x5c", "crit"];

/// The types that an access token may say it has; without the field it may be one.
///
/// Another type is another purpose: a logout token with our audience must not open a door (RFC 8725, 3.11).
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// The longest name of a key.
const LONGEST_KEY_ID: usize = 256;

/// A token's parts, nothing of which is proved yet.
pub(super) struct Written<'a> {
    /// What is signed: the first two parts and the dot between them.
    pub(super) signed: &'a str,
    /// The signature.
    pub(super) signature: Vec<u8>,
    /// The algorithm that it says.
    pub(super) algorithm: Algorithm,
    /// The key that it names.
    pub(super) key_id: String,
    /// What it claims.
    pub(super) claims: Map<String, Value>,
}

impl<'a> Written<'a> {
    /// Reads a token of bounded length.
    pub(super) fn read(token: &'a str) -> Result<Self, TokenFault> {
        let parts = "it needs three parts with a dot between each";
        let (signed, signature) = token
            .rsplit_once('.')
            .ok_or(TokenFault::Unreadable(parts))?;
        let (header, claims) = signed
            .split_once('.')
            .ok_or(TokenFault::Unreadable(parts))?;
        let header = object(
            header,
            "its header is not one JSON object, each key once, in base64url",
        )?;
        let (algorithm, key_id) = check_header(&header)?;
        let claims = object(
            claims,
            "its claims are not one JSON object, each key once, in base64url",
        )?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| TokenFault::Unreadable("its signature is not base64url"))?;
        Ok(Self {
            signed,
            signature,
            algorithm,
            key_id,
            claims,
        })
    }

    /// Who it says issued it.
    pub(super) fn issuer(&self) -> Result<&str, TokenFault> {
        match self.claims.get("iss") {
            Some(Value::String(issuer)) => Ok(issuer),
            Some(_) => Err(TokenFault::Claim("iss", "not a text")),
            None => Err(TokenFault::Missing("iss")),
        }
    }
}

fn object(part: &str, otherwise: &'static str) -> Result<Map<String, Value>, TokenFault> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok();
    bytes
        .and_then(|bytes| read_object(&bytes).ok())
        .ok_or(TokenFault::Unreadable(otherwise))
}

fn check_header(header: &Map<String, Value>) -> Result<(Algorithm, String), TokenFault> {
    if let Some(refused) = REFUSED.into_iter().find(|name| header.contains_key(*name)) {
        return Err(TokenFault::Header(refused));
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(named))
            if TYPES.iter().any(|known| named.eq_ignore_ascii_case(known)) => {}
        Some(_) => return Err(TokenFault::Type),
    }
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(Algorithm::parse)
        .ok_or(TokenFault::Algorithm)?;
    let key_id = header
        .get("kid")
        .and_then(Value::as_str)
        .filter(|id| (1..=LONGEST_KEY_ID).contains(&id.len()))
        .ok_or(TokenFault::NoKeyNamed)?;
    Ok((algorithm, key_id.to_owned()))
}
