//! What trusted proxies say of whom they speak for; from anybody else such headers change nothing (`spec/limits.md`, L15).

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;

use crate::domain::Network;

/// Who is asking, hop by hop; every proxy adds at the end whom it heard.
const FOR: &str = "x-forwarded-for";
/// How the client speaks to the proxy.
const PROTO: &str = "x-forwarded-proto";

/// The address of the client: that of the peer, or the one a trusted peer names.
pub(super) fn client(request: &Request, trusted: &[Network]) -> Option<IpAddr> {
    let peer = peer(request)?;
    if !holds(trusted, peer) {
        return Some(peer);
    }
    Some(named(request.headers(), trusted).unwrap_or(peer))
}

/// Whether a trusted proxy says that its client speaks HTTPS.
pub(super) fn over_https(request: &Request, trusted: &[Network]) -> bool {
    let proto = || hops(request.headers(), PROTO).next().flatten();
    peer(request).is_some_and(|peer| holds(trusted, peer))
        && proto().is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
}

/// Who is at the other end of the connection; nobody on the socket.
fn peer(request: &Request) -> Option<IpAddr> {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(info.0.ip().to_canonical())
}

fn holds(trusted: &[Network], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// The last hop that is no trusted proxy; what stands before it was said by strangers.
///
/// None when a trusted proxy says what cannot be understood: then nobody is named, and nobody else is blamed.
fn named(headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    for hop in hops(headers, FOR) {
        let address = address(hop?)?;
        if !holds(trusted, address) {
            return Some(address);
        }
    }
    None
}

/// The items of a header, the last first; none in place of one that is no text.
fn hops<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> impl Iterator<Item = Option<&'a str>> + use<'a> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    lines.into_iter().rev().flat_map(|line| {
        let text = line.to_str().ok();
        let known = text.into_iter().flat_map(|text| text.rsplit(','));
        let known = known.map(|item| Some(item.trim()));
        known.chain(text.is_none().then_some(None))
    })
}

/// An address, as proxies write it: some with the port, and IPv6 then in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || {
        text.strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text)
            .parse()
    };
    let address = bare().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    /// A request of this peer, with these lines of headers.
    fn request(peer: &str, lines: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri("/");
        for (name, value) in lines {
            request = request.header(*name, value.as_bytes());
        }
        let mut request = request.body(Body::empty()).expect("a request");
        let peer: IpAddr = peer.parse().expect("an address");
        let info = ConnectInfo(SocketAddr::new(peer, 4711));
        request.extensions_mut().insert(info);
        request
    }

    fn trusted() -> Vec<Network> {
        let network = |text| Network::parse(text).expect(text);
        ["10.0.0.0/8", "fd00::/8"].map(network).to_vec()
    }

    #[test]
    fn the_last_hop_that_is_no_trusted_proxy_is_the_client() {
        for (lines, client_is) in [
            (vec!["203.0.113.9"], "203.0.113.9"),
            (vec!["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            (vec!["198.51.100.1", "203.0.113.9 ,10.2.2.2"], "203.0.113.9"),
            (vec!["nonsense, 203.0.113.9, fd00::7"], "203.0.113.9"),
            (vec!["203.0.113.9:5000"], "203.0.113.9"),
            (vec!["[2001:db8::9]:5000"], "2001:db8::9"),
            (vec!["2001:db8::9"], "2001:db8::9"),
            (vec!["::ffff:203.0.113.9"], "203.0.113.9"),
        ] {
            let lines: Vec<_> = lines.into_iter().map(|line| (FOR, line)).collect();
            let found = client(&request("10.1.1.1", &lines), &trusted());
            assert_eq!(found, client_is.parse().ok(), "{lines:?}");
        }
    }

    #[test]
    fn what_a_trusted_proxy_says_without_sense_names_nobody() {
        for line in [
            "",
            ",",
            "unknown",
            "203.0.113.9, unknown",
            "203.0.113.9,",
            "203.0.113",
            "203.0.113.9 198.51.100.1",
            "10.9.9.9",
            "203.0.113.9, \u{fc}",
        ] {
            let found = client(&request("10.1.1.1", &[(FOR, line)]), &trusted());
            assert_eq!(found, "10.1.1.1".parse().ok(), "{line}");
        }
    }

    #[test]
    fn https_is_what_the_nearest_trusted_proxy_says() {
        for (peer, line, https) in [
            ("10.1.1.1", "https", true),
            ("10.1.1.1", "HTTPS", true),
            ("10.1.1.1", "http, https", true),
            ("10.1.1.1", "https, http", false),
            ("10.1.1.1", "httpsx", false),
            ("192.0.2.1", "https", false),
        ] {
            let request = request(peer, &[(PROTO, line)]);
            assert_eq!(over_https(&request, &trusted()), https, "{peer} {line}");
        }
    }
}
