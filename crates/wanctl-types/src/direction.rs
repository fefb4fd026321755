//! The two directions of a WAN.

use core::fmt;
use core::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// A direction of traffic, seen from the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the provider to the user.
    Download,
    /// From the user to the provider.
    Upload,
}

impl Direction {
    /// Both, download first.
    pub const BOTH: [Self; 2] = [Self::Download, Self::Upload];

    /// The lower-case word that configuration, labels and logs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One value for each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PerDirection<T> {
    /// The value for traffic from the provider.
    pub download: T,
    /// The value for traffic to the provider.
    pub upload: T,
}

impl<T> PerDirection<T> {
    /// Pairs the two values.
    pub const fn new(download: T, upload: T) -> Self {
        Self { download, upload }
    }

    /// Computes one value per direction.
    pub fn from_fn(mut f: impl FnMut(Direction) -> T) -> Self {
        Self {
            download: f(Direction::Download),
            upload: f(Direction::Upload),
        }
    }

    /// Converts both values.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> PerDirection<U> {
        PerDirection {
            download: f(self.download),
            upload: f(self.upload),
        }
    }

    /// Pairs each value with the other's of the same direction.
    pub fn zip<U>(self, other: PerDirection<U>) -> PerDirection<(T, U)> {
        PerDirection {
            download: (self.download, other.download),
            upload: (self.upload, other.upload),
        }
    }

    /// Borrows both values.
    pub const fn as_ref(&self) -> PerDirection<&T> {
        PerDirection {
            download: &self.download,
            upload: &self.upload,
        }
    }

    /// Visits both values, download first.
    pub fn iter(&self) -> impl Iterator<Item = (Direction, &T)> {
        Direction::BOTH
            .into_iter()
            .zip([&self.download, &self.upload])
    }
}

impl<T> Index<Direction> for PerDirection<T> {
    type Output = T;

    fn index(&self, direction: Direction) -> &T {
        match direction {
            Direction::Download => &self.download,
            Direction::Upload => &self.upload,
        }
    }
}

impl<T> IndexMut<Direction> for PerDirection<T> {
    fn index_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Download => &mut self.download,
            Direction::Upload => &mut self.upload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexing_and_iteration_agree() {
        let pair = PerDirection::new(1, 2);
        for (direction, value) in pair.iter() {
            assert_eq!(pair[direction], *value);
        }
        assert_eq!(
            PerDirection::from_fn(|d| pair[d] * 10),
            pair.map(|v| v * 10)
        );
    }
}
