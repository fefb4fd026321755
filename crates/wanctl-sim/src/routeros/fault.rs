//! Things that go wrong on purpose.

use std::time::Duration;

use tokio::time::Instant;

/// Something that goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An error status with the body that goes with it: 400, 401, 404 or 500. Nothing is done.
    Status(u16),
    /// Status 200 and a page of HTML. Nothing is done.
    Html,
    /// The request is carried out and half of the JSON answered.
    HalfJson,
    /// The request waits so long before it is carried out.
    Hang(Duration),
    /// The connection is closed without an answer. Nothing is done.
    CloseConnection,
    /// The request is carried out and an error answered.
    AppliedButError,
    /// Success is answered, with the object as wished, and nothing is done.
    OkButNotApplied,
}

/// Which requests a fault meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaultScope {
    /// All.
    #[default]
    Everything,
    /// Those that only read.
    Reads,
    /// Those that may change something.
    Writes,
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultExtent {
    /// For so many requests.
    Requests(u64),
    /// For so long, on tokio's clock.
    For(Duration),
    /// Until the faults are cleared.
    UntilCleared,
}

/// The faults in force, oldest first.
#[derive(Debug, Default)]
pub(super) struct Faults {
    active: Vec<ActiveFault>,
}

#[derive(Debug)]
struct ActiveFault {
    fault: Fault,
    scope: FaultScope,
    left: Left,
}

#[derive(Debug)]
enum Left {
    Requests(u64),
    Until(Instant),
    Endless,
}

impl Faults {
    pub(super) fn inject(&mut self, fault: Fault, scope: FaultScope, extent: FaultExtent) {
        let left = match extent {
            FaultExtent::Requests(number) => Left::Requests(number),
            FaultExtent::For(duration) => Left::Until(Instant::now() + duration),
            FaultExtent::UntilCleared => Left::Endless,
        };
        self.active.push(ActiveFault { fault, scope, left });
    }

    pub(super) fn clear(&mut self) {
        self.active.clear();
    }

    /// The fault that meets a request, the oldest if several do; counts it.
    pub(super) fn meet(&mut self, writes: bool) -> Option<Fault> {
        self.active.retain(|active| match active.left {
            Left::Requests(left) => left > 0,
            Left::Until(end) => Instant::now() < end,
            Left::Endless => true,
        });
        let met = self.active.iter_mut().find(|active| match active.scope {
            FaultScope::Everything => true,
            FaultScope::Reads => !writes,
            FaultScope::Writes => writes,
        })?;
        if let Left::Requests(left) = &mut met.left {
            *left -= 1;
        }
        Some(met.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_meet_their_scope_and_wear_off() {
        let mut faults = Faults::default();
        faults.inject(Fault::Html, FaultScope::Writes, FaultExtent::Requests(2));
        faults.inject(
            Fault::Status(404),
            FaultScope::Everything,
            FaultExtent::UntilCleared,
        );
        let met: Vec<_> = [true, false, true, true]
            .map(|writes| faults.meet(writes))
            .into();
        let not_found = Some(Fault::Status(404));
        assert_eq!(
            met,
            [Some(Fault::Html), not_found, Some(Fault::Html), not_found]
        );
        faults.clear();
        assert_eq!(faults.meet(true), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_may_last_for_a_time() {
        let mut faults = Faults::default();
        let second = Duration::from_secs(1);
        faults.inject(
            Fault::Html,
            FaultScope::Everything,
            FaultExtent::For(second),
        );
        tokio::time::advance(second / 2).await;
        assert_eq!(faults.meet(false), Some(Fault::Html));
        tokio::time::advance(second).await;
        assert_eq!(faults.meet(false), None);
    }
}
