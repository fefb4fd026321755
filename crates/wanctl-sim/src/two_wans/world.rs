//! Where both daemons' packets and requests go.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use wanctl_config::SteerWan;
use wanctl_controller::ControllerConfig;
use wanctl_daemon::{
    Clock, NoFeed, ShaperFeed, ShaperReport, SteerView, SteerWorld, World, WorldError,
};
use wanctl_probe::{ProbeConfig, ReserveAnswer, ReserveChecks, Transport};
use wanctl_router::{
    Applied, Backend, Capabilities, Counters, Error, Limits, Observed, RouterOsConfig,
    SteeringRouter,
};
use wanctl_steering::ShaperObservation;
use wanctl_telemetry::Snapshot;
use wanctl_types::{PerDirection, Timestamp};

use super::router::Numbers;
use super::settings::SOURCES;
use crate::virtual_wan::{FixedAnswer, Shared, VirtualRouter, VirtualTransport};
use crate::{Link, ProbeFault, RouterScript};

pub(super) type Snapshots = watch::Receiver<Arc<Snapshot>>;
pub(super) type Views = watch::Receiver<Arc<SteerView>>;

/// The rate-control daemon's world: the first line and its shaper.
pub(super) struct Ends {
    pub(super) clock: Clock,
    pub(super) link: Shared<Link>,
    pub(super) faults: Vec<ProbeFault>,
    pub(super) numbers: Shared<Numbers>,
}

fn addresses(config: &ProbeConfig) -> Vec<IpAddr> {
    (1..=u8::MAX)
        .zip(&config.reflectors)
        .map(|(host, name)| {
            name.parse()
                .unwrap_or_else(|_| IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)))
        })
        .collect()
}

#[async_trait]
impl World for Ends {
    async fn resolve(&self, config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>> {
        addresses(config).into_iter().map(Ok).collect()
    }

    fn transport(
        &self,
        _config: &ProbeConfig,
        targets: &[IpAddr],
    ) -> Result<Box<dyn Transport>, WorldError> {
        Ok(Box::new(VirtualTransport::new(
            &self.clock,
            &self.link,
            targets.to_vec(),
            self.faults.clone(),
        )))
    }

    fn reserve(&self, _config: &ProbeConfig) -> Arc<dyn ReserveChecks> {
        Arc::new(FixedAnswer(ReserveAnswer::Nothing))
    }

    fn backend(&self, _config: &RouterOsConfig) -> Result<Arc<dyn Backend>, WorldError> {
        let latency = Duration::from_millis(5);
        let script = RouterScript::default();
        Ok(Arc::new(Noted {
            router: VirtualRouter::new(&self.clock, &self.link, latency, &script),
            numbers: self.numbers.clone(),
        }))
    }
}

/// Notes the lowest rates.
struct Noted {
    router: VirtualRouter,
    numbers: Shared<Numbers>,
}

#[async_trait]
impl Backend for Noted {
    fn capabilities(&self) -> Capabilities {
        self.router.capabilities()
    }

    async fn apply(&self, limits: Limits) -> Applied {
        self.numbers.with(|numbers| {
            numbers.lowest = PerDirection::from_fn(|direction| {
                let low = numbers.lowest[direction];
                limits[direction].map_or(low, |limit| limit.min(low))
            });
        });
        self.router.apply(limits).await
    }

    async fn observe(&self) -> Result<Observed, Error> {
        self.router.observe().await
    }

    async fn counters(&self) -> Result<PerDirection<Counters>, Error> {
        self.router.counters().await
    }
}

/// The steering daemon's world: both lines, the router, and what the other daemon says.
pub(super) struct SteerEnds {
    pub(super) clock: Clock,
    pub(super) links: [Shared<Link>; 2],
    pub(super) faults: [Vec<ProbeFault>; 2],
    pub(super) router: Arc<dyn SteeringRouter>,
    pub(super) shaping: Option<Snapshots>,
    pub(super) controller: ControllerConfig,
}

#[async_trait]
impl SteerWorld for SteerEnds {
    async fn resolve(&self, config: &ProbeConfig) -> Vec<Result<IpAddr, WorldError>> {
        addresses(config).into_iter().map(Ok).collect()
    }

    /// The line is told by where the pings leave from.
    fn transport(
        &self,
        config: &ProbeConfig,
        targets: &[IpAddr],
    ) -> Result<Box<dyn Transport>, WorldError> {
        let source = config.binding.address.map(|address| address.to_string());
        let place = SOURCES
            .iter()
            .position(|known| source.as_deref() == Some(*known));
        let ends = place.and_then(|place| Some((self.links.get(place)?, self.faults.get(place)?)));
        let Some((link, faults)) = ends else {
            return Err(WorldError::Other("no such line".into()));
        };
        Ok(Box::new(VirtualTransport::new(
            &self.clock,
            link,
            targets.to_vec(),
            faults.clone(),
        )))
    }

    fn router(&self, _config: &RouterOsConfig) -> Result<Arc<dyn SteeringRouter>, WorldError> {
        Ok(Arc::clone(&self.router))
    }

    fn shaper(&self, _clock: &Clock, wan: &SteerWan) -> Box<dyn ShaperFeed> {
        match &self.shaping {
            Some(snapshots) if wan.state_file.is_some() => Box::new(Published {
                snapshots: snapshots.clone(),
                controller: self.controller.clone(),
            }),
            Some(_) | None => Box::new(NoFeed),
        }
    }
}

/// What the rate-control daemon publishes, without the socket between.
struct Published {
    snapshots: Snapshots,
    controller: ControllerConfig,
}

impl ShaperFeed for Published {
    fn latest(&self, now: Timestamp) -> Option<ShaperObservation> {
        let snapshot = Arc::clone(&self.snapshots.borrow());
        let report = ShaperReport::of(snapshot.wans.first()?, &self.controller, now)?;
        Some(report.observation(Duration::ZERO))
    }
}
