//! The owner of a connection that writes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use wanctl_types::{WallTime, WanName};

use crate::recorder::Cycle;
use crate::{
    ConfigSnapshot, CycleRecord, Error, Granularity, Metric, SteeringRecord, json, labels, names,
    schema,
};

/// How long a write waits for another program's write before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Milliseconds in a second.
const MILLIS: i64 = 1_000;

/// Writes a history, each call in a transaction of its own: all of its rows or none.
///
/// A call waits for other writers of the file and for the disk, so it has no place in a control
/// loop; see [`Recorder`](crate::Recorder) for that.
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
    path: PathBuf,
    /// Of the file, while its path led to it.
    file: Option<FileId>,
}

/// Device and inode.
type FileId = (u64, u64);

impl Writer {
    /// Opens the history and makes directory, file and tables where they are missing. A file of
    /// the Python wanctl is continued as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Directory`], [`Error::Open`], or [`Error::TooNew`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_within(path, BUSY_TIMEOUT)
    }

    /// As [`Writer::open`], with `patience` instead of 30 s as the longest wait for another
    /// program's write.
    ///
    /// # Errors
    ///
    /// As [`Writer::open`].
    pub fn open_within(path: impl AsRef<Path>, patience: Duration) -> Result<Self, Error> {
        let path = path.as_ref();
        Ok(Self {
            connection: schema::open_writable(path, patience)?,
            file: file_id(path),
            path: path.to_owned(),
        })
    }

    /// Writes one value.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] before anything is written, [`Error::Write`].
    pub fn write_metric(&mut self, metric: &Metric<'_>) -> Result<(), Error> {
        self.write_metrics_batch(core::slice::from_ref(metric))
    }

    /// Writes all the values in one transaction; does nothing for an empty slice.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] before anything is written, [`Error::Write`].
    pub fn write_metrics_batch(&mut self, metrics: &[Metric<'_>]) -> Result<(), Error> {
        if metrics.is_empty() {
            return Ok(());
        }
        metrics.iter().try_for_each(refuse_non_finite)?;
        self.in_transaction("write values", |transaction| {
            let mut insert = transaction.prepare_cached(schema::INSERT_METRIC)?;
            for metric in metrics {
                insert.execute(params![
                    metric.time.unix_seconds(),
                    metric.wan.as_str(),
                    metric.name,
                    metric.value,
                    metric.labels.and_then(crate::Labels::to_json),
                    metric.granularity.as_str(),
                ])?;
            }
            Ok(())
        })
    }

    /// Writes cycles in one transaction, each as the rows that [`CycleRecord`] describes; does
    /// nothing for an empty slice.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn write_cycles(&mut self, cycles: &[(Arc<WanName>, CycleRecord)]) -> Result<(), Error> {
        if cycles.is_empty() {
            return Ok(());
        }
        self.in_transaction("write cycles", |transaction| {
            cycles
                .iter()
                .try_for_each(|(wan, record)| insert_cycle(transaction, wan, record))
        })
    }

    /// As [`Writer::write_cycles`], for cycles of both daemons.
    pub(crate) fn write_entries(&mut self, entries: &[(Arc<WanName>, Cycle)]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        self.in_transaction("write cycles", |transaction| {
            entries.iter().try_for_each(|(wan, cycle)| match cycle {
                Cycle::Control(record) => insert_cycle(transaction, wan, record),
                Cycle::Steering(record) => insert_steering(transaction, wan, record),
            })
        })
    }

    /// Writes one cycle of steering, as the rows that [`SteeringRecord`] describes.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn write_steering(&mut self, wan: &WanName, record: &SteeringRecord) -> Result<(), Error> {
        self.in_transaction("write a cycle of steering", |transaction| {
            insert_steering(transaction, wan, record)
        })
    }

    /// Writes the configuration in effect from `time` on.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn record_config_snapshot(
        &mut self,
        wan: &WanName,
        time: WallTime,
        snapshot: &ConfigSnapshot,
    ) -> Result<(), Error> {
        let settings = json::encode(snapshot).map_err(|source| Error::Labels {
            metric: names::CONFIG_SNAPSHOT,
            source,
        })?;
        self.in_transaction("write a configuration", |transaction| {
            let seconds = time.unix_seconds();
            let mut insert = transaction.prepare_cached(schema::INSERT_METRIC)?;
            insert.execute(params![
                seconds,
                wan.as_str(),
                names::CONFIG_SNAPSHOT,
                seconds,
                settings,
                Granularity::Raw.as_str(),
            ])?;
            Ok(())
        })
    }

    /// Proves that what was written is where readers look for it: SQLite goes on writing into a
    /// file that was deleted or moved.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub(crate) fn check_in_place(&self) -> Result<(), Error> {
        if self.file.is_some() && self.file == file_id(&self.path) {
            return Ok(());
        }
        Err(Error::Gone {
            path: self.path.clone(),
        })
    }

    /// Deletes at most `at_most` rows of each table that are older than `cutoff`, and says how
    /// many rows of `metrics` went. Fewer than `at_most` means that no older one is left.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn delete_before(&mut self, cutoff: WallTime, at_most: u32) -> Result<usize, Error> {
        const METRICS: &str = "DELETE FROM metrics WHERE id IN
            (SELECT id FROM metrics WHERE timestamp < ?1 LIMIT ?2)";
        const TRANSITIONS: &str = "DELETE FROM transitions WHERE id IN
            (SELECT id FROM transitions WHERE time_ms < ?1 LIMIT ?2)";
        let seconds = cutoff.unix_seconds();
        self.in_transaction("delete old rows", |transaction| {
            transaction
                .prepare_cached(TRANSITIONS)?
                .execute(params![seconds.saturating_mul(MILLIS), at_most])?;
            transaction
                .prepare_cached(METRICS)?
                .execute(params![seconds, at_most])
        })
    }

    /// Gives at most `at_most` free pages back to the file system, and says whether more than a
    /// quarter of the file is still free. Files that the Python wanctl began keep their size.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub(crate) fn release_pages(&mut self, at_most: u32) -> Result<bool, Error> {
        const INCREMENTAL: i64 = 2;
        let number = |pragma| {
            self.connection
                .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
        };
        let mostly_free = || Ok(number("freelist_count")? > number("page_count")? / 4);
        let release = || {
            if number("auto_vacuum")? != INCREMENTAL || !mostly_free()? {
                return Ok(false);
            }
            let mut vacuum = self
                .connection
                .prepare(&format!("PRAGMA incremental_vacuum({at_most})"))?;
            let mut freed = vacuum.query([])?;
            while freed.next()?.is_some() {}
            mostly_free()
        };
        release().map_err(|source| Error::write("release free pages", &self.path, source))
    }

    fn in_transaction<T>(
        &mut self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let connection = &mut self.connection;
        let run = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|source| Error::write(operation, &self.path, source))
    }

    /// The connection, to make a disk look full.
    #[cfg(test)]
    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

fn refuse_non_finite(metric: &Metric<'_>) -> Result<(), Error> {
    if metric.value.is_finite() {
        return Ok(());
    }
    Err(Error::NotFinite {
        metric: metric.name.to_owned(),
        wan: metric.wan.to_string(),
        value: metric.value,
    })
}

fn insert_steering(
    transaction: &Transaction<'_>,
    wan: &WanName,
    record: &SteeringRecord,
) -> rusqlite::Result<()> {
    let seconds = record.time.unix_seconds();
    let raw = Granularity::Raw.as_str();
    let wan = wan.as_str();
    let mut insert = transaction.prepare_cached(schema::INSERT_METRIC)?;
    for (name, value, labels) in record.samples() {
        insert.execute(params![seconds, wan, name, value, labels, raw])?;
    }
    if let Some((names, value, labels)) = record.move_rows() {
        for name in names {
            insert.execute(params![seconds, wan, name, value, labels, raw])?;
        }
    }
    Ok(())
}

fn insert_cycle(
    transaction: &Transaction<'_>,
    wan: &WanName,
    record: &CycleRecord,
) -> rusqlite::Result<()> {
    let seconds = record.time.unix_seconds();
    let raw = Granularity::Raw.as_str();
    let wan = wan.as_str();
    let mut insert = transaction.prepare_cached(schema::INSERT_METRIC)?;
    for (name, value, labels) in record.samples() {
        insert.execute(params![seconds, wan, name, value, labels, raw])?;
    }
    for (direction, zone, reason) in record.changes() {
        let labels = labels::of_transition(direction, reason, record.clock_set).to_json();
        insert.execute(params![
            seconds,
            wan,
            names::STATE,
            f64::from(zone.code()),
            labels,
            raw
        ])?;
        transaction
            .prepare_cached(schema::INSERT_TRANSITION)?
            .execute(params![
                record.time.unix_millis(),
                wan,
                direction.as_str(),
                zone.code(),
                reason.as_str(),
            ])?;
    }
    Ok(())
}
