//! A sender after BBR (draft-cardwell-iccrg-bbr-congestion-control-00): paces at the greatest
//! delivery rate of the last rounds, with the gains of that draft. Simplified: no long-term
//! policer detection, no packet conservation in recovery.

use std::collections::VecDeque;

use super::Ack;

/// Gain while the bottleneck is looked for: 2 / ln 2.
const HIGH_GAIN: f64 = 2.885;
/// The cycle of gains once it is found.
const CYCLE: [f64; 8] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
/// Rounds over which the greatest delivery rate is taken.
const RATE_ROUNDS: u64 = 10;
/// Window in products of rate and delay.
const WINDOW_GAIN: f64 = 2.0;
/// Fewest packets in flight.
const MIN_WINDOW: f64 = 4.0;
/// How long a least round trip is believed, in seconds.
const RTT_LIFE: f64 = 10.0;
/// How long the pipe is kept nearly empty to see it anew, in seconds.
const RTT_PROBE: f64 = 0.2;
/// Segments in the first flight.
const INITIAL_SEGMENTS: f64 = 10.0;

#[derive(Debug)]
pub(super) struct Bbr {
    mode: Mode,
    /// Greatest rates of recent rounds: round and packets per second.
    rates: VecDeque<(u64, f64)>,
    round: u64,
    round_ends_at: f64,
    full_rate: f64,
    rounds_without_growth: u32,
    least_rtt: f64,
    least_rtt_at: f64,
    next_send: f64,
    initial: f64,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Startup,
    Drain,
    Cycle { phase: usize, since: f64 },
    ProbeRtt { until: f64 },
}

impl Bbr {
    pub(super) fn new(segments: f64) -> Self {
        Self {
            mode: Mode::Startup,
            rates: VecDeque::new(),
            round: 0,
            round_ends_at: 0.0,
            full_rate: 0.0,
            rounds_without_growth: 0,
            least_rtt: f64::INFINITY,
            least_rtt_at: 0.0,
            next_send: 0.0,
            initial: (INITIAL_SEGMENTS / segments).max(1.0),
        }
    }

    pub(super) const fn next_send(&self) -> f64 {
        self.next_send
    }

    pub(super) fn window(&self) -> f64 {
        let rate = self.rate();
        if rate <= 0.0 {
            return self.initial;
        }
        match self.mode {
            Mode::ProbeRtt { .. } => MIN_WINDOW,
            Mode::Startup | Mode::Drain => (HIGH_GAIN * rate * self.least_rtt).max(MIN_WINDOW),
            Mode::Cycle { .. } => (WINDOW_GAIN * rate * self.least_rtt).max(MIN_WINDOW),
        }
    }

    pub(super) fn sent(&mut self, now: f64) {
        let rate = self.rate() * self.gain();
        if rate > 0.0 {
            self.next_send = self.next_send.max(now) + 1.0 / rate;
        }
    }

    pub(super) fn acknowledged(&mut self, ack: &Ack) {
        let round_over = ack.delivered_when_sent >= self.round_ends_at;
        if round_over {
            self.round += 1;
            self.round_ends_at = ack.delivered;
        }
        self.take_rate(ack.rate);
        let stale = ack.now - self.least_rtt_at > RTT_LIFE;
        if ack.rtt <= self.least_rtt || stale {
            self.least_rtt = ack.rtt;
            self.least_rtt_at = ack.now;
        }
        self.mode = self.next_mode(ack, round_over, stale);
    }

    pub(super) fn timed_out(&mut self, now: f64) {
        self.rates.clear();
        self.mode = Mode::Startup;
        self.full_rate = 0.0;
        self.rounds_without_growth = 0;
        self.next_send = now;
    }

    fn next_mode(&mut self, ack: &Ack, round_over: bool, stale: bool) -> Mode {
        let pipe = self.rate() * self.least_rtt;
        let is_starting = matches!(self.mode, Mode::Startup);
        let is_full = is_starting && round_over && self.is_full();
        match self.mode {
            Mode::ProbeRtt { until } if ack.now >= until => Mode::Cycle {
                phase: 2,
                since: ack.now,
            },
            Mode::ProbeRtt { until } => Mode::ProbeRtt { until },
            Mode::Startup | Mode::Drain | Mode::Cycle { .. } if stale => Mode::ProbeRtt {
                until: ack.now + RTT_PROBE,
            },
            Mode::Startup if is_full => Mode::Drain,
            Mode::Startup => Mode::Startup,
            Mode::Drain if ack.in_flight <= pipe => Mode::Cycle {
                phase: 2,
                since: ack.now,
            },
            Mode::Drain => Mode::Drain,
            Mode::Cycle { phase, since } => {
                let drained = phase == 1 && ack.in_flight <= pipe;
                if ack.now - since > self.least_rtt || drained {
                    Mode::Cycle {
                        phase: (phase + 1) % CYCLE.len(),
                        since: ack.now,
                    }
                } else {
                    Mode::Cycle { phase, since }
                }
            }
        }
    }

    fn is_full(&mut self) -> bool {
        let rate = self.rate();
        if rate >= self.full_rate * 1.25 {
            self.full_rate = rate;
            self.rounds_without_growth = 0;
        } else {
            self.rounds_without_growth += 1;
        }
        self.rounds_without_growth >= 3
    }

    fn take_rate(&mut self, rate: f64) {
        while self.rates.back().is_some_and(|(_, older)| *older <= rate) {
            self.rates.pop_back();
        }
        self.rates.push_back((self.round, rate));
        let oldest = self.round.saturating_sub(RATE_ROUNDS);
        while self.rates.front().is_some_and(|(round, _)| *round < oldest) {
            self.rates.pop_front();
        }
    }

    fn rate(&self) -> f64 {
        self.rates.front().map_or(0.0, |(_, rate)| *rate)
    }

    fn gain(&self) -> f64 {
        match self.mode {
            Mode::Startup => HIGH_GAIN,
            Mode::Drain => 1.0 / HIGH_GAIN,
            Mode::Cycle { phase, .. } => CYCLE.get(phase).copied().unwrap_or(1.0),
            Mode::ProbeRtt { .. } => 1.0,
        }
    }
}
