//! The span of whoever asks, as its request says (W3C Trace Context).

use axum::http::HeaderMap;

use crate::telemetry::Origin;
use crate::wire::Message;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
/// The longest state that is passed on; the recommendation asks for no more.
const LONGEST: usize = 512;

/// The longest parent that is looked at; that of today's version has 55 characters.
const LONGEST_PARENT: usize = 256;

/// What a request says of the span that it is part of; nothing of it is believed but for the trace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TraceContext {
    parent: Option<String>,
    state: Option<String>,
}

impl TraceContext {
    /// What the headers say.
    pub(super) fn of_headers(headers: &HeaderMap) -> Self {
        let mut parents = headers.get_all(PARENT).iter();
        let parent = match (parents.next(), parents.next()) {
            (Some(parent), None) => parent.to_str().ok(),
            _ => None,
        };
        // A state may stand in several headers, which are one list.
        let states = headers.get_all(STATE).iter();
        let states: Vec<&str> = states.filter_map(|state| state.to_str().ok()).collect();
        Self::new(parent, Some(states.join(",")))
    }

    /// What a message of MCP says in `_meta`, else what the headers say: the message is nearer to whoever calls, and
    /// a header may be of a proxy or of the session.
    pub(super) fn of_message(headers: &HeaderMap, message: &Message) -> Self {
        let said = |name: &str| message.text(&format!("/params/_meta/{name}"));
        let own = Self::new(said(PARENT), said(STATE).map(str::to_owned));
        if own.parent.is_some() {
            own
        } else {
            Self::of_headers(headers)
        }
    }

    fn new(parent: Option<&str>, state: Option<String>) -> Self {
        let Some(parent) = parent.map(str::trim).filter(|parent| is_parent(parent)) else {
            return Self::default();
        };
        let state = state.filter(|state| !state.is_empty() && state.len() <= LONGEST);
        Self {
            parent: Some(parent.to_owned()),
            state,
        }
    }

    /// The trace that the headers name.
    pub(super) fn trace_of(headers: &HeaderMap) -> Option<String> {
        if !headers.contains_key(PARENT) {
            return None;
        }
        let parent = Self::of_headers(headers).parent?;
        parent.split('-').nth(1).map(str::to_owned)
    }

    /// The same, for whoever begins a span.
    pub(super) fn origin(&self) -> Origin<'_> {
        Origin {
            parent: self.parent.as_deref(),
            state: self.state.as_deref(),
        }
    }
}

/// Whether this is `00-<trace>-<span>-<flags>`, or what a later version may make of that.
fn is_parent(text: &str) -> bool {
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
    };
    let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
    if text.len() > LONGEST_PARENT {
        return false;
    }
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, span, flags, further @ ..] = parts.as_slice() else {
        return false;
    };
    is_hex(version, 2)
        && *version != "ff"
        && (further.is_empty() || *version != "00")
        && is_id(trace, 32)
        && is_id(span, 16)
        && is_hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const META: &str = "00-11111111111111111111111111111111-2222222222222222-01";

    fn headers(said: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    fn check(said: &[(&'static str, &str)], meta: &str, parent: Option<&str>, state: Option<&str>) {
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x","_meta":{meta}}}}}"#
        );
        let message = Message::read(message.as_bytes()).expect("a message");
        let found = TraceContext::of_message(&headers(said), &message);
        assert_eq!(found.origin(), Origin { parent, state }, "{said:?} {meta}");
    }

    #[test]
    fn the_message_is_believed_before_the_header_and_nothing_that_is_not_well_formed() {
        let meta = format!(r#"{{"traceparent":"{META}","tracestate":"a=1"}}"#);
        let both = [("traceparent", HEADER), ("tracestate", "b=2")];
        check(&both, "{}", Some(HEADER), Some("b=2"));
        check(&both, &meta, Some(META), Some("a=1"));
        check(&[], &meta, Some(META), Some("a=1"));
        let wrong = format!(r#"{{"traceparent":"{}"}}"#, META.replace('1', "G"));
        check(&both, &wrong, Some(HEADER), Some("b=2"));
        check(&both, r#"{"traceparent":7}"#, Some(HEADER), Some("b=2"));
        let twice = [("traceparent", HEADER), ("traceparent", META)];
        check(&twice, "{}", None, None);
        let lists = [
            ("traceparent", HEADER),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
        ];
        check(&lists, "{}", Some(HEADER), Some("a=1,b=2"));
        let long = format!("a={}", "x".repeat(LONGEST));
        let long = [("traceparent", HEADER), ("tracestate", &*long)];
        check(&long, "{}", Some(HEADER), None);
    }

    #[test]
    fn a_parent_has_four_parts_of_which_no_id_is_nought() {
        let zero = HEADER.replace("b7ad6b7169203331", "0000000000000000");
        for (text, good) in [
            (HEADER, true),
            (&*HEADER.replacen("00", "01", 1), true),
            (&*format!("{}-more", HEADER.replacen("00", "01", 1)), true),
            (&*format!("{HEADER}-more"), false),
            (&*HEADER.replacen("00", "ff", 1), false),
            (&*HEADER.to_uppercase(), false),
            (&*zero, false),
            ("00-1-2-01", false),
            ("", false),
        ] {
            assert_eq!(is_parent(text), good, "{text}");
        }
    }
}
