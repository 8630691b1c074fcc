//! The fixtures as one backend behind the road, and the policy that lets every one of them run.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use policyguard::domain::{Annotations, Arguments, Owner, Roles, Timestamp, ToolClass, ToolFacts};
use policyguard::tools::{
    Client, Output, Permit, Shelf, ToolBackend, ToolDefinition, ToolError, Work,
};
use serde_json::{Value, json};

use crate::{content, rounds, shelf, talk};

/// What everybody may do here.
const ALLOW_ALL: &str = "\
policy_name: Fixtures
default_decision: allow
modes:
  NORMAL: { reachable_tools: [\"*\"] }
";

/// What is blocked while the list of tools is the shorter one.
const SHORTER: &str = "global_rules: { always_blocked: [test_comes_and_goes] }\n";

/// The fixtures.
pub(crate) struct Fixture {
    /// The policy file, for the tool that changes which tools there are to see.
    policy: PathBuf,
    shorter: AtomicBool,
}

impl Fixture {
    /// The fixtures, with a policy in this file.
    pub(crate) fn new(policy: PathBuf) -> std::io::Result<Self> {
        std::fs::write(&policy, ALLOW_ALL)?;
        Ok(Self {
            policy,
            shorter: AtomicBool::new(false),
        })
    }

    /// Changes the list of tools as a gateway's list changes: by its policy.
    fn change_tools(&self) -> Result<Value, ToolError> {
        let shorter = !self.shorter.fetch_xor(true, Ordering::SeqCst);
        let blocked = if shorter { SHORTER } else { "" };
        std::fs::write(&self.policy, format!("{ALLOW_ALL}{blocked}"))
            .map_err(|fault| failed(-32_603, &fault.to_string(), Value::Null))?;
        Ok(content::text("The policy changed."))
    }

    async fn answer(&self, permit: &Permit) -> Result<Value, ToolError> {
        let (tool, arguments) = (permit.tool(), &permit.arguments().0);
        let client = || permit.line().client().ok_or_else(no_client);
        match tool {
            "test_error_handling" => Err(content::fails()),
            "test_missing_capability" => needs_sampling(client()?),
            "test_trigger_tool_change" => self.change_tools(),
            shelf::READER => shelf::read(arguments),
            shelf::PROMPTER => shelf::prompt(arguments, permit),
            shelf::COMPLETER => Ok(shelf::complete(arguments)),
            _ => match content::of(tool) {
                Some(answer) => Ok(answer),
                None if tool.starts_with(rounds::PREFIX) => rounds::tool(tool, client()?),
                None => talk::talk(tool, arguments, client()?).await,
            },
        }
    }
}

impl ToolBackend for Fixture {
    fn definitions(&self) -> Vec<ToolDefinition> {
        let plain = || json!({ "type": "object", "properties": {} });
        let required = |name: &str| {
            json!({
                "type": "object",
                "properties": { name: { "type": "string" } },
                "required": [name],
            })
        };
        let tools = [
            (
                "test_comes_and_goes",
                "Is blocked by every other policy",
                plain(),
            ),
            (
                "test_missing_capability",
                "Needs a client that samples",
                plain(),
            ),
            (
                "test_error_handling",
                "Fails with a result of its own",
                plain(),
            ),
            (
                "test_trigger_tool_change",
                "Changes which tools there are to see",
                plain(),
            ),
            (
                "test_custom_header",
                "Has an argument that stands in a header, too",
                json!({
                    "type": "object",
                    "properties": { "region": { "type": "string", "x-mcp-header": "Region" } },
                    "required": ["region"],
                }),
            ),
            (
                "test_sampling",
                "Asks the client's model",
                required("prompt"),
            ),
            (
                "test_elicitation",
                "Asks the client's user",
                required("message"),
            ),
        ];
        let fixed = content::TOOLS
            .iter()
            .chain(talk::TOOLS)
            .chain(rounds::TOOLS);
        let fixed = fixed.map(|(name, about)| (*name, *about, plain()));
        let tools = tools.into_iter().chain(fixed).chain(shelf::tools());
        tools
            .map(|(name, about, schema)| definition(name, about, schema))
            .collect()
    }

    fn call(&self, permit: Permit) -> Work<'_> {
        Box::pin(async move { self.answer(&permit).await.map(Output::of) })
    }

    fn plan(&self, _tool: &str, _arguments: &Arguments, _now: Timestamp) -> Option<Value> {
        None
    }

    fn shelf(&self) -> Shelf {
        shelf::shelf()
    }
}

fn definition(name: &str, description: &'static str, input_schema: Value) -> ToolDefinition {
    ToolDefinition {
        facts: ToolFacts {
            name: Arc::from(name),
            server: Arc::from("fixture"),
            owner: Owner::Upstream,
            class: ToolClass::Read,
            annotations: Annotations::default(),
            needs: Roles::NONE,
            safety: false,
            asks: false,
            quarantined: false,
            input_schema: Arc::new(input_schema),
        },
        description,
        output_schema: None,
        in_mcp: true,
        rest_only: false,
    }
}

/// A server's error: what a client reads instead of a result.
pub(crate) fn failed(code: i32, message: &str, data: Value) -> ToolError {
    let mut error = json!({ "code": code, "message": message });
    if let (Some(error), false) = (error.as_object_mut(), data.is_null()) {
        error.insert("data".to_owned(), data);
    }
    ToolError::Failed {
        message: message.to_owned(),
        detail: json!({ "error": error }),
        changes: Vec::new(),
    }
}

/// The error of a fixture that talks to its client, called through a door without a way back to one.
pub(crate) fn no_client() -> ToolError {
    failed(-32_603, "This needs a client that speaks MCP", Value::Null)
}

fn needs_sampling(client: &dyn Client) -> Result<Value, ToolError> {
    if client.capabilities().get("sampling").is_some() {
        return Ok(content::text("The client samples."));
    }
    let missing = json!({ "requiredCapabilities": { "sampling": {} } });
    Err(failed(-32_021, "This needs a client that samples", missing))
}
