//! The store: SQLite in a data directory that one process owns. The only home of SQL.

mod backup; // everything in one file, and its way back
mod error; // what can go wrong
mod key; // the store key
mod owner; // one process a directory
mod room; // how much of the disk it takes
mod sqlite; // tables and statements
mod survey; // a look from outside

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audit::{Cursors, Trail, TrailReader};
use crate::domain::Secret;
use crate::incidents::IncidentStore;

pub use backup::{back_up, restore};
pub use error::StoreError;
pub use owner::{Owner, owner_pid};
pub use room::{Room, Space};
pub use sqlite::States;
use sqlite::{IncidentReader, Reader};
pub use survey::{Survey, survey};

/// The file of the store in its data directory.
const DATABASE: &str = "policyguard.db";

/// An opened data directory.
#[derive(Debug)]
pub struct Store {
    database: PathBuf,
    key: Secret,
    states: Arc<States>,
    torn: bool,
    // Fields drop in this order: the directory is given up, and removed if it is temporary, at the very end.
    _owner: Owner,
    _temporary: Option<Temporary>,
}

/// Opens the data directory, making it if need be, and becomes its owner.
///
/// # Errors
/// When another process owns it, it cannot be read or written, its key is missing or readable by others,
/// or it was made by a newer version.
pub fn open(data_dir: &Path) -> Result<Store, StoreError> {
    open_in(data_dir, None)
}

/// Reads the trail of a data directory without becoming its owner, whether it has one or not.
///
/// # Errors
/// When there is no store, or it or its key cannot be read.
pub fn open_reader(data_dir: &Path) -> Result<Arc<dyn TrailReader>, StoreError> {
    let database = database_of(data_dir)?;
    let key = key::load(&key::path(data_dir))?;
    let reader = Reader::open(&database, &key).map_err(|fault| fault.of(&database))?;
    Ok(Arc::new(reader))
}

/// Whether the data directory holds a store.
///
/// # Errors
/// When that cannot be seen.
pub fn holds_store(data_dir: &Path) -> Result<bool, StoreError> {
    owner::is_there(&data_dir.join(DATABASE))
}

/// The database of a data directory that holds a store.
fn database_of(data_dir: &Path) -> Result<PathBuf, StoreError> {
    let database = data_dir.join(DATABASE);
    if holds_store(data_dir)? {
        Ok(database)
    } else {
        Err(StoreError::Absent(database))
    }
}

/// Opens a store of its own in a new directory, which goes away with it.
///
/// # Errors
/// When no directory can be made.
pub fn open_temporary() -> Result<Store, StoreError> {
    let temporary = Temporary::new()?;
    let dir = temporary.0.clone();
    open_in(&dir, Some(temporary))
}

fn open_in(dir: &Path, temporary: Option<Temporary>) -> Result<Store, StoreError> {
    owner::make_dir(dir)?;
    let owner = Owner::of(dir)?;
    let database = dir.join(DATABASE);
    let key = key::load_or_make(dir, database.exists())?;
    owner::make_file(&database)?;
    let torn = sqlite::ended_in_a_commit(&database)?;
    sqlite::prepare(&database, &key).map_err(|fault| fault.of(&database))?;
    owner::sync(dir)?;
    let states = Arc::new(States::open(&database)?);
    Ok(Store {
        database,
        key,
        states,
        torn,
        _owner: owner,
        _temporary: temporary,
    })
}

impl Store {
    /// The trail, for the one recorder. Its writer lives until the recorder is dropped.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn trail(&self) -> Result<Trail, StoreError> {
        sqlite::trail(&self.database, &self.key, self.torn)
    }

    /// How much room it takes, and whether the disk around it counts.
    #[must_use]
    pub fn room(&self, heeds_disk: bool) -> Room {
        Room::of(&self.database, heeds_disk)
    }

    /// The file of the database.
    #[must_use]
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// A reader of the trail.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn reader(&self) -> Result<Arc<dyn TrailReader>, StoreError> {
        Ok(Arc::new(Reader::open(&self.database, &self.key)?))
    }

    /// A reader of incidents.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn incidents(&self) -> Result<Arc<dyn IncidentStore>, StoreError> {
        Ok(Arc::new(IncidentReader::open(&self.database, &self.key)?))
    }

    /// The store key, from which rooms derive keys of their own.
    #[must_use]
    pub const fn key(&self) -> &Secret {
        &self.key
    }

    /// Cursors of lists, signed for this store.
    #[must_use]
    pub fn cursors(&self) -> Cursors {
        Cursors::new(&self.key)
    }

    /// What is stored of modes, lockdown, cloud, health and releases.
    #[must_use]
    pub const fn states(&self) -> &Arc<States> {
        &self.states
    }
}

/// A directory that is removed with its store.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Self, StoreError> {
        let name = format!("policyguard-{}", key::random_hex()?);
        Ok(Self(std::env::temp_dir().join(name)))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed stays; it is a temporary directory.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
