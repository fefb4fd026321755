//! The run loop of one WAN.
//!
//! One enum of events and one match: probes leave on absolute deadlines, replies close rounds, a
//! closed round or a tick is one control step, as the control law wants it, and the step's results
//! go out through channels that never make the loop wait. It reads time, the network and the disk
//! only through its ports, so the same loop runs in real, scaled and virtual time.

mod journal;
mod outputs;
mod probing;
mod renewal;
mod silence;
mod task;
mod work;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use wanctl_controller::{Cadence, Controller, Observation, Outcome, Reachability};
use wanctl_probe::{ClosedRound, Received, ReserveAnswer};
use wanctl_types::{Millis, Timestamp, WanName};

use crate::chain::chain;
use crate::clock::Clock;
use crate::load::LoadView;
use crate::ports::Refresh;
use crate::pulse::Pulse;
use crate::world::WorldError;
pub(crate) use outputs::Outputs;
pub use outputs::initial_snapshot;
pub(crate) use probing::Probing;
pub(crate) use renewal::Renewal;
use renewal::Renewed;
pub(crate) use silence::Silence;
pub use task::{WanEnd, WanTask, WanTaskConfig};
use work::WorkWindow;

/// One WAN: its probes, its controller and where the results go.
pub(crate) struct WanLoop {
    name: WanName,
    clock: Clock,
    controller: Controller,
    probing: Probing,
    silence: Silence,
    renewal: Renewal,
    /// When some reflector was first found to have no address.
    lacking_since: Option<Timestamp>,
    outputs: Outputs,
    load: Option<LoadView>,
    heard: Heard,
    work: WorkWindow,
    stop_after: Option<u64>,
    pulse: Pulse,
}

/// What reflectors and reserve checks have said so far, for a law that is stepped by a clock.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Heard {
    /// Nothing: there is nothing to decide on yet.
    Nothing,
    /// Nothing for as long as an answer may take.
    Silence,
    /// A reflector answered at some time; what the last check found, if none has answered since.
    Answers(Option<Reachability>),
}

/// Everything that can wake the loop.
enum Event {
    Shutdown,
    Reply(Received),
    ReceiveFailed(wanctl_probe::Error),
    Reserve(ReserveAnswer),
    Renewed(Renewed),
    Timer,
}

impl WanLoop {
    pub(crate) fn new(
        name: WanName,
        clock: Clock,
        controller: Controller,
        probing: Probing,
        silence: Silence,
        outputs: Outputs,
    ) -> Self {
        Self {
            name,
            clock,
            controller,
            probing,
            silence,
            renewal: Renewal::default(),
            lacking_since: None,
            outputs,
            load: None,
            heard: Heard::Nothing,
            work: WorkWindow::new(),
            stop_after: None,
            pulse: Pulse::new(),
        }
    }

    /// Shows elsewhere that the loop turns.
    pub(crate) fn with_pulse(mut self, pulse: Pulse) -> Self {
        self.pulse = pulse;
        self
    }

    /// Looks for the reflectors anew when nothing has answered for a while, and for those that have
    /// no address yet.
    pub(crate) fn with_refresh(mut self, port: Arc<dyn Refresh>) -> Self {
        self.renewal = Renewal::new(port);
        self
    }

    /// Shows the law what the router's queues count.
    pub(crate) fn show_load(&mut self, load: LoadView) {
        self.outputs.counters_state = load.state();
        self.load = Some(load);
    }

    /// Stops by itself after so many steps.
    pub(crate) fn stop_after(mut self, steps: u64) -> Self {
        self.stop_after = Some(steps);
        self
    }

    /// Runs until `shutdown`, or until the steps asked for are done.
    pub(crate) async fn run(&mut self, shutdown: &CancellationToken) {
        while !self.is_done() {
            let event = self.next_event(shutdown).await;
            let woken = self.clock.now();
            match event {
                Event::Shutdown => break,
                Event::Reply(reply) => self.probing.accept(&self.clock, &reply),
                Event::ReceiveFailed(error) => self.receive_failed(&error),
                Event::Reserve(answer) => self.step_on_reserve(answer),
                Event::Renewed(renewed) => self.renew(renewed),
                Event::Timer => {}
            }
            self.probing.accept_waiting(&self.clock).await;
            let now = self.clock.now();
            self.pulse.beat(now);
            match self.controller.config().law.cadence() {
                Cadence::Rounds => self.turn_by_rounds(now),
                Cadence::Ticks => self.turn_by_ticks(now),
            }
            self.outputs.end_minute(now, &self.probing);
            self.work.add(self.clock.now().saturating_since(woken));
        }
        self.pulse.rest();
    }

    fn is_done(&self) -> bool {
        let steps = self.outputs.steps();
        let in_vain = self.heard == Heard::Silence;
        self.stop_after
            .is_some_and(|limit| steps >= limit || in_vain)
    }

    async fn next_event(&mut self, shutdown: &CancellationToken) -> Event {
        let Self {
            clock,
            probing,
            silence,
            renewal,
            ..
        } = self;
        let now = clock.now();
        let wake = probing.next_deadline();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Event::Shutdown,
            reply = probing.receive(now) => match reply {
                Ok(reply) => Event::Reply(reply),
                Err(error) => Event::ReceiveFailed(error),
            },
            answer = silence.answer() => Event::Reserve(answer),
            renewed = renewal.ended() => Event::Renewed(renewed),
            () = clock.sleep_until(wake) => Event::Timer,
        }
    }

    fn receive_failed(&mut self, error: &wanctl_probe::Error) {
        if self.probing.mute() {
            warn!(wan = %self.name, error = %chain(error), "answers to probes cannot be received");
        }
    }

    fn renew(&mut self, renewed: Renewed) {
        let wan = &self.name;
        let silent = self.silence.since().is_some();
        let lacked = self.probing.lacks_addresses();
        let outcome = match renewed {
            Ok(fresh) => self.probing.renew(fresh, silent).map_err(WorldError::from),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(true) => debug!(%wan, silent, "probing through a new socket"),
            Ok(false) => debug!(%wan, "an address is still not known"),
            Err(error) => {
                debug!(%wan, silent, error = %chain(&error), "no new socket is to be had");
            }
        }
        if lacked && !self.probing.lacks_addresses() {
            info!(%wan, "all reflectors have an address now");
        }
    }

    /// Probes leave first; every round that is over is a step.
    fn turn_by_rounds(&mut self, now: Timestamp) {
        self.probing.tick(&self.clock, now);
        while let Some(round) = self.probing.poll_closed(now) {
            if self.hears(now, &round) {
                let observation = self.probing.observe(now, &round);
                self.step(now, &observation);
            }
        }
    }

    /// Every tick is a step, and probes leave after it. Rounds only tell silence.
    fn turn_by_ticks(&mut self, now: Timestamp) {
        while let Some(round) = self.probing.poll_closed(now) {
            if self.hears(now, &round) {
                self.heard = Heard::Answers(None);
            }
        }
        if self.probing.is_due(now)
            && let Heard::Answers(reachability) = self.heard
        {
            let mut observation = self.probing.observe_tick(now);
            observation.reachability = reachability;
            if self.outputs.is_router_lost(now) {
                forget_answers(&mut observation);
            }
            self.observe_load(now, &mut observation);
            self.step(now, &observation);
        }
        self.probing.tick(&self.clock, now);
    }

    fn observe_load(&mut self, now: Timestamp, observation: &mut Observation) {
        let Some(load) = &mut self.load else {
            return;
        };
        observation.link = load.observe(now);
        let outputs = &mut self.outputs;
        outputs.counters_state = load.state();
        load.log_change(&self.name, || outputs.may_tell());
    }

    /// Whether a round that is over has an answer. One that has none may begin a silence; while an
    /// address is lacking, one that has some asks for it.
    fn hears(&mut self, now: Timestamp, round: &ClosedRound) -> bool {
        let answered = round.answers.iter().any(Option::is_some);
        if round.stale {
            return false;
        }
        if answered {
            if self.silence.end() && self.outputs.may_tell() {
                info!(wan = %self.name, "reflectors answer again");
            }
            if self.probing.lacks_addresses() {
                let since = *self.lacking_since.get_or_insert(now);
                self.renewal.begin(now, since);
            }
            return true;
        }
        self.outputs.count_silent_round();
        if self.silence.begin_check(now) && self.outputs.may_tell() {
            warn!(wan = %self.name, "no reflector answers; checking the gateway and TCP");
        }
        if let Some(since) = self.silence.since() {
            self.renewal.begin(now, since);
        }
        if self.silence.is_unchecked() {
            self.note_silence(now, Reachability::Nothing);
        }
        false
    }

    fn step_on_reserve(&mut self, answer: ReserveAnswer) {
        let reachability = match answer {
            ReserveAnswer::Tcp(rtt) => Reachability::Tcp(rtt),
            ReserveAnswer::GatewayOnly => Reachability::GatewayOnly,
            ReserveAnswer::Nothing => Reachability::Nothing,
        };
        let outputs = &mut self.outputs;
        self.silence
            .log_change(&self.name, reachability, || outputs.may_tell());
        self.note_silence(self.clock.now(), reachability);
    }

    /// A law that is stepped by rounds makes a step of it; another one sees it at its next tick.
    fn note_silence(&mut self, now: Timestamp, reachability: Reachability) {
        match self.controller.config().law.cadence() {
            Cadence::Rounds => self.step_silent(now, reachability),
            Cadence::Ticks => {
                self.heard = match self.heard {
                    Heard::Answers(_) => Heard::Answers(Some(reachability)),
                    Heard::Nothing | Heard::Silence => Heard::Silence,
                };
            }
        }
    }

    fn step_silent(&mut self, now: Timestamp, reachability: Reachability) {
        let mut observation = self.probing.observe_silence();
        observation.reachability = Some(reachability);
        self.step(now, &observation);
    }

    fn step(&mut self, now: Timestamp, observation: &Observation) {
        let decision = self.controller.step(now, observation);
        self.outputs.note_work(&mut self.work);
        self.outputs.publish(
            &self.clock,
            now,
            observation,
            &decision,
            &self.controller,
            &self.probing,
        );
    }

    /// What the run came to.
    pub(crate) fn end(&self) -> WanEnd {
        WanEnd {
            completed: self.outputs.last_outcome() == Some(Outcome::Completed),
            probes: *self.probing.stats(),
        }
    }

    /// A run of a fixed number of steps ends only when the router has answered once.
    pub(crate) async fn await_first_write(
        &mut self,
        shutdown: &CancellationToken,
        within: Duration,
    ) {
        if self.stop_after.is_none() || !self.outputs.has_limits() {
            return;
        }
        let until = self.clock.now() + within;
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = self.outputs.router_answer() => {}
            () = self.clock.sleep_until(until) => {}
        }
    }

    /// Offers the state once more, with what the router confirmed last.
    pub(crate) fn send_last_image(&self) {
        self.outputs.send_image(&self.clock, &self.controller);
    }
}

/// A law that measures cannot learn from a line that it does not move: as long as its orders do not
/// reach the router it shall see as little as in an outage, and hold still.
fn forget_answers(observation: &mut Observation) {
    for seen in &mut observation.reflectors {
        (seen.rtt, seen.overdue, seen.one_way) = (None, None, None);
        seen.age = Duration::ZERO;
    }
}

/// A delay as a log field.
pub(crate) fn rounded(ms: Millis) -> f64 {
    (ms.get() * 100.0).round() / 100.0
}
