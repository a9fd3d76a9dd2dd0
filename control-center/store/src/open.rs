//! Opening: one connection that writes, a few that read, the schema brought up to date.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use crate::errs::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
const READERS: u32 = 4;
const ROWS_BUFFERED: usize = 4_096;
/// Takes the write lock first: a transaction that begins by reading is refused at once, and not after [`LOCK_WAIT`], while a
/// connection that was dropped still undoes what it began.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The hall's memory. One writer, so that SQLite never has to refuse one of two; readers never wait for it (WAL).
pub struct Store {
    path: PathBuf,
    readers: SqlitePool,
    /// `None` after a failed write: the next one opens anew, whatever state the old connection was in.
    writer: Mutex<Option<SqliteConnection>>,
}

impl Store {
    /// Opens the database file `path`, makes it and its folder when they are not there, and brings old schemas up to date.
    ///
    /// # Errors
    /// [`StoreError`] naming the file and the remedy when it is damaged, of a newer build, or cannot be written.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        }
        let mut writer = connect(path).await?;
        MIGRATIONS.run(&mut writer).await.map_err(|e| StoreError::migrating(path, e))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_lazy_with(options(path).read_only(true).create_if_missing(false));
        Ok(Self { path: path.to_owned(), readers, writer: Mutex::new(Some(writer)) })
    }

    /// Ends every connection; what was committed is on the disk already.
    pub async fn close(&self) {
        self.readers.close().await;
        if let Some(writer) = self.writer.lock().await.take() {
            // The last one out folds the write-ahead log into the file.
            drop(writer.close().await);
        }
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// The writing connection, for one operation at a time.
    pub(crate) async fn writer(&self) -> Result<Writer<'_>, StoreError> {
        let mut slot = self.writer.lock().await;
        let connection = match slot.take() {
            Some(connection) => connection,
            None => connect(&self.path).await?,
        };
        Ok(Writer { slot, connection })
    }

    pub(crate) fn failed(&self, operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
        move |source| StoreError::of(operation, &self.path, source)
    }
}

/// Put back with [`Writer::good`]; when dropped instead, the connection is closed and what it began is undone.
pub(crate) struct Writer<'a> {
    slot: MutexGuard<'a, Option<SqliteConnection>>,
    pub(crate) connection: SqliteConnection,
}

impl Writer<'_> {
    pub(crate) fn good(mut self) {
        *self.slot = Some(self.connection);
    }
}

/// KiB of the database that the writer keeps in memory: the indexes' pages for ten thousand vehicles.
const WRITER_CACHE: &str = "-65536";

/// Pages (32 MiB) of the write-ahead log after which it is folded into the file. At SQLite's own 1,000 the pages that every commit
/// changes, those of the indexes, are written back at every commit; so they are once in many, and a storm of stored positions is
/// taken in about twice as fast.
const LOG_PAGES: &str = "8000";

async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = options(path).pragma("cache_size", WRITER_CACHE).pragma("wal_autocheckpoint", LOG_PAGES);
    options.connect().await.map_err(|e| StoreError::of("opening", path, e))
}

/// `synchronous = FULL`: with WAL, NORMAL may lose the last commits when power fails, and the poles were told to forget them.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(LOCK_WAIT)
        .foreign_keys(true)
        // Each time that it is full, two threads change places.
        .row_buffer_size(ROWS_BUFFERED)
        .disable_statement_logging()
}
