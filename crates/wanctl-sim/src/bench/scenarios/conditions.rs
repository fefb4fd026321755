//! What is the same in every scene unless it says otherwise.

use std::time::Duration;

use wanctl_types::{Bps, Direction, Millis, PerDirection, Timestamp};

use super::super::{
    Actuation, Case, CounterKind, Demands, Flow, FlowKind, LINE_BIN, Line, PathNoise,
};

/// Bulk transfers in each direction that has any, unless said otherwise.
pub(super) const FLOWS: usize = 4;
/// When traffic starts: a law has had a look at the idle line by then.
pub(super) const START: Duration = Duration::from_secs(3);
/// Time from the start of one flow to that of the next.
const STAGGER: Duration = Duration::from_millis(50);
/// What comes before is not judged.
const WARM_UP: Duration = Duration::from_secs(8);

/// How many bulk transfers each direction carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// 4 down.
    Download,
    /// 4 up.
    Upload,
    /// 4 down and 4 up.
    Both,
}

/// A line, generated or read from a trace, with CUBIC transfers from 3 s on, under the
/// conditions that are the same in every scene: 0.7 ms of jitter, 0.2 % of the probes late and
/// 0.2 % lost, no ICMP timestamps, rates in force after 20 to 60 ms, `RouterOS` counters every
/// 50 ms. The first 8 s are not judged.
#[must_use]
pub fn case_on(line: Line, load: Load, duration: Duration, seed: u64) -> Case {
    let directions: &[Direction] = match load {
        Load::Download => &[Direction::Download],
        Load::Upload => &[Direction::Upload],
        Load::Both => &[Direction::Download, Direction::Upload],
    };
    let mut case = idle_case(line, duration, seed);
    for direction in directions {
        case.demands
            .extend(bulk(*direction, FLOWS, FlowKind::Cubic, START, duration));
    }
    case
}

/// The same without traffic.
pub(super) fn idle_case(line: Line, duration: Duration, seed: u64) -> Case {
    Case {
        line,
        demands: Demands::new(),
        noise: NOISE,
        faults: Vec::new(),
        timestamps: false,
        actuation: Actuation {
            least: Duration::from_millis(20),
            most: Duration::from_millis(60),
        },
        counters: CounterKind::RouterOs,
        counter_interval: Duration::from_millis(50),
        duration,
        warm_up: WARM_UP,
        seed,
    }
}

const NOISE: PathNoise = PathNoise {
    jitter: Millis::saturating(0.7),
    spikes: 0.002,
    loss: 0.002,
    common: Millis::ZERO,
    probes_prioritised: false,
};

/// `count` flows of a kind, started one after the other from `from` on.
pub(in crate::bench) fn bulk(
    direction: Direction,
    count: usize,
    kind: FlowKind,
    from: Duration,
    to: Duration,
) -> impl Iterator<Item = Flow> {
    let starts = std::iter::successors(Some(from), |start| Some(*start + STAGGER));
    starts
        .take(count)
        .map(move |start| flow(direction, kind, start, to))
}

pub(in crate::bench) fn flow(
    direction: Direction,
    kind: FlowKind,
    from: Duration,
    to: Duration,
) -> Flow {
    Flow {
        direction,
        from: Timestamp::ZERO + from,
        to: Timestamp::ZERO + to,
        kind,
    }
}

/// A call of 100 kbit/s each way.
pub(in crate::bench) fn call(from: Duration, to: Duration) -> [Flow; 2] {
    let kind = FlowKind::Constant {
        rate: Bps::new(100_000),
    };
    [Direction::Download, Direction::Upload].map(|direction| flow(direction, kind, from, to))
}

/// Rates of a line in Mbit/s.
pub(in crate::bench) const fn rates(download: u64, upload: u64) -> PerDirection<Bps> {
    PerDirection::new(Bps::from_mbps(download), Bps::from_mbps(upload))
}

pub(in crate::bench) const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The bins of a series during `from..to`.
pub(in crate::bench) fn bins_between(from: Duration, to: Duration) -> std::ops::Range<usize> {
    let at = |time: Duration| {
        usize::try_from(time.as_millis() / LINE_BIN.as_millis()).unwrap_or(usize::MAX)
    };
    at(from)..at(to)
}
