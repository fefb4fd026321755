use wanctl_types::{Bps, Direction};

use super::fixtures::{PLAN, Sight, at};
use super::{NAMES, law};

#[test]
fn every_name_is_a_law_of_that_name() {
    for name in NAMES {
        let law = law(name, &PLAN, 1).unwrap();
        assert_eq!(law.name(), name);
        let probing = law.probing();
        assert!((1..=8).contains(&probing.reflectors), "{name}");
        for interval in [law.interval(), probing.interval] {
            assert!(
                interval.as_micros() % 1_000 == 0 && !interval.is_zero(),
                "{name}"
            );
        }
        for direction in Direction::BOTH {
            assert!(law.start()[direction] > Bps::ZERO, "{name}");
        }
    }
    for unknown in [
        "",
        "Static",
        "oracle",
        "oracle(0.1)",
        "oracle(-1,0.9)",
        "oracle(0.1,1.1)",
    ] {
        assert!(law(unknown, &PLAN, 1).is_none(), "{unknown}");
    }
}

#[test]
fn a_law_that_sees_nothing_goes_on_with_its_start() {
    for name in NAMES.into_iter().filter(|name| !name.starts_with("oracle")) {
        let mut law = law(name, &PLAN, 1).unwrap();
        let sight = Sight::new(law.probing().reflectors);
        let start = law.start();
        for step in 1..=10 {
            let now = at(0) + law.interval() * step;
            assert_eq!(law.step(now, &sight.seen()), start, "{name}");
        }
    }
}
