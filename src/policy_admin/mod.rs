//! Administration of policies: where bundles come from.

pub mod files; // from the disk, and the copy built into the binary
