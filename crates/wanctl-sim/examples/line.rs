//! Prints the download of a generated line as CSV, one row for each 100 ms:
//! `cargo run --release -p wanctl-sim --example line -- starlink 2 30`.
//!
//! What it prints, `wanctl bench control --trace`, `wanemu --ba-trace` and `wanctl_sim::link` read.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use wanctl_sim::bench::LINE_BIN;
use wanctl_sim::bench::generate::{self, Series};

const USAGE: &str = "usage: line MODEL SEED SECONDS, where MODEL is starlink, \
                     lte-stationary, lte-walking, lte-driving, 5g-stationary or 5g-driving";

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, series)) = asked_for(&arguments) else {
        writeln!(io::stderr(), "{USAGE}")?;
        return Ok(ExitCode::from(2));
    };
    let mut out = io::stdout().lock();
    writeln!(out, "# download of {name}, Mbit/s, one row for each 100 ms")?;
    for (bin, rate) in (0_u32..).zip(&series.capacity.download) {
        let time = LINE_BIN.saturating_mul(bin).as_secs_f64();
        writeln!(out, "{time:.1},{:.2}", rate.as_mbps())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The line, and what it is called.
fn asked_for(arguments: &[String]) -> Option<(String, Series)> {
    let [model, seed, seconds] = arguments else {
        return None;
    };
    let make = match model.as_str() {
        "starlink" => generate::starlink,
        "lte-stationary" => generate::lte_stationary,
        "lte-walking" => generate::lte_walking,
        "lte-driving" => generate::lte_driving,
        "5g-stationary" => generate::five_g_stationary,
        "5g-driving" => generate::five_g_driving,
        _ => return None,
    };
    let length = Duration::from_secs(seconds.parse().ok()?);
    let name = format!("{model}, seed {seed}, {seconds} s");
    Some((name, make(seed.parse().ok()?, length)))
}
