//! Test suites of policies (`*.test.yaml`): requests, and the answers they must get.

mod read; // the file as written
mod shapes; // the keys of a suite
mod run; // every case against an engine

use crate::domain::{
    ActionType, AgentId, Arguments, ModeName, PatternList, Roles, Timestamp, TrustLevel,
};

use super::bundle::Place;
use super::code::Code;
use super::decision::Effect;

pub use run::{CaseResult, SuiteReport};

/// A test suite, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// The file, as people name it.
    pub name: String,
    /// The policy files or folders it tests, relative to the suite; empty: the file beside it of the same name.
    pub policies: Vec<String>,
    /// The cases, in the order of the file.
    pub cases: Vec<Case>,
}

/// One request with the answer it must get.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it shows, as a sentence.
    pub name: String,
    /// The request.
    pub request: CaseRequest,
    /// The answer.
    pub expect: Expectation,
    /// Where it is written.
    pub at: Place,
}

/// A request of a case; what it leaves out comes from the suite.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRequest {
    /// Who asks.
    pub agent: Agent,
    /// What kind of act.
    pub action: ActionType,
    /// Tool or target.
    pub tool: String,
    /// The arguments.
    pub arguments: Arguments,
    /// The mode; `None`: the bundle's default mode.
    pub mode: Option<ModeName>,
    /// When.
    pub now: Timestamp,
    /// Whether lockdown is on.
    pub lockdown: bool,
}

/// An agent, as the registry would have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its trust.
    pub trust: TrustLevel,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Its own allow-list.
    pub allowed_tools: PatternList,
    /// Its own deny-list.
    pub denied_tools: PatternList,
    /// The roles of the caller.
    pub roles: Roles,
}

/// What the answer must be; what is left out may be anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The effect.
    pub effect: Effect,
    /// The code.
    pub code: Option<Code>,
    /// The policy that decides.
    pub policy: Option<String>,
    /// The rule that decides: its name, or its place from 0.
    pub rule: Option<String>,
    /// A part of the reason, or of one of the problems.
    pub reason: Option<String>,
}
