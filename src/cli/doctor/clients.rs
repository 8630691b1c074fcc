//! Whether the clients of this machine lead to this gateway.

use crate::cli::connect::{Leads, standing};
use crate::config::Config;

use super::Line;

const CLIENTS: &str = "clients";

pub(super) fn all(config: &Config) -> Vec<Line> {
    let lines: Vec<Line> = standing()
        .into_iter()
        .map(|one| {
            let (client, file) = (one.client, one.file.display());
            let again = format!("policyguard connect {} --write", one.arguments);
            match one.leads {
                Leads::To(url) if is_elsewhere(&url, config) => {
                    let found = format!("{client} asks {url}, which is not the port set here");
                    Line::warn(CLIENTS, found, format!("{again}, if it means this gateway"))
                }
                Leads::To(url) => Line::ok(CLIENTS, format!("{client} asks {url}")),
                Leads::Through(command) => Line::ok(CLIENTS, format!("{client} starts {command}")),
                Leads::Nowhere(command) => {
                    let found = format!("{client} starts {command}, which is not there");
                    Line::fail(CLIENTS, found, again)
                }
                Leads::Unread(why) => {
                    let found = format!("{file} of {client} cannot be read: {why}");
                    Line::warn(CLIENTS, found, "mend it, or take it back with --rollback")
                }
            }
        })
        .collect();
    if lines.is_empty() {
        return vec![Line::ok(
            CLIENTS,
            "none leads here; policyguard connect CLIENT shows what it takes",
        )];
    }
    lines
}

/// Whether an address is of this machine, but of another port than the configured one.
fn is_elsewhere(url: &str, config: &Config) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let near = ["127.0.0.1:", "localhost:", "[::1]:"]
        .iter()
        .find_map(|host| authority.strip_prefix(host));
    near.is_some_and(|port| config.port != 0 && port != config.port.to_string())
}
