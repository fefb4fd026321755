//! What can go wrong with the probes of a virtual run.

use std::ops::Range;
use std::time::Duration;

use wanctl_types::Timestamp;

/// One trouble of one reflector, or of all, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFault {
    /// When, counted from the start: probes that leave from the start of it on and before its end.
    pub during: Range<Duration>,
    /// Whose probes, as the place in the list of reflectors; everybody's when absent.
    pub reflector: Option<usize>,
    /// What happens to them.
    pub trouble: ProbeTrouble,
}

/// What happens to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeTrouble {
    /// No answer.
    Silent,
    /// No answer to so many of a thousand, each by itself.
    Lossy(u16),
    /// The answer comes that much later than the line accounts for.
    Slower(Duration),
    /// The answer comes twice.
    Twice,
    /// The answer repeats another nonce than the request's.
    ForeignNonce,
    /// The kernel refuses to send.
    Unsendable,
}

impl ProbeFault {
    pub(super) fn strikes(&self, at: Timestamp, reflector: Option<usize>) -> bool {
        let ours = self.reflector.is_none() || self.reflector == reflector;
        ours && self.during.contains(&at.since_origin())
    }

    /// Whether it is this probe's turn; nonces are drawn evenly.
    pub(super) const fn hits(&self, nonce: u64) -> bool {
        match self.trouble {
            ProbeTrouble::Lossy(of_thousand) => nonce % 1_000 < of_thousand as u64,
            ProbeTrouble::Silent
            | ProbeTrouble::Slower(_)
            | ProbeTrouble::Twice
            | ProbeTrouble::ForeignNonce
            | ProbeTrouble::Unsendable => true,
        }
    }
}

/// What all troubles of one probe together make of its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fortune {
    pub(super) is_sent: bool,
    pub(super) answers: u32,
    pub(super) slower: Duration,
    pub(super) is_foreign: bool,
}

impl Fortune {
    /// Of a probe that nothing happens to.
    const GOOD: Self = Self {
        is_sent: true,
        answers: 1,
        slower: Duration::ZERO,
        is_foreign: false,
    };

    pub(super) fn of<'a>(faults: impl Iterator<Item = &'a ProbeFault>) -> Self {
        faults.fold(Self::GOOD, |fortune, fault| fortune.with(fault.trouble))
    }

    fn with(mut self, trouble: ProbeTrouble) -> Self {
        match trouble {
            ProbeTrouble::Silent | ProbeTrouble::Lossy(_) => self.answers = 0,
            ProbeTrouble::Slower(by) => self.slower += by,
            ProbeTrouble::Twice => self.answers *= 2,
            ProbeTrouble::ForeignNonce => self.is_foreign = true,
            ProbeTrouble::Unsendable => self.is_sent = false,
        }
        self
    }
}
