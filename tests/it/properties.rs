//! What must hold for any policy and any request (`spec/decision.md`, "What must be true").

use std::collections::BTreeMap;
use std::sync::Arc;

use policyguard::domain::{
    ActionRequest, ActionType, ApprovalEvidence, Integrity, OverrideEvidence, Owner,
    PrincipalStatus, Purpose, Timestamp, ToolFacts,
};
use policyguard::policy::{
    Bundle, Code, Decision, DefaultDecision, Effect, Enforcement, Engine, RuleAction, TrustSet,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::naive;
use crate::support::choices::Choices;
use crate::support::random;
use crate::support::rules::{names, pattern};

/// Requests that one random policy is asked.
const REQUESTS: usize = 20;

/// A random policy with its catalogue and the choices that are left for requests.
pub(crate) struct World {
    pub(crate) bundle: Bundle,
    catalogue: Vec<ToolFacts>,
    pub(crate) choices: Choices,
}

impl World {
    fn new(numbers: Vec<u16>) -> Self {
        let mut choices = Choices::new(numbers);
        let catalogue = random::catalogue(&mut choices);
        let bundle = random::bundle(&mut choices);
        Self {
            bundle,
            catalogue,
            choices,
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine_of(&self.bundle)
    }

    pub(crate) fn engine_of(&self, bundle: &Bundle) -> Engine {
        Engine::compile(Arc::new(bundle.clone()), &self.catalogue, 7)
    }

    fn naive(&self, request: &ActionRequest) -> naive::Naive {
        naive::decide(&self.bundle, &self.catalogue, request)
    }

    /// The tool that the request is about; a target of another type of action is none, even by a tool's name.
    fn tool(&self, request: &ActionRequest) -> Option<&ToolFacts> {
        let is_tool =
            request.purpose != Purpose::Question || request.action == ActionType::ToolCall;
        let mut tools = self.catalogue.iter().filter(|_| is_tool);
        tools.find(|tool| tool.name == request.resource.name)
    }
}

/// Whether the long suite was asked for.
fn long() -> bool {
    std::env::var("POLICYGUARD_LONG_TESTS").is_ok_and(|value| value == "1")
}

/// Runs the property on so many random worlds; a failure is shrunk and shown with its choices.
#[track_caller]
pub(crate) fn check(worlds: u32, property: impl Fn(&mut World) -> Result<(), String>) {
    let cases = if long() { worlds * 100 } else { worlds };
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let numbers = proptest::collection::vec(proptest::num::u16::ANY, 1400);
    let result = runner.run(&numbers, |numbers| {
        property(&mut World::new(numbers)).map_err(TestCaseError::fail)
    });
    if let Err(fault) = result {
        let fault = fault.to_string();
        panic!("{}", fault.chars().take(20_000).collect::<String>());
    }
}

/// The request, and again with the evidence that its answer asks for, as long as that changes something.
fn with_evidence(engine: &Engine, request: ActionRequest) -> Vec<(Arc<ActionRequest>, Decision)> {
    let mut all = Vec::new();
    let mut request = Arc::new(request);
    for _ in 0..4 {
        let decision = engine.decide(&request);
        let rule = decision.determined_by().map(|rule| rule.digest);
        let mut next = (*request).clone();
        match decision.effect() {
            Effect::Allow => {}
            Effect::RequireApproval => {
                let rule = rule.expect("a demand names its rule");
                next.context.approval = Some(ApprovalEvidence::Approved { rule });
            }
            Effect::Deny => {
                let by_rule = [Code::RuleDeny, Code::ConstraintViolated].contains(&decision.code());
                let rule = rule.filter(|_| by_rule);
                let code = decision.code().as_str().into();
                next.context.overrides.push(OverrideEvidence { code, rule });
            }
        }
        let done = decision.effect() == Effect::Allow;
        all.push((request, decision));
        if done {
            break;
        }
        request = Arc::new(next);
    }
    all
}

fn show(bundle: &Bundle, request: &ActionRequest) -> String {
    format!(
        "{request:?}\npolicies {:?}\nmodes {:?}\nconstraints {:?}\nresources {:?} {:?}",
        bundle.policies,
        bundle.modes,
        bundle.constraints,
        bundle.operations,
        bundle.resource_policies
    )
}

#[test]
fn the_engine_equals_the_naive_evaluator_and_every_code_is_reached() {
    let seen = std::cell::RefCell::new(BTreeMap::<Code, usize>::new());
    let pairs = std::cell::Cell::new(0_usize);
    check(500, |world| {
        let engine = world.engine();
        for _ in 0..REQUESTS {
            let request = random::request(&mut world.choices);
            for (request, decision) in with_evidence(&engine, request) {
                *seen.borrow_mut().entry(decision.code()).or_default() += 1;
                pairs.set(pairs.get() + 1);
                let naive = world.naive(&request);
                let digest = decision.determined_by().map(|rule| rule.digest);
                // Windows of hours have digests too, which no evidence names.
                let digest = digest.filter(|_| decision.code() != Code::OutsideHours);
                let same = naive.effect == decision.effect()
                    && naive.code == decision.code()
                    && naive.rule == digest
                    && naive.lifted == decision.overrides_used().count()
                    && naive
                        .reason
                        .as_ref()
                        .is_none_or(|reason| reason == decision.reason());
                if !same {
                    return Err(format!(
                        "naive {naive:?}\nengine {decision:?}\n{}",
                        show(&world.bundle, &request)
                    ));
                }
                if (decision.effect() == Effect::Deny)
                    != (decision.remedy().is_some() && decision.effect() != Effect::RequireApproval)
                {
                    return Err(format!("a denial says what would change it: {decision:?}"));
                }
            }
        }
        Ok(())
    });
    let seen = seen.into_inner();
    println!("{} pairs: {seen:?}", pairs.get());
    let missing: Vec<&Code> = Code::ALL
        .iter()
        .filter(|code| !seen.contains_key(code))
        .collect();
    assert!(missing.is_empty(), "no request reached {missing:?}");
    assert!(pairs.get() >= 10_000, "only {} pairs", pairs.get());
}

#[test]
fn an_added_deny_never_allows_more_and_an_added_allow_never_beats_the_stages_before_the_rules() {
    let early = |code: Code| code < Code::RuleDeny;
    check(150, |world| {
        let added = loop_for_rule(&mut world.choices);
        let (before, after) = (
            world.engine(),
            world.engine_of(&with_rule(&world.bundle, added.clone())),
        );
        for _ in 0..REQUESTS {
            let request = random::request(&mut world.choices);
            for (request, old) in with_evidence(&before, request) {
                let new = after.decide(&request);
                let loosened = added.action == RuleAction::Deny
                    && old.effect() != Effect::Allow
                    && new.effect() == Effect::Allow;
                let beaten = added.action == RuleAction::Allow
                    && early(old.code())
                    && new.code() != old.code();
                if loosened || beaten {
                    return Err(format!(
                        "{old:?}\n{new:?}\n{added:?}\n{}",
                        show(&world.bundle, &request)
                    ));
                }
            }
        }
        Ok(())
    });
}

/// A rule that allows or denies.
fn loop_for_rule(choices: &mut Choices) -> policyguard::policy::Rule {
    let mut rule = random::random_rule(choices);
    if rule.action == RuleAction::RequireApproval {
        rule.action = RuleAction::Deny;
    }
    rule.require.clear();
    rule
}

fn with_rule(bundle: &Bundle, rule: policyguard::policy::Rule) -> Bundle {
    let mut bundle = bundle.clone();
    bundle
        .policies
        .push(crate::support::rules::policy("added", 100, vec![rule]));
    bundle
}

#[test]
fn the_order_of_files_lists_rules_and_keys_never_changes_a_decision() {
    check(150, |world| {
        let mut shuffled = world.bundle.clone();
        shuffled.policies.reverse();
        shuffled.constraints.reverse();
        shuffled.resource_policies.reverse();
        shuffled.time_restrictions.reverse();
        let mut rules_reversed = shuffled.clone();
        for policy in &mut rules_reversed.policies {
            policy.rules.reverse();
            for (index, rule) in policy.rules.iter_mut().enumerate() {
                rule.index = index;
            }
        }
        let engines = [
            world.engine(),
            world.engine_of(&shuffled),
            world.engine_of(&rules_reversed),
        ];
        for _ in 0..REQUESTS {
            let mut request = random::request(&mut world.choices);
            let first = engines[0].decide(&Arc::new(request.clone()));
            let mut keys: Vec<_> = request.arguments.0.clone().into_iter().collect();
            keys.reverse();
            request.arguments.0 = keys.into_iter().collect();
            let second = engines[1].decide(&Arc::new(request.clone()));
            let same = first.effect() == second.effect()
                && first.code() == second.code()
                && first.determined_by() == second.determined_by()
                && (first.reason() == second.reason() || !first.problems().is_empty());
            if !same {
                return Err(format!(
                    "{first:?}\n{second:?}\n{}",
                    show(&world.bundle, &request)
                ));
            }
            // Ties at one priority are named by index, and evidence names a rule.
            request.context.approval = None;
            request.context.overrides.clear();
            let request = Arc::new(request);
            let (second, third) = (engines[1].decide(&request), engines[2].decide(&request));
            if second.effect() != third.effect() {
                return Err(format!(
                    "{second:?}\n{third:?}\n{}",
                    show(&world.bundle, &request)
                ));
            }
        }
        Ok(())
    });
}

#[test]
fn always_blocked_wins_with_every_mode_trust_approval_and_override() {
    check(150, |world| {
        let mut bundle = world.bundle.clone();
        bundle.always_blocked = names(&["delete_*", "restart_service", "create_policy", "read_*"]);
        let engine = world.engine_of(&bundle);
        for _ in 0..REQUESTS {
            let request = random::request(&mut world.choices);
            let name = request.resource.name.clone();
            let tool = world.tool(&request);
            let gateway = tool.is_some_and(|tool| tool.owner == Owner::Gateway);
            let blocked = if gateway {
                &*name == "create_policy"
            } else {
                bundle.always_blocked.matches(&name)
            };
            for (request, decision) in with_evidence(&engine, request) {
                if blocked && decision.code() > Code::AlwaysBlocked {
                    return Err(format!("{decision:?}\n{}", show(&bundle, &request)));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_allowed_holds_to_schema_and_constraints_also_with_evidence() {
    check(150, |world| {
        let engine = world.engine();
        for _ in 0..REQUESTS {
            let mut request = random::request(&mut world.choices);
            request.arguments = engine.complete(&request.resource.name, request.arguments);
            for (request, decision) in with_evidence(&engine, request) {
                if decision.effect() != Effect::Allow {
                    continue;
                }
                let value = serde_json::Value::Object(request.arguments.0.clone());
                let tool = world.tool(&request);
                let fits = tool.is_none_or(|tool| jsonschema::is_valid(&tool.input_schema, &value));
                let way_back = ["set_mode", "get_policy_status", "rollback_policy"];
                let free = tool.is_some() && way_back.contains(&&*request.resource.name);
                let name = &request.resource.name;
                let matching = world
                    .bundle
                    .constraints
                    .iter()
                    .filter(|c| c.tools.matches(name));
                let holds = matching
                    .flat_map(|c| &c.parameters)
                    .all(|(name, parameter)| {
                        let value = request.arguments.get(name);
                        naive::parameter_fits(parameter, value, &request.context.values)
                    });
                if !fits || !(holds || free) {
                    return Err(format!("{decision:?}\n{}", show(&world.bundle, &request)));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_tool_that_is_not_shown_is_denied_in_every_mode_at_every_time_and_with_any_evidence() {
    let hidden = std::cell::RefCell::new(BTreeMap::<Code, usize>::new());
    let shown = std::cell::Cell::new(0_usize);
    check(400, |world| {
        // Denies that no override lifts are rare otherwise, and the only rules that hide.
        let mut last = random::random_policy(&mut world.choices, "last");
        for rule in &mut last.rules {
            rule.action = RuleAction::Deny;
            rule.overridable = false;
            rule.condition.trust = TrustSet::ANY;
        }
        world.bundle.policies.push(last);
        let engine = world.engine();
        for _ in 0..REQUESTS {
            let request = random::request(&mut world.choices);
            let (name, principal) = (request.resource.name.clone(), &request.principal);
            if world.tool(&request).is_none() {
                continue;
            }
            if engine.is_shown(&name, principal) {
                shown.set(shown.get() + 1);
                continue;
            }
            for request in at_other_times(&world.bundle, &request) {
                for (request, decision) in with_evidence(&engine, request) {
                    let codes = &mut *hidden.borrow_mut();
                    *codes.entry(decision.code()).or_default() += 1;
                    let naive = world.naive(&request);
                    if (decision.effect(), naive.effect) != (Effect::Deny, Effect::Deny) {
                        let shown = show(&world.bundle, &request);
                        return Err(format!("hidden, but {decision:?}\n{naive:?}\n{shown}"));
                    }
                }
            }
        }
        Ok(())
    });
    let hidden = hidden.into_inner();
    println!("{} shown; hidden ones denied: {hidden:?}", shown.get());
    let reasons = [
        Code::Quarantined,
        Code::AlwaysBlocked,
        Code::AgentDeniedTools,
        Code::AgentAllowedTools,
        Code::RoleRequired,
        Code::RuleDeny,
    ];
    assert!(
        reasons.iter().all(|code| hidden.contains_key(code)),
        "every reason to hide was met: {hidden:?}"
    );
    assert!(shown.get() > 1000, "only {} shown", shown.get());
}

/// The same call in each mode of the bundle, before, at and after the instant where dates begin and end, by an agent
/// that is not suspended under a gateway that is not locked.
fn at_other_times(bundle: &Bundle, request: &ActionRequest) -> Vec<ActionRequest> {
    let mut all = Vec::new();
    for mode in bundle.modes.keys() {
        for now in ["11:59:59", "12:00:00", "23:00:00"] {
            let mut other = request.clone();
            other.context.mode = mode.clone();
            other.context.now = Timestamp::parse(&format!("2026-11-21T{now}Z")).unwrap();
            other.context.lockdown = false;
            other.context.integrity = Integrity::Ok;
            other.principal.status = PrincipalStatus::Active;
            all.push(other);
        }
    }
    all
}

#[test]
fn shadow_policies_never_change_an_answer_and_flips_says_whether_they_would() {
    check(150, |world| {
        let mut watched = world.bundle.clone();
        watched
            .policies
            .retain(|policy| policy.enforcement == Enforcement::Enforce);
        let plain = world.engine_of(&watched);
        let mut shadow = random::random_policy(&mut world.choices, "watching");
        shadow.enabled = true;
        shadow.enforcement = Enforcement::Shadow;
        watched.policies.push(shadow);
        let with_shadow = world.engine_of(&watched);
        watched.policies.last_mut().unwrap().enforcement = Enforcement::Enforce;
        let enforced = world.engine_of(&watched);
        for _ in 0..REQUESTS {
            let request = random::request(&mut world.choices);
            for (request, before) in with_evidence(&plain, request) {
                let explained = with_shadow.explain(&request);
                let would = enforced.decide(&request);
                let unchanged = (explained.effect, explained.code)
                    == (before.effect(), before.code())
                    && explained.reason == before.reason();
                let flips = explained.shadow.iter().any(|shadow| shadow.flips);
                let truly = would.effect() != before.effect();
                let told = explained
                    .shadow
                    .iter()
                    .all(|s| (s.effect, s.code) == (would.effect(), would.code()));
                if !unchanged || flips != truly || !told {
                    return Err(format!(
                        "{explained:?}\n{would:?}\n{}",
                        show(&watched, &request)
                    ));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn what_an_override_allows_is_allowed_without_what_it_lifted() {
    let lifted = std::cell::RefCell::new(BTreeMap::<String, usize>::new());
    check(200, |world| {
        let engine = world.engine();
        for _ in 0..REQUESTS {
            let request = random::request(&mut world.choices);
            for (request, decision) in with_evidence(&engine, request) {
                if decision.code() != Code::Override {
                    continue;
                }
                let mut bundle = world.bundle.clone();
                let mut bare = (*request).clone();
                for evidence in decision.overrides_used() {
                    *lifted
                        .borrow_mut()
                        .entry(evidence.code.to_string())
                        .or_default() += 1;
                    remove(&mut bundle, &mut bare, evidence);
                }
                bare.context.overrides.clear();
                let bare_engine = world.engine_of(&bundle);
                let mut again = bare_engine.decide(&Arc::new(bare.clone()));
                // A resource policy whose denial was taken away has another digest, which the approval must name.
                let section = again
                    .determined_by()
                    .filter(|rule| rule.policy.as_str() == "resource_policies");
                if let Some(rule) = section.filter(|_| decision.approval_used()) {
                    bare.context.approval = Some(ApprovalEvidence::Approved { rule: rule.digest });
                    again = bare_engine.decide(&Arc::new(bare));
                }
                if again.effect() != Effect::Allow || again.code() == Code::Override {
                    return Err(format!(
                        "{decision:?}\n{again:?}\n{}",
                        show(&world.bundle, &request)
                    ));
                }
            }
        }
        Ok(())
    });
    let lifted = lifted.into_inner();
    println!("lifted: {lifted:?}");
    assert_eq!(
        lifted.len(),
        9,
        "every code that may be lifted was: {lifted:?}"
    );
}

/// Takes away what the evidence lifted, and nothing else.
fn remove(bundle: &mut Bundle, request: &mut ActionRequest, evidence: &OverrideEvidence) {
    // A target may hold a space, which no pattern does; nothing else is asked of this bundle, so that all names do.
    let name = &*request.resource.name;
    let name = policyguard::domain::Pattern::parse(name).map_or("*", |_| name);
    let mode = bundle.modes.get_mut(&request.context.mode);
    match &*evidence.code {
        "mode_blocked" => {
            let list = mode
                .and_then(|mode| mode.blocked_tools.as_mut())
                .expect("the list that blocked");
            list.exclude.push(pattern(name));
        }
        "mode_not_listed" => {
            let list = &mut mode.expect("the mode").reachable_tools;
            let list = list.get_or_insert_with(Default::default);
            list.include.extend(names(&[name]).include);
            list.exclude.clear();
        }
        "service_healthy" => mode.expect("the mode").service_restrictions = false,
        "out_of_scope" => request.context.incident_scope = None,
        "outside_hours" => bundle.time_restrictions.clear(),
        "resource_denied" => {
            for policy in &mut bundle.resource_policies {
                policy.blocked_operations.clear();
                policy.allowed_operations = None;
            }
        }
        "default_deny" => bundle.default_decision = DefaultDecision::Allow,
        "rule_deny" | "constraint_violated" => {
            for policy in &mut bundle.policies {
                policy
                    .rules
                    .retain(|rule| Some(rule.digest) != evidence.rule);
            }
        }
        code => panic!("{code} is never lifted"),
    }
}

#[test]
fn leaving_out_or_retyping_an_argument_never_gives_less_than_some_value_would() {
    check(150, |world| {
        let engine = world.engine();
        for _ in 0..REQUESTS {
            let request = random::request(&mut world.choices);
            let name = world.choices.one(&["count", "service_name", "db_name"]);
            let decide_with = |value: Option<&serde_json::Value>| {
                let mut request = request.clone();
                match value {
                    Some(value) => drop(request.arguments.0.insert(name.to_owned(), value.clone())),
                    None => drop(request.arguments.0.remove(name)),
                }
                engine.decide(&Arc::new(request))
            };
            // An argument that is optional, and that no value of ours fits, is no reason to deny once it is gone.
            let declared = declares(world, &request, name);
            let is_taken = |decision: &Decision| {
                let by_values = [Code::InvalidParameters, Code::ConstraintViolated];
                let by_service = [Code::ServiceHealthy, Code::OutOfScope];
                !by_values.contains(&decision.code())
                    && (declared || !by_service.contains(&decision.code()))
            };
            let well_typed = random::well_typed(name);
            let decisions = well_typed.iter().map(|value| decide_with(Some(value)));
            let Some(least) = decisions
                .filter(is_taken)
                .map(|decision| decision.effect())
                .min()
            else {
                continue;
            };
            let ill_typed = random::ill_typed();
            let tried = std::iter::once(None).chain(ill_typed.iter().map(Some));
            for value in tried {
                let fits_type = value.is_some_and(|value| {
                    value.is_string() && name != "count" || value.is_number() && name == "count"
                });
                if !fits_type && decide_with(value).effect() < least {
                    let shown = show(&world.bundle, &request);
                    return Err(format!(
                        "{name} = {value:?} gives less than {least:?}\n{shown}"
                    ));
                }
            }
        }
        Ok(())
    });
}

/// Whether the tool's schema or a constraint names the parameter.
fn declares(world: &World, request: &ActionRequest, parameter: &str) -> bool {
    let by_schema = world
        .tool(request)
        .is_some_and(|tool| !tool.input_schema["properties"][parameter].is_null());
    let name = &request.resource.name;
    let mut matching = world
        .bundle
        .constraints
        .iter()
        .filter(|c| c.tools.matches(name));
    by_schema || matching.any(|c| c.parameters.contains_key(parameter))
}

#[test]
fn an_explanation_gives_the_decision_itself() {
    check(50, |world| {
        let engine = world.engine();
        for _ in 0..REQUESTS {
            let request = random::request(&mut world.choices);
            for (request, decision) in with_evidence(&engine, request) {
                let explained = engine.explain(&request);
                let same = (explained.effect, explained.code)
                    == (decision.effect(), decision.code())
                    && explained.reason == decision.reason()
                    && explained.problems == decision.problems()
                    && explained.remedy.as_ref() == decision.remedy();
                let by_rule =
                    decision.code() == Code::RuleAllow || decision.code() == Code::RuleDeny;
                let named =
                    !by_rule || explained.rules.iter().filter(|rule| rule.decided).count() == 1;
                if !same || !named {
                    return Err(format!(
                        "{decision:?}\n{explained}\n{}",
                        show(&world.bundle, &request)
                    ));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn random_values_are_built_from_every_stream_of_choices() {
    let mut runner = TestRunner::deterministic();
    let numbers = proptest::collection::vec(proptest::num::u16::ANY, 0..40);
    let tree = numbers.new_tree(&mut runner).expect("a stream");
    let mut world = World::new(tree.current());
    let engine = world.engine();
    let request = Arc::new(random::request(&mut world.choices));
    assert_eq!(engine.decide(&request).policy_version(), 7);
}
