//! The laws that the benchmark compares.
//!
//! Every law is built from the [`Plan`] alone; `settings` says what each derives from it. The laws
//! of other programs are written from descriptions of their behaviour. `docs/benchmarks-laws.md`
//! lists where each differs from its program.
//!
//! | name | what it is |
//! |---|---|
//! | `static` | a rate set by hand |
//! | `reference` | [`LawKind::Reference`](wanctl_controller::LawKind) of `wanctl-controller` |
//! | `adaptive` | [`LawKind::Adaptive`](wanctl_controller::LawKind) of `wanctl-controller` |
//! | `cake-autorate` | cake-autorate 3.3 as it comes: round-trip times by `fping` |
//! | `cake-autorate-owd` | the same on one-way delays, where reflectors tell them |
//! | `sqm-autorate` | sqm-autorate 0.6 |
//! | `upstream-head` | the newest law of the Python program `wanctl` |
//! | `upstream-head-routeros` | the same with that program's limit on writes to `RouterOS` |
//! | `oracle(lag,gain)` | told the true capacity, late |

mod cake_autorate;
mod fixed;
mod observe;
mod oracle;
mod ours;
mod rounds;
mod settings;
mod sqm_autorate;
mod traffic;
mod upstream_head;

use super::{LawUnderTest, Plan};

/// The laws that every comparison has. [`law`] knows further oracles and `upstream-head-routeros`.
pub const NAMES: [&str; 9] = [
    "static",
    "reference",
    "upstream-head",
    "cake-autorate",
    "cake-autorate-owd",
    "sqm-autorate",
    "adaptive",
    "oracle(0.15,0.95)",
    "oracle(0.30,0.90)",
];

/// A fresh law; `None` for a name that no law has, or for an oracle with a lag outside 0 to 10 s
/// or a gain outside 0.05 to 1. `seed` is for laws that draw lots.
#[must_use]
pub fn law(name: &str, plan: &Plan, seed: u64) -> Option<Box<dyn LawUnderTest + Send>> {
    match name {
        "static" => Some(Box::new(fixed::Fixed::new(plan))),
        "reference" => Some(Box::new(ours::Reference::new(plan)?)),
        "adaptive" => Some(Box::new(ours::Adaptive::new(plan)?)),
        "cake-autorate" => Some(Box::new(cake_autorate::CakeAutorate::round_trips(plan))),
        "cake-autorate-owd" => Some(Box::new(cake_autorate::CakeAutorate::one_way(plan))),
        "sqm-autorate" => Some(Box::new(sqm_autorate::SqmAutorate::new(plan, seed))),
        "upstream-head" => Some(Box::new(upstream_head::UpstreamHead::free(plan))),
        "upstream-head-routeros" => Some(Box::new(upstream_head::UpstreamHead::on_router_os(plan))),
        other => Some(Box::new(oracle::Oracle::parse(other, plan)?)),
    }
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
