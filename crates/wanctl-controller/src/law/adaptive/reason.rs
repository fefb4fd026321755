//! Why a direction does what it does.

/// What one tick came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cause {
    Holding {
        left: f64,
    },
    NotFilled,
    OtherSearches,
    SearchBegins,
    Searching,
    DelayRises,
    Cut {
        delivered: f64,
        estimate: f64,
        before: f64,
    },
    Draining {
        queue: f64,
    },
    Drained,
    Testing,
}
