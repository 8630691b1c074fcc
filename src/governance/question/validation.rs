//! Tool `validate_action`: the answer alone (`spec/governance.md`, 1).

use crate::tools::{Output, Permit, ToolError};

use super::super::{Governance, unwritten};
use super::{Asked, answer};

pub(in crate::governance) async fn validate(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let mut asked = Asked::read(governance, permit)?;
    let point = &governance.decision_point;
    let result = if asked.dry_run {
        let simulated = point.simulate(&asked.ask, permit.caller()).await;
        answer(&simulated.map_err(|fault| unwritten(&fault))?.get().0)
    } else {
        asked.register(governance).await?;
        let decided = point.decide(&asked.ask, permit.caller(), || ()).await;
        answer(decided.map_err(|fault| unwritten(&fault))?.get())
    };
    Ok(Output::of(result))
}
