//! Files that tests write and people read: compared, or with `UPDATE_CASES=1` written anew.

use std::fs;
use std::path::Path;

/// Asserts that the file of the repository holds this text.
#[track_caller]
pub(crate) fn assert_golden(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var("UPDATE_CASES").is_ok() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let lines = committed
        .lines()
        .chain(std::iter::repeat("(the file ends)"));
    let differs = text
        .lines()
        .zip(lines)
        .zip(1..)
        .find(|((new, old), _)| new != old);
    assert!(
        committed == text,
        "{file} is out of date{}\nif this is as it should be: UPDATE_CASES=1 cargo test --test it, then read the diff",
        differs.map_or_else(String::new, |((new, old), line)| format!(
            ", from line {line}:\n  there: {old}\n  now:   {new}"
        )),
    );
}
