//! `policy test`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::cli::output::{self, Format};
use crate::cli::{CliError, Exit};
use crate::domain::ActionRequest;
use crate::policy::{self, Engine, Suite, SuiteReport};
use crate::policy_admin;

use super::{Desk, shown};

/// Where suites are looked for when none is named.
const DEFAULT_FOLDER: &str = "policies";

/// `policyguard policy test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Suites (*.test.yaml), or folders of them [default: policies]
    paths: Vec<PathBuf>,
}

/// Runs every suite; exits 4 when a case fails.
pub(super) fn run(desk: &Desk, args: &TestArgs, format: Format) -> Result<Exit, CliError> {
    let default = [PathBuf::from(DEFAULT_FOLDER)];
    let named = if args.paths.is_empty() {
        &default[..]
    } else {
        &args.paths[..]
    };
    let mut suites = Vec::new();
    for path in named {
        suites.extend(
            policy_admin::suites(path).map_err(|fault| CliError::Config(fault.to_string()))?,
        );
    }
    if suites.is_empty() {
        let listed: Vec<String> = named
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return Err(CliError::Config(format!(
            "no test suite in `{}`; a suite is called NAME.test.yaml",
            listed.join("`, `")
        )));
    }
    let reports = suites
        .iter()
        .map(|path| run_suite(desk, path))
        .collect::<Result<Vec<_>, _>>()?;
    let failed: usize = reports.iter().map(SuiteReport::failed).sum();
    let value = json!({ "ok": failed == 0, "failed": failed, "suites": reports });
    output::print(format, &value, || {
        reports
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    Ok(if failed == 0 {
        Exit::Ok
    } else {
        Exit::TestsFailed
    })
}

fn run_suite(desk: &Desk, path: &Path) -> Result<SuiteReport, CliError> {
    let sources = policy_admin::read(path).map_err(|fault| CliError::Config(fault.to_string()))?;
    let [source] = sources.as_slice() else {
        return Err(CliError::Unexpected(format!(
            "`{}` is no file",
            path.display()
        )));
    };
    let suite = Suite::read(source).map_err(|findings| CliError::Config(shown(&findings)))?;
    let mut tested = Vec::new();
    for policy in policies(path, &suite)? {
        tested.extend(
            policy_admin::read(&policy).map_err(|fault| CliError::Config(fault.to_string()))?,
        );
    }
    let loaded = policy::check(&tested, &desk.tools, desk.now)
        .map_err(|findings| CliError::Config(shown(&findings)))?;
    let engine = Engine::compile(Arc::new(loaded.bundle), &desk.tools, 1);
    Ok(suite.run(&engine.bundle().default_mode, |request| {
        let arguments = engine.complete(&request.resource.name, request.arguments.clone());
        engine.decide(&Arc::new(ActionRequest {
            arguments,
            ..request
        }))
    }))
}

/// The policies that a suite names, or the one beside it: `default.yaml` beside `default.test.yaml`.
fn policies(path: &Path, suite: &Suite) -> Result<Vec<PathBuf>, CliError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if !suite.policies.is_empty() {
        return Ok(suite
            .policies
            .iter()
            .map(|policy| folder.join(policy))
            .collect());
    }
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let stem = name.split(".test.").next().unwrap_or_default();
    let beside = ["yaml", "yml", "json"].map(|ending| folder.join(format!("{stem}.{ending}")));
    let found = beside.into_iter().find(|path| path.is_file());
    let missing = || {
        CliError::Config(format!(
            "`{}` names no policy and has none beside it; say `policies: FILE`",
            path.display()
        ))
    };
    found.map(|path| vec![path]).ok_or_else(missing)
}
