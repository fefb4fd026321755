//! One value as it is written, and one as it is stored.

use wanctl_types::{Direction, WallTime, WanName, Zone};

use crate::Labels;

/// How much time one row stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// One cycle.
    #[default]
    Raw,
    /// One minute.
    Minute,
    /// Five minutes.
    FiveMinutes,
    /// One hour.
    Hour,
}

impl Granularity {
    /// The word in the column `granularity`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Minute => "1m",
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
        }
    }
}

/// A value to be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric<'a> {
    /// When it was true; stored in whole seconds, rounded down.
    pub time: WallTime,
    /// The WAN it belongs to.
    pub wan: &'a WanName,
    /// What it is; see [`names`](crate::names).
    pub name: &'a str,
    /// The value; NaN and the infinities are refused when it is written.
    pub value: f64,
    /// Labels; none at all and an empty set are stored alike, as NULL.
    pub labels: Option<&'a Labels>,
    /// How much time the value stands for.
    pub granularity: Granularity,
}

impl<'a> Metric<'a> {
    /// A raw value without labels.
    #[must_use]
    pub const fn new(time: WallTime, wan: &'a WanName, name: &'a str, value: f64) -> Self {
        Self {
            time,
            wan,
            name,
            value,
            labels: None,
            granularity: Granularity::Raw,
        }
    }

    /// The same value with labels.
    #[must_use]
    pub const fn with_labels(mut self, labels: &'a Labels) -> Self {
        self.labels = Some(labels);
        self
    }
}

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Seconds since the Unix epoch.
    pub timestamp: i64,
    /// The WAN it belongs to.
    pub wan_name: String,
    /// What it is; see [`names`](crate::names).
    pub metric_name: String,
    /// The value.
    pub value: f64,
    /// A JSON object, or nothing.
    pub labels: Option<String>,
    /// `raw`, `1m`, `5m` or `1h`; a row without it is `raw`.
    pub granularity: String,
}

/// A change of zone with its time to the millisecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When it was decided.
    pub time: WallTime,
    /// The WAN it belongs to.
    pub wan_name: String,
    /// Which of its directions.
    pub direction: Direction,
    /// The zone entered.
    pub zone: Zone,
    /// Why.
    pub reason: String,
}
