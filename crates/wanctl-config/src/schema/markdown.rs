//! The reference of all keys, printed from their rows.

use core::fmt::Write as _;

use super::{AUTORATE, FAILOVER, Key, Kind, Presence, ROUTE, STEERING, Table, WAN};

/// What stands above the tables.
const INTRODUCTION: &str = "\
# Configuration

One YAML file configures one WAN. A key whose value is `null` counts as absent; a whole number may
stand where any number is wanted. Unknown keys are warned about. This page is printed from the table
that the program itself reads files with.

**Required** keys have no default. Bounds are inclusive.
";

/// What stands above the tables of the steering daemon.
const STEERING_INTRODUCTION: &str = "\
# Configuration of steering

One YAML file configures the steering daemon. [steering.md](steering.md) says how it decides. The rules
of [configuration.md](configuration.md) hold here too. This page is printed from the table that the
program itself reads files with.
";

/// The text of `docs/configuration.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    tables(&mut page, AUTORATE);
    page
}

/// The text of `docs/configuration-steering.md`.
#[must_use]
pub fn steering_markdown() -> String {
    let mut page = STEERING_INTRODUCTION.to_owned();
    tables(&mut page, STEERING);
    for (title, table) in [
        ("Each of `topology.wans`", WAN),
        ("Each of `route_management.routes`", ROUTE),
        ("Each of `route_management.failover`", FAILOVER),
    ] {
        page.push_str(&headed(title));
        page.extend(table.iter().map(|key| row(key)));
    }
    page
}

fn tables(page: &mut String, table: Table) {
    let mut parents: Vec<&str> = Vec::new();
    for key in table {
        if !parents.contains(&key.parent()) {
            parents.push(key.parent());
        }
    }
    for parent in parents {
        page.push_str(&heading(parent));
        let rows = table.iter().filter(|key| key.parent() == parent);
        page.extend(rows.map(|key| row(key)));
    }
}

fn heading(parent: &str) -> String {
    let title = if parent.is_empty() {
        "At the top".to_owned()
    } else {
        format!("`{parent}`")
    };
    headed(&title)
}

fn headed(title: &str) -> String {
    format!(
        "\n## {title}\n\n| key | type | without it | allowed | meaning |\n|---|---|---|---|---|\n"
    )
}

fn row(key: &Key) -> String {
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _infallible = writeln!(
        line,
        "| `{}` | {}{} | {} | {} | {} |",
        key.leaf(),
        kind(key.kind),
        key.unit.to_string().replacen(' ', ", ", 1),
        absence(key.presence),
        key.allowed().unwrap_or_default(),
        key.doc,
    );
    line
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(" or "),
        Kind::Flag
        | Kind::Integer
        | Kind::Number
        | Kind::Text
        | Kind::Name
        | Kind::Host
        | Kind::Hosts
        | Kind::Address
        | Kind::Listen
        | Kind::Interface
        | Kind::Path
        | Kind::Secret
        | Kind::Targets
        | Kind::Sections
        | Kind::Ignored => kind.to_string(),
    }
}

fn absence(presence: Presence) -> String {
    match presence {
        Presence::Required => "**required**".to_owned(),
        Presence::RequiredBy(law) => format!("required with `law: {law}`"),
        Presence::OneOf(rule) => format!("required: {rule}"),
        Presence::Default(yaml) => format!("`{yaml}`"),
        Presence::Derived(rule) => rule.to_owned(),
        Presence::Optional => String::new(),
    }
}
