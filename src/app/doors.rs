//! The doors of an opened gateway.

use std::sync::{Arc, OnceLock};

use super::App;
use crate::audit::Door;
use crate::transport;
use crate::transport::mcp::{self, Mcp};
use crate::transport::rest::{self, Rest, Service};

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
            body_limit: self.body_limit,
            session_idle: self.session_idle,
            states: Arc::clone(&self.states),
        })
    }

    fn rest(&self, door: Door) -> Rest {
        Rest::new(rest::Parts {
            pipeline: Arc::clone(&self.pipeline),
            health: Arc::clone(&self.health),
            metrics: Arc::clone(&self.metrics),
            running: self.running.clone(),
            stop: self.stop.clone(),
            streams: self.streams.clone(),
            hosts: Arc::clone(&self.hosts),
            body_limit: self.body_limit,
            door,
            figures: self.door_metrics.clone(),
            description: OnceLock::new(),
        })
    }
}
