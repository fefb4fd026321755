//! `wanemu`: a wide-area link in user space, between two network namespaces.
//!
//! Two TUN devices, one in each namespace. Every packet that enters one of them waits in a
//! drop-tail queue, is served at a fixed, stepped, recorded or remotely changed rate, travels for a
//! fixed delay plus jitter and comes out of the other device.
//!
//! `lab/README.md` shows it at work and states how accurate it is.

mod args;
mod control;
mod emulator;
mod faults;
mod journal;
mod link;
mod schedule;
mod tun;

use clap::Parser;

use crate::args::{Args, Command};
use crate::emulator::Emulator;

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Run(run) => Emulator::new(&run)?.run(),
        Command::Set(set) => control::send(&set.control, &set.changes),
    }
}
