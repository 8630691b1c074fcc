//! Tokens of an issuer: who signed one, for whom, and until when (`spec/identity.md`, "Who is calling").
//!
//! What decides is configuration: the issuers, their algorithms and where their keys are. A token names a key of its
//! issuer's set and nothing else; whatever it says of where keys are to be found makes it refused. There is no HMAC
//! here, so nobody can turn a public key into a shared secret.

mod algorithm; // which signatures there are
mod claims; // what a token says, checked
mod fault; // why a token is refused
mod issuer; // whom we believe, as configured
mod key_set; // an issuer's keys
mod memory; // tokens that were verified a moment ago
mod shelf; // the set of one issuer, kept fresh
mod source; // port: where sets come from
mod tokens; // the verifier
mod written; // a token as it was written

#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use fault::TokenFault;
pub use issuer::{Issuer, IssuerFault, KeyPlace, RoleClaim};
pub use source::{Fetching, KeySource, KeysUnread};
pub use tokens::{Tokens, Verified};
