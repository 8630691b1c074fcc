//! What a caller shows of itself: a key or a token, which prints nowhere.

use std::fmt;
use std::sync::Arc;

use super::key_text::KeyText;

/// A credential as it was sent, read once.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// An API key.
    Key(KeyText),
    /// What else was sent: a token of an issuer, or nothing that counts.
    Token(Arc<str>),
}

impl Shown {
    /// The credential in this text.
    #[must_use]
    pub fn read(text: &str) -> Self {
        KeyText::read(text).map_or_else(|| Self::Token(Arc::from(text)), Self::Key)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "Key({})", key.key_id),
            Self::Token(_) => f.write_str("Token(..)"),
        }
    }
}
