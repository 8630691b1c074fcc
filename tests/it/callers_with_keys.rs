//! Who may do what where callers show credentials: every endpoint and every tool for every role there is.

use std::fmt::Write as _;

use policyguard::pipeline::{Call, Caller, Credentials, Door, Shown};
use serde_json::json;

use crate::callers::{arguments, examples, outcome};
use crate::support::{House, assert_golden};

/// The callers: a title, and for whom the key is. Agents are registered with the trust in their names.
const CALLERS: [(&str, Holder); 11] = [
    ("no credential", Holder::Nobody),
    ("agent, low", Holder::Agent("low", "agent")),
    ("agent, medium", Holder::Agent("medium", "agent")),
    ("agent, high", Holder::Agent("high", "agent")),
    ("agent, admin", Holder::Agent("admin", "agent")),
    ("catalog", Holder::Agent("low", "catalog")),
    ("pep", Holder::Agent("low", "pep")),
    ("auditor", Holder::User("auditor")),
    ("approver", Holder::User("approver")),
    ("operator", Holder::User("operator")),
    ("admin", Holder::User("admin")),
];

#[derive(Clone, Copy)]
enum Holder {
    Nobody,
    Agent(&'static str, &'static str),
    User(&'static str),
}

/// A gateway with an agent `bot`, and the key of this caller; empty for nobody's.
async fn opened(holder: Holder) -> (House, String) {
    let (house, first) = House::asking(|config| config.violations.suspend_after = 0).await;
    let admin = house.showing(&first);
    let register = async |id: &str, trust: &str| {
        let body = json!({ "name": id, "trust_level": trust });
        let path = format!("/api/v1/agents/{id}");
        assert_eq!(admin.send("PUT", &path, &body).await.status, 200);
    };
    register("bot", "low").await;
    let key = match holder {
        Holder::Nobody => String::new(),
        Holder::Agent(trust, role) => {
            register("caller", trust).await;
            let body = json!({ "agent_id": "caller", "roles": [role] });
            admin.makes(body).await
        }
        Holder::User(role) => admin.adds("caller", &[role]).await,
    };
    (house, key)
}

/// What becomes of each tool's call by this caller, in the order of the catalogue.
async fn outcomes(holder: Holder) -> Vec<(String, String)> {
    let (house, key) = opened(holder).await;
    let road = &house.app.pipeline;
    let mut outcomes = Vec::new();
    for definition in road.catalog().definitions() {
        let tool = &*definition.facts.name;
        let credentials = if key.is_empty() {
            Credentials::None
        } else {
            Credentials::Shown(Shown::read(&key))
        };
        let arguments = arguments(&definition.facts.input_schema);
        let call = Call {
            credentials,
            ..Call::tool(Caller::at(Door::Rest), tool, arguments)
        };
        let found = match road.handle(call).await {
            Ok(answer) => outcome(&answer),
            Err(unanswered) => format!("*{unanswered}*"),
        };
        outcomes.push((tool.to_owned(), found));
    }
    outcomes
}

/// The status of every documented route for this caller.
async fn statuses(holder: Holder) -> Vec<(String, u16)> {
    let (house, key) = opened(holder).await;
    let document =
        policyguard::transport::rest::openapi(house.app.pipeline.catalog().definitions());
    let mut statuses = Vec::new();
    for example in examples(&document) {
        let caller = house.showing(&key);
        let reply = caller.send(&example.method, &example.place, &example.body);
        statuses.push((example.route, reply.await.status));
    }
    statuses
}

/// The rows of a table, of which each caller has made a column.
fn rows<T: std::fmt::Display>(text: &mut String, columns: &[Vec<(String, T)>]) {
    for (row, (name, _)) in columns[0].iter().enumerate() {
        write!(text, "| {name} |").unwrap();
        for column in columns {
            assert_eq!(&column[row].0, name);
            write!(text, " {} |", column[row].1).unwrap();
        }
        text.push('\n');
    }
}

#[tokio::test]
async fn every_endpoint_and_tool_answers_every_credential_as_the_table_says() {
    let (mut called, mut asked) = (Vec::new(), Vec::new());
    for (_, holder) in CALLERS {
        let tools = outcomes(holder).await.into_iter();
        called.push(
            tools
                .map(|(tool, found)| (format!("`{tool}`"), found))
                .collect(),
        );
        asked.push(statuses(holder).await);
    }
    let titles = CALLERS.map(|(title, _)| title).join(" | ");
    let line = "---|".repeat(CALLERS.len());
    let mut text = format!(
        "# Who may do what with which credential\n\n\
         Written by `tests/it/callers_with_keys.rs`; `UPDATE_CASES=1` writes it anew.\n\
         A gateway with `auth: credentials`, the shipped policy in mode NORMAL, an agent `bot` of low trust, and arguments of our choice; the calls of a column run one after the other.\n\n\
         ## Tools\n\n\
         **Bold** is the code of a denial; \"in vain\" was let through but found nothing to do.\n\n| tool | {titles} |\n|---|{line}\n"
    );
    rows(&mut text, &called);
    write!(
        text,
        "\n## Endpoints\n\n\
         The status of each, with the example of its description as body; 404 where the thing that is named does not exist.\n\n\
         | method | path | {titles} |\n|---|---|{line}\n"
    )
    .unwrap();
    rows(&mut text, &asked);
    assert_golden("tests/cases/callers_with_keys.md", &text);
}
