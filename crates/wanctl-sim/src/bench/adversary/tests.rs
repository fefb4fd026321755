use std::collections::BTreeSet;

use wanctl_types::{Bps, PerDirection};

use super::*;
use crate::bench::{Probing, Seen};

/// Asks for the same rates all the time.
struct Stubborn(PerDirection<Bps>);

impl LawUnderTest for Stubborn {
    fn name(&self) -> &'static str {
        "stubborn"
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(50)
    }

    fn probing(&self) -> Probing {
        Probing {
            reflectors: 1,
            interval: Duration::from_secs(1),
            spread: false,
        }
    }

    fn start(&self) -> PerDirection<Bps> {
        self.0
    }

    fn step(&mut self, _now: Timestamp, _seen: &Seen<'_>) -> PerDirection<Bps> {
        self.0
    }
}

fn of(ruse: Ruse) -> Attack {
    let mut attacks = (1..).map(Attack::new);
    attacks.find(|attack| attack.ruse == ruse).unwrap()
}

#[test]
fn seeds_take_turns_at_all_ruses_and_repeat() {
    let seen: BTreeSet<_> = (1..=13).map(|seed| Attack::new(seed).ruse).collect();
    assert_eq!(seen.len(), Ruse::ALL.len());
    assert_eq!(Attack::new(5), Attack::new(5));
    assert_ne!(Attack::new(5).case, Attack::new(5 + 13).case);
}

#[test]
fn every_line_is_always_worth_caring_for_but_in_outages() {
    for attack in (1..=130).map(Attack::new) {
        let line = &attack.case.line;
        for (direction, bins) in line.capacity.iter() {
            let least = Bps::new(400_000);
            let there = bins.iter().filter(|rate| **rate > Bps::ZERO);
            assert!(
                there.min().unwrap() > &least,
                "{} {direction:?}",
                attack.seed
            );
            if attack.ruse != Ruse::OutageAndFall {
                assert!(bins.iter().all(|rate| *rate > Bps::ZERO), "{}", attack.seed);
            }
        }
    }
}

#[test]
fn a_rate_far_too_high_leaves_queues_alone() {
    let attack = of(Ruse::BothFall);
    let mut law = Stubborn(attack.plan.rates.map(|_| Bps::from_mbps(500)));
    let latches = attack.play(&mut law);
    for wanted in Direction::BOTH {
        let found = latches.iter().any(|latch| match latch {
            Latch::LeftAlone(stretch) => stretch.direction == wanted,
            Latch::NotCured(_) => false,
        });
        assert!(found, "{wanted:?}: {latches:?}");
    }
    for latch in latches {
        let (Latch::LeftAlone(stretch) | Latch::NotCured(stretch)) = latch;
        assert!(stretch.length > LEFT_ALONE_FOR, "{latch}");
        assert!(stretch.least >= Millis::from_duration(STANDING), "{latch}");
    }
}

#[test]
fn a_rate_far_too_low_is_no_latching() {
    for seed in 1..=26 {
        let attack = Attack::new(seed);
        let mut law = Stubborn(attack.plan.rates.map(|_| Bps::new(300_000)));
        assert_eq!(attack.play(&mut law), [], "{seed}");
    }
}

#[test]
fn what_comes_down_whatever_happens_is_not_held_against_a_law() {
    let attack = of(Ruse::Flood);
    let mut law = Stubborn(attack.plan.rates.map(|_| Bps::new(300_000)));
    assert_eq!(attack.play(&mut law), []);
    let latch = Latch::NotCured(Stretch {
        direction: Direction::Download,
        from: Timestamp::from_micros(2_500_000),
        length: Duration::from_millis(11_200),
        least: Millis::saturating(40.4),
    });
    let expected = "download: at least 40 ms for 11.2 s from 2.5 s on, not cured";
    assert_eq!(latch.to_string(), expected);
}
