//! What is served where, when administrators have a listener of their own (`admin.addr`).

use axum::extract::Request;

use crate::transport::serve::Listener;
use crate::wire::{Problem, ProblemCode};

/// The figures for Prometheus.
const FIGURES: &str = "/metrics";
/// Whoever changes these decides who is somebody.
const WHO_IS_WHO: [&str; 2] = ["/api/v1/keys", "/api/v1/users"];

/// Refuses what is served on the other listener, in the words of what is served nowhere.
pub(super) fn check(request: &Request) -> Result<(), Problem> {
    let path = request.uri().path();
    if listener(request) == Some(Listener::Public) && is_administration(path) {
        return Err(nothing_at(path));
    }
    Ok(())
}

/// Whether anybody may ask for it here: whoever reaches the listener of administrators may see the figures.
pub(super) fn opens(request: &Request) -> bool {
    listener(request) == Some(Listener::Admin) && request.uri().path() == FIGURES
}

/// What is said of a path at which nothing is served.
pub(super) fn nothing_at(path: &str) -> Problem {
    let detail = format!("nothing is served at `{path}`");
    Problem::new(ProblemCode::NotFound, detail).hint("GET / names the doors")
}

/// The listener over which the request came, if there are two.
fn listener(request: &Request) -> Option<Listener> {
    request.extensions().get().copied()
}

/// Whether the path or one above it belongs to administrators.
fn is_administration(path: &str) -> bool {
    let below = |root: &str| {
        let rest = path.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    std::iter::once(&FIGURES)
        .chain(&WHO_IS_WHO)
        .any(|root| below(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administration_is_its_paths_and_what_is_below_them() {
        for path in [
            "/metrics",
            "/metrics/",
            "/api/v1/keys",
            "/api/v1/keys/",
            "/api/v1/keys/key_1/rotate",
            "/api/v1/users",
            "/api/v1/users/ada",
        ] {
            assert!(is_administration(path), "{path}");
        }
        for path in [
            "/",
            "/api/v1",
            "/api/v1/agents",
            "/api/v1/keyset",
            "/api/v1/usersx/keys",
            "/x/metrics",
            "/metricsx",
        ] {
            assert!(!is_administration(path), "{path}");
        }
    }
}
