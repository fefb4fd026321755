//! Handing a cycle over allocates nothing on the calling thread.

use std::time::Duration;

use tempfile::tempdir;
use wanctl_storage::{CycleRecord, ReasonText, Recorder, StorageConfig};
use wanctl_types::{Bps, Millis, PerDirection, WallTime, WanName, Zone};

use counting_allocator::allocations;

/// Counts the allocations of each thread.
mod counting_allocator {
    #![expect(
        unsafe_code,
        reason = "an allocator is unsafe to implement; this one passes every call on unchanged"
    )]

    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }

    /// How often the calling thread has allocated so far.
    pub(crate) fn allocations() -> u64 {
        COUNT.get()
    }

    struct Counting;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    // SAFETY: every call goes to the system allocator with the arguments it came with; the
    // counter is a constant-initialised thread local without destructor, so it never allocates.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            COUNT.set(COUNT.get() + 1);
            // SAFETY: the caller keeps the contract of `alloc`.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            // SAFETY: `pointer` came from `System` with this layout.
            unsafe { System.dealloc(pointer, layout) }
        }

        unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            COUNT.set(COUNT.get() + 1);
            // SAFETY: `pointer` came from `System` with this layout.
            unsafe { System.realloc(pointer, layout, size) }
        }
    }
}

fn cycle(number: u32) -> CycleRecord {
    let delta = f64::from(number) / 7.0;
    let reason = ReasonText::format(format_args!(
        "RTT delta {delta:.1}ms exceeded soft_red threshold {:?}ms",
        15.0
    ));
    CycleRecord {
        clock_set: true,
        time: WallTime::from_unix_millis(i64::from(number)),
        rtt: Millis::saturating(delta),
        baseline: Millis::saturating(20.0),
        delta: Millis::saturating(delta),
        rates: PerDirection::new(Bps::from_mbps(900), Bps::from_mbps(40)),
        zones: PerDirection::new(Zone::Red, Zone::Green),
        transitions: PerDirection::new(Some(reason), None),
    }
}

#[test]
fn handing_over_allocates_nothing_with_room_and_without() {
    let directory = tempdir().expect("a directory");
    let recorder = Recorder::start(StorageConfig {
        // A directory is no database, so that nothing is drained and the ring fills.
        db_path: directory.path().to_owned(),
        retention_days: 7,
    })
    .expect("a thread");
    let sink = recorder.handle(WanName::new("cable").expect("a name"));
    let before = allocations();
    drop(std::hint::black_box(Box::new(before)));
    assert_eq!(allocations(), before + 1, "the counter counts");

    let before = allocations();
    for number in 0..20_000 {
        let _room = sink.record(cycle(number));
    }
    let after = allocations();

    assert_eq!(after - before, 0);
    let stats = recorder.shutdown(Duration::ZERO);
    assert!(stats.dropped > 10_000, "both ways were taken: {stats:?}");
}
