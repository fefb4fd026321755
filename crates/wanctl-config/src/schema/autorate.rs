//! The rows of the rate-control daemon.

use super::Kind::{
    Address, Choice, Flag, Host, Hosts, Ignored, Integer, Interface, Listen, Name, Number, Path,
    Secret, Targets, Text,
};
use super::Presence::{Default, Derived, OneOf, Optional, Required, RequiredBy};
use super::Unit::{Cycles, Days, MegabitsPerSecond, Milliseconds, Seconds};
use super::{Bounds, Key};

/// Declares each row as a constant, and the table of all rows.
macro_rules! table {
    ($($name:ident = $path:literal: $kind:expr, $presence:expr, $doc:literal
        $(, $field:ident: $value:expr)*;)*) => {
        /// The rows, by name: a row that does not exist cannot be asked for.
        pub(crate) mod key {
            use super::*;
            $(
                #[doc = concat!("`", $path, "`")]
                pub(crate) static $name: Key = Key {
                    $($field: $value,)*
                    ..Key::new($path, $kind, $presence, $doc)
                };
            )*
        }

        /// Every key of the rate-control daemon, in the order a file is written.
        pub static AUTORATE: &[&Key] = &[$(&key::$name),*];
    };
}

/// How the floors of a direction may be given.
const FLOORS: &str = "either `floor_mbps`, or a floor for each zone";
/// How a smoothing may be given.
const SMOOTHING: &str = "either the time constant or the alpha, with `law: reference`";

/// A rate of the download direction; 0 would lift the limit on a router.
const DOWNLOAD_RATE: Bounds = Bounds::new(0.001, 10_000.0);
/// A rate of the upload direction.
const UPLOAD_RATE: Bounds = Bounds::new(0.001, 1_000.0);

table! {
    SCHEMA_VERSION = "schema_version": Text, Default("'1.0'"),
        "Version of the file format; only `1.0` exists.";
    WAN_NAME = "wan_name": Name, Required,
        "Name of the WAN in logs, metrics and file names. RouterOS uses the queue types `cake-down-<name>` and `cake-up-<name>`, in lower case.";

    ROUTER_HOST = "router.host": Host, Required, "The router.";
    ROUTER_USER = "router.user": Text, Required, "User on the router.";
    ROUTER_PASSWORD = "router.password": Secret, Default("''"),
        "Password of that user. Best written `${ROUTER_PASSWORD}`; `${NAME:-text}` gives a default.";
    ROUTER_PORT = "router.port": Integer, Default("443"),
        "TCP port of the REST interface.", bounds: Some(Bounds::new(1.0, 65_535.0));
    ROUTER_SCHEME = "router.scheme": Choice(&["http", "https"]),
        Derived("`https` on port 443, else `http`"),
        "Protocol of the REST interface. `http` shows the password to the network.";
    ROUTER_VERIFY_SSL = "router.verify_ssl": Flag, Default("false"),
        "Whether the certificate must come from a public authority and name the host.";
    ROUTER_TRANSPORT = "router.transport": Choice(&["rest", "ssh"]), Default("rest"),
        "Accepted for old files; REST is used in either case.";
    ROUTER_SSH_KEY = "router.ssh_key": Path, Optional, "Accepted for old files; not used with REST.";
    ROUTER_TYPE = "router.type": Ignored, Optional, "Accepted for old files; not used.";
    LIMITER_ENABLED = "router.rate_limiter.enabled": Flag, Default("true"),
        "Whether rises of the router's limits are budgeted; falls never are.";
    LIMITER_MAX_CHANGES = "router.rate_limiter.max_changes": Integer,
        Derived("`5`; with `law: adaptive` as many as 5 a second"),
        "Rises allowed in one window.", bounds: Some(Bounds::new(1.0, 10_000.0));
    LIMITER_WINDOW = "router.rate_limiter.window_seconds": Integer, Default("10"),
        "Length of the window.", unit: Seconds, bounds: Some(Bounds::new(1.0, 3_600.0));

    QUEUE_DOWNLOAD = "queues.download": Name, Required, "Queue that limits the download.";
    QUEUE_UPLOAD = "queues.upload": Name, Required, "Queue that limits the upload.";

    ENABLED = "continuous_monitoring.enabled": Flag, Required,
        "Whether this WAN is controlled at all.";
    LAW = "continuous_monitoring.law": Choice(&["reference", "adaptive"]), Default("reference"),
        "The control law. `adaptive` learns capacity and thresholds and wants only the plan rates, ceilings and floors.";
    COUNTER_INTERVAL = "continuous_monitoring.counter_interval_ms": Integer, Default("200"),
        "Time from one reading of the queues' counters to the next; only `adaptive` reads them.",
        unit: Milliseconds, bounds: Some(Bounds::new(50.0, 200.0));
    BASELINE_INITIAL = "continuous_monitoring.baseline_rtt_initial": Number,
        RequiredBy("reference"), "RTT of the idle line, as a first guess.",
        unit: Milliseconds, bounds: Some(Bounds::new(1.0, 500.0));

    DL_CEILING = "continuous_monitoring.download.ceiling_mbps": Number, Required,
        "Highest download limit.", unit: MegabitsPerSecond, bounds: Some(Bounds::new(1.0, 10_000.0));
    DL_PLAN = "continuous_monitoring.download.plan_mbps": Number, Derived("`ceiling_mbps`"),
        "The download rate the line was sold with, right or wrong: where `adaptive` begins.",
        unit: MegabitsPerSecond, bounds: Some(Bounds::new(1.0, 10_000.0));
    DL_FLOOR = "continuous_monitoring.download.floor_mbps": Number, OneOf(FLOORS),
        "Lowest download limit in every zone.", unit: MegabitsPerSecond, bounds: Some(DOWNLOAD_RATE);
    DL_FLOOR_GREEN = "continuous_monitoring.download.floor_green_mbps": Number, OneOf(FLOORS),
        "Lowest download limit while GREEN. Its presence asks for a floor for each zone.",
        unit: MegabitsPerSecond, bounds: Some(DOWNLOAD_RATE);
    DL_FLOOR_YELLOW = "continuous_monitoring.download.floor_yellow_mbps": Number, OneOf(FLOORS),
        "Lowest download limit while YELLOW.", unit: MegabitsPerSecond, bounds: Some(DOWNLOAD_RATE);
    DL_FLOOR_SOFT_RED = "continuous_monitoring.download.floor_soft_red_mbps": Number,
        Derived("`floor_yellow_mbps`"),
        "Lowest download limit while SOFT_RED.", unit: MegabitsPerSecond, bounds: Some(DOWNLOAD_RATE);
    DL_FLOOR_RED = "continuous_monitoring.download.floor_red_mbps": Number, OneOf(FLOORS),
        "Lowest download limit ever.", unit: MegabitsPerSecond, bounds: Some(DOWNLOAD_RATE);
    DL_STEP_UP = "continuous_monitoring.download.step_up_mbps": Number, RequiredBy("reference"),
        "What a rise adds to the download limit.",
        unit: MegabitsPerSecond, bounds: Some(Bounds::new(0.1, 100.0));
    DL_FACTOR_DOWN = "continuous_monitoring.download.factor_down": Number, RequiredBy("reference"),
        "What a RED step multiplies the download limit by; 1.0 never lowers it.",
        bounds: Some(Bounds::new(0.1, 1.0));
    DL_FACTOR_DOWN_YELLOW = "continuous_monitoring.download.factor_down_yellow": Number,
        Default("0.96"), "What a YELLOW step multiplies the download limit by.",
        bounds: Some(Bounds::new(0.8, 1.0));
    DL_GREEN_REQUIRED = "continuous_monitoring.download.green_required": Integer, Default("5"),
        "GREEN steps in a row before the download limit rises.",
        unit: Cycles, bounds: Some(Bounds::new(1.0, 10.0));
    DL_SOFT_RED_REQUIRED = "continuous_monitoring.download.soft_red_required": Integer,
        Default("1"), "Steps in a row above `warn_bloat_ms` before SOFT_RED is believed.",
        unit: Cycles, bounds: Some(Bounds::new(1.0, 100.0));

    UL_CEILING = "continuous_monitoring.upload.ceiling_mbps": Number, Required,
        "Highest upload limit.", unit: MegabitsPerSecond, bounds: Some(Bounds::new(1.0, 1_000.0));
    UL_PLAN = "continuous_monitoring.upload.plan_mbps": Number, Derived("`ceiling_mbps`"),
        "The upload rate the line was sold with, right or wrong: where `adaptive` begins.",
        unit: MegabitsPerSecond, bounds: Some(Bounds::new(1.0, 1_000.0));
    UL_FLOOR = "continuous_monitoring.upload.floor_mbps": Number, OneOf(FLOORS),
        "Lowest upload limit in every zone.", unit: MegabitsPerSecond, bounds: Some(UPLOAD_RATE);
    UL_FLOOR_GREEN = "continuous_monitoring.upload.floor_green_mbps": Number, OneOf(FLOORS),
        "Lowest upload limit while GREEN. Its presence asks for a floor for each zone.",
        unit: MegabitsPerSecond, bounds: Some(UPLOAD_RATE);
    UL_FLOOR_YELLOW = "continuous_monitoring.upload.floor_yellow_mbps": Number, OneOf(FLOORS),
        "Lowest upload limit while YELLOW.", unit: MegabitsPerSecond, bounds: Some(UPLOAD_RATE);
    UL_FLOOR_RED = "continuous_monitoring.upload.floor_red_mbps": Number, OneOf(FLOORS),
        "Lowest upload limit ever.", unit: MegabitsPerSecond, bounds: Some(UPLOAD_RATE);
    UL_STEP_UP = "continuous_monitoring.upload.step_up_mbps": Number, RequiredBy("reference"),
        "What a rise adds to the upload limit.",
        unit: MegabitsPerSecond, bounds: Some(Bounds::new(0.1, 100.0));
    UL_FACTOR_DOWN = "continuous_monitoring.upload.factor_down": Number, RequiredBy("reference"),
        "What a RED step multiplies the upload limit by; 1.0 never lowers it.",
        bounds: Some(Bounds::new(0.1, 1.0));
    UL_FACTOR_DOWN_YELLOW = "continuous_monitoring.upload.factor_down_yellow": Number,
        Default("0.94"), "What a YELLOW step multiplies the upload limit by.",
        bounds: Some(Bounds::new(0.9, 1.0));
    UL_GREEN_REQUIRED = "continuous_monitoring.upload.green_required": Integer, Default("5"),
        "GREEN steps in a row before the upload limit rises.",
        unit: Cycles, bounds: Some(Bounds::new(1.0, 10.0));

    TARGET_BLOAT = "continuous_monitoring.thresholds.target_bloat_ms": Number, RequiredBy("reference"),
        "Delay above the baseline that is still GREEN.",
        unit: Milliseconds, bounds: Some(Bounds::new(1.0, 100.0));
    WARN_BLOAT = "continuous_monitoring.thresholds.warn_bloat_ms": Number, RequiredBy("reference"),
        "Delay above the baseline that is still YELLOW.",
        unit: Milliseconds, bounds: Some(Bounds::new(1.0, 200.0));
    HARD_RED_BLOAT = "continuous_monitoring.thresholds.hard_red_bloat_ms": Number, Default("80"),
        "Delay above the baseline that is still SOFT_RED; download only.",
        unit: Milliseconds, bounds: Some(Bounds::new(1.0, 1_000_000.0));
    BASELINE_TIME_CONSTANT = "continuous_monitoring.thresholds.baseline_time_constant_sec": Number,
        OneOf(SMOOTHING), "How fast the baseline follows; alpha is 0.05 s divided by it.",
        unit: Seconds, bounds: Some(Bounds::new(1.0, 600.0));
    ALPHA_BASELINE = "continuous_monitoring.thresholds.alpha_baseline": Number, OneOf(SMOOTHING),
        "Weight of a new sample in the baseline.", bounds: Some(Bounds::new(0.0001, 1.0));
    LOAD_TIME_CONSTANT = "continuous_monitoring.thresholds.load_time_constant_sec": Number,
        OneOf(SMOOTHING), "How fast the load RTT follows; alpha is 0.05 s divided by it.",
        unit: Seconds, bounds: Some(Bounds::new(0.05, 10.0));
    ALPHA_LOAD = "continuous_monitoring.thresholds.alpha_load": Number, OneOf(SMOOTHING),
        "Weight of a new sample in the load RTT.", bounds: Some(Bounds::new(0.001, 1.0));
    BASELINE_UPDATE_THRESHOLD =
        "continuous_monitoring.thresholds.baseline_update_threshold_ms": Number, Default("3.0"),
        "The baseline learns only while the load RTT is less than this above it.",
        unit: Milliseconds, bounds: Some(Bounds::new(0.0, 1_000.0));
    ACCEL_THRESHOLD = "continuous_monitoring.thresholds.accel_threshold_ms": Number,
        Default("15.0"), "A rise of the load RTT within one step above this is a spike.",
        unit: Milliseconds, bounds: Some(Bounds::new(5.0, 50.0));
    BASELINE_MIN = "continuous_monitoring.thresholds.baseline_rtt_bounds.min": Number,
        Default("10.0"), "Lowest baseline that is believed.",
        unit: Milliseconds, bounds: Some(Bounds::new(1.0, 100.0));
    BASELINE_MAX = "continuous_monitoring.thresholds.baseline_rtt_bounds.max": Number,
        Default("60.0"), "Highest baseline that is believed.",
        unit: Milliseconds, bounds: Some(Bounds::new(10.0, 500.0));

    PING_HOSTS = "continuous_monitoring.ping_hosts": Hosts, Required,
        "Hosts that are pinged, one to eight, the most important first.";
    MEDIAN_OF_THREE = "continuous_monitoring.use_median_of_three": Flag, Default("false"),
        "Whether the median of the first three hosts counts, and not the first host alone.";
    FALLBACK_ENABLED = "continuous_monitoring.fallback_checks.enabled": Flag, Default("true"),
        "Whether anything else is tried while no host answers.";
    CHECK_GATEWAY = "continuous_monitoring.fallback_checks.check_gateway": Flag, Default("true"),
        "Whether the gateway is pinged then.";
    CHECK_TCP = "continuous_monitoring.fallback_checks.check_tcp": Flag, Default("true"),
        "Whether TCP connections are tried then.";
    GATEWAY_IP = "continuous_monitoring.fallback_checks.gateway_ip": Address, Optional,
        "The gateway; without it that check is skipped.", empty_is_absent: true;
    TCP_TARGETS = "continuous_monitoring.fallback_checks.tcp_targets": Targets,
        Default("[['1.1.1.1', 443], ['8.8.8.8', 443]]"), "Where TCP connections are tried.";
    FALLBACK_MODE = "continuous_monitoring.fallback_checks.fallback_mode":
        Choice(&["graceful_degradation", "freeze", "use_last_rtt"]),
        Default("graceful_degradation"), "What to do while only the gateway answers.";
    MAX_FALLBACK_CYCLES = "continuous_monitoring.fallback_checks.max_fallback_cycles": Integer,
        Default("3"), "Steps without an answer that `graceful_degradation` tolerates.",
        unit: Cycles, bounds: Some(Bounds::new(0.0, 1_000_000.0));

    PING_SOURCE_IP = "ping_source_ip": Address, Optional,
        "Address that pings leave from; the system chooses when absent.", empty_is_absent: true;
    PING_INTERFACE = "ping_interface": Interface, Optional,
        "Interface that pings leave through; the system chooses when absent.",
        empty_is_absent: true;

    MAIN_LOG = "logging.main_log": Path, Optional,
        "Log file for operators; without it only the journal is written.";
    DEBUG_LOG = "logging.debug_log": Path, Optional,
        "Log file for everything, written when debugging is switched on.";

    LOCK_FILE = "lock_file": Path, Derived("`/run/wanctl/<wan_name>.lock`"),
        "File that keeps a second instance from controlling the same WAN.";
    LOCK_TIMEOUT = "lock_timeout": Integer, Default("300"),
        "Age after which a lock file without a process number is stale.",
        unit: Seconds, bounds: Some(Bounds::new(1.0, 3_600.0));
    STATE_FILE = "state_file": Path,
        Derived("beside `lock_file` as `<stem>_state.json`; else `/var/lib/wanctl/<wan_name>_state.json`"),
        "File that keeps rates and baseline over a restart.";

    ROUTER_TIMEOUT = "timeouts.ssh_command": Number, Default("15"),
        "Longest time for one request to the router, over REST too.",
        unit: Seconds, bounds: Some(Bounds::new(0.1, 300.0));
    PING_TIMEOUT = "timeouts.ping": Number, Default("1"),
        "How long an answer to a ping may take.",
        unit: Seconds, bounds: Some(Bounds::new(0.01, 60.0));

    HEALTH_ENABLED = "health_check.enabled": Flag, Default("true"),
        "Whether health is served over HTTP.";
    HEALTH_HOST = "health_check.host": Listen, Default("127.0.0.1"), "Address of that server.";
    HEALTH_PORT = "health_check.port": Integer, Default("9101"),
        "Port of that server; 0 takes any free one.", bounds: Some(Bounds::new(0.0, 65_535.0));
    METRICS_ENABLED = "metrics.enabled": Flag, Default("false"),
        "Whether metrics are served to Prometheus.";
    METRICS_HOST = "metrics.host": Listen, Default("127.0.0.1"), "Address of that server.";
    METRICS_PORT = "metrics.port": Integer, Default("9100"),
        "Port of that server; 0 takes any free one. The usual node exporter listens on 9100 too.",
        bounds: Some(Bounds::new(0.0, 65_535.0));

    DB_PATH = "storage.db_path": Path, Optional,
        "SQLite file of the history; without it no history is kept. `/var/lib/wanctl/metrics.db` is usual.",
        empty_is_absent: true;
    RETENTION_DAYS = "storage.retention_days": Integer, Default("7"),
        "Older history is deleted.", unit: Days, bounds: Some(Bounds::new(1.0, 365.0));
}
