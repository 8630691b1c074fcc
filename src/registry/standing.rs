//! What a decision needs of an agent.

use std::sync::Arc;

use crate::domain::{
    Agent, AgentId, Authentication, PatternError, PatternList, Principal, PrincipalStatus, Roles,
    TrustLevel,
};

/// An entry of an agent's list that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{list}: `{text}`: {fault}")]
pub struct ListProblem {
    /// `allowed_tools` or `denied_tools`.
    pub list: &'static str,
    /// The entry.
    pub text: String,
    /// What is wrong with it.
    pub fault: PatternError,
}

/// Everything that is wrong with the lists of an agent.
#[must_use]
pub fn list_problems(allowed: &[String], denied: &[String]) -> Vec<ListProblem> {
    let check = |list: &'static str, texts: &[String]| -> Vec<ListProblem> {
        let problem = |text: &String| {
            let (text, fault) = PatternList::parse(std::slice::from_ref(text)).err()?;
            Some(ListProblem { list, text, fault })
        };
        texts.iter().filter_map(problem).collect()
    };
    let mut problems = check("allowed_tools", allowed);
    problems.extend(check("denied_tools", denied));
    problems
}

/// Trust, status and lists of one agent.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) stamp: u64,
    pub(super) trust: TrustLevel,
    pub(super) status: PrincipalStatus,
    pub(super) auto_registered: bool,
    allowed: Arc<PatternList>,
    denied: Arc<PatternList>,
}

impl Standing {
    /// Of a registered agent.
    ///
    /// Lists are checked before they are written; should the store hold one that cannot be read all the same, the
    /// agent may do nothing until somebody mends it.
    pub(super) fn of(agent: &Agent, no_list: &Arc<PatternList>) -> Self {
        let list = |texts: &[String]| {
            if texts.is_empty() {
                return Some(Arc::clone(no_list));
            }
            PatternList::parse(texts).ok().map(Arc::new)
        };
        let (allowed, denied) = (list(&agent.allowed_tools), list(&agent.denied_tools));
        let status = if allowed.is_some() && denied.is_some() {
            agent.status
        } else {
            PrincipalStatus::Suspended
        };
        Self {
            stamp: 0,
            trust: agent.trust_level,
            status,
            auto_registered: agent.auto_registered,
            allowed: allowed.unwrap_or_else(|| Arc::clone(no_list)),
            denied: denied.unwrap_or_else(|| Arc::clone(no_list)),
        }
    }

    /// Of an agent that is not registered.
    pub(super) fn unregistered(trust: TrustLevel, no_list: &Arc<PatternList>) -> Self {
        Self {
            stamp: 0,
            trust,
            status: PrincipalStatus::Active,
            auto_registered: false,
            allowed: Arc::clone(no_list),
            denied: Arc::clone(no_list),
        }
    }

    /// The agent as a principal without roles, which are the caller's.
    pub(super) fn principal(self, agent_id: AgentId) -> Principal {
        Principal {
            agent_id,
            stamp: self.stamp,
            trust: self.trust,
            status: self.status,
            allowed_tools: self.allowed,
            denied_tools: self.denied,
            roles: Roles::NONE,
            acted_by: None,
            authentication: Authentication::None,
            credential: None,
        }
    }
}
