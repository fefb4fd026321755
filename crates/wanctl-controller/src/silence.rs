//! What happens while no reflector answers.
//!
//! | what still answers | counter | step |
//! |---|---|---|
//! | not checked | unchanged | fails |
//! | nothing | unchanged | fails |
//! | TCP | +1 | goes on with the TCP connect time |
//! | gateway, graceful degradation | +1 | first: load RTT; up to the maximum: frozen; then fails |
//! | gateway, freeze | +1 | frozen |
//! | gateway, use last RTT | +1 | goes on with the load RTT |
//!
//! A TCP connect time of zero or less is worth as much as the gateway alone.

use wanctl_types::Millis;

use crate::{Reachability, SilenceMode, SilencePolicy};

/// Counts silent steps and decides what to make of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outage {
    policy: SilencePolicy,
    cycles: u32,
}

/// What a silent step is good for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Silent {
    /// Goes on with this RTT instead of a measured one.
    Substitute(Millis),
    /// Holds everything on purpose.
    Frozen,
    /// Nothing can be done.
    Failed,
}

impl Outage {
    pub(crate) const fn new(policy: SilencePolicy, cycles: u32) -> Self {
        Self { policy, cycles }
    }

    pub(crate) const fn cycles(&self) -> u32 {
        self.cycles
    }

    /// A reflector answered.
    pub(crate) const fn end(&mut self) {
        self.cycles = 0;
    }

    /// No reflector answered; `load` is the smoothed RTT so far.
    pub(crate) fn silent(&mut self, reachability: Option<Reachability>, load: Millis) -> Silent {
        match reachability {
            None | Some(Reachability::Nothing) => Silent::Failed,
            Some(Reachability::Tcp(rtt)) if rtt > Millis::ZERO => {
                self.count();
                Silent::Substitute(rtt)
            }
            Some(Reachability::Tcp(_) | Reachability::GatewayOnly) => {
                self.count();
                self.gateway_only(load)
            }
        }
    }

    const fn count(&mut self) {
        self.cycles = self.cycles.saturating_add(1);
    }

    fn gateway_only(&self, load: Millis) -> Silent {
        match self.policy.mode {
            SilenceMode::Freeze => Silent::Frozen,
            SilenceMode::UseLastRtt => Silent::Substitute(load),
            SilenceMode::GracefulDegradation if self.cycles <= 1 => Silent::Substitute(load),
            SilenceMode::GracefulDegradation if self.cycles <= self.policy.max_cycles => {
                Silent::Frozen
            }
            SilenceMode::GracefulDegradation => Silent::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::ms;

    const MODES: [SilenceMode; 3] = [
        SilenceMode::GracefulDegradation,
        SilenceMode::Freeze,
        SilenceMode::UseLastRtt,
    ];

    #[test]
    fn graceful_degradation_substitutes_once_then_freezes_then_fails() {
        let mut outage = outage(SilenceMode::GracefulDegradation, 0);
        let steps = [(); 5].map(|()| outage.silent(Some(Reachability::GatewayOnly), ms(28.5)));
        assert_eq!(
            steps,
            [
                Silent::Substitute(ms(28.5)),
                Silent::Frozen,
                Silent::Frozen,
                Silent::Failed,
                Silent::Failed
            ]
        );
        assert_eq!(outage.cycles(), 5);
    }

    #[test]
    fn the_other_modes_go_on_for_as_long_as_it_lasts() {
        for (mode, expected) in [
            (SilenceMode::Freeze, Silent::Frozen),
            (SilenceMode::UseLastRtt, Silent::Substitute(ms(28.5))),
        ] {
            let mut outage = outage(mode, 1_000);
            let step = outage.silent(Some(Reachability::GatewayOnly), ms(28.5));
            assert_eq!((step, outage.cycles()), (expected, 1_001));
        }
    }

    #[test]
    fn a_tcp_rtt_is_used_in_every_mode_and_without_limit() {
        for mode in MODES {
            let mut outage = outage(mode, 10);
            let step = outage.silent(Some(Reachability::Tcp(ms(30.2))), ms(28.5));
            assert_eq!(step, Silent::Substitute(ms(30.2)));
            assert_eq!(outage.cycles(), 11);
        }
    }

    #[test]
    fn a_tcp_rtt_of_zero_or_less_is_worth_a_gateway() {
        for bad in [0.0, -1.0] {
            let mut outage = outage(SilenceMode::Freeze, 0);
            let step = outage.silent(Some(Reachability::Tcp(ms(bad))), ms(28.5));
            assert_eq!((step, outage.cycles()), (Silent::Frozen, 1));
        }
    }

    #[test]
    fn a_total_loss_fails_and_is_not_counted() {
        for mode in MODES {
            for reachability in [None, Some(Reachability::Nothing)] {
                let mut outage = outage(mode, 2);
                assert_eq!(outage.silent(reachability, ms(28.5)), Silent::Failed);
                assert_eq!(outage.cycles(), 2);
            }
        }
    }

    #[test]
    fn an_answer_ends_the_outage() {
        let mut outage = outage(SilenceMode::GracefulDegradation, 7);
        outage.end();
        assert_eq!(
            outage.silent(Some(Reachability::GatewayOnly), ms(28.5)),
            Silent::Substitute(ms(28.5))
        );
    }

    fn outage(mode: SilenceMode, cycles: u32) -> Outage {
        let policy = SilencePolicy {
            mode,
            max_cycles: 3,
        };
        Outage::new(policy, cycles)
    }
}
