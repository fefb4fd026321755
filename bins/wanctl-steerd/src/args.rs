//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Moves latency-sensitive traffic to another WAN while the one in normal use is congested or
/// down, and back when that is safe.
#[derive(Debug, Parser)]
#[command(version, about)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct Args {
    /// The steering configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Switch the rules off, put the routes back, forget the state, and exit.
    #[arg(long)]
    pub(crate) reset: bool,

    /// Decide once, say what was decided, and exit.
    #[arg(long)]
    pub(crate) oneshot: bool,

    /// Say what is wrong with the configuration file, or that nothing is, and exit.
    #[arg(long)]
    pub(crate) validate_config: bool,

    /// Log everything, and write the debug log.
    #[arg(long)]
    pub(crate) debug: bool,

    /// Take down every input of the decision in this file, for `wanctl replay`.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}
