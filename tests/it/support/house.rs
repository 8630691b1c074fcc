//! A whole gateway for a test: a real store in a folder of its own, a clock that the test moves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use policyguard::app::{App, OpenError, Parts};
use policyguard::config::{Config, Flags, resolve};
use policyguard::decision_point::RateLimits;
use policyguard::domain::{Clock, LocalRole, Timestamp};
use policyguard::incidents::Suspend;
use policyguard::pipeline::{Answer, Call, Caller, Door};
use policyguard::policy_admin::Loosening;
use policyguard::tools::ToolBackend;
use policyguard::transport::rest::Service;
use policyguard::transport::{Doors, Limits, serve};
use serde_json::Value;
use tempfile::TempDir;

/// A clock that stands until the test moves it.
pub(crate) struct TestClock {
    millis: AtomicI64,
    /// How far the wall clock was set back.
    behind: AtomicI64,
}

impl TestClock {
    const START: i64 = 1_795_000_000_000;

    pub(crate) fn advance(&self, duration: Duration) {
        self.millis.fetch_add(
            i64::try_from(duration.as_millis()).unwrap(),
            Ordering::SeqCst,
        );
    }

    /// Sets the wall clock back, and leaves the monotonic one alone.
    pub(crate) fn set_back(&self, duration: Duration) {
        self.behind.fetch_add(
            i64::try_from(duration.as_millis()).unwrap(),
            Ordering::SeqCst,
        );
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let behind = self.behind.load(Ordering::SeqCst);
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst) - behind)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(
            u64::try_from(self.millis.load(Ordering::SeqCst) - Self::START).unwrap(),
        )
    }
}

/// A gateway, opened but without a port.
pub(crate) struct House {
    pub(crate) app: App,
    pub(crate) clock: Arc<TestClock>,
    service: Service,
    dir: Arc<TempDir>,
    config: Config,
}

/// What a gateway answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl House {
    /// A gateway with the shipped default policy.
    pub(crate) async fn new() -> Self {
        Self::with_policies(&shipped("default.yaml")).await
    }

    /// A gateway with the policy at this path.
    pub(crate) async fn with_policies(policies: &Path) -> Self {
        Self::build(policies, Vec::new()).await
    }

    /// A gateway with a policy of this text.
    pub(crate) async fn with_policy_text(text: &str) -> Self {
        Self::with_backends(text, Vec::new()).await
    }

    /// A gateway with a policy of this text, and further backends behind the road.
    pub(crate) async fn with_backends(text: &str, backends: Vec<Arc<dyn ToolBackend>>) -> Self {
        Self::of_text(text, |_| (), |parts| Parts { backends, ..parts }).await
    }

    /// A gateway with a policy of this text and further backends, whose tools may take so long.
    pub(crate) async fn with_deadline(
        text: &str,
        backends: Vec<Arc<dyn ToolBackend>>,
        tool_deadline: Duration,
    ) -> Self {
        let parts = |parts| Parts {
            backends,
            tool_deadline,
            ..parts
        };
        Self::of_text(text, |_| (), parts).await
    }

    /// A gateway with a policy of this text, in which this one suspends.
    pub(crate) async fn with_suspend(text: &str, suspend: Arc<dyn Suspend>) -> Self {
        let suspend = Some(suspend);
        Self::of_text(text, |_| (), |parts| Parts { suspend, ..parts }).await
    }

    /// A gateway with a policy of this text that refuses changes by which something becomes callable.
    pub(crate) async fn refusing_to_loosen(text: &str) -> Self {
        let configure = |config: &mut Config| config.loosening = Loosening::Refuse;
        Self::of_text(text, configure, |parts| parts).await
    }

    /// A gateway with the shipped default policy, in which models have this role.
    pub(crate) async fn with_models(mcp_role: LocalRole) -> Self {
        Self::configured(|config| config.mcp_role = mcp_role).await
    }

    /// A gateway with the shipped default policy, whose store may take so many bytes.
    pub(crate) async fn with_store_of(audit_size: u64) -> Self {
        Self::configured(|config| config.audit_size = audit_size).await
    }

    /// A gateway with the shipped default policy, that records ten identical denials a minute and counts the rest.
    pub(crate) async fn counting_denials() -> Self {
        Self::configured(|config| config.identical_denials = Some(10)).await
    }

    /// A gateway with the shipped default policy, in which callers have these limits.
    pub(crate) async fn with_rates(rates: RateLimits) -> Self {
        Self::configured(|config| config.rates = rates).await
    }

    /// A gateway with the shipped default policy and this configuration.
    pub(crate) async fn configured(configure: impl FnOnce(&mut Config)) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let mut config = config(&dir.path().join("data"), &shipped("default.yaml"));
        configure(&mut config);
        Self::open(dir, config, |parts| parts).await
    }

    /// A gateway with a policy of this text, this configuration and these parts.
    async fn of_text(
        text: &str,
        configure: impl FnOnce(&mut Config),
        parts: impl FnOnce(Parts) -> Parts,
    ) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let file = dir.path().join("policy.yaml");
        std::fs::write(&file, text).unwrap();
        let mut config = config(&dir.path().join("data"), &file);
        configure(&mut config);
        Self::open(dir, config, parts).await
    }

    async fn build(policies: &Path, backends: Vec<Arc<dyn ToolBackend>>) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let config = config(&dir.path().join("data"), policies);
        Self::open(dir, config, |parts| Parts { backends, ..parts }).await
    }

    async fn open(dir: Arc<TempDir>, config: Config, parts: impl FnOnce(Parts) -> Parts) -> Self {
        let clock = Arc::new(TestClock {
            millis: AtomicI64::new(TestClock::START),
            behind: AtomicI64::new(0),
        });
        let parts = parts(Parts {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            // Who else fills the disk of a test is no matter of its own.
            heeds_disk: false,
            ..Parts::default()
        });
        let app = App::open_with(&config, parts)
            .await
            .unwrap_or_else(|fault| panic!("{fault}"));
        let service = app.public_service();
        Self {
            app,
            clock,
            service,
            dir,
            config,
        }
    }

    /// Serves it on a port of this machine until it stops; where.
    pub(crate) async fn listen(&self) -> SocketAddr {
        self.listen_within(Limits::default()).await
    }

    /// The same, where the door has these limits.
    pub(crate) async fn listen_within(&self, limits: Limits) -> SocketAddr {
        let doors = Doors::open("127.0.0.1", 0, None).await.unwrap();
        self.open_doors(doors.with_limits(limits))
    }

    /// Serves it behind these doors until it stops; where the first of them is.
    pub(crate) fn open_doors(&self, doors: Doors) -> SocketAddr {
        let door = doors.address().unwrap();
        let (public, commands) = (self.app.public_service(), self.app.command_service());
        let stop = self.app.stopping();
        tokio::spawn(serve(doors, public, commands, stop));
        door
    }

    /// The same gateway after a stop and a start.
    pub(crate) async fn restarted(self) -> Self {
        let opened = self.restarted_after(|_| ()).await;
        opened.unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// The same gateway after a stop, some work on its data directory, and a start that may be refused.
    pub(crate) async fn restarted_after(self, work: impl FnOnce(&Path)) -> Result<Self, OpenError> {
        let Self {
            app,
            clock,
            service,
            dir,
            config,
        } = self;
        drop(service);
        app.close().await;
        work(&dir.path().join("data"));
        let parts = Parts {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            // Who else fills the disk of a test is no matter of its own.
            heeds_disk: false,
            ..Parts::default()
        };
        let app = App::open_with(&config, parts).await?;
        let service = app.public_service();
        Ok(Self {
            app,
            clock,
            service,
            dir,
            config,
        })
    }

    /// The policy file of a gateway that was opened with a policy of its own.
    pub(crate) fn policy_file(&self) -> PathBuf {
        self.dir.path().join("policy.yaml")
    }

    /// With what it was opened.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Where the gateway keeps its state.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, Some(body.to_string().into_bytes()))
            .await
    }

    /// Runs a tool; the answer is always 200.
    pub(crate) async fn execute(&self, tool: &str, arguments: Value) -> Value {
        let reply = self
            .post(
                "/tools/execute",
                &serde_json::json!({ "tool_name": tool, "arguments": arguments }),
            )
            .await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        reply.body
    }

    /// Switches the mode, which must succeed.
    pub(crate) async fn set_mode(&self, mode: &str) {
        let reply = self
            .post("/policy/set-mode", &serde_json::json!({ "mode": mode }))
            .await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
    }

    /// Sends raw bytes as a JSON body.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        let request = match body {
            Some(bytes) => request
                .header("content-type", "application/json")
                .body(Body::from(bytes)),
            None => request.body(Body::empty()),
        };
        self.request(request.unwrap()).await
    }

    /// Opens a path whose answer is read as it comes.
    pub(crate) async fn open_path(&self, path: &str, after: Option<&str>) -> Response {
        let mut request = Request::builder().uri(path).header("host", "localhost");
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        self.service
            .open(request.body(Body::empty()).unwrap())
            .await
    }

    /// Calls a tool as the model of local mode does, which is agent `local`.
    pub(crate) async fn as_model(&self, tool: &str, arguments: Value) -> Answer {
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object")
        };
        let call = Call::tool(Caller::at(Door::Mcp), tool, arguments);
        self.app.pipeline.handle(call).await.unwrap()
    }

    /// Sends a request as it is.
    pub(crate) async fn request(&self, request: Request<Body>) -> Reply {
        let (status, bytes) = self.service.answer(request).await;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Reply { status, body }
    }
}

/// A configuration over this data directory and policy, whatever the environment says.
pub(crate) fn config(data_dir: &Path, policies: &Path) -> Config {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let values = [
        ("data_dir", text(data_dir)),
        ("policies", text(policies)),
        ("server.port", "0".to_owned()),
    ];
    resolve(
        &Flags {
            config: None,
            values: values.into(),
        },
        &BTreeMap::new(),
    )
    .unwrap()
}

/// A file of the repository's `policies/`.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("policies")
        .join(name)
}
