//! A program of somebody else: decides a rate, records the cycle, reads it back, and steers.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wanctl_controller::{
    Adjustment, Factor, Floors, QueueConfig, QueueController, Threshold, Thresholds,
};
use wanctl_steering::{
    EngineConfig, Observation, Settled, StandardConfig, Steering, SteeringConfig,
    TargetObservation, WanObservation, WanPolicy,
};
use wanctl_storage::{CycleRecord, Query, Reader, ReasonText, Writer};
use wanctl_types::{Bps, Millis, PerDirection, RateBound, Timestamp, WallTime, WanName};

const START: i64 = 1_700_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which database?")?;
    let path = Path::new(&path);
    let (baseline, load) = (ms(25.0), ms(125.0));
    let decided = decide(baseline, load)?;
    record(path, baseline, load, &decided)?;
    read(path)?;
    steer()
}

fn decide(baseline: Millis, load: Millis) -> Result<Adjustment, Box<dyn Error>> {
    let mbps = RateBound::from_mbps;
    let queue = QueueConfig::new(
        Floors::uniform(mbps(400.0)?),
        mbps(920.0)?,
        mbps(10.0)?,
        Factor::new(0.85)?,
        Factor::new(0.96)?,
    )?;
    let [target, warn, hard_red] = [15, 45, 80].map(Threshold::from_integer);
    Thresholds::new(target, warn, hard_red)?;
    let mut controller = QueueController::new(queue);
    Ok(controller.adjust_4state(baseline, load, target, warn, hard_red))
}

fn record(
    path: &Path,
    baseline: Millis,
    load: Millis,
    decided: &Adjustment,
) -> Result<(), Box<dyn Error>> {
    let wan = Arc::new(WanName::new("cable")?);
    let cycle = CycleRecord {
        clock_set: true,
        time: WallTime::from_unix_millis(START * 1_000),
        rtt: load,
        baseline,
        delta: load - baseline,
        rates: PerDirection::new(decided.rate, Bps::from_mbps(40)),
        zones: PerDirection::new(decided.zone, decided.zone),
        transitions: PerDirection::new(decided.transition.map(ReasonText::format), None),
    };
    Writer::open(path)?.write_cycles(&[(wan, cycle)])?;
    Ok(())
}

fn read(path: &Path) -> Result<(), Box<dyn Error>> {
    let rows = Reader::open(path)?.query(&Query::between(START, START))?;
    for row in rows.iter().rev() {
        let labels = row.labels.as_deref().unwrap_or("-");
        println!("{} {} {labels}", row.metric_name, row.value);
    }
    Ok(())
}

fn ms(milliseconds: f64) -> Millis {
    Millis::saturating(milliseconds)
}

/// The first WAN's answers become slow after half a minute.
fn steer() -> Result<(), Box<dyn Error>> {
    let cycle = Duration::from_millis(500);
    let engine = EngineConfig::Standard(StandardConfig::new(cycle));
    let wans = [WanPolicy::new(1); 2].into_iter().collect();
    let mut steering = Steering::new(SteeringConfig::new(engine, wans)?);
    for cycles in 0..120_u32 {
        let now = Timestamp::ZERO + cycle * cycles;
        let mut seen = Observation::default();
        for rtt in [if cycles < 60 { 20.0 } else { 150.0 }, 30.0] {
            let mut wan = WanObservation::default();
            wan.targets.push(TargetObservation {
                rtt: Millis::new(rtt),
                answered: 2,
                ..TargetObservation::default()
            });
            seen.wans.push(wan);
        }
        for request in steering.step(now, &seen).requests {
            if let Some(moved) = steering.settle(now, request.id, Settled::Applied) {
                println!(
                    "WAN {} to WAN {}: {}",
                    moved.from.get(),
                    moved.to.get(),
                    moved.reason.code()
                );
            }
        }
    }
    Ok(())
}
