//! `wanctl`: the operator's tool.

mod app;
mod args;
mod bench;
mod chart;
mod demo;
mod exit;
mod explain;
mod replay;
mod simulate;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    app::run(args::Args::parse())
}
