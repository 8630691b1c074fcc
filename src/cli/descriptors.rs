//! What the process has open: as many files as there may be connections, and an output that somebody reads.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open besides connections: the store, its readers, logs, watched files, the few of the admin listener.
const OTHERS: u64 = 256;

/// Raises the soft limit of this process as far as so many connections need and the system allows.
///
/// Many systems begin with 1,024, of which the last callers would hear nothing.
pub(super) fn make_room_for(connections: usize) {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX) + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(allowed),
            maximum,
        },
    );
    if raised.is_err() || allowed < wanted {
        tracing::warn!(
            allowed,
            wanted,
            "fewer files can be open than limits.connections needs: raise the limit (ulimit -n) or lower the setting"
        );
    }
}

/// Whether whoever read standard output went away: a pipe whose other end is closed.
pub(super) fn nobody_reads_stdout() -> bool {
    let stdout = std::io::stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
    // What cannot be asked is a file or a terminal, which somebody reads.
    poll(&mut ends, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
