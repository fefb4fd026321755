//! Both directions may have caused a queue: one at a time is cut, and the queue has to answer.

use wanctl_types::{Direction, PerDirection};

use super::super::lane::{Lane, Sight, Verdict, lag};
use super::super::meter::Meter;
use super::{BEFORE, CLEAR, EXPLAINED, Episode, inflation, is_trusted, only, other};

/// The delay must answer so long after the first sign of a cut could be seen, seconds: what we send
/// less is missing at once, what others send less to us has to be lost first.
const UPLOAD_ANSWERS: f64 = 0.15;
const DOWNLOAD_ANSWERS: f64 = 0.3;
/// A delay has answered when it is below this part of what it was, or falls faster than this, ms
/// per ms.
const SHRUNK: f64 = 0.85;
const FALLING: f64 = -0.02;
/// The longest that one direction is held responsible without an answer, seconds.
const LONGEST_TRIAL: f64 = 0.6;
/// Who was found guilty is remembered for so long, seconds.
const REMEMBERED: f64 = 30.0;
/// While an episode is younger than this, seconds, the one that searched began it.
const FRESH: f64 = 0.5;
/// A download that carries this part of what it may, and whose queue was ours for this part of the
/// time until just now, is filled.
const FILLED: f64 = 0.93;
const BOUND_BEFORE: f64 = 0.4;
/// A download that stands still needs no longer than this to be found out, seconds.
const LEVEL_FOR: f64 = 0.2;

/// Who is held responsible, and who was found guilty last.
#[derive(Clone, Debug, Default)]
pub(super) struct Trial {
    blame: Option<Blame>,
    guilty: Option<(Direction, f64)>,
    pub(super) acquitted: Option<Direction>,
    pub(super) convicted: Option<Direction>,
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

impl Trial {
    /// The delay is gone.
    pub(super) const fn end(&mut self) {
        self.blame = None;
    }

    /// One is held responsible at a time. The queue has to answer to its cut; if it does not, it
    /// was the other one.
    pub(super) fn judge(
        &mut self,
        episode: Episode,
        sight: &Sight,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> PerDirection<Verdict> {
        let lasted = sight.now - episode.since;
        let Some(blame) = self.blame else {
            let first = self.first(lasted, sight, meters, lanes);
            if is_trusted(first, episode, sight, meters, lanes) {
                return CLEAR;
            }
            self.blame(first, sight, false);
            return only(first);
        };
        let patience = match blame.direction {
            Direction::Download => DOWNLOAD_ANSWERS,
            Direction::Upload => UPLOAD_ANSWERS,
        };
        if blame.direction == Direction::Upload
            && meters.download.is_level()
            && sight.now - blame.since > LEVEL_FOR
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
        let answers = sight.delay.added < SHRUNK * blame.added || sight.delay.slope < FALLING;
        // What falls before the newest cut can have had an effect answers to the one before it.
        let too_soon = sight.now - blame.since < lag(sight);
        if blame.is_second && too_soon && sight.delay.added < SHRUNK * blame.added && answers {
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
        self.guilty = Some((other, sight.now));
        let blame = self.blame(other, sight, true);
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
        let is_clear =
            meters.download.is_level() || !lanes.download.is_proven() || meters.download.is_bound();
        if blame.direction == Direction::Download && blame.is_second && !is_clear {
            verdicts.download = Verdict::Accomplice;
        }
        verdicts
    }

    fn blame(&mut self, direction: Direction, sight: &Sight, is_second: bool) -> Blame {
        let blame = Blame {
            direction,
            since: sight.now,
            added: sight.delay.added,
            is_second,
        };
        self.blame = Some(blame);
        blame
    }

    /// Backlog in our download shaper proves that the provider delivers at least our rate. Backlog
    /// in our upload shaper proves nothing: that traffic has not met the provider's queue yet.
    fn first(
        &self,
        lasted: f64,
        sight: &Sight,
        meters: &PerDirection<Meter>,
        lanes: &PerDirection<Lane>,
    ) -> Direction {
        let near = lanes
            .as_ref()
            .map(|lane| lane.is_near_the_end() || lane.was_just_cut(sight.now));
        if lasted < FRESH {
            match (near.download, near.upload) {
                (true, false) => return Direction::Download,
                (false, true) => return Direction::Upload,
                (true, true) | (false, false) => {}
            }
        }
        let (meter, lane) = (&meters.download, &lanes.download);
        let delivered = meter.delivered();
        let fills = delivered >= FILLED * lane.rate().min(lane.estimate())
            && meter.bound_over(BEFORE) > BOUND_BEFORE;
        let fell = delivered * inflation(sight) < EXPLAINED * meter.most_over(BEFORE);
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
}
