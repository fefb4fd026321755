//! Mangle rules, told apart by their whole comment.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::RouterOsRest;
use super::call::Call;
use super::reply::{self, Row};
use super::value::ItemId;
use crate::{Error, MangleRule, MangleRules, Operation, RuleChange};

/// Where the rules live.
const RULES: &str = "/ip/firewall/mangle";

/// What is asked of each rule. The comment is compared here: filters on comments are unreliable.
const LISTING: &str = "/ip/firewall/mangle?.proplist=.id,chain,comment,disabled";

/// Longest time for one operation on a rule, listing included.
const RULE_LIMIT: Duration = Duration::from_secs(5);

#[async_trait]
impl MangleRules for RouterOsRest {
    async fn rule(&self, comment: &str) -> Result<MangleRule, Error> {
        let comment = comment.to_owned();
        let call = self.rule_call(Operation::FindRule {
            comment: comment.clone(),
        });
        Ok(self.find_rule(&comment, &call).await?.1)
    }

    async fn set_rule_enabled(&self, comment: &str, enabled: bool) -> Result<RuleChange, Error> {
        let call = self.rule_call(Operation::SetRule {
            comment: comment.to_owned(),
            enabled,
        });
        let first = self.switch(comment, enabled, &call).await;
        match first {
            Err(Error::StaleId { .. }) => self.switch(comment, enabled, &call).await,
            first => first,
        }
    }
}

impl RouterOsRest {
    fn rule_call(&self, operation: Operation) -> Call {
        Call::new(operation, self.timeout.min(RULE_LIMIT))
    }

    async fn find_rule(&self, comment: &str, call: &Call) -> Result<(ItemId, MangleRule), Error> {
        let what = || format!("mangle rule {comment:?} in {RULES}");
        let mut matches = self.list(call, LISTING).await?;
        matches
            .retain(|row| !comment.is_empty() && row.text("comment").as_deref() == Some(comment));
        match matches.as_slice() {
            [] => Err(call.not_found(what())),
            [row] => Ok((row.id(call)?, parse(row))),
            several => Err(call.ambiguous(what(), several.iter().map(Row::label).collect())),
        }
    }

    /// Looks the rule up, writes if need be, and makes sure.
    async fn switch(&self, comment: &str, enabled: bool, call: &Call) -> Result<RuleChange, Error> {
        let (id, rule) = self.find_rule(comment, call).await?;
        if rule.disabled != enabled {
            return Ok(RuleChange::AlreadySo);
        }
        let body = json!({ "disabled": (!enabled).to_string() });
        match self.patch(call, RULES, &id, &body).await {
            Ok(answer) => self.verify(comment, enabled, &answer, call).await,
            Err(refused @ (Error::Rejected { .. } | Error::Protocol { .. })) => {
                // A refusal does not prove that nothing changed.
                match self.find_rule(comment, call).await {
                    Ok((_, rule)) if rule.disabled != enabled => Ok(RuleChange::Changed),
                    Ok(_) | Err(_) => Err(refused),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the answer to a write as the new state when it shows this rule with its flag, and
    /// reads the rule again otherwise.
    async fn verify(
        &self,
        comment: &str,
        enabled: bool,
        answer: &[u8],
        call: &Call,
    ) -> Result<RuleChange, Error> {
        let echo = reply::rows(answer)
            .ok()
            .and_then(|rows| rows.into_iter().next())
            .map(|row| parse(&row))
            .filter(|rule| rule.comment == comment);
        let now = match echo {
            Some(rule) => rule,
            None => self.find_rule(comment, call).await?.1,
        };
        if now.disabled == enabled {
            return Err(Error::RuleNotApplied {
                comment: comment.to_owned(),
                enabled,
            });
        }
        Ok(RuleChange::Changed)
    }
}

fn parse(row: &Row) -> MangleRule {
    MangleRule::new(
        row.text(".id").unwrap_or_default(),
        row.text("comment").unwrap_or_default(),
        row.text("chain").unwrap_or_default(),
        row.flag("disabled"),
    )
}
