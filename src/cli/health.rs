//! `health`: for people, and for container health checks.

use serde_json::{Value, json};

use super::client::{Find, Gateway};
use super::output::{self, Format, member};
use super::{CliError, Exit};

pub(super) async fn run(find: &Find<'_>, format: Format) -> Result<Exit, CliError> {
    let gateway: Gateway = find.running()?;
    let reply = gateway.get("/readyz").await?;
    let status = if reply.body.is_null() {
        json!({ "status": "not ready" })
    } else {
        reply.body
    };
    output::print(format, &status, || {
        let checks = status.get("checks").and_then(Value::as_object);
        let lines = checks
            .into_iter()
            .flatten()
            .map(|(name, state)| format!("  {name}: {}", state.as_str().unwrap_or_default()));
        std::iter::once(member(&status, "status"))
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    Ok(if reply.status == 200 {
        Exit::Ok
    } else {
        Exit::Unexpected
    })
}
