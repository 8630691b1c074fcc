//! Finds records: by the index that fits the filter, and by text in what that leaves.

use aho_corasick::AhoCorasick;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::super::error::StoreError;
use super::audit::{load_head, parse};
use super::reader::count;
use crate::audit::{AuditRecord, Filter, Status, kind_code, status_code};

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
        search.and(
            "kind =",
            filter.kind.map(|kind| Value::from(kind_code(kind))),
        );
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
        let total = self.total()?;
        let mut values = self.values.clone();
        let mut condition = self.condition.clone();
        if let Some(before) = before {
            values.push(Value::from(before.cast_signed()));
            condition = format!("{condition} AND seq < ?{}", values.len());
        }
        let index = self.index(total)?;
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

    fn total(&self) -> Result<u64, StoreError> {
        if *self.filter == Filter::default() {
            return Ok(load_head(self.connection)?.0.seq);
        }
        let sql = format!(
            "SELECT count(*) FROM records {} WHERE {}",
            self.index(0)?.clause(),
            self.condition
        );
        let total: i64 = self
            .connection
            .prepare(&sql)?
            .query_row(params_from_iter(&self.values), |row| row.get(0))?;
        Ok(total.cast_unsigned())
    }

    /// By agent or tool if the filter has one. Otherwise newest first through the records themselves while
    /// many fit, and through an index, which is far shorter than they are, once few do.
    fn index(&self, total: u64) -> Result<Index, StoreError> {
        if self.filter.agent_id.is_some() {
            return Ok(Index::Agent);
        }
        if self.filter.tool.is_some() {
            return Ok(Index::Tool);
        }
        let all = load_head(self.connection)?.0.seq;
        let many = total > 0 && total >= all / 64;
        Ok(if many { Index::Records } else { Index::Agent })
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
    Records,
}

impl Index {
    const fn clause(self) -> &'static str {
        match self {
            Self::Agent => "INDEXED BY records_by_agent",
            Self::Tool => "INDEXED BY records_by_tool",
            Self::Records => "NOT INDEXED",
        }
    }

    const fn order(self) -> &'static str {
        match self {
            Self::Agent | Self::Tool => "seq",
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
