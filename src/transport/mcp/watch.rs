//! Tells clients when what they may see has changed: by policy, trust, role or catalogue.

use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::{Peer, ServiceError, SubscriptionContext};

use crate::pipeline::ListStanding;

use super::{Guest, Road, guide};

/// Changes that come together are told once.
const TOGETHER: Duration = Duration::from_millis(100);
/// How often a watch looks whether its client is still there.
const LOOK: Duration = Duration::from_secs(30);

/// What a caller may see, to compare.
#[derive(PartialEq, Eq)]
struct Seen {
    standing: ListStanding,
    tools: Vec<Arc<str>>,
}

/// Watches for a session until it ends.
pub(super) fn session(road: Arc<Road>, guest: Guest, peer: Peer<RoleServer>) {
    let running = road.running.clone();
    running.spawn(async move {
        let session = guest.session.clone();
        watch_session(&road, guest, &peer).await;
        if let Some(session) = session {
            road.wishes().remove(&session);
        }
    });
}

async fn watch_session(road: &Road, guest: Guest, peer: &Peer<RoleServer>) {
    let mut watch = Watch::new(road, guest);
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
        if changed.policies && tell_of_policies(road, &watch.guest, peer).await.is_err() {
            return;
        }
    }
}

/// Tells a session that policies changed, and of those that it watches that each may have.
async fn tell_of_policies(
    road: &Road,
    guest: &Guest,
    peer: &Peer<RoleServer>,
) -> Result<(), ServiceError> {
    peer.notify_resource_list_changed().await?;
    let watched: Vec<String> = {
        let wishes = road.wishes();
        let wish = guest.session.as_ref().and_then(|id| wishes.get(id));
        let uris = wish.into_iter().flat_map(|wish| &wish.resources);
        uris.filter(|uri| uri.starts_with(guide::SCHEME))
            .cloned()
            .collect()
    };
    for uri in watched {
        let params = ResourceUpdatedNotificationParam::new(uri);
        peer.notify_resource_updated(params).await?;
    }
    Ok(())
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
        let watched = accepted.resource_subscriptions.iter().flatten();
        let watched = watched.filter(|uri| changed.policies && uri.starts_with(guide::SCHEME));
        for uri in watched {
            if sink.notify_resource_updated(uri.clone()).await.is_err() {
                return;
            }
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
            let before = self.seen.as_ref().map(|seen| seen.standing);
            if before.is_some() && standing(self.road, &self.guest) == before {
                continue;
            }
            let now = look(self.road, &self.guest);
            let tools =
                now.as_ref().map(|seen| &seen.tools) != self.seen.as_ref().map(|seen| &seen.tools);
            let policies = version(now.as_ref()) != version(self.seen.as_ref());
            self.seen = now;
            if tools || policies {
                return Changed { tools, policies };
            }
        }
    }
}

fn version(seen: Option<&Seen>) -> Option<u64> {
    seen.map(|seen| seen.standing.policy_version())
}

/// What the list depends on, which is cheaper to tell than the list.
fn standing(road: &Road, guest: &Guest) -> Option<ListStanding> {
    let standing = road
        .pipeline
        .standing_for(&guest.caller, &guest.credentials);
    standing.ok()
}

fn look(road: &Road, guest: &Guest) -> Option<Seen> {
    let standing = standing(road, guest)?;
    let tools = road.shown(guest).ok()?;
    let tools = tools.into_iter().map(|tool| Arc::from(&*tool.name));
    Some(Seen {
        standing,
        tools: tools.collect(),
    })
}
