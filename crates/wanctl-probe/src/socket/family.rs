//! Address families.

use core::fmt;
use std::net::IpAddr;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Which address families are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Families {
    /// Whether IPv4 is.
    pub v4: bool,
    /// Whether IPv6 is.
    pub v6: bool,
}

impl Families {
    /// The families of these addresses.
    #[must_use]
    pub fn of(addresses: &[IpAddr]) -> Self {
        Self {
            v4: addresses.iter().any(IpAddr::is_ipv4),
            v6: addresses.iter().any(IpAddr::is_ipv6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_families_in_use_are_named() {
        let v6 = "::1".parse().unwrap();
        assert_eq!(Families::of(&[]), Families::default());
        assert_eq!(
            Families::of(&[v6]),
            Families {
                v4: false,
                v6: true
            }
        );
        assert_eq!(Family::of(v6).to_string(), "IPv6");
    }
}
