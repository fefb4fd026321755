//! The tables, and the one place where a database is opened.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::Error;

/// Our `user_version`. 0 is a file that only the Python wanctl has written.
pub const SCHEMA_VERSION: i64 = 1;

/// Longest write-ahead log that is left on disk after a checkpoint, in bytes.
const JOURNAL_SIZE_LIMIT: i64 = 64 * 1024 * 1024;

/// The relation `metrics` is shared with the Python wanctl and must stay as it is.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp INTEGER NOT NULL,
    wan_name TEXT NOT NULL,
    metric_name TEXT NOT NULL,
    value REAL NOT NULL,
    labels TEXT,
    granularity TEXT DEFAULT 'raw'
);
CREATE INDEX IF NOT EXISTS idx_metrics_timestamp ON metrics (timestamp);
CREATE INDEX IF NOT EXISTS idx_metrics_wan_metric_time ON metrics (wan_name, metric_name, timestamp);
CREATE INDEX IF NOT EXISTS idx_metrics_granularity_time ON metrics (granularity, timestamp);
CREATE TABLE IF NOT EXISTS transitions (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    wan_name TEXT NOT NULL,
    direction TEXT NOT NULL,
    state INTEGER NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_transitions_time ON transitions (time_ms);
";

/// Adds a row to `metrics`.
pub(crate) const INSERT_METRIC: &str = "
INSERT INTO metrics (timestamp, wan_name, metric_name, value, labels, granularity)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Adds a row to `transitions`.
pub(crate) const INSERT_TRANSITION: &str = "
INSERT INTO transitions (time_ms, wan_name, direction, state, reason)
VALUES (?1, ?2, ?3, ?4, ?5)";

/// Opens for writing; creates directory, file and tables as needed.
pub(crate) fn open_writable(path: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
    create_directory(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|source| Error::open(path, source))?;
    let found = version(&connection).map_err(|source| Error::open(path, source))?;
    refuse_newer(path, found)?;
    prepare(&mut connection, found, busy_timeout).map_err(|source| Error::open(path, source))?;
    Ok(connection)
}

/// Opens an existing history for reading alone.
pub(crate) fn open_readable(path: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
    if let Ok(false) = path.try_exists() {
        return Err(Error::Missing {
            path: path.to_owned(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(busy_timeout)?;
        let found = version(&connection)?;
        let holds_metrics = connection.table_exists(None, "metrics")?;
        Ok((connection, found, holds_metrics))
    };
    let (connection, found, holds_metrics) = open().map_err(|source| Error::open(path, source))?;
    refuse_newer(path, found)?;
    if !holds_metrics {
        return Err(Error::NoMetrics {
            path: path.to_owned(),
        });
    }
    Ok(connection)
}

fn create_directory(path: &Path) -> Result<(), Error> {
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    fs::create_dir_all(directory).map_err(|source| Error::Directory {
        path: directory.to_owned(),
        source,
    })
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn refuse_newer(path: &Path, found: i64) -> Result<(), Error> {
    if found > SCHEMA_VERSION {
        return Err(Error::TooNew {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    Ok(())
}

/// Sets the connection up, makes what is missing, and proves that rows can be added.
fn prepare(
    connection: &mut Connection,
    found: i64,
    busy_timeout: Duration,
) -> rusqlite::Result<()> {
    connection.busy_timeout(busy_timeout)?;
    // Takes effect only while the file is still empty.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    use_write_ahead_log(connection, busy_timeout)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", JOURNAL_SIZE_LIMIT, |_| Ok(()))?;
    if found < SCHEMA_VERSION {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        transaction.commit()?;
    }
    connection.prepare_cached(INSERT_METRIC)?;
    connection.prepare_cached(INSERT_TRANSITION)?;
    Ok(())
}

/// Two programs that begin the same file at once may each find it busy, and SQLite does not wait
/// for this change by itself.
fn use_write_ahead_log(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(5);
    let mut waited = Duration::ZERO;
    loop {
        let changed = connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()));
        match changed {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && waited < patience =>
            {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            done => return done,
        }
    }
}
