//! Tool `check_policies`: lint of the policy in force, or of what creating a policy would make of it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::policy::{self, Engine, Finding};
use crate::policy_admin::{Candidate, Ingredients, Unfit};
use crate::tools::{Output, Permit, ToolError};

use super::super::{Governance, json_text};
use super::change::shown;
use super::create::{check_free, wanted};
use super::draft::{Draft, Unreadable};
use super::{Policies, apart};

pub(in crate::governance) async fn check(
    governance: &Governance,
    permit: &Permit,
) -> Result<Output, ToolError> {
    let members = json_text::object(permit, "policy", "invalid policy JSON")?;
    let live = Arc::clone(&governance.gate().situation().engine);
    let now = governance.gate().clock().now();
    let policies = Arc::clone(&governance.policies);
    let result = apart(move || match members {
        None => {
            let findings = policy::validate(live.bundle(), policies.compiler.tools(), now);
            Ok(report(&findings, &[], live.version()))
        }
        Some(members) => match Draft::of_members(&members) {
            Ok(draft) => policies.checked(&live, draft, now),
            Err(Unreadable::Findings(findings)) => Ok(report(&findings, &[], live.version())),
            Err(unreadable @ Unreadable::Json(_)) => Err(unreadable.into()),
        },
    });
    Ok(Output::of(result.await?))
}

impl Policies {
    /// What creating the policy would be told.
    fn checked(&self, live: &Engine, draft: Draft, now: Timestamp) -> Result<Value, ToolError> {
        match self.tried(live, draft, now)? {
            Ok(candidate) => {
                let loosened = candidate.diff.loosened();
                Ok(report(&candidate.findings, &loosened, live.version()))
            }
            Err(Unfit::Findings(findings)) => Ok(report(&findings, &[], live.version())),
            Err(unfit @ Unfit::Join(_)) => Err(super::change::unfit(unfit)),
        }
    }

    /// The version that creating the policy would make.
    pub(super) fn tried(
        &self,
        live: &Engine,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Result<Candidate, Unfit>, ToolError> {
        let Draft { policy, document } = draft;
        check_free(live, &policy)?;
        Ok(self.compiler.candidate(Ingredients {
            files: live.bundle(),
            runtime: wanted(live, policy, document).runtime,
            known: live.bundle(),
            live,
            now,
        }))
    }
}

fn report(findings: &[Finding], loosened: &[String], version: u64) -> Value {
    let of = |error: bool| -> Vec<String> {
        let findings = findings
            .iter()
            .filter(|finding| finding.is_error() == error);
        findings.map(shown).collect()
    };
    let errors = of(true);
    let mut warnings = of(false);
    let code = policy::FindingCode::Loosening;
    warnings.extend(loosened.iter().map(|line| format!("{code}: {line}")));
    json!({
        "valid": errors.is_empty(),
        "errors": errors,
        "warnings": warnings,
        "findings": findings,
        "policy_version": version,
    })
}
