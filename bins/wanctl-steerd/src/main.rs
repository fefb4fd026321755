//! `wanctl-steerd`: the steering daemon.

mod app;
mod args;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    app::run(args::Args::parse())
}
