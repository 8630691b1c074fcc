//! The port through which key sets are fetched.

use std::pin::Pin;

use super::KeyPlace;

/// The text of a key set on its way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<String, KeysUnread>> + Send + 'a>>;

/// A key set that could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key set cannot be fetched: {0}")]
pub struct KeysUnread(pub String);

/// What the verifier needs of the outside: the text of a key set, within seconds and of bounded length.
pub trait KeySource: Send + Sync {
    /// Fetches the text of the set at this place.
    fn fetch<'a>(&'a self, place: &'a KeyPlace) -> Fetching<'a>;
}
