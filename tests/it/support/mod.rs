//! Values that tests are made of.

pub(crate) mod choices; // a stream of choices, so that random values shrink
pub(crate) mod random; // random bundles, catalogues, requests
pub(crate) mod rules; // small constructors for the model of policies

#[cfg(feature = "otel")]
pub(crate) mod collector; // a collector of traces
pub(crate) mod console; // commands in Markdown, run and compared
pub(crate) mod golden; // files that tests write and people read
pub(crate) mod house; // a whole gateway, without a port
pub(crate) mod http; // a blocking client
pub(crate) mod keyed; // callers that show credentials
pub(crate) mod mcp; // a client of /mcp
pub(crate) mod tool; // tools of other servers

pub(crate) use golden::assert_golden;
pub(crate) use house::{House, Reply, shipped};
