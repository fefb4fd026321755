//! Exit codes.

/// The command could not do its work, or found what it looks for: a divergence, a failed run.
pub(crate) const FAILURE: u8 = 1;
