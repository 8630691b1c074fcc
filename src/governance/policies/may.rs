//! Who may write which policy (`spec/identity.md`, "Who is calling").

use std::sync::Arc;

use crate::decision_point::{Ask, Gate};
use crate::domain::{Authentication, PolicyId, Principal, Role, Roles, Timestamp, ToolFacts};
use crate::policy::{self, Bundle, Engine, Policy, RuleAction, join, runtime_of};

use super::draft::Draft;

/// The roles that this call of `create_policy` needs.
///
/// A policy that cannot be read needs none: the tool refuses it and says what is wrong.
pub(in crate::governance) fn needs_to_create(gate: &Gate, ask: &Ask) -> Roles {
    if is_admin(&ask.principal) {
        return Roles::NONE;
    }
    match Draft::read(&ask.arguments) {
        Ok(draft) => {
            let engine = &gate.situation().engine;
            roles_for(engine, &draft.policy, &ask.principal, gate.clock().now())
        }
        Err(_) => Roles::NONE,
    }
}

/// The roles that it takes to put this policy beside those in force: none for a model on its own machine that
/// only tightens, admin for everything else.
pub(super) fn roles_for(
    live: &Engine,
    policy: &Policy,
    principal: &Principal,
    now: Timestamp,
) -> Roles {
    let local = principal.authentication == Authentication::Local;
    if is_admin(principal) || local && tightens(live, policy, now) {
        Roles::NONE
    } else {
        Roles::only(Role::Admin)
    }
}

fn is_admin(principal: &Principal) -> bool {
    principal.roles.has(Role::Admin)
}

/// Whether the policy is new and can only deny or demand an approval.
fn tightens(live: &Engine, policy: &Policy, now: Timestamp) -> bool {
    let bundle = live.bundle();
    let says = |action| policy.rules.iter().any(|rule| rule.action == action);
    if is_taken(bundle, &policy.id) || says(RuleAction::Allow) {
        return false;
    }
    // A further deny never lets anything pass. A demand for an approval may: where nothing allowed, or a deny
    // below it did not.
    if !says(RuleAction::RequireApproval) {
        return true;
    }
    let runtime = runtime_of(bundle).chain([policy]).cloned().collect();
    let Ok(joined) = join(bundle, runtime) else {
        return false;
    };
    let tools: Vec<ToolFacts> = live.tools().cloned().collect();
    let next = Engine::compile(Arc::new(joined), &tools, live.version());
    !policy::diff(live, &next, now).loosens()
}

fn is_taken(bundle: &Bundle, id: &PolicyId) -> bool {
    bundle.policies.iter().any(|policy| policy.id == *id)
}
