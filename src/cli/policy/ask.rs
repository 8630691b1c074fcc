//! `policy simulate` and `policy explain`: one request, decided from files.

use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::output::{self, Format};
use crate::cli::{CliError, Exit};
use crate::domain::{
    ActionId, ActionRequest, ActionType, AgentId, Arguments, Authentication, Context, ModeName,
    PatternList, Principal, PrincipalStatus, Purpose, Resource, Role, Roles, Stated, Timestamp,
    TrustLevel,
};
use crate::policy::{Decision, Effect, Engine, Explanation, RuleName, RuleTrace};

use super::Desk;

/// One request.
#[derive(Debug, Args)]
pub(super) struct AskArgs {
    /// Tool, or target of another action type
    #[arg(long, short)]
    tool: String,
    /// Argument as NAME=VALUE; the value is JSON if it can be read as such, else text
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    arguments: Vec<String>,
    /// All arguments as one JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "arguments")]
    arguments_json: Option<String>,
    /// Agent that asks
    #[arg(long, default_value = "local")]
    agent: String,
    /// Its trust: low, medium, high, admin
    #[arg(long, default_value = "admin")]
    trust: String,
    /// Roles of the caller [default: every role]
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Mode [default: the policy's default mode]
    #[arg(long)]
    mode: Option<String>,
    /// Action type
    #[arg(long, default_value = "tool_call")]
    action: String,
    /// Instant, as RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
}

/// Prints the decision; exits 5 when it is a deny.
pub(super) fn simulate(desk: &Desk, args: &AskArgs, format: Format) -> Result<Exit, CliError> {
    let (engine, request) = prepare(desk, args)?;
    let decision = engine.decide(&request);
    output::print(format, &decision_value(&decision), || {
        decision_text(&decision)
    })?;
    Ok(if decision.effect() == Effect::Deny {
        Exit::Denied
    } else {
        Exit::Ok
    })
}

/// Prints the decision with everything that led to it.
pub(super) fn explain(desk: &Desk, args: &AskArgs, format: Format) -> Result<Exit, CliError> {
    let (engine, request) = prepare(desk, args)?;
    let explanation = engine.explain(&request);
    let value = serde_json::to_value(&explanation)
        .map_err(|fault| CliError::Unexpected(fault.to_string()))?;
    output::print(format, &value, || explanation_text(&explanation))?;
    Ok(Exit::Ok)
}

fn prepare(desk: &Desk, args: &AskArgs) -> Result<(Engine, Arc<ActionRequest>), CliError> {
    let loaded = desk.loaded(None)?;
    let engine = Engine::compile(Arc::new(loaded.bundle), &desk.tools, 1);
    let request = request(desk, args, &engine)?;
    Ok((engine, Arc::new(request)))
}

fn request(desk: &Desk, args: &AskArgs, engine: &Engine) -> Result<ActionRequest, CliError> {
    let bundle = engine.bundle();
    let mode = match &args.mode {
        Some(text) => {
            let mode = ModeName::parse(text)
                .ok()
                .filter(|mode| bundle.modes.contains_key(mode));
            let names: Vec<&str> = bundle.modes.keys().map(ModeName::as_str).collect();
            mode.ok_or_else(|| usage("mode", text, &names.join(", ")))?
        }
        None => bundle.default_mode.clone(),
    };
    let trusts: Vec<&str> = TrustLevel::ALL.iter().map(|level| level.as_str()).collect();
    let now = args.now.as_deref().map_or(Ok(desk.now), |text| {
        Timestamp::parse(text)
            .ok_or_else(|| usage("instant", text, "RFC 3339, as 2026-01-01T12:00:00Z"))
    })?;
    let principal = Principal {
        agent_id: AgentId::parse(&args.agent)
            .map_err(|fault| CliError::Usage(fault.to_string()))?,
        stamp: 0,
        trust: TrustLevel::parse(&args.trust)
            .ok_or_else(|| usage("trust level", &args.trust, &trusts.join(", ")))?,
        status: PrincipalStatus::Active,
        allowed_tools: Arc::new(PatternList::default()),
        denied_tools: Arc::new(PatternList::default()),
        roles: roles(&args.roles)?,
        acted_by: None,
        authentication: Authentication::Local,
        credential: None,
    };
    let action = ActionType::parse(&args.action).ok_or_else(|| {
        usage(
            "action type",
            &args.action,
            "tool_call, resource_access, data_read, data_write, or a name of a-z 0-9 _",
        )
    })?;
    Ok(ActionRequest {
        action_id: ActionId::from_bits(0),
        principal,
        action,
        resource: Resource {
            name: Arc::from(args.tool.as_str()),
        },
        arguments: engine.complete(&args.tool, arguments(args)?),
        context: Context::at(now, mode),
        stated: Arc::new(Stated::default()),
        purpose: Purpose::Question,
        correlation_id: None,
    })
}

fn usage(what: &str, text: &str, choices: &str) -> CliError {
    CliError::Usage(format!(
        "invalid {what} `{text}`; must be one of: {choices}"
    ))
}

fn roles(names: &[String]) -> Result<Roles, CliError> {
    if names.is_empty() {
        return Ok(Roles::ALL);
    }
    let all: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let role = |name: &String| {
        let role = Role::ALL.into_iter().find(|role| role.as_str() == name);
        role.ok_or_else(|| usage("role", name, &all.join(", ")))
    };
    Ok(Roles::of(
        &names.iter().map(role).collect::<Result<Vec<_>, _>>()?,
    ))
}

fn arguments(args: &AskArgs) -> Result<Arguments, CliError> {
    if let Some(text) = &args.arguments_json {
        let map: Map<String, Value> = serde_json::from_str(text).map_err(|fault| {
            CliError::Usage(format!("--arguments-json is not a JSON object: {fault}"))
        })?;
        return Ok(Arguments(map));
    }
    let mut map = Map::new();
    for argument in &args.arguments {
        let Some((name, text)) = argument.split_once('=') else {
            return Err(CliError::Usage(format!(
                "`{argument}` is no argument; write NAME=VALUE"
            )));
        };
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        map.insert(name.to_owned(), value);
    }
    Ok(Arguments(map))
}

fn decision_value(decision: &Decision) -> Value {
    let determinant = decision
        .determined_by()
        .map(|it| json!({ "policy": it.policy, "rule": it.rule, "name": it.name, "at": it.at }));
    json!({
        "effect": decision.effect(),
        "code": decision.code(),
        "reason": decision.reason(),
        "determined_by": determinant,
        "mode": decision.mode(),
        "warnings": decision.warnings(),
        "problems": decision.problems(),
        "remedy": decision.remedy(),
    })
}

fn decision_text(decision: &Decision) -> String {
    let rule = decision
        .determined_by()
        .map(|it| rule_text(&it.policy, Some(it.rule), it.name.as_deref(), Some(&it.at)));
    let mut text = head(
        decision.effect(),
        decision.code().as_str(),
        decision.reason(),
        decision.mode(),
    );
    details(
        &mut text,
        decision.problems(),
        rule,
        decision.remedy().map(|remedy| remedy.text.as_str()),
    );
    text
}

fn head(effect: Effect, code: &str, reason: &str, mode: &ModeName) -> String {
    format!("{} ({code}) in {mode} mode\n  {reason}", effect.as_str())
}

/// The lines below the answer. Writing to a `String` cannot fail.
fn details(text: &mut String, problems: &[String], rule: Option<String>, remedy: Option<&str>) {
    for problem in problems {
        let _ = write!(text, "\n  {problem}");
    }
    if let Some(rule) = rule {
        let _ = write!(text, "\n  rule:   {rule}");
    }
    if let Some(remedy) = remedy {
        let _ = write!(text, "\n  remedy: {remedy}");
    }
}

fn rule_text(
    policy: &crate::domain::PolicyId,
    rule: Option<usize>,
    name: Option<&str>,
    at: Option<&str>,
) -> String {
    let place = rule.map_or_else(String::new, |rule| format!("[{rule}]"));
    let name = name.map_or_else(String::new, |name| format!(" {name}"));
    let at = at.map_or_else(String::new, |at| format!(" ({at})"));
    format!("{policy}{place}{name}{at}")
}

fn named(rule: &RuleName) -> String {
    rule_text(
        &rule.policy,
        rule.rule,
        rule.name.as_deref(),
        rule.at.as_deref(),
    )
}

fn explanation_text(explanation: &Explanation) -> String {
    let mut text = head(
        explanation.effect,
        explanation.code.as_str(),
        &explanation.reason,
        &explanation.mode,
    );
    let rule = explanation.determined_by.as_ref().map(named);
    details(
        &mut text,
        &explanation.problems,
        rule,
        explanation
            .remedy
            .as_ref()
            .map(|remedy| remedy.text.as_str()),
    );
    text.push_str("\n\nfacts");
    for fact in &explanation.facts {
        let _ = write!(text, "\n  {}: {}", fact.name, fact.value);
    }
    text.push_str("\n\nstages");
    for stage in &explanation.stages {
        let outcome = match stage.outcome {
            crate::policy::StageOutcome::Passed => "passed",
            crate::policy::StageOutcome::Decided => "decided",
        };
        let _ = write!(text, "\n  {:>3}  {outcome:8} {}", stage.stage, stage.about);
    }
    rules_text(&mut text, "rules that apply", &explanation.rules);
    rules_text(
        &mut text,
        "rules that nearly apply",
        &explanation.near_misses,
    );
    if !explanation.shadow.is_empty() {
        text.push_str("\n\nshadow policies");
    }
    for shadow in &explanation.shadow {
        let flips = if shadow.flips {
            "would change the answer"
        } else {
            "same answer"
        };
        let _ = write!(
            text,
            "\n  {}: {} ({}), {flips}",
            shadow.policy,
            shadow.effect.as_str(),
            shadow.code
        );
    }
    text
}

fn rules_text(text: &mut String, title: &str, rules: &[RuleTrace]) {
    if rules.is_empty() {
        return;
    }
    let _ = write!(text, "\n\n{title}");
    for rule in rules {
        let decided = if rule.decided { " <- decided" } else { "" };
        let _ = write!(
            text,
            "\n  {:4} {:16} {}: {}{decided}",
            rule.priority,
            rule.effect.as_str(),
            named(&rule.rule),
            rule.why
        );
    }
}
