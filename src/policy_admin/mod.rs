//! The policy administration point (PAP): what is loaded, from where, and which version it becomes.

mod files; // the files as they stand on disk

pub use files::{EMBEDDED_NAME, ReadError, embedded, is_policy, read};
