//! What is remembered of the way to one WAN's targets.
//!
//! Every figure is smoothed with a time constant in seconds, so that it does not depend on how
//! often it is looked at.

use core::time::Duration;

use arrayvec::ArrayVec;
use wanctl_types::{Millis, Timestamp};

use crate::{Assessment, DwellTimes, Limits, MAX_TARGETS, Quality, WanObservation, WanPolicy};

/// How fast the smoothed round trip follows, seconds.
const RTT_TAU: f64 = 1.0;
/// How fast the smoothed jitter follows, seconds.
const JITTER_TAU: f64 = 5.0;
/// How fast counted losses are forgotten, seconds.
const LOSS_TAU: f64 = 15.0;
/// How fast the idle round trip follows a lower one, seconds.
const FALL_TAU: f64 = 5.0;
/// How fast it follows a higher one that is not yet too high, seconds.
const RISE_TAU: f64 = 60.0;
/// How fast it follows one that is: a route that has become longer for good must be believed some
/// day, an evening of congestion must not.
const RISE_TAU_CONGESTED: f64 = 14_400.0;

/// The longest time that one answer stands for: after a gap it is no better known than before.
const LONGEST: Duration = Duration::from_secs(1);

/// One WAN's targets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    targets: ArrayVec<Target, MAX_TARGETS>,
    begun: Option<Timestamp>,
    known: Known,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Target {
    baseline: Option<f64>,
    rtt: Option<f64>,
    jitter: f64,
    lost: f64,
    probes: f64,
    silent: Duration,
    /// Time that the next answer stands for.
    unheard: Duration,
}

impl Path {
    pub(crate) fn new(policy: &WanPolicy) -> Self {
        let targets = core::iter::repeat_n(Target::default(), policy.targets)
            .take(MAX_TARGETS)
            .collect();
        Self {
            targets,
            begun: None,
            known: Known::default(),
        }
    }

    /// Idle round trips as learned, by target; `None` where nothing answered yet.
    pub(crate) fn baselines(&self) -> ArrayVec<Option<Millis>, MAX_TARGETS> {
        self.targets
            .iter()
            .map(|target| target.baseline.and_then(Millis::new))
            .collect()
    }

    /// Goes on from idle round trips learned earlier; ones that make no sense are passed over.
    pub(crate) fn restore(&mut self, baselines: &[Option<Millis>]) {
        for (target, baseline) in self.targets.iter_mut().zip(baselines) {
            target.baseline = baseline.map(Millis::get).filter(|ms| *ms >= 0.0);
        }
    }

    /// Takes in what happened in the last `dt`.
    pub(crate) fn observe(
        &mut self,
        now: Timestamp,
        dt: Duration,
        seen: &WanObservation,
        limits: &Limits,
    ) {
        self.begun.get_or_insert(now);
        for (place, target) in self.targets.iter_mut().enumerate() {
            target.unheard = target.unheard.saturating_add(dt);
            let Some(seen) = seen.targets.get(place) else {
                target.silent = target.silent.saturating_add(dt);
                continue;
            };
            target.silent = seen.silent;
            target.count(self.known.of(dt), seen.answered, seen.lost);
            if let Some(rtt) = seen.rtt {
                let unheard = core::mem::take(&mut target.unheard).min(LONGEST.max(dt));
                let variation = seen.variation.map(Millis::get);
                let weights = self.known.of(unheard);
                target.answer(weights, rtt.get().max(0.0), variation, limits);
            }
        }
    }

    /// Judges the WAN.
    pub(crate) fn assess(
        &self,
        now: Timestamp,
        policy: &WanPolicy,
        limits: &Limits,
        dwell: &DwellTimes,
        seen: &WanObservation,
    ) -> Assessment {
        let measured = self
            .begun
            .map_or(Duration::ZERO, |begun| now.saturating_since(begun));
        let answering = self.answering(limits).count();
        if answering < policy.quorum {
            let silent = self.decisive_silence(policy.quorum);
            // Before anything was heard, silence counts from the beginning of probing.
            if measured < dwell.settle && self.targets.iter().all(|t| t.rtt.is_none()) {
                return Assessment::Unknown {
                    measured,
                    needed: dwell.settle,
                };
            }
            return Assessment::Down {
                silent,
                answering,
                quorum: policy.quorum,
            };
        }
        match self.quality(limits) {
            Some(quality) if measured >= dwell.settle => {
                let queue = seen.queue.as_ref();
                let queue = queue.filter(|queue| queue.age <= limits.fresh);
                Assessment::of(quality, queue, limits)
            }
            Some(_) | None => Assessment::Unknown {
                measured,
                needed: dwell.settle,
            },
        }
    }

    /// How long it has been silent, as far as the quorum goes.
    pub(crate) fn silent(&self, quorum: usize) -> Duration {
        self.decisive_silence(quorum)
    }

    /// When, without another answer, fewer targets than the quorum will answer.
    pub(crate) fn silence_due(&self, now: Timestamp, quorum: usize, limits: &Limits) -> Timestamp {
        let silent = self.decisive_silence(quorum);
        now + limits.silence.saturating_sub(silent)
    }

    /// The idle round trip: the lower median over the targets that answer.
    pub(crate) fn baseline(&self, limits: &Limits) -> Option<Millis> {
        lower_median(self.answering(limits).filter_map(|t| t.baseline)).map(Millis::saturating)
    }

    fn quality(&self, limits: &Limits) -> Option<Quality> {
        let median = |figure: fn(&Target) -> Option<f64>| {
            lower_median(self.answering(limits).filter_map(figure))
        };
        Some(Quality {
            rtt: Millis::saturating(median(|target| target.rtt)?),
            delay: Millis::saturating(median(Target::delay)?),
            jitter: Millis::saturating(median(|target| Some(target.jitter))?),
            loss: median(|target| Some(target.loss()))?,
        })
    }

    fn answering(&self, limits: &Limits) -> impl Iterator<Item = &Target> {
        let silence = limits.silence;
        self.targets
            .iter()
            .filter(move |target| target.silent < silence)
    }

    /// The silence of the target whose answer would make the quorum.
    fn decisive_silence(&self, quorum: usize) -> Duration {
        let mut silences: ArrayVec<Duration, MAX_TARGETS> =
            self.targets.iter().map(|target| target.silent).collect();
        silences.sort_unstable();
        let place = quorum.saturating_sub(1);
        silences.get(place).copied().unwrap_or(Duration::MAX)
    }
}

impl Target {
    fn delay(&self) -> Option<f64> {
        Some((self.rtt? - self.baseline?).max(0.0))
    }

    fn loss(&self) -> f64 {
        if self.probes > 0.0 {
            (self.lost / self.probes).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    fn count(&mut self, weights: Weights, answered: u32, lost: u32) {
        let kept = 1.0 - weights.loss;
        self.lost = self.lost * kept + f64::from(lost);
        self.probes = self.probes * kept + f64::from(answered) + f64::from(lost);
    }

    fn answer(&mut self, weights: Weights, rtt: f64, variation: Option<f64>, limits: &Limits) {
        let smoothed = toward(self.rtt.unwrap_or(rtt), rtt, weights.rtt);
        self.rtt = Some(smoothed);
        if let Some(variation) = variation {
            self.jitter = toward(self.jitter, variation, weights.jitter);
        }
        let Some(baseline) = self.baseline else {
            self.baseline = Some(rtt);
            return;
        };
        let weight = if smoothed < baseline {
            weights.fall
        } else if smoothed - baseline < limits.yellow_delay.get() {
            weights.rise
        } else {
            weights.rise_congested
        };
        self.baseline = Some(toward(baseline, smoothed, weight));
    }
}

/// What a sample that stands for some time weighs in each average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Weights {
    loss: f64,
    rtt: f64,
    jitter: f64,
    fall: f64,
    rise: f64,
    rise_congested: f64,
}

impl Weights {
    fn of(time: Duration) -> Self {
        let dt = time.as_secs_f64();
        Self {
            loss: weight(dt, LOSS_TAU),
            rtt: weight(dt, RTT_TAU),
            jitter: weight(dt, JITTER_TAU),
            fall: weight(dt, FALL_TAU),
            rise: weight(dt, RISE_TAU),
            rise_congested: weight(dt, RISE_TAU_CONGESTED),
        }
    }
}

/// The weights of the last two times: most steps are as long as the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Known {
    slots: [(Duration, Weights); 2],
}

impl Known {
    fn of(&mut self, time: Duration) -> Weights {
        let [first, second] = &mut self.slots;
        if first.0 != time {
            core::mem::swap(first, second);
            if first.0 != time {
                *first = (time, Weights::of(time));
            }
        }
        first.1
    }
}

/// What a sample that stands for `dt` seconds weighs in an average with time constant `tau`.
fn weight(dt: f64, tau: f64) -> f64 {
    1.0 - (-dt / tau).exp()
}

fn toward(from: f64, to: f64, weight: f64) -> f64 {
    from + (to - from) * weight
}

/// The middle value, of an even number the lower of the two.
fn lower_median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: ArrayVec<f64, MAX_TARGETS> = values.take(MAX_TARGETS).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = sorted.len().checked_sub(1)? / 2;
    sorted.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, TargetObservation};

    const CYCLE: Duration = Duration::from_millis(250);

    /// Feeds cycles of these round trips, one per target, `None` for silence.
    struct Feed {
        path: Path,
        policy: WanPolicy,
        now: Timestamp,
        silent: Vec<Duration>,
        last: WanObservation,
    }

    impl Feed {
        fn new(targets: usize) -> Self {
            let policy = WanPolicy::new(targets);
            Self {
                path: Path::new(&policy),
                policy,
                now: Timestamp::ZERO,
                silent: vec![Duration::ZERO; targets],
                last: WanObservation::default(),
            }
        }

        fn run(&mut self, time: Duration, rtts: &[Option<f64>]) -> Assessment {
            let limits = Limits::default();
            let end = self.now + time;
            while self.now < end {
                self.now = self.now + CYCLE;
                self.last = WanObservation::default();
                for (rtt, silent) in rtts.iter().zip(&mut self.silent) {
                    *silent = if rtt.is_some() {
                        Duration::ZERO
                    } else {
                        *silent + CYCLE
                    };
                    self.last.targets.push(TargetObservation {
                        rtt: rtt.and_then(Millis::new),
                        variation: None,
                        answered: u32::from(rtt.is_some()),
                        lost: u32::from(rtt.is_none()),
                        silent: *silent,
                    });
                }
                self.path.observe(self.now, CYCLE, &self.last, &limits);
            }
            self.path.assess(
                self.now,
                &self.policy,
                &limits,
                &DwellTimes::default(),
                &self.last,
            )
        }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_wan_is_unknown_until_it_has_been_measured() {
        let mut feed = Feed::new(3);
        let rtts = [Some(20.0); 3];
        assert_eq!(feed.run(secs(2), &rtts).level(), Level::Unknown);
        assert_eq!(feed.run(secs(2), &rtts).level(), Level::Green);
    }

    #[test]
    fn one_dead_target_of_three_changes_nothing() {
        let mut feed = Feed::new(3);
        feed.run(secs(10), &[Some(20.0); 3]);
        let judged = feed.run(secs(60), &[Some(20.0), None, Some(22.0)]);
        assert_eq!(judged.level(), Level::Green, "{judged}");
    }

    #[test]
    fn one_slow_target_of_three_changes_nothing() {
        let mut feed = Feed::new(3);
        feed.run(secs(10), &[Some(20.0); 3]);
        let judged = feed.run(secs(60), &[Some(20.0), Some(300.0), Some(20.0)]);
        assert_eq!(judged.level(), Level::Green, "{judged}");
    }

    #[test]
    fn silence_of_the_quorum_is_an_outage_and_says_how_long() {
        let mut feed = Feed::new(3);
        feed.run(secs(10), &[Some(20.0); 3]);
        let silent = [None, None, Some(20.0)];
        assert!(feed.run(Duration::from_millis(1_250), &silent).is_up());
        match feed.run(Duration::from_millis(250), &silent) {
            Assessment::Down {
                silent,
                answering,
                quorum,
            } => {
                assert_eq!(silent, Duration::from_millis(1_500));
                assert_eq!((answering, quorum), (1, 2));
            }
            other @ (Assessment::Unknown { .. }
            | Assessment::Green { .. }
            | Assessment::Yellow { .. }
            | Assessment::Red { .. }) => panic!("{other}"),
        }
    }

    #[test]
    fn a_wan_that_never_answered_is_down_in_the_end() {
        let mut feed = Feed::new(3);
        assert_eq!(feed.run(secs(2), &[None; 3]).level(), Level::Unknown);
        assert_eq!(feed.run(secs(2), &[None; 3]).level(), Level::Down);
    }

    #[test]
    fn an_hour_of_congestion_does_not_become_the_baseline() {
        let mut feed = Feed::new(3);
        feed.run(secs(60), &[Some(20.0); 3]);
        let judged = feed.run(secs(3_600), &[Some(90.0); 3]);
        assert_eq!(judged.level(), Level::Red, "{judged}");
    }

    #[test]
    fn a_route_that_became_longer_for_good_is_believed_some_day() {
        let mut feed = Feed::new(3);
        feed.run(secs(60), &[Some(20.0); 3]);
        let judged = feed.run(secs(6 * 3_600), &[Some(45.0); 3]);
        assert_eq!(judged.level(), Level::Green, "{judged}");
    }

    #[test]
    fn a_gap_of_zero_delay_does_not_let_the_next_spike_through() {
        let mut feed = Feed::new(1);
        feed.run(secs(60), &[Some(20.0)]);
        let judged = feed.run(CYCLE, &[Some(60.0)]);
        let delay = judged.quality().unwrap().delay;
        assert!(delay < Millis::saturating(10.0), "{delay}");
    }

    #[test]
    fn weights_compose() {
        let twice = 1.0 - (1.0 - weight(0.05, 1.0)).powi(40);
        assert!((twice - weight(2.0, 1.0)).abs() < 1e-12);
    }
}
