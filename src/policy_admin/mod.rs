//! The policy administration point (PAP): what is loaded, from where, and which version it becomes.

mod compiler; // what every version is compiled for
mod files; // the files as they stand on disk, and the copy built in
mod release; // a version of the policy, as it is stored
mod watch; // files that change

pub use compiler::Compiler;
pub use files::{EMBEDDED_NAME, ReadError, embedded, is_policy, read, suites};
pub use release::Release;
pub use watch::{Watch, WatchError, watch};
