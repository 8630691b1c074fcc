//! Tool `get_compliance_status`: how the agents do, and what should be looked at (`spec/governance.md`, 5).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::audit::{ChainState, Counts, Standing, Tally};
use crate::decision_point::{Moment, Situation};
use crate::domain::{AgentId, PrincipalStatus, ToolClass, TrustLevel};
use crate::incidents::Summary;
use crate::policy::{Enforcement, Policy};
use crate::tools::{Output, Permit, ToolDefinition, ToolError};

use super::posture::{self, Seen};
use super::reading::{Scope, apart, no_span, span};
use super::{Governance, incidents, schemas, text};

/// The spans that are counted, the first one unless another is asked for.
const SPANS: [&str; 4] = ["24h", "1h", "7d", "30d"];

pub(super) fn definition() -> ToolDefinition {
    let part = |about: &str| json!({ "type": "boolean", "default": true, "description": about });
    let schema = schemas::object(
        &json!({
            "time_range": { "type": "string", "maxLength": 64, "description": "How far back: 1h, 24h, 7d or 30d; 24h if absent" },
            "include_incidents": part("Whether to list incidents"),
            "include_policy_summary": part("Whether to list policies"),
        }),
        &[],
    );
    ToolDefinition::gateway("get_compliance_status", ToolClass::Read, "Shows how agents comply: score, denial rate, worst offenders, open incidents, the state of the audit chain, and what should be mended. Agents see their own numbers, auditors all.", schema).safe()
}

/// What was found out for one answer.
struct Found {
    counts: Counts,
    incidents: Summary,
    agents: Agents,
    chain: ChainState,
    records: u64,
}

/// How many agents there are; of one that sees only itself, itself.
#[derive(Default)]
struct Agents {
    total: u64,
    suspended: u64,
    by_trust: [u64; 4],
}

pub(super) async fn status(governance: &Governance, permit: &Permit) -> Result<Output, ToolError> {
    let moment = Moment::of(governance.gate().clock());
    let scope = Scope::of(permit);
    let given = text(permit, "time_range").unwrap_or(SPANS[0]);
    let range = SPANS
        .contains(&given)
        .then(|| span(given))
        .flatten()
        .ok_or_else(|| no_span(given, "one of 1h, 24h, 7d, 30d"))?;
    let since = moment.wall.minus(range);
    let inspector = Arc::clone(&governance.inspector);
    let agent = scope.agent().map(str::to_owned);
    let agents = agents(governance, &scope)?;
    let visible_to = scope.agent().and_then(|own| AgentId::parse(own).ok());
    let incidents = governance.incidents.summary(visible_to, Some(since)).await;
    let incidents = incidents.map_err(incidents::failed)?;
    let found = apart(move || {
        let reader = inspector.reader();
        Ok(Found {
            counts: reader.counts(since, agent.as_deref())?,
            incidents,
            agents,
            chain: inspector.state(),
            records: reader.head()?.seq,
        })
    })
    .await?;
    let situation = governance.gate().situation();
    let mut answer = summary(&found, &situation);
    answer.insert("time_range".to_owned(), json!(given));
    answer.insert("generated_at".to_owned(), json!(moment.wall));
    answer.insert("scope".to_owned(), json!(scope.as_str()));
    details(&mut answer, &found);
    let wants = |part| permit.arguments().get(part) != Some(&Value::Bool(false));
    if wants("include_incidents") {
        answer.insert("incidents".to_owned(), incidents::summary(&found.incidents));
    }
    if wants("include_policy_summary") {
        let shown = scope == Scope::All;
        answer.insert("policies".to_owned(), policies(&situation, shown));
    }
    let (mut posture, mut recommendations) = (Vec::new(), Vec::new());
    // What is weak about the gateway is nothing that an agent should be told.
    if scope == Scope::All {
        let seen = Seen {
            situation: &situation,
            moment,
            facts: &governance.facts,
            chain: &found.chain,
        };
        posture = seen.findings();
        recommendations = posture::recommendations(&found.counts, &situation);
    }
    answer.insert("posture".to_owned(), json!(posture));
    answer.insert("recommendations".to_owned(), json!(recommendations));
    Ok(Output::of(Value::Object(answer)))
}

fn agents(governance: &Governance, scope: &Scope) -> Result<Agents, ToolError> {
    let registry = governance.gate().registry();
    let Some(own) = scope.agent() else {
        let counts = registry.counts();
        return Ok(Agents {
            total: counts.total,
            suspended: counts.suspended,
            by_trust: counts.by_trust,
        });
    };
    let Ok(id) = AgentId::parse(own) else {
        return Ok(Agents::default());
    };
    let registered = registry
        .store()
        .get(&id)
        .map_err(|fault| ToolError::Unavailable(fault.to_string()))?;
    Ok(registered.map_or_else(Agents::default, |agent| Agents {
        total: 1,
        suspended: u64::from(agent.status == PrincipalStatus::Suspended),
        by_trust: TrustLevel::ALL.map(|level| u64::from(level == agent.trust_level)),
    }))
}

/// The numbers that a dashboard shows first.
fn summary(found: &Found, situation: &Situation) -> Map<String, Value> {
    let totals = found.counts.totals();
    let critical = found.incidents.open_critical;
    let (standing, why) = Standing::of(&totals, critical, found.chain.is_broken());
    let agents = &found.agents;
    let summary = json!({
        "status": standing.as_str(),
        "status_message": why,
        "compliance_score": totals.score(),
        "denial_rate": totals.denial_rate(),
        "total_agents": agents.total,
        "active_agents": agents.total.saturating_sub(agents.suspended),
        "suspended_agents": agents.suspended,
        "total_policies": situation.engine.bundle().policies.len(),
        "recent_violations": totals.denied,
    });
    let Value::Object(summary) = summary else {
        return Map::new();
    };
    summary
}

fn details(answer: &mut Map<String, Value>, found: &Found) {
    let by_trust: Map<String, Value> = TrustLevel::ALL
        .iter()
        .zip(found.agents.by_trust)
        .map(|(level, count)| (level.to_string(), json!(count)))
        .collect();
    let parts = [
        ("metrics", metrics(&found.counts)),
        ("agents", json!({ "by_trust_level": by_trust })),
        // Neither can be made yet.
        ("overrides", json!({ "active": 0, "used": 0 })),
        (
            "approvals",
            json!({ "pending": 0, "approved": 0, "denied": 0, "expired": 0 }),
        ),
        (
            "audit",
            json!({
                "chain": found.chain.as_str(),
                "first_fault": found.chain.first_fault,
                "damage": found.chain.damage,
                "verified_to": found.chain.verified.seq,
                "records": found.records,
                "last_checkpoint_at": null,
            }),
        ),
    ];
    answer.extend(parts.map(|(name, value)| (name.to_owned(), value)));
}

fn metrics(counts: &Counts) -> Value {
    let totals = counts.totals();
    let offenders: Vec<Value> = counts
        .top_offenders()
        .into_iter()
        .map(|(agent, denied)| json!({ "agent_id": agent, "violations": denied }))
        .collect();
    let of_type = |(name, tally): (&String, &Tally)| {
        let sums =
            json!({ "allowed": tally.allowed, "denied": tally.denied, "pending": tally.pending });
        (name.clone(), sums)
    };
    json!({
        "total_actions": totals.total(),
        "allowed_actions": totals.allowed,
        "denied_actions": totals.denied,
        "pending_actions": totals.pending,
        "denial_rate": totals.denial_rate(),
        "top_offenders": offenders,
        "action_breakdown": counts.by_type().iter().map(of_type).collect::<Map<_, _>>(),
        "unique_agents": counts.unique_agents(),
    })
}

fn policies(situation: &Situation, shown: bool) -> Value {
    let all = &situation.engine.bundle().policies;
    let enabled = all.iter().filter(|policy| policy.enabled).count();
    let shadow = all
        .iter()
        .filter(|policy| policy.enabled && policy.enforcement == Enforcement::Shadow)
        .count();
    let line = |policy: &Policy| {
        let enforcement = match policy.enforcement {
            Enforcement::Enforce => "enforce",
            Enforcement::Shadow => "shadow",
        };
        json!({
            "policy_id": policy.id,
            "name": policy.name,
            "priority": policy.priority,
            "enabled": policy.enabled,
            "enforcement": enforcement,
            "rules_count": policy.rules.len(),
        })
    };
    let list: Vec<Value> = all.iter().filter(|_| shown).map(line).collect();
    json!({
        "total": all.len(),
        "enabled": enabled,
        "disabled": all.len() - enabled,
        "shadow": shadow,
        "list": list,
    })
}
