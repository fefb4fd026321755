//! Traffic that wants to use the link.

use wanctl_types::Bps;

use super::volume::Volume;

/// Bytes in one full segment.
const SEGMENT_BYTES: f64 = 1_500.0;
/// Units of [`Volume`] in one full segment.
const SEGMENT: f64 = SEGMENT_BYTES * 8_000.0;
/// Segments a new flow sends before it hears anything (RFC 6928 §2).
const INITIAL_SEGMENTS: f64 = 10.0;
/// Fewest segments a flow keeps in flight (RFC 5681 §3.1, the floor of ssthresh).
const MIN_SEGMENTS: f64 = 2.0;
/// The part of its window a flow gives up when it sees congestion (1 - beta of RFC 9438 §4.6).
const BACK_OFF: f64 = 0.3;
/// Growth of the window in congestion avoidance beyond a segment per round trip, per second:
/// stands for the convex part of CUBIC, which on long queues outruns Reno by far.
const PROBING_PER_SECOND: f64 = 0.3;
/// Most of that growth in one round trip, as a part of the window: less than congestion that
/// lasts takes away.
const PROBING_PER_ROUND: f64 = 0.1;
/// The shortest round trip the model takes, in milliseconds; keeps one step of 1 ms stable.
const MIN_RTT_MS: f64 = 2.0;
const MS_PER_SECOND: f64 = 1_000.0;

/// What one direction is asked to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Demand {
    /// Nothing.
    Idle,
    /// Bulk transfers that take whatever they get, as so many TCP flows together do.
    Greedy {
        /// How many; at least one. More flows give less way to one congestion signal.
        flows: u32,
    },
    /// A constant stream that does not react to anything.
    Constant(Bps),
}

/// The sources behind a [`Demand`], with what they remember.
///
/// ```text
///            demand          congestion                 demand ends
///   Quiet ───────────► SlowStart ─────────► Avoidance ───────────────► Quiet
/// ```
///
/// Greedy flows are one fluid with one window *W*: they send `W / RTT`. In slow start *W* doubles
/// each round trip; afterwards it grows by a segment per flow and round trip plus
/// [`PROBING_PER_SECOND`]. Congestion (a loss, or standing delay in our own shaper, which marks
/// or drops early) ends slow start with a cut of 30 %; later the flows give way by as much one after
/// the other, each at most once per round trip. So whichever queue is tighter is kept just full.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sources {
    Quiet,
    SlowStart(Window),
    Avoidance {
        window: Window,
        /// No further reaction before this step.
        deaf_until: u64,
    },
    Constant(Bps),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    units: f64,
    flows: f64,
}

impl Sources {
    /// Takes up a demand; one that goes on keeps its window.
    pub(crate) fn follow(self, demand: Demand) -> Self {
        match (self, demand) {
            (Self::Quiet | Self::Constant(_), Demand::Greedy { flows }) => {
                Self::SlowStart(Window::new(flows))
            }
            (Self::SlowStart(window), Demand::Greedy { flows }) => {
                Self::SlowStart(window.shared_by(flows))
            }
            (Self::Avoidance { window, deaf_until }, Demand::Greedy { flows }) => Self::Avoidance {
                window: window.shared_by(flows),
                deaf_until,
            },
            (_, Demand::Idle) => Self::Quiet,
            (_, Demand::Constant(rate)) => Self::Constant(rate),
        }
    }

    /// What is sent in one step, and the growth that follows from it.
    pub(crate) fn send(&mut self, rtt_ms: f64) -> Volume {
        let rtt_ms = rtt_ms.max(MIN_RTT_MS);
        match self {
            Self::Quiet => Volume::ZERO,
            Self::Constant(rate) => Volume::per_step(*rate),
            Self::SlowStart(window) => {
                let sent = window.units / rtt_ms;
                window.units += window.units * core::f64::consts::LN_2 / rtt_ms;
                Volume::truncating(sent)
            }
            Self::Avoidance { window, .. } => {
                let sent = window.units / rtt_ms;
                window.units += window.flows * SEGMENT / rtt_ms
                    + window.units
                        * (PROBING_PER_SECOND / MS_PER_SECOND).min(PROBING_PER_ROUND / rtt_ms);
                Volume::truncating(sent)
            }
        }
    }

    /// Hears of congestion in the step `step`.
    pub(crate) fn congested(&mut self, step: u64, rtt_ms: f64) {
        let after = |ms: f64| step.saturating_add(whole_steps(ms));
        let rtt_ms = rtt_ms.max(MIN_RTT_MS);
        match self {
            Self::Quiet | Self::Constant(_) => {}
            Self::SlowStart(window) => {
                *self = Self::Avoidance {
                    window: window.cut(BACK_OFF),
                    deaf_until: after(rtt_ms),
                };
            }
            Self::Avoidance { window, deaf_until } => {
                if step >= *deaf_until {
                    *deaf_until = after(rtt_ms / window.flows);
                    *window = window.cut(BACK_OFF / window.flows);
                }
            }
        }
    }
}

impl Window {
    fn new(flows: u32) -> Self {
        let flows = f64::from(flows.max(1));
        Self {
            units: flows * INITIAL_SEGMENTS * SEGMENT,
            flows,
        }
    }

    fn shared_by(self, flows: u32) -> Self {
        Self {
            flows: f64::from(flows.max(1)),
            ..self
        }
    }

    fn cut(self, part: f64) -> Self {
        let floor = self.flows * MIN_SEGMENTS * SEGMENT;
        Self {
            units: (self.units * (1.0 - part)).max(floor),
            ..self
        }
    }
}

/// Rounded up; an endless round trip (an outage) counts as a second.
fn whole_steps(ms: f64) -> u64 {
    Bps::truncating(ms.min(MS_PER_SECOND).ceil()).get()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: f64 = 20.0;

    fn started() -> Sources {
        Sources::Quiet.follow(Demand::Greedy { flows: 4 })
    }

    fn window(sources: &Sources) -> f64 {
        match sources {
            Sources::SlowStart(window) | Sources::Avoidance { window, .. } => window.units,
            Sources::Quiet | Sources::Constant(_) => 0.0,
        }
    }

    #[test]
    fn slow_start_doubles_in_about_a_round_trip() {
        let mut sources = started();
        let before = window(&sources);
        for _ in 0..20 {
            sources.send(RTT);
        }
        let growth = window(&sources) / before;
        assert!((1.9..=2.0).contains(&growth), "{growth}");
    }

    #[test]
    fn lasting_congestion_outruns_growth() {
        for rtt_ms in [5.0, 50.0, 500.0, 5_000.0] {
            let mut sources = started();
            for step in 0..60_000 {
                sources.send(rtt_ms);
                sources.congested(step, rtt_ms);
            }
            let segments = window(&sources) / SEGMENT;
            assert!(segments < 100.0, "{segments} at {rtt_ms} ms");
        }
    }

    #[test]
    fn flows_give_way_one_after_the_other() {
        let mut sources = started();
        sources.congested(0, RTT);
        let after_first = window(&sources);
        sources.congested(19, RTT);
        assert!((window(&sources) - after_first).abs() < f64::EPSILON);
        sources.congested(20, RTT);
        sources.congested(24, RTT);
        let ratio = window(&sources) / after_first;
        assert!((ratio - 0.925).abs() < 1e-9, "{ratio}");
    }

    #[test]
    fn a_window_never_shrinks_to_nothing() {
        let mut sources = started();
        for round in 0..1_000 {
            sources.congested(round * 20, RTT);
        }
        assert!(sources.send(RTT) > Volume::ZERO);
    }

    #[test]
    fn an_ended_demand_forgets_its_window() {
        let mut sources = started();
        sources.send(RTT);
        sources = sources.follow(Demand::Idle);
        assert_eq!(sources.send(RTT), Volume::ZERO);
    }
}
