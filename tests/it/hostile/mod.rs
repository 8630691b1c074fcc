//! What strangers send, at every door: nothing breaks, nothing runs that should not, and each attempt is on record.

mod bodies; // JSON that is none, or says two things
mod doors; // the binary, and who knocks
mod logs; // a log that nobody can write
mod names; // names that look like a tool's
mod texts; // texts that break lines, terminals and readers
mod values; // paths and patterns
