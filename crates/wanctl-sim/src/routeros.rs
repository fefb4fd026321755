//! A simulated RouterOS device: one configuration, in process and over REST.
//!
//! It follows the vendor's documentation and published observations of real devices: verbs and
//! statuses, all-text JSON with sorted members, filters, value forms, identifiers, error bodies.
//! What is only believed of real devices is a knob in [`Quirks`].

mod console;
mod fault;
mod http;
mod journal;
mod query;
mod reply;
mod schema;
mod store;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use wanctl_types::{Bps, Bytes};

use crate::Error;

use fault::Faults;
use http::basic_authorization;
use journal::Journal;
use schema::{MANGLE, NETWATCH, QUEUE_TREE, QUEUE_TYPE, RESOURCE, ROUTE};
use store::Store;

pub use console::{Request, Verb};
pub use fault::{Fault, FaultExtent, FaultScope};
pub use http::RouterOsServer;
pub use journal::{LoggedRequest, RequestCounts};
pub use reply::{Refusal, Reply, ReplyBody, ShownItem};

/// A simulated device. Clones are handles to the same one.
///
/// ```
/// use serde_json::json;
/// use wanctl_sim::{Answer, Request, RouterOs, Verb};
/// use wanctl_types::Bps;
///
/// let router = RouterOs::new();
/// router.add_queue("WAN-Download", Bps::from_mbps(50));
///
/// let request = Request::new(Verb::Patch, "queue/tree/WAN-Download", json!({"max-limit": "20M"}));
/// let Answer::Reply(reply) = router.handle(&request) else { panic!("no fault was injected") };
/// assert_eq!(reply.status, 200);
/// assert_eq!(router.limit("WAN-Download"), Some(Bps::from_mbps(20)));
/// ```
#[derive(Clone)]
pub struct RouterOs {
    device: Arc<Mutex<Device>>,
}

/// What a queue carried and holds, for its counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueMeter {
    /// Carried since the start.
    pub bytes: Bytes,
    /// Waiting now.
    pub queued: Bytes,
}

/// Behaviour that differs between versions or is only believed of real devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Whether `%2A` in a path means `*`; otherwise such an identifier is refused with 400.
    pub encoded_star_accepted: bool,
    /// Whether `+` in a URL query means a space.
    pub plus_is_space: bool,
}

impl Default for Quirks {
    /// The less helpful of the two each time.
    fn default() -> Self {
        Self {
            encoded_star_accepted: false,
            plus_is_space: false,
        }
    }
}

/// What comes back for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// A proper answer.
    Reply(Reply),
    /// A body that is not what it should be, with its status and content type.
    Garbled {
        /// The HTTP status.
        status: u16,
        /// The content type.
        content_type: &'static str,
        /// The body.
        body: String,
    },
    /// Nothing for so long; then the request is carried out, if anybody still waits.
    Silence(Duration),
    /// The connection is closed.
    Closed,
}

type LimitHook = Box<dyn Fn(&str, Bps) + Send + Sync>;
type MeterSource = Box<dyn Fn(&str) -> Option<QueueMeter> + Send + Sync>;

struct Device {
    store: Store,
    saved: Store,
    quirks: Quirks,
    authorization: SecretString,
    read_only: bool,
    faults: Faults,
    journal: Journal,
    limit_hooks: Vec<LimitHook>,
    meters: Vec<MeterSource>,
}

impl RouterOs {
    /// A device with a few queue types, no queues and no rules; user `admin` without password.
    #[must_use]
    pub fn new() -> Self {
        let router = Self {
            device: Arc::new(Mutex::new(Device {
                store: Store::new(),
                saved: Store::new(),
                quirks: Quirks::default(),
                authorization: basic_authorization("admin", ""),
                read_only: false,
                faults: Faults::default(),
                journal: Journal::default(),
                limit_hooks: Vec::new(),
                meters: Vec::new(),
            })),
        };
        for (name, kind) in [
            ("default", "pfifo"),
            ("default-small", "pfifo"),
            ("cake", "cake"),
        ] {
            router.seed(QUEUE_TYPE, &json!({"name": name, "kind": kind}));
        }
        router
    }

    /// Sets who may use the REST interface.
    pub fn set_credentials(&self, user: &str, password: &SecretString) {
        use secrecy::ExposeSecret;
        self.lock().authorization = basic_authorization(user, password.expose_secret());
    }

    /// Whether the user may only read; writing is then refused.
    pub fn set_read_only(&self, read_only: bool) {
        self.lock().read_only = read_only;
    }

    /// Sets the behaviour that differs between devices.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.lock().quirks = quirks;
    }

    /// Adds a CAKE queue to the tree and saves the configuration. A taken name is left alone.
    pub fn add_queue(&self, name: &str, limit: Bps) {
        let body = json!({"name": name, "max-limit": limit.get(), "queue": "cake"});
        self.seed(QUEUE_TREE, &body);
    }

    /// Adds a mangle rule that routes, and saves the configuration.
    pub fn add_mangle_rule(&self, comment: &str, enabled: bool) {
        let body = json!({
            "chain": "prerouting", "action": "mark-routing", "comment": comment,
            "disabled": !enabled,
        });
        self.seed(MANGLE, &body);
    }

    /// Adds a default route, and saves the configuration.
    pub fn add_default_route(&self, comment: &str, gateway: &str, distance: u8) {
        let body = json!({
            "comment": comment, "gateway": gateway, "distance": distance.to_string(),
        });
        self.seed(ROUTE, &body);
    }

    /// Adds a netwatch entry with this script for when the host is down, and saves the
    /// configuration.
    pub fn add_netwatch(&self, host: &str, down_script: &str) {
        self.seed(NETWATCH, &json!({"host": host, "down-script": down_script}));
    }

    /// Whether the one mangle rule with this comment is enabled; `None` when there is none, or
    /// more than one.
    #[must_use]
    pub fn mangle_rule_enabled(&self, comment: &str) -> Option<bool> {
        let item = self.only(MANGLE, comment)?;
        Some(
            item.get("disabled")
                .is_none_or(|disabled| disabled != "true"),
        )
    }

    /// The distance of the one route with this comment; `None` when there is none, or more than
    /// one, or it is disabled.
    #[must_use]
    pub fn route_distance(&self, comment: &str) -> Option<u8> {
        let item = self.only(ROUTE, comment)?;
        item.get("distance")?.parse().ok()
    }

    /// Removes every mangle rule with this comment as somebody at the console would.
    pub fn remove_mangle_rules(&self, comment: &str) {
        while let Some(id) = self
            .item(MANGLE, comment)
            .and_then(|item| item.get(".id").cloned())
        {
            let path = format!("{MANGLE}/{id}");
            self.lock()
                .execute(&Request::new(Verb::Delete, &path, Value::Null));
        }
    }

    /// Switches every mangle rule with this comment as somebody at the console would: no fault
    /// meets it, nothing is logged.
    pub fn switch_mangle_rules(&self, comment: &str, enabled: bool) {
        for item in self.items(MANGLE) {
            if item.get("comment").is_some_and(|own| own == comment)
                && let Some(id) = item.get(".id")
            {
                let path = format!("{MANGLE}/{id}");
                let body = json!({"disabled": (!enabled).to_string()});
                self.lock().execute(&Request::new(Verb::Patch, &path, body));
            }
        }
    }

    fn only(&self, menu: &str, comment: &str) -> Option<ShownItem> {
        let mut items = self
            .items(menu)
            .into_iter()
            .filter(|item| item.get("comment").is_some_and(|own| own == comment));
        let item = items.next()?;
        items.next().is_none().then_some(item)
    }

    /// A queue's limit; `None` when there is no such queue. [`Bps::ZERO`] is unlimited.
    #[must_use]
    pub fn limit(&self, queue: &str) -> Option<Bps> {
        self.lock().limits().remove(queue)
    }

    /// Sets a queue's limit as somebody at the console would: no fault meets it, nothing is
    /// logged.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchQueue`].
    pub fn set_limit(&self, queue: &str, limit: Bps) -> Result<(), Error> {
        let path = format!("{QUEUE_TREE}/{queue}");
        let request = Request::new(Verb::Patch, &path, json!({"max-limit": limit.get()}));
        match self.lock().execute(&request).status {
            200 => Ok(()),
            _ => Err(Error::NoSuchQueue {
                name: queue.to_owned(),
            }),
        }
    }

    /// All items of a menu (`queue/tree`), as they are shown.
    #[must_use]
    pub fn items(&self, menu: &str) -> Vec<ShownItem> {
        let request = Request::new(Verb::Get, menu, Value::Null);
        match self.lock().execute(&request).body {
            ReplyBody::List(items) => items,
            ReplyBody::Item(item) => vec![item],
            ReplyBody::Nothing | ReplyBody::Refusal(_) => Vec::new(),
        }
    }

    /// The first item of a menu whose `.id`, name or comment is `key`.
    #[must_use]
    pub fn item(&self, menu: &str, key: &str) -> Option<ShownItem> {
        self.items(menu).into_iter().find(|item| {
            [".id", "name", "comment"]
                .iter()
                .any(|name| item.get(*name).is_some_and(|value| value == key))
        })
    }

    /// Makes the present configuration the one a reboot returns to.
    pub fn save(&self) {
        let mut device = self.lock();
        device.saved = device.store.clone();
    }

    /// Restarts: the saved configuration with other identifiers, counters at zero.
    pub fn reboot(&self) {
        self.lock().reboot();
    }

    /// Lets something go wrong. Of several faults that meet a request the oldest does.
    pub fn inject(&self, fault: Fault, scope: FaultScope, extent: FaultExtent) {
        self.lock().faults.inject(fault, scope, extent);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Calls `hook` with a queue's name and new limit whenever one changes, in order. It runs
    /// while the device is held and must not use it.
    pub fn on_limit_change(&self, hook: impl Fn(&str, Bps) + Send + Sync + 'static) {
        self.lock().limit_hooks.push(Box::new(hook));
    }

    /// Asks `source` for the counters of queues by name; the first source that knows one wins.
    /// It runs while the device is held and must not use it.
    pub fn meter_queues(
        &self,
        source: impl Fn(&str) -> Option<QueueMeter> + Send + Sync + 'static,
    ) {
        self.lock().meters.push(Box::new(source));
    }

    /// The last requests, oldest first; at most ten thousand.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.lock().journal.recent()
    }

    /// How much was asked of the device.
    #[must_use]
    pub fn counts(&self) -> RequestCounts {
        self.lock().journal.counts
    }

    /// Answers a request of somebody with valid credentials, faults included.
    #[must_use]
    pub fn handle(&self, request: &Request) -> Answer {
        let mut device = self.lock();
        let fault = device.faults.meet(request.verb.writes(&request.path));
        device.answer(request, fault)
    }

    /// Answers a request that already waited: no fault meets it.
    fn handle_late(&self, request: &Request) -> Answer {
        self.lock().answer(request, None)
    }

    /// Adds an item and saves the configuration.
    fn seed(&self, menu: &str, body: &Value) {
        let mut device = self.lock();
        let reply = device.execute(&Request::new(Verb::Put, menu, body.clone()));
        if reply.status != 201 {
            tracing::warn!(menu, body = %reply.json(), "the simulated router refused an item");
        }
        device.saved = device.store.clone();
    }

    fn lock(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for RouterOs {
    fn default() -> Self {
        Self::new()
    }
}

/// Names the queues and their limits; never the credentials.
impl fmt::Debug for RouterOs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterOs")
            .field("limits", &self.lock().limits())
            .finish_non_exhaustive()
    }
}

impl Device {
    fn answer(&mut self, request: &Request, fault: Option<Fault>) -> Answer {
        let answer = self.answer_with(request, fault);
        let status = match &answer {
            Answer::Reply(reply) => Some(reply.status),
            Answer::Garbled { status, .. } => Some(*status),
            Answer::Closed => None,
            Answer::Silence(_) => return answer,
        };
        self.journal.note(request.verb, &request.path, status);
        answer
    }

    fn answer_with(&mut self, request: &Request, fault: Option<Fault>) -> Answer {
        match fault {
            None => Answer::Reply(self.permitted(request)),
            Some(Fault::Status(status)) => Answer::Reply(Refusal::of_status(status).into()),
            Some(Fault::Html) => Answer::Garbled {
                status: 200,
                content_type: "text/html",
                body: "<html><body><h1>RouterOS</h1></body></html>".to_owned(),
            },
            Some(Fault::HalfJson) => {
                let reply = self.permitted(request);
                let json = reply.json();
                Answer::Garbled {
                    status: reply.status,
                    content_type: "application/json",
                    body: json.chars().take(json.chars().count() / 2).collect(),
                }
            }
            Some(Fault::Hang(duration)) => Answer::Silence(duration),
            Some(Fault::CloseConnection) => Answer::Closed,
            Some(Fault::AppliedButError) => {
                self.permitted(request);
                Answer::Reply(Refusal::bad_request("failure: interrupted").into())
            }
            Some(Fault::OkButNotApplied) => {
                let reply = dry_run(&self.store, &self.meters, request);
                Answer::Reply(reply)
            }
        }
    }

    fn permitted(&mut self, request: &Request) -> Reply {
        if self.read_only && request.verb.writes(&request.path) {
            Refusal::no_permission().into()
        } else {
            self.execute(request)
        }
    }

    /// Carries out a request and tells the hooks about changed limits.
    fn execute(&mut self, request: &Request) -> Reply {
        if !request.verb.writes(&request.path) {
            return run(&mut self.store, &self.meters, request);
        }
        let before = self.limits();
        // An error must leave everything as it was, whatever was done up to it.
        let mut changed = self.store.clone();
        let reply = run(&mut changed, &self.meters, request);
        if reply.status < 300 {
            changed.wear();
            self.store = changed;
            self.report_limits(&before);
        }
        reply
    }

    fn reboot(&mut self) {
        let before = self.limits();
        let total = self.sectors_written();
        let mut store = self.saved.clone();
        store.number_after(&self.store);
        if let Some(resource) = store
            .at_mut(RESOURCE)
            .and_then(|menu| menu.items.first_mut())
        {
            resource.written.clear();
            resource.written.insert("write-sect-total", total);
        }
        let queues = store.at_mut(QUEUE_TREE).map(|menu| menu.items.iter_mut());
        for queue in queues.into_iter().flatten() {
            queue.bytes_at_reset =
                meter(&self.meters, queue.text("name")).map_or(0, |m| m.bytes.get());
        }
        self.saved = store.clone();
        self.store = store;
        self.report_limits(&before);
    }

    fn sectors_written(&self) -> String {
        let resource = self.store.at(RESOURCE).and_then(|menu| menu.items.first());
        let total = resource.map_or("", |item| item.text("write-sect-total"));
        if total.is_empty() { "0" } else { total }.to_owned()
    }

    fn limits(&self) -> BTreeMap<String, Bps> {
        let queues = self.store.at(QUEUE_TREE).map(|menu| menu.items.iter());
        queues
            .into_iter()
            .flatten()
            .map(|queue| {
                let limit = queue.text("max-limit").parse().unwrap_or(0);
                (queue.text("name").to_owned(), Bps::new(limit))
            })
            .collect()
    }

    fn report_limits(&self, before: &BTreeMap<String, Bps>) {
        for (queue, limit) in self.limits() {
            if before.get(&queue) != Some(&limit) {
                for hook in &self.limit_hooks {
                    hook(&queue, limit);
                }
            }
        }
    }
}

fn meter(sources: &[MeterSource], queue: &str) -> Option<QueueMeter> {
    sources.iter().find_map(|source| source(queue))
}

fn run(store: &mut Store, meters: &[MeterSource], request: &Request) -> Reply {
    console::execute(store, request, &|queue| meter(meters, queue)).unwrap_or_else(Reply::from)
}

/// The reply that a request would get, without its effect.
fn dry_run(store: &Store, meters: &[MeterSource], request: &Request) -> Reply {
    run(&mut store.clone(), meters, request)
}

#[cfg(test)]
mod tests;
