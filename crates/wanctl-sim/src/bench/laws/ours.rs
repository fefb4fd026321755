//! Our own laws, through the [`Controller`] that the daemon runs.

use std::time::Duration;

use wanctl_controller::Controller;
use wanctl_types::{Bps, Millis, PerDirection, Timestamp};

use super::observe::{Answers, Observer};
use super::rounds::{Closing, Rounds};
use super::settings;
use crate::bench::{LawUnderTest, Plan, Probing, Seen};

/// As the daemon probes by default.
const PROBING: Probing = Probing {
    reflectors: 3,
    interval: Duration::from_millis(50),
    spread: false,
};

/// How the daemon closes rounds by default.
const CLOSING: Closing = Closing {
    reflectors: PROBING.reflectors,
    interval: PROBING.interval,
    timeout: Duration::from_secs(1),
    quorum: PROBING.reflectors / 2 + 1,
};

/// Rounds in which the operator measures the idle RTT before there is any control.
const MEASURED_ROUNDS: u32 = 10;

/// The law `reference`. It steps when a round of probes closes, as in the daemon.
pub(super) struct Reference {
    plan: Plan,
    rounds: Rounds,
    observer: Observer,
    stage: Stage,
    start: PerDirection<Bps>,
    rates: PerDirection<Bps>,
}

enum Stage {
    /// The least median so far, and the rounds it was taken of.
    Measuring {
        least: Millis,
        rounds: u32,
    },
    Controlling(Box<Controller>),
}

impl Reference {
    pub(super) fn new(plan: &Plan) -> Option<Self> {
        let config = settings::reference(plan, Millis::ZERO)?;
        let start = config.queues.map(|queue| queue.ceiling.truncate());
        Some(Self {
            plan: *plan,
            rounds: Rounds::new(CLOSING),
            observer: Observer::default(),
            stage: Stage::Measuring {
                least: Millis::saturating(f64::INFINITY),
                rounds: 0,
            },
            start,
            rates: start,
        })
    }

    fn close(&mut self, now: Timestamp, seen: &Seen<'_>, answers: &Answers) {
        let observation = self.observer.observe(now, PROBING.interval, seen, answers);
        match &mut self.stage {
            Stage::Controlling(controller) => {
                self.rates = controller.step(now, &observation).rates();
            }
            Stage::Measuring { least, rounds } => {
                *rounds += 1;
                if let Some(rtt) = settings::AGGREGATION.rtt(&observation.reflectors) {
                    *least = if rtt < *least { rtt } else { *least };
                }
                if *rounds < MEASURED_ROUNDS {
                    return;
                }
                if let Some(config) = settings::reference(&self.plan, *least) {
                    self.stage = Stage::Controlling(Box::new(Controller::new(config)));
                }
            }
        }
    }
}

impl LawUnderTest for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    /// Often enough that a round is found closed when it is.
    fn interval(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn probing(&self) -> Probing {
        PROBING
    }

    fn start(&self) -> PerDirection<Bps> {
        self.start
    }

    fn step(&mut self, now: Timestamp, seen: &Seen<'_>) -> PerDirection<Bps> {
        self.observer.watch(seen);
        self.rounds.take(seen.replies);
        while let Some(answers) = self.rounds.poll(now) {
            self.close(now, seen, &answers);
        }
        self.rates
    }
}

/// The law `adaptive`. It steps on a clock, and sees everything that there is to see.
pub(super) struct Adaptive {
    controller: Controller,
    observer: Observer,
}

impl Adaptive {
    pub(super) fn new(plan: &Plan) -> Option<Self> {
        Some(Self {
            controller: Controller::new(settings::adaptive(plan)?),
            observer: Observer::default(),
        })
    }
}

impl LawUnderTest for Adaptive {
    fn name(&self) -> &'static str {
        "adaptive"
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(50)
    }

    fn probing(&self) -> Probing {
        PROBING
    }

    fn start(&self) -> PerDirection<Bps> {
        let queues = self.controller.state().queues;
        queues.map(|queue| queue.rate.truncate())
    }

    fn step(&mut self, now: Timestamp, seen: &Seen<'_>) -> PerDirection<Bps> {
        self.observer.watch(seen);
        let answers = newest(seen);
        let observation = self.observer.observe(now, PROBING.interval, seen, &answers);
        self.controller.step(now, &observation).rates()
    }
}

/// Per reflector, the answer to the probe that left last.
fn newest(seen: &Seen<'_>) -> Answers {
    let mut answers = Answers::default();
    for reply in seen.replies {
        let Some(answer) = answers.get_mut(reply.reflector) else {
            continue;
        };
        if answer.is_none_or(|older| older.sent_at <= reply.sent_at) {
            *answer = Some(*reply);
        }
    }
    answers
}
