//! Settings to typed parts, with the rules between keys.

mod baseline;
mod bounds;
mod endpoints;
mod files;
mod law;
mod probe;
pub(crate) mod router;
mod thresholds;

use std::time::Duration;

pub(crate) use endpoints::{clash, log};
use wanctl_controller::{ControllerConfig, LawKind};
use wanctl_storage::{AutorateSnapshot, ConfigSnapshot, StorageConfig, Trigger};
use wanctl_types::{PerDirection, WanName};

use crate::config::WanConfig;
use crate::diagnostic::{Code, Diagnostic, Position};
use crate::effective::Effective;
use crate::report::Sink;
use crate::schema::{Key, key};
use crate::value::Number;

/// Builds the configuration, and reports every rule that is broken. `None` only with an error.
pub(crate) fn assemble(source: &str, values: &Effective, sink: &mut Sink) -> Option<WanConfig> {
    let mut desk = Desk { values, sink };
    // Every part is attempted before any of them is asked for: one run shows all errors.
    let law = law::law(&mut desk);
    let controller = law.and_then(|law| controller(law, &mut desk));
    let probe = probe::probe(&mut desk);
    let router = router::router(&mut desk);
    let budget = law.and_then(|law| router::budget(law, &desk));
    let counter_interval = counter_interval(&desk);
    let storage = storage(&mut desk);
    let telemetry = endpoints::telemetry(&mut desk);
    let name = name(&desk);
    let files = name.as_ref().and_then(|name| files::files(name, &mut desk));
    let enabled = enabled(&mut desk);
    Some(WanConfig {
        source: source.into(),
        name: name?,
        enabled: enabled?,
        controller: controller?,
        probe: probe?,
        router: router?,
        budget: budget?,
        counter_interval: counter_interval?,
        storage: storage?,
        telemetry: telemetry?,
        files: files?,
        snapshot: snapshot(values),
    })
}

/// The values and where findings about them go.
pub(crate) struct Desk<'a> {
    pub(crate) values: &'a Effective,
    pub(crate) sink: &'a mut Sink,
}

impl Desk<'_> {
    /// Adds a finding about a key, at its place if it has one.
    pub(crate) fn report(&mut self, key: &'static Key, finding: Diagnostic) {
        let finding = finding.key(key.path);
        self.sink.push(match self.values.written(key) {
            Some(at) => finding.at(at),
            None => finding,
        });
    }

    pub(crate) fn is_written(&self, key: &'static Key) -> bool {
        self.values.written(key).is_some()
    }

    /// Says that a key is absent which the rules ask for here.
    fn demand(&mut self, key: &'static Key, near: Option<Position>, help: &str) {
        let finding = crate::resolve::absent(key, near.unwrap_or(Position::START));
        self.sink.push(finding.help(help));
    }

    /// `ceiling_mbps (940, line 12)`, or `(80, the default)`.
    pub(crate) fn named(&self, key: &'static Key, number: Number) -> String {
        let place = match self.values.written(key) {
            Some(at) => format!("line {}", at.line),
            None => "the default, since the key is absent".to_owned(),
        };
        format!("{} ({number}, {place})", key.leaf())
    }
}

fn controller(law: LawKind, desk: &mut Desk<'_>) -> Option<ControllerConfig> {
    let queues = PerDirection::from_fn(|direction| bounds::queue(direction, law, desk));
    let (thresholds, baseline, load_alpha) = match law {
        LawKind::Adaptive => (law::thresholds(), law::baseline(), law::load_alpha()),
        LawKind::Reference | _ => (
            thresholds::thresholds(desk),
            baseline::baseline(desk),
            baseline::load_alpha(desk),
        ),
    };
    let accel = desk.values.number(&key::ACCEL_THRESHOLD);
    let (aggregation, silence) = (probe::aggregation(desk), probe::silence(desk));
    let queues = PerDirection::new(queues.download?, queues.upload?);
    let mut config = ControllerConfig::new(queues, thresholds?, baseline?, load_alpha?);
    config.accel_threshold = thresholds::threshold(accel?)?;
    config.aggregation = aggregation?;
    config.silence = silence?;
    config.law = law;
    Some(config)
}

fn counter_interval(desk: &Desk<'_>) -> Option<Duration> {
    let millis = desk.values.integer(&key::COUNTER_INTERVAL)?;
    Some(Duration::from_millis(millis))
}

fn name(desk: &Desk<'_>) -> Option<WanName> {
    WanName::new(desk.values.text(&key::WAN_NAME)?).ok()
}

fn enabled(desk: &mut Desk<'_>) -> Option<bool> {
    version(desk);
    let enabled = desk.values.flag(&key::ENABLED)?;
    if !enabled {
        let message = "control of this WAN is switched off: its limits are left alone";
        desk.report(
            &key::ENABLED,
            Diagnostic::new(Code::Disabled, message).help(
                "the Python wanctl ignores this key and controls the WAN; write `true` for that",
            ),
        );
    }
    Some(enabled)
}

/// The only version of the file format.
const VERSION: &str = "1.0";

fn version(desk: &mut Desk<'_>) {
    if let Some(found) = desk.values.text(&key::SCHEMA_VERSION)
        && found != VERSION
    {
        let finding = Diagnostic::new(Code::Unused, "only version 1.0 exists").found(found);
        desk.report(&key::SCHEMA_VERSION, finding);
    }
}

#[expect(
    clippy::option_option,
    reason = "outside: whether the values are valid; inside: whether history is kept"
)]
pub(crate) fn storage(desk: &mut Desk<'_>) -> Option<Option<StorageConfig>> {
    let retention_days = desk.values.integer(&key::RETENTION_DAYS);
    if desk.values.refused(&key::DB_PATH) {
        return None;
    }
    let db_path = desk.values.path(&key::DB_PATH);
    if db_path.is_none() && desk.is_written(&key::RETENTION_DAYS) {
        let message = "no history is kept, since storage.db_path is absent";
        let help = "set storage.db_path; /var/lib/wanctl/metrics.db is usual";
        let finding = Diagnostic::new(Code::Unused, message).help(help);
        desk.report(&key::RETENTION_DAYS, finding);
    }
    let retention_days = retention_days?;
    Some(db_path.map(|db_path| StorageConfig {
        db_path,
        retention_days,
    }))
}

fn snapshot(values: &Effective) -> ConfigSnapshot {
    let number = |key| values.number(key).and_then(json);
    ConfigSnapshot {
        clock_set: true,
        trigger: Trigger::Startup,
        autorate: Some(AutorateSnapshot {
            baseline_rtt_initial: number(&key::BASELINE_INITIAL),
            download_ceiling_mbps: number(&key::DL_CEILING),
            upload_ceiling_mbps: number(&key::UL_CEILING),
            target_bloat_ms: number(&key::TARGET_BLOAT),
            warn_bloat_ms: number(&key::WARN_BLOAT),
        }),
        steering: None,
    }
}

pub(crate) fn json(number: Number) -> Option<wanctl_storage::Number> {
    match number.as_integer() {
        Some(integer) => Some(integer.into()),
        None => wanctl_storage::Number::from_f64(number.get()),
    }
}
