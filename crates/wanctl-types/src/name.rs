//! Names that reach URLs, file names, metric labels and log lines.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Longest identifier, in bytes.
const MAX_LEN: usize = 64;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No character at all.
    #[error("the name is empty")]
    Empty,
    /// More than 64 characters.
    #[error("the name has {len} characters, at most {MAX_LEN} are allowed")]
    TooLong {
        /// How many it has.
        len: usize,
    },
    /// A character outside `A-Z a-z 0-9 _ . -`.
    #[error(
        "the name has {found:?} at character {position}; only letters, digits, '_', '.' and '-' are allowed"
    )]
    Character {
        /// The first such character.
        found: char,
        /// Where it stands, from 1.
        position: usize,
    },
}

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let bad = text
        .chars()
        .zip(1..)
        .find(|(c, _)| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')));
    if let Some((found, position)) = bad {
        return Err(NameError::Character { found, position });
    }
    if text.len() > MAX_LEN {
        return Err(NameError::TooLong { len: text.len() });
    }
    Ok(())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Accepts 1 to 64 of the characters `A-Z a-z 0-9 _ . -`, matched whole.
            ///
            /// # Errors
            ///
            /// [`NameError`] names the first offence.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// The name as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier! {
    /// The name of a WAN, as the configuration spells it.
    WanName
}

identifier! {
    /// The name of a queue on the router.
    QueueName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_is_matched() {
        assert!(WanName::new("cable-1_a.b").is_ok());
        assert_eq!(WanName::new(""), Err(NameError::Empty));
        assert_eq!(
            QueueName::new("WAN\n"),
            Err(NameError::Character {
                found: '\n',
                position: 4
            })
        );
        assert_eq!(
            QueueName::new("a b"),
            Err(NameError::Character {
                found: ' ',
                position: 2
            })
        );
        assert_eq!(
            WanName::new("x".repeat(65)),
            Err(NameError::TooLong { len: 65 })
        );
    }
}
