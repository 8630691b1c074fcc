//! The binary: parses the command line, hands it to the library, returns its exit code.

fn main() {}
