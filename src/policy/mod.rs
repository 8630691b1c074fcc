//! The rules: a bundle of policy files becomes an engine, the engine decides. Pure.

mod decision; // what the engine answers
mod rule; // the normalized model that every dialect becomes

pub use decision::{Code, Decision, Determinant, Effect, Remedy, RemedyKind, Text};
pub use rule::{
    Additional, ApprovalTerms, ArgumentTest, Bundle, Condition, DefaultDecision, Enforcement,
    Format, HourWindow, ModeRules, NamePattern, NamePatterns, OperationMap, Origin, Parameter,
    ParameterType, Place, Policy, ResourceName, ResourcePolicy, Rule, RuleAction, TestOperator,
    ToolConstraints, TrustSet, WholeRegex,
};
