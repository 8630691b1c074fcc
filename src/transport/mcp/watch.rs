//! Tells clients when what they may see has changed: by policy, trust, role or catalogue.

use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::service::{Peer, SubscriptionContext};

use super::{Guest, Road};

/// Changes that come together are told once.
const TOGETHER: Duration = Duration::from_millis(100);
/// How often a watch looks whether its client is still there.
const LOOK: Duration = Duration::from_secs(30);

/// What a caller may see, to compare.
#[derive(PartialEq, Eq)]
struct Seen {
    tools: Vec<Arc<str>>,
    policy_version: u64,
}

/// Watches for a session until it ends.
pub(super) fn session(road: Arc<Road>, guest: Guest, peer: Peer<RoleServer>) {
    let running = road.running.clone();
    running.spawn(async move {
        let mut watch = Watch::new(&road, guest);
        loop {
            let changed = tokio::select! {
                changed = watch.next() => changed,
                () = tokio::time::sleep(LOOK) => Changed::default(),
                () = road.stop.cancelled() => return,
            };
            if peer.is_transport_closed() {
                return;
            }
            if changed.tools && peer.notify_tool_list_changed().await.is_err() {
                return;
            }
            if changed.policies && peer.notify_resource_list_changed().await.is_err() {
                return;
            }
        }
    });
}

/// Watches for a subscription until its client cancels it or the server stops.
pub(super) async fn subscription(road: &Arc<Road>, guest: &Guest, context: &SubscriptionContext) {
    let mut watch = Watch::new(road, guest.clone());
    loop {
        let changed = tokio::select! {
            changed = watch.next() => changed,
            () = context.cancelled() => return,
            () = road.stop.cancelled() => return,
        };
        let sink = context.sink();
        let accepted = context.accepted();
        let tools = changed.tools && accepted.tools_list_changed == Some(true);
        let policies = changed.policies && accepted.resources_list_changed == Some(true);
        if tools && sink.notify_tool_list_changed().await.is_err() {
            return;
        }
        if policies && sink.notify_resource_list_changed().await.is_err() {
            return;
        }
    }
}

/// What is another than it was.
#[derive(Default, Clone, Copy)]
struct Changed {
    tools: bool,
    policies: bool,
}

struct Watch<'a> {
    road: &'a Road,
    guest: Guest,
    news: tokio::sync::watch::Receiver<u64>,
    seen: Option<Seen>,
}

impl<'a> Watch<'a> {
    fn new(road: &'a Road, guest: Guest) -> Self {
        let news = road.pipeline.news();
        let seen = look(road, &guest);
        Self {
            road,
            guest,
            news,
            seen,
        }
    }

    /// Waits until the caller may see something else than before.
    async fn next(&mut self) -> Changed {
        loop {
            if self.news.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(TOGETHER).await;
            self.news.mark_unchanged();
            let now = look(self.road, &self.guest);
            if now == self.seen {
                continue;
            }
            let tools =
                now.as_ref().map(|seen| &seen.tools) != self.seen.as_ref().map(|seen| &seen.tools);
            let policies = now.as_ref().map(|seen| seen.policy_version)
                != self.seen.as_ref().map(|seen| seen.policy_version);
            self.seen = now;
            return Changed { tools, policies };
        }
    }
}

fn look(road: &Road, guest: &Guest) -> Option<Seen> {
    let tools = road.shown(guest).ok()?;
    let tools = tools
        .into_iter()
        .map(|tool| Arc::from(&*tool.name))
        .collect();
    let policy_version = road
        .pipeline
        .decision_point()
        .gate()
        .situation()
        .engine
        .version();
    Some(Seen {
        tools,
        policy_version,
    })
}
