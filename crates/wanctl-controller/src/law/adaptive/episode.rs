//! Whose queue is it, and is it a queue at all?
//!
//! An episode begins when the delay is above the threshold for long enough, and ends when it falls
//! well below.

use wanctl_signal::Window;
use wanctl_types::{Direction, PerDirection};

use super::lane::{Lane, Mode, Sight, TEST_SHARE, Verdict, lag};
use super::meter::Meter;

/// A delay above this many thresholds needs no confirmation.
const OBVIOUS: f64 = 3.0;
/// An episode ends below this part of the threshold.
const OVER: f64 = 0.7;
/// Ticks for which a direction that fills neither the line nor our shaper is given the benefit of
/// the doubt.
const DOUBT: f64 = 16.0;
/// Ticks for which a direction is trusted that holds and whose queue is ours.
const TRUST: u32 = 4;
/// The delay must answer so long after the first sign of a cut could be seen, seconds: what we send
/// less is missing at once, what others send less to us has to be lost first.
const UPLOAD_ANSWERS: f64 = 0.15;
const DOWNLOAD_ANSWERS: f64 = 0.3;
/// The longest that one direction is held responsible without an answer, seconds.
const LONGEST_TRIAL: f64 = 0.6;
/// Who was found guilty is remembered for so long, seconds.
const REMEMBERED: f64 = 30.0;
/// A delay that differs by no more than this, ms, over [`RECENT`] ticks stands still.
const STILL: f64 = 3.0;
const RECENT: usize = 6;
const RECENT_COUNT: f64 = 6.0;
/// After a test that showed a queue there is none for so long, seconds.
const NO_TEST_FOR: f64 = 5.0;
/// More than this part of the rate makes a direction take part in an episode.
const TAKES_PART: f64 = 0.3;
/// Up to this part of a download, what goes up are its acknowledgements: 66 bytes for every
/// second packet, and some.
const ACKNOWLEDGED: f64 = 0.03;
/// Less than this fills no line, bit/s: probes, answers, a call.
const BACKGROUND: f64 = 200e3;
/// A path never grows by more than this at once while there is load, ms.
const MOST_LONGER: f64 = 60.0;

/// The state of suspicion.
#[derive(Clone, Debug, Default)]
pub(super) struct Episodes {
    current: Option<Episode>,
    recent: Window<RECENT>,
    test: Option<Test>,
    no_test_before: f64,
    acquitted: Option<Direction>,
    convicted: Option<Direction>,
    is_shared: bool,
    guilty: Option<(Direction, f64)>,
}

/// A supposition under test.
#[derive(Clone, Copy, Debug)]
struct Test {
    until: f64,
    by: f64,
    below: u32,
}

#[derive(Clone, Copy, Debug)]
struct Episode {
    since: f64,
    ticks: u32,
    blame: Option<Blame>,
}

/// Who is held responsible, since when, and how long the delay was then.
#[derive(Clone, Copy, Debug)]
struct Blame {
    direction: Direction,
    since: f64,
    added: f64,
    /// Whether the other direction was held responsible before.
    is_second: bool,
}

/// What an episode came to in one tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Finding {
    /// Who is held responsible.
    Verdicts(PerDirection<Verdict>),
    /// It is supposed to be no queue but a longer path, by so many ms, and tested until then.
    LongerPath { by: f64, until: f64 },
    /// The test is over: the path is longer, or else as long as before.
    Tested { is_longer: bool },
}

impl Episodes {
    pub(super) fn observe(
        &mut self,
        sight: &Sight,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> Finding {
        let delay = &sight.delay;
        self.recent.push(delay.added);
        if let Some(finding) = self.judge_test(sight) {
            return finding;
        }
        if !self.goes_on(sight) {
            return Finding::Verdicts(CLEAR);
        }
        if let Some(finding) = self.suppose(sight, meters) {
            return finding;
        }
        let is_obvious = delay.added > OBVIOUS * sight.threshold;
        if sight.standing <= sight.threshold && !is_obvious {
            return Finding::Verdicts(self.as_before(lanes));
        }
        Finding::Verdicts(self.suspects(sight, meters, lanes))
    }

    /// Whether there is an episode now.
    fn goes_on(&mut self, sight: &Sight) -> bool {
        let is_above = sight.standing > sight.threshold;
        let is_obvious = sight.delay.added > OBVIOUS * sight.threshold;
        match &mut self.current {
            Some(_) if sight.standing < OVER * sight.threshold => {
                self.current = None;
                false
            }
            Some(episode) => {
                episode.ticks += 1;
                true
            }
            None if is_above || is_obvious => {
                self.current = Some(Episode {
                    since: sight.now,
                    ticks: 0,
                    blame: None,
                });
                true
            }
            None => false,
        }
    }

    /// Directions that drain go on being responsible while the delay is not yet gone.
    fn as_before(&self, lanes: &PerDirection<Lane>) -> PerDirection<Verdict> {
        lanes.as_ref().map(|lane| match lane.mode() {
            Mode::Drain { .. } => Verdict::Suspect,
            Mode::Hold { .. } | Mode::Search { .. } | Mode::Test { .. } => Verdict::Clear,
        })
    }

    fn suspects(
        &mut self,
        sight: &Sight,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> PerDirection<Verdict> {
        let Some(episode) = self.current else {
            return CLEAR;
        };
        let lasted = sight.now - episode.since;
        let mut busy = meters.as_ref().map(Meter::is_busy);
        busy.download |= meters.download.is_level();
        busy.upload |= meters.upload.is_level();
        let answers_only = PerDirection::from_fn(|direction| {
            let meter = &meters[direction];
            let answers = ACKNOWLEDGED * meters[other(direction)].most_over(1.25);
            let answers = answers.max(BACKGROUND);
            !meter.is_bound() && meter.delivered() < answers
        });
        for direction in Direction::BOTH {
            busy[direction] &= !answers_only[direction];
        }
        let known = Direction::BOTH.iter().all(|d| meters[*d].is_known());
        if !known {
            return self.unmetered(lanes);
        }
        self.is_shared = busy.download && busy.upload;
        match (busy.download, busy.upload) {
            (true, true) => self.of_two(sight, meters, lanes),
            (true, false) => Self::of_one(Direction::Download, &episode, sight, meters, lanes),
            (false, true) => Self::of_one(Direction::Upload, &episode, sight, meters, lanes),
            (false, false) => {
                let used = PerDirection::from_fn(|direction| {
                    let meter: &Meter = &meters[direction];
                    if answers_only[direction] { 0.0 } else { meter.used() }
                });
                let direction = if used.download >= used.upload {
                    Direction::Download
                } else {
                    Direction::Upload
                };
                if lasted > 0.5 && used[direction] > 0.2 {
                    only(direction)
                } else {
                    CLEAR
                }
            }
        }
    }

    /// Without counters nothing tells the directions apart, but that one of them searches.
    fn unmetered(&self, lanes: &PerDirection<Lane>) -> PerDirection<Verdict> {
        let searching = lanes.as_ref().map(Lane::is_near_the_end);
        match (searching.download, searching.upload) {
            (true, false) => only(Direction::Download),
            (false, true) => only(Direction::Upload),
            (true, true) | (false, false) => PerDirection::new(Verdict::Suspect, Verdict::Suspect),
        }
    }

    fn of_one(
        direction: Direction,
        episode: &Episode,
        sight: &Sight,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> PerDirection<Verdict> {
        let (meter, lane) = (&meters[direction], &lanes[direction]);
        let is_bound = meter.is_bound();
        let limit = lane.rate().min(lane.estimate());
        let delivered = meter.delivered();
        let explained = delivered * inflation(sight) > 0.85 * meter.most_over(1.25);
        let holds = matches!(lane.mode(), Mode::Hold { .. });
        let is_dire = sight.delay.added > 6.0 * sight.threshold;
        let doubt = DOUBT * (1.0 - lane.volatility());
        if !is_bound
            && sight.delay.added <= OBVIOUS * sight.threshold
            && delivered < 0.9 * limit
            && explained
            && !meter.is_level()
            && f64::from(episode.ticks) < doubt
        {
            return CLEAR;
        }
        if holds && is_bound && !is_dire && episode.ticks < TRUST {
            return CLEAR;
        }
        only(direction)
    }

    /// One is held responsible at a time. The queue has to answer to its cut; if it does not, it
    /// was the other one.
    fn of_two(
        &mut self,
        sight: &Sight,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> PerDirection<Verdict> {
        let Some(episode) = self.current else {
            return CLEAR;
        };
        let lasted = sight.now - episode.since;
        let Some(blame) = episode.blame else {
            let first = self.first_of_two(lasted, sight, meters, lanes);
            let verdicts = Self::of_one_of_two(first, &episode, sight, meters, lanes);
            if verdicts != CLEAR {
                self.blame(first, sight, false);
            }
            return verdicts;
        };
        let patience = match blame.direction {
            Direction::Download => DOWNLOAD_ANSWERS,
            Direction::Upload => UPLOAD_ANSWERS,
        };
        if blame.direction == Direction::Upload
            && meters.download.is_level()
            && sight.now - blame.since > 0.2
        {
            self.blame(Direction::Download, sight, false);
            return only(Direction::Download);
        }
        let ordered = lanes[blame.direction].ordered_at().max(blame.since);
        // A queue that grows while our shaper holds back what the provider delivers is not there.
        let is_contradicted = blame.direction == Direction::Download
            && meters.download.is_bound()
            && sight.delay.slope > sight.least_slope
            && sight.now - blame.since > lag(sight);
        let is_due = sight.now - ordered > lag(sight) + patience
            || sight.now - blame.since > LONGEST_TRIAL
            || is_contradicted;
        let answers = sight.delay.added < 0.85 * blame.added || sight.delay.slope < -0.02;
        // What falls before the newest cut can have had an effect answers to the one before it.
        let too_soon = sight.now - blame.since < lag(sight);
        if blame.is_second && too_soon && sight.delay.added < 0.85 * blame.added && answers {
            self.acquitted = Some(blame.direction);
            self.convicted = Some(other(blame.direction));
            self.guilty = None;
            self.blame(other(blame.direction), sight, false);
            return CLEAR;
        }
        if !is_due || answers {
            return Self::held(blame, meters, lanes);
        }
        self.acquitted = Some(blame.direction);
        let other = other(blame.direction);
        self.blame(other, sight, true);
        self.guilty = Some((other, sight.now));
        let blame = Blame {
            direction: other,
            since: sight.now,
            added: sight.delay.added,
            is_second: true,
        };
        Self::held(blame, meters, lanes)
    }

    /// A download that only gets less because everything takes longer is not to be taken for a
    /// slower line.
    fn held(
        blame: Blame,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> PerDirection<Verdict> {
        let mut verdicts = only(blame.direction);
        let is_clear = meters.download.is_level()
            || !lanes.download.is_proven()
            || meters.download.is_bound();
        if blame.direction == Direction::Download && blame.is_second && !is_clear {
            verdicts.download = Verdict::Accomplice;
        }
        verdicts
    }

    /// Whether both directions may have caused the delay when it was last looked at.
    pub(super) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Who turned out to be responsible after having been acquitted.
    pub(super) fn convicted(&mut self) -> Option<Direction> {
        self.convicted.take()
    }

    fn blame(&mut self, direction: Direction, sight: &Sight, is_second: bool) {
        if let Some(episode) = &mut self.current {
            episode.blame = Some(Blame {
                direction,
                since: sight.now,
                added: sight.delay.added,
                is_second,
            });
        }
    }

    /// Whose cut the queue did not answer to.
    pub(super) fn acquitted(&mut self) -> Option<Direction> {
        self.acquitted.take()
    }

    fn of_one_of_two(
        direction: Direction,
        episode: &Episode,
        sight: &Sight,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> PerDirection<Verdict> {
        let holds = matches!(lanes[direction].mode(), Mode::Hold { .. });
        let is_dire = sight.delay.added > 6.0 * sight.threshold;
        if holds && meters[direction].is_bound() && !is_dire && episode.ticks < TRUST {
            return CLEAR;
        }
        only(direction)
    }

    /// Backlog in our download shaper proves that the provider delivers at least our rate. Backlog
    /// in our upload shaper proves nothing: that traffic has not met the provider's queue yet.
    fn first_of_two(
        &self,
        lasted: f64,
        sight: &Sight,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> Direction {
        let near = lanes
            .as_ref()
            .map(|lane| lane.is_near_the_end() || lane.was_just_cut(sight.now));
        if lasted < 0.5 {
            match (near.download, near.upload) {
                (true, false) => return Direction::Download,
                (false, true) => return Direction::Upload,
                (true, true) | (false, false) => {}
            }
        }
        let (meter, lane) = (&meters.download, &lanes.download);
        let delivered = meter.delivered();
        let fills =
            delivered >= 0.93 * lane.rate().min(lane.estimate()) && meter.bound_over(1.25) > 0.4;
        let fell = delivered * inflation(sight) < 0.85 * meter.most_over(1.25);
        let known = self
            .guilty
            .filter(|(_, at)| sight.now - at < REMEMBERED)
            .map(|(direction, _)| direction);
        if meter.is_bound() {
            return Direction::Upload;
        }
        if meter.is_level() {
            return Direction::Download;
        }
        if fills || fell || !lane.is_proven() || known == Some(Direction::Download) {
            Direction::Download
        } else {
            Direction::Upload
        }
    }

    /// A delay that stands still may be a longer path. The supposition is put to the test: all
    /// send less for a moment, and a queue would shrink.
    fn suppose(&mut self, sight: &Sight, meters: &PerDirection<Meter>) -> Option<Finding> {
        let episode = self.current.as_mut()?;
        let least = self.recent.iter().fold(f64::INFINITY, f64::min);
        let most = self.recent.iter().fold(f64::NEG_INFINITY, f64::max);
        let is_still = self.recent.len() == RECENT
            && most - least < STILL.max(0.4 * sight.threshold)
            && least > OVER * sight.threshold
            && !sight.delay.is_inferred;
        let takes_part = meters.as_ref().map(|meter| meter.used() > TAKES_PART);
        if !is_still
            || sight.now < self.no_test_before
            || !(takes_part.download || takes_part.upload)
        {
            return None;
        }
        let mean = self.recent.iter().sum::<f64>() / RECENT_COUNT;
        if mean > MOST_LONGER {
            return None;
        }
        let _ = episode;
        self.current = None;
        self.recent.shift(-mean);
        let until = sight.now + lag(sight) + mean / 1e3 / (1.0 - TEST_SHARE);
        self.test = Some(Test {
            until,
            by: mean,
            below: 0,
        });
        Some(Finding::LongerPath { by: mean, until })
    }

    /// Whether the test shows a queue after all.
    fn judge_test(&mut self, sight: &Sight) -> Option<Finding> {
        let test = self.test.as_mut()?;
        if sight.delay.added < -(0.3 * test.by).max(2.0) {
            test.below += 1;
        } else {
            test.below = 0;
        }
        let is_queue = test.below >= 3;
        let is_over = sight.now >= test.until && test.below == 0;
        if is_queue {
            self.no_test_before = sight.now + NO_TEST_FOR;
        }
        if is_queue || is_over {
            self.test = None;
            return Some(Finding::Tested {
                is_longer: !is_queue,
            });
        }
        None
    }
}

const CLEAR: PerDirection<Verdict> = PerDirection::new(Verdict::Clear, Verdict::Clear);

fn only(direction: Direction) -> PerDirection<Verdict> {
    let mut verdicts = CLEAR;
    verdicts[direction] = Verdict::Suspect;
    verdicts
}

const fn other(direction: Direction) -> Direction {
    match direction {
        Direction::Download => Direction::Upload,
        Direction::Upload => Direction::Download,
    }
}

/// How much longer a round trip takes, as a factor: what a sender with a fixed window loses by it.
fn inflation(sight: &Sight) -> f64 {
    1.0 + sight.delay.added.max(0.0) / sight.idle.max(1.0)
}
