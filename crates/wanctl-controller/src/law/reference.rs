//! The reference law: four zones for download, three for upload, one delay for both.

use wanctl_signal::Ewma;
use wanctl_types::{Millis, PerDirection, Timestamp};

use crate::silence::{Outage, Silent};
use crate::{
    Adjustment, Aggregation, Baseline, ControllerConfig, ControllerState, Decision, Observation,
    Outcome, QueueController, Spike, SpikeDetector, Thresholds,
};

/// Averages, baseline, spike detector and two queue controllers, run once per step:
///
/// ```text
/// reflectors ─► RTT ─┬─► load ──┬─► spike ─────────────► download RED
///       silence ─────┘          ├─► delta = load - baseline ─► download, 4-state
///                    └─► baseline (while idle)               └► upload, 3-state
/// ```
///
/// It counts steps, not time, and looks at nothing but the reflectors and the reserve checks.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceLaw {
    thresholds: Thresholds,
    aggregation: Aggregation,
    outage: Outage,
    load: Ewma,
    baseline: Baseline,
    spikes: SpikeDetector,
    queues: PerDirection<QueueController>,
}

impl ReferenceLaw {
    pub(crate) fn new(config: &ControllerConfig, state: &ControllerState) -> Self {
        Self {
            thresholds: config.thresholds,
            aggregation: config.aggregation,
            outage: Outage::new(config.silence, state.outage_cycles),
            load: Ewma::new(state.load, config.load_alpha.get()),
            baseline: Baseline::starting_at(config.baseline, state.baseline),
            spikes: SpikeDetector::new(config.accel_threshold, state.previous_load),
            queues: config.queues.zip(state.queues).map(|(config, state)| {
                let mut queue = QueueController::new(config);
                queue.restore(state);
                queue
            }),
        }
    }

    pub(crate) fn step(&mut self, _now: Timestamp, observation: &Observation) -> Decision {
        if let Some(rtt) = self.aggregation.rtt(&observation.reflectors) {
            self.outage.end();
            return self.complete(rtt);
        }
        match self
            .outage
            .silent(observation.reachability, self.load.value())
        {
            Silent::Substitute(rtt) => self.complete(rtt),
            Silent::Frozen => self.hold(Outcome::Frozen),
            Silent::Failed => self.hold(Outcome::Failed),
        }
    }

    pub(crate) fn state(&self) -> ControllerState {
        ControllerState {
            queues: self.queues.map(|queue| queue.state()),
            baseline: self.baseline.value(),
            load: self.load.value(),
            previous_load: self.spikes.previous(),
            outage_cycles: self.outage.cycles(),
            adaptive: None,
        }
    }

    fn complete(&mut self, rtt: Millis) -> Decision {
        let load = self.load.update(rtt);
        self.baseline.observe(rtt, load);
        let spike = self.spikes.observe(load);
        let directions = PerDirection::new(self.download(spike), self.upload());
        self.decision(Outcome::Completed, Some(rtt), directions)
    }

    /// A spike makes the step RED; where the delay alone does, it is the better reason.
    fn download(&mut self, spike: Option<Spike>) -> Adjustment {
        let (baseline, load) = (self.baseline.value(), self.load.value());
        let limits = &self.thresholds;
        match spike {
            Some(spike) if load - baseline <= limits.hard_red().get() => {
                self.queues.download.force_red(spike)
            }
            Some(_) | None => self.queues.download.adjust_4state(
                baseline,
                load,
                limits.target(),
                limits.warn(),
                limits.hard_red(),
            ),
        }
    }

    fn upload(&mut self) -> Adjustment {
        let (baseline, load) = (self.baseline.value(), self.load.value());
        self.queues.upload.adjust(
            baseline,
            load,
            self.thresholds.target(),
            self.thresholds.warn(),
        )
    }

    fn hold(&self, outcome: Outcome) -> Decision {
        let directions = self.queues.as_ref().map(QueueController::hold);
        self.decision(outcome, None, directions)
    }

    fn decision(
        &self,
        outcome: Outcome,
        rtt: Option<Millis>,
        directions: PerDirection<Adjustment>,
    ) -> Decision {
        Decision {
            outcome,
            rtt,
            baseline: self.baseline.value(),
            load: self.load.value(),
            directions,
        }
    }
}

#[cfg(test)]
mod tests;
