//! Records of the trail as they are read back: no text brings the reader down, and no changed byte verifies.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use policyguard::audit::{
    AuditRecord, Body, Columns, Head, Place, RecordKind, Source, Stored, Verifier, open_seal,
};
use policyguard::domain::{ActionId, AuditId, Digest, IdSequence};
use policyguard_fuzz::now;
use serde_json::{Map, json};

/// Records, sealed each by the one before.
struct Trail {
    texts: Vec<Vec<u8>>,
    head: Head,
}

static ACTIONS: LazyLock<IdSequence> = LazyLock::new(|| IdSequence::new(b"fuzz"));
static TRAIL: LazyLock<Trail> = LazyLock::new(Trail::of_kinds);

impl Trail {
    fn of_kinds() -> Self {
        let mut trail = Self {
            texts: Vec::new(),
            head: Head::EMPTY,
        };
        for (seq, kind) in (1..).zip(RecordKind::ALL.iter().copied()) {
            let mut record = AuditRecord::blank(kind, "main".into(), now(), seq);
            record.action_id = Some(ActionId::from_bits(seq));
            record.resource = Some("list_services".into());
            record.arguments = Some(Map::from_iter([
                ("hash".to_owned(), json!("00")),
                ("text".to_owned(), json!("a\u{1b}\"\\,\"hash\":\"")),
            ]));
            record.source = Source {
                address: Some("127.0.0.1".to_owned()),
                user_agent: Some("fuzz".to_owned()),
                ..Source::default()
            }
            .into();
            let place = Place {
                seq,
                id: AuditId::from_bits(seq),
                prev: trail.head.hash,
            };
            let mut text = Vec::new();
            let hash = Body::of(&record).seal(&place, &mut text);
            trail.texts.push(text);
            trail.head = Head { seq, hash };
        }
        trail
    }

    /// Whether the trail verifies with this text in the place of the record with this index.
    fn verifies_with(&self, changed: usize, text: &[u8]) -> bool {
        let mut verifier = Verifier::new(ACTIONS.clone());
        for (index, own) in self.texts.iter().enumerate() {
            let text = if index == changed { text } else { own };
            // A forger who can write the text can write the columns beside it.
            let Ok(record) = serde_json::from_slice::<AuditRecord>(text) else {
                return false;
            };
            verifier.check(&Stored {
                seq: index as u64 + 1,
                columns: Columns::of(&record, &ACTIONS),
                text,
            });
        }
        verifier.finish(self.head).intact
    }
}

fuzz_target!(|bytes: &[u8]| {
    // The text of a record by itself.
    if let Some((record, hash)) = open_seal(bytes) {
        assert_eq!(record.hash, hash);
        assert_ne!(hash, Digest::ZERO);
    }
    // Edits of a sealed one: which record, then four bytes for each edit.
    let Some((which, edits)) = bytes.split_first() else {
        return;
    };
    let which = usize::from(*which) % TRAIL.texts.len();
    let sealed = &TRAIL.texts[which];
    let mut text = sealed.clone();
    for edit in edits.chunks_exact(4) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % text.len();
        match edit[2] % 4 {
            0 => text[place] = edit[3],
            1 => text[place] ^= 1 << (edit[3] % 8),
            2 => text.insert(place, edit[3]),
            _ => {
                text.remove(place);
            }
        }
        if text.is_empty() {
            return;
        }
    }
    let is_same = text == *sealed;
    assert_eq!(
        TRAIL.verifies_with(which, &text),
        is_same,
        "{}",
        String::from_utf8_lossy(&text)
    );
});
