//! Spans, on their way to a collector of traces (OTLP over HTTP).

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};

use crate::domain::Secret;
use crate::telemetry::{NotTaken, Post, Posting};

use super::{OutboundError, commonly, innermost, without_certificates};

/// How long a collector may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// Where a collector takes spans, below its base address.
const PATH: &str = "/v1/traces";

/// A collector of traces.
pub struct Collector {
    client: reqwest::Client,
    url: Url,
}

impl Collector {
    /// The collector at this base address, `http://HOST:PORT` or `https://HOST:PORT`, that is shown these headers.
    ///
    /// # Errors
    /// When that is no address, or the system gives no client.
    pub fn at(base: &str, shown: &[(String, Secret)]) -> Result<Self, OutboundError> {
        let url = url(base).map_err(OutboundError::NoClient)?;
        let builder = if url.scheme() == "https" {
            commonly()
        } else {
            without_certificates()
        };
        let headers = shown.iter();
        let headers = headers.filter_map(|(name, value)| header(name, value.expose()));
        let builder = builder.default_headers(headers.collect());
        let client = builder.timeout(DEADLINE).build();
        let client = client.map_err(|fault| OutboundError::NoClient(innermost(&fault)))?;
        Ok(Self { client, url })
    }
}

impl Post for Collector {
    fn post(&self, spans: Vec<u8>) -> Posting<'_> {
        Box::pin(async move {
            let request = self
                .client
                .post(self.url.clone())
                .header("content-type", "application/x-protobuf")
                .body(spans);
            let reply = request.send().await.map_err(|fault| NotTaken {
                why: innermost(&fault),
                later: true,
            })?;
            match reply.status() {
                status if status.is_success() => Ok(()),
                status => Err(NotTaken {
                    why: format!("the answer is {status}"),
                    later: is_for_now(status),
                }),
            }
        })
    }
}

/// Checks the address of a collector before anything depends on it.
///
/// # Errors
/// When it is none.
pub fn check_collector(base: &str) -> Result<(), String> {
    url(base).map(drop)
}

/// Whether a request can have this header.
#[must_use]
pub fn check_header(name: &str, value: &[u8]) -> bool {
    header(name, value).is_some()
}

fn header(name: &str, value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

fn url(base: &str) -> Result<Url, String> {
    let url = Url::parse(&format!("{}{PATH}", base.trim_end_matches('/')));
    // Settings are shown to whoever may read them, so they hold no password.
    let fits = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    url.ok().filter(fits).ok_or_else(|| {
        "not the address of a collector: write it as `http://otel-collector:4318`".to_owned()
    })
}

/// Whether another try may succeed (OTLP specification, "Retryable Response Codes").
fn is_for_now(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_has_a_base_address_over_http() {
        for (base, found) in [
            ("http://otel:4318", Some("http://otel:4318/v1/traces")),
            ("http://otel:4318/", Some("http://otel:4318/v1/traces")),
            ("https://otel/a", Some("https://otel/a/v1/traces")),
            ("otel:4317", None),
            ("grpc://otel:4317", None),
            ("http://otel/?a=b", None),
            ("http://me:secret@otel:4318", None),
            ("", None),
        ] {
            let url = url(base).map(String::from);
            assert_eq!(url.ok().as_deref(), found, "{base}");
        }
    }
}
