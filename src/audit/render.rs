//! The canonical text of a record (RFC 8785), written without an intermediate value.
//!
//! Everything but the record's place in the chain is written by the caller; the writer, of which there is
//! one, only fills in sequence number, id, predecessor and hash.

use std::fmt::Display;
use std::io::Write as _;

use serde_json::{Map, Value};

use super::record::{Actor, AuditRecord, DeterminedBy, RecordedOutcome, Ruling, Source};
use crate::domain::{
    AgentId, AuditId, CorrelationId, Digest, ModeName, Severity, TrustLevel, write_canonical,
    write_canonical_object,
};

/// The hash prefix of a record, as of a leaf in RFC 6962.
pub(super) const LEAF: u8 = 0;

/// A record's canonical text but for its place in the chain.
#[derive(Debug, Clone, Default)]
pub struct Body {
    text: Vec<u8>,
    hash_at: usize,
    prev_at: usize,
    seq_at: usize,
}

/// A record's place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 1.
    pub seq: u64,
    /// Its name.
    pub id: AuditId,
    /// The hash of the record before.
    pub prev: Digest,
}

impl Body {
    /// Writes the record, leaving out `hash`, `id`, `prev` and `seq`.
    #[must_use]
    pub fn of(record: &AuditRecord) -> Self {
        let mut body = Self {
            text: Vec::with_capacity(1024),
            ..Self::default()
        };
        let mut members = Members::open(&mut body.text);
        members.text("action", record.action.as_deref());
        members.display("action_id", record.action_id.as_ref());
        members.map("arguments", record.arguments.as_ref());
        members.text("arguments_digest", record.arguments_digest.as_deref());
        members.display("at", Some(&record.at));
        members.display("bundle_digest", record.bundle_digest.as_ref());
        members.text("chain", Some(&record.chain));
        members.text(
            "correlation_id",
            record.correlation_id.as_ref().map(CorrelationId::as_str),
        );
        members.object("decision", record.decision.as_ref(), write_ruling);
        members.text("door", Some(record.door.as_str()));
        body.hash_at = members.out.len();
        members.text("key_id", record.key_id.as_deref());
        members.text("kind", Some(record.kind.as_str()));
        members.display_bare("management", record.management.then_some(true));
        members.text("mode", record.mode.as_ref().map(ModeName::as_str));
        members.display_bare("monotonic", Some(record.monotonic));
        members.object("outcome", record.outcome.as_ref(), write_outcome);
        members.display_bare("policy_version", record.policy_version);
        body.prev_at = members.out.len();
        members.object("principal", record.principal.as_ref(), write_actor);
        members.text("resource", record.resource.as_deref());
        body.seq_at = members.out.len();
        members.object("source", Some(&*record.source), write_source);
        members.close();
        body
    }

    /// Puts the record into its place: fills `out` with the whole text and returns its hash.
    pub fn seal(&self, place: &Place, out: &mut Vec<u8>) -> Digest {
        let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        out.clear();
        out.reserve(self.text.len() + 256);
        out.extend_from_slice(part(0, self.hash_at));
        // Writing to a Vec cannot fail.
        drop(write!(out, ",\"id\":\"{}\"", place.id));
        out.extend_from_slice(part(self.hash_at, self.prev_at));
        drop(write!(out, ",\"prev\":\"{}\"", place.prev));
        out.extend_from_slice(part(self.prev_at, self.seq_at));
        drop(write!(out, ",\"seq\":{}", place.seq));
        out.extend_from_slice(part(self.seq_at, self.text.len()));
        let hash = Digest::tagged(LEAF, out);
        let member = format!(",\"hash\":\"{hash}\"");
        out.splice(self.hash_at..self.hash_at, member.bytes());
        hash
    }
}

/// Writes the members of an object, in the order in which they are given.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Members<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    fn close(self) {
        self.out.push(b'}');
    }

    /// Writes a name; names are ours and need no escape.
    fn name(&mut self, name: &str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            write_text(value, self.out);
        }
    }

    /// Writes a value whose printed form needs no escape, in quotes.
    fn display(&mut self, name: &str, value: Option<&impl Display>) {
        if let Some(value) = value {
            self.name(name);
            drop(write!(self.out, "\"{value}\""));
        }
    }

    /// Writes an integer or a boolean.
    fn display_bare(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.name(name);
            drop(write!(self.out, "{value}"));
        }
    }

    fn map(&mut self, name: &str, value: Option<&Map<String, Value>>) {
        if let Some(map) = value {
            self.name(name);
            write_canonical_object(map, self.out);
        }
    }

    fn value(&mut self, name: &str, value: &Value) {
        self.name(name);
        write_canonical(value, self.out);
    }

    fn texts(&mut self, name: &str, values: &[String]) {
        if values.is_empty() {
            return;
        }
        self.list(name, values.iter().map(String::as_str));
    }

    fn list<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v str>) {
        self.name(name);
        self.out.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write_text(value, self.out);
        }
        self.out.push(b']');
    }

    fn object<T>(&mut self, name: &str, value: Option<&T>, write: fn(&T, &mut Members<'_>)) {
        if let Some(value) = value {
            self.name(name);
            let mut members = Members::open(self.out);
            write(value, &mut members);
            members.close();
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let plain = text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // serde_json escapes exactly what RFC 8785 asks for. Writing to a Vec cannot fail.
        drop(serde_json::to_writer(&mut *out, text));
    }
}

fn write_ruling(ruling: &Ruling, members: &mut Members<'_>) {
    members.text("asked_by", ruling.asked_by.as_deref());
    members.text("code", Some(&ruling.code));
    members.display_bare("count", ruling.count);
    members.object(
        "determined_by",
        ruling.determined_by.as_ref(),
        write_determined_by,
    );
    members.text("effect", Some(&ruling.effect));
    members.display_bare("modifies", Some(ruling.modifies));
    members.texts("problems", &ruling.problems);
    members.text("reason", Some(&ruling.reason));
    members.text("remedy", ruling.remedy.as_deref());
    members.display_bare("simulated", ruling.simulated.then_some(true));
    members.map("stated", ruling.stated.as_ref());
    members.texts("warnings", &ruling.warnings);
}

fn write_determined_by(rule: &DeterminedBy, members: &mut Members<'_>) {
    members.text("at", Some(&rule.at));
    members.text("name", rule.name.as_deref());
    members.text("policy", Some(&rule.policy));
    members.display_bare("rule", Some(rule.rule));
    members.text("severity", rule.severity.map(Severity::as_str));
}

fn write_outcome(outcome: &RecordedOutcome, members: &mut Members<'_>) {
    if let Some(duration) = outcome.duration_ms {
        members.value("duration_ms", &Value::from(duration));
    }
    members.text("error", outcome.error.as_deref());
    members.texts("findings", &outcome.findings);
    members.text("result_digest", outcome.result_digest.as_deref());
    members.text("status", Some(outcome.status.as_str()));
}

fn write_actor(actor: &Actor, members: &mut Members<'_>) {
    members.text("acted_by", actor.acted_by.as_ref().map(AgentId::as_str));
    members.text("agent_id", Some(&actor.agent_id));
    members.text("credential_id", actor.credential_id.as_deref());
    if !actor.roles.is_empty() {
        members.list("roles", actor.roles.iter().map(|role| role.as_str()));
    }
    members.text("trust", actor.trust.map(TrustLevel::as_str));
}

fn write_source(source: &Source, members: &mut Members<'_>) {
    members.text("address", source.address.as_deref());
    members.text("client_name", source.client_name.as_deref());
    members.text("request_id", source.request_id.as_deref());
    members.text("session", source.session.as_deref());
    members.text("trace_id", source.trace_id.as_deref());
    members.text("user_agent", source.user_agent.as_deref());
}
