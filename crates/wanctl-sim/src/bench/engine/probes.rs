//! The law's probes and the sparse flow that judges it.

use std::collections::VecDeque;

use rand::RngExt;
use wanctl_types::{Millis, PerDirection, Timestamp};

use super::noise::stream;
use super::packet::{Packet, PacketKind};
use super::{seconds, timestamp};
use crate::bench::{ProbeReply, Probing, ReflectorFault};

/// Bytes of an echo request of 56 bytes of data, with its headers.
const PROBE_BYTES: f64 = 84.0;
/// When a probe is given up, in seconds.
const TIMEOUT: f64 = 1.0;
/// How much farther each reflector is than the one before it, in seconds, both ways together.
const SPREAD: f64 = 0.002;
/// Most of a drift, in seconds.
const MOST_DRIFT: f64 = 0.1;

/// Sends probes and matches their answers.
#[derive(Debug)]
pub(super) struct Probes {
    reflectors: Vec<Reflector>,
    interval: f64,
    timestamps: bool,
    faults: Vec<ReflectorFault>,
    replies: Vec<ProbeReply>,
}

#[derive(Debug)]
struct Reflector {
    next: f64,
    sequence: u64,
    /// Probes neither answered nor given up, oldest first.
    outstanding: VecDeque<(u64, f64)>,
    lost: u32,
    newest_answered: Option<u64>,
    clock_offset: f64,
    allowance: f64,
    allowed_at: f64,
}

impl Probes {
    pub(super) fn new(
        probing: Probing,
        timestamps: bool,
        faults: Vec<ReflectorFault>,
        seed: u64,
    ) -> Self {
        let mut rng = stream(seed, 2);
        let interval = probing.interval.as_secs_f64().max(0.001);
        let mut slot = 0.0;
        let reflectors = (0..probing.reflectors)
            .map(|_| {
                let next = if probing.spread { slot } else { 0.0 };
                #[expect(clippy::cast_precision_loss, reason = "there are at most eight")]
                let share = interval / probing.reflectors.max(1) as f64;
                slot += share;
                Reflector {
                    next,
                    sequence: 0,
                    outstanding: VecDeque::new(),
                    lost: 0,
                    newest_answered: None,
                    clock_offset: rng.random_range(-1.0..1.0),
                    allowance: 1.0,
                    allowed_at: 0.0,
                }
            })
            .collect();
        Self {
            reflectors,
            interval,
            timestamps,
            faults,
            replies: Vec::new(),
        }
    }

    /// The probes that leave before `end`.
    pub(super) fn send(&mut self, end: f64, mut emit: impl FnMut(Packet)) {
        for (index, reflector) in self.reflectors.iter_mut().enumerate() {
            while reflector.next < end {
                let at = reflector.next;
                let kind = PacketKind::Probe(index);
                emit(Packet::new(kind, PROBE_BYTES, reflector.sequence, at));
                reflector.outstanding.push_back((reflector.sequence, at));
                reflector.sequence += 1;
                reflector.next += self.interval;
            }
        }
    }

    /// What the reflector does with a probe that reaches it at `at`: how much later it answers,
    /// in seconds; `None` when it does not.
    pub(super) fn reflect(&mut self, index: usize, at: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "there are at most eight")]
        let mut delay = SPREAD * index as f64;
        for fault in &self.faults {
            match *fault {
                ReflectorFault::Silent { reflector, from } => {
                    if reflector == index && at >= seconds(from) {
                        return None;
                    }
                }
                ReflectorFault::Drifting {
                    reflector,
                    from,
                    ms_per_second,
                } => {
                    if reflector == index && at > seconds(from) {
                        let drift = (at - seconds(from)) * ms_per_second / 1e3;
                        delay += drift.min(MOST_DRIFT);
                    }
                }
                ReflectorFault::RateLimited {
                    reflector,
                    per_second,
                } => {
                    if reflector == index
                        && !self
                            .reflectors
                            .get_mut(index)?
                            .allows(at, f64::from(per_second))
                    {
                        return None;
                    }
                }
            }
        }
        Some(delay)
    }

    /// Takes an answer.
    pub(super) fn receive(&mut self, packet: &Packet) {
        let PacketKind::Probe(index) = packet.kind else {
            return;
        };
        let timestamps = self.timestamps;
        let Some(reflector) = self.reflectors.get_mut(index) else {
            return;
        };
        let before = reflector.outstanding.len();
        reflector
            .outstanding
            .retain(|(sequence, _)| *sequence != packet.sequence);
        if reflector.outstanding.len() == before {
            return;
        }
        reflector.newest_answered = reflector.newest_answered.max(Some(packet.sequence));
        let rtt = packet.at - packet.sent;
        let stamp = |delay: f64| Millis::saturating((delay * 1e3).round());
        self.replies.push(ProbeReply {
            reflector: index,
            sent_at: timestamp(packet.sent),
            received_at: timestamp(packet.at),
            rtt: Millis::saturating(rtt * 1e3),
            one_way: timestamps.then(|| {
                PerDirection::new(
                    stamp(rtt - packet.up - reflector.clock_offset),
                    stamp(packet.up + reflector.clock_offset),
                )
            }),
        });
    }

    /// Gives up what has been on its way for too long.
    pub(super) fn expire(&mut self, now: f64) {
        for reflector in &mut self.reflectors {
            while reflector
                .outstanding
                .front()
                .is_some_and(|(_, sent)| now - sent >= TIMEOUT)
            {
                reflector.outstanding.pop_front();
                reflector.lost += 1;
            }
        }
    }

    /// Answers since the last call.
    pub(super) fn take_replies(&mut self, into: &mut Vec<ProbeReply>) {
        into.clear();
        into.append(&mut self.replies);
    }

    /// Per reflector, when the oldest probe left that is newer than any answered one.
    pub(super) fn waiting(&self) -> Vec<Option<Timestamp>> {
        self.reflectors
            .iter()
            .map(|reflector| {
                let newer = |sequence: u64| {
                    reflector
                        .newest_answered
                        .is_none_or(|answered| sequence > answered)
                };
                let oldest = reflector
                    .outstanding
                    .iter()
                    .find(|(sequence, _)| newer(*sequence));
                oldest.map(|(_, sent)| timestamp(*sent))
            })
            .collect()
    }

    /// Losses per reflector since the last call.
    pub(super) fn take_losses(&mut self) -> Vec<u32> {
        self.reflectors
            .iter_mut()
            .map(|reflector| std::mem::take(&mut reflector.lost))
            .collect()
    }
}

impl Reflector {
    /// A token bucket of one token.
    fn allows(&mut self, at: f64, per_second: f64) -> bool {
        self.allowance = (self.allowance + (at - self.allowed_at) * per_second).min(1.0);
        self.allowed_at = at;
        if self.allowance < 1.0 {
            return false;
        }
        self.allowance -= 1.0;
        true
    }
}
