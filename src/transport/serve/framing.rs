//! Requests that two programs could read differently are refused before anyone acts on them (`spec/limits.md`, L6, L15).

use axum::http::{HeaderMap, Method, header};

/// Why a request is refused whatever it asks for; its connection is closed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) struct Unsound(pub(in crate::transport) &'static str);

/// Whether there is one way to read the request; `head` is what it was read from.
///
/// The library drops a `Content-Length` beside a `Transfer-Encoding`, so that is looked for in the bytes.
pub(super) fn check(method: &Method, headers: &HeaderMap, head: &[u8]) -> Result<(), Unsound> {
    match headers.get_all(header::HOST).iter().count() {
        1 => {}
        0 => return Err(Unsound("there is no Host header")),
        _ => return Err(Unsound("there are several Host headers")),
    }
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return Err(Unsound("there are several Authorization headers"));
    }
    let chunked = headers.contains_key(header::TRANSFER_ENCODING);
    let own = head
        .strip_prefix(method.as_str().as_bytes())
        .is_some_and(|rest| rest.first() == Some(&b' '));
    if !own {
        let alone = "a chunked request must not follow another one without a pause";
        return if chunked { Err(Unsound(alone)) } else { Ok(()) };
    }
    let mut lines = head.split_inclusive(|&byte| byte == b'\n');
    while let Some(line) = lines.next().filter(|line| line.ends_with(b"\n")) {
        if !line.ends_with(b"\r\n") {
            return Err(Unsound("a line of the head ends without CR"));
        }
        if line == b"\r\n" {
            return Ok(());
        }
        if !chunked {
            continue;
        }
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        if name.trim_ascii().eq_ignore_ascii_case(b"content-length") {
            return Err(Unsound(
                "Content-Length and Transfer-Encoding exclude each other",
            ));
        }
    }
    // The rest of a long head was not kept.
    if chunked {
        return Err(Unsound("the head of a chunked request is too long"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in of {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn exactly_one_host_and_at_most_one_authorization() {
        let check = |of: &[_]| check(&Method::GET, &headers(of), b"");
        assert!(check(&[("host", "a")]).is_ok());
        assert!(check(&[]).is_err());
        assert!(check(&[("host", "a"), ("host", "a")]).is_err());
        let twice = [
            ("host", "a"),
            ("authorization", "x"),
            ("authorization", "x"),
        ];
        assert!(check(&twice).is_err());
    }

    #[test]
    fn a_length_beside_chunks_is_found_in_the_bytes() {
        let chunked = headers(&[("host", "a"), ("transfer-encoding", "chunked")]);
        let check = |head: &[u8]| check(&Method::POST, &chunked, head);
        assert!(check(b"POST / HTTP/1.1\r\nHost: a\r\n\r\ncontent-length: 5\r\n").is_ok());
        assert!(check(b"POST / HTTP/1.1\r\nConTent-length : 5\r\n\r\n").is_err());
        assert!(check(b"POST / HTTP/1.1\nContent-Length:5\n\n").is_err());
        assert!(check(b"POST / HTTP/1.1\r\nHost: a\n\r\n").is_err());
        assert!(check(b"POST / HTTP/1.1\r\nHost: a\r\n").is_err());
        // What was read together with the request before is not known to be its head.
        assert!(check(b"").is_err());
        assert!(check(b"GET / HTTP/1.1\r\n\r\n").is_err());
    }
}
