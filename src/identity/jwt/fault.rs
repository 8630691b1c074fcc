//! Why a token is refused, in words for a log and for `error_description` of a `WWW-Authenticate` header.

use super::tokens::MAX_LENGTH;

/// Why a token is refused.
///
/// No text repeats anything of the token: it is a credential, and what it says was written by a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Longer than anybody's token.
    #[error(
        "the token is longer than {MAX_LENGTH} bytes: ask its issuer for one with fewer claims"
    )]
    TooLong,
    /// Not the compact form of a signed token; says where.
    #[error("the token cannot be read: {0}")]
    Unreadable(&'static str),
    /// The header asks for a key or a meaning that only configuration may give.
    #[error(
        "the token's header has `{0}`, which nobody may ask for here: keys come from configuration alone"
    )]
    Header(&'static str),
    /// The header says that it is another kind of token.
    #[error("the token is of another type: only `JWT` and `at+jwt` are accepted")]
    Type,
    /// The algorithm is not one of the issuer's.
    #[error("the token's algorithm is not one of those that are configured for its issuer")]
    Algorithm,
    /// No key is named.
    #[error("the token names no key: its header needs a `kid` of 1 to 256 bytes")]
    NoKeyNamed,
    /// Nobody whom we believe.
    #[error("the token's issuer is not configured here")]
    Issuer,
    /// The issuer's keys could not be fetched, or not for too long.
    #[error("the keys of the token's issuer are not at hand: try again in a minute")]
    NoKeys,
    /// The issuer has no such key (any more).
    #[error("the token's key is not in its issuer's key set: get a new token")]
    UnknownKey,
    /// The key is of another kind, or for something else.
    #[error("the token's key does not fit the token's algorithm")]
    UnfitKey,
    /// Somebody else signed, or something was changed.
    #[error("the token's signature does not verify")]
    Signature,
    /// A claim is not there.
    #[error("the token has no claim `{0}`")]
    Missing(&'static str),
    /// A claim has not the form it needs.
    #[error("the token's claim `{0}` is {1}")]
    Claim(&'static str, &'static str),
    /// For somebody else.
    #[error("the token is for another audience: ask its issuer for one for this resource")]
    Audience,
    /// Past its end.
    #[error("the token has expired: get a new one")]
    Expired,
    /// Before its beginning.
    #[error("the token is not valid yet: compare the clock here with its issuer's")]
    NotYet,
    /// The subject cannot name an agent.
    #[error(
        "the token's subject does not make an agent id: that is 1 to 128 of A-Z a-z 0-9 . _ : @ -, starting with a \
         letter or digit"
    )]
    Subject,
    /// The subject would be one of our own.
    #[error("the token's subject is an id that the gateway keeps for itself")]
    Reserved,
}
