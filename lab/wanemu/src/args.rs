//! The command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use clap::Parser;

use crate::control::Change;
use crate::schedule::{Rate, Schedule};

/// An emulated WAN between two network namespaces.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Create both devices and carry packets until killed.
    Run(Box<RunArgs>),
    /// Change a running emulator.
    Set(SetArgs),
}

/// Arguments of `wanemu run`. "ab" is the direction from end A to end B.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// End A: network namespace and name of the TUN device made there.
    #[arg(long, value_name = "NAMESPACE/DEVICE")]
    pub(crate) a: End,
    /// End B.
    #[arg(long, value_name = "NAMESPACE/DEVICE")]
    pub(crate) b: End,
    #[command(flatten)]
    ab: AbArgs,
    #[command(flatten)]
    ba: BaArgs,
    /// Time a packet travels after it was served, in each direction.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = parse_ms)]
    pub(crate) delay_ms: Duration,
    /// Largest extra travelling time; drawn evenly, packets keep their order.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = parse_ms)]
    pub(crate) jitter_ms: Duration,
    /// Share of packets lost before the queue, 0 to 1.
    #[arg(long, value_name = "P", default_value = "0", value_parser = parse_loss)]
    pub(crate) loss: f64,
    /// Seed of jitter and loss.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Unix datagram socket on which `wanemu set` is heard.
    #[arg(long, value_name = "SOCKET")]
    pub(crate) control: Option<PathBuf>,
    /// File that gets one line per direction and second.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

impl RunArgs {
    /// Rate plan and queue limit in bytes from A to B.
    pub(crate) fn ab(&self) -> anyhow::Result<(Schedule, u64)> {
        let plan = plan(
            self.ab.mbit,
            self.ab.steps.as_deref(),
            self.ab.trace.as_ref(),
        )?;
        Ok((plan, self.ab.buffer))
    }

    /// Rate plan and queue limit in bytes from B to A.
    pub(crate) fn ba(&self) -> anyhow::Result<(Schedule, u64)> {
        let plan = plan(
            self.ba.mbit,
            self.ba.steps.as_deref(),
            self.ba.trace.as_ref(),
        )?;
        Ok((plan, self.ba.buffer))
    }
}

/// Direction A to B.
#[derive(Debug, clap::Args)]
struct AbArgs {
    /// Fixed rate from A to B; unlimited when no rate is given.
    #[arg(id = "ab_mbit", long = "ab-mbit", value_name = "RATE", conflicts_with_all = ["ab_steps", "ab_trace"])]
    mbit: Option<Rate>,
    /// Rates from A to B by second since the start, `0:50,30:25`.
    #[arg(
        id = "ab_steps",
        long = "ab-steps",
        value_name = "STEPS",
        conflicts_with = "ab_trace"
    )]
    steps: Option<String>,
    /// CSV file with one rate per 100 ms, repeated for ever.
    #[arg(id = "ab_trace", long = "ab-trace", value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Longest queue from A to B.
    #[arg(
        id = "ab_buffer",
        long = "ab-buffer-bytes",
        value_name = "N",
        default_value_t = 1_000_000
    )]
    buffer: u64,
}

/// Direction B to A.
#[derive(Debug, clap::Args)]
struct BaArgs {
    /// Fixed rate from B to A; unlimited when no rate is given.
    #[arg(id = "ba_mbit", long = "ba-mbit", value_name = "RATE", conflicts_with_all = ["ba_steps", "ba_trace"])]
    mbit: Option<Rate>,
    /// Rates from B to A by second since the start.
    #[arg(
        id = "ba_steps",
        long = "ba-steps",
        value_name = "STEPS",
        conflicts_with = "ba_trace"
    )]
    steps: Option<String>,
    /// CSV file with one rate per 100 ms, repeated for ever.
    #[arg(id = "ba_trace", long = "ba-trace", value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Longest queue from B to A.
    #[arg(
        id = "ba_buffer",
        long = "ba-buffer-bytes",
        value_name = "N",
        default_value_t = 1_000_000
    )]
    buffer: u64,
}

/// Arguments of `wanemu set`.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// The socket given to `wanemu run --control`.
    #[arg(long, value_name = "SOCKET")]
    pub(crate) control: PathBuf,
    /// Changes such as `ba=25`, `ab=unlimited`, `ba-trace=FILE` (one rate per 100 ms from now on,
    /// repeated for ever; the emulator reads the file), `delay=20`, `jitter=2`, `loss=0.01`; for packets
    /// that leave end B `icmp=off`, and `reply=ADDRESS/FAULT` for the echo replies of an address,
    /// where the fault is honest, silent, delay:MS, twice, forged or truncated.
    #[arg(required = true)]
    pub(crate) changes: Vec<Change>,
}

/// One end of the link.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// Name of the network namespace below `/run/netns`.
    pub(crate) namespace: String,
    /// Name of the device.
    pub(crate) device: String,
}

impl FromStr for End {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (namespace, device) = text
            .split_once('/')
            .ok_or_else(|| anyhow!("expected NAMESPACE/DEVICE"))?;
        ensure!(
            !namespace.is_empty() && !device.is_empty() && !device.contains('/'),
            "expected NAMESPACE/DEVICE with one slash"
        );
        Ok(Self {
            namespace: namespace.to_owned(),
            device: device.to_owned(),
        })
    }
}

fn plan(
    fixed: Option<Rate>,
    steps: Option<&str>,
    trace: Option<&PathBuf>,
) -> anyhow::Result<Schedule> {
    match (steps, trace) {
        (Some(steps), _) => Schedule::steps(steps),
        (None, Some(file)) => Schedule::trace_file(file),
        (None, None) => Ok(Schedule::fixed(fixed.unwrap_or(Rate::Unlimited))),
    }
}

/// Milliseconds, with a fraction if wanted.
pub(crate) fn parse_ms(text: &str) -> anyhow::Result<Duration> {
    let ms: f64 = text.parse().context("expected milliseconds")?;
    Duration::try_from_secs_f64(ms / 1000.0).context("expected milliseconds, 0 or more")
}

/// A probability.
pub(crate) fn parse_loss(text: &str) -> anyhow::Result<f64> {
    let loss: f64 = text.parse().context("expected a number from 0 to 1")?;
    ensure!((0.0..=1.0).contains(&loss), "expected a number from 0 to 1");
    Ok(loss)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_needs_a_namespace_and_a_device() {
        let end: End = "lab-router/r-wan".parse().unwrap();
        assert_eq!(
            (end.namespace.as_str(), end.device.as_str()),
            ("lab-router", "r-wan")
        );
        for bad in ["r-wan", "/r-wan", "lab/", "a/b/c"] {
            assert!(bad.parse::<End>().is_err(), "{bad}");
        }
    }

    #[test]
    fn delays_and_losses_stay_in_range() {
        assert_eq!(parse_ms("2.5").unwrap(), Duration::from_micros(2500));
        assert!(parse_ms("-1").is_err());
        assert!(parse_ms("NaN").is_err());
        assert!(parse_loss("1.01").is_err());
        assert!(parse_loss("NaN").is_err());
    }

    #[test]
    fn one_direction_takes_one_plan_only() {
        let base = [
            "wanemu",
            "run",
            "--a",
            "x/y",
            "--b",
            "z/w",
            "--ba-mbit",
            "5",
        ];
        assert!(Args::try_parse_from(base).is_ok());
        let both = base.iter().chain(&["--ba-steps", "0:50"]);
        assert!(Args::try_parse_from(both).is_err());
        let other = base.iter().chain(&["--ab-steps", "0:50"]);
        assert!(Args::try_parse_from(other).is_ok());
    }
}
