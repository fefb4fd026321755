//! The WANs: as the file lists them, or the two of its topology.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use wanctl_probe::{ProbeConfig, SourceBinding};
use wanctl_steering::{MAX_TARGETS, MAX_WANS, WanPolicy};
use wanctl_types::WanName;

use super::assemble::check_comment;
use super::{Neighbours, SteerWan};
use crate::assemble::Desk;
use crate::diagnostic::{Code, Diagnostic, Position};
use crate::effective::Effective;
use crate::reader::{Content, Node, Section};
use crate::resolve::{Env, resolve};
use crate::schema::{FAILOVER, ROUTE, WAN, failover, route, steer, wan};

/// Pinged besides the host of the file, when nothing else is said.
const MORE_TARGETS: [&str; 2] = ["1.1.1.1", "9.9.9.9"];

/// A WAN, and what may be done with it.
pub(super) struct Described {
    pub(super) wan: SteerWan,
    pub(super) policy: WanPolicy,
}

/// What a WAN is made of, before its defaults are known.
struct Sketch {
    name: WanName,
    at: Position,
    binding: Option<SourceBinding>,
    targets: Option<Vec<String>>,
    quorum: Option<usize>,
    rule: Option<String>,
    route: Option<String>,
    priority: u8,
    state_file: Option<PathBuf>,
}

pub(super) fn wans(
    source: &str,
    root: &Section,
    env: Env<'_>,
    neighbours: Neighbours<'_>,
    rule: Option<String>,
    desk: &mut Desk<'_>,
) -> Option<Vec<Described>> {
    let mut sketches = match find(root, &["topology", "wans"]) {
        Some(node) => listed(node, env, desk)?,
        None => derived(source, neighbours, desk)?,
    };
    if !(2..=MAX_WANS).contains(&sketches.len()) {
        let finding = Diagnostic::new(Code::Count, "steering needs several WANs, and not too many")
            .found(&format!("{} WANs", sketches.len()))
            .allowed(format!("2 to {MAX_WANS} WANs"));
        desk.report(&steer::WANS, finding);
        return None;
    }
    check_names(&sketches, desk)?;
    managed_routes(root, env, &mut sketches, desk);
    if let Some(second) = sketches.get_mut(1) {
        second.rule = second.rule.take().or(rule);
    }
    let primary_source = primary_source(desk);
    if let Some(first) = sketches.first_mut() {
        first.state_file = primary_source.or_else(|| first.state_file.take());
    }
    sketches
        .into_iter()
        .enumerate()
        .map(|(place, sketch)| describe(place, sketch, desk))
        .collect()
}

/// The WANs of `topology.wans`.
fn listed(node: &Node, env: Env<'_>, desk: &mut Desk<'_>) -> Option<Vec<Sketch>> {
    let Content::List(items) = &node.content else {
        let message = format!("a list of WANs is wanted, not {}", node.noun());
        desk.report(
            &steer::WANS,
            Diagnostic::new(Code::Type, message).at(node.at),
        );
        return None;
    };
    let sketches: Vec<_> = items.iter().map(|item| one(item, env, desk)).collect();
    sketches.into_iter().collect()
}

fn one(item: &Node, env: Env<'_>, desk: &mut Desk<'_>) -> Option<Sketch> {
    let Some(section) = item.section() else {
        let message = format!("a WAN is a section of keys, not {}", item.noun());
        desk.sink.push(
            Diagnostic::new(Code::Type, message)
                .at(item.at)
                .key("topology.wans"),
        );
        return None;
    };
    let values = resolve(WAN, section, env, desk.sink);
    let binding = SourceBinding {
        address: values.address(&wan::SOURCE),
        interface: values.text(&wan::INTERFACE).map(str::to_owned),
    };
    let bound = binding.address.is_some() || binding.interface.is_some();
    Some(Sketch {
        name: WanName::new(values.text(&wan::NAME)?).ok()?,
        at: item.at,
        binding: bound.then_some(binding),
        targets: values.hosts(&wan::TARGETS).map(<[String]>::to_vec),
        quorum: values.integer(&wan::QUORUM),
        rule: comment(values.text(&wan::RULE), item.at, "mangle_comment", desk)?,
        route: comment(values.text(&wan::ROUTE), item.at, "route_comment", desk)?,
        priority: values.integer(&wan::PRIORITY)?,
        state_file: values.path(&wan::STATE),
    })
}

#[expect(
    clippy::option_option,
    reason = "outside: whether it is valid; inside: whether there is one"
)]
fn comment(
    text: Option<&str>,
    at: Position,
    key: &str,
    desk: &mut Desk<'_>,
) -> Option<Option<String>> {
    let Some(text) = text else {
        return Some(None);
    };
    match check_comment(text) {
        Ok(()) => Some(Some(text.to_owned())),
        Err(message) => {
            let finding = Diagnostic::new(Code::Format, message).at(at).key(key);
            desk.sink.push(finding.found(text));
            None
        }
    }
}

/// The two WANs of the topology, as their own files describe them.
fn derived(source: &str, neighbours: Neighbours<'_>, desk: &Desk<'_>) -> Option<Vec<Sketch>> {
    let values = desk.values;
    let primary = values.text(&steer::PRIMARY)?;
    let alternate = values.text(&steer::ALTERNATE)?;
    let primary_file = values.path(&steer::PRIMARY_CONFIG);
    let known = primary_file.as_deref().unwrap_or_else(|| Path::new(source));
    let beside = |name: &str| known.with_file_name(format!("{name}.yaml"));
    let alternate_file = beside(alternate);
    let primary_file = primary_file.clone().unwrap_or_else(|| beside(primary));
    [(primary, primary_file), (alternate, alternate_file)]
        .into_iter()
        .map(|(name, file)| {
            let neighbour = neighbours(&file);
            let binding = neighbour.as_ref().map(|wan| wan.probe.binding.clone());
            Some(Sketch {
                name: WanName::new(name).ok()?,
                at: Position::START,
                binding: binding.filter(|b| b.address.is_some() || b.interface.is_some()),
                targets: None,
                quorum: None,
                rule: None,
                route: None,
                priority: 0,
                state_file: neighbour.map(|wan| wan.files.state_file),
            })
        })
        .collect()
}

fn check_names(sketches: &[Sketch], desk: &mut Desk<'_>) -> Option<()> {
    let mut seen = BTreeSet::new();
    for sketch in sketches {
        if !seen.insert(sketch.name.as_str()) {
            let finding = Diagnostic::new(Code::Clash, "two WANs have this name").at(sketch.at);
            desk.sink
                .push(finding.key("topology.wans").found(sketch.name.as_str()));
            return None;
        }
    }
    let first = sketches.first().map(|sketch| sketch.name.as_str());
    if first != desk.values.text(&steer::PRIMARY) {
        let message = "topology.primary_wan must be the first of topology.wans";
        desk.report(&steer::PRIMARY, Diagnostic::new(Code::Order, message));
        return None;
    }
    Some(())
}

fn primary_source(desk: &Desk<'_>) -> Option<PathBuf> {
    let values = desk.values;
    values
        .path(&steer::SOURCE_PRIMARY)
        .or_else(|| values.path(&steer::SOURCE_SPECTRUM))
}

/// Routes that stand under `route_management`.
fn managed_routes(root: &Section, env: Env<'_>, sketches: &mut [Sketch], desk: &mut Desk<'_>) {
    let routes = sections(root, &["route_management", "routes"], ROUTE, env, desk);
    for (name, (at, values)) in &routes {
        if values.text(&route::COMMENT).is_none() {
            let message = "a route is told by its comment; this one has none";
            let finding = Diagnostic::new(Code::Unused, message).at(*at);
            desk.sink
                .push(finding.key(format!("route_management.routes.{name}")));
        }
        let sketch = sketches
            .iter_mut()
            .find(|sketch| sketch.name.as_str() == name);
        if let Some(sketch) = sketch {
            let comment = values.text(&route::COMMENT).map(str::to_owned);
            sketch.route = sketch.route.take().or(comment);
        } else {
            let finding = Diagnostic::new(Code::Unused, "no WAN has this name").at(*at);
            desk.sink
                .push(finding.key(format!("route_management.routes.{name}")));
        }
    }
    let failover = sections(root, &["route_management", "failover"], FAILOVER, env, desk);
    for (name, (_, values)) in &failover {
        if values.flag(&failover::ENABLED) == Some(false) {
            for sketch in sketches.iter_mut().filter(|s| s.name.as_str() == name) {
                sketch.route = None;
            }
        }
    }
}

/// Sections by name, each read by `table`.
fn sections(
    root: &Section,
    path: &[&str],
    table: crate::schema::Table,
    env: Env<'_>,
    desk: &mut Desk<'_>,
) -> BTreeMap<String, (Position, Effective)> {
    let Some(section) = find(root, path).and_then(Node::section) else {
        return BTreeMap::new();
    };
    section
        .entries
        .iter()
        .filter_map(|(name, entry)| {
            let inner = entry.value.section()?;
            Some((
                name.clone(),
                (entry.at, resolve(table, inner, env, desk.sink)),
            ))
        })
        .collect()
}

fn find<'r>(root: &'r Section, path: &[&str]) -> Option<&'r Node> {
    let (last, sections) = path.split_last()?;
    let mut section = root;
    for name in sections {
        section = section.entries.get(*name)?.value.section()?;
    }
    let node = &section.entries.get(*last)?.value;
    (!node.is_null()).then_some(node)
}

fn describe(place: usize, sketch: Sketch, desk: &mut Desk<'_>) -> Option<Described> {
    let primary = place == 0;
    if sketch.binding.is_none() {
        warn_unbound(&sketch, primary, desk);
    }
    let legacy = desk.values.text(&steer::ENGINE)? == "legacy";
    let targets = sketch
        .targets
        .or_else(|| default_targets(legacy, desk))
        .filter(|targets| check_targets(targets, sketch.at, desk))?;
    let quorum = sketch.quorum.unwrap_or(targets.len() / 2 + 1);
    if quorum > targets.len() {
        let message = format!("{quorum} answers are asked for, of {} hosts", targets.len());
        let finding = Diagnostic::new(Code::Count, message).at(sketch.at);
        desk.sink.push(finding.key("topology.wans.quorum"));
        return None;
    }
    let interval = desk.values.integer(&steer::PROBE_INTERVAL)?;
    let timeout = desk.values.number(&crate::schema::key::PING_TIMEOUT)?;
    // Of the WAN in normal use the host's own route is believed where nothing else is said.
    let measured = primary || sketch.binding.is_some();
    let bound = sketch.binding.is_some();
    let mut policy = WanPolicy::new(targets.len());
    policy.quorum = quorum;
    policy.steerable = sketch.rule.is_some() && measured;
    // An unbound probe follows the default route that is to be judged by it.
    policy.route = sketch.route.is_some() && bound;
    policy.priority = sketch.priority;
    let probe = measured.then(|| {
        let mut probe = ProbeConfig::new(targets);
        probe.interval = Duration::from_millis(interval);
        probe.timeout =
            Duration::try_from_secs_f64(timeout.get()).unwrap_or(ProbeConfig::DEFAULT_TIMEOUT);
        probe.binding = sketch.binding.unwrap_or_default();
        probe
    });
    Some(Described {
        wan: SteerWan {
            name: sketch.name,
            probe,
            rule: sketch.rule.filter(|_| !primary),
            route: sketch.route.filter(|_| bound),
            state_file: sketch.state_file,
        },
        policy,
    })
}

fn warn_unbound(sketch: &Sketch, primary: bool, desk: &mut Desk<'_>) {
    let message = if primary {
        format!(
            "nothing says through what pings of {} leave: they follow the default route",
            sketch.name
        )
    } else {
        format!(
            "nothing says through what pings of {} leave: it is not measured, and with the engine `standard` traffic never moves there",
            sketch.name
        )
    };
    let help = "set `interface` or `source_ip` in topology.wans, or `ping_source_ip` in its rate-control file";
    let finding = Diagnostic::new(Code::Hosts, message).at(sketch.at);
    desk.sink.push(finding.key("topology.wans").help(help));
}

fn default_targets(legacy: bool, desk: &Desk<'_>) -> Option<Vec<String>> {
    if let Some(hosts) = desk.values.hosts(&steer::TARGETS) {
        return Some(hosts.to_vec());
    }
    let host = desk.values.text(&steer::PING_HOST)?;
    let mut targets = vec![host.to_owned()];
    if !legacy {
        let more = MORE_TARGETS.into_iter().filter(|more| *more != host);
        targets.extend(more.map(str::to_owned));
    }
    Some(targets)
}

fn check_targets(targets: &[String], at: Position, desk: &mut Desk<'_>) -> bool {
    let valid = (1..=MAX_TARGETS).contains(&targets.len());
    if !valid {
        let message = "a WAN is pinged through one host at least, and not too many";
        let finding = Diagnostic::new(Code::Count, message)
            .at(at)
            .key("targets")
            .found(&format!("{} hosts", targets.len()));
        desk.sink
            .push(finding.allowed(format!("1 to {MAX_TARGETS} hosts")));
    }
    valid
}
