//! The port to the firewall rules that steer traffic.

use async_trait::async_trait;

use crate::Error;

/// A router whose mangle rules can be switched.
#[async_trait]
pub trait MangleRules: Send + Sync {
    /// Reads the one rule whose comment is exactly `comment`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when no rule has it, [`Error::Ambiguous`] when several do, or why the
    /// rules could not be read.
    async fn rule(&self, comment: &str) -> Result<MangleRule, Error>;

    /// Enables or disables that rule and reads it back. A rule that is already so is not written.
    ///
    /// # Errors
    ///
    /// As [`MangleRules::rule`]; [`Error::RuleNotApplied`] when the rule did not follow.
    async fn set_rule_enabled(&self, comment: &str, enabled: bool) -> Result<RuleChange, Error>;
}

/// A mangle rule, as far as steering needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MangleRule {
    /// The router's id for it; valid until the router renumbers its rules.
    pub id: String,
    /// The whole comment.
    pub comment: String,
    /// The chain it stands in; empty when the router does not say.
    pub chain: String,
    /// Whether it is switched off.
    pub disabled: bool,
}

impl MangleRule {
    /// Describes a rule.
    #[must_use]
    pub const fn new(id: String, comment: String, chain: String, disabled: bool) -> Self {
        Self {
            id,
            comment,
            chain,
            disabled,
        }
    }
}

/// What asking for a rule's state came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum RuleChange {
    /// It was the other way round and has changed.
    Changed,
    /// It was so already; nothing was written.
    AlreadySo,
}
