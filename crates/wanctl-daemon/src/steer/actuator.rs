//! Does on the router what was decided, and reads what is there, apart from the deciding loop.
//!
//! One order at a time. Every write is looked up by its whole comment, read back, and refused when
//! something else on the router moves the same object. In shadow mode nothing is written at all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{debug, info, warn};
use wanctl_router::{Error, RouteChange, RuleChange, SteeringRouter};
use wanctl_steering::{Action, ActionId, Request, Settled, WanIndex};
use wanctl_types::Timestamp;

use crate::chain::chain;
use crate::clock::Clock;

/// A finding about who else acts on the router is believed for so long.
const RIVALS_FRESH: Duration = Duration::from_mins(1);

/// What the actuator is asked.
pub(super) enum Order {
    /// Do this.
    Do(Request),
    /// Read everything; make the rules as they should be when `desired` says how.
    Reconcile {
        /// Where eligible traffic should go; `None` to take what is there.
        desired: Option<WanIndex>,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Report {
    /// What became of a request.
    Settled {
        id: ActionId,
        settled: Settled,
        error: Option<String>,
    },
    /// What was found.
    Found(Found),
    /// Something more urgent came up; nothing can be said.
    Interrupted,
}

/// What the router shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    /// Where its rules send eligible traffic; `None` when that could not be read.
    pub(super) active: Option<WanIndex>,
    /// Whether the rules had to be set anew.
    pub(super) drifted: bool,
    /// The managed routes that could be read, and whether each stands behind the others.
    pub(super) routes: Vec<(WanIndex, bool)>,
    /// What is wrong with the router's objects.
    pub(super) troubles: Vec<String>,
    /// Whether the router answered at all.
    pub(super) reachable: bool,
}

/// One WAN's objects on the router.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects {
    pub(super) rule: Option<String>,
    pub(super) route: Option<String>,
}

pub(super) struct Actuator {
    pub(super) clock: Clock,
    pub(super) router: Arc<dyn SteeringRouter>,
    pub(super) objects: Vec<Objects>,
    pub(super) shadow: bool,
    pub(super) routes_shadow: bool,
    pub(super) demoted_by: u8,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
}

/// What the actuator remembers between orders.
#[derive(Default)]
struct Memory {
    /// Each managed route's own distance.
    distances: Vec<Option<u8>>,
    rivals: Option<(Timestamp, Vec<String>)>,
}

impl Actuator {
    /// Ends when the other side is gone.
    pub(super) async fn run(mut self) {
        let mut memory = Memory {
            distances: vec![None; self.objects.len()],
            rivals: None,
        };
        let (_none, closed) = mpsc::channel(1);
        let mut orders = std::mem::replace(&mut self.orders, closed);
        let mut waiting = None;
        loop {
            let order = match waiting.take() {
                Some(order) => order,
                None => match orders.recv().await {
                    Some(order) => order,
                    None => return,
                },
            };
            let report = match order {
                Order::Do(request) => self.carry_out(&request, &mut memory).await,
                Order::Reconcile { desired } => tokio::select! {
                    biased;
                    found = self.reconcile(desired, &mut memory) => Report::Found(found),
                    // A call that suffers does not wait for a routine look at a slow router.
                    Some(order) = orders.recv() => {
                        waiting = Some(order);
                        Report::Interrupted
                    }
                },
            };
            if self.reports.send(report).is_err() {
                return;
            }
        }
    }

    async fn carry_out(&self, request: &Request, memory: &mut Memory) -> Report {
        let shadow = match request.action {
            Action::Move { .. } => self.shadow,
            Action::Demote(_) | Action::Restore(_) | _ => self.shadow || self.routes_shadow,
        };
        let outcome = if shadow {
            info!(action = %request.action, reason = %request.reason, "would be done; nothing is written in shadow mode");
            Ok(())
        } else {
            self.act(request.action, memory).await
        };
        let (settled, error) = match outcome {
            Ok(()) => (Settled::Applied, None),
            Err(error) => (Settled::Refused, Some(error)),
        };
        Report::Settled {
            id: request.id,
            settled,
            error,
        }
    }

    async fn act(&self, action: Action, memory: &mut Memory) -> Result<(), String> {
        self.refuse_rivals(memory).await?;
        match action {
            Action::Move { from, to } => self.move_traffic(from, to).await,
            Action::Demote(wan) => self.demote(wan, memory).await,
            Action::Restore(wan) => self.restore(wan, memory).await,
            _ => Err("this program does not know how".to_owned()),
        }
    }

    /// The rule of the new WAN first, so that traffic always has somewhere to go.
    async fn move_traffic(&self, from: WanIndex, to: WanIndex) -> Result<(), String> {
        if let Some(rule) = self.rule(to) {
            self.switch(rule, true).await?;
        }
        let Some(rule) = self.rule(from) else {
            return Ok(());
        };
        let switched = self.switch(rule, false).await;
        if let (Err(_), Some(rule)) = (&switched, self.rule(to)) {
            // Neither here nor there: back to where it was.
            let _best_effort = self.switch(rule, false).await;
        }
        switched
    }

    async fn switch(&self, comment: &str, enabled: bool) -> Result<(), String> {
        match self.router.set_rule_enabled(comment, enabled).await {
            Ok(RuleChange::Changed) => {
                info!(rule = comment, enabled, "mangle rule switched");
                Ok(())
            }
            Ok(RuleChange::AlreadySo) => {
                debug!(rule = comment, enabled, "the mangle rule is so already");
                Ok(())
            }
            Err(error) => Err(chain(&error).to_string()),
        }
    }

    async fn demote(&self, wan: WanIndex, memory: &mut Memory) -> Result<(), String> {
        let comment = self.route(wan)?;
        let own = self.own_distance(wan, memory).await?;
        self.refuse_last_route(wan, memory).await?;
        self.set_distance(comment, own.saturating_add(self.demoted_by))
            .await
    }

    async fn restore(&self, wan: WanIndex, memory: &mut Memory) -> Result<(), String> {
        let comment = self.route(wan)?;
        let own = self.own_distance(wan, memory).await?;
        self.set_distance(comment, own).await
    }

    async fn set_distance(&self, comment: &str, distance: u8) -> Result<(), String> {
        match self.router.set_route_distance(comment, distance).await {
            Ok(RouteChange::Changed { from }) => {
                info!(route = comment, from, to = distance, "default route moved");
                Ok(())
            }
            Ok(RouteChange::AlreadySo) => Ok(()),
            Err(error) => Err(chain(&error).to_string()),
        }
    }

    /// The router itself is asked whether another managed route stands in front: what was decided
    /// on may be a moment old.
    async fn refuse_last_route(&self, wan: WanIndex, memory: &mut Memory) -> Result<(), String> {
        for other in WanIndex::first(self.objects.len()).filter(|other| *other != wan) {
            if let Ok(comment) = self.route(other)
                && let Ok(route) = self.router.route(comment).await
                && !route.disabled
                && let Some(distance) = route.distance
                && !self.stands_behind(other, distance, memory)
            {
                return Ok(());
            }
        }
        Err("no other default route stands in front; the last one is not demoted".to_owned())
    }

    /// A route's own distance: what it has, less what was added by an earlier run.
    async fn own_distance(&self, wan: WanIndex, memory: &mut Memory) -> Result<u8, String> {
        if let Some(Some(own)) = memory.distances.get(wan.get()) {
            return Ok(*own);
        }
        let route = self.router.route(self.route(wan)?).await;
        let route = route.map_err(|error| chain(&error).to_string())?;
        let distance = route.distance.filter(|_| !route.disabled).ok_or_else(|| {
            format!(
                "route {:?} is disabled; enable it on the router",
                route.comment
            )
        })?;
        self.stands_behind(wan, distance, memory);
        memory
            .distances
            .get(wan.get())
            .copied()
            .flatten()
            .ok_or_else(|| "the route's own distance is not known".to_owned())
    }

    /// Whether a route at this distance stands behind the others; learns its own distance.
    fn stands_behind(&self, wan: WanIndex, distance: u8, memory: &mut Memory) -> bool {
        let behind = distance > self.demoted_by;
        let own = if behind {
            distance - self.demoted_by
        } else {
            distance
        };
        if let Some(known) = memory.distances.get_mut(wan.get()) {
            *known = Some(own);
        }
        behind
    }

    async fn refuse_rivals(&self, memory: &mut Memory) -> Result<(), String> {
        let rivals = self.rivals(memory).await?;
        if rivals.is_empty() {
            return Ok(());
        }
        Err(format!(
            "something else on the router changes the same objects: {}",
            rivals.join("; ")
        ))
    }

    async fn rivals<'m>(&self, memory: &'m mut Memory) -> Result<&'m [String], String> {
        let now = self.clock.now();
        let fresh = memory
            .rivals
            .as_ref()
            .is_some_and(|(at, _)| now.saturating_since(*at) < RIVALS_FRESH);
        if !fresh {
            let found = self.router.rivals(&self.comments()).await;
            let found = found.map_err(|error| chain(&error).to_string())?;
            let told = found.iter().map(ToString::to_string).collect();
            memory.rivals = Some((now, told));
        }
        Ok(memory
            .rivals
            .as_ref()
            .map_or(&[], |(_, rivals)| rivals.as_slice()))
    }

    /// Reads everything, and sets the rules right when it is known how they should be.
    async fn reconcile(&self, desired: Option<WanIndex>, memory: &mut Memory) -> Found {
        let mut found = Found {
            reachable: true,
            ..Found::default()
        };
        // Who else acts is asked anew each time.
        memory.rivals = None;
        match self.rivals(memory).await {
            Ok(rivals) => found.troubles.extend(rivals.iter().cloned()),
            Err(error) => found.troubles.push(error),
        }
        self.read_rules(desired, &mut found).await;
        self.read_routes(memory, &mut found).await;
        found
    }

    async fn read_rules(&self, desired: Option<WanIndex>, found: &mut Found) {
        let mut active = WanIndex::PRIMARY;
        let mut wrong = Vec::new();
        for wan in WanIndex::first(self.objects.len()) {
            let Some(comment) = self.rule(wan) else {
                continue;
            };
            match self.router.rule(comment).await {
                Ok(rule) => {
                    let enabled = !rule.disabled;
                    if enabled {
                        active = wan;
                    }
                    if desired.is_some_and(|desired| (desired == wan) != enabled) {
                        wrong.push((comment, !enabled));
                    }
                }
                Err(error) => {
                    note(&error, found);
                    return;
                }
            }
        }
        found.active = Some(active);
        for (comment, enabled) in wrong {
            warn!(
                rule = comment,
                enabled, "the router's rule is not as it should be; somebody else has switched it"
            );
            found.drifted = true;
            if self.shadow {
                continue;
            }
            match self.switch(comment, enabled).await {
                Ok(()) => found.active = desired,
                Err(error) => found.troubles.push(error),
            }
        }
    }

    async fn read_routes(&self, memory: &mut Memory, found: &mut Found) {
        for wan in WanIndex::first(self.objects.len()) {
            let Ok(comment) = self.route(wan) else {
                continue;
            };
            match self.router.route(comment).await {
                Ok(route) => match route.distance.filter(|_| !route.disabled) {
                    Some(distance) => {
                        let behind = self.stands_behind(wan, distance, memory);
                        found.routes.push((wan, behind));
                    }
                    None => found
                        .troubles
                        .push(format!("route {comment:?} is disabled")),
                },
                Err(error) => note(&error, found),
            }
        }
    }

    fn rule(&self, wan: WanIndex) -> Option<&str> {
        self.objects.get(wan.get())?.rule.as_deref()
    }

    fn route(&self, wan: WanIndex) -> Result<&str, String> {
        let objects = self.objects.get(wan.get());
        objects
            .and_then(|objects| objects.route.as_deref())
            .ok_or_else(|| format!("the default route of {wan} has no comment here"))
    }

    fn comments(&self) -> Vec<String> {
        let objects = self.objects.iter();
        objects
            .flat_map(|objects| [objects.rule.clone(), objects.route.clone()])
            .flatten()
            .collect()
    }
}

fn note(error: &Error, found: &mut Found) {
    if error.is_transport() {
        found.reachable = false;
    }
    let text = chain(error).to_string();
    if !found.troubles.contains(&text) {
        found.troubles.push(text);
    }
}
