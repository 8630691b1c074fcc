//! The order of decisions, written plainly from the specification: no index, no plan, no mask, no sharing with the
//! engine beyond the model of policies. Slow, and kept for ever: `properties.rs` holds the engine against it.

use std::collections::BTreeMap;

use policyguard::domain::{
    ActionRequest, ActionType, ApprovalEvidence, Arguments, Authentication, Digest, Health,
    Integrity, Owner, PrincipalStatus, Purpose, Roles, ToolFacts, ValueList, check_run_name,
    check_target, check_tool_name,
};
use policyguard::policy::{
    Additional, ArgumentTest, Bundle, Code, DefaultDecision, Effect, Enforcement, NamePatterns,
    Parameter, ParameterType, Policy, ResourceName, ResourcePolicy, Rule, RuleAction, TestOperator,
};
use serde_json::Value;

/// What the naive evaluator says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Naive {
    pub(crate) effect: Effect,
    pub(crate) code: Code,
    /// The digest of the rule or resource policy that decided or asks.
    pub(crate) rule: Option<Digest>,
    /// The reason, where clients match on its words.
    pub(crate) reason: Option<String>,
    /// How many overrides were used up.
    pub(crate) lifted: usize,
}

const WAY_BACK: [&str; 6] = [
    "set_mode",
    "set_lockdown",
    "get_policy_status",
    "rollback_policy",
    "suspend_agent",
    "reinstate_agent",
];

/// Decides the request by the bundle and the catalogue.
pub(crate) fn decide(bundle: &Bundle, catalogue: &[ToolFacts], request: &ActionRequest) -> Naive {
    let is_tool = request.purpose != Purpose::Question || request.action == ActionType::ToolCall;
    let tool = catalogue
        .iter()
        .find(|tool| is_tool && *tool.name == *request.resource.name);
    let mut walk = Walk {
        bundle,
        request,
        tool,
        used: Vec::new(),
        asks: Vec::new(),
    };
    let mut answer = walk.walk().unwrap_or_else(|denial| denial);
    answer.lifted = walk.used.len();
    answer
}

struct Walk<'a> {
    bundle: &'a Bundle,
    request: &'a ActionRequest,
    tool: Option<&'a ToolFacts>,
    /// Places of overrides that lifted something.
    used: Vec<usize>,
    /// Demands for approval: digest, quorum, reason; those of rules in the order of decision, then of resources.
    asks: Vec<(Digest, u32, String)>,
}

fn deny(code: Code, reason: impl Into<Option<String>>) -> Naive {
    Naive {
        effect: Effect::Deny,
        code,
        rule: None,
        reason: reason.into(),
        lifted: 0,
    }
}

/// Three-valued: `None` is undecidable.
type Truth = Option<bool>;

fn all(leaves: &[Truth]) -> Truth {
    if leaves.contains(&Some(false)) {
        Some(false)
    } else if leaves.contains(&None) {
        None
    } else {
        Some(true)
    }
}

impl Walk<'_> {
    fn name(&self) -> &str {
        &self.request.resource.name
    }

    fn is_gateway(&self) -> bool {
        self.tool.is_some_and(|tool| tool.owner == Owner::Gateway)
    }

    fn is_way_back(&self) -> bool {
        self.is_gateway() && WAY_BACK.contains(&self.name())
    }

    fn modifies(&self) -> bool {
        self.tool.is_none_or(|tool| tool.class.modifies())
    }

    /// Whether a list of the policy touches the tool.
    fn touched_by(&self, list: &NamePatterns) -> bool {
        if self.is_way_back() {
            false
        } else if self.is_gateway() {
            list.names_exactly(self.name())
        } else {
            list.matches(self.name())
        }
    }

    fn lift(&mut self, code: Code, rule: Option<Digest>) -> bool {
        let overrides = &self.request.context.overrides;
        for (place, evidence) in overrides.iter().enumerate() {
            let fits = *evidence.code == *code.as_str() && evidence.rule == rule;
            if fits && !self.used.contains(&place) {
                self.used.push(place);
                return true;
            }
        }
        false
    }

    fn walk(&mut self) -> Result<Naive, Naive> {
        self.stages_1_to_3()?;
        self.stages_4_to_7()?;
        self.stages_8_and_9()?;
        self.stage_9a()?;
        self.stage_9b()?;
        self.stage_9c()?;
        let granted = self.stages_10_and_11()?;
        self.stage_12()?;
        if self.request.context.quota.is_some() {
            return Err(deny(Code::RateLimited, None));
        }
        self.stage_14(granted)
    }

    fn stages_1_to_3(&self) -> Result<(), Naive> {
        let (name, context) = (self.name(), &self.request.context);
        let towards_default = self.request.arguments.get("mode").and_then(Value::as_str)
            == Some(self.bundle.default_mode.as_str());
        let mends = ["rollback_policy", "activate_policy"].contains(&name);
        let safe = self
            .tool
            .is_some_and(|tool| tool.owner == Owner::Gateway && tool.safety)
            && (name != "set_mode" || towards_default);
        if context.lockdown && (!safe || mends) {
            return Err(deny(Code::Lockdown, None));
        }
        if context.integrity == Integrity::Failed && !safe && !(self.is_gateway() && mends) {
            return Err(deny(Code::Integrity, None));
        }
        let valid = match (self.request.purpose, &self.request.action) {
            (Purpose::Run | Purpose::DryRun, _) => check_run_name(name).is_ok(),
            (Purpose::Question, ActionType::ToolCall) => check_tool_name(name).is_ok(),
            (Purpose::Question, _) => check_target(name).is_ok(),
        };
        if !valid {
            return Err(deny(Code::InvalidName, None));
        }
        if self.request.purpose != Purpose::Question && self.tool.is_none() {
            let mode = &context.mode;
            let reason = format!(
                "Tool '{name}' is not in the allowed list for {mode} mode: there is no such tool"
            );
            return Err(deny(Code::UnknownTool, reason));
        }
        if self.tool.is_some_and(|tool| tool.quarantined) {
            return Err(deny(Code::Quarantined, None));
        }
        let principal = &self.request.principal;
        if principal.status == PrincipalStatus::Suspended {
            let reason = format!("Agent '{}' is suspended", principal.agent_id);
            return Err(deny(Code::AgentSuspended, reason));
        }
        if principal.authentication == Authentication::None {
            return Err(deny(Code::Unauthenticated, None));
        }
        Ok(())
    }

    fn stages_4_to_7(&self) -> Result<(), Naive> {
        let (name, principal) = (self.name(), &self.request.principal);
        if self.touched_by(&self.bundle.always_blocked) {
            let reason = format!("Tool '{name}' is globally blocked and can never be executed");
            return Err(deny(Code::AlwaysBlocked, reason));
        }
        let reads = match self.tool {
            Some(tool) => !tool.class.modifies(),
            None => self.request.action == ActionType::DataRead,
        };
        let exempt = self.is_gateway() || reads && self.bundle.protected_allow_read;
        if !exempt && self.reaches_protected() {
            return Err(deny(Code::ProtectedPath, None));
        }
        let agent = &principal.agent_id;
        let named = |pattern: &policyguard::domain::Pattern| {
            pattern.matches(name) && (!self.is_gateway() || pattern.exact().is_some())
        };
        if principal.denied_tools.patterns().iter().any(named) {
            let reason = format!("Tool '{name}' is explicitly denied for agent '{agent}'");
            return Err(deny(Code::AgentDeniedTools, reason));
        }
        let allowed = &principal.allowed_tools;
        let restricts = !allowed.is_empty() && !allowed.is_any() && !self.is_gateway();
        if restricts && !allowed.matches(name) {
            let reason = format!("Tool '{name}' is not in allowed list for agent '{agent}'");
            return Err(deny(Code::AgentAllowedTools, reason));
        }
        let needs = self.tool.map_or(Roles::NONE, |tool| tool.needs);
        if needs != Roles::NONE && !needs.meets(principal.roles) {
            return Err(deny(Code::RoleRequired, None));
        }
        Ok(())
    }

    /// Any text in the arguments, or the target of another type of action, that means a protected path.
    fn reaches_protected(&self) -> bool {
        let mut texts = Vec::new();
        for value in self.request.arguments.0.values() {
            collect_texts(value, &mut texts);
        }
        if self.tool.is_none() && self.request.action != ActionType::ToolCall {
            texts.push(self.name().to_owned());
        }
        let guards = &self.bundle.protected_paths;
        texts.iter().map(|text| plain_path(text)).any(|path| {
            guards.iter().any(|guard| {
                let guard = guard.as_str().trim_start_matches('/').to_ascii_lowercase();
                let folder = guard.trim_end_matches("/*");
                path == folder || path.starts_with(&format!("{folder}/"))
            })
        })
    }

    fn stages_8_and_9(&mut self) -> Result<(), Naive> {
        let (name, mode) = (self.name().to_owned(), self.request.context.mode.clone());
        let not_listed = || {
            let reason = format!("Tool '{name}' is not in the allowed list for {mode} mode");
            Err(deny(Code::ModeNotListed, reason))
        };
        let Some(rules) = self.bundle.modes.get(&mode) else {
            return if self.is_gateway() {
                Ok(())
            } else {
                not_listed()
            };
        };
        let blocked = rules
            .blocked_tools
            .as_ref()
            .is_some_and(|list| self.touched_by(list));
        if blocked && !self.lift(Code::ModeBlocked, None) {
            let why = &rules.rationale;
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(". Rationale: {why}")
            };
            let reason = format!("Tool '{name}' is blocked in {mode} mode{why}");
            return Err(deny(Code::ModeBlocked, reason));
        }
        let lists = [
            &rules.allowed_tools,
            &rules.blocked_tools,
            &rules.reachable_tools,
        ];
        if self.is_gateway() || lists.iter().all(|list| list.is_none()) {
            return Ok(());
        }
        let has = |list: &Option<NamePatterns>| list.as_ref().is_some_and(|l| l.matches(&name));
        let listed = has(&rules.allowed_tools) || has(&rules.reachable_tools);
        if listed || self.lift(Code::ModeNotListed, None) {
            Ok(())
        } else {
            not_listed()
        }
    }

    fn stage_9a(&mut self) -> Result<(), Naive> {
        let (mode, name) = (&self.request.context.mode, self.name());
        let restricted = self
            .bundle
            .modes
            .get(mode)
            .is_some_and(|rules| rules.service_restrictions);
        let sent = self.request.arguments.get("service_name");
        let of_schema =
            |tool: &ToolFacts| !tool.input_schema["properties"]["service_name"].is_null();
        let mut constraints = self
            .bundle
            .constraints
            .iter()
            .filter(|c| c.tools.matches(name));
        let declared = self.tool.is_some_and(of_schema)
            || constraints.any(|c| c.parameters.contains_key("service_name"));
        let modifies = match self.tool {
            Some(_) => self.modifies() && !self.is_gateway(),
            None => self.request.action != ActionType::DataRead,
        };
        if !restricted || !modifies || (sent.is_none() && !declared) {
            return Ok(());
        }
        let Some(service) = sent.and_then(Value::as_str) else {
            self.or_lifted(Code::ServiceHealthy, None, None)?;
            let scoped = self.request.context.incident_scope.is_some();
            return if scoped {
                self.or_lifted(Code::OutOfScope, None, None)
            } else {
                Ok(())
            };
        };
        let context = &self.request.context;
        let health = context.service_health.get(service);
        if !matches!(health, Some(Health::Degraded | Health::Critical)) {
            let reason = format!(
                "Service '{service}' is healthy: {mode} mode allows changes to unhealthy services only"
            );
            let reason = health.is_some().then_some(reason);
            self.or_lifted(Code::ServiceHealthy, None, reason)?;
        }
        let outside = context
            .incident_scope
            .as_ref()
            .is_some_and(|s| !s.iter().any(|n| n == service));
        if outside {
            let reason = format!("Service '{service}' is outside the incident scope");
            self.or_lifted(Code::OutOfScope, None, Some(reason))?;
        }
        Ok(())
    }

    fn or_lifted(
        &mut self,
        code: Code,
        rule: Option<Digest>,
        reason: Option<String>,
    ) -> Result<(), Naive> {
        if self.lift(code, None) {
            Ok(())
        } else {
            Err(Naive {
                rule,
                ..deny(code, reason)
            })
        }
    }

    fn stage_9b(&mut self) -> Result<(), Naive> {
        let mut windows: Vec<_> = self.bundle.time_restrictions.iter().collect();
        windows.sort_by_key(|window| {
            let names: Vec<&str> = window
                .tools
                .include
                .iter()
                .map(|e| e.pattern.as_str())
                .collect();
            (names.join(","), window.hours, window.timezone.clone())
        });
        for window in windows {
            if !self.touched_by(&window.tools) {
                continue;
            }
            let local = self
                .request
                .context
                .now
                .as_jiff()
                .in_tz(&window.timezone)
                .unwrap();
            if window.hours & (1 << local.hour()) == 0 {
                let (name, zone) = (self.name(), &window.timezone);
                let clock = local.strftime("%H:%M");
                let reason = format!("Tool '{name}' not allowed at {clock} {zone}");
                if !self.lift(Code::OutsideHours, None) {
                    return Err(deny(Code::OutsideHours, reason));
                }
            }
        }
        Ok(())
    }

    fn stage_9c(&mut self) -> Result<(), Naive> {
        let Some((resource, operations)) = self.resource_and_operations() else {
            return Ok(());
        };
        let mut policies: Vec<&ResourcePolicy> = self.bundle.resource_policies.iter().collect();
        policies.sort_by_key(|policy| (policy.resources.as_str().to_owned(), policy.digest()));
        for policy in policies {
            if resource
                .as_ref()
                .is_some_and(|name| !policy.resources.matches(name))
            {
                continue;
            }
            let same =
                |a: &str, b: &Option<String>| b.as_ref().is_none_or(|b| a.eq_ignore_ascii_case(b));
            let listed = |operation: &Option<String>, list: &std::collections::BTreeSet<String>| {
                operation
                    .as_ref()
                    .is_some_and(|operation| list.contains(operation))
            };
            let denied = operations.iter().any(|operation| {
                policy
                    .blocked_operations
                    .iter()
                    .any(|one| same(one, operation))
                    || policy.allowed_operations.as_ref().is_some_and(|allowed| {
                        !listed(operation, allowed) && !listed(operation, &policy.require_approval)
                    })
            });
            if denied {
                self.or_lifted(Code::ResourceDenied, Some(policy.digest()), None)?;
            }
            let asked = operations.iter().any(|operation| {
                policy
                    .require_approval
                    .iter()
                    .any(|one| same(one, operation))
            });
            if asked {
                self.asks
                    .push((policy.digest(), 1, "Operation not approved".to_owned()));
            }
        }
        Ok(())
    }

    /// The resource (`None`: any) and the operations (`None`: any) that the call means.
    fn resource_and_operations(&self) -> Option<(Option<String>, Vec<Option<String>>)> {
        if self.is_way_back() {
            return None;
        }
        let arguments = &self.request.arguments;
        let text = |name: &str| {
            arguments
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        if self.tool.is_some() || self.request.action == ActionType::ToolCall {
            let mut all = self.bundle.operations.iter();
            let (_, map) = all.find(|(tool, _)| tool.eq_ignore_ascii_case(self.name()))?;
            let resource = match &map.resource {
                ResourceName::Fixed(name) => Some(name.clone()),
                ResourceName::Argument(argument) => text(argument),
            };
            return Some((resource, vec![Some(map.operation.clone())]));
        }
        let operations: &[&str] = match self.request.action {
            ActionType::DataRead => &["read"],
            ActionType::DataWrite => &["write"],
            ActionType::ResourceAccess => &["read", "write"],
            ActionType::ToolCall | ActionType::Other(_) => return None,
        };
        let operations = match arguments.get("operation") {
            None => operations
                .iter()
                .map(|one| Some((*one).to_owned()))
                .collect(),
            Some(_) => vec![text("operation")],
        };
        Some((Some(self.name().to_owned()), operations))
    }

    /// Every rule that fires, sorted; the code and digest of what is allowed in the end.
    fn stages_10_and_11(&mut self) -> Result<(Code, Option<Digest>, Option<String>), Naive> {
        let mut firing: Vec<(i64, u8, &str, usize, Fired<'_>)> = Vec::new();
        for policy in self
            .bundle
            .policies
            .iter()
            .filter(|policy| self.takes_part(policy))
        {
            for rule in &policy.rules {
                let truth = self.condition(rule);
                if truth != Some(false) {
                    let fired = self.fired(policy, rule, truth.is_none());
                    firing.extend(fired.map(|f| {
                        (
                            -policy.priority,
                            f.severity,
                            policy.id.as_str(),
                            rule.index,
                            f,
                        )
                    }));
                }
            }
        }
        firing.sort_by(|a, b| (a.0, a.1, a.2, a.3).cmp(&(b.0, b.1, b.2, b.3)));
        let floors = std::mem::take(&mut self.asks);
        let mut decided = None;
        for (.., fired) in firing {
            match fired.says {
                RuleAction::Deny => self.denied(&fired)?,
                RuleAction::RequireApproval => {
                    let ask = (fired.rule.digest, fired.rule.approval.quorum, fired.reason);
                    self.asks.push(ask);
                    if !fired.undecidable {
                        decided = Some((Code::Approved, None, None));
                        break;
                    }
                }
                RuleAction::Allow => {
                    decided = Some((
                        Code::RuleAllow,
                        Some(fired.rule.digest),
                        fired.rule.message.as_ref().map(ToString::to_string),
                    ));
                    break;
                }
            }
        }
        // Resource policies were asked first, so that of equal quorums theirs stays.
        self.asks.splice(0..0, floors);
        match decided {
            Some(decided) => Ok(decided),
            None => self.stage_11(),
        }
    }

    fn takes_part(&self, policy: &Policy) -> bool {
        let now = self.request.context.now;
        policy.enabled
            && policy.enforcement == Enforcement::Enforce
            && policy.effective_from.is_none_or(|from| from <= now)
            && policy.expires_at.is_none_or(|until| now < until)
    }

    fn fired<'r>(&self, policy: &Policy, rule: &'r Rule, undecidable: bool) -> Option<Fired<'r>> {
        let arguments = &self.request.arguments;
        let values = &self.request.context.values;
        let holds = rule
            .require
            .iter()
            .all(|(n, p)| parameter_fits(p, arguments.get(n), values));
        let denies = rule.action == RuleAction::Deny;
        if undecidable && rule.action == RuleAction::Allow {
            return None;
        }
        // On the way back, which nothing denies, a rule says what it says in any case.
        let says = if denies || (!holds && !self.is_way_back()) {
            RuleAction::Deny
        } else {
            rule.action
        };
        if self.is_gateway() && says == RuleAction::Allow {
            return None;
        }
        if self.is_way_back() && says == RuleAction::Deny {
            return None;
        }
        let severity = match says {
            RuleAction::Deny => 0,
            RuleAction::RequireApproval => 1,
            RuleAction::Allow => 2,
        };
        let code = if denies {
            Code::RuleDeny
        } else {
            Code::ConstraintViolated
        };
        let (name, trust) = (self.name(), self.request.principal.trust);
        let only_trust = rule.condition.arguments.is_empty()
            && rule.condition.agents.is_none()
            && rule.condition.modes.is_none()
            && rule.condition.action_types.is_none();
        let reason = match (&rule.message, rule.condition.trust.needs) {
            (Some(message), _) => message.to_string(),
            (None, _) if says == RuleAction::RequireApproval => {
                "This action requires human approval".to_owned()
            }
            (None, Some(need)) if only_trust => {
                format!("Tool '{name}' requires trust level '{need}', agent has '{trust}'")
            }
            (None, _) => format!("Access denied by policy '{}'", policy.id),
        };
        Some(Fired {
            rule,
            says,
            severity,
            code,
            reason,
            undecidable,
        })
    }

    fn denied(&mut self, fired: &Fired<'_>) -> Result<(), Naive> {
        let digest = Some(fired.rule.digest);
        let liftable = fired.rule.overridable && !fired.undecidable;
        if liftable && self.lift(fired.code, digest) {
            return Ok(());
        }
        let reason = (fired.code == Code::RuleDeny).then(|| fired.reason.clone());
        Err(Naive {
            rule: digest,
            ..deny(fired.code, reason)
        })
    }

    fn condition(&self, rule: &Rule) -> Truth {
        let (condition, request) = (&rule.condition, self.request);
        let touches = match &condition.tools {
            Some(list) if self.is_gateway() => list.names_exactly(self.name()),
            Some(list) => list.matches(self.name()),
            None => !self.is_gateway(),
        };
        let matches = |list: &Option<Vec<policyguard::domain::Pattern>>, text: &str| {
            list.as_ref()
                .is_none_or(|list| list.iter().any(|pattern| pattern.matches(text)))
        };
        let mode = &request.context.mode;
        let mut leaves = vec![
            Some(touches),
            Some(matches(&condition.action_types, request.action.as_str())),
            Some(condition.trust.has(request.principal.trust)),
            Some(matches(
                &condition.agents,
                request.principal.agent_id.as_str(),
            )),
            Some(
                condition
                    .modes
                    .as_ref()
                    .is_none_or(|modes| modes.contains(mode)),
            ),
        ];
        leaves.extend(
            condition
                .arguments
                .iter()
                .map(|test| argument(test, &request.arguments)),
        );
        all(&leaves)
    }

    fn stage_11(&mut self) -> Result<(Code, Option<Digest>, Option<String>), Naive> {
        if self.is_gateway() {
            return Ok((Code::Builtin, None, None));
        }
        let rules = self.bundle.modes.get(&self.request.context.mode);
        let granted = rules.and_then(|rules| rules.allowed_tools.as_ref());
        if granted.is_some_and(|list| list.matches(self.name())) {
            return Ok((Code::ModeAllowed, None, None));
        }
        let permitted = Some("Action permitted by default policy".to_owned());
        if self.bundle.default_decision == DefaultDecision::Deny {
            self.or_lifted(
                Code::DefaultDeny,
                None,
                Some("No policy allows this action".to_owned()),
            )?;
        }
        Ok((Code::DefaultAllow, None, permitted))
    }

    fn stage_12(&self) -> Result<(), Naive> {
        let (name, arguments) = (self.name(), &self.request.arguments);
        if let Some(tool) = self.tool {
            let value = Value::Object(arguments.0.clone());
            if !jsonschema::is_valid(&tool.input_schema, &value) {
                return Err(deny(Code::InvalidParameters, None));
            }
        }
        let matching = self
            .bundle
            .constraints
            .iter()
            .filter(|c| c.tools.matches(name));
        let matching: Vec<_> = matching.filter(|_| !self.is_way_back()).collect();
        let values = &self.request.context.values;
        let mut holds = matching
            .iter()
            .flat_map(|c| &c.parameters)
            .all(|(name, parameter)| parameter_fits(parameter, arguments.get(name), values));
        if matching.iter().any(|c| c.additional == Additional::Deny) {
            let schema = self.tool.map(|tool| &tool.input_schema["properties"]);
            holds &= arguments.0.keys().all(|key| {
                schema.is_some_and(|s| !s[key.as_str()].is_null())
                    || matching.iter().any(|c| c.parameters.contains_key(key))
            });
        }
        if holds {
            Ok(())
        } else {
            Err(deny(Code::ConstraintViolated, None))
        }
    }

    fn stage_14(&self, granted: (Code, Option<Digest>, Option<String>)) -> Result<Naive, Naive> {
        let lifted = !self.used.is_empty();
        let allow = |code, rule, reason| Naive {
            effect: Effect::Allow,
            code: if lifted { Code::Override } else { code },
            rule,
            reason: if lifted { None } else { reason },
            lifted: 0,
        };
        // The largest quorum; of equals the first.
        let most = self.asks.iter().map(|(_, quorum, _)| *quorum).max();
        let Some((digest, _, reason)) = self.asks.iter().find(|(_, q, _)| Some(*q) == most) else {
            let (code, rule, reason) = granted;
            return Ok(allow(code, rule, reason));
        };
        match &self.request.context.approval {
            Some(ApprovalEvidence::Approved { rule }) if rule == digest => {
                Ok(allow(Code::Approved, Some(*digest), None))
            }
            Some(ApprovalEvidence::Denied) => Err(Naive {
                rule: Some(*digest),
                ..deny(Code::ApprovalDenied, "Operation not approved".to_owned())
            }),
            _ => Ok(Naive {
                effect: Effect::RequireApproval,
                code: Code::ApprovalRequired,
                rule: Some(*digest),
                reason: Some(reason.clone()),
                lifted: 0,
            }),
        }
    }
}

/// A rule that fires, and what it comes to.
struct Fired<'a> {
    rule: &'a Rule,
    says: RuleAction,
    severity: u8,
    code: Code,
    reason: String,
    undecidable: bool,
}

fn argument(test: &ArgumentTest, arguments: &Arguments) -> Truth {
    let value = arguments.get(&test.name)?;
    let same_type = |other: &Value| {
        std::mem::discriminant(value) == std::mem::discriminant(other)
            && !value.is_array()
            && !value.is_object()
    };
    let equal = |other: &Value| match (value.as_f64(), other.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() < f64::EPSILON,
        _ => value == other,
    };
    let one_of = |list: &[Value]| {
        list.iter()
            .any(same_type)
            .then(|| list.iter().any(|one| same_type(one) && equal(one)))
    };
    match &test.operator {
        TestOperator::Eq(one) => one_of(std::slice::from_ref(one)),
        TestOperator::Ne(one) => one_of(std::slice::from_ref(one)).map(|truth| !truth),
        TestOperator::In(list) => one_of(list),
        TestOperator::NotIn(list) => one_of(list).map(|truth| !truth),
        TestOperator::Gt(limit) => value.as_f64().map(|number| number > *limit),
        TestOperator::Gte(limit) => value.as_f64().map(|number| number >= *limit),
        TestOperator::Lt(limit) => value.as_f64().map(|number| number < *limit),
        TestOperator::Lte(limit) => value.as_f64().map(|number| number <= *limit),
        TestOperator::Matches(regex) => value.as_str().map(|text| regex.is_match(text)),
        TestOperator::Glob(pattern) => value.as_str().map(|text| pattern.matches(text)),
    }
}

/// Whether what was sent for a parameter is what it must be.
pub(crate) fn parameter_fits(
    parameter: &Parameter,
    value: Option<&Value>,
    values: &BTreeMap<std::sync::Arc<str>, ValueList>,
) -> bool {
    let Some(value) = value else {
        return !parameter.required;
    };
    let listed =
        parameter
            .allowlist_source
            .as_ref()
            .is_none_or(|source| match values.get(source) {
                Some(ValueList::Values(list)) => list.iter().any(|one| value == one.as_str()),
                Some(ValueList::Unavailable) | None => false,
            });
    listed && kind_fits(&parameter.kind, value)
}

fn kind_fits(kind: &ParameterType, value: &Value) -> bool {
    match kind {
        ParameterType::Int { min, max, .. } => value.as_i64().is_some_and(|number| {
            min.is_none_or(|min| min <= number) && max.is_none_or(|max| number <= max)
        }),
        ParameterType::Port => value
            .as_i64()
            .is_some_and(|number| (1..=65_535).contains(&number)),
        ParameterType::Number { min, max } => value.as_f64().is_some_and(|number| {
            min.is_none_or(|min| min <= number) && max.is_none_or(|max| number <= max)
        }),
        ParameterType::String {
            min_length,
            max_length,
            pattern,
            allowed_values,
            ..
        } => value.as_str().is_some_and(|text| {
            let length = text.chars().count();
            min_length.is_none_or(|min| min <= length)
                && max_length.is_none_or(|max| length <= max)
                && pattern.as_ref().is_none_or(|regex| regex.is_match(text))
                && allowed_values
                    .as_ref()
                    .is_none_or(|all| all.iter().any(|one| one == text))
        }),
        ParameterType::Path { under, max_length } => value.as_str().is_some_and(|text| {
            max_length.is_none_or(|max| text.chars().count() <= max)
                && !text.contains(['\\', '%', '\0'])
                && !text.split('/').any(|part| part == "..")
                && under
                    .iter()
                    .any(|root| text == root || text.starts_with(&format!("{root}/")))
        }),
        ParameterType::Bool
        | ParameterType::List { .. }
        | ParameterType::Object { .. }
        | ParameterType::Duration => panic!("random bundles hold none of these"),
    }
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(object) => object.values().for_each(|item| collect_texts(item, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The path in lower case, with `%2f` decoded and `.` and `..` resolved: as much as random requests hold.
fn plain_path(text: &str) -> String {
    let text = text.to_ascii_lowercase().replace("%2f", "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
