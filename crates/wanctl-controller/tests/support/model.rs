//! A second, plain implementation of the control rules, written from their tables: strings,
//! `f64` and `i64` only. It shares no code with the crate and exists to disagree with it.

use wanctl_controller::{
    Aggregation, ControllerConfig, Observation, QueueConfig, Reachability, SilenceMode,
};

pub(crate) const GREEN: i64 = 0;
pub(crate) const YELLOW: i64 = 1;
pub(crate) const SOFT_RED: i64 = 2;
pub(crate) const RED: i64 = 3;

/// What one direction answers: zone code, rate in bit/s, reason.
pub(crate) type Answer = (i64, i64, Option<String>);

/// A threshold: its value and how it prints.
pub(crate) type Limit<'a> = (f64, &'a str);

#[derive(Clone, Debug)]
pub(crate) struct QueueModel {
    pub(crate) config: QueueConfig,
    pub(crate) rate: f64,
    pub(crate) green: i64,
    pub(crate) soft_red: i64,
    pub(crate) red: i64,
    pub(crate) zone: i64,
}

impl QueueModel {
    pub(crate) fn new(config: QueueConfig) -> Self {
        Self {
            config,
            rate: config.ceiling.get(),
            green: 0,
            soft_red: 0,
            red: 0,
            zone: GREEN,
        }
    }

    pub(crate) fn three(&mut self, delta: f64, target: Limit<'_>, warn: Limit<'_>) -> Answer {
        let zone;
        if delta > warn.0 {
            zone = RED;
            self.green = 0;
            self.red += 1;
        } else if delta > target.0 {
            zone = YELLOW;
            self.green = 0;
            self.red = 0;
        } else {
            zone = GREEN;
            self.green += 1;
            self.red = 0;
        }
        self.move_rate(zone, self.config.floors.red.get());
        let reason = match zone {
            RED => text(delta, "exceeded", "warn", warn),
            YELLOW => text(delta, "exceeded", "target", target),
            _ => text(delta, "fell below", "target", target),
        };
        self.answer(zone, reason)
    }

    pub(crate) fn four(
        &mut self,
        delta: f64,
        green: Limit<'_>,
        soft_red: Limit<'_>,
        hard_red: Limit<'_>,
    ) -> Answer {
        let mut zone;
        if delta > hard_red.0 {
            zone = RED;
            (self.green, self.soft_red, self.red) = (0, 0, self.red + 1);
        } else if delta > soft_red.0 {
            zone = SOFT_RED;
            (self.green, self.soft_red, self.red) = (0, self.soft_red + 1, 0);
        } else if delta > green.0 {
            zone = YELLOW;
            (self.green, self.soft_red, self.red) = (0, 0, 0);
        } else {
            zone = GREEN;
            (self.green, self.soft_red, self.red) = (self.green + 1, 0, 0);
        }
        if zone == SOFT_RED && self.soft_red < i64::from(self.config.soft_red_required) {
            zone = YELLOW;
        }
        let floors = self.config.floors;
        let floor = [floors.green, floors.yellow, floors.soft_red, floors.red]
            [usize::try_from(zone).unwrap()];
        self.move_rate(zone, floor.get());
        let reason = match zone {
            RED => text(delta, "exceeded", "hard_red", hard_red),
            SOFT_RED => text(delta, "exceeded", "soft_red", soft_red),
            YELLOW => text(delta, "exceeded", "green", green),
            _ => text(delta, "fell below", "green", green),
        };
        self.answer(zone, reason)
    }

    pub(crate) fn spike(&mut self, rise: f64, limit: Limit<'_>) -> Answer {
        (self.green, self.soft_red, self.red) = (0, 0, self.red + 1);
        self.move_rate(RED, self.config.floors.red.get());
        let reason = format!(
            "RTT acceleration {rise:.1}ms exceeded accel threshold {}ms",
            limit.1
        );
        self.answer(RED, reason)
    }

    fn move_rate(&mut self, zone: i64, floor: f64) {
        let mut rate = self.rate;
        if zone == RED {
            rate = whole(rate * self.config.factor_down.get());
        } else if zone == YELLOW {
            rate = whole(rate * self.config.factor_down_yellow.get());
        } else if zone == GREEN && self.green >= i64::from(self.config.green_required) {
            rate += self.config.step_up.get();
        }
        if rate < floor {
            rate = floor;
        }
        if rate > self.config.ceiling.get() {
            rate = self.config.ceiling.get();
        }
        self.rate = whole(rate);
    }

    fn answer(&mut self, zone: i64, reason: String) -> Answer {
        let reason = (zone != self.zone).then_some(reason);
        self.zone = zone;
        (zone, self.rate as i64, reason)
    }
}

/// Truncated by way of an integer, which is exact below 2^53.
fn whole(rate: f64) -> f64 {
    (rate as i64) as f64
}

fn text(delta: f64, verb: &str, label: &str, limit: Limit<'_>) -> String {
    format!(
        "RTT delta {delta:.1}ms {verb} {label} threshold {}ms",
        limit.1
    )
}

/// One WAN: averages, silence, spike and both directions.
#[derive(Clone, Debug)]
pub(crate) struct WanModel {
    pub(crate) config: ControllerConfig,
    pub(crate) load: f64,
    pub(crate) previous: f64,
    pub(crate) baseline: f64,
    pub(crate) silent: i64,
    pub(crate) download: QueueModel,
    pub(crate) upload: QueueModel,
}

/// How a step ended: both answers of a completed one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ending {
    Completed(f64, Answer, Answer),
    Frozen,
    Failed,
}

impl WanModel {
    pub(crate) fn new(config: &ControllerConfig) -> Self {
        let initial = config.baseline.initial.get();
        Self {
            load: initial,
            previous: initial,
            baseline: initial,
            silent: 0,
            download: QueueModel::new(config.queues.download),
            upload: QueueModel::new(config.queues.upload),
            config: config.clone(),
        }
    }

    pub(crate) fn step(&mut self, seen: &Observation) -> Ending {
        let measured = measure(self.config.aggregation, seen);
        if let Some(rtt) = measured {
            self.silent = 0;
            return self.complete(rtt);
        }
        let connected = match seen.reachability {
            None | Some(Reachability::Nothing) => return Ending::Failed,
            Some(Reachability::Tcp(rtt)) if rtt.get() > 0.0 => Some(rtt.get()),
            Some(_) => None,
        };
        self.silent += 1;
        if let Some(rtt) = connected {
            return self.complete(rtt);
        }
        let last = i64::from(self.config.silence.max_cycles);
        match (self.config.silence.mode, self.silent) {
            (SilenceMode::UseLastRtt, _) | (SilenceMode::GracefulDegradation, 1) => {
                self.complete(self.load)
            }
            (SilenceMode::Freeze, _) => Ending::Frozen,
            (SilenceMode::GracefulDegradation, n) if n <= last => Ending::Frozen,
            (SilenceMode::GracefulDegradation, _) => Ending::Failed,
        }
    }

    fn complete(&mut self, rtt: f64) -> Ending {
        let weight = self.config.load_alpha.get();
        self.load = (1.0 - weight) * self.load + weight * rtt;
        let rules = self.config.baseline;
        if self.load - self.baseline < rules.update_threshold.get() {
            let weight = rules.alpha.get();
            let candidate = (1.0 - weight) * self.baseline + weight * rtt;
            if rules.min.get() <= candidate && candidate <= rules.max.get() {
                self.baseline = candidate;
            }
        }
        let delta = self.load - self.baseline;
        let rise = self.load - self.previous;
        self.previous = self.load;
        let names = [
            self.config.thresholds.target(),
            self.config.thresholds.warn(),
            self.config.thresholds.hard_red(),
            self.config.accel_threshold,
        ]
        .map(|limit| (limit.get().get(), limit.to_string()));
        let [target, warn, hard, accel] = names.each_ref().map(|(v, name)| (*v, name.as_str()));
        let download = if rise > accel.0 && delta <= hard.0 {
            self.download.spike(rise, accel)
        } else {
            self.download.four(delta, target, warn, hard)
        };
        let upload = self.upload.three(delta, target, warn);
        Ending::Completed(rtt, download, upload)
    }
}

fn measure(aggregation: Aggregation, seen: &Observation) -> Option<f64> {
    let all: Vec<Option<f64>> = seen
        .reflectors
        .iter()
        .map(|reflector| reflector.rtt.map(wanctl_types::Millis::get))
        .map(|rtt| rtt.filter(|rtt| *rtt > 0.0))
        .collect();
    if aggregation == Aggregation::First || all.len() < 3 {
        return all.first().copied().flatten();
    }
    let mut three: Vec<f64> = all[..3].iter().copied().flatten().collect();
    three.sort_by(f64::total_cmp);
    match three[..] {
        [] => None,
        [one] => Some(one),
        [a, b] => Some(f64::midpoint(a, b)),
        [_, middle, ..] => Some(middle),
    }
}
