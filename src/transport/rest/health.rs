//! The front page and the probes.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::pipeline::Role;
use crate::telemetry::{Check, METRICS_MEDIA};
use crate::wire::{Problem, ProblemCode};

use super::extract::Asker;
use super::{ROUTES, Rest, Route, answer, listeners};

/// `GET /`: what this is, and the mode; for a browser a small page with the doors.
pub(super) async fn front(
    State(rest): State<Rest>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
) -> Response {
    let mut body = json!({
        "service": "policyguard",
        "version": env!("CARGO_PKG_VERSION"),
        "status": "operational",
        "policy_engine": "active",
    });
    if let (true, Value::Object(body), Value::Object(status)) =
        (asker.roles.is_some(), &mut body, rest.pipeline.status())
    {
        body.extend(status);
    }
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accepts.contains("text/html") {
        Html(page(&body)).into_response()
    } else {
        Json(body).into_response()
    }
}

/// The page: every door, and the mode that holds.
fn page(status: &Value) -> String {
    let text = |name: &str| {
        status
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let row = |route: &Route| {
        let Route {
            method, path, tool, ..
        } = route;
        format!("<tr><td>{method}</td><td><code>{path}</code></td><td>{tool}</td></tr>")
    };
    let doors = ROUTES.iter().map(row).collect::<Vec<_>>().concat();
    let mode = match text("current_mode").as_str() {
        "" => String::new(),
        mode => format!("Mode <strong>{mode}</strong>. "),
    };
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>policyguard</title>\
         <style>body{{font:16px/1.5 system-ui;max-width:48rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}}\
         td{{padding:.1rem 1rem .1rem 0}}</style>\
         <h1>policyguard {}</h1><p>{}Run a tool with <code>POST /tools/execute</code>.</p>\
         <table>{doors}</table>",
        text("version"),
        mode,
    )
}

/// `GET /livez`: the process answers.
pub(super) async fn livez() -> &'static str {
    "ok"
}

/// `GET /readyz`: each part by name; 503 while one of them is not ready, which a warning does not make it.
pub(super) async fn readyz(
    State(rest): State<Rest>,
    Extension(asker): Extension<Asker>,
) -> Response {
    let checks = rest.health.checks();
    let ready = checks.iter().all(Check::holds);
    let named: serde_json::Map<String, Value> = checks
        .into_iter()
        .map(|check| {
            (
                check.name.to_owned(),
                check.fault.map_or_else(|| json!("ok"), Value::String),
            )
        })
        .collect();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = if ready { "ready" } else { "not ready" };
    // What is wrong inside is nobody's business outside.
    let body = if asker.roles.is_some() {
        json!({ "status": word, "checks": named })
    } else {
        json!({ "status": word })
    };
    (status, Json(body)).into_response()
}

/// `GET /metrics`: the figures for Prometheus, for auditors and for whoever reaches the admin listener.
pub(super) async fn metrics(
    State(rest): State<Rest>,
    Extension(asker): Extension<Asker>,
    request: Request,
) -> Response {
    let is_auditor = asker.roles.is_some_and(|roles| roles.has(Role::Auditor));
    if !listeners::opens(&request) && !is_auditor {
        let problem = Problem::new(ProblemCode::Forbidden, "figures need role auditor");
        return answer::problem(&problem.hint("use the key of an auditor"));
    }
    // Some figures are read from disk, which must not hold up calls.
    let figures = Arc::clone(&rest.metrics);
    match tokio::task::spawn_blocking(move || figures.text()).await {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_MEDIA)], text).into_response(),
        Err(broken) => {
            tracing::error!(%broken, "the figures could not be read");
            answer::problem(&Problem::new(
                ProblemCode::Internal,
                "the figures could not be read",
            ))
        }
    }
}

/// `GET /healthz`: one word for the same.
pub(super) async fn healthz(State(rest): State<Rest>) -> Response {
    let healthy = rest.health.checks().iter().all(Check::holds);
    let (status, word) = if healthy {
        (StatusCode::OK, "healthy")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    };
    (status, Json(json!({ "status": word }))).into_response()
}
