//! Which menus the simulated device has, and which properties their items have.

/// One menu of the console.
#[derive(Debug)]
pub(super) struct MenuSchema {
    /// Its path below `/rest`.
    pub(super) path: &'static str,
    pub(super) shape: Shape,
    pub(super) properties: &'static [Property],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Many items; identifiers are given upwards from `first_id`.
    List { named: bool, first_id: u64 },
    /// One item without identifier.
    Singleton,
}

/// One property of an item.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Its value when none was written.
    pub(super) default: &'static str,
    pub(super) presence: Presence,
}

/// What a property takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    /// Bit/s; `20k`, `500M` and `1G` are understood.
    Rate,
    Integer {
        min: i64,
        max: i64,
    },
    OneOf(&'static [&'static str]),
    /// The name of an item in the menu of this path.
    Reference(&'static str),
    /// Shown, never written.
    ReadOnly,
}

/// When a property is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Always,
    /// Only when it was ever written, whatever its value.
    WhenWritten,
    WhenNotEmpty,
    /// Unless the item is disabled.
    WhenEnabled,
}

use Kind::{Bool, Integer, OneOf, Rate, ReadOnly, Reference, Text};
use Presence::{Always, WhenEnabled, WhenNotEmpty, WhenWritten};

const fn property(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    presence: Presence,
) -> Property {
    Property {
        name,
        kind,
        default,
        presence,
    }
}

pub(super) const QUEUE_TREE: &str = "queue/tree";
pub(super) const QUEUE_TYPE: &str = "queue/type";
pub(super) const MANGLE: &str = "ip/firewall/mangle";
pub(super) const ROUTE: &str = "ip/route";
pub(super) const NETWATCH: &str = "tool/netwatch";
pub(super) const SCHEDULER: &str = "system/scheduler";
pub(super) const SCRIPT: &str = "system/script";
pub(super) const RESOURCE: &str = "system/resource";
pub(super) const IDENTITY: &str = "system/identity";

/// All menus.
pub(super) static MENUS: &[MenuSchema] = &[
    MenuSchema {
        path: QUEUE_TREE,
        shape: Shape::List {
            named: true,
            first_id: 0x100_0000,
        },
        properties: &[
            property("bucket-size", Text, "0.1", Always),
            property("burst-limit", Rate, "0", Always),
            property("burst-threshold", Rate, "0", Always),
            property("burst-time", Text, "0s", Always),
            property("bytes", ReadOnly, "0", Always),
            property("comment", Text, "", WhenNotEmpty),
            property("disabled", Bool, "false", Always),
            property("dropped", ReadOnly, "0", Always),
            property("dynamic", ReadOnly, "false", Always),
            property("invalid", ReadOnly, "false", Always),
            property("limit-at", Rate, "0", Always),
            property("max-limit", Rate, "0", Always),
            property("name", Text, "", Always),
            property("packet-mark", Text, "", Always),
            property("packet-rate", ReadOnly, "0", Always),
            property("packets", ReadOnly, "0", Always),
            property("parent", Text, "global", Always),
            property("priority", Integer { min: 1, max: 8 }, "8", Always),
            property("queue", Reference(QUEUE_TYPE), "default-small", Always),
            property("queued-bytes", ReadOnly, "0", Always),
            property("queued-packets", ReadOnly, "0", Always),
            property("rate", ReadOnly, "0", Always),
        ],
    },
    MenuSchema {
        path: QUEUE_TYPE,
        shape: Shape::List {
            named: true,
            first_id: 0,
        },
        properties: &[
            property(
                "cake-ack-filter",
                OneOf(&["none", "filter", "aggressive"]),
                "none",
                WhenWritten,
            ),
            property("cake-bandwidth", Rate, "0", WhenWritten),
            property(
                "cake-diffserv",
                OneOf(&[
                    "besteffort",
                    "precedence",
                    "diffserv3",
                    "diffserv4",
                    "diffserv8",
                ]),
                "diffserv3",
                WhenWritten,
            ),
            property(
                "cake-flowmode",
                OneOf(&[
                    "flowblind",
                    "srchost",
                    "dsthost",
                    "hosts",
                    "flows",
                    "dual-srchost",
                    "dual-dsthost",
                    "triple-isolate",
                ]),
                "triple-isolate",
                WhenWritten,
            ),
            property("cake-nat", Bool, "false", WhenWritten),
            property(
                "cake-overhead",
                Integer { min: -64, max: 256 },
                "0",
                WhenWritten,
            ),
            property("cake-rtt", Text, "100ms", WhenWritten),
            property("cake-wash", Bool, "false", WhenWritten),
            property("default", ReadOnly, "false", Always),
            property(
                "kind",
                OneOf(&[
                    "bfifo", "cake", "codel", "fq-codel", "pcq", "pfifo", "red", "sfq",
                ]),
                "pfifo",
                Always,
            ),
            property("name", Text, "", Always),
        ],
    },
    MenuSchema {
        path: MANGLE,
        shape: Shape::List {
            named: false,
            first_id: 1,
        },
        properties: &[
            property("action", Text, "accept", Always),
            property("bytes", ReadOnly, "0", Always),
            property("chain", Text, "", Always),
            property("comment", Text, "", WhenNotEmpty),
            property("disabled", Bool, "false", WhenWritten),
            property("dynamic", ReadOnly, "false", Always),
            property("invalid", ReadOnly, "false", Always),
            property("log", Bool, "false", WhenWritten),
            property("log-prefix", Text, "", WhenWritten),
            property("new-connection-mark", Text, "", WhenNotEmpty),
            property("new-routing-mark", Text, "", WhenNotEmpty),
            property("packets", ReadOnly, "0", Always),
            property("passthrough", Bool, "true", WhenWritten),
        ],
    },
    MenuSchema {
        path: ROUTE,
        shape: Shape::List {
            named: false,
            first_id: 1,
        },
        properties: &[
            property("active", ReadOnly, "true", WhenEnabled),
            property("comment", Text, "", WhenNotEmpty),
            property("disabled", Bool, "false", WhenWritten),
            property("distance", Integer { min: 1, max: 255 }, "1", WhenEnabled),
            property("dst-address", Text, "0.0.0.0/0", Always),
            property("dynamic", ReadOnly, "false", WhenEnabled),
            property("gateway", Text, "", Always),
            property("inactive", ReadOnly, "false", Always),
            property("routing-table", Text, "main", WhenEnabled),
            property("scope", Integer { min: 0, max: 255 }, "30", WhenEnabled),
            property("static", ReadOnly, "true", Always),
            property(
                "target-scope",
                Integer { min: 0, max: 255 },
                "10",
                WhenEnabled,
            ),
        ],
    },
    MenuSchema {
        path: NETWATCH,
        shape: Shape::List {
            named: false,
            first_id: 1,
        },
        properties: &[
            property("comment", Text, "", WhenNotEmpty),
            property("disabled", Bool, "false", Always),
            property("down-script", Text, "", Always),
            property("host", Text, "", Always),
            property("interval", Text, "10s", Always),
            property("name", Text, "", WhenNotEmpty),
            property("status", ReadOnly, "unknown", Always),
            property("test-script", Text, "", Always),
            property("type", Text, "simple", Always),
            property("up-script", Text, "", Always),
        ],
    },
    MenuSchema {
        path: SCHEDULER,
        shape: Shape::List {
            named: true,
            first_id: 1,
        },
        properties: &[
            property("comment", Text, "", WhenNotEmpty),
            property("disabled", Bool, "false", Always),
            property("interval", Text, "0s", Always),
            property("name", Text, "", Always),
            property("on-event", Text, "", Always),
            property("policy", Text, "read,write", Always),
            property("run-count", ReadOnly, "0", Always),
        ],
    },
    MenuSchema {
        path: SCRIPT,
        shape: Shape::List {
            named: true,
            first_id: 1,
        },
        properties: &[
            property("comment", Text, "", WhenNotEmpty),
            property("name", Text, "", Always),
            property("policy", Text, "read,write", Always),
            property("source", Text, "", Always),
        ],
    },
    MenuSchema {
        path: RESOURCE,
        shape: Shape::Singleton,
        properties: &[
            property("architecture-name", ReadOnly, "arm64", Always),
            property("bad-blocks", ReadOnly, "0", Always),
            property("board-name", ReadOnly, "RB5009UG+S+", Always),
            property("cpu-load", ReadOnly, "3", Always),
            property("platform", ReadOnly, "MikroTik", Always),
            property("uptime", ReadOnly, "1h", Always),
            property("version", ReadOnly, "7.23 (stable)", Always),
            property("write-sect-since-reboot", ReadOnly, "0", Always),
            property("write-sect-total", ReadOnly, "0", Always),
        ],
    },
    MenuSchema {
        path: IDENTITY,
        shape: Shape::Singleton,
        properties: &[property("name", Text, "MikroTik", Always)],
    },
];

impl MenuSchema {
    pub(super) fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
    }

    pub(super) const fn is_named(&self) -> bool {
        matches!(self.shape, Shape::List { named: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_stand_in_byte_order_and_references_exist() {
        for menu in MENUS {
            assert!(
                menu.properties.is_sorted_by_key(|property| property.name),
                "{}",
                menu.path
            );
            for property in menu.properties {
                if let Reference(path) = property.kind {
                    assert!(MENUS.iter().any(|menu| menu.path == path), "{path}");
                }
            }
        }
    }
}
