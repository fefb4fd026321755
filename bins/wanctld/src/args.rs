//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Keeps the queue at the provider empty: probes reflectors 20 times a second and moves the
/// router's CAKE rates before delay builds up.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Args {
    /// One configuration file per WAN.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) config: Vec<PathBuf>,

    /// Make one control step per WAN, apply it, and exit.
    #[arg(long)]
    pub(crate) oneshot: bool,

    /// Say what is wrong with the configuration files, or that nothing is, and exit.
    #[arg(long)]
    pub(crate) validate_config: bool,

    /// Log everything, and write the debug log.
    #[arg(long)]
    pub(crate) debug: bool,

    /// Take down every input of the control step in this file, for `wanctl replay`.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}
