//! Lines, probes and a router for an engine under test, on time that the test advances.
#![allow(dead_code, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test helpers")]

use std::time::Duration;

use wanctl_steering::{
    Action, Decision, EngineConfig, Observation, Request, Settled, StandardConfig, Steering,
    SteeringConfig, TargetObservation, Transition, WanIndex, WanObservation, WanPolicy,
};
use wanctl_types::{Millis, Timestamp};

/// Targets of every WAN.
pub(crate) const TARGETS: usize = 3;
/// From one round of probes to the next.
pub(crate) const PROBE: Duration = Duration::from_millis(250);

/// How a line is for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    /// Round trip, milliseconds.
    pub(crate) rtt: f64,
    /// Share of probes lost.
    pub(crate) loss: f64,
    /// Mean of an exponential delay on top, milliseconds.
    pub(crate) noise: f64,
    /// Whether anything comes through.
    pub(crate) up: bool,
}

impl Line {
    pub(crate) const fn clean(rtt: f64) -> Self {
        Self {
            rtt,
            loss: 0.0,
            noise: 0.0,
            up: true,
        }
    }

    pub(crate) const fn lossy(self, loss: f64) -> Self {
        Self { loss, ..self }
    }

    pub(crate) const fn noisy(self, noise: f64) -> Self {
        Self { noise, ..self }
    }

    pub(crate) const DEAD: Self = Self {
        rtt: 0.0,
        loss: 0.0,
        noise: 0.0,
        up: false,
    };
}

/// A generator of numbers that is the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 and 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[derive(Clone, Debug, Default)]
struct Target {
    rtts: Vec<f64>,
    last: Option<f64>,
    variation: Vec<f64>,
    lost: u32,
    heard: Timestamp,
}

/// An engine, its lines and a router that answers after `latency`.
pub(crate) struct Bench {
    pub(crate) steering: Steering,
    pub(crate) now: Timestamp,
    pub(crate) cycle: Duration,
    pub(crate) latency: Duration,
    pub(crate) answer: Settled,
    /// Set on every observation of the WAN in normal use.
    pub(crate) shaper: Option<wanctl_steering::ShaperObservation>,
    pub(crate) moves: Vec<(Timestamp, Transition)>,
    pub(crate) requests: Vec<(Timestamp, Request)>,
    pub(crate) last: Option<Decision>,
    /// Moves that were wanted to a WAN that did not answer at that moment.
    pub(crate) blind_moves: Vec<Request>,
    next_cycle: Timestamp,
    next_probe: Timestamp,
    wake: Option<Timestamp>,
    pending: Vec<(Timestamp, Request)>,
    targets: Vec<Vec<Target>>,
    dice: Dice,
}

pub(crate) fn config(wans: usize, cycle: Duration) -> SteeringConfig {
    let engine = EngineConfig::Standard(StandardConfig::new(cycle));
    configured(wans, engine)
}

pub(crate) fn configured(wans: usize, engine: EngineConfig) -> SteeringConfig {
    let policies = std::iter::repeat_n(WanPolicy::new(TARGETS), wans).collect();
    SteeringConfig::new(engine, policies).unwrap()
}

impl Bench {
    pub(crate) fn new(config: SteeringConfig, cycle: Duration) -> Self {
        let wans = config.wans.len();
        Self {
            steering: Steering::new(config),
            now: Timestamp::ZERO,
            cycle,
            latency: Duration::from_millis(30),
            answer: Settled::Applied,
            shaper: None,
            moves: Vec::new(),
            requests: Vec::new(),
            last: None,
            blind_moves: Vec::new(),
            next_cycle: Timestamp::ZERO + cycle,
            next_probe: Timestamp::ZERO,
            wake: None,
            pending: Vec::new(),
            targets: vec![vec![Target::default(); TARGETS]; wans],
            dice: Dice::new(7),
        }
    }

    /// Runs for so long with these lines.
    pub(crate) fn run(&mut self, time: Duration, lines: &[Line]) -> &mut Self {
        let end = self.now + time;
        loop {
            let answered = self.pending.iter().map(|(at, _)| *at).min();
            let next = [
                Some(self.next_cycle),
                Some(self.next_probe),
                self.wake,
                answered,
            ]
            .into_iter()
            .flatten()
            .min()
            .unwrap();
            if next > end {
                self.now = end;
                return self;
            }
            self.now = self.now.max(next);
            self.settle();
            if self.now >= self.next_probe {
                self.probe(lines);
                self.next_probe = self.next_probe + PROBE;
            }
            let due = self.now >= self.next_cycle;
            if due {
                self.next_cycle = self.next_cycle + self.cycle;
            }
            if due || self.wake.is_some_and(|wake| self.now >= wake) {
                self.step();
            }
        }
    }

    pub(crate) fn active(&self) -> usize {
        self.steering.active().get()
    }

    fn probe(&mut self, lines: &[Line]) {
        for (targets, line) in self.targets.iter_mut().zip(lines) {
            for target in targets {
                let lost = !line.up || self.dice.unit() < line.loss;
                if lost {
                    target.lost += 1;
                    continue;
                }
                let rtt = line.rtt - line.noise * (1.0 - self.dice.unit()).ln();
                target.heard = self.now;
                if let Some(last) = target.last.replace(rtt) {
                    target.variation.push((rtt - last).abs());
                }
                target.rtts.push(rtt);
            }
        }
    }

    fn step(&mut self) {
        let mut seen = Observation::default();
        for targets in &mut self.targets {
            let mut wan = WanObservation::default();
            for target in targets {
                wan.targets.push(take(target, self.now));
            }
            seen.wans.push(wan);
        }
        seen.wans[0].shaper = self.shaper;
        let decision = self.steering.step(self.now, &seen);
        self.wake = decision.wake.map(|(at, _)| at);
        for request in &decision.requests {
            self.requests.push((self.now, *request));
            if let Action::Move { to, .. } = request.action
                && !decision.wans[to.get()].assessment.is_up()
            {
                self.blind_moves.push(*request);
            }
            self.pending.push((self.now + self.latency, *request));
        }
        self.last = Some(decision);
    }

    fn settle(&mut self) {
        let now = self.now;
        let (due, later) = self.pending.iter().partition(|(at, _)| *at <= now);
        self.pending = later;
        let due: Vec<(Timestamp, Request)> = due;
        for (_, request) in due {
            let moved = self.steering.settle(now, request.id, self.answer);
            self.moves.extend(moved.map(|moved| (now, moved)));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn take(target: &mut Target, now: Timestamp) -> TargetObservation {
    let mut rtts = std::mem::take(&mut target.rtts);
    let variation = std::mem::take(&mut target.variation);
    rtts.sort_by(f64::total_cmp);
    let mean = variation.iter().sum::<f64>() / variation.len().max(1) as f64;
    TargetObservation {
        rtt: rtts.get(rtts.len() / 2).copied().and_then(Millis::new),
        variation: (!variation.is_empty()).then(|| Millis::saturating(mean)),
        answered: u32::try_from(rtts.len()).unwrap(),
        lost: std::mem::take(&mut target.lost),
        silent: now.saturating_since(target.heard),
    }
}

/// The WANs whose route is demoted on a router that has done what it confirmed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distances(pub(crate) std::collections::BTreeSet<WanIndex>);

impl Distances {
    pub(crate) fn apply(&mut self, action: Action) {
        match action {
            Action::Demote(wan) => {
                self.0.insert(wan);
            }
            Action::Restore(wan) => {
                self.0.remove(&wan);
            }
            Action::Move { .. } | _ => {}
        }
    }
}
