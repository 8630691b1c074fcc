//! Tests that see the house from its doors.

mod policy_files;
