//! Finds records: by the index that fits the filter, and by text in what that leaves.

use aho_corasick::AhoCorasick;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::super::error::StoreError;
use super::audit::{load_head, parse};
use super::reader::count;
use crate::audit::{AuditRecord, Filter, RecordKind, Status, kind_code, status_code};

/// One in so many is many.
const MANY: u64 = 64;

/// What a search found.
pub(super) struct Found {
    pub(super) records: Vec<AuditRecord>,
    pub(super) total: u64,
    pub(super) more: bool,
}

/// A search in one read transaction.
pub(super) struct Search<'a> {
    connection: &'a Connection,
    filter: &'a Filter,
    condition: String,
    values: Vec<Value>,
}

impl<'a> Search<'a> {
    pub(super) fn new(connection: &'a Connection, filter: &'a Filter) -> Self {
        let mut search = Self {
            connection,
            filter,
            condition: String::from("1"),
            values: Vec::new(),
        };
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        let instant =
            |at: Option<crate::domain::Timestamp>| at.map(|at| Value::from(at.as_millis()));
        search.and("agent =", text(&filter.agent_id));
        search.and("tool =", text(&filter.tool));
        search.and("action_type =", text(&filter.action_type));
        match filter.status {
            // What stands in a list for a call of the gateway's own tools that ran has no status of its own.
            Some(Status::Allowed) if filter.listed => search.must("status <= 0"),
            status => search.and(
                "status =",
                status.map(|status| Value::from(status_code(status))),
            ),
        }
        if filter.without_allowed {
            search.must("status > 0");
        }
        if filter.listed {
            search.must("listed = 1");
        }
        search.and("at >=", instant(filter.since));
        search.and("at <", instant(filter.until));
        if let Some(kind) = filter.kind {
            // Written out, not bound: only so does SQLite see that the index of changes holds them all.
            search.must(&format!("kind = {}", kind_code(kind)));
        }
        search
    }

    /// The page behind the record `before`, newest first.
    pub(super) fn page(&self, before: Option<u64>, limit: usize) -> Result<Found, StoreError> {
        match &self.filter.text {
            Some(text) => self.page_with_text(text, before, limit),
            None => self.page_by_index(before, limit),
        }
    }

    fn must(&mut self, test: &str) {
        self.condition.push_str(" AND ");
        self.condition.push_str(test);
    }

    fn and(&mut self, test: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            let test = format!(" AND {test} ?{}", self.values.len());
            self.condition.push_str(&test);
        }
    }

    fn page_by_index(&self, before: Option<u64>, limit: usize) -> Result<Found, StoreError> {
        if *self.filter == Filter::default() {
            let total = load_head(self.connection)?.0.seq;
            return self.page_of_many(Index::Records, total, before, limit);
        }
        if let Some(index) = self.index() {
            let total = self.total(index)?;
            return self.page_of_many(index, total, before, limit);
        }
        // An index is far shorter than the records are. Where few fit, one way through it finds them all; where
        // many do, they are met soon enough on the way back through the records.
        match self.few()? {
            Some(few) => self.page_of_few(few, before, limit),
            None => self.page_of_many(Index::Records, self.total(Index::Agent)?, before, limit),
        }
    }

    /// The newest that fit, on this way.
    fn page_of_many(
        &self,
        index: Index,
        total: u64,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let mut values = self.values.clone();
        let mut condition = self.condition.clone();
        if let Some(before) = before {
            values.push(Value::from(before.cast_signed()));
            condition = format!("{condition} AND seq < ?{}", values.len());
        }
        let sql = format!(
            "SELECT text FROM records WHERE rowid IN \
             (SELECT seq FROM records {} WHERE {condition} ORDER BY {} DESC LIMIT {}) \
             ORDER BY rowid DESC",
            index.clause(),
            index.order(),
            count(limit.saturating_add(1)),
        );
        let mut statement = self.connection.prepare(&sql)?;
        let texts =
            statement.query_map(params_from_iter(&values), |row| row.get::<_, String>(0))?;
        let mut records = texts
            .map(|text| parse(&text?))
            .collect::<Result<Vec<_>, _>>()?;
        let more = records.len() > limit;
        records.truncate(limit);
        Ok(Found {
            records,
            total,
            more,
        })
    }

    /// The newest of these.
    fn page_of_few(
        &self,
        mut few: Vec<i64>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let total = u64::try_from(few.len()).unwrap_or(u64::MAX);
        few.retain(|seq| before.is_none_or(|before| seq.cast_unsigned() < before));
        few.sort_unstable_by_key(|&seq| std::cmp::Reverse(seq));
        let more = few.len() > limit;
        few.truncate(limit);
        let mut statement = self
            .connection
            .prepare_cached("SELECT text FROM records WHERE rowid = ?1")?;
        let records = few.into_iter().map(|seq| {
            let text: String = statement.query_row([seq], |row| row.get(0))?;
            parse(&text)
        });
        Ok(Found {
            records: records.collect::<Result<_, _>>()?,
            total,
            more,
        })
    }

    /// The numbers of all that fit, if they are few among all.
    fn few(&self) -> Result<Option<Vec<i64>>, StoreError> {
        let most = load_head(self.connection)?.0.seq / MANY;
        let sql = format!(
            "SELECT seq FROM records {} WHERE {} LIMIT {}",
            Index::Agent.clause(),
            self.condition,
            most + 1
        );
        let mut statement = self.connection.prepare(&sql)?;
        let found = statement.query_map(params_from_iter(&self.values), |row| row.get(0))?;
        let found: Vec<i64> = found.collect::<Result<_, _>>()?;
        let are_few = u64::try_from(found.len()).is_ok_and(|found| found <= most);
        Ok(are_few.then_some(found))
    }

    fn total(&self, index: Index) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT count(*) FROM records {} WHERE {}",
            index.clause(),
            self.condition
        );
        let total: i64 = self
            .connection
            .prepare(&sql)?
            .query_row(params_from_iter(&self.values), |row| row.get(0))?;
        Ok(total.cast_unsigned())
    }

    /// The index that leads straight to what fits, if there is one.
    const fn index(&self) -> Option<Index> {
        let changes = matches!(self.filter.kind, Some(RecordKind::Change));
        if changes && self.filter.action_type.is_some() {
            Some(Index::Changes)
        } else if self.filter.agent_id.is_some() {
            Some(Index::Agent)
        } else if self.filter.tool.is_some() {
            Some(Index::Tool)
        } else {
            None
        }
    }

    fn page_with_text(
        &self,
        text: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let wanted = Wanted::new(text);
        let sql = format!(
            "SELECT text FROM records WHERE {} ORDER BY rowid DESC",
            self.condition
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(&self.values))?;
        let mut found = Found {
            records: Vec::new(),
            total: 0,
            more: false,
        };
        while let Some(row) = rows.next()? {
            let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let Some(record) = wanted.in_text(text)? else {
                continue;
            };
            found.total += 1;
            if before.is_some_and(|before| record.seq >= before) {
                continue;
            }
            if found.records.len() < limit {
                found.records.push(record);
            } else {
                found.more = true;
            }
        }
        Ok(found)
    }
}

/// The way to the records.
#[derive(Clone, Copy)]
enum Index {
    Agent,
    Tool,
    Changes,
    Records,
}

impl Index {
    const fn clause(self) -> &'static str {
        match self {
            Self::Agent => "INDEXED BY records_by_agent",
            Self::Tool => "INDEXED BY records_by_tool",
            Self::Changes => "INDEXED BY records_of_changes",
            Self::Records => "NOT INDEXED",
        }
    }

    const fn order(self) -> &'static str {
        match self {
            Self::Agent | Self::Tool | Self::Changes => "seq",
            Self::Records => "rowid",
        }
    }
}

/// A text that reason or target must hold.
struct Wanted {
    lower: String,
    anywhere: Option<AhoCorasick>,
}

impl Wanted {
    fn new(text: &str) -> Self {
        // A text without escapes stands in the record as it is: most records are passed over unparsed.
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
            && !text.contains(['"', '\\']);
        let anywhere = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build([text])
            .ok()
            .filter(|_| plain);
        Self {
            lower: text.to_lowercase(),
            anywhere,
        }
    }

    /// The record of this text, if it is wanted.
    fn in_text(&self, text: &str) -> Result<Option<AuditRecord>, StoreError> {
        if self
            .anywhere
            .as_ref()
            .is_some_and(|any| !any.is_match(text))
        {
            return Ok(None);
        }
        let record = parse(text)?;
        let holds =
            |part: Option<&str>| part.is_some_and(|part| part.to_lowercase().contains(&self.lower));
        let reason = record
            .decision
            .as_ref()
            .map(|ruling| ruling.reason.as_str());
        let arguments = record.arguments.as_ref();
        let given = arguments.and_then(|arguments| arguments.get("reason")?.as_str());
        let wanted = holds(reason) || holds(given) || holds(record.resource.as_deref());
        Ok(wanted.then_some(record))
    }
}
