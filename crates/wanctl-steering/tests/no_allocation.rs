//! A step allocates nothing: a counting allocator watches the thread that runs the test.
#![expect(clippy::unwrap_used, reason = "test helpers")]

use core::hint::black_box;
use core::time::Duration;

use wanctl_steering::{
    EngineConfig, LegacyConfig, Observation, QueueObservation, RouteConfig, Settled,
    ShaperObservation, StandardConfig, Steering, SteeringConfig, TargetObservation, WanObservation,
    WanPolicy,
};
use wanctl_types::{Millis, PerDirection, Timestamp};

const CYCLE: Duration = Duration::from_millis(50);
const STEPS: u32 = 100_000;

#[test]
fn the_allocator_counts() {
    assert!(counting::allocations(|| drop(black_box(Box::new(1)))) >= 1);
}

#[test]
fn no_step_of_the_standard_engine_allocates() {
    let mut standard = StandardConfig::new(CYCLE);
    standard.routes = Some(RouteConfig::default());
    watch(EngineConfig::Standard(standard));
}

#[test]
fn no_step_of_the_legacy_engine_allocates() {
    watch(EngineConfig::Legacy(LegacyConfig::new(CYCLE)));
}

/// Minutes of calm, congestion and outage; traffic moves in both directions.
fn watch(engine: EngineConfig) {
    let mut policy = WanPolicy::new(3);
    policy.route = true;
    let config = SteeringConfig::new(engine, [policy; 3].into_iter().collect()).unwrap();
    let mut steering = Steering::new(config);
    let inputs = [20.0, 170.0, 20.0, f64::NAN].map(observation);
    let mut moves = 0;
    let allocations = counting::allocations(|| {
        for step in 0..STEPS {
            let now = Timestamp::ZERO + CYCLE * step;
            let phase = usize::try_from(step / 2_000 % 4).unwrap_or_default();
            let Some(seen) = inputs.get(phase) else {
                continue;
            };
            for request in steering.step(now, seen).requests {
                moves += u32::from(steering.settle(now, request.id, Settled::Applied).is_some());
            }
        }
    });
    assert_eq!(allocations, 0);
    assert!(moves >= 4, "{moves} moves");
}

/// The WAN in normal use answers in so many milliseconds, or not at all.
fn observation(primary: f64) -> Observation {
    let mut seen = Observation::default();
    for rtt in [primary, 35.0, 45.0] {
        let rtt = Millis::new(rtt);
        let target = TargetObservation {
            rtt,
            variation: Some(Millis::ZERO),
            answered: u32::from(rtt.is_some()),
            lost: u32::from(rtt.is_none()),
            silent: if rtt.is_some() {
                Duration::ZERO
            } else {
                Duration::from_mins(1)
            },
        };
        let mut wan = WanObservation {
            queue: Some(QueueObservation {
                drops: u64::from(primary > 100.0),
                interval: CYCLE,
                queued: if primary > 100.0 { 90 } else { 0 },
                age: Duration::ZERO,
            }),
            shaper: Some(ShaperObservation {
                zone: PerDirection::default(),
                rate: PerDirection::default(),
                floor: PerDirection::default(),
                baseline: Some(Millis::saturating(20.0)),
                age: Duration::ZERO,
            }),
            ..WanObservation::default()
        };
        wan.targets.extend([target; 3]);
        seen.wans.push(wan);
    }
    seen
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
