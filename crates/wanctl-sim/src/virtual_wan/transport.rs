//! Probes over a simulated link.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use wanctl_daemon::Clock;
use wanctl_probe::{EchoRequest, Received, Transport};
use wanctl_types::Timestamp;

use super::Shared;
use super::fault::{Fortune, ProbeFault};
use crate::{Link, ProbeFate};

/// Answers each probe after the link's delay at the moment it leaves, unless a fault says
/// otherwise.
pub(crate) struct VirtualTransport {
    clock: Clock,
    link: Shared<Link>,
    targets: Vec<IpAddr>,
    faults: Vec<ProbeFault>,
    flights: BinaryHeap<Reverse<Flight>>,
    sent: u64,
    timer: Option<Timer>,
}

/// A reply on its way; ordered by arrival, then by sending.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    arrives: Timestamp,
    order: u64,
    request: Reply,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reply {
    source: IpAddr,
    sequence: u16,
    nonce: u64,
    sent_at: Timestamp,
}

struct Timer {
    deadline: Timestamp,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl VirtualTransport {
    pub(crate) fn new(
        clock: &Clock,
        link: &Shared<Link>,
        targets: Vec<IpAddr>,
        faults: Vec<ProbeFault>,
    ) -> Self {
        Self {
            clock: clock.clone(),
            link: link.clone(),
            targets,
            faults,
            flights: BinaryHeap::new(),
            sent: 0,
            timer: None,
        }
    }

    fn fortune(&self, request: &EchoRequest) -> Fortune {
        let reflector = self.targets.iter().position(|host| *host == request.target);
        let faults = self.faults.iter();
        Fortune::of(
            faults.filter(|fault| {
                fault.strikes(request.sent_at, reflector) && fault.hits(request.nonce)
            }),
        )
    }

    fn answer(&mut self, request: &EchoRequest, after: Duration, fortune: Fortune) {
        for _ in 0..fortune.answers {
            self.sent += 1;
            self.flights.push(Reverse(Flight {
                arrives: request.sent_at + after,
                order: self.sent,
                request: Reply {
                    source: request.target,
                    sequence: request.sequence,
                    nonce: request.nonce ^ u64::from(fortune.is_foreign),
                    sent_at: request.sent_at,
                },
            }));
        }
    }

    fn arrived(&mut self, now: Timestamp) -> Option<Received> {
        let head = self.flights.peek()?;
        if head.0.arrives > now {
            return None;
        }
        let Reverse(Flight {
            arrives, request, ..
        }) = self.flights.pop()?;
        Some(Received {
            source: request.source,
            sequence: request.sequence,
            nonce: request.nonce,
            sent_at: request.sent_at,
            waited: now.saturating_since(arrives),
        })
    }

    /// Whether the timer for this deadline has fired; registers the task otherwise.
    fn poll_timer(&mut self, deadline: Timestamp, cx: &mut Context<'_>) -> Poll<()> {
        if self
            .timer
            .as_ref()
            .is_none_or(|timer| timer.deadline != deadline)
        {
            let clock = self.clock.clone();
            self.timer = Some(Timer {
                deadline,
                sleep: Box::pin(async move { clock.sleep_until(deadline).await }),
            });
        }
        let Some(timer) = &mut self.timer else {
            return Poll::Pending;
        };
        let fired = timer.sleep.as_mut().poll(cx);
        if fired.is_ready() {
            self.timer = None;
        }
        fired
    }
}

impl Transport for VirtualTransport {
    fn send(&mut self, request: &EchoRequest) -> Result<(), wanctl_probe::Error> {
        let fortune = self.fortune(request);
        if !fortune.is_sent {
            return Err(wanctl_probe::Error::Send {
                target: request.target,
                source: io::ErrorKind::NetworkUnreachable.into(),
            });
        }
        let fate = self.link.with(|link| link.probe(request.sent_at));
        if let ProbeFate::Answered { rtt } = fate {
            self.answer(request, rtt.to_duration() + fortune.slower, fortune);
        }
        Ok(())
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Received, wanctl_probe::Error>> {
        loop {
            if let Some(reply) = self.arrived(self.clock.now()) {
                return Poll::Ready(Ok(reply));
            }
            let Some(head) = self.flights.peek() else {
                return Poll::Pending;
            };
            let deadline = head.0.arrives;
            if self.poll_timer(deadline, cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
