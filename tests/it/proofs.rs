//! What must hold is held by types: forging a decision, a record or a permit does not compile.

#[test]
fn decisions_records_and_permits_cannot_be_forged() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
