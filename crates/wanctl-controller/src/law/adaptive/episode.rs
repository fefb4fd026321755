//! Whose queue is it, and is it a queue at all?
//!
//! An episode begins when the delay is above the threshold for long enough, and ends when it falls
//! well below. In it one direction is held responsible: the only one that carries enough, or the
//! one that a [`Trial`] of both comes to.

mod longer;
mod trial;

use wanctl_types::{Direction, PerDirection};

use super::lane::{Lane, Mode, Sight, Verdict};
use super::meter::Meter;
use longer::PathTest;
use trial::Trial;

/// A delay above this many thresholds needs no confirmation.
const OBVIOUS: f64 = 3.0;
/// A delay above this many thresholds is no time for patience.
const DIRE: f64 = 6.0;
/// An episode ends below this part of the threshold.
const OVER: f64 = 0.7;
/// Ticks for which a direction that fills neither the line nor our shaper is given the benefit of
/// the doubt.
const DOUBT: f64 = 16.0;
/// Ticks for which a direction is trusted that holds and whose queue is ours.
const TRUST: u32 = 4;
/// What was delivered before is remembered for so long, seconds: enough for a round trip and the
/// queue.
const BEFORE: f64 = 1.25;
/// A delivered rate that fell to no less than this of what it was, the longer round trip taken into
/// account, has not fallen.
const EXPLAINED: f64 = 0.85;
/// A direction that carries less than this part of what it may does not fill the line.
const FILLS: f64 = 0.9;
/// With nobody busy it takes so long, seconds, until the one that carries more than this part of
/// its rate is held responsible.
const LAST_RESORT: f64 = 0.5;
const LAST_RESORT_USE: f64 = 0.2;
/// Up to this part of what comes down, what goes up are its acknowledgements, and the other way
/// round: 66 bytes for every second packet, and some.
const ACKNOWLEDGED: f64 = 0.03;
/// Less than this fills no line, bit/s: probes, answers, a call.
const BACKGROUND: f64 = 200e3;

/// The state of suspicion.
#[derive(Clone, Debug, Default)]
pub(super) struct Episodes {
    current: Option<Episode>,
    trial: Trial,
    path_test: PathTest,
    is_shared: bool,
}

#[derive(Clone, Copy, Debug)]
struct Episode {
    since: f64,
    ticks: u32,
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
        self.path_test.observe(delay.added);
        if let Some(finding) = self.path_test.judge(sight) {
            return finding;
        }
        if !self.goes_on(sight) {
            return Finding::Verdicts(CLEAR);
        }
        if let Some(finding) = self.path_test.suppose(sight, meters) {
            self.end();
            return finding;
        }
        let is_obvious = delay.added > OBVIOUS * sight.threshold;
        if sight.standing <= sight.threshold && !is_obvious {
            return Finding::Verdicts(Self::as_before(lanes));
        }
        Finding::Verdicts(self.suspects(sight, meters, lanes))
    }

    /// Whether there is an episode now.
    fn goes_on(&mut self, sight: &Sight) -> bool {
        let is_above = sight.standing > sight.threshold;
        let is_obvious = sight.delay.added > OBVIOUS * sight.threshold;
        match &mut self.current {
            Some(_) if sight.standing < OVER * sight.threshold => {
                self.end();
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
                });
                true
            }
            None => false,
        }
    }

    fn end(&mut self) {
        self.current = None;
        self.trial.end();
    }

    /// Directions that drain go on being responsible while the delay is not yet gone.
    fn as_before(lanes: &PerDirection<Lane>) -> PerDirection<Verdict> {
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
            let answers = ACKNOWLEDGED * meters[other(direction)].most_over(BEFORE);
            !meter.is_bound() && meter.delivered() < answers + BACKGROUND
        });
        for direction in Direction::BOTH {
            busy[direction] &= !answers_only[direction];
        }
        let known = Direction::BOTH.iter().all(|d| meters[*d].is_known());
        if !known && sight.is_quiet {
            return CLEAR;
        }
        if !known {
            return Self::unmetered(lanes);
        }
        self.is_shared = busy.download && busy.upload;
        match (busy.download, busy.upload) {
            (true, true) => self.trial.judge(episode, sight, meters, lanes),
            (true, false) => Self::of_one(Direction::Download, episode, sight, meters, lanes),
            (false, true) => Self::of_one(Direction::Upload, episode, sight, meters, lanes),
            (false, false) => {
                let used = PerDirection::from_fn(|direction| {
                    let meter: &Meter = &meters[direction];
                    if answers_only[direction] {
                        0.0
                    } else {
                        meter.used()
                    }
                });
                let direction = if used.download >= used.upload {
                    Direction::Download
                } else {
                    Direction::Upload
                };
                if lasted > LAST_RESORT && used[direction] > LAST_RESORT_USE {
                    only(direction)
                } else {
                    CLEAR
                }
            }
        }
    }

    /// Without counters nothing tells the directions apart, but that one of them searches.
    fn unmetered(lanes: &PerDirection<Lane>) -> PerDirection<Verdict> {
        let searching = lanes.as_ref().map(Lane::is_near_the_end);
        match (searching.download, searching.upload) {
            (true, false) => only(Direction::Download),
            (false, true) => only(Direction::Upload),
            (true, true) | (false, false) => PerDirection::new(Verdict::Suspect, Verdict::Suspect),
        }
    }

    fn of_one(
        direction: Direction,
        episode: Episode,
        sight: &Sight,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> PerDirection<Verdict> {
        let (meter, lane) = (&meters[direction], &lanes[direction]);
        let is_bound = meter.is_bound();
        let limit = lane.rate().min(lane.estimate());
        let delivered = meter.delivered();
        let explained = delivered * inflation(sight) > EXPLAINED * meter.most_over(BEFORE);
        let doubt = DOUBT * (1.0 - lane.volatility());
        if !is_bound
            && sight.delay.added <= OBVIOUS * sight.threshold
            && delivered < FILLS * limit
            && explained
            && !meter.is_level()
            && f64::from(episode.ticks) < doubt
        {
            return CLEAR;
        }
        if is_trusted(direction, episode, sight, meters, lanes) {
            return CLEAR;
        }
        only(direction)
    }

    /// Whether both directions may have caused the delay when it was last looked at.
    pub(super) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Who turned out to be responsible after having been acquitted.
    pub(super) fn convicted(&mut self) -> Option<Direction> {
        self.trial.convicted.take()
    }

    /// Whose cut the queue did not answer to.
    pub(super) fn acquitted(&mut self) -> Option<Direction> {
        self.trial.acquitted.take()
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

/// Whether a direction that holds, and whose queue is ours, need not be suspected yet.
fn is_trusted(
    direction: Direction,
    episode: Episode,
    sight: &Sight,
    meters: &PerDirection<Meter>,
    lanes: &PerDirection<Lane>,
) -> bool {
    let holds = matches!(lanes[direction].mode(), Mode::Hold { .. });
    let is_dire = sight.delay.added > DIRE * sight.threshold;
    holds && meters[direction].is_bound() && !is_dire && episode.ticks < TRUST
}

/// How much longer a round trip takes, as a factor: what a sender with a fixed window loses by it.
fn inflation(sight: &Sight) -> f64 {
    1.0 + sight.delay.added.max(0.0) / sight.idle.max(1.0)
}
