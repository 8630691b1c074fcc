//! The data directory, and what is stored in it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{Access, access};

use crate::cli::Exit;
use crate::clock::SystemClock;
use crate::config::{AuthMode, Config};
use crate::domain::{Clock as _, Timestamp};
use crate::identity::{Book, Kept};
use crate::storage::{self, StoreError, Survey};

use super::Line;

const DIRECTORY: &str = "data";
const STORE: &str = "store";
const CLOCK: &str = "clock";
const KEYS: &str = "keys";
/// What a disk should have left, in bytes: from 90 % of it on, denials are summarized.
const LITTLE: u64 = 512 * 1024 * 1024;
/// How long before its end a key should be rotated.
const ROTATE: std::time::Duration = std::time::Duration::from_hours(14 * 24);
/// Before this time no gateway was built: 2026-01-01.
const BUILT: i64 = 1_767_225_600_000;

pub(super) fn all(config: &Config) -> Vec<Line> {
    let dir = config.data_dir.as_path();
    let now = SystemClock::new().now();
    let (survey, line) = match storage::survey(dir) {
        Ok(survey) => {
            let line = store(&survey);
            (Some(survey), line)
        }
        Err(StoreError::Absent(_)) => (None, Line::ok(STORE, "the first start makes it")),
        Err(StoreError::KeyExposed { path, mode }) => {
            let key = path.display();
            let found = format!("`{key}` can be read by others (mode {mode:o})");
            let line = Line::fail(STORE, found, format!("chmod 600 {key}"));
            (None, line.ending(Exit::Unsafe))
        }
        Err(fault) => {
            let mend = "policyguard restore FILE --data-dir NEW brings a backup back";
            (None, Line::fail(STORE, fault.to_string(), mend))
        }
    };
    let last = survey.as_ref().and_then(|survey| survey.last_record);
    vec![
        directory(dir),
        line,
        clock(now, last),
        keys(config, survey.as_ref(), now),
    ]
}

fn directory(dir: &Path) -> Line {
    let shown = dir.display();
    let metadata = match fs::metadata(dir) {
        Ok(metadata) => metadata,
        Err(fault) if fault.kind() == ErrorKind::NotFound && can_be_made(dir) => {
            return Line::ok(DIRECTORY, format!("`{shown}` is made by the first start"));
        }
        Err(fault) => {
            let mend = format!("mkdir -p -m 700 {shown}, or another one with --data-dir");
            return Line::fail(DIRECTORY, format!("`{shown}` is not there: {fault}"), mend);
        }
    };
    if !metadata.is_dir() {
        let mend = "name another one with --data-dir";
        return Line::fail(DIRECTORY, format!("`{shown}` is no directory"), mend);
    }
    if access(dir, Access::READ_OK | Access::WRITE_OK).is_err() {
        let found = format!("`{shown}` cannot be read and written by this user");
        return Line::fail(DIRECTORY, found, format!("chown it to this user: {shown}"));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        let found = format!("`{shown}` is open to others (mode {mode:o})");
        return Line::warn(DIRECTORY, found, format!("chmod 700 {shown}"));
    }
    Line::ok(
        DIRECTORY,
        format!("`{shown}` can be written, by this user alone"),
    )
}

/// Whether the nearest folder above that is there can be written.
fn can_be_made(dir: &Path) -> bool {
    let above = dir.ancestors().skip(1).map(|above| match above {
        here if here.as_os_str().is_empty() => Path::new("."),
        above => above,
    });
    let mut there = above.filter(|above| above.exists());
    there
        .next()
        .is_some_and(|above| above.is_dir() && access(above, Access::WRITE_OK).is_ok())
}

fn store(survey: &Survey) -> Line {
    let Survey {
        schema,
        newest_schema,
        records,
        space,
        ..
    } = survey;
    let size = space.store / (1024 * 1024);
    let found = format!("{records} records in {size} MiB, schema {schema} of {newest_schema}");
    if space.free < LITTLE {
        let left = space.free / (1024 * 1024);
        let mend = "make room on that disk, or move the directory to a larger one";
        return Line::warn(
            STORE,
            format!("{found}; its disk has {left} MiB left"),
            mend,
        );
    }
    if schema < newest_schema {
        let mend = "policyguard backup FILE, before a start brings it up to date";
        return Line::warn(STORE, found, mend);
    }
    Line::ok(STORE, found)
}

/// Whether what ends by itself ends when it should.
fn clock(now: Timestamp, last: Option<Timestamp>) -> Line {
    let mend = "set it: timedatectl set-ntp true";
    if now.as_millis() < BUILT {
        let found = format!("it says {now}, before this program was built");
        return Line::fail(CLOCK, found, mend);
    }
    match last.filter(|last| *last > now) {
        Some(last) => {
            let found = format!(
                "it says {now}, but the last record is of {last}: modes and lockdown ends count as over"
            );
            Line::fail(CLOCK, found, mend)
        }
        None => Line::ok(CLOCK, format!("it says {now}, behind every record")),
    }
}

/// Whether somebody can administer the gateway, and whose keys end soon.
fn keys(config: &Config, survey: Option<&Survey>, now: Timestamp) -> Line {
    if config.auth == AuthMode::Local {
        return Line::ok(KEYS, "none are asked for: auth is local");
    }
    let Some(states) = survey.and_then(|survey| survey.states.as_ref()) else {
        return Line::ok(KEYS, "the first start makes the first administrator's");
    };
    let book = match Book::read(states) {
        Ok(book) => book,
        Err(fault) => return Line::fail(KEYS, fault.to_string(), "policyguard audit verify"),
    };
    if !book.has_admin(now) {
        let found = "nobody is an administrator yet";
        let mend = "policyguard users put NAME --role admin, with the first administrator's key";
        return Line::warn(KEYS, found, mend);
    }
    let keys = book.keys();
    let live: Vec<&&Kept> = keys
        .iter()
        .filter(|kept| kept.key.is_live(now) && !kept.key.bootstrap)
        .collect();
    let ends = |kept: &&&Kept| {
        let end = kept
            .key
            .expires_at
            .filter(|_| kept.key.replaced_by.is_none())?;
        (end < now.plus(ROTATE)).then(|| format!("{} on {end}", kept.key.key_id))
    };
    let soon: Vec<String> = live.iter().filter_map(ends).collect();
    let found = format!("{} that count", live.len());
    match soon.as_slice() {
        [] => Line::ok(KEYS, found),
        soon => Line::warn(
            KEYS,
            format!("{found}; these end soon: {}", soon.join(", ")),
            "policyguard keys rotate KEY_ID",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_behind_the_trail_or_the_program_is_told() {
        let now = Timestamp::from_millis(BUILT + 1_000);
        let (before, after) = (now.minus(ROTATE), now.plus(ROTATE));
        for (at, last, state) in [
            (now, None, State::Ok),
            (now, Some(before), State::Ok),
            (now, Some(now), State::Ok),
            (now, Some(after), State::Fail),
            (before, None, State::Fail),
        ] {
            assert_eq!(clock(at, last).state, state, "{at} {last:?}");
        }
    }
}
