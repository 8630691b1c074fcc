//! How records are sealed, each by the one before, and how a broken seal is found.

use std::cmp::Ordering;
use std::fmt;

use serde::Serialize;

use super::columns::Columns;
use super::record::AuditRecord;
use super::render::LEAF;
use crate::domain::{Digest, IdSequence};

/// The last record of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Its number; 0 before the first.
    pub seq: u64,
    /// Its hash; all zero before the first.
    pub hash: Digest,
}

impl Head {
    /// The head of a chain without records.
    pub const EMPTY: Self = Self {
        seq: 0,
        hash: Digest::ZERO,
    };
}

/// In which way a record is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// It is not what was sealed.
    Changed,
    /// It is not there, though later ones are.
    Missing,
    /// It is whole, but stands in another's place.
    Reordered,
    /// It and everything after it is not there.
    Cut,
    /// It is whole, but is not the record that its successor, or the stored head, was sealed to.
    Replaced,
}

impl Fault {
    /// The fault's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Reordered => "reordered",
            Self::Cut => "cut",
            Self::Replaced => "replaced",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first record that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FirstFault {
    /// Its number.
    pub seq: u64,
    /// In which way.
    pub how: Fault,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing is wrong.
    pub intact: bool,
    /// How many records are sealed as they should be, counted from the first.
    pub records: u64,
    /// The last of them.
    pub head: Head,
    /// The first record that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_fault: Option<FirstFault>,
    /// What is wrong with the file though every record reads as sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// A record as a store holds it.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// The number under which it is stored.
    pub seq: u64,
    /// What is stored beside its text.
    pub columns: Columns<'a>,
    /// Its text.
    pub text: &'a [u8],
}

/// Checks records one after another, in the order in which they are stored.
#[derive(Debug)]
pub struct Verifier {
    actions: IdSequence,
    before: Head,
    fault: Option<FirstFault>,
}

impl Verifier {
    /// A verification from the first record on; `actions` are the store's names of attempts.
    #[must_use]
    pub const fn new(actions: IdSequence) -> Self {
        Self {
            actions,
            before: Head::EMPTY,
            fault: None,
        }
    }

    /// A verification from the record behind this one on, which is known to be sealed as it should be.
    #[must_use]
    pub const fn after(actions: IdSequence, verified: Head) -> Self {
        Self {
            actions,
            before: verified,
            fault: None,
        }
    }

    /// The last record that is sealed as it should be.
    #[must_use]
    pub const fn verified(&self) -> Head {
        self.before
    }

    /// Whether a record was wrong.
    #[must_use]
    pub const fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// Checks the next record; `false` once one is wrong.
    pub fn check(&mut self, stored: &Stored<'_>) -> bool {
        let expected = self.before.seq + 1;
        match self.fault_of(stored, expected) {
            Ok(head) => self.before = head,
            Err(first) => self.fault = Some(first),
        }
        self.fault.is_none()
    }

    /// Notes that the store cannot read the next record.
    pub fn unreadable(&mut self) {
        self.fault.get_or_insert(FirstFault {
            seq: self.before.seq + 1,
            how: Fault::Changed,
        });
    }

    /// The end of the chain: `head` is what the store noted with its last batch.
    #[must_use]
    pub fn finish(mut self, head: Head) -> Report {
        let last = self.before;
        if self.fault.is_none() && last != head {
            let (seq, how) = match last.seq.cmp(&head.seq) {
                Ordering::Less => (last.seq + 1, Fault::Cut),
                Ordering::Equal => (last.seq, Fault::Replaced),
                Ordering::Greater => (head.seq + 1, Fault::Replaced),
            };
            self.fault = Some(FirstFault { seq, how });
        }
        Report {
            intact: self.fault.is_none(),
            records: last.seq,
            head: last,
            first_fault: self.fault,
            damage: None,
        }
    }

    fn fault_of(&self, stored: &Stored<'_>, expected: u64) -> Result<Head, FirstFault> {
        let wrong = |seq, how| Err(FirstFault { seq, how });
        if stored.seq != expected {
            return wrong(expected, Fault::Missing);
        }
        let Some((record, hash)) = open_seal(stored.text) else {
            return wrong(expected, Fault::Changed);
        };
        if record.seq != expected {
            return wrong(expected, Fault::Reordered);
        }
        if stored.columns != Columns::of(&record, &self.actions) {
            return wrong(expected, Fault::Changed);
        }
        if record.prev != self.before.hash {
            return wrong(self.before.seq.max(1), Fault::Replaced);
        }
        Ok(Head {
            seq: expected,
            hash,
        })
    }
}

/// The record of this text and its hash, if the text is what was sealed.
#[must_use]
pub fn open_seal(text: &[u8]) -> Option<(AuditRecord, Digest)> {
    let (before, after) = without_hash(text)?;
    let hash = Digest::tagged_parts(LEAF, &[before, after]);
    let record: AuditRecord = serde_json::from_slice(text).ok()?;
    (record.hash == hash).then_some((record, hash))
}

/// The text before and after its own `hash` member, which stands behind `door`.
fn without_hash(text: &[u8]) -> Option<(&[u8], &[u8])> {
    const NAME: &[u8] = b",\"hash\":\"";
    const LENGTH: usize = NAME.len() + 64 + 1;
    let mut depth = 0_u32;
    let mut quoted = false;
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b',' if depth == 1 => {
                let (before, rest) = text.split_at_checked(at)?;
                if rest.starts_with(NAME) {
                    return Some((before, rest.get(LENGTH..)?));
                }
            }
            _ => {}
        }
    }
    None
}
