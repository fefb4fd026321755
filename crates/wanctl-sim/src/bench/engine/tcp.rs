//! One TCP sender: what is in flight, what was lost, and when to send.
//!
//! Paths here do not reorder a flow's packets, so a packet overtaken by an acknowledgement is
//! lost (RFC 8985 with a reordering window of zero). Sequence numbers count packets.

mod bbr;
mod cubic;

use std::collections::VecDeque;

use bbr::Bbr;
use cubic::Cubic;

/// Shortest retransmission timeout, in seconds, as in Linux.
const MIN_RTO: f64 = 0.2;
/// Retransmission timeout before any round trip was measured (RFC 6298 §2), in seconds.
const FIRST_RTO: f64 = 1.0;
/// Longest retransmission timeout, in seconds.
const MAX_RTO: f64 = 60.0;
/// Fewest packets in flight.
const MIN_WINDOW: f64 = 1.0;

/// A sender and its congestion control.
#[derive(Debug)]
pub(super) struct Tcp {
    control: Control,
    next: u64,
    /// Oldest packet not yet acknowledged or lost.
    first: u64,
    flights: VecDeque<Flight>,
    in_flight: f64,
    delivered: f64,
    delivered_at: f64,
    rtt: RttEstimate,
    /// When the timer goes off, if anything is in flight.
    timer: Option<Timer>,
    backoff: f64,
    /// Loss of packets before this one is part of a loss already reacted to.
    recovered_at: u64,
}

#[derive(Debug)]
enum Control {
    Cubic(Cubic),
    Bbr(Bbr),
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    sent: f64,
    delivered: f64,
    delivered_at: f64,
    is_settled: bool,
}

#[derive(Clone, Copy, Debug)]
enum Timer {
    /// Sends one packet to learn of a lost tail (RFC 8985 §7).
    Probe(f64),
    Timeout(f64),
}

#[derive(Clone, Copy, Debug, Default)]
struct RttEstimate {
    smoothed: f64,
    variation: f64,
    least: f64,
}

/// What a timer asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Due {
    Nothing,
    /// One packet must leave now, whatever the window says.
    SendOne,
    /// So many packets are given up.
    Lost(f64),
}

/// What an acknowledgement overtook.
#[derive(Clone, Copy, Debug, Default)]
struct Losses {
    count: u64,
    newest: Option<u64>,
}

/// What an acknowledgement told.
#[derive(Clone, Copy, Debug)]
struct Ack {
    now: f64,
    rtt: f64,
    /// Delivery rate of the packet's flight, packets per second.
    rate: f64,
    delivered: f64,
    /// Packets delivered when this one was sent: whoever counts rounds counts by it.
    delivered_when_sent: f64,
    in_flight: f64,
    sequence: u64,
    next: u64,
}

impl Tcp {
    /// A CUBIC sender whose packets hold `segments` segments each.
    pub(super) fn cubic(segments: f64) -> Self {
        Self::new(Control::Cubic(Cubic::new(segments)))
    }

    /// A sender that paces at its estimate of the bottleneck.
    pub(super) fn bbr(segments: f64) -> Self {
        Self::new(Control::Bbr(Bbr::new(segments)))
    }

    fn new(control: Control) -> Self {
        Self {
            control,
            next: 0,
            first: 0,
            flights: VecDeque::new(),
            in_flight: 0.0,
            delivered: 0.0,
            delivered_at: 0.0,
            rtt: RttEstimate::default(),
            timer: None,
            backoff: 1.0,
            recovered_at: 0,
        }
    }

    /// Whether another packet may leave at `now`.
    pub(super) fn may_send(&self, now: f64) -> bool {
        match &self.control {
            Control::Cubic(cubic) => self.in_flight + 1.0 <= cubic.window().max(MIN_WINDOW),
            Control::Bbr(bbr) => self.in_flight + 1.0 <= bbr.window() && now >= bbr.next_send(),
        }
    }

    /// When a packet may leave next if the window has room: pacing. `None` for senders that are
    /// clocked by acknowledgements.
    pub(super) fn next_send(&self) -> Option<f64> {
        match &self.control {
            Control::Cubic(_) => None,
            Control::Bbr(bbr) => (self.in_flight + 1.0 <= bbr.window()).then_some(bbr.next_send()),
        }
    }

    /// Notes that a packet leaves; returns its number.
    pub(super) fn send(&mut self, now: f64) -> u64 {
        if self.in_flight <= 0.0 {
            self.delivered_at = now;
        }
        self.flights.push_back(Flight {
            sent: now,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            is_settled: false,
        });
        let sequence = self.next;
        self.next += 1;
        self.in_flight += 1.0;
        if let Control::Bbr(bbr) = &mut self.control {
            bbr.sent(now);
        }
        if self.timer.is_none() {
            self.arm(now);
        }
        sequence
    }

    /// Takes an acknowledgement; returns how many packets it showed to be lost.
    pub(super) fn acknowledge(&mut self, now: f64, sequence: u64) -> u64 {
        let Some(flight) = self.settle(sequence) else {
            return 0;
        };
        let rtt = now - flight.sent;
        self.rtt.take(rtt);
        self.backoff = 1.0;
        self.in_flight -= 1.0;
        self.delivered += 1.0;
        self.delivered_at = now;
        let lost = self.lose_before(sequence);
        let interval = (now - flight.delivered_at).max(rtt.min(0.001));
        let ack = Ack {
            now,
            rtt,
            rate: (self.delivered - flight.delivered) / interval,
            delivered: self.delivered,
            delivered_when_sent: flight.delivered,
            in_flight: self.in_flight,
            sequence,
            next: self.next,
        };
        if lost
            .newest
            .is_some_and(|newest| newest >= self.recovered_at)
        {
            self.recovered_at = self.next;
            if let Control::Cubic(cubic) = &mut self.control {
                cubic.lost();
            }
        }
        let in_recovery = sequence < self.recovered_at;
        match &mut self.control {
            Control::Cubic(cubic) => cubic.acknowledged(&ack, &self.rtt, in_recovery),
            Control::Bbr(bbr) => bbr.acknowledged(&ack),
        }
        self.arm(now);
        lost.count
    }

    /// Lets the timer go off if it is due.
    pub(super) fn poll_timer(&mut self, now: f64) -> Due {
        match self.timer {
            Some(Timer::Probe(at)) if now >= at => {
                self.timer = Some(Timer::Timeout(at + self.timeout()));
                Due::SendOne
            }
            Some(Timer::Timeout(at)) if now >= at => {
                let lost = self.in_flight;
                self.time_out(now);
                Due::Lost(lost)
            }
            Some(Timer::Probe(_) | Timer::Timeout(_)) | None => Due::Nothing,
        }
    }

    /// Packets acknowledged.
    #[cfg(test)]
    pub(super) const fn delivered(&self) -> f64 {
        self.delivered
    }

    /// Packets sent and neither acknowledged nor lost.
    pub(super) fn in_flight(&self) -> f64 {
        self.in_flight
    }

    fn time_out(&mut self, now: f64) {
        for flight in &mut self.flights {
            flight.is_settled = true;
        }
        self.in_flight = 0.0;
        self.trim();
        self.recovered_at = self.next;
        self.backoff = (self.backoff * 2.0).min(64.0);
        match &mut self.control {
            Control::Cubic(cubic) => cubic.timed_out(),
            Control::Bbr(bbr) => bbr.timed_out(now),
        }
        self.timer = None;
    }

    fn settle(&mut self, sequence: u64) -> Option<Flight> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        let flight = self.flights.get_mut(index)?;
        if flight.is_settled {
            return None;
        }
        flight.is_settled = true;
        Some(*flight)
    }

    fn lose_before(&mut self, sequence: u64) -> Losses {
        let mut lost = Losses::default();
        for (number, flight) in (self.first..sequence).zip(&mut self.flights) {
            if !flight.is_settled {
                flight.is_settled = true;
                self.in_flight -= 1.0;
                lost.count += 1;
                lost.newest = Some(number);
            }
        }
        self.trim();
        lost
    }

    fn trim(&mut self) {
        while self.flights.front().is_some_and(|flight| flight.is_settled) {
            self.flights.pop_front();
            self.first += 1;
        }
    }

    fn arm(&mut self, now: f64) {
        self.timer = (self.in_flight > 0.0).then(|| {
            let timeout = self.timeout();
            let probe = 2.0 * self.rtt.smoothed;
            if self.rtt.smoothed > 0.0 && probe < timeout {
                Timer::Probe(now + probe)
            } else {
                Timer::Timeout(now + timeout)
            }
        });
    }

    fn timeout(&self) -> f64 {
        let timeout = if self.rtt.smoothed > 0.0 {
            (self.rtt.smoothed + 4.0 * self.rtt.variation).max(MIN_RTO)
        } else {
            FIRST_RTO
        };
        (timeout * self.backoff).min(MAX_RTO)
    }
}

impl RttEstimate {
    /// RFC 6298 §2.
    fn take(&mut self, rtt: f64) {
        if self.smoothed <= 0.0 {
            *self = Self {
                smoothed: rtt,
                variation: rtt / 2.0,
                least: rtt,
            };
            return;
        }
        self.variation += ((rtt - self.smoothed).abs() - self.variation) / 4.0;
        self.smoothed += (rtt - self.smoothed) / 8.0;
        self.least = self.least.min(rtt);
    }
}
