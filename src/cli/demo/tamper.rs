//! Somebody edits the record: one letter on disk, and the verifier names the record.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::audit::{Fault, Report};
use crate::cli::CliError;
use crate::cli::audit::verdict;
use crate::storage;

/// What the record says, and what somebody would rather have it say; as long as each other, so that the file
/// remains a database.
const SAYS: &str = r#""db_name":"users""#;
const SHALL_SAY: &str = r#""db_name":"userz""#;

/// The commands that do the same.
pub(super) fn commands() -> [String; 3] {
    [
        "cp -r $DATA copy".to_owned(),
        format!("sed -i 's/{SAYS}/{SHALL_SAY}/' copy/policyguard.db"),
        "policyguard audit verify --data-dir copy".to_owned(),
    ]
}

/// Edits the store in this directory.
///
/// # Errors
/// When what was to be edited is not there.
pub(super) fn edit(dir: &Path) -> Result<(), CliError> {
    let database = dir.join("policyguard.db");
    let bytes = fs::read(&database)?;
    let mut edited = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    let mut found = false;
    while let Some((first, others)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(SAYS.as_bytes()) {
            edited.extend_from_slice(SHALL_SAY.as_bytes());
            found = true;
            rest = behind;
        } else {
            edited.push(*first);
            rest = others;
        }
    }
    if !found {
        return Err(CliError::Unexpected(format!(
            "`{SAYS}` is not in the copy of the record"
        )));
    }
    Ok(fs::write(&database, edited)?)
}

/// What the verifier finds in the store of this directory.
pub(super) fn verify(dir: &Path) -> Result<Report, CliError> {
    let unread = |fault: &dyn std::fmt::Display| CliError::Unexpected(fault.to_string());
    let reader = storage::open_reader(dir).map_err(|fault| unread(&fault))?;
    reader.verify().map_err(|fault| unread(&fault))
}

/// The verifier's words, if it found the record of this number changed.
///
/// # Errors
/// What it found instead.
pub(super) fn found(report: &Report, seq: Option<u64>) -> Result<String, String> {
    let verdict = verdict(&json!(report));
    let fault = report.first_fault.as_ref();
    if fault.is_some_and(|fault| Some(fault.seq) == seq && fault.how == Fault::Changed) {
        Ok(verdict)
    } else {
        let seq = seq.map_or_else(|| "?".to_owned(), |seq| seq.to_string());
        Err(format!(
            "record {seq} was to be found changed, but: {verdict}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{FirstFault, Head};

    #[test]
    fn only_the_record_that_was_edited_will_do() {
        let report = |fault: Option<(u64, Fault)>| Report {
            intact: fault.is_none(),
            records: 3,
            head: Head::EMPTY,
            first_fault: fault.map(|(seq, how)| FirstFault { seq, how }),
            damage: None,
        };
        assert!(found(&report(Some((4, Fault::Changed))), Some(4)).is_ok());
        for (fault, seq) in [
            (None, Some(4)),
            (Some((4, Fault::Cut)), Some(4)),
            (Some((5, Fault::Changed)), Some(4)),
            (Some((4, Fault::Changed)), None),
        ] {
            assert!(found(&report(fault), seq).is_err(), "{fault:?} {seq:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_edited() {
        let dir = tempfile::tempdir().expect("a directory");
        let database = dir.path().join("policyguard.db");
        fs::write(&database, r#"{"db_name":"other"}"#).expect("written");
        assert!(edit(dir.path()).is_err());
        fs::write(&database, r#"{"db_name":"users"}"#).expect("written");
        edit(dir.path()).expect("edited");
        assert_eq!(
            fs::read(&database).expect("read"),
            br#"{"db_name":"userz"}"#
        );
    }
}
