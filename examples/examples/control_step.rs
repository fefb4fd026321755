//! Steps a controller through one congestion episode and prints every change of zone.
//!
//! No network and no clock: the round-trip times are made up, and time is a number. Run with
//! `cargo run -p wanctl-examples --example control_step`.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;
use std::time::Duration;

use wanctl_controller::{
    Aggregation, Alpha, BaselineConfig, Controller, ControllerConfig, Decision, Factor, Floors,
    Observation, QueueConfig, ReflectorObservation, Threshold, Thresholds,
};
use wanctl_types::{Millis, PerDirection, RateBound, Timestamp};

/// Time from one step to the next.
const CYCLE: Duration = Duration::from_millis(50);

fn main() -> Result<(), Box<dyn Error>> {
    let mut controller = Controller::new(cable_link()?);
    let mut now = Timestamp::ZERO;
    for (steps, rtt) in episode() {
        for _ in 0..steps {
            let decision = controller.step(now, &round(rtt));
            report(now, &decision);
            now = now + CYCLE;
        }
    }
    let rates = controller.state().queues.map(|queue| queue.rate);
    println!("{now} ends at {} / {}", rates.download, rates.upload);
    Ok(())
}

/// How many steps at which RTT, in milliseconds: idle, a download fills the modem's buffer, the
/// controller drains it, idle again.
fn episode() -> [(u32, f64); 6] {
    [
        (20, 25.0),
        (6, 60.0),
        (10, 150.0),
        (10, 80.0),
        (10, 50.0),
        (60, 25.5),
    ]
}

/// One round of probes: three reflectors at slightly different distances.
fn round(rtt: f64) -> Observation {
    let answer = |further| ReflectorObservation {
        rtt: Millis::new(rtt + further),
        ..ReflectorObservation::default()
    };
    Observation {
        reflectors: [0.0, 1.5, -1.0].map(answer).into_iter().collect(),
        ..Observation::default()
    }
}

fn report(now: Timestamp, decision: &Decision) {
    for (direction, decided) in decision.directions.iter() {
        if let Some(transition) = decided.transition {
            println!(
                "{now} {:8} {:>8} -> {:8} {:>12}  {transition}",
                direction.as_str(),
                transition.from,
                transition.to,
                decided.rate.to_string()
            );
        }
    }
}

fn cable_link() -> Result<ControllerConfig, Box<dyn Error>> {
    let thresholds = Thresholds::new(
        Threshold::from_integer(15),
        Threshold::from_integer(45),
        Threshold::from_integer(80),
    )?;
    let baseline = BaselineConfig {
        initial: Millis::saturating(25.0),
        alpha: Alpha::new(0.001)?,
        update_threshold: Millis::saturating(3.0),
        min: Millis::saturating(10.0),
        max: Millis::saturating(60.0),
    };
    let queues = PerDirection::new(
        queue([800.0, 600.0, 500.0, 400.0], 920.0, 10.0)?,
        queue([35.0, 30.0, 25.0, 25.0], 40.0, 1.0)?,
    );
    let mut config = ControllerConfig::new(queues, thresholds, baseline, Alpha::new(0.2)?);
    config.aggregation = Aggregation::MedianOfThree;
    Ok(config)
}

/// Floors (green, yellow, soft red, red), ceiling and step, in Mbit/s.
fn queue(floors: [f64; 4], ceiling: f64, step_up: f64) -> Result<QueueConfig, Box<dyn Error>> {
    let [green, yellow, soft_red, red] = floors;
    let floors = Floors {
        green: RateBound::from_mbps(green)?,
        yellow: RateBound::from_mbps(yellow)?,
        soft_red: RateBound::from_mbps(soft_red)?,
        red: RateBound::from_mbps(red)?,
    };
    Ok(QueueConfig::new(
        floors,
        RateBound::from_mbps(ceiling)?,
        RateBound::from_mbps(step_up)?,
        Factor::new(0.85)?,
        Factor::new(0.96)?,
    )?)
}
