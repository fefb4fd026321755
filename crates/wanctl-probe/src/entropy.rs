//! A few unpredictable numbers without a random-number crate.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Differs from call to call and from process to process.
pub(crate) fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}

pub(crate) fn random_u16() -> u16 {
    let [high, low, ..] = random_u64().to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_differ() {
        assert_ne!(random_u64(), random_u64());
    }
}
