//! The configurations that the unit tests share.

use wanctl_types::{Millis, PerDirection, RateBound};

use crate::{
    Alpha, BaselineConfig, ControllerConfig, Factor, Floors, Observation, QueueConfig,
    ReflectorObservation, Threshold, Thresholds,
};

/// A cable link: 920/40 Mbit/s, 25 ms.
pub(crate) fn config() -> ControllerConfig {
    let [target, warn, hard_red] = [15, 45, 80].map(Threshold::from_integer);
    ControllerConfig::new(
        PerDirection::new(download_config(), upload_config()),
        Thresholds::new(target, warn, hard_red).unwrap(),
        baseline_config(),
        Alpha::new(0.1).unwrap(),
    )
}

pub(crate) fn download_config() -> QueueConfig {
    queue_config([800.0, 600.0, 500.0, 400.0], 920.0, 10.0)
}

pub(crate) fn upload_config() -> QueueConfig {
    queue_config([35.0, 30.0, 25.0, 25.0], 40.0, 1.0)
}

pub(crate) fn baseline_config() -> BaselineConfig {
    BaselineConfig {
        initial: ms(25.0),
        alpha: Alpha::new(0.001).unwrap(),
        update_threshold: ms(3.0),
        min: ms(10.0),
        max: ms(60.0),
    }
}

/// A round of probes with these answers, and no check of anything else.
pub(crate) fn round(replies: &[Option<f64>]) -> Observation {
    Observation {
        reflectors: replies.iter().copied().map(answered).collect(),
        ..Observation::default()
    }
}

pub(crate) fn answered(rtt: Option<f64>) -> ReflectorObservation {
    ReflectorObservation {
        rtt: rtt.map(ms),
        ..ReflectorObservation::default()
    }
}

pub(crate) fn ms(value: f64) -> Millis {
    Millis::new(value).unwrap()
}

fn queue_config([green, yellow, soft_red, red]: [f64; 4], ceiling: f64, step: f64) -> QueueConfig {
    let floors = Floors {
        green: mbps(green),
        yellow: mbps(yellow),
        soft_red: mbps(soft_red),
        red: mbps(red),
    };
    QueueConfig::new(
        floors,
        mbps(ceiling),
        mbps(step),
        Factor::new(0.85).unwrap(),
        Factor::new(0.96).unwrap(),
    )
    .unwrap()
}

fn mbps(value: f64) -> RateBound {
    RateBound::from_mbps(value).unwrap()
}
