//! One WAN's tasks against the simulated device, over real HTTP and in real time.
//!
//! How long things take is not looked at here: the same faults run on virtual time elsewhere.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wanctl_controller::Controller;
use wanctl_daemon::{
    Clock, StateImage, StateStore, WanEnd, WanPorts, WanTask, WanTaskConfig, initial_snapshot,
};
use wanctl_probe::{EchoRequest, Received, ReserveAnswer, ReserveChecks, Transport};
use wanctl_router::{RouterOsConfig, RouterOsRest, Scheme};
use wanctl_sim::{Fault, FaultExtent, FaultScope, RouterOs, RouterOsServer, VirtualWan};
use wanctl_telemetry::{RouterState, WanSnapshot};
use wanctl_types::{Bps, Direction, PerDirection, QueueName};

/// More than anything here needs on the busiest machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// What the queues have at first, and after a reboot.
const SAVED: Bps = Bps::from_mbps(7);

#[tokio::test]
async fn a_foreign_edit_is_found_and_undone() {
    let bench = Bench::start(|_| {}).await;
    bench.until_right().await;
    let foreign = Bps::from_mbps(900);
    bench.router.set_limit("WAN-Download", foreign).unwrap();
    bench.until(|bench| bench.drift() == 1).await;
    bench.until_right().await;
    bench.stop().await;
}

#[tokio::test]
async fn a_reboot_is_found_and_undone() {
    let bench = Bench::start(RouterOs::save).await;
    bench.until_right().await;
    bench.router.reboot();
    assert_eq!(bench.limits(), PerDirection::new(SAVED, SAVED));
    bench.until_right().await;
    bench.until(|bench| bench.drift() == 2).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_lie_of_the_device_is_found_out() {
    let lie = |router: &RouterOs| {
        let twice = FaultExtent::Requests(2);
        router.inject(Fault::OkButNotApplied, FaultScope::Writes, twice);
    };
    let bench = Bench::start(lie).await;
    bench.until(|bench| bench.drift() == 2).await;
    bench.until_right().await;
    bench.stop().await;
}

#[tokio::test]
async fn whatever_is_answered_the_rates_get_there() {
    let faults = [
        Fault::Status(400),
        Fault::Status(404),
        Fault::Html,
        Fault::HalfJson,
        Fault::CloseConnection,
        Fault::AppliedButError,
    ];
    let runs = faults.map(|fault| tokio::spawn(gets_there_in_spite_of(fault)));
    for run in runs {
        run.await.unwrap();
    }
}

async fn gets_there_in_spite_of(fault: Fault) {
    let faulty = |router: &RouterOs| {
        let four = FaultExtent::Requests(4);
        router.inject(fault, FaultScope::Everything, four);
    };
    let bench = Bench::start(faulty).await;
    bench.until_right().await;
    bench
        .until(|bench| bench.state() == RouterState::Reachable)
        .await;
    assert_eq!(bench.views.borrow().router.last_error, None, "{fault:?}");
    bench.stop().await;
}

#[tokio::test]
async fn refused_credentials_are_not_tried_again_soon() {
    let refuse = |router: &RouterOs| {
        let always = FaultExtent::UntilCleared;
        router.inject(Fault::Status(401), FaultScope::Everything, always);
    };
    let bench = Bench::start(refuse).await;
    bench
        .until(|bench| bench.state() == RouterState::Refused)
        .await;
    let asked = bench.router.requests().len();
    let steps = bench.views.borrow().counters.completed;
    bench
        .until(|bench| bench.views.borrow().counters.completed > steps + 40)
        .await;
    assert_eq!(
        bench.router.requests().len(),
        asked,
        "no request in two seconds"
    );
    assert!(asked <= 2, "{asked} requests: one per queue");
    bench.stop().await;
}

/// A device, its server, and the tasks of a WAN that use it.
struct Bench {
    router: RouterOs,
    server: RouterOsServer,
    views: watch::Sender<WanSnapshot>,
    running: JoinHandle<WanEnd>,
    shutdown: CancellationToken,
}

impl Bench {
    /// `prepare` is given the device before anybody asks it anything.
    async fn start(prepare: impl FnOnce(&RouterOs)) -> Self {
        let router = RouterOs::new();
        router.set_credentials("wanctl", &password());
        names()
            .iter()
            .for_each(|(_, name)| router.add_queue(name.as_str(), SAVED));
        prepare(&router);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = RouterOsServer::start(address, router.clone())
            .await
            .unwrap();
        let (task, views) = task(server.address());
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(task.run(shutdown.clone()));
        Self {
            router,
            server,
            views,
            running,
            shutdown,
        }
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(
            waited.is_ok(),
            "{:?} at {:?}",
            self.limits(),
            self.views.borrow()
        );
    }

    /// Until the device has what the controller wants.
    async fn until_right(&self) {
        self.until(|bench| {
            let view = bench.views.borrow();
            let wanted = PerDirection::from_fn(|d| view.directions[d].intended);
            view.counters.completed > 0 && bench.limits() == wanted
        })
        .await;
    }

    fn limits(&self) -> PerDirection<Bps> {
        names().map(|name| self.router.limit(name.as_str()).unwrap())
    }

    fn drift(&self) -> u64 {
        self.views.borrow().counters.router_drift
    }

    fn state(&self) -> RouterState {
        self.views.borrow().router.state
    }

    async fn stop(self) {
        self.shutdown.cancel();
        assert!(self.running.await.unwrap().completed);
        drop(self.server);
    }
}

fn task(router: SocketAddr) -> (WanTask, watch::Sender<WanSnapshot>) {
    let wan = VirtualWan::household(1).unwrap();
    let controller = Controller::new(wan.controller);
    let views = watch::Sender::new(initial_snapshot(&wan.name, &controller.state()));
    let mut device = RouterOsConfig::new(
        router.ip().to_string(),
        "wanctl".to_owned(),
        password(),
        names(),
    );
    device.port = router.port();
    device.scheme = Scheme::Http;
    let ports = WanPorts {
        transport: Box::new(Echo::default()),
        reserve: Arc::new(NoReserve),
        backend: Arc::new(RouterOsRest::new(device).unwrap()),
        counters: None,
        history: None,
        state: Arc::new(NoState),
        tape: None,
    };
    let config = WanTaskConfig {
        name: wan.name,
        targets: vec![Some(IpAddr::V4(Ipv4Addr::LOCALHOST)); wan.probe.reflectors.len()],
        probe: wan.probe,
        budget: wan.budget,
        counter_interval: WanTaskConfig::COUNTER_INTERVAL,
        seed: 1,
    };
    let task = WanTask::new(&config, &Clock::system(), controller, ports, views.clone());
    (task.unwrap(), views)
}

fn password() -> SecretString {
    SecretString::from("right".to_owned())
}

fn names() -> PerDirection<QueueName> {
    let name = |direction| match direction {
        Direction::Download => QueueName::new("WAN-Download").unwrap(),
        Direction::Upload => QueueName::new("WAN-Upload").unwrap(),
    };
    PerDirection::from_fn(name)
}

/// A provider without a delay worth mentioning.
#[derive(Default)]
struct Echo {
    answers: VecDeque<Received>,
    waiting: Option<Waker>,
}

impl Transport for Echo {
    fn send(&mut self, request: &EchoRequest) -> Result<(), wanctl_probe::Error> {
        self.answers.push_back(Received {
            source: request.target,
            sequence: request.sequence,
            nonce: request.nonce,
            sent_at: request.sent_at,
            waited: Duration::ZERO,
        });
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        Ok(())
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Received, wanctl_probe::Error>> {
        if let Some(answer) = self.answers.pop_front() {
            return Poll::Ready(Ok(answer));
        }
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

struct NoReserve;

#[async_trait]
impl ReserveChecks for NoReserve {
    async fn check(&self) -> ReserveAnswer {
        ReserveAnswer::Nothing
    }
}

struct NoState;

#[async_trait]
impl StateStore for NoState {
    async fn save(&self, _: &StateImage) -> io::Result<()> {
        Ok(())
    }
}
