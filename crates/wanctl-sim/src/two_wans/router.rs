//! The simulated router as the steering daemon reaches it on virtual time.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use wanctl_daemon::Clock;
use wanctl_router::{
    ConnectFailure, Counters, Error, MangleRule, MangleRules, Operation, Rival, Route, RouteChange,
    Routes, RuleChange, SteeringRouter,
};
use wanctl_types::{Bps, Bytes, Direction, PerDirection};

use super::events::{RouterWindow, RouterWoe};
use crate::virtual_wan::Shared;
use crate::{Answer, Link, Request, RouterOs, ShownItem, Verb};

/// From a request to its answer while all is well.
const LATENCY: Duration = Duration::from_millis(15);
/// A request is given up after so long.
const LIMIT: Duration = Duration::from_secs(5);
const RULES: &str = "ip/firewall/mangle";
const ROUTES: &str = "ip/route";

/// What was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) writes: u64,
    pub(super) resets: u64,
    pub(super) lowest: PerDirection<Bps>,
}

impl Default for Numbers {
    fn default() -> Self {
        let most = Bps::new(u64::MAX);
        Self {
            writes: 0,
            resets: 0,
            lowest: PerDirection::new(most, most),
        }
    }
}

pub(super) struct InProcessRouter {
    pub(super) clock: Clock,
    pub(super) device: RouterOs,
    pub(super) link: Shared<Link>,
    pub(super) windows: Vec<RouterWindow>,
    pub(super) numbers: Shared<Numbers>,
}

impl InProcessRouter {
    /// Waits for the answer's time, or fails as the script has it.
    async fn reach(&self, operation: &Operation) -> Result<(), Error> {
        let now = self.clock.now();
        let host = || "router:443".to_owned();
        let woe = self
            .windows
            .iter()
            .find(|window| window.during.contains(&now.since_origin()))
            .map(|window| window.woe);
        let (delay, error) = match woe {
            None => (LATENCY, None),
            Some(RouterWoe::Down) => (
                LATENCY,
                Some(Error::Connect {
                    operation: operation.clone(),
                    host: host(),
                    kind: ConnectFailure::Refused,
                }),
            ),
            Some(RouterWoe::Slow(delay)) if delay > LIMIT => (
                LIMIT,
                Some(Error::Timeout {
                    operation: operation.clone(),
                    host: host(),
                    limit: LIMIT,
                }),
            ),
            Some(RouterWoe::Slow(delay)) => (delay, None),
            Some(RouterWoe::Unauthorized) => (
                LATENCY,
                Some(Error::Unauthorized {
                    operation: operation.clone(),
                    host: host(),
                    user: "wanctl".to_owned(),
                }),
            ),
        };
        self.clock.sleep_until(now + delay).await;
        error.map_or(Ok(()), Err)
    }

    fn only(&self, menu: &str, comment: &str, operation: &Operation) -> Result<ShownItem, Error> {
        let mut items = self.device.items(menu);
        items.retain(|item| item.get("comment").is_some_and(|own| own == comment));
        let what = || format!("{comment:?} in {menu}");
        match items.as_slice() {
            [] => Err(Error::NotFound {
                operation: operation.clone(),
                what: what(),
            }),
            [item] => Ok(item.clone()),
            several => Err(Error::Ambiguous {
                operation: operation.clone(),
                what: what(),
                matches: several.iter().map(id).collect(),
            }),
        }
    }

    fn write(&self, menu: &str, item: &ShownItem, body: Value) {
        self.numbers.with(|numbers| numbers.writes += 1);
        let request = Request::new(Verb::Patch, &format!("{menu}/{}", id(item)), body);
        let answer = self.device.handle(&request);
        if !matches!(&answer, Answer::Reply(reply) if reply.status == 200) {
            tracing::warn!(?answer, "the simulated router refused a write");
        }
    }
}

fn id(item: &ShownItem) -> String {
    item.get(".id").cloned().unwrap_or_default()
}

fn is_disabled(item: &ShownItem) -> bool {
    item.get("disabled").is_some_and(|flag| flag == "true")
}

fn route(item: &ShownItem) -> Route {
    let text = |key: &str| item.get(key).cloned().unwrap_or_default();
    let distance = text("distance").parse().ok();
    let mut route = Route::new(id(item), text("comment"), text("dst-address"), 0);
    route.distance = distance;
    route.disabled = is_disabled(item);
    route
}

#[async_trait]
impl MangleRules for InProcessRouter {
    async fn rule(&self, comment: &str) -> Result<MangleRule, Error> {
        let operation = Operation::FindRule {
            comment: comment.to_owned(),
        };
        self.reach(&operation).await?;
        let item = self.only(RULES, comment, &operation)?;
        let chain = item.get("chain").cloned().unwrap_or_default();
        let disabled = is_disabled(&item);
        Ok(MangleRule::new(
            id(&item),
            comment.to_owned(),
            chain,
            disabled,
        ))
    }

    async fn set_rule_enabled(&self, comment: &str, enabled: bool) -> Result<RuleChange, Error> {
        let operation = Operation::SetRule {
            comment: comment.to_owned(),
            enabled,
        };
        self.reach(&operation).await?;
        let item = self.only(RULES, comment, &operation)?;
        if is_disabled(&item) != enabled {
            return Ok(RuleChange::AlreadySo);
        }
        self.write(RULES, &item, json!({ "disabled": (!enabled).to_string() }));
        Ok(RuleChange::Changed)
    }
}

#[async_trait]
impl Routes for InProcessRouter {
    async fn route(&self, comment: &str) -> Result<Route, Error> {
        let operation = Operation::FindRoute {
            comment: comment.to_owned(),
        };
        self.reach(&operation).await?;
        Ok(route(&self.only(ROUTES, comment, &operation)?))
    }

    async fn set_route_distance(&self, comment: &str, distance: u8) -> Result<RouteChange, Error> {
        let operation = Operation::SetDistance {
            comment: comment.to_owned(),
            distance,
        };
        self.reach(&operation).await?;
        let item = self.only(ROUTES, comment, &operation)?;
        match route(&item).distance {
            None => Err(Error::RouteDisabled {
                comment: comment.to_owned(),
            }),
            Some(from) if from == distance => Ok(RouteChange::AlreadySo),
            Some(from) => {
                self.write(ROUTES, &item, json!({ "distance": distance.to_string() }));
                Ok(RouteChange::Changed { from })
            }
        }
    }
}

#[async_trait]
impl SteeringRouter for InProcessRouter {
    /// CAKE's drops never reach a RouterOS queue's counter: it is always 0.
    async fn download_counters(&self) -> Result<Counters, Error> {
        self.reach(&Operation::ReadCounters).await?;
        let now = self.clock.now();
        let counted = self.link.with(|link| {
            link.advance_to(now);
            link.counters(Direction::Download)
        });
        let resets = self.numbers.with(|numbers| numbers.resets);
        // A reset takes away what was counted so far, which falls below the last reading.
        let bytes = if resets == 0 {
            counted.delivered
        } else {
            Bytes::new(counted.delivered.get() / (1 << resets.min(16)))
        };
        Ok(Counters {
            bytes: Some(bytes),
            packets: None,
            dropped: Some(0),
            backlog: Some(counted.shaper_backlog),
            queued_packets: Some(counted.shaper_backlog.get() / 1_500),
        })
    }

    async fn rivals(&self, comments: &[String]) -> Result<Vec<Rival>, Error> {
        self.reach(&Operation::ReadOwners).await?;
        let netwatch = self.device.items("tool/netwatch").into_iter();
        Ok(netwatch
            .filter(|item| !is_disabled(item))
            .filter_map(|item| {
                let script = item.get("down-script")?;
                let object = comments.iter().find(|comment| script.contains(*comment))?;
                let host = item.get("host").cloned().unwrap_or_default();
                Some(Rival::new("tool/netwatch", host, object.clone()))
            })
            .collect())
    }
}
