//! Questions to a history.

use core::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{Type, Value};
use rusqlite::{Connection, params, params_from_iter};
use wanctl_types::{Direction, WallTime, Zone};

use crate::{Error, Granularity, Row, Transition, schema};

/// How long a read waits for a lock; with a write-ahead log it hardly ever meets one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Which rows to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// First second, inclusive, since the Unix epoch.
    pub start: i64,
    /// Last second, inclusive.
    pub end: i64,
    /// Exact names of metrics; none means all.
    pub metrics: Vec<String>,
    /// Exact name of a WAN; none means all.
    pub wan: Option<String>,
    /// How much time a row stands for; none means any.
    pub granularity: Option<Granularity>,
    /// Longest answer, counted from the newest row.
    pub limit: Option<u32>,
}

impl Query {
    /// Every row from the second `start` to the second `end`, both inclusive.
    #[must_use]
    pub const fn between(start: i64, end: i64) -> Self {
        Self {
            start,
            end,
            metrics: Vec::new(),
            wan: None,
            granularity: None,
            limit: None,
        }
    }

    fn to_sql(&self) -> (String, Vec<Value>) {
        let mut sql = String::from(
            "SELECT timestamp, wan_name, metric_name, value, labels, COALESCE(granularity, 'raw') \
             FROM metrics WHERE timestamp >= ? AND timestamp <= ?",
        );
        let mut values = vec![Value::from(self.start), Value::from(self.end)];
        if let Some(wan) = &self.wan {
            sql.push_str(" AND wan_name = ?");
            values.push(Value::from(wan.clone()));
        }
        if !self.metrics.is_empty() {
            sql.push_str(" AND metric_name IN (?");
            sql.push_str(&", ?".repeat(self.metrics.len() - 1));
            sql.push(')');
            values.extend(self.metrics.iter().cloned().map(Value::from));
        }
        if let Some(granularity) = self.granularity {
            sql.push_str(" AND granularity = ?");
            values.push(Value::from(granularity.as_str().to_owned()));
        }
        sql.push_str(" ORDER BY timestamp DESC, id DESC");
        if let Some(limit) = self.limit {
            sql.push_str(" LIMIT ?");
            values.push(Value::from(i64::from(limit)));
        }
        (sql, values)
    }
}

/// Reads a history, also while it is being written. It cannot change it.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens an existing history, of this program or of the Python wanctl.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::NoMetrics`], [`Error::TooNew`] or [`Error::Open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Ok(Self {
            connection: schema::open_readable(path, BUSY_TIMEOUT)?,
            path: path.to_owned(),
        })
    }

    /// All rows of the answer, newest first; within a second, last written first.
    ///
    /// # Errors
    ///
    /// [`Error::Read`].
    pub fn query(&self, query: &Query) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.for_each(query, |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    /// Hands the rows of the answer to `visit` one by one in the order of [`Reader::query`], until
    /// it breaks off. Holds one row at a time; a long visit keeps the write-ahead log from
    /// shrinking.
    ///
    /// # Errors
    ///
    /// [`Error::Read`].
    pub fn for_each(
        &self,
        query: &Query,
        mut visit: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let (sql, values) = query.to_sql();
        let run = || {
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query_map(params_from_iter(values), to_row)?;
            rows.try_for_each(|row| match row.map(&mut visit) {
                Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
                Ok(ControlFlow::Break(())) => ControlFlow::Break(Ok(())),
                Err(error) => ControlFlow::Break(Err(error)),
            })
            .break_value()
            .unwrap_or(Ok(()))
        };
        run().map_err(|source| Error::read("read rows", &self.path, source))
    }

    /// Zone changes from `start` to `end`, both inclusive, oldest first. A file that only the
    /// Python wanctl has written has none.
    ///
    /// # Errors
    ///
    /// [`Error::Read`].
    pub fn transitions(&self, start: WallTime, end: WallTime) -> Result<Vec<Transition>, Error> {
        const SELECT: &str = "SELECT time_ms, wan_name, direction, state, reason FROM transitions \
             WHERE time_ms >= ?1 AND time_ms <= ?2 ORDER BY time_ms, id";
        let run = || {
            if !self.connection.table_exists(None, "transitions")? {
                return Ok(Vec::new());
            }
            let bounds = params![start.unix_millis(), end.unix_millis()];
            let mut statement = self.connection.prepare(SELECT)?;
            statement.query_map(bounds, to_transition)?.collect()
        };
        run().map_err(|source| Error::read("read zone changes", &self.path, source))
    }
}

fn to_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        timestamp: row.get(0)?,
        wan_name: row.get(1)?,
        metric_name: row.get(2)?,
        value: row.get(3)?,
        labels: row.get(4)?,
        granularity: row.get(5)?,
    })
}

fn to_transition(row: &rusqlite::Row<'_>) -> rusqlite::Result<Transition> {
    let direction: String = row.get(2)?;
    let state: u8 = row.get(3)?;
    Ok(Transition {
        time: WallTime::from_unix_millis(row.get(0)?),
        wan_name: row.get(1)?,
        direction: Direction::BOTH
            .into_iter()
            .find(|known| known.as_str() == direction)
            .ok_or_else(|| unknown(2, "direction", Type::Text))?,
        zone: Zone::from_code(state).ok_or_else(|| unknown(3, "state", Type::Integer))?,
        reason: row.get(4)?,
    })
}

fn unknown(column: usize, name: &str, found: Type) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, name.to_owned(), found)
}
