//! What one control step costs: the 4-state rule alone, and a whole step of each law with three
//! reflectors.
#![expect(clippy::unwrap_used, reason = "a benchmark on a fixed configuration")]

use core::hint::black_box;
use core::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wanctl_controller::{
    Aggregation, Alpha, BaselineConfig, Controller, ControllerConfig, Decision, Factor, Floors,
    LawKind, LinkObservation, LoadObservation, Observation, QueueConfig, QueueController,
    QueueObservation, ReflectorObservation, Threshold, Thresholds,
};
use wanctl_types::{Bytes, Direction, Millis, PerDirection, RateBound, Timestamp, Zone};

/// Length of the input that is run round and round; a power of two.
const INPUTS: usize = 4_096;

criterion_group!(benches, adjust_4state, controller_step, adaptive_step);
criterion_main!(benches);

fn adjust_4state(criterion: &mut Criterion) {
    let [green, soft_red, hard_red] = limits();
    let mut queue = QueueController::new(config().queues.download);
    let loads: Vec<Millis> = rtts().map(ms).collect();
    let baseline = ms(25.0);
    let mut adjust = |load| queue.adjust_4state(baseline, load, green, soft_red, hard_red);
    assert_every_zone(loads.iter().map(|load| adjust(*load).zone));

    let mut next = loads.iter().cycle();
    criterion.bench_function("adjust_4state", |bencher| {
        bencher.iter(|| next.next().map(|load| adjust(black_box(*load))));
    });
}

fn controller_step(criterion: &mut Criterion) {
    let mut controller = Controller::new(config());
    let seen: Vec<Observation> = rtts().map(observation).collect();
    let mut now = Timestamp::ZERO;
    let mut step = |observation: &Observation| -> Decision {
        now = now + Duration::from_millis(50);
        controller.step(now, observation)
    };
    assert_every_zone(seen.iter().map(|one| step(one).directions.download.zone));

    let mut next = seen.iter().cycle();
    criterion.bench_function("controller_step/3_reflectors", |bencher| {
        bencher.iter(|| next.next().map(|observation| step(black_box(observation))));
    });
}

fn adaptive_step(criterion: &mut Criterion) {
    let mut config = config();
    config.law = LawKind::Adaptive;
    let mut controller = Controller::new(config);
    let seen: Vec<Observation> = rtts().enumerate().map(loaded).collect();
    let mut now = Timestamp::ZERO;
    let mut step = |observation: &Observation| -> Decision {
        now = now + Duration::from_millis(50);
        controller.step(now, observation)
    };
    // It must have something to do: rates that never change would show it idle.
    let rates: Vec<_> = seen.iter().map(|one| step(one).rates()).collect();
    for direction in Direction::BOTH {
        let changes = rates.windows(2).filter(|pair| match pair {
            [before, after] => before[direction] != after[direction],
            _ => false,
        });
        let count = changes.count();
        assert!(count > INPUTS / 50, "{direction}: {count} changes");
    }

    let mut next = seen.iter().cycle();
    criterion.bench_function("controller_step/adaptive", |bencher| {
        bencher.iter(|| next.next().map(|observation| step(black_box(observation))));
    });
}

/// An observation while both directions are filled, with a backlog while the delay is low.
fn loaded((index, rtt): (usize, f64)) -> Observation {
    let link = |bytes: u64| LinkObservation {
        load: Some(LoadObservation {
            bytes: Bytes::new(bytes),
            interval: Duration::from_millis(50),
            age: Duration::from_millis(10),
        }),
        queue: Some(QueueObservation {
            backlog: Some(Bytes::new(if rtt < 50.0 { 300_000 } else { 0 })),
            drops: None,
            delay: None,
            age: Duration::from_millis(10),
        }),
    };
    // An idle second in each cycle.
    let (download, upload) = if index % 256 < 20 {
        (0, 0)
    } else {
        (4_000_000, 180_000)
    };
    Observation {
        link: PerDirection::new(link(download), link(upload)),
        ..observation(rtt)
    }
}

fn assert_every_zone(seen: impl Iterator<Item = Zone>) {
    let mut steps = [0_usize; 4];
    for zone in seen {
        if let Some(count) = steps.get_mut(usize::from(zone.code())) {
            *count += 1;
        }
    }
    assert!(
        steps.iter().all(|count| *count > INPUTS / 50),
        "green, yellow, soft red, red: {steps:?}"
    );
}

/// RTTs that idle, climb through every zone, jump and fall, with noise on top.
fn rtts() -> impl Iterator<Item = f64> {
    let mut noise = 0x9E37_79B9_u32;
    (0..INPUTS).map(move |index| {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let level = match index % 256 {
            0..100 => 25.0,
            100..140 => 55.0,
            140..180 => 90.0,
            180..210 => 140.0,
            210..214 => 25.0 + 50.0 * f64::from(noise % 7),
            _ => 45.0,
        };
        level + f64::from(noise % 1_000) / 250.0
    })
}

fn observation(rtt: f64) -> Observation {
    let reflector = |offset: f64| ReflectorObservation {
        rtt: Some(ms(rtt + offset)),
        age: Duration::from_millis(12),
        lost: 0,
        outstanding: 1,
        ..ReflectorObservation::default()
    };
    Observation {
        reflectors: [2.0, -1.0, 0.0].map(reflector).into_iter().collect(),
        ..Observation::default()
    }
}

fn config() -> ControllerConfig {
    let [target, warn, hard_red] = limits();
    let baseline = BaselineConfig {
        initial: ms(25.0),
        alpha: Alpha::new(0.001).unwrap(),
        update_threshold: ms(3.0),
        min: ms(10.0),
        max: ms(60.0),
    };
    let download = queue([800.0, 600.0, 500.0, 400.0], 920.0, 10.0);
    let upload = queue([35.0, 30.0, 25.0, 25.0], 40.0, 1.0);
    let mut config = ControllerConfig::new(
        PerDirection::new(download, upload),
        Thresholds::new(target, warn, hard_red).unwrap(),
        baseline,
        Alpha::new(0.5).unwrap(),
    );
    config.aggregation = Aggregation::MedianOfThree;
    config
}

fn queue([green, yellow, soft_red, red]: [f64; 4], ceiling: f64, step_up: f64) -> QueueConfig {
    let mbps = |value| RateBound::from_mbps(value).unwrap();
    let floors = Floors {
        green: mbps(green),
        yellow: mbps(yellow),
        soft_red: mbps(soft_red),
        red: mbps(red),
    };
    let (down, down_yellow) = (Factor::new(0.85).unwrap(), Factor::new(0.96).unwrap());
    QueueConfig::new(floors, mbps(ceiling), mbps(step_up), down, down_yellow).unwrap()
}

fn limits() -> [Threshold; 3] {
    [15, 45, 80].map(Threshold::from_integer)
}

fn ms(value: f64) -> Millis {
    Millis::new(value).unwrap()
}
