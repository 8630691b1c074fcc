//! The suite as written.

use std::collections::BTreeMap;

use crate::domain::{
    ActionType, AgentId, Arguments, ModeName, PatternList, Role, Roles, Timestamp, TrustLevel,
};
use crate::policy::code::Code;
use crate::policy::decision::Effect;
use crate::policy::error::Finding;
use crate::policy::load::TRUST_LEVELS;
use crate::policy::text::{self, Data, Fields, Node, Report, Source, nearest};

use super::shapes::{AGENT, CASE, EXPECT, REQUEST, SUITE};
use super::{Agent, Case, CaseRequest, Expectation, Suite};

impl Suite {
    /// Reads a suite.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn read(source: &Source) -> Result<Self, Vec<Finding>> {
        let sources = std::slice::from_ref(source);
        let mut report = Report::new(sources);
        let trees = text::parse(&mut report);
        let suite = match trees.as_slice() {
            [tree] => suite(&mut report, tree),
            [] => None,
            [_, second, ..] => {
                report
                    .syntax(second.at, "a second document")
                    .hint("one file holds one suite");
                None
            }
        };
        match suite {
            Some(suite) if !report.has_errors() => Ok(suite),
            Some(_) | None => Err(report.into_findings()),
        }
    }
}

/// What cases share.
struct Fixtures {
    agents: BTreeMap<String, Agent>,
    now: Timestamp,
    mode: Option<ModeName>,
}

fn suite(report: &mut Report<'_>, tree: &Node) -> Option<Suite> {
    let fields = report.fields(tree, &SUITE)?;
    let now = fields
        .get("now")
        .and_then(|node| report.instant(node, "now"));
    if fields.get("now").is_none() {
        report
            .syntax(fields.at, "the suite has no `now`")
            .hint("name the instant of its requests: `now: 2026-01-01T12:00:00Z`");
    }
    let fixtures = Fixtures {
        agents: agents(report, fields),
        now: now.unwrap_or(Timestamp::from_millis(0)),
        mode: fields.get("mode").and_then(|node| mode(report, node)),
    };
    let mut policies = Vec::new();
    if let Some(node) = fields.get("policies") {
        for item in report.one_or_more(node, "policies").unwrap_or_default() {
            policies.extend(report.text(item, "a policy file").map(str::to_owned));
        }
    }
    let items = fields
        .get("cases")
        .and_then(|node| report.list(node, "cases"))
        .unwrap_or_default();
    if items.is_empty() {
        report
            .syntax(fields.at, "the suite has no cases")
            .hint("add a request and the answer it must get");
    }
    let cases = items
        .iter()
        .filter_map(|item| case(report, item, &fixtures))
        .collect();
    let name = report.place(fields.at).file.to_string();
    Some(Suite {
        name,
        policies,
        cases,
    })
}

fn agents(report: &mut Report<'_>, fields: Fields<'_>) -> BTreeMap<String, Agent> {
    let mut agents = BTreeMap::new();
    let entries = fields
        .get("agents")
        .and_then(|node| report.map(node, "agents"))
        .unwrap_or_default();
    for entry in entries {
        match AgentId::parse(&entry.key) {
            Ok(id) => {
                if let Some(agent) = agent(report, id, &entry.value) {
                    agents.insert(entry.key.clone(), agent);
                }
            }
            Err(fault) => report
                .syntax(entry.key_at, &fault.to_string())
                .hint("rename the agent"),
        }
    }
    agents
}

fn agent(report: &mut Report<'_>, id: AgentId, node: &Node) -> Option<Agent> {
    let fields = report.fields(node, &AGENT)?;
    let trust = fields
        .get("trust")
        .and_then(|node| report.word(node, "trust level", &TRUST_LEVELS));
    let suspended = fields
        .get("suspended")
        .and_then(|node| report.flag(node, "suspended"));
    let mut list = |key: &str| {
        fields
            .get(key)
            .map(|node| patterns(report, node, key))
            .unwrap_or_default()
    };
    let (allowed_tools, denied_tools) = (list("allowed_tools"), list("denied_tools"));
    let roles = fields
        .get("roles")
        .map_or(Roles::of(&[Role::Agent]), |node| roles(report, node));
    Some(Agent {
        id,
        trust: trust.unwrap_or(TrustLevel::Low),
        suspended: suspended.unwrap_or_default(),
        allowed_tools,
        denied_tools,
        roles,
    })
}

fn roles(report: &mut Report<'_>, node: &Node) -> Roles {
    let words = Role::ALL.map(|role| (role.as_str(), role));
    let items = report.one_or_more(node, "roles").unwrap_or_default();
    let roles: Vec<Role> = items
        .iter()
        .filter_map(|item| report.word(item, "role", &words))
        .collect();
    Roles::of(&roles)
}

fn patterns(report: &mut Report<'_>, node: &Node, what: &str) -> PatternList {
    let mut texts = Vec::new();
    for item in report.list(node, what).unwrap_or_default() {
        let text = report.text(item, "a pattern");
        texts.extend(text.filter(|text| report.pattern(item.at, text).is_some()));
    }
    PatternList::parse(&texts).unwrap_or_default()
}

fn mode(report: &mut Report<'_>, node: &Node) -> Option<ModeName> {
    let text = report.text(node, "mode")?;
    match ModeName::parse(text) {
        Ok(mode) => Some(mode),
        Err(fault) => {
            report
                .syntax(node.at, &fault.to_string())
                .hint("write the mode as the policy names it");
            None
        }
    }
}

fn case(report: &mut Report<'_>, node: &Node, fixtures: &Fixtures) -> Option<Case> {
    let fields = report.fields(node, &CASE)?;
    let name = needed(report, fields, "name")
        .and_then(|node| report.text(node, "name"))
        .map(str::to_owned);
    let request =
        needed(report, fields, "request").and_then(|node| request(report, node, fixtures));
    let expect = needed(report, fields, "expect").and_then(|node| expectation(report, node));
    Some(Case {
        name: name?,
        request: request?,
        expect: expect?,
        at: report.place(fields.at),
    })
}

fn needed<'n>(report: &mut Report<'_>, fields: Fields<'n>, key: &str) -> Option<&'n Node> {
    let node = fields.get(key);
    if node.is_none() {
        report
            .syntax(fields.at, &format!("`{key}` is missing"))
            .hint("a case has name, request and expect; a request has agent and tool");
    }
    node
}

fn request(report: &mut Report<'_>, node: &Node, fixtures: &Fixtures) -> Option<CaseRequest> {
    let fields = report.fields(node, &REQUEST)?;
    let agent =
        needed(report, fields, "agent").and_then(|node| known_agent(report, node, fixtures));
    let tool = needed(report, fields, "tool")
        .and_then(|node| report.text(node, "tool"))
        .map(str::to_owned);
    let action = fields
        .get("action")
        .map_or(Some(ActionType::ToolCall), |node| action(report, node));
    let own_mode = fields.get("mode").and_then(|node| mode(report, node));
    let now = fields
        .get("now")
        .and_then(|node| report.instant(node, "now"));
    let lockdown = fields
        .get("lockdown")
        .and_then(|node| report.flag(node, "lockdown"));
    let arguments = fields
        .get("arguments")
        .map(|node| arguments(report, node))
        .unwrap_or_default();
    Some(CaseRequest {
        agent: agent?,
        action: action?,
        tool: tool?,
        arguments,
        mode: own_mode.or_else(|| fixtures.mode.clone()),
        now: now.unwrap_or(fixtures.now),
        lockdown: lockdown.unwrap_or_default(),
    })
}

fn known_agent(report: &mut Report<'_>, node: &Node, fixtures: &Fixtures) -> Option<Agent> {
    let text = report.text(node, "agent")?;
    let known = fixtures.agents.get(text).cloned();
    if known.is_none() {
        let guess = nearest(text, fixtures.agents.keys().map(String::as_str));
        let suggestion = guess
            .map(|guess| format!(", did you mean `{guess}`?"))
            .unwrap_or_default();
        report
            .syntax(node.at, &format!("unknown agent `{text}`{suggestion}"))
            .hint("describe it under `agents`");
    }
    known
}

fn action(report: &mut Report<'_>, node: &Node) -> Option<ActionType> {
    let text = report.text(node, "action")?;
    let action = ActionType::parse(text);
    if action.is_none() {
        report
            .syntax(node.at, &format!("`{text}` is not an action type"))
            .hint("an action type is a-z, then a-z 0-9 _");
    }
    action
}

fn arguments(report: &mut Report<'_>, node: &Node) -> Arguments {
    let entries = report.map(node, "arguments").unwrap_or_default();
    Arguments(
        entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.value.to_value()))
            .collect(),
    )
}

fn expectation(report: &mut Report<'_>, node: &Node) -> Option<Expectation> {
    let effects = [Effect::Allow, Effect::Deny, Effect::RequireApproval]
        .map(|effect| (effect.as_str(), effect));
    if matches!(node.data, Data::Text(_)) {
        let effect = report.word(node, "effect", &effects)?;
        return Some(Expectation {
            effect,
            code: None,
            policy: None,
            rule: None,
            reason: None,
        });
    }
    let fields = report.fields(node, &EXPECT)?;
    let effect = fields
        .get("effect")
        .and_then(|node| report.word(node, "effect", &effects));
    if fields.get("effect").is_none() {
        report
            .syntax(fields.at, "the expectation has no effect")
            .hint("must be one of: allow, deny, require_approval");
    }
    let codes: Vec<(&str, Code)> = Code::ALL
        .iter()
        .map(|&code| (code.as_str(), code))
        .collect();
    let code = fields
        .get("code")
        .and_then(|node| report.word(node, "code", &codes));
    let mut text = |key: &str| {
        fields
            .get(key)
            .and_then(|node| report.text(node, key))
            .map(str::to_owned)
    };
    let (policy, reason) = (text("policy"), text("reason"));
    let rule = fields.get("rule").and_then(|node| match &node.data {
        Data::Number(number) => Some(number.to_string()),
        Data::Null | Data::Bool(_) | Data::Text(_) | Data::List(_) | Data::Map(_) => {
            report.text(node, "rule").map(str::to_owned)
        }
    });
    Some(Expectation {
        effect: effect?,
        code,
        policy,
        rule,
        reason,
    })
}
