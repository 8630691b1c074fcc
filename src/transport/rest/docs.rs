//! `/docs`: Swagger UI over our own description, from our own origin and nowhere else.

use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse as _, Response};

use crate::wire::{Problem, ProblemCode};

use super::answer;

/// The page may run our scripts and ask our API, and nothing else. Swagger UI sets styles on its elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <title>policyguard API</title>\n<link rel=\"icon\" href=\"data:,\">\n\
    <link rel=\"stylesheet\" href=\"/docs/swagger-ui.css\">\n<div id=\"swagger-ui\"></div>\n\
    <script src=\"/docs/swagger-ui-bundle.js\"></script>\n<script src=\"/docs/start.js\"></script>\n</html>\n";

/// Starts the page; no validator elsewhere is told what we serve.
const START: &str = "SwaggerUIBundle({\n  url: '/openapi.json',\n  dom_id: '#swagger-ui',\n  deepLinking: true,\n  \
    validatorUrl: null,\n  presets: [SwaggerUIBundle.presets.apis],\n});\n";

// `build.rs` takes them out of the crate that carries them.
const STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));
const BUNDLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));

/// `GET /docs`: the page.
pub(super) async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, PAGE).into_response()
}

/// `GET /docs/{file}`: what the page is made of.
pub(super) async fn file(Path(file): Path<String>) -> Response {
    match file.as_str() {
        "start.js" => (headers("text/javascript"), START).into_response(),
        "swagger-ui.css" => packed("text/css", STYLE),
        "swagger-ui-bundle.js" => packed("text/javascript", BUNDLE),
        _ => {
            let detail = format!("/docs has no file `{}`", file.escape_debug());
            answer::problem(&Problem::new(ProblemCode::NotFound, detail).hint("open /docs"))
        }
    }
}

/// A file that is gzip already; every browser reads it.
fn packed(media: &'static str, gzip: &'static [u8]) -> Response {
    let encoding = [(header::CONTENT_ENCODING, "gzip")];
    (headers(media), encoding, gzip).into_response()
}

fn headers(media: &'static str) -> [(HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, media),
        (header::CACHE_CONTROL, "max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}
