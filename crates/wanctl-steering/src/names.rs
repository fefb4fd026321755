//! Which WAN is meant, and which request.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Most WANs one machine decides between.
pub const MAX_WANS: usize = 8;

/// Most targets one WAN is probed with.
pub const MAX_TARGETS: usize = 8;

/// A WAN, by its place in the configuration. Names are data beside the machine, not part of it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WanIndex(u8);

impl WanIndex {
    /// The WAN that carries everything in normal use.
    pub const PRIMARY: Self = Self(0);

    /// The one after it.
    pub(crate) const SECOND: Self = Self(1);

    /// The WAN at this place; `None` beyond [`MAX_WANS`].
    #[must_use]
    pub fn new(place: usize) -> Option<Self> {
        let index = u8::try_from(place).ok()?;
        (place < MAX_WANS).then_some(Self(index))
    }

    /// The place.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }

    /// Whether this is the WAN in normal use.
    #[must_use]
    pub const fn is_primary(self) -> bool {
        self.0 == 0
    }

    /// All places of a configuration with so many WANs.
    pub fn first(count: usize) -> impl DoubleEndedIterator<Item = Self> + Clone {
        let count = u8::try_from(count.min(MAX_WANS)).unwrap_or(u8::MAX);
        (0..count).map(Self)
    }
}

impl fmt::Display for WanIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WAN {}", self.0)
    }
}

/// One request to the router, so that a late answer is not taken for another's.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ActionId(u32);

impl ActionId {
    /// The request after this one.
    #[must_use]
    pub(crate) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {}", self.0)
    }
}
