//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::bench::args::Benchmark;

/// Looks into and tries out wanctl, the adaptive bandwidth controller.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what the controller does to a simulated line: once with fixed limits, once controlled.
    Demo(DemoArgs),
    /// Run a recording of a daemon through the same code again and compare every decision.
    Replay(ReplayArgs),
    /// Measure something.
    Bench {
        /// What.
        #[command(subcommand)]
        benchmark: Benchmark,
    },
    /// Say what a running daemon decided last, on what grounds, and what would change it.
    Explain {
        /// Which daemon.
        #[command(subcommand)]
        daemon: Explained,
    },
    /// Run a simulator by itself.
    Sim {
        /// Which simulator.
        #[command(subcommand)]
        simulator: Simulator,
    },
}

/// The daemons that explain themselves.
#[derive(Debug, Subcommand)]
pub(crate) enum Explained {
    /// The steering daemon.
    Steering(ExplainArgs),
}

/// Arguments of `wanctl explain steering`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The daemon's `state.file`; it answers on the socket beside it.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/lib/wanctl/steering_state.json"
    )]
    pub(crate) state_file: PathBuf,

    /// Print the answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `wanctl demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Draw nothing; print the result when it is there.
    #[arg(long)]
    pub(crate) headless: bool,

    /// Print samples and summary of both runs as one JSON object. Implies --headless.
    #[arg(long)]
    pub(crate) json: bool,

    /// Seed of everything random in the simulated line.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// How many times faster than real time the line's clock runs, 0.1 to 20.
    #[arg(long, default_value_t = 4.0, value_parser = speed)]
    pub(crate) speed: f64,

    /// With 2: both daemons on two simulated lines, in virtual time; traffic moves and comes back.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(crate) wans: u8,

    /// Write a chart of all runs to this SVG file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// Arguments of `wanctl replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// A file that `wanctld --record` or `wanctl-steerd --record` wrote.
    pub(crate) file: PathBuf,
}

/// The simulators that run by themselves.
#[derive(Debug, Subcommand)]
pub(crate) enum Simulator {
    /// A RouterOS device that answers over REST and shapes with this host's HTB classes.
    Router(RouterArgs),
}

/// Arguments of `wanctl sim router`.
#[derive(Debug, clap::Args)]
pub(crate) struct RouterArgs {
    /// Address and port to answer on.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,

    /// A queue and the device whose class 1:1 gets its rate. May be given several times.
    #[arg(long = "queue", value_name = "QUEUE=DEVICE", required = true, value_parser = queue)]
    pub(crate) queues: Vec<(String, String)>,

    /// The user that may log in.
    #[arg(long, default_value = "admin")]
    pub(crate) user: String,

    /// Name of the environment variable with the user's password.
    #[arg(long, value_name = "NAME")]
    pub(crate) password_env: Option<String>,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.1..=20.0).contains(&speed) {
        Ok(speed)
    } else {
        Err("the speed must be between 0.1 and 20".to_owned())
    }
}

fn queue(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((queue, device)) if !queue.is_empty() && !device.is_empty() => {
            Ok((queue.to_owned(), device.to_owned()))
        }
        Some(_) | None => Err("expected QUEUE=DEVICE, for example WAN-Download=eth1".to_owned()),
    }
}
