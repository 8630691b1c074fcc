//! A gateway in front of what the MCP conformance suite asks a server for: tools, resources and prompts of fixed names.
//!
//! Not a test by itself: `.ci/mcp-conformance --fixture` starts it and lets the suite judge what comes through the road.

mod backend; // the fixtures behind the road
mod content; // what they answer
mod rounds; // those that ask by their result
mod shelf; // resources, prompts, completions
mod talk; // those that talk while they work

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use policyguard::app::{App, Parts};
use policyguard::config::{Config, Flags, resolve};
use policyguard::transport::{Doors, serve};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use backend::Fixture;

type Outcome<T> = Result<T, Box<dyn Error>>;

const USAGE: &str = "mcp_fixture --serve: serves the fixtures of the MCP conformance suite, says where, and runs until stdin ends";

fn main() -> Outcome<()> {
    if std::env::args().nth(1).as_deref() != Some("--serve") {
        writeln!(std::io::stdout(), "{USAGE}")?;
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(run())
}

async fn run() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let policies = dir.path().join("policies");
    std::fs::create_dir(&policies)?;
    let fixture = Fixture::new(policies.join("policy.yaml"))?;
    let config = config(&dir.path().join("data"), &policies)?;
    let parts = Parts {
        backends: vec![Arc::new(fixture)],
        ..Parts::default()
    };
    let app = App::open_with(&config, parts).await?;
    let doors = Doors::open("127.0.0.1", 0, None).await?;
    let mut tasks = app.start_tasks();
    writeln!(std::io::stdout(), "http://{}/mcp", doors.address()?)?;
    let stop = app.stopping();
    stop_at_the_end(stop.clone())?;
    serve(doors, app.public_service(), app.command_service(), stop).await;
    tasks.shutdown().await;
    app.close().await;
    Ok(())
}

/// A configuration over this data directory and these policies, whatever the environment says.
fn config(data_dir: &Path, policies: &Path) -> Outcome<Config> {
    let values = [
        ("data_dir", data_dir.display().to_string()),
        ("policies", policies.display().to_string()),
    ];
    let flags = Flags {
        config: None,
        values: values.into(),
    };
    resolve(&flags, &BTreeMap::new()).map_err(|problems| format!("{problems:?}").into())
}

/// Stops when whoever started this is gone, which closes stdin, or asks for it.
fn stop_at_the_end(stop: CancellationToken) -> Outcome<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let told = stop.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        told.cancel();
    });
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stop.cancel();
    });
    Ok(())
}
