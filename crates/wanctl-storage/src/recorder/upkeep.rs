//! Deletion of what has grown old, a slice at a time.

use std::time::{Duration, Instant};

use wanctl_types::WallTime;

use crate::{Error, Writer};

/// Pause between two rounds of deletion.
const ROUND: Duration = Duration::from_hours(1);
/// How long a slice may hold the write lock.
const SLICE_TIME: Duration = Duration::from_millis(20);
/// Rows of the first slice, before it is known how fast the disk is.
const FIRST_SLICE: u32 = 250;
/// Bounds of a slice, in rows.
const SLICE_BOUNDS: (u32, u32) = (50, 4_000);
/// Pages that a slice gives back to the file system: 1 MiB.
const PAGES: u32 = 256;
/// Milliseconds in a day.
const DAY_MILLIS: i64 = 86_400_000;

/// Where the deletion stands.
#[derive(Debug)]
pub(super) enum Upkeep {
    /// Nothing is old, until the next round.
    Resting { until: Instant },
    /// Rows before the cutoff go, so many in the next slice.
    Deleting { cutoff: WallTime, rows: u32 },
    /// Free pages go back to the file system.
    Releasing,
}

impl Upkeep {
    /// A first round is due at `now`.
    pub(super) const fn due(now: Instant) -> Self {
        Self::Resting { until: now }
    }

    /// Whether there is a slice to do at `now`.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        match self {
            Self::Resting { until } => now >= *until,
            Self::Deleting { .. } | Self::Releasing => true,
        }
    }

    /// Does one slice at `now`, the wall clock saying `wall`, and tells how many rows went.
    pub(super) fn slice(
        &mut self,
        writer: &mut Writer,
        now: Instant,
        wall: WallTime,
        retention_days: u32,
    ) -> Result<usize, Error> {
        match *self {
            Self::Resting { until } if now < until => Ok(0),
            Self::Resting { .. } => {
                let cutoff = cutoff(wall, retention_days);
                self.delete(writer, cutoff, FIRST_SLICE)
            }
            Self::Deleting { cutoff, rows } => self.delete(writer, cutoff, rows),
            Self::Releasing => {
                if !writer.release_pages(PAGES)? {
                    *self = Self::Resting { until: now + ROUND };
                }
                Ok(0)
            }
        }
    }

    fn delete(&mut self, writer: &mut Writer, cutoff: WallTime, rows: u32) -> Result<usize, Error> {
        let started = Instant::now();
        let deleted = writer.delete_before(cutoff, rows)?;
        *self = if u32::try_from(deleted).is_ok_and(|deleted| deleted < rows) {
            Self::Releasing
        } else {
            Self::Deleting {
                cutoff,
                rows: next_slice(rows, started.elapsed()),
            }
        };
        Ok(deleted)
    }
}

/// Rows older than this are too old.
fn cutoff(wall: WallTime, retention_days: u32) -> WallTime {
    let age = DAY_MILLIS.saturating_mul(i64::from(retention_days));
    WallTime::from_unix_millis(wall.unix_millis().saturating_sub(age))
}

/// Rows of the next slice, given how long the last one took.
fn next_slice(rows: u32, took: Duration) -> u32 {
    let (fewest, most) = SLICE_BOUNDS;
    let wanted = if took > SLICE_TIME {
        rows / 2
    } else if took < SLICE_TIME / 3 {
        rows.saturating_mul(2)
    } else {
        rows
    };
    wanted.clamp(fewest, most)
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;
    use wanctl_types::WanName;

    use super::*;
    use crate::{Metric, Query, Reader, names};

    const DAY: i64 = 86_400;

    #[test]
    fn slices_follow_the_speed_of_the_disk() {
        let ms = Duration::from_millis;
        assert_eq!(next_slice(1_000, ms(25)), 500);
        assert_eq!(next_slice(1_000, ms(15)), 1_000);
        assert_eq!(next_slice(1_000, ms(3)), 2_000);
        assert_eq!(next_slice(60, ms(900)), 50);
        assert_eq!(next_slice(4_000, ms(1)), 4_000);
    }

    #[test]
    fn a_round_deletes_exactly_the_rows_that_are_too_old() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("metrics.db");
        let wan = WanName::new("cable").unwrap();
        let mut writer = Writer::open(&path).unwrap();
        let now_seconds = 100 * DAY;
        let oldest_kept = now_seconds - 7 * DAY;
        let times = (oldest_kept - 1_000..oldest_kept + 1_000).map(|second| second * 1_000);
        let metrics: Vec<_> = times
            .map(|ms| Metric::new(WallTime::from_unix_millis(ms), &wan, names::RTT_MS, 1.0))
            .collect();
        writer.write_metrics_batch(&metrics).unwrap();
        let wall = WallTime::from_unix_millis(now_seconds * 1_000 + 999);

        let start = Instant::now();
        let mut upkeep = Upkeep::due(start);
        let mut deleted = Vec::new();
        while upkeep.is_due(start) {
            deleted.push(upkeep.slice(&mut writer, start, wall, 7).unwrap());
        }

        assert_eq!(deleted.iter().sum::<usize>(), 1_000);
        assert!(deleted.len() > 2, "in slices: {deleted:?}");
        let left = Reader::open(&path)
            .unwrap()
            .query(&Query::between(0, i64::MAX))
            .unwrap();
        assert_eq!(left.len(), 1_000);
        assert_eq!(left.last().unwrap().timestamp, oldest_kept);
        assert!(!upkeep.is_due(start + ROUND / 2));
        assert!(upkeep.is_due(start + ROUND));
    }

    #[test]
    fn a_file_that_has_become_mostly_empty_shrinks() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("metrics.db");
        let wan = WanName::new("cable").unwrap();
        let mut writer = Writer::open(&path).unwrap();
        let old = Metric::new(WallTime::from_unix_millis(0), &wan, names::RTT_MS, 1.0);
        writer.write_metrics_batch(&vec![old; 20_000]).unwrap();
        let pages = |writer: &Writer| {
            writer
                .connection()
                .pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))
                .unwrap()
        };
        let before = pages(&writer);

        let start = Instant::now();
        let mut upkeep = Upkeep::due(start);
        while upkeep.is_due(start) {
            upkeep
                .slice(
                    &mut writer,
                    start,
                    WallTime::from_unix_millis(DAY_MILLIS * 2),
                    1,
                )
                .unwrap();
        }

        assert!(pages(&writer) * 2 < before, "{before} pages before");
    }
}
