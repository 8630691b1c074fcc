//! The well-known forms of text that constraints name: host names, addresses, paths, durations.

use std::net::Ipv4Addr;

use super::parameter::Format;

/// Whether the text has the form.
pub(super) fn fits(format: Format, text: &str) -> bool {
    match format {
        Format::Hostname => is_hostname(text),
        Format::Ipv4 => is_ipv4(text),
        Format::Email => is_email(text),
        Format::Uuid => is_uuid(text),
        Format::SafeFilename => is_safe_filename(text),
        Format::Url => is_url(text),
    }
}

/// The form in words, as in "is not …".
pub(super) const fn words(format: Format) -> &'static str {
    match format {
        Format::Hostname => "a host name",
        Format::Ipv4 => "an IPv4 address",
        Format::Email => "an email address",
        Format::Uuid => "a UUID",
        Format::SafeFilename => "a safe file name",
        Format::Url => "an absolute http or https URL",
    }
}

/// Why a text is not a path that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathProblem {
    /// It has a form that could mean another path than it seems to.
    Form(&'static str),
    /// It is well formed and elsewhere.
    NotUnder,
}

/// Checks that the text is an absolute, plain path at or below one of the roots; without roots anywhere.
///
/// Nothing is normalized: what would have to be is refused.
pub(super) fn check_path(text: &str, under: &[String]) -> Result<(), PathProblem> {
    let fault = |words| Err(PathProblem::Form(words));
    if text.contains(['\0', '\\', '%']) || text.chars().any(char::is_control) {
        return fault("holds a NUL, a control character, a backslash or a percent sign");
    }
    if !text.starts_with('/') {
        return fault("is not an absolute path");
    }
    if text.split('/').any(|component| component == "..") {
        return fault("holds a `..`");
    }
    let inside = |root: &String| {
        let root = root.trim_end_matches('/');
        text.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if under.is_empty() || under.iter().any(inside) {
        Ok(())
    } else {
        Err(PathProblem::NotUnder)
    }
}

/// Whether the text is a number and a unit: `500ms`, `30s`, `5m`, `1h`, `2d`.
pub(super) fn is_duration(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = text.get(digits..).unwrap_or_default();
    (1..=9).contains(&digits) && matches!(unit, "ms" | "s" | "m" | "h" | "d")
}

/// RFC 1123: labels of letters, digits and inner hyphens, at most 63 each and 253 in all.
fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A dotted quad in decimal, without leading zeros, which some readers take for octal.
fn is_ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>()
        .is_ok_and(|address| address.to_string() == text)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$&'*+/=?^_`{|}~-".contains(&byte);
    (1..=64).contains(&local.len())
        && local.bytes().all(plain)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && is_hostname(domain)
}

fn is_uuid(text: &str) -> bool {
    let groups = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    let fits = groups.iter().all(|&length| {
        let hex = |part: &str| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
        parts.next().is_some_and(hex)
    });
    fits && parts.next().is_none()
}

/// One component: letters, digits, `.`, `_`, `-`, not starting with a dot or a hyphen.
fn is_safe_filename(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !text.starts_with(['.', '-'])
        && !text.contains("..")
        && !text.ends_with('.')
}

/// `http` or `https`, a host name or address, an optional port, and then no spaces, controls or credentials.
fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let (host, port) = authority
        .split_once(':')
        .map_or((authority, None), |(h, p)| (h, Some(p)));
    let port_fits = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    is_hostname(host) && port_fits && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}
