//! A step allocates nothing: a counting allocator watches the thread that runs the test.
#![expect(clippy::unwrap_used, reason = "test helpers")]

use core::hint::black_box;
use core::time::Duration;

use wanctl_controller::{
    Aggregation, Alpha, BaselineConfig, Controller, ControllerConfig, Factor, Floors, LawKind,
    LinkObservation, LoadObservation, Observation, QueueConfig, QueueController, QueueObservation,
    Reachability, ReflectorObservation, Threshold, Thresholds,
};
use wanctl_types::{Bytes, Direction, Millis, PerDirection, RateBound, Timestamp, Zone};

const STEPS: usize = 100_000;

#[test]
fn the_allocator_counts() {
    assert!(counting::allocations(|| drop(black_box(Box::new(1)))) >= 1);
}

#[test]
fn a_controller_step_allocates_nothing() {
    let mut controller = Controller::new(config());
    let seen = observations();
    let mut zones = [0_u32; 4];
    let allocations = counting::allocations(|| {
        for (observation, micros) in seen.iter().cycle().zip((0..).step_by(50_000)).take(STEPS) {
            let decision = controller.step(Timestamp::from_micros(micros), observation);
            count(&mut zones, decision.directions.download.zone);
        }
    });
    assert_eq!(allocations, 0);
    assert!(zones.iter().all(|steps| *steps > 1_000), "{zones:?}");
}

#[test]
fn an_adaptive_step_allocates_nothing() {
    let mut config = config();
    config.law = LawKind::Adaptive;
    let mut controller = Controller::new(config);
    let seen = busy_observations();
    let mut changes = [0_u32; 2];
    let mut before = controller.state().queues.map(|queue| queue.rate.truncate());
    let allocations = counting::allocations(|| {
        for (observation, micros) in seen.iter().cycle().zip((0..).step_by(50_000)).take(STEPS) {
            let rates = controller
                .step(Timestamp::from_micros(micros), observation)
                .rates();
            for (changes, direction) in changes.iter_mut().zip(Direction::BOTH) {
                *changes += u32::from(rates[direction] != before[direction]);
            }
            before = rates;
        }
    });
    assert_eq!(allocations, 0);
    assert!(changes.iter().all(|steps| *steps > 300), "{changes:?}");
}

#[test]
fn the_4state_rule_allocates_nothing() {
    let mut queue = QueueController::new(config().queues.download);
    let [green, soft_red, hard_red] = [15, 45, 80].map(Threshold::from_integer);
    let mut zones = [0_u32; 4];
    let allocations = counting::allocations(|| {
        for delta in (0..100_u32).cycle().take(STEPS) {
            let load = ms(f64::from(delta));
            let adjustment = queue.adjust_4state(Millis::ZERO, load, green, soft_red, hard_red);
            count(&mut zones, adjustment.zone);
        }
    });
    assert_eq!(allocations, 0);
    assert!(zones.iter().all(|steps| *steps > 1_000), "{zones:?}");
}

fn count(zones: &mut [u32; 4], zone: Zone) {
    if let Some(steps) = zones.get_mut(usize::from(zone.code())) {
        *steps += 1;
    }
}

/// Idle, rising, congested, falling, silent: every zone and every kind of silence occurs.
fn observations() -> Vec<Observation> {
    let idle = [25.0; 40];
    let episode = [
        60.0, 62.0, 64.0, 80.0, 95.0, 110.0, 130.0, 150.0, 90.0, 70.0, 50.0,
    ];
    let measured = idle.iter().chain(&episode).map(|rtt| Observation {
        reflectors: [*rtt, rtt + 1.0, rtt + 40.0]
            .map(|rtt| ReflectorObservation {
                rtt: Some(ms(rtt)),
                ..ReflectorObservation::default()
            })
            .into_iter()
            .collect(),
        ..Observation::default()
    });
    let silent = [
        None,
        Some(Reachability::Nothing),
        Some(Reachability::Tcp(ms(30.0))),
        Some(Reachability::GatewayOnly),
        Some(Reachability::GatewayOnly),
        Some(Reachability::GatewayOnly),
    ]
    .map(|reachability| Observation {
        reachability,
        ..Observation::default()
    });
    measured.chain(silent).collect()
}

/// The same, while both directions are filled most of the time and counters are missing at others.
fn busy_observations() -> Vec<Observation> {
    let link = |bytes: u64, backlog: u64| LinkObservation {
        load: Some(LoadObservation {
            bytes: Bytes::new(bytes),
            interval: Duration::from_millis(50),
            age: Duration::from_millis(10),
        }),
        queue: Some(QueueObservation {
            backlog: Some(Bytes::new(backlog)),
            age: Duration::from_millis(10),
            ..QueueObservation::default()
        }),
    };
    let mut seen: Vec<Observation> = (0..10).flat_map(|_| observations()).collect();
    for (index, observation) in seen.iter_mut().enumerate() {
        observation.link = match index / 40 % 8 {
            0 => PerDirection::new(link(2_000, 0), link(200, 0)),
            1 => PerDirection::default(),
            2 => PerDirection::new(link(5_600_000, 300_000), link(3_000, 0)),
            3 => PerDirection::new(link(40_000, 0), link(240_000, 20_000)),
            _ => PerDirection::new(link(3_500_000, 0), link(200_000, 20_000)),
        };
    }
    seen
}

fn config() -> ControllerConfig {
    let [target, warn, hard_red] = [15, 45, 80].map(Threshold::from_integer);
    let baseline = BaselineConfig {
        initial: ms(25.0),
        alpha: Alpha::new(0.001).unwrap(),
        update_threshold: ms(3.0),
        min: ms(10.0),
        max: ms(60.0),
    };
    let mut config = ControllerConfig::new(
        PerDirection::new(queue(400.0, 920.0, 10.0), queue(25.0, 40.0, 1.0)),
        Thresholds::new(target, warn, hard_red).unwrap(),
        baseline,
        Alpha::new(0.5).unwrap(),
    );
    config.aggregation = Aggregation::MedianOfThree;
    config
}

fn queue(floor: f64, ceiling: f64, step: f64) -> QueueConfig {
    let mbps = |value| RateBound::from_mbps(value).unwrap();
    QueueConfig::new(
        Floors::uniform(mbps(floor)),
        mbps(ceiling),
        mbps(step),
        Factor::new(0.85).unwrap(),
        Factor::new(0.96).unwrap(),
    )
    .unwrap()
}

fn ms(value: f64) -> Millis {
    Millis::new(value).unwrap()
}

/// The system allocator with a counter per thread, so that the test harness's other threads do
/// not disturb the count.
#[expect(unsafe_code, reason = "a global allocator is an unsafe trait")]
mod counting {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }

    struct Counting;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    /// How many allocations `work` makes on this thread.
    pub(super) fn allocations(work: impl FnOnce()) -> u64 {
        let before = COUNT.get();
        work();
        COUNT.get() - before
    }

    fn count() {
        // A thread that is being torn down may still allocate; it is not under test.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    }

    // SAFETY: every call goes to the system allocator with the arguments unchanged; the counter
    // neither allocates nor unwinds.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count();
            // SAFETY: the caller's promises about `layout` are passed on.
            unsafe { System.alloc(layout) }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            count();
            // SAFETY: the caller's promises about `layout` are passed on.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            count();
            // SAFETY: `ptr` came from the system allocator with this `layout`.
            unsafe { System.realloc(ptr, layout, new_size) }
        }

        unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
            // SAFETY: `ptr` came from the system allocator with this `layout`.
            unsafe { System.dealloc(ptr, layout) }
        }
    }
}
