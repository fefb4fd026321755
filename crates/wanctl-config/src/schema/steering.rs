//! The rows of the steering daemon.

use super::Kind::{
    Address, Choice, Flag, Host, Hosts, Ignored, Integer, Interface, Name, Number, Path, Sections,
    Text,
};
use super::Presence::{Default, Derived, Optional, Required};
use super::Unit::{Milliseconds, Seconds};
use super::{Bounds, Key, Table, key};

/// Declares each row as a constant of a module, and a table of rows, some of them taken from
/// elsewhere.
macro_rules! table {
    ($(#[$doc:meta])* $table:ident in $module:ident, shared: [$($shared:path),*];
        $($name:ident = $path:literal: $kind:expr, $presence:expr, $text:literal
            $(, $field:ident: $value:expr)*;)*) => {
        /// The rows, by name: a row that does not exist cannot be asked for.
        pub(crate) mod $module {
            use super::*;
            $(
                #[doc = concat!("`", $path, "`")]
                pub(crate) static $name: Key = Key {
                    $($field: $value,)*
                    ..Key::new($path, $kind, $presence, $text)
                };
            )*
        }

        $(#[$doc])*
        pub static $table: Table = &[$(&$module::$name,)* $(&$shared,)*];
    };
}

/// A delay above baseline, in milliseconds.
const DELAY: Option<Bounds> = Some(Bounds::new(0.0, 10_000.0));
/// Packets or samples.
const COUNT: Option<Bounds> = Some(Bounds::new(0.0, 1_000_000.0));
/// Samples in a row.
const SAMPLES: Option<Bounds> = Some(Bounds::new(1.0, 1_000_000.0));
/// A time, in seconds.
const TIME: Option<Bounds> = Some(Bounds::new(0.0, 86_400.0));
/// A share of 100.
const PERCENT: Option<Bounds> = Some(Bounds::new(0.0, 100.0));

table! {
    /// Every key of the steering daemon.
    STEERING in steer, shared: [
        key::SCHEMA_VERSION, key::ROUTER_HOST, key::ROUTER_USER, key::ROUTER_PASSWORD,
        key::ROUTER_PORT, key::ROUTER_SCHEME, key::ROUTER_VERIFY_SSL, key::ROUTER_TRANSPORT,
        key::ROUTER_SSH_KEY, key::ROUTER_TYPE, key::ROUTER_TIMEOUT, key::PING_TIMEOUT,
        key::MAIN_LOG, key::DEBUG_LOG, key::HEALTH_ENABLED, key::HEALTH_HOST, key::METRICS_HOST,
        key::DB_PATH, key::RETENTION_DAYS
    ];
    WAN_NAME = "wan_name": Name, Required, "Name of this steering in logs.";
    PRIMARY = "topology.primary_wan": Name, Required,
        "The WAN in normal use. Its name in capitals, with `_GOOD` or `_DEGRADED`, is the state that is stored and shown.";
    PRIMARY_CONFIG = "topology.primary_wan_config": Path, Optional,
        "Rate-control file of that WAN: where its pings leave from, and where its daemon says how it does.";
    ALTERNATE = "topology.alternate_wan": Name, Required,
        "The WAN that takes over. Its rate-control file is looked for beside that of the other.";
    WANS = "topology.wans": Sections,
        Derived("the two WANs above, as their rate-control files describe them"),
        "All WANs, the one in normal use first.";
    RULE = "mangle_rule.comment": Text, Required,
        "Whole comment of the mangle rule that sends eligible traffic to the alternate WAN.";
    INTERVAL = "measurement.interval_seconds": Number, Required,
        "Time of one cycle.", unit: Seconds, bounds: Some(Bounds::new(0.01, 60.0));
    PING_HOST = "measurement.ping_host": Host, Required, "Host that is pinged through every WAN.";
    PING_COUNT = "measurement.ping_count": Integer, Required,
        "Accepted for old files; pings leave four times a second.",
        bounds: Some(Bounds::new(1.0, 20.0));
    TARGETS = "measurement.targets": Hosts,
        Derived("`ping_host`, 1.1.1.1 and 9.9.9.9; with `legacy` only `ping_host`"),
        "Hosts that are pinged through every WAN that names none of its own, one to eight.";
    PROBE_INTERVAL = "measurement.probe_interval_ms": Integer, Default("250"),
        "Time from one ping of a host to the next.",
        unit: Milliseconds, bounds: Some(Bounds::new(50.0, 5_000.0));
    SOURCE_PRIMARY = "cake_state_sources.primary": Path,
        Derived("what `primary_wan_config` says, else `/var/lib/wanctl/<primary_wan>_state.json`"),
        "State file of the rate-control daemon of the WAN in normal use. The socket beside it, `.sock` instead of `.json`, is asked first.";
    SOURCE_SPECTRUM = "cake_state_sources.spectrum": Path, Optional,
        "Old name of `primary`.";
    QUEUE_DOWNLOAD = "cake_queues.primary_download": Name,
        Derived("`WAN-Download-<Primary>`"), "Queue whose drops and length are evidence.";
    QUEUE_UPLOAD = "cake_queues.primary_upload": Name,
        Derived("`WAN-Upload-<Primary>`"), "Accepted for old files; not read.";
    OLD_DOWNLOAD = "cake_queues.spectrum_download": Name, Optional,
        "Old name of `primary_download`.";
    OLD_UPLOAD = "cake_queues.spectrum_upload": Name, Optional, "Old name of `primary_upload`.";
    ENGINE = "mode.engine": Choice(&["standard", "legacy"]), Default("standard"),
        "The rules: `standard` judges every WAN and counts in seconds, `legacy` is what the Python wanctl does.";
    CAKE_AWARE = "mode.cake_aware": Flag, Default("true"),
        "Whether drops and queue are looked at.";
    ENABLE_YELLOW = "mode.enable_yellow_state": Ignored, Optional,
        "Accepted for old files; not used.";
    RESET_COUNTERS = "mode.reset_counters": Ignored, Optional, "Accepted for old files; not used.";
    SCORING = "mode.use_confidence_scoring": Flag, Default("false"),
        "Whether a score decides, as `confidence` says.";
    GREEN_RTT = "thresholds.green_rtt_ms": Number, Default("5.0"),
        "Recorded; decides nothing.", unit: Milliseconds, bounds: DELAY;
    YELLOW_RTT = "thresholds.yellow_rtt_ms": Number, Default("15.0"),
        "Smoothed delay above which a WAN is YELLOW.", unit: Milliseconds, bounds: DELAY;
    RED_RTT = "thresholds.red_rtt_ms": Number, Default("15.0"),
        "Smoothed delay above which a WAN is RED.", unit: Milliseconds, bounds: DELAY;
    MIN_DROPS_RED = "thresholds.min_drops_red": Integer, Default("1"),
        "Drops in a cycle that are evidence of congestion.",
        bounds: Some(Bounds::new(1.0, 1_000_000.0));
    MIN_QUEUE_YELLOW = "thresholds.min_queue_yellow": Integer, Default("10"),
        "Packets waiting from which a WAN is YELLOW.", bounds: COUNT;
    MIN_QUEUE_RED = "thresholds.min_queue_red": Integer, Default("50"),
        "Packets waiting that are evidence of congestion.", bounds: COUNT;
    RTT_ALPHA = "thresholds.rtt_ewma_alpha": Number, Default("0.3"),
        "`legacy`: weight of a new delay.", bounds: Some(Bounds::new(0.0, 1.0));
    QUEUE_ALPHA = "thresholds.queue_ewma_alpha": Number, Default("0.4"),
        "Accepted for old files; decides nothing.", bounds: Some(Bounds::new(0.0, 1.0));
    RED_SAMPLES = "thresholds.red_samples_required": Integer, Default("2"),
        "`legacy`: RED samples in a row before traffic moves.", bounds: SAMPLES;
    GREEN_SAMPLES = "thresholds.green_samples_required": Integer, Default("15"),
        "`legacy`: GREEN samples in a row before it comes back.", bounds: SAMPLES;
    BAD_THRESHOLD = "thresholds.bad_threshold_ms": Number, Default("25.0"),
        "`legacy` without queues: delay above which a sample is bad.",
        unit: Milliseconds, bounds: DELAY;
    RECOVERY_THRESHOLD = "thresholds.recovery_threshold_ms": Number, Default("12.0"),
        "`legacy` without queues: delay below which a sample is good.",
        unit: Milliseconds, bounds: DELAY;
    BAD_SAMPLES = "thresholds.bad_samples": Integer, Default("8"),
        "`legacy` without queues: bad samples in a row before traffic moves.", bounds: SAMPLES;
    GOOD_SAMPLES = "thresholds.good_samples": Integer, Default("15"),
        "`legacy` without queues: good samples in a row before it comes back.", bounds: SAMPLES;
    BASELINE_MIN = "thresholds.baseline_rtt_bounds.min": Number, Default("10.0"),
        "`legacy`: lowest baseline that is believed.",
        unit: Milliseconds, bounds: Some(Bounds::new(0.0, 10_000.0));
    BASELINE_MAX = "thresholds.baseline_rtt_bounds.max": Number, Default("60.0"),
        "`legacy`: highest baseline that is believed.",
        unit: Milliseconds, bounds: Some(Bounds::new(0.0, 10_000.0));
    STEER_THRESHOLD = "confidence.steer_threshold": Number, Default("55"),
        "Score from which the WAN in normal use is bad.", bounds: PERCENT;
    SCORE_RECOVERY = "confidence.recovery_threshold": Number, Default("20"),
        "Score up to which it is good again.", bounds: PERCENT;
    SUSTAIN = "confidence.sustain_duration_sec": Number, Default("2.0"),
        "How long it must be bad.", unit: Seconds, bounds: TIME;
    RECOVERY_SUSTAIN = "confidence.recovery_sustain_sec": Number, Default("3.0"),
        "How long it must be good.", unit: Seconds, bounds: TIME;
    HOLD_DOWN = "confidence.hold_down_duration_sec": Number, Default("30.0"),
        "How long traffic stays away at least, with or without a score; twice as long with each earlier move.",
        unit: Seconds, bounds: TIME;
    FLAP_DETECTION = "confidence.flap_detection_enabled": Flag, Default("true"),
        "Whether many moves make the next one harder.";
    FLAP_WINDOW = "confidence.flap_window_minutes": Number, Default("5"),
        "Minutes for which a move is remembered.", bounds: Some(Bounds::new(0.1, 1_440.0));
    MAX_TOGGLES = "confidence.max_toggles": Integer, Default("4"),
        "Moves in that time that are not yet too many.", bounds: Some(Bounds::new(1.0, 30.0));
    PENALTY = "confidence.penalty_duration_sec": Number, Default("60.0"),
        "How long the next move is harder then.", unit: Seconds, bounds: TIME;
    PENALTY_ADD = "confidence.penalty_threshold_add": Number, Default("15"),
        "What is added to `steer_threshold` meanwhile; without a score the time doubles.",
        bounds: PERCENT;
    DRY_RUN = "confidence.dry_run": Flag, Default("true"),
        "With a score: whether everything is decided and nothing written to the router.";
    SHADOW = "mode.shadow": Flag, Default("false"),
        "Whether everything is decided and nothing written to the router, with or without a score.";
    ZONE_ENABLED = "wan_state.enabled": Flag, Default("false"),
        "Whether the zone of the rate-control daemon adds to the score.";
    ZONE_WEIGHT = "wan_state.red_weight": Integer, Default("25"),
        "What RED adds; about half of it for SOFT_RED.", bounds: Some(Bounds::new(1.0, 100.0));
    ZONE_STALENESS = "wan_state.staleness_threshold_sec": Number, Default("5"),
        "Age up to which the rate-control daemon is believed.",
        unit: Seconds, bounds: Some(Bounds::new(0.1, 3_600.0));
    ZONE_GRACE = "wan_state.grace_period_sec": Number, Default("30"),
        "Accepted for newer files of the Python wanctl; a WAN is not judged before it is measured.",
        unit: Seconds, bounds: TIME;
    ZONE_OVERRIDE = "wan_state.wan_override": Flag, Default("false"),
        "Whether `red_weight` may reach `steer_threshold` alone.";
    ENTER_AFTER = "decision.enter_after_sec": Number, Default("4.0"),
        "How long a WAN must be RED before traffic leaves it.", unit: Seconds, bounds: TIME;
    LEAVE_AFTER = "decision.leave_after_sec": Number, Default("30.0"),
        "How long the WAN in normal use must be good before traffic comes back.",
        unit: Seconds, bounds: TIME;
    PATIENCE = "decision.shaper_patience_sec": Number, Default("20.0"),
        "How long a WAN may be RED while its shaper can still lower its rate.",
        unit: Seconds, bounds: TIME;
    MIN_GAIN = "decision.min_gain_ms": Number, Default("10.0"),
        "Another WAN must cost less by this.", unit: Milliseconds, bounds: DELAY;
    MAX_RATIO = "decision.max_cost_percent": Number, Default("66.7"),
        "Another WAN may cost this share of the present one at most.",
        bounds: Some(Bounds::new(1.0, 100.0));
    RED_LOSS = "decision.red_loss_percent": Number, Default("2.5"),
        "Loss above which a WAN is RED.", bounds: PERCENT;
    YELLOW_LOSS = "decision.yellow_loss_percent": Number, Default("1.5"),
        "Loss above which it is YELLOW.", bounds: PERCENT;
    RED_JITTER = "decision.red_jitter_ms": Number, Default("30.0"),
        "Jitter above which it is RED.", unit: Milliseconds, bounds: DELAY;
    SILENCE = "decision.silence_sec": Number, Default("1.5"),
        "Silence after which a host does not answer.",
        unit: Seconds, bounds: Some(Bounds::new(0.2, 600.0));
    HOLD_DOWN_MAX = "decision.longest_hold_down_sec": Number, Default("1800"),
        "The longest time for which earlier moves keep traffic away.",
        unit: Seconds, bounds: TIME;
    ROUTES_ENABLED = "route_management.enabled": Flag, Default("false"),
        "Whether default routes are moved when a WAN is down. Congestion never moves one.";
    ROUTES_MODE = "route_management.mode": Choice(&["off", "dry_run", "active"]), Default("'off'"),
        "Whether that is done, or only decided.";
    ROUTES_ACK = "route_management.migration_acknowledged": Flag, Default("false"),
        "Accepted for newer files of the Python wanctl.";
    ROUTES = "route_management.routes": Sections, Optional,
        "Default routes, by name of their WAN.";
    FAILOVER_WANS = "route_management.failover": Sections, Optional,
        "Details of moving them, by name of their WAN.";
    DOWN_AFTER = "route_management.down_after_sec": Number, Default("2.0"),
        "How long a WAN must be silent before its route is put behind the others.",
        unit: Seconds, bounds: Some(Bounds::new(0.2, 3_600.0));
    UP_AFTER = "route_management.up_after_sec": Number, Default("15.0"),
        "How long it must answer before its route is put back.", unit: Seconds, bounds: TIME;
    DEMOTED_BY = "route_management.demoted_distance_add": Integer, Default("100"),
        "What is added to a route's distance to put it behind the others. No route's own distance may be above this: one that is counts as put behind.",
        bounds: Some(Bounds::new(1.0, 200.0));
    STATE_FILE = "state.file": Path, Required, "File that keeps what must outlive a restart.";
    HISTORY_SIZE = "state.history_size": Integer, Required,
        "Samples that are kept in it.", bounds: Some(Bounds::new(1.0, 3_000.0));
    LOG_CAKE = "logging.log_cake_stats": Ignored, Optional, "Accepted for old files; not used.";
    LOG_BYTES = "logging.max_bytes": Ignored, Optional,
        "Accepted for newer files of the Python wanctl; not used.";
    LOG_COUNT = "logging.backup_count": Ignored, Optional,
        "Accepted for newer files of the Python wanctl; not used.";
    LOCK_FILE = "lock_file": Path, Required, "File that keeps a second instance from steering.";
    LOCK_TIMEOUT = "lock_timeout": Integer, Required,
        "Accepted for old files: the kernel releases the lock.",
        unit: Seconds, bounds: Some(Bounds::new(1.0, 3_600.0));
    PING_TOTAL = "timeouts.ping_total": Ignored, Optional, "Accepted for old files; not used.";
    HEALTH_PORT = "health_check.port": Integer, Default("9102"),
        "Port of the health server; 0 takes any free one.",
        bounds: Some(Bounds::new(0.0, 65_535.0));
    METRICS_ENABLED = "metrics.enabled": Ignored, Optional,
        "Accepted for old files; the steering daemon serves no metrics of its own.";
    METRICS_PORT = "metrics.port": Ignored, Optional, "Accepted; not used.";
    BACKEND = "measurement.backend": Ignored, Optional,
        "Accepted for newer files of the Python wanctl; not used.";
    ALERTING = "alerting": Ignored, Optional,
        "Accepted for newer files of the Python wanctl; not in effect here.";
    CAPACITY = "capacity_protection": Ignored, Optional,
        "Accepted for newer files of the Python wanctl; not in effect there either.";
    MAINTENANCE = "storage.maintenance_interval_seconds": Ignored, Optional,
        "Accepted for newer files of the Python wanctl; not used.";
    RETENTION = "storage.retention": Ignored, Optional,
        "Accepted for newer files of the Python wanctl; `retention_days` is in effect.";
}

table! {
    /// The keys of one of `topology.wans`.
    WAN in wan, shared: [];
    NAME = "name": Name, Required, "Name of the WAN.";
    INTERFACE = "interface": Interface, Optional,
        "Network interface that its pings leave through.";
    SOURCE = "source_ip": Address, Optional, "Address that its pings leave from.";
    TARGETS = "targets": Hosts, Derived("`measurement.targets`"),
        "Hosts that are pinged through it, one to eight.";
    QUORUM = "quorum": Integer, Derived("a majority of its targets"),
        "Targets that must answer for the WAN to be up.", bounds: Some(Bounds::new(1.0, 8.0));
    ROUTE = "route_comment": Text, Optional,
        "Whole comment of its default route. Without it the route stays where it is.";
    RULE = "mangle_comment": Text,
        Derived("`mangle_rule.comment` for the second WAN, none for the others"),
        "Whole comment of the mangle rule that sends eligible traffic there.";
    PRIORITY = "priority": Integer, Default("0"),
        "Lower is preferred among WANs that are good enough.",
        bounds: Some(Bounds::new(0.0, 255.0));
    STATE = "state_file": Path, Derived("for the first WAN `cake_state_sources.primary`"),
        "State file of its rate-control daemon.";
}

table! {
    /// The keys of one of `route_management.routes`.
    ROUTE in route, shared: [];
    COMMENT = "comment": Text, Optional, "Whole comment of the default route.";
    ID = "id": Text, Optional,
        "Not used: ids change with a restore; give the route a comment.";
}

table! {
    /// The keys of one of `route_management.failover`.
    FAILOVER in failover, shared: [];
    ENABLED = "enabled": Flag, Default("false"), "Whether the route of this WAN is moved.";
    FAILURES = "rtt_failure_cycles": Integer, Optional,
        "Cycles of silence before the route is put behind the others, instead of `down_after_sec`.",
        bounds: Some(Bounds::new(1.0, 10_000.0));
    RED = "red_cycles": Ignored, Optional, "Not used: congestion moves no default route.";
    GREEN = "green_cycles": Ignored, Optional, "Not used; see `up_after_sec`.";
    YELLOW = "yellow_contributes_to_recovery": Ignored, Optional, "Not used.";
    HEALTH = "health_url": Ignored, Optional, "Not used: every WAN is measured here.";
}
