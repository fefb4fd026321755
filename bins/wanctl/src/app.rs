//! Runs a command.

use std::io::Write;
use std::process::ExitCode;

use crate::args::{Args, Command, Explained, Simulator};
use crate::bench::args::Benchmark;
use crate::exit::FAILURE;
use crate::{bench, demo, explain, replay, simulate};

/// Runs the program.
pub(crate) fn run(args: Args) -> ExitCode {
    let result = match args.command {
        Command::Demo(args) => demo::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Bench {
            benchmark: Benchmark::Control(args),
        } => bench::control(&args),
        Command::Explain {
            daemon: Explained::Steering(args),
        } => explain::run(&args),
        Command::Sim {
            simulator: Simulator::Router(args),
        } => simulate::router(args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to do when even standard error is gone.
            drop(writeln!(std::io::stderr(), "wanctl: {error:#}"));
            ExitCode::from(FAILURE)
        }
    }
}
