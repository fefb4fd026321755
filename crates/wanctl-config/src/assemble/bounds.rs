//! Floors, ceiling and steps of one direction.

use wanctl_controller::{Factor, Floors, LawKind, QueueConfig};
use wanctl_types::{Direction, RateBound};

use super::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::schema::{Key, key};
use crate::value::Number;

/// The rows of one direction.
struct Rows {
    ceiling: &'static Key,
    plan: &'static Key,
    floor: &'static Key,
    green: &'static Key,
    yellow: &'static Key,
    /// Download only.
    soft_red: Option<&'static Key>,
    red: &'static Key,
    step_up: &'static Key,
    factor_down: &'static Key,
    factor_down_yellow: &'static Key,
    green_required: &'static Key,
    /// Download only.
    soft_red_required: Option<&'static Key>,
}

static DOWNLOAD: Rows = Rows {
    ceiling: &key::DL_CEILING,
    plan: &key::DL_PLAN,
    floor: &key::DL_FLOOR,
    green: &key::DL_FLOOR_GREEN,
    yellow: &key::DL_FLOOR_YELLOW,
    soft_red: Some(&key::DL_FLOOR_SOFT_RED),
    red: &key::DL_FLOOR_RED,
    step_up: &key::DL_STEP_UP,
    factor_down: &key::DL_FACTOR_DOWN,
    factor_down_yellow: &key::DL_FACTOR_DOWN_YELLOW,
    green_required: &key::DL_GREEN_REQUIRED,
    soft_red_required: Some(&key::DL_SOFT_RED_REQUIRED),
};

static UPLOAD: Rows = Rows {
    ceiling: &key::UL_CEILING,
    plan: &key::UL_PLAN,
    floor: &key::UL_FLOOR,
    green: &key::UL_FLOOR_GREEN,
    yellow: &key::UL_FLOOR_YELLOW,
    soft_red: None,
    red: &key::UL_FLOOR_RED,
    step_up: &key::UL_STEP_UP,
    factor_down: &key::UL_FACTOR_DOWN,
    factor_down_yellow: &key::UL_FACTOR_DOWN_YELLOW,
    green_required: &key::UL_GREEN_REQUIRED,
    soft_red_required: None,
};

/// The step of a law that has none, of the ceiling; its factor.
const NOMINAL_STEP: f64 = 0.01;
const NOMINAL_FACTOR: f64 = 0.85;

pub(super) fn queue(
    direction: Direction,
    law: LawKind,
    desk: &mut Desk<'_>,
) -> Option<QueueConfig> {
    let rows = match direction {
        Direction::Download => &DOWNLOAD,
        Direction::Upload => &UPLOAD,
    };
    let floors = floors(rows, desk);
    ordered(rows, desk);
    planned(rows, desk);
    let number = |key| desk.values.number(key).map(Number::get);
    let ceiling = number(rows.ceiling)?;
    let (step, factor) = match law {
        LawKind::Adaptive => (NOMINAL_STEP * ceiling, NOMINAL_FACTOR),
        LawKind::Reference | _ => (number(rows.step_up)?, number(rows.factor_down)?),
    };
    let mut config = QueueConfig::new(
        floors?,
        rate(ceiling)?,
        rate(step)?,
        Factor::new(factor).ok()?,
        Factor::new(number(rows.factor_down_yellow)?).ok()?,
    )
    .ok()?;
    if desk.values.refused(rows.plan) {
        return None;
    }
    config.plan = number(rows.plan).and_then(rate);
    config.green_required = desk.values.integer(rows.green_required)?;
    if let Some(key) = rows.soft_red_required {
        config.soft_red_required = desk.values.integer(key)?;
    }
    Some(config)
}

fn rate(mbps: f64) -> Option<RateBound> {
    RateBound::from_mbps(mbps).ok()
}

/// `floor_green_mbps` asks for a floor per zone, as the Python wanctl has it.
fn floors(rows: &Rows, desk: &mut Desk<'_>) -> Option<Floors> {
    if desk.is_written(rows.green) {
        ignore(&[Some(rows.floor)], "floor_green_mbps is there", desk);
        per_zone(rows, desk)
    } else {
        uniform(rows, desk)
    }
}

fn per_zone(rows: &Rows, desk: &mut Desk<'_>) -> Option<Floors> {
    let near = desk.values.written(rows.green);
    for key in [rows.yellow, rows.red] {
        if !desk.is_written(key) {
            let help = "floor_green_mbps asks for floor_yellow_mbps and floor_red_mbps too";
            desk.demand(key, near, help);
        }
    }
    let floor = |key| {
        desk.values
            .number(key)
            .and_then(|number| rate(number.get()))
    };
    let yellow = floor(rows.yellow);
    let soft_red = match rows.soft_red {
        Some(key) if desk.is_written(key) => floor(key),
        Some(_) | None => yellow,
    };
    Some(Floors {
        green: floor(rows.green)?,
        yellow: yellow?,
        soft_red: soft_red?,
        red: floor(rows.red)?,
    })
}

fn uniform(rows: &Rows, desk: &mut Desk<'_>) -> Option<Floors> {
    let zones = [Some(rows.yellow), rows.soft_red, Some(rows.red)];
    if desk.is_written(rows.floor) {
        ignore(&zones, "floor_green_mbps is absent", desk);
    } else {
        let zone = zones
            .iter()
            .flatten()
            .find_map(|key| desk.values.written(key));
        match zone {
            Some(_) => desk.demand(rows.green, zone, "a floor for each zone needs this one too"),
            None => desk.demand(
                rows.floor,
                desk.values.written(rows.ceiling),
                "write floor_mbps, or floor_green_mbps, floor_yellow_mbps and floor_red_mbps",
            ),
        }
    }
    let floor = desk.values.number(rows.floor)?;
    rate(floor.get()).map(Floors::uniform)
}

fn ignore(keys: &[Option<&'static Key>], reason: &str, desk: &mut Desk<'_>) {
    for key in keys.iter().copied().flatten() {
        if desk.is_written(key) {
            let message = format!("this floor is not used, since {reason}");
            desk.report(key, Diagnostic::new(Code::Unused, message));
        }
    }
}

/// The plan lies between the lowest floor and the ceiling.
fn planned(rows: &Rows, desk: &mut Desk<'_>) {
    let values = desk.values;
    let floor = if desk.is_written(rows.green) {
        rows.red
    } else {
        rows.floor
    };
    for (low, high) in [(floor, rows.plan), (rows.plan, rows.ceiling)] {
        if let (Some(small), Some(large)) = (values.number(low), values.number(high))
            && small.get() > large.get()
        {
            let (lower, upper) = (desk.named(low, small), desk.named(high, large));
            let finding = Diagnostic::new(Code::Order, format!("{lower} is above {upper}"));
            let help = "wanted: the lowest floor <= plan <= ceiling; the ceiling is a hard limit";
            desk.report(rows.plan, finding.help(help));
        }
    }
}

/// Floors rise from red to green, and the ceiling is not below any.
fn ordered(rows: &Rows, desk: &mut Desk<'_>) {
    let chain = if desk.is_written(rows.green) {
        vec![
            Some(rows.red),
            rows.soft_red,
            Some(rows.yellow),
            Some(rows.green),
        ]
    } else {
        vec![Some(rows.floor)]
    };
    let steps: Vec<_> = chain
        .into_iter()
        .flatten()
        .chain([rows.ceiling])
        .filter_map(|key| Some((key, desk.values.number(key)?)))
        .collect();
    for pair in steps.windows(2) {
        if let [(low, small), (high, large)] = pair
            && small.get() > large.get()
        {
            let (lower, upper) = (desk.named(low, *small), desk.named(high, *large));
            let help =
                "wanted: floor_red <= floor_soft_red <= floor_yellow <= floor_green <= ceiling";
            let finding = Diagnostic::new(Code::Order, format!("{lower} is above {upper}"));
            desk.report(low, finding.help(help));
        }
    }
}
