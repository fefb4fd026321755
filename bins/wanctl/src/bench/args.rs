//! The command line of `wanctl bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Subcommand;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Benchmark {
    /// Compare control laws on simulated lines, packet by packet.
    Control(Box<ControlArgs>),
}

/// Arguments of `wanctl bench control`.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct ControlArgs {
    /// Laws to compare, separated by commas. All by default; oracle(LAG,GAIN) may be added.
    #[arg(long, value_name = "LAW,...")]
    pub(crate) laws: Option<String>,

    /// Scenes to compare them on, separated by commas; NAME* for all that begin so. All by
    /// default, none with --trace.
    #[arg(long, value_name = "SCENE,...")]
    pub(crate) scenes: Option<String>,

    /// Conditions to play each scene under, separated by commas, or "all".
    #[arg(long, value_name = "VARIANT,...", default_value = "default")]
    pub(crate) variants: String,

    /// What the plan is believed to be, in parts of the line's mean capacity.
    #[arg(long, value_name = "PART,...", value_delimiter = ',', default_value = "1", value_parser = plan)]
    pub(crate) plans: Vec<f64>,

    /// Seeds of each scene. Figures are means over them.
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) seeds: NonZeroUsize,

    /// Use the seeds for choosing constants: 1, 3, 5 ... The default.
    #[arg(long, conflicts_with = "reporting")]
    pub(crate) tuning: bool,

    /// Use the seeds for reporting: 2, 4, 6 ...
    #[arg(long)]
    pub(crate) reporting: bool,

    /// Runs at the same time. As many as there are processors by default.
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// A measured download to compare the laws on: one line for each 100 ms, Mbit/s in the last
    /// column. May be given several times.
    #[arg(long, value_name = "CSV")]
    pub(crate) trace: Vec<PathBuf>,

    /// The upload that belongs to the --trace at the same place. With it both directions are
    /// loaded.
    #[arg(long, value_name = "CSV", requires = "trace")]
    pub(crate) trace_up: Vec<PathBuf>,

    /// Round-trip time of the traces without any queue, ms.
    #[arg(long, value_name = "MS", default_value_t = 25.0, value_parser = rtt)]
    pub(crate) trace_rtt: f64,

    /// Check the targets of the adaptive law; exit with 1 when one is missed.
    #[arg(long)]
    pub(crate) check: bool,

    /// Play what this file was made from, and exit with 1 when a figure got worse.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["laws", "scenes", "plans", "seeds", "tuning", "reporting", "variants", "trace"])]
    pub(crate) gate: Option<PathBuf>,

    /// Write the figures to this file, for --gate.
    #[arg(long, value_name = "FILE", conflicts_with = "trace")]
    pub(crate) write_gate: Option<PathBuf>,

    /// Write all figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Write all figures to this file, one line for each.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,

    /// Draw frontiers and time series into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) svg: Option<PathBuf>,

    /// Write tables into this file, between its lines "control: begin" and "control: end".
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    /// Print the laws, scenes and variants that there are.
    #[arg(long)]
    pub(crate) list: bool,
}

fn plan(text: &str) -> Result<f64, String> {
    number(text, 0.05, 20.0, "a plan")
}

fn rtt(text: &str) -> Result<f64, String> {
    number(text, 2.0, 2_000.0, "the round-trip time")
}

fn number(text: &str, least: f64, most: f64, what: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{what} must be between {least} and {most}"))
    }
}
