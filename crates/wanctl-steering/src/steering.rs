//! Both engines behind one type.

use wanctl_types::Timestamp;

use crate::legacy::Legacy;
use crate::standard::Standard;
use crate::{
    ActionId, Decision, EngineConfig, LegacyConfig, Observation, RouteMode, Settled,
    StandardConfig, SteeringConfig, SteeringState, Transition, WanIndex,
};

/// Decides which WAN carries traffic.
///
/// It holds no clock, does no I/O and allocates nothing in a step; the same calls give the same
/// decisions. The order of calls is: [`step`](Self::step) once per cycle and when
/// [`Decision::wake`] asks for it; [`settle`](Self::settle) once for every request of a decision;
/// [`adopt`](Self::adopt) and [`adopt_route`](Self::adopt_route) when the router was read.
#[derive(Clone, Debug)]
pub struct Steering {
    config: SteeringConfig,
    engine: Engine,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one value per process, never in a collection"
)]
enum Engine {
    Legacy(LegacyConfig, Legacy),
    Standard(StandardConfig, Standard),
}

impl Steering {
    /// Begins with all traffic on the WAN in normal use, knowing nothing.
    #[must_use]
    pub fn new(config: SteeringConfig) -> Self {
        let engine = match &config.engine {
            EngineConfig::Legacy(legacy) => Engine::Legacy(*legacy, Legacy::new()),
            EngineConfig::Standard(standard) => {
                Engine::Standard(*standard, Standard::new(&config.wans))
            }
        };
        Self { config, engine }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &SteeringConfig {
        &self.config
    }

    /// One decision: what was seen goes in, requests and reasons come out.
    pub fn step(&mut self, now: Timestamp, seen: &Observation) -> Decision {
        match &mut self.engine {
            Engine::Legacy(config, engine) => engine.step(now, seen, config),
            Engine::Standard(config, engine) => engine.step(now, seen, config, &self.config.wans),
        }
    }

    /// Tells what became of a request. An answer to a request that is not open changes nothing.
    /// Returns the move of eligible traffic that this completes.
    pub fn settle(&mut self, now: Timestamp, id: ActionId, settled: Settled) -> Option<Transition> {
        match &mut self.engine {
            Engine::Legacy(_, engine) => engine.settle(id, settled),
            Engine::Standard(config, engine) => engine.settle(now, id, settled, config),
        }
    }

    /// Takes where the router sends eligible traffic for the truth; a move on its way is
    /// forgotten. The hold-down begins anew for a WAN out of normal use. A WAN that does not exist
    /// changes nothing.
    pub fn adopt(&mut self, now: Timestamp, active: WanIndex) {
        if active.get() >= self.config.wans.len() {
            return;
        }
        match &mut self.engine {
            Engine::Legacy(_, engine) => engine.adopt(active),
            Engine::Standard(config, engine) => engine.adopt(now, active, config),
        }
    }

    /// Takes where the router has a default route for the truth; one on its way is left to its
    /// own answer.
    pub fn adopt_route(&mut self, wan: WanIndex, demoted: bool) {
        match &mut self.engine {
            Engine::Legacy(..) => {}
            Engine::Standard(_, engine) => engine.adopt_route(wan, demoted),
        }
    }

    /// Where eligible traffic goes, as far as the router has confirmed.
    #[must_use]
    pub const fn active(&self) -> WanIndex {
        match &self.engine {
            Engine::Legacy(_, engine) => engine.active(),
            Engine::Standard(_, engine) => engine.active(),
        }
    }

    /// What became of a WAN's default route.
    #[must_use]
    pub fn route(&self, wan: WanIndex) -> RouteMode {
        match &self.engine {
            Engine::Legacy(..) => RouteMode::Unmanaged,
            Engine::Standard(_, engine) => engine.route(wan),
        }
    }

    /// What must outlive a restart.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> SteeringState {
        match &self.engine {
            Engine::Legacy(_, engine) => SteeringState::Legacy(engine.state()),
            Engine::Standard(_, engine) => SteeringState::Standard(engine.state(now)),
        }
    }

    /// Goes on from a state. Of the other engine's, only where traffic goes is taken.
    pub fn restore(&mut self, now: Timestamp, state: &SteeringState) {
        match (&mut self.engine, state) {
            (Engine::Legacy(_, engine), SteeringState::Legacy(state)) => engine.restore(state),
            (Engine::Standard(_, engine), SteeringState::Standard(state)) => {
                engine.restore(now, state);
            }
            (Engine::Legacy(..), SteeringState::Standard(_))
            | (Engine::Standard(..), SteeringState::Legacy(_)) => self.adopt(now, state.active()),
        }
    }
}
