//! `wanctl-steering`: the same daemon under the Python program's name.

mod app;
mod args;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    app::run(args::Args::parse())
}
