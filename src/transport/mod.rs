//! The doors: they read calls, hand them to the road, and word its answers. They decide nothing.

pub mod rest; // REST over TCP and over the data directory's socket

mod serve; // listening and stopping

pub use serve::{Doors, ServeError, serve};
