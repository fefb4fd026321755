//! The laws that the benchmark compares.
//!
//! Every law is built from the [`Plan`] alone; `settings` says what each derives from it. The laws
//! of other programs are written from descriptions of their behaviour. `docs/benchmarks.md` lists
//! where each differs from its program.
//!
//! | name | what it is |
//! |---|---|
//! | `static` | a rate set by hand |
//! | `reference` | [`LawKind::Reference`](wanctl_controller::LawKind) of `wanctl-controller` |
//! | `adaptive` | [`LawKind::Adaptive`](wanctl_controller::LawKind) of `wanctl-controller` |
//! | `oracle(lag,gain)` | told the true capacity, late |

mod fixed;
mod observe;
mod oracle;
mod ours;
mod rounds;
mod settings;

use super::{LawUnderTest, Plan};

/// The laws that every comparison has. [`law`] knows further oracles.
pub const NAMES: [&str; 5] = [
    "static",
    "reference",
    "adaptive",
    "oracle(0.15,0.95)",
    "oracle(0.30,0.90)",
];

/// A fresh law; `None` for a name that no law has, or for an oracle with a lag outside 0 to 10 s
/// or a gain outside 0.05 to 1. `seed` is for laws that draw lots.
#[must_use]
pub fn law(name: &str, plan: &Plan, seed: u64) -> Option<Box<dyn LawUnderTest + Send>> {
    let _ = seed;
    match name {
        "static" => Some(Box::new(fixed::Fixed::new(plan))),
        "reference" => Some(Box::new(ours::Reference::new(plan)?)),
        "adaptive" => Some(Box::new(ours::Adaptive::new(plan)?)),
        other => Some(Box::new(oracle::Oracle::parse(other, plan)?)),
    }
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
