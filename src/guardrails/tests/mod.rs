//! Tests of what is found in content.

mod secrets;
