//! Values of keys, after the schema accepted them.

use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

/// The value of one key.
///
/// Serialises as it would be written in a file; a [`Secret`] as a reference to an environment
/// variable, never as itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// Of [`Kind::Flag`](crate::Kind::Flag).
    Flag(bool),
    /// Of [`Kind::Integer`](crate::Kind::Integer).
    Integer(i64),
    /// Of [`Kind::Number`](crate::Kind::Number).
    Number(Number),
    /// Of the kinds that are a single word or line.
    Text(String),
    /// Of [`Kind::Address`](crate::Kind::Address) and [`Kind::Listen`](crate::Kind::Listen).
    Address(IpAddr),
    /// Of [`Kind::Path`](crate::Kind::Path).
    Path(PathBuf),
    /// Of [`Kind::Hosts`](crate::Kind::Hosts).
    Hosts(Vec<String>),
    /// Of [`Kind::Targets`](crate::Kind::Targets).
    Targets(Vec<(String, u16)>),
    /// Of [`Kind::Secret`](crate::Kind::Secret).
    Secret(Secret),
}

/// Secrets are equal when they are written the same way; their contents are not compared.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Flag(a), Self::Flag(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Address(a), Self::Address(b)) => a == b,
            (Self::Path(a), Self::Path(b)) => a == b,
            (Self::Hosts(a), Self::Hosts(b)) => a == b,
            (Self::Targets(a), Self::Targets(b)) => a == b,
            (Self::Secret(a), Self::Secret(b)) => a.reference() == b.reference(),
            (
                Self::Flag(_)
                | Self::Integer(_)
                | Self::Number(_)
                | Self::Text(_)
                | Self::Address(_)
                | Self::Path(_)
                | Self::Hosts(_)
                | Self::Targets(_)
                | Self::Secret(_),
                _,
            ) => false,
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Integer(integer)
            | Self::Number(Number {
                integer: Some(integer),
                ..
            }) => serializer.serialize_i64(*integer),
            Self::Number(number) => serializer.serialize_f64(number.value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Address(address) => serializer.collect_str(address),
            Self::Path(path) => path.serialize(serializer),
            Self::Hosts(hosts) => hosts.serialize(serializer),
            Self::Targets(targets) => {
                let mut list = serializer.serialize_seq(Some(targets.len()))?;
                for target in targets {
                    list.serialize_element(target)?;
                }
                list.end()
            }
            Self::Secret(secret) => serializer.serialize_str(secret.reference()),
        }
    }
}

/// A finite number that remembers whether it was written as a whole one: `15` or `15.0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    value: f64,
    integer: Option<i64>,
}

impl Number {
    /// A number written without a fraction.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the bounds of every key lie far below 2^53"
    )]
    pub const fn whole(integer: i64) -> Self {
        Self {
            value: integer as f64,
            integer: Some(integer),
        }
    }

    /// A number written with a fraction; `None` for NaN and the infinities.
    #[must_use]
    pub fn fraction(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self {
            value,
            integer: None,
        })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.value
    }

    /// The number, if it was written as a whole one.
    #[must_use]
    pub const fn as_integer(self) -> Option<i64> {
        self.integer
    }
}

/// As it was written: `15` or `15.0`.
impl core::fmt::Display for Number {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.integer {
            Some(integer) => write!(f, "{integer}"),
            None => write!(f, "{:?}", self.value),
        }
    }
}

/// A password and how a file may refer to it.
#[derive(Clone, Debug)]
pub struct Secret {
    value: SecretString,
    reference: Option<String>,
}

/// What a written file says in place of a password that stood in it openly.
const DEFAULT_REFERENCE: &str = "${ROUTER_PASSWORD}";

impl Secret {
    /// A secret of unknown origin.
    #[must_use]
    pub const fn new(value: SecretString) -> Self {
        Self {
            value,
            reference: None,
        }
    }

    /// A secret that a file refers to by `reference`, such as `${ROUTER_PASSWORD}`.
    pub(crate) const fn referred(value: SecretString, reference: String) -> Self {
        Self {
            value,
            reference: Some(reference),
        }
    }

    /// The secret itself.
    #[must_use]
    pub const fn value(&self) -> &SecretString {
        &self.value
    }

    /// What a file says instead of it.
    #[must_use]
    pub fn reference(&self) -> &str {
        self.reference.as_deref().unwrap_or(DEFAULT_REFERENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_they_were_written() {
        assert_eq!(Number::whole(15).to_string(), "15");
        assert_eq!(Number::fraction(15.0).unwrap().to_string(), "15.0");
        assert_eq!(Number::fraction(f64::NAN), None);
    }

    #[test]
    fn a_secret_is_never_written() {
        let secret = Value::Secret(Secret::new("hunter2".to_owned().into()));
        assert_eq!(
            serde_yaml::to_string(&secret).unwrap().trim(),
            "${ROUTER_PASSWORD}"
        );
        assert!(!format!("{secret:?}").contains("hunter2"));
    }
}
