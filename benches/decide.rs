//! How long a decision takes, beside a plain loop over the rules and beside Cedar, on the same rules.
//!
//! `cargo bench --bench decide` (with `--profile ci` where nobody waits for link-time optimization).
//! p50 and p99 over 100,000 distinct requests, each the fastest of five, the timer's own cost subtracted.
//! The plain loop and Cedar are too slow for that many: they are asked fewer requests, and the report says how many.
//!
//! The rules: one half names a tool in full; the others are starts, ends and inner parts of names, a few globs, and
//! one in 500 for any name. Half look at trust, a third at modes, some at an argument or an agent. 1,000 tools.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "a bench prints, and fails loudly"
)]

#[path = "../tests/it/naive.rs"]
#[expect(clippy::panic, reason = "the evaluator of the tests")]
mod naive;
#[path = "../tests/it/support/rules.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "the constructors of the tests"
)]
mod rules;

use std::fmt::Write as _;
use std::hint::black_box;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request};
use policyguard::domain::{ActionRequest, Purpose, ToolClass, ToolFacts, TrustLevel};
use policyguard::policy::{Bundle, Effect, Engine, Policy, RuleAction, TestOperator, TrustSet};
use serde_json::json;

const VERBS: [&str; 20] = [
    "get", "list", "read", "restart", "scale", "delete", "create", "update", "backup", "restore",
    "deploy", "rollback", "drain", "cordon", "rotate", "export", "import", "pause", "resume",
    "audit",
];
const NOUNS: [&str; 50] = [
    "service",
    "database",
    "cache",
    "queue",
    "bucket",
    "cluster",
    "node",
    "pod",
    "secret",
    "volume",
    "network",
    "firewall",
    "gateway",
    "route",
    "record",
    "zone",
    "certificate",
    "key",
    "role",
    "user",
    "group",
    "policy",
    "quota",
    "budget",
    "invoice",
    "report",
    "dashboard",
    "alert",
    "metric",
    "trace",
    "log",
    "event",
    "job",
    "task",
    "pipeline",
    "build",
    "artifact",
    "image",
    "registry",
    "package",
    "release",
    "branch",
    "commit",
    "ticket",
    "incident",
    "backup",
    "snapshot",
    "replica",
    "index",
    "table",
];
/// Distinct requests of a measured series.
const REQUESTS: usize = 100_000;
/// Each is timed so often; the fastest counts.
const ROUNDS: usize = 5;

/// A sequence that is the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }
}

fn tool_name(place: usize) -> String {
    format!(
        "{}_{}",
        VERBS[place % VERBS.len()],
        NOUNS[place / VERBS.len() % NOUNS.len()]
    )
}

fn catalogue() -> Vec<ToolFacts> {
    let schema = json!({
        "type": "object",
        "properties": {"service_name": {"type": "string", "maxLength": 64}, "count": {"type": "integer", "minimum": 0}},
        "required": ["service_name"],
        "additionalProperties": false,
    });
    let facts = |place| rules::tool(&tool_name(place), ToolClass::Modify, schema.clone());
    (0..VERBS.len() * NOUNS.len()).map(facts).collect()
}

fn pattern_for(dice: &mut Dice) -> String {
    let name = tool_name(dice.below(VERBS.len() * NOUNS.len()));
    let verb = name.find('_').unwrap() + 1;
    match dice.below(500) {
        0 => "*".to_owned(),
        1..=250 => name,
        251..=340 => format!("{}*", &name[..(verb + 1 + dice.below(4)).min(name.len())]),
        341..=430 => format!("*{}", &name[verb.saturating_sub(1 + dice.below(3))..]),
        431..=480 => format!("*{}*", &name[verb - 2..(verb + 3).min(name.len())]),
        _ => format!("{}?{}", &name[..verb - 1], &name[verb..]),
    }
}

fn policies(count: usize) -> Vec<Policy> {
    let mut dice = Dice(42);
    let one = |place: usize| {
        let pattern = pattern_for(&mut dice);
        let action = [
            RuleAction::Allow,
            RuleAction::Deny,
            RuleAction::Allow,
            RuleAction::RequireApproval,
        ];
        let mut rule = rules::rule(&[&pattern], action[dice.below(4)]);
        let trust = [TrustLevel::Medium, TrustLevel::High, TrustLevel::Admin][dice.below(3)];
        rule.condition.trust = match dice.below(4) {
            0 => TrustSet::below(trust),
            1 => TrustSet::at_least(trust),
            _ => TrustSet::ANY,
        };
        if dice.below(3) == 0 {
            let mode = ["NORMAL", "EMERGENCY"][dice.below(2)];
            rule.condition.modes = Some([rules::mode_name(mode)].into());
        }
        if dice.below(7) == 0 {
            let limit = dice.below(200_000) as f64;
            rule.condition.arguments = vec![rules::argument("count", TestOperator::Gt(limit))];
        }
        if dice.below(20) == 0 || pattern == "*" {
            rule.condition.agents =
                Some(vec![rules::pattern(&format!("team-{}-*", dice.below(40)))]);
        }
        rules::policy(&format!("p{place}"), dice.below(1000) as i64, vec![rule])
    };
    (0..count).map(one).collect()
}

fn bundle(count: usize) -> Arc<Bundle> {
    Arc::new(Bundle {
        policies: policies(count),
        ..rules::bundle()
    })
}

fn requests(count: usize, unknown: bool) -> Vec<Arc<ActionRequest>> {
    let mut dice = Dice(7);
    let one = |place: usize| {
        let name = tool_name(dice.below(VERBS.len() * NOUNS.len()));
        let name = if unknown {
            format!("{name}.v{}", place % 977)
        } else {
            name
        };
        let services = ["web-server", "api-gateway", "database", "cache"];
        let arguments = json!({"service_name": services[dice.below(4)], "count": place});
        let mut request = rules::run(&name, &arguments);
        request.principal.trust = TrustLevel::ALL[dice.below(4)];
        request.context.mode = rules::mode_name(["NORMAL", "EMERGENCY"][dice.below(2)]);
        if unknown {
            request.purpose = Purpose::Question;
        }
        Arc::new(request)
    };
    (0..count).map(one).collect()
}

/// What reading the clock twice costs.
fn timer_cost() -> Duration {
    let once = || {
        let begun = Instant::now();
        begun.elapsed()
    };
    let mut all: Vec<Duration> = (0..10_000).map(|_| once()).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// The fastest of five of each, sorted.
fn series<T>(requests: &[T], mut decide: impl FnMut(&T)) -> Vec<Duration> {
    let cost = timer_cost();
    let mut fastest = |request: &T| {
        let once = |_| {
            let begun = Instant::now();
            decide(request);
            begun.elapsed()
        };
        (0..ROUNDS).map(once).min().unwrap().saturating_sub(cost)
    };
    let mut all: Vec<Duration> = requests.iter().map(&mut fastest).collect();
    all.sort_unstable();
    all
}

fn report(title: &str, all: &[Duration]) -> Duration {
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
    println!(
        "{title:<44} p50 {:>10.3?}  p99 {:>10.3?}  max {:>10.3?}  ({} requests)",
        at(0.5),
        at(0.99),
        at(1.0),
        all.len()
    );
    at(0.5)
}

/// The same rules as Cedar policies; approvals count as permits, and everything stands at one priority.
fn cedar_policies(policies: &[Policy]) -> PolicySet {
    let mut text = String::new();
    for policy in policies {
        let rule = &policy.rules[0];
        let effect = if rule.action == RuleAction::Deny {
            "forbid"
        } else {
            "permit"
        };
        let pattern = rule.condition.tools.as_ref().unwrap().include[0]
            .pattern
            .as_str()
            .replace('?', "*");
        let mut when = vec![format!("resource.name like \"{pattern}\"")];
        let levels: Vec<String> = TrustLevel::ALL
            .iter()
            .filter(|level| rule.condition.trust.has(**level))
            .map(|level| (*level as u8).to_string())
            .collect();
        if levels.len() < 4 {
            when.push(format!("[{}].contains(principal.trust)", levels.join(", ")));
        }
        if let Some(mode) = rule.condition.modes.iter().flatten().next() {
            when.push(format!("context.mode == \"{mode}\""));
        }
        for test in &rule.condition.arguments {
            if let TestOperator::Gt(limit) = test.operator {
                when.push(format!("context.count > {limit}"));
            }
        }
        for agent in rule.condition.agents.iter().flatten() {
            when.push(format!("principal.id like \"{agent}\""));
        }
        writeln!(
            text,
            "{effect}(principal, action, resource) when {{ {} }};",
            when.join(" && ")
        )
        .unwrap();
    }
    PolicySet::from_str(&text).unwrap()
}

fn cedar_request(request: &ActionRequest) -> (Request, Entities) {
    let uid = |kind: &str, name: &str| EntityUid::from_str(&format!("{kind}::\"{name}\"")).unwrap();
    let (agent, tool) = (request.principal.agent_id.as_str(), &*request.resource.name);
    let entities = json!([
        {"uid": {"type": "Agent", "id": agent}, "attrs": {"trust": request.principal.trust as u8, "id": agent}, "parents": []},
        {"uid": {"type": "Tool", "id": tool}, "attrs": {"name": tool}, "parents": []},
    ]);
    let context =
        json!({"mode": request.context.mode.as_str(), "count": request.arguments.0["count"]});
    let context = Context::from_json_value(context, None).unwrap();
    let (agent, tool) = (uid("Agent", agent), uid("Tool", tool));
    let request = Request::new(agent, uid("Action", "call"), tool, context, None).unwrap();
    (request, Entities::from_json_value(entities, None).unwrap())
}

fn compile_time(bundle: &Arc<Bundle>, tools: &[ToolFacts]) -> Duration {
    let once = |_| {
        let begun = Instant::now();
        drop(black_box(Engine::compile(Arc::clone(bundle), tools, 1)));
        begun.elapsed()
    };
    (0..ROUNDS).map(once).min().unwrap()
}

fn main() {
    // `cargo test --benches` runs this too, to see that it works.
    let quick = std::env::args().any(|argument| argument == "--test");
    let count = if quick { 200 } else { REQUESTS };
    let tools = catalogue();
    let known = requests(count, false);
    let unknown = requests(count, true);
    println!("timer {:?}", timer_cost());
    let mut medians = Vec::new();
    for size in [10, 100, 1_000, 10_000] {
        let bundle = bundle(size);
        println!(
            "compile {size} rules, {} tools: {:?} (with drop)",
            tools.len(),
            compile_time(&bundle, &tools)
        );
        let engine = Engine::compile(Arc::clone(&bundle), &tools, 1);
        let all = series(&known, |request| drop(black_box(engine.decide(request))));
        medians.push(report(&format!("catalogued tool, {size} rules"), &all));
        for effect in [Effect::Allow, Effect::RequireApproval, Effect::Deny] {
            let of = |request: &&Arc<ActionRequest>| engine.decide(request).effect() == effect;
            let some: Vec<_> = known.iter().filter(of).cloned().collect();
            if !some.is_empty() {
                let all = series(&some, |request| drop(black_box(engine.decide(request))));
                report(&format!("  of these: {}", effect.as_str()), &all);
            }
        }
        let all = series(&unknown, |request| drop(black_box(engine.decide(request))));
        report(&format!("name outside the catalogue, {size} rules"), &all);
        let sample = &known[..(20_000_000 / (size * 1000)).clamp(20, 2000).min(count)];
        let all = series(sample, |request| {
            drop(black_box(naive::decide(&bundle, &tools, request)));
        });
        report(&format!("plain loop, {size} rules"), &all);
        let policies = cedar_policies(&bundle.policies);
        let authorizer = Authorizer::new();
        let sample: Vec<_> = sample
            .iter()
            .map(|request| cedar_request(request))
            .collect();
        let all = series(&sample, |(request, entities)| {
            drop(black_box(
                authorizer.is_authorized(request, &policies, entities),
            ));
        });
        report(&format!("Cedar, {size} rules"), &all);
    }
    let growth = medians[3].as_nanos() as f64 / medians[0].as_nanos().max(1) as f64;
    println!("10 to 10,000 rules: {growth:.1} times");
}
