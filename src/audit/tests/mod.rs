//! Tests of the trail that need its inside: decisions that no engine made, stores that fail.

mod recorder;
mod support;
