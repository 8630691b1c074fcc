//! A look at a data directory that changes nothing in it, whether somebody owns it or not.

use std::path::Path;

use crate::audit::TrailReader as _;
use crate::domain::Timestamp;

use super::error::StoreError;
use super::room::{Room, Space};
use super::sqlite::{self, Reader, States};
use super::{database_of, key};

/// What a look at a store finds.
#[derive(Debug)]
pub struct Survey {
    /// The schema version of the database.
    pub schema: i64,
    /// The one that this program writes; a start brings an older one up to it.
    pub newest_schema: i64,
    /// How many records its chain has.
    pub records: u64,
    /// When the last of them was written.
    pub last_record: Option<Timestamp>,
    /// How much room it takes and has.
    pub space: Space,
    /// What is stored beside the trail; `None` as long as the schema is an older one.
    pub states: Option<States>,
}

/// Looks at the store of a data directory.
///
/// # Errors
/// As [`open`](super::open), but for its owner, who is left alone.
pub fn survey(data_dir: &Path) -> Result<Survey, StoreError> {
    let database = database_of(data_dir)?;
    let key = key::load(&key::path(data_dir))?;
    let (schema, newest_schema) =
        sqlite::schema(&database, &key).map_err(|fault| fault.of(&database))?;
    let reader = Reader::open(&database, &key).map_err(|fault| fault.of(&database))?;
    let unread = |fault: crate::audit::QueryError| StoreError::Database(fault.to_string());
    let head = reader.head().map_err(unread)?;
    let last = reader.range(head.seq.max(1), 1).map_err(unread)?;
    let space = Room::of(&database, true).measure();
    Ok(Survey {
        schema,
        newest_schema,
        records: head.seq,
        last_record: last.first().map(|record| record.at),
        space: space.map_err(StoreError::file("measure", &database))?,
        states: if schema == newest_schema {
            Some(States::open(&database)?)
        } else {
            None
        },
    })
}
