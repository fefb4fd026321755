//! Whatever the network does to probes, the schedule keeps its promises.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use wanctl_probe::{ClosedRound, EchoRequest, Received, Rounds, RoundsConfig, RoundsStats};
use wanctl_types::Timestamp;

const INTERVAL: Duration = Duration::from_millis(50);
/// The longest a packet stays in the network, beyond every timeout drawn.
const LONGEST_DELAY: u64 = 900_000;

/// What the network does to one probe.
#[derive(Clone, Copy, Debug)]
enum Fortune {
    Answered { delay: u64 },
    Twice { delay: u64, again: u64 },
    Dropped,
    NotSent,
    Garbled { delay: u64, field: u8, change: u16 },
    BackInTime { by: u64 },
}

#[derive(Clone, Debug)]
struct Scenario {
    targets: u8,
    timeout: Duration,
    quorum: usize,
    seed: u64,
    /// Time to the next round, and the fortune of each probe.
    ticks: Vec<(u64, Vec<Fortune>)>,
    /// How much later than asked for the schedule is polled, in µs.
    lag: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn promises_hold_under_any_fortune(scenario in any_scenario()) {
        let mut world = World::new(&scenario);
        world.run(&scenario);
        world.drain();
        world.check_end(&scenario)?;
    }

    #[test]
    fn foreign_replies_change_nothing(
        sequence in any::<u16>(), nonce in any::<u64>(), sent_at in any::<u64>(),
        source in 0..8_u8, received_at in any::<u64>(),
    ) {
        let config = RoundsConfig { interval: INTERVAL, timeout: INTERVAL * 4, quorum: 1 };
        let mut rounds = Rounds::new(config, (0..3).map(target).collect(), nonce ^ 1).unwrap();
        rounds.open_round(Timestamp::from_micros(sent_at));
        let before = rounds.poll_timeout();
        let foreign = Received {
            source: target(source),
            sequence,
            nonce,
            sent_at: Timestamp::from_micros(sent_at),
            waited: Duration::ZERO,
        };
        prop_assert!(rounds.handle_reply(&foreign, Timestamp::from_micros(received_at)).is_err());
        prop_assert_eq!(rounds.poll_timeout(), before);
        prop_assert_eq!(rounds.stats().rejected_total(), 1);
    }
}

/// A schedule, the packets on their way to it, and what has come out.
struct World {
    rounds: Rounds,
    targets: usize,
    timeout: Duration,
    lag: u64,
    now: u64,
    /// When it arrives, when the kernel says it did, and what.
    packets: BTreeSet<(u64, u64, u64)>,
    replies: Vec<Received>,
    closed: Vec<ClosedRound>,
    samples: BTreeSet<(u64, usize)>,
    losses: u64,
}

impl World {
    fn new(scenario: &Scenario) -> Self {
        let config = RoundsConfig {
            interval: INTERVAL,
            timeout: scenario.timeout,
            quorum: scenario.quorum,
        };
        let targets = (0..scenario.targets).map(target).collect();
        Self {
            rounds: Rounds::new(config, targets, scenario.seed).unwrap(),
            targets: usize::from(scenario.targets),
            timeout: scenario.timeout,
            lag: scenario.lag,
            now: 1_000_000,
            packets: BTreeSet::new(),
            replies: Vec::new(),
            closed: Vec::new(),
            samples: BTreeSet::new(),
            losses: 0,
        }
    }

    fn run(&mut self, scenario: &Scenario) {
        for (gap, fortunes) in &scenario.ticks {
            let asked = self.rounds.open_round(Timestamp::from_micros(self.now));
            for (request, fortune) in asked.iter().zip(fortunes) {
                self.befall(request, *fortune);
            }
            self.advance(self.now + gap);
        }
    }

    fn drain(&mut self) {
        self.advance(self.now + 2 * LONGEST_DELAY + self.lag);
    }

    fn befall(&mut self, request: &EchoRequest, fortune: Fortune) {
        let reply = Received {
            source: request.target,
            sequence: request.sequence,
            nonce: request.nonce,
            sent_at: request.sent_at,
            waited: Duration::ZERO,
        };
        match fortune {
            Fortune::Answered { delay } => self.deliver(reply, delay),
            Fortune::Twice { delay, again } => {
                self.deliver(reply, delay);
                self.deliver(reply, again);
            }
            Fortune::Dropped => {}
            Fortune::NotSent => {
                self.rounds
                    .handle_send_failure(request, Timestamp::from_micros(self.now));
            }
            Fortune::Garbled {
                delay,
                field,
                change,
            } => {
                self.deliver(garbled(reply, field, change), delay);
            }
            Fortune::BackInTime { by } => {
                self.packets
                    .insert((self.now, self.now - by, self.replies.len() as u64));
                self.replies.push(reply);
            }
        }
    }

    fn deliver(&mut self, reply: Received, delay: u64) {
        let at = self.now + delay;
        self.packets.insert((at, at, self.replies.len() as u64));
        self.replies.push(reply);
    }

    /// Lives through packets and wake-ups in the order of their times.
    fn advance(&mut self, until: u64) {
        loop {
            let wake = self.rounds.poll_timeout();
            let wake = wake.map(|(at, _)| (at.as_micros() + self.lag).max(self.now));
            let packet = self.packets.first().copied();
            match (packet, wake) {
                (Some((at, ..)), wake) if at <= until && wake.is_none_or(|wake| at < wake) => {
                    self.receive();
                }
                (_, Some(wake)) if wake <= until => self.wake(wake),
                (Some(_) | None, Some(_) | None) => break,
            }
            self.check_conservation();
        }
        self.now = until;
    }

    fn receive(&mut self) {
        let (at, stamped, index) = self.packets.pop_first().unwrap();
        self.now = self.now.max(at);
        let reply = *self.replies.get(usize::try_from(index).unwrap()).unwrap();
        if let Ok(sample) = self
            .rounds
            .handle_reply(&reply, Timestamp::from_micros(stamped))
        {
            let rtt = sample.rtt.to_duration();
            assert!(sample.rtt.get() >= 0.0 && rtt <= self.timeout, "{rtt:?}");
            assert_eq!(
                target(u8::try_from(sample.reflector).unwrap()),
                reply.source
            );
            let is_new = self.samples.insert((sample.round.get(), sample.reflector));
            assert!(is_new, "{sample:?} came twice");
        }
    }

    fn wake(&mut self, at: u64) {
        self.now = at;
        let now = Timestamp::from_micros(at);
        while let Some(round) = self.rounds.poll_closed(now) {
            let age = now.saturating_since(round.opened_at);
            assert!(
                age <= self.timeout + Duration::from_micros(self.lag),
                "{age:?} {round:?}"
            );
            self.closed.push(round);
        }
        let next = self.rounds.poll_timeout().map(|(next, _)| next);
        assert!(
            next.is_none_or(|next| next > now),
            "{next:?} is not after {now}"
        );
        self.losses += self
            .rounds
            .take_losses()
            .into_iter()
            .map(u64::from)
            .sum::<u64>();
    }

    fn check_conservation(&self) {
        let RoundsStats {
            sent,
            answered,
            lost,
            ..
        } = *self.rounds.stats();
        let outstanding: u32 = (0..self.targets)
            .map(|index| self.rounds.outstanding(index))
            .sum();
        assert_eq!(sent, answered + lost + u64::from(outstanding));
    }

    fn check_end(&mut self, scenario: &Scenario) -> Result<(), TestCaseError> {
        let stats = *self.rounds.stats();
        let mut ids: Vec<_> = self.closed.iter().map(|round| round.id.get()).collect();
        let news = |round: &&ClosedRound| !round.stale && round.answers.iter().any(Option::is_some);
        let fresh: Vec<_> = self.closed.iter().filter(news).collect();
        prop_assert!(
            fresh.is_sorted_by_key(|round| round.id),
            "a fresh round was overtaken"
        );
        ids.sort_unstable();
        prop_assert_eq!(ids, (0..scenario.ticks.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(stats.sent, stats.answered + stats.lost);
        prop_assert_eq!(stats.answered, self.samples.len() as u64);
        self.losses += self
            .rounds
            .take_losses()
            .into_iter()
            .map(u64::from)
            .sum::<u64>();
        prop_assert_eq!(stats.lost, self.losses);
        let in_rounds = self
            .closed
            .iter()
            .flat_map(|round| &round.answers)
            .flatten()
            .count();
        prop_assert_eq!(stats.answered - stats.answered_late, in_rounds as u64);
        for round in &self.closed {
            for (reflector, answer) in round.answers.iter().enumerate() {
                let was_sampled = self.samples.contains(&(round.id.get(), reflector));
                prop_assert!(answer.is_none() || was_sampled);
            }
        }
        Ok(())
    }
}

fn garbled(reply: Received, field: u8, change: u16) -> Received {
    match field % 4 {
        0 => Received {
            sequence: reply.sequence ^ change,
            ..reply
        },
        1 => Received {
            nonce: reply.nonce ^ u64::from(change),
            ..reply
        },
        2 => Received {
            sent_at: Timestamp::from_micros(u64::from(change)),
            ..reply
        },
        _ => Received {
            source: [198, 51, 100, change.to_be_bytes()[0]].into(),
            ..reply
        },
    }
}

fn target(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

fn any_scenario() -> impl Strategy<Value = Scenario> {
    let ticks = prop::collection::vec(
        (40_000..80_000_u64, prop::collection::vec(any_fortune(), 8)),
        1..40,
    );
    let timeout = (50..600_u64).prop_map(Duration::from_millis);
    let lag = prop_oneof![3 => Just(0), 1 => 0..30_000_u64];
    (1..=8_u8, timeout, 1..9_usize, any::<u64>(), ticks, lag).prop_map(
        |(targets, timeout, quorum, seed, ticks, lag)| Scenario {
            targets,
            timeout,
            quorum,
            seed,
            ticks,
            lag,
        },
    )
}

fn any_fortune() -> impl Strategy<Value = Fortune> {
    let delay = || prop_oneof![4 => 1_000..60_000_u64, 1 => 0..LONGEST_DELAY];
    prop_oneof![
        8 => delay().prop_map(|delay| Fortune::Answered { delay }),
        1 => (delay(), delay()).prop_map(|(delay, again)| Fortune::Twice { delay, again }),
        1 => Just(Fortune::Dropped),
        1 => Just(Fortune::NotSent),
        1 => (delay(), any::<u8>(), 1..=u16::MAX)
            .prop_map(|(delay, field, change)| Fortune::Garbled { delay, field, change }),
        1 => (1..500_000_u64).prop_map(|by| Fortune::BackInTime { by }),
    ]
}
