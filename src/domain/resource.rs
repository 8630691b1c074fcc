//! On what: the tool or target that is named, and what a name may look like.

use std::sync::Arc;

/// Why a name is refused before any rule (`invalid_name`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A run names a tool that no catalogue could hold.
    #[error("a tool name is 1 to 64 of A-Z a-z 0-9 _ -")]
    Run,
    /// A question or a policy names a tool of an impossible form.
    #[error("a tool name is 1 to 128 of A-Z a-z 0-9 _ - .")]
    Tool,
    /// A target holds what no one could read.
    #[error("a target is 1 to 512 printable characters")]
    Target,
}

/// The object of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Tool or target name, as the caller gave it.
    pub name: Arc<str>,
}

/// Checks the name of a tool to run: `[A-Za-z0-9_-]{1,64}`.
///
/// # Errors
/// When it has another form.
pub fn check_run_name(name: &str) -> Result<(), NameError> {
    let shape = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if shape { Ok(()) } else { Err(NameError::Run) }
}

/// Checks the name of a tool that is asked about: `[A-Za-z0-9_.-]{1,128}`.
///
/// # Errors
/// When it has another form.
pub fn check_tool_name(name: &str) -> Result<(), NameError> {
    let shape = (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if shape { Ok(()) } else { Err(NameError::Tool) }
}

/// Checks the target of another action type: 1 to 512 printable characters.
///
/// # Errors
/// When it is empty, too long, or holds a control, bidi, zero-width or unassigned character.
pub fn check_target(name: &str) -> Result<(), NameError> {
    let count = name.chars().count();
    if (1..=512).contains(&count) && name.chars().all(is_printable) {
        Ok(())
    } else {
        Err(NameError::Target)
    }
}

/// Whether a person sees the character as itself: no control, bidi, zero-width, unassigned or private code point.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic() || c == ' ';
    }
    // `escape_debug` knows which code points are assigned and printable; it also escapes combining
    // marks at the start of a text, so the character is tried behind a letter.
    let invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}');
    if invisible || c.is_whitespace() {
        return false;
    }
    let mut behind = String::from("a");
    behind.push(c);
    let escaped: String = behind.escape_debug().collect();
    escaped == behind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact_ascii() {
        assert!(check_run_name("restart_service").is_ok());
        for bad in [
            "",
            "a.b",
            "a b",
            "a\n",
            "restart_s\u{435}rvice",
            &"a".repeat(65),
        ] {
            assert_eq!(check_run_name(bad), Err(NameError::Run), "{bad:?}");
        }
        assert!(check_tool_name("files.read").is_ok());
        assert!(check_tool_name("delete_x ").is_err());
    }

    #[test]
    fn targets_hold_only_what_a_person_sees() {
        for good in ["prod-web-01", "/srv/app data", "héllo", "日本"] {
            assert!(check_target(good).is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "a\u{200b}b",
            "a\u{202e}b",
            "a\0",
            "a\u{feff}",
            "a\u{e0001}",
            "a\u{378}",
            "\u{7f}",
            &"x".repeat(513),
        ] {
            assert!(check_target(bad).is_err(), "{bad:?}");
        }
    }
}
