//! The policy administration point (PAP): what is loaded, from where, and which version it becomes.

mod compiler; // what every version is compiled for
mod files; // the files as they stand on disk, and the copy built in
mod release; // a version of the policy, as it is stored
mod runtime; // policies written at run time, and versions that they make
mod store; // port: stored versions
mod watch; // files that change

pub use compiler::Compiler;
pub use files::{
    DEFAULT_POLICY, DEFAULT_SUITE, EMBEDDED_NAME, ReadError, embedded, is_policy, read, suites,
};
pub use release::{Activation, Release};
pub use runtime::{
    Candidate, DOOR, Ingredients, RuntimeFault, Unfit, files_as_text, files_of_text, read_runtime,
};
pub use store::{Loosening, PastRelease, PolicyStep, ReleaseStore, ReleasesUnread};
pub use watch::{Watch, WatchError, watch};
