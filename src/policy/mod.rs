//! The rules: a bundle of policy files becomes an engine, the engine decides. Pure.

mod code; // why, as a closed list
mod decision; // what the engine answers
mod document; // the policy file as written
mod error; // what can be wrong with it
mod glob; // what patterns have in common
mod import; // files in other forms than the native one
mod load; // texts become a bundle
mod normal; // the bundle as JSON, for hashing
mod bundle; // the normalized model that every dialect becomes
mod parameter; // what one parameter must be
mod rule; // policies, rules, conditions
mod join; // files and what was written at run time become one bundle
mod written; // a policy in the form in which authors write it
mod suite; // tests of policies
mod text; // bytes become trees with places
mod validate; // what is probably not meant

mod compile; // a bundle and a catalogue become an engine
mod diff; // what two engines answer differently
mod engine; // the snapshot that decides
mod evaluation; // one request on its way through the stages
mod explain; // the trace of a decision
mod explain_text; // the trace as text
mod gates; // the stages of caller, name and mode
mod neighbours; // the rules around a decision
mod planner; // the plan of each catalogued tool
mod regard; // what of a request counts
mod ruling; // the words of rules, arguments and approvals
mod search; // the stage of the rules
mod shown; // which tools a caller is shown
mod surroundings; // the stages of services, hours, resources and arguments
mod told; // a decision as its caller may read it
mod trace; // who listens meanwhile
mod verdict; // the words of denials before the rules

mod condition; // when a rule fires, three-valued
mod constraint; // what a parameter must be
mod form; // well-known forms of text
mod index; // which rules may match a name
mod mask; // what one AND decides
mod plain_schema; // one plain parameter
mod plan; // what compiling leaves behind
mod protected; // paths that the gateway keeps to itself
mod schema; // a tool's own input schema
mod sections; // hours and resource policies
mod words; // how problems show what was sent

pub use bundle::{
    Additional, Bundle, DefaultDecision, Enforcement, HourWindow, ModeRules, NamePattern,
    NamePatterns, OperationMap, Origin, Place, ResourceName, ResourcePolicy, ToolConstraints,
};
pub use code::Code;
pub use decision::{Decision, Determinant, Effect, Remedy, RemedyKind, Text};
pub use diff::{Access, Diff, diff};
pub use engine::{Engine, Standing};
pub use error::{Excerpt, Finding, FindingCode, FindingPlace, Level};
pub use explain::{
    Applies, Explanation, Fact, RuleName, RuleTrace, ShadowTrace, StageOutcome, StageTrace,
};
pub use import::{call_problems, parse_rules};
pub use join::{JoinError, files_of, join, runtime_of};
pub use load::{Loaded, MAX_RULES, load};
pub use parameter::{Format, Parameter, ParameterType, WholeRegex};
pub use rule::{
    ApprovalTerms, ArgumentTest, Condition, Policy, Rule, RuleAction, TestOperator, TrustSet,
};
pub use suite::{Agent, Case, CaseRequest, CaseResult, Expectation, Suite, SuiteReport};
pub use text::{MAX_FILE_BYTES, MAX_TOTAL_BYTES, Source};
pub use told::Told;
pub use validate::{check, explain_in, new_findings, validate};
pub use written::written;
