//! The doors of an opened gateway.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::figures::Kept;
use super::{App, identities};
use crate::audit::Door;
use crate::config::Config;
use crate::domain::Network;
use crate::transport;
use crate::transport::DoorMetrics;
use crate::transport::mcp::{self, Mcp};
use crate::transport::rest::{self, Guesses, Hosts, Resource, Rest, Service, Streams};

/// What doors have besides the road.
pub(super) struct AtDoors {
    hosts: Arc<Hosts>,
    proxies: Vec<Network>,
    guesses: Guesses,
    resource: Resource,
    metrics: DoorMetrics,
    streams: Streams,
    states: Arc<mcp::States>,
    body_limit: usize,
    session_idle: Duration,
}

impl AtDoors {
    pub(super) fn new(config: &Config, metrics: DoorMetrics, kept: Kept) -> Self {
        let Config {
            host,
            admin,
            allowed_hosts,
            allowed_origins,
            ..
        } = config;
        let hosts = admin.iter().map(|admin| admin.host.clone());
        let hosts: Vec<String> = hosts.chain(allowed_hosts.iter().cloned()).collect();
        Self {
            hosts: Arc::new(Hosts::new(host, &hosts, allowed_origins)),
            proxies: config.trusted_proxies.clone(),
            guesses: kept.guesses,
            resource: identities::resource(config),
            metrics,
            streams: kept.streams,
            states: kept.states,
            body_limit: config.body_limit,
            session_idle: config.session_idle,
        }
    }
}

impl App {
    /// The service for callers from the network.
    #[must_use]
    pub fn public_service(&self) -> Service {
        transport::service(self.rest(Door::Rest), self.mcp(Door::Mcp))
    }

    /// The service for commands of this machine's operator.
    #[must_use]
    pub fn command_service(&self) -> Service {
        transport::service(self.rest(Door::Cli), self.mcp(Door::Stdio))
    }

    fn mcp(&self, door: Door) -> Mcp {
        Mcp::new(mcp::Parts {
            pipeline: Arc::clone(&self.pipeline),
            running: self.running.clone(),
            stop: self.stop.clone(),
            door,
            body_limit: self.doors.body_limit,
            session_idle: self.doors.session_idle,
            states: Arc::clone(&self.doors.states),
            traces: self.traces.clone(),
        })
    }

    fn rest(&self, door: Door) -> Rest {
        Rest::new(rest::Parts {
            pipeline: Arc::clone(&self.pipeline),
            health: Arc::clone(&self.health),
            metrics: Arc::clone(&self.metrics),
            traces: self.traces.clone(),
            running: self.running.clone(),
            stop: self.stop.clone(),
            streams: self.doors.streams.clone(),
            hosts: Arc::clone(&self.doors.hosts),
            proxies: self.doors.proxies.clone(),
            body_limit: self.doors.body_limit,
            guesses: self.doors.guesses.clone(),
            resource: self.doors.resource.clone(),
            door,
            figures: self.doors.metrics.clone(),
            description: OnceLock::new(),
        })
    }
}
