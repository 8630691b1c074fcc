//! Who listens while a request passes the stages.

use super::code::Code;

/// A stage of the order, by its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stage(pub(super) &'static str, pub(super) &'static str);

/// Who listens while the stages are passed: nobody when a call is decided, the trace when it is explained.
pub(super) trait Trace {
    /// The stage let the request pass.
    fn passed(&mut self, stage: Stage);
    /// The stage decided.
    fn decided(&mut self, stage: Stage);
    /// The stage would have denied, and an override lifted that.
    fn lifted(&mut self, code: Code);
}

/// Listens to nothing and costs nothing.
pub(super) struct Silent;

impl Trace for Silent {
    fn passed(&mut self, _: Stage) {}
    fn decided(&mut self, _: Stage) {}
    fn lifted(&mut self, _: Code) {}
}
