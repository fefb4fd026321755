//! Both daemons on virtual time: a household with two WANs behind one simulated router.
//!
//! The rate-control daemon shapes the first WAN, the steering daemon watches both; neither knows
//! that the lines, the router and the time are simulated.

mod events;
mod router;
mod settings;
mod world;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wanctl_controller::LawKind;
use wanctl_daemon::{
    Clock, Daemon, DaemonOptions, SteerDaemon, SteerEnded, SteerOptions, SteerView,
};
use wanctl_types::{PerDirection, Timestamp};

use crate::virtual_wan::{Shared, VIRTUAL_EPOCH};
use crate::{Error, Link, LinkConfig, ProbeFault, RouterOs};
pub use events::{Event, RouterWindow, RouterWoe};
use router::{InProcessRouter, Numbers};
use settings::{PRIMARY_ROUTE, RULE, SECOND_ROUTE};
use world::{Ends, SteerEnds};

/// How often it is looked what the router does.
const LOOK: Duration = Duration::from_millis(100);

/// A household to run.
#[derive(Clone, Debug)]
pub struct TwoWans {
    /// The lines, the one in normal use first.
    pub lines: [Line; 2],
    /// What goes wrong with the router, and when.
    pub router: Vec<RouterWindow>,
    /// What else happens, and when, in order of time.
    pub events: Vec<(Duration, Event)>,
    /// When the rate-control daemon runs.
    pub rate_control: Range<Duration>,
    /// By which law.
    pub law: LawKind,
    /// Further lines of the steering configuration.
    pub settings: String,
    /// Where every input of the steering decision is taken down.
    pub record: Option<PathBuf>,
    /// Seed of everything random.
    pub seed: u64,
}

/// One line and what befalls its probes.
#[derive(Clone, Debug)]
pub struct Line {
    /// The line.
    pub link: LinkConfig,
    /// What goes wrong on it.
    pub faults: Vec<ProbeFault>,
}

/// What a run came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct TwoWansReport {
    /// When the router began to send eligible traffic to the second WAN, and when it stopped.
    pub steered: Vec<(Timestamp, bool)>,
    /// When a default route's distance changed, whose, and to what.
    pub routes: Vec<(Timestamp, &'static str, u8)>,
    /// Writes to the router's rules and routes.
    pub writes: u64,
    /// What the steering daemon showed once a second.
    pub views: Vec<(Timestamp, Arc<SteerView>)>,
    /// The last of them.
    pub last: Arc<SteerView>,
    /// The lowest rate that the shaper was given.
    pub lowest_limit: PerDirection<wanctl_types::Bps>,
}

impl TwoWansReport {
    /// How long after `at` traffic first was on the second WAN; `None` if it never was.
    #[must_use]
    pub fn steered_after(&self, at: Duration) -> Option<Duration> {
        let begun = Timestamp::ZERO + at;
        let steered = self.steered.iter();
        steered
            .filter(|(when, steered)| *steered && *when >= begun)
            .map(|(when, _)| when.saturating_since(begun))
            .next()
    }

    /// How long after `at` traffic was back; `None` if it never was.
    #[must_use]
    pub fn back_after(&self, at: Duration) -> Option<Duration> {
        let begun = Timestamp::ZERO + at;
        let steered = self.steered.iter();
        steered
            .filter(|(when, steered)| !*steered && *when >= begun)
            .map(|(when, _)| when.saturating_since(begun))
            .next()
    }
}

impl TwoWans {
    /// A cable line of 50/10 Mbit/s and 20 ms, whose owner believes it to carry a fifth more, and
    /// a DSL line of 30/6 Mbit/s and 32 ms. Nothing happens.
    #[must_use]
    pub fn household(seed: u64) -> Self {
        let line = |down, up, rtt| Line {
            link: LinkConfig::new(
                PerDirection::new(
                    wanctl_types::Bps::from_mbps(down),
                    wanctl_types::Bps::from_mbps(up),
                ),
                Duration::from_millis(rtt),
            ),
            faults: Vec::new(),
        };
        Self {
            lines: [line(50, 10, 20), line(30, 6, 32)],
            router: Vec::new(),
            events: Vec::new(),
            rate_control: Duration::ZERO..Duration::MAX,
            law: LawKind::Reference,
            settings: String::new(),
            record: None,
            seed,
        }
    }

    /// Runs for `duration` of virtual time; files are kept in `directory`, which should be fresh.
    ///
    /// # Errors
    ///
    /// No runtime, or a configuration that is refused.
    pub fn run(&self, duration: Duration, directory: &Path) -> Result<TwoWansReport, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .map_err(|source| Error::Runtime { source })?;
        runtime.block_on(async {
            let clock = Clock::simulated(1.0, VIRTUAL_EPOCH);
            self.drive(&clock, duration, directory).await
        })
    }

    async fn drive(
        &self,
        clock: &Clock,
        duration: Duration,
        directory: &Path,
    ) -> Result<TwoWansReport, Error> {
        let links = self.lines.each_ref().map(|line| {
            let link = Link::new(line.link.clone(), self.seed);
            Shared::new(link)
        });
        let device = router();
        let numbers = Shared::new(Numbers::default());
        let mut stage = Stage {
            plan: self,
            clock,
            directory,
            device: device.clone(),
            numbers: numbers.clone(),
            links,
            shaping: None,
            steering: None,
        };
        let mut watch = Watch::new(device);
        let end = Timestamp::ZERO + duration;
        let mut events = self.events.iter().peekable();
        stage.start_steering()?;
        while clock.now() < end {
            let now = clock.now();
            stage.shape(now)?;
            while let Some((_, event)) = events.next_if(|(at, _)| Timestamp::ZERO + *at <= now) {
                stage.happen(event).await?;
            }
            watch.look(now, stage.view().as_ref());
            clock.sleep_until(now + LOOK).await;
        }
        let last = stage.view();
        watch.look(clock.now(), last.as_ref());
        stage.stop().await;
        let last = last.ok_or_else(|| Error::Settings {
            report: "the steering daemon does not run at the end".to_owned(),
        })?;
        let numbers = numbers.with(|numbers| *numbers);
        Ok(TwoWansReport {
            steered: watch.steered,
            routes: watch.routes,
            writes: numbers.writes,
            views: watch.views,
            last,
            lowest_limit: numbers.lowest,
        })
    }
}

fn router() -> RouterOs {
    let router = RouterOs::new();
    router.add_mangle_rule(RULE, false);
    router.add_default_route(PRIMARY_ROUTE, "10.0.0.1", 1);
    router.add_default_route(SECOND_ROUTE, "10.1.0.1", 2);
    router
}

type Running<T> = (CancellationToken, JoinHandle<T>);

/// The daemons and the world they run in.
struct Stage<'a> {
    plan: &'a TwoWans,
    clock: &'a Clock,
    directory: &'a Path,
    device: RouterOs,
    numbers: Shared<Numbers>,
    links: [Shared<Link>; 2],
    shaping: Option<(Running<()>, world::Snapshots)>,
    steering: Option<(Running<Option<SteerEnded>>, world::Views)>,
}

impl Stage<'_> {
    /// Starts and stops the rate-control daemon as planned.
    fn shape(&mut self, now: Timestamp) -> Result<(), Error> {
        let wanted = self.plan.rate_control.contains(&now.since_origin());
        match (&self.shaping, wanted) {
            (None, true) => {
                let config = settings::rate_control(self.plan.law, self.directory)?;
                let ends = Ends {
                    clock: self.clock.clone(),
                    link: self.links[0].clone(),
                    faults: self.plan.lines[0].faults.clone(),
                    numbers: self.numbers.clone(),
                };
                let mut options = DaemonOptions::default();
                options.seed = Some(self.plan.seed);
                let daemon = Daemon::new(vec![config], self.clock.clone(), Arc::new(ends), options);
                let snapshots = daemon.snapshots();
                let stop = CancellationToken::new();
                let token = stop.clone();
                let task = tokio::spawn(async move {
                    if let Err(error) = daemon.run(token).await {
                        tracing::error!(%error, "the simulated rate control did not start");
                    }
                });
                self.shaping = Some(((stop, task), snapshots));
            }
            (Some(((stop, _), _)), false) => {
                stop.cancel();
                self.shaping = None;
            }
            (None, false) | (Some(_), true) => {}
        }
        Ok(())
    }

    fn start_steering(&mut self) -> Result<(), Error> {
        self.shape(self.clock.now())?;
        let config = settings::steering(self.directory, &self.plan.settings)?;
        let ends = SteerEnds {
            links: self.links.clone(),
            faults: self.plan.lines.each_ref().map(|line| line.faults.clone()),
            clock: self.clock.clone(),
            router: Arc::new(InProcessRouter {
                clock: self.clock.clone(),
                device: self.device.clone(),
                link: self.links[0].clone(),
                windows: self.plan.router.clone(),
                numbers: self.numbers.clone(),
            }),
            shaping: self
                .shaping
                .as_ref()
                .map(|(_, snapshots)| snapshots.clone()),
            controller: settings::rate_control(self.plan.law, self.directory)?.controller,
        };
        let mut options = SteerOptions::default();
        options.record.clone_from(&self.plan.record);
        options.seed = Some(self.plan.seed);
        let daemon = SteerDaemon::new(config, self.clock.clone(), Arc::new(ends), options);
        let views = daemon.views();
        let stop = CancellationToken::new();
        let token = stop.clone();
        let task = tokio::spawn(async move {
            let ended = daemon.run(token).await;
            ended
                .inspect_err(|error| {
                    tracing::error!(%error, "the simulated steering did not start");
                })
                .ok()
        });
        self.steering = Some(((stop, task), views));
        Ok(())
    }

    /// What the steering daemon shows; `None` while it does not run.
    fn view(&self) -> Option<Arc<SteerView>> {
        let (_, views) = self.steering.as_ref()?;
        Some(Arc::clone(&views.borrow()))
    }

    async fn stop(&mut self) {
        if let Some(((stop, task), _)) = self.steering.take() {
            stop.cancel();
            drop(task.await);
        }
        if let Some(((stop, task), _)) = self.shaping.take() {
            stop.cancel();
            drop(task.await);
        }
    }
}

/// What was seen of the router.
struct Watch {
    device: RouterOs,
    steered: Vec<(Timestamp, bool)>,
    routes: Vec<(Timestamp, &'static str, u8)>,
    distances: [u8; 2],
    is_steered: bool,
    views: Vec<(Timestamp, Arc<SteerView>)>,
}

impl Watch {
    const fn new(device: RouterOs) -> Self {
        Self {
            device,
            steered: Vec::new(),
            routes: Vec::new(),
            distances: [1, 2],
            is_steered: false,
            views: Vec::new(),
        }
    }

    fn look(&mut self, now: Timestamp, view: Option<&Arc<SteerView>>) {
        let steered = self.device.mangle_rule_enabled(RULE).unwrap_or(false);
        if steered != self.is_steered {
            self.is_steered = steered;
            self.steered.push((now, steered));
        }
        for (name, known) in [PRIMARY_ROUTE, SECOND_ROUTE]
            .into_iter()
            .zip(&mut self.distances)
        {
            if let Some(distance) = self.device.route_distance(name)
                && distance != *known
            {
                *known = distance;
                self.routes.push((now, name, distance));
            }
        }
        let due = self
            .views
            .last()
            .is_none_or(|(at, _)| now.saturating_since(*at) >= Duration::from_secs(1));
        if let Some(view) = view.filter(|_| due) {
            self.views.push((now, Arc::clone(view)));
        }
    }
}
