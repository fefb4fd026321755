//! The REST client of the daemon against the simulated device, over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use secrecy::SecretString;
use wanctl_router::{
    Applied, Backend, Error, Limits, MangleRules, Observed, RouterOsConfig, RouterOsRest,
    RuleChange, Scheme,
};
use wanctl_sim::{
    Fault, FaultExtent, FaultScope, Link, Plant, RouterOs, RouterOsServer, Scenario, Verb,
};
use wanctl_types::{Bps, Direction, PerDirection, QueueName, Timestamp};

const RULE: &str = "STEER: latency + gaming";
const START: PerDirection<Bps> = PerDirection::new(Bps::from_mbps(50), Bps::from_mbps(10));
const WISH: PerDirection<Bps> = PerDirection::new(Bps::from_mbps(40), Bps::new(8_500_000));

/// A device with two queues and a rule, its server, and a client.
struct Bench {
    router: RouterOs,
    client: RouterOsRest,
    server: RouterOsServer,
}

impl Bench {
    async fn new() -> Self {
        Self::with_timeout(Duration::from_secs(30)).await
    }

    async fn with_timeout(timeout: Duration) -> Self {
        let router = RouterOs::new();
        router.set_credentials("wanctl", &secret("right"));
        router.add_queue("WAN-Download", START.download);
        router.add_queue("WAN-Upload", START.upload);
        router.add_mangle_rule(RULE, false);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = RouterOsServer::start(address, router.clone())
            .await
            .unwrap();
        let client = client(server.address(), "right", timeout);
        Self {
            router,
            client,
            server,
        }
    }

    fn limits(&self) -> PerDirection<Bps> {
        names().map(|name| self.router.limit(name.as_str()).unwrap())
    }

    fn inject(&self, fault: Fault, scope: FaultScope) {
        self.router.inject(fault, scope, FaultExtent::UntilCleared);
    }

    async fn apply(&self) -> PerDirection<Result<Bps, Error>> {
        outcomes(self.client.apply(WISH.map(Some)).await)
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn names() -> PerDirection<QueueName> {
    PerDirection::new("WAN-Download", "WAN-Upload").map(|name| QueueName::new(name).unwrap())
}

fn client(address: SocketAddr, password: &str, timeout: Duration) -> RouterOsRest {
    let user = "wanctl".to_owned();
    let mut config = RouterOsConfig::new(address.ip().to_string(), user, secret(password), names());
    config.port = address.port();
    config.scheme = Scheme::Http;
    config.timeout = timeout;
    RouterOsRest::new(config).unwrap()
}

fn outcomes(applied: Applied) -> PerDirection<Result<Bps, Error>> {
    applied
        .directions
        .map(|direction| direction.unwrap().map(|outcome| outcome.observed))
}

fn all(outcome: &PerDirection<Result<Bps, Error>>, is: impl Fn(&Error) -> bool) -> bool {
    outcome
        .iter()
        .all(|(_, result)| result.as_ref().is_err_and(&is))
}

#[tokio::test]
async fn both_limits_are_set_and_read_back() {
    let bench = Bench::new().await;
    assert_eq!(
        bench
            .client
            .observe()
            .await
            .and_then(Observed::both)
            .unwrap(),
        START
    );
    assert_eq!(bench.apply().await, WISH.map(Ok));
    assert_eq!(bench.limits(), WISH);
    assert_eq!(
        bench
            .client
            .observe()
            .await
            .and_then(Observed::both)
            .unwrap(),
        WISH
    );
}

#[tokio::test]
async fn one_direction_alone_is_one_write() {
    let bench = Bench::new().await;
    let limits = Limits::new(None, Some(WISH.upload));
    let applied = bench.client.apply(limits).await;
    assert!(applied.directions.download.is_none());
    assert_eq!(
        bench.limits(),
        PerDirection::new(START.download, WISH.upload)
    );
    let patches = bench
        .router
        .requests()
        .into_iter()
        .filter(|r| r.verb == Verb::Patch);
    assert_eq!(patches.count(), 1);
    assert_eq!(bench.router.counts().writes, 1);
}

#[tokio::test]
async fn a_session_needs_few_connections() {
    let bench = Bench::new().await;
    for _ in 0..20 {
        assert_eq!(bench.apply().await, WISH.map(Ok));
    }
    let counts = bench.router.counts();
    assert!(counts.connections <= 4, "{counts:?}");
    assert_eq!(counts.writes, 40);
}

#[tokio::test]
async fn identifiers_that_changed_with_a_reboot_are_found_anew() {
    let bench = Bench::new().await;
    assert_eq!(bench.apply().await, WISH.map(Ok));
    bench.router.reboot();
    assert_eq!(bench.limits(), START);
    assert_eq!(bench.apply().await, WISH.map(Ok));
    assert_eq!(bench.limits(), WISH);
}

#[tokio::test]
async fn a_queue_that_is_missing_is_named_and_the_other_still_set() {
    let bench = Bench::new().await;
    let id = bench.router.item("queue/tree", "WAN-Upload").unwrap()[".id"].clone();
    let path = format!("queue/tree/{id}");
    let removal = wanctl_sim::Request::new(Verb::Delete, &path, serde_json::Value::Null);
    let _answer = bench.router.handle(&removal);
    let outcome = bench.apply().await;
    assert_eq!(outcome.download, Ok(WISH.download));
    assert!(
        matches!(&outcome.upload, Err(Error::NotFound { what, .. }) if what.contains("WAN-Upload"))
    );
}

#[tokio::test]
async fn a_wrong_password_is_an_authentication_failure() {
    let bench = Bench::new().await;
    let client = client(bench.server.address(), "wrong", Duration::from_secs(30));
    let error = client.observe().await.and_then(Observed::both).unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    assert!(all(
        &outcomes(client.apply(WISH.map(Some)).await),
        Error::is_authentication
    ));
    assert_eq!(bench.limits(), START);
    assert_eq!(bench.router.counts().total, 0, "no further than the door");
}

#[tokio::test]
async fn a_user_who_may_only_read_is_told_so() {
    let bench = Bench::new().await;
    bench.router.set_read_only(true);
    assert_eq!(
        bench
            .client
            .observe()
            .await
            .and_then(Observed::both)
            .unwrap(),
        START
    );
    let outcome = bench.apply().await;
    assert!(
        all(&outcome, |error| matches!(
            error,
            Error::PermissionDenied { .. }
        )),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn statuses_html_and_half_an_answer_are_errors_and_never_success() {
    for fault in [
        Fault::Status(401),
        Fault::Status(404),
        Fault::Status(500),
        Fault::Html,
        Fault::HalfJson,
        Fault::CloseConnection,
    ] {
        let bench = Bench::new().await;
        bench.inject(fault, FaultScope::Everything);
        assert!(
            bench
                .client
                .observe()
                .await
                .and_then(Observed::both)
                .is_err(),
            "{fault:?}"
        );
        assert!(all(&bench.apply().await, |_| true), "{fault:?}");
        bench.router.clear_faults();
        assert_eq!(
            bench
                .client
                .observe()
                .await
                .and_then(Observed::both)
                .unwrap(),
            START,
            "{fault:?}"
        );
        assert_eq!(bench.apply().await, WISH.map(Ok), "{fault:?}");
    }
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_a_transport_failure() {
    let bench = Bench::new().await;
    bench.inject(Fault::CloseConnection, FaultScope::Everything);
    let error = bench
        .client
        .observe()
        .await
        .and_then(Observed::both)
        .unwrap_err();
    assert!(error.is_transport(), "{error}");
}

#[tokio::test]
async fn a_router_that_hangs_runs_into_the_time_limit_and_does_nothing_later() {
    let bench = Bench::with_timeout(Duration::from_millis(200)).await;
    bench.inject(Fault::Hang(Duration::from_hours(1)), FaultScope::Writes);
    let outcome = bench.apply().await;
    assert!(
        all(&outcome, |error| matches!(error, Error::Timeout { .. })),
        "{outcome:?}"
    );
    assert_eq!(bench.limits(), START);
}

#[tokio::test]
async fn a_slow_router_is_waited_for() {
    let bench = Bench::new().await;
    bench.inject(
        Fault::Hang(Duration::from_millis(50)),
        FaultScope::Everything,
    );
    assert_eq!(bench.apply().await, WISH.map(Ok));
    assert_eq!(bench.limits(), WISH);
}

#[tokio::test]
async fn an_error_after_the_deed_is_looked_into() {
    let bench = Bench::new().await;
    bench.inject(Fault::AppliedButError, FaultScope::Writes);
    assert_eq!(bench.apply().await, WISH.map(Ok));
    assert_eq!(bench.limits(), WISH);
}

#[tokio::test]
async fn a_success_without_the_deed_shows_when_the_limits_are_read() {
    let bench = Bench::new().await;
    bench.inject(Fault::OkButNotApplied, FaultScope::Writes);
    let _claimed = bench.apply().await;
    assert_eq!(
        bench
            .client
            .observe()
            .await
            .and_then(Observed::both)
            .unwrap(),
        START
    );
}

#[tokio::test]
async fn a_rule_is_found_by_its_whole_comment_and_switched() {
    let bench = Bench::new().await;
    bench.router.add_mangle_rule("STEER: latency", false);
    assert!(bench.client.rule(RULE).await.unwrap().disabled);
    let change = bench.client.set_rule_enabled(RULE, true).await.unwrap();
    assert_eq!(change, RuleChange::Changed);
    assert!(!bench.client.rule(RULE).await.unwrap().disabled);
    assert!(bench.client.rule("STEER: latency").await.unwrap().disabled);
    let change = bench.client.set_rule_enabled(RULE, true).await.unwrap();
    assert_eq!(change, RuleChange::AlreadySo);
    assert_eq!(bench.router.counts().writes, 1);
}

#[tokio::test]
async fn rules_that_cannot_be_told_apart_are_left_alone() {
    let bench = Bench::new().await;
    bench.router.add_mangle_rule(RULE, false);
    let error = bench.client.set_rule_enabled(RULE, true).await.unwrap_err();
    assert!(
        matches!(&error, Error::Ambiguous { matches, .. } if matches.len() == 2),
        "{error}"
    );
    let error = bench.client.rule("none").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert_eq!(bench.router.counts().writes, 0);
}

#[tokio::test]
async fn a_rule_is_found_again_after_a_reboot() {
    let bench = Bench::new().await;
    bench.client.rule(RULE).await.unwrap();
    bench.router.reboot();
    let change = bench.client.set_rule_enabled(RULE, true).await.unwrap();
    assert_eq!(change, RuleChange::Changed);
}

#[tokio::test]
async fn limits_set_over_http_shape_the_link_and_its_traffic_is_counted() {
    let bench = Bench::new().await;
    let link = Link::new(Scenario::download().link, 1);
    // Twenty seconds into the download whenever it is asked.
    let now = || Timestamp::ZERO + Duration::from_secs(20);
    let plant = Plant::new(link, &bench.router, names(), Duration::ZERO, now);
    bench.apply().await.download.unwrap();
    let soon = now() + Duration::from_millis(1);
    let limit = plant.with_link(|link| {
        link.advance_to(soon);
        link.limit(Direction::Download)
    });
    assert_eq!(limit, WISH.download);
    let counters = bench.client.counters().await.unwrap().download;
    assert!(counters.bytes.unwrap().get() > 50_000_000, "{counters:?}");
    assert_eq!(counters.dropped, Some(0));
}
