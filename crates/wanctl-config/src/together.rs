//! Several files in one process.

use std::path::Path;

use wanctl_telemetry::{EndpointConfig, TelemetryConfig};

use crate::assemble::clash;
use crate::config::WanConfig;
use crate::diagnostic::{Code, Diagnostic};
use crate::report::{Report, Sink};

/// Checks what files say against each other: no WAN, file or queue twice, and servers that can all
/// listen. Endpoints, logs and the lock timeout of a process come from the first file.
///
/// # Errors
///
/// Everything that clashes, each finding about the later of two files. On success, warnings about
/// settings of later files that are not used.
pub fn check_together(configs: &[WanConfig]) -> Result<Vec<Diagnostic>, Report> {
    let mut findings = Findings::default();
    for (index, later) in configs.iter().enumerate() {
        for earlier in configs.iter().take(index) {
            pair(earlier, later, &mut findings);
        }
    }
    if let Some((first, rest)) = configs.split_first() {
        for later in rest {
            unused(first, later, &mut findings);
        }
    }
    findings.finish()
}

/// Findings of several files.
#[derive(Default)]
struct Findings(Vec<(String, Diagnostic)>);

impl Findings {
    fn add(&mut self, config: &WanConfig, finding: Diagnostic) {
        let source = config.source.display().to_string();
        self.0.push((source, finding));
    }

    fn finish(self) -> Result<Vec<Diagnostic>, Report> {
        let mut sink = Sink::new("");
        for (source, finding) in self.0 {
            sink.push_from(source, finding);
        }
        sink.finish()
    }
}

fn pair(earlier: &WanConfig, later: &WanConfig, findings: &mut Findings) {
    let other = earlier.source.display();
    let mut clash = |key: &str, what: &str, found: &str| {
        let message = format!("{what} is also used in {other}");
        let finding = Diagnostic::new(Code::Clash, message);
        findings.add(later, finding.key(key).found(found));
    };
    if earlier.name == later.name {
        clash("wan_name", "this name", later.name.as_str());
    }
    let mut file = |key: &str, path: &Path| {
        if path == earlier.files.state_file || path == earlier.files.lock_file {
            clash(key, "this file", &path.display().to_string());
        }
    };
    file("state_file", &later.files.state_file);
    file("lock_file", &later.files.lock_file);
    queues(earlier, later, findings);
    ports(earlier, later, findings);
}

fn queues(earlier: &WanConfig, later: &WanConfig, findings: &mut Findings) {
    if earlier.router.host != later.router.host {
        return;
    }
    for (direction, queue) in later.router.queues.iter() {
        if earlier
            .router
            .queues
            .iter()
            .any(|(_, other)| other == queue)
        {
            let message = format!(
                "this queue of the same router is also controlled by {}",
                earlier.source.display()
            );
            let finding = Diagnostic::new(Code::Clash, message).key(format!("queues.{direction}"));
            findings.add(later, finding.found(queue.as_str()));
        }
    }
}

fn ports(earlier: &WanConfig, later: &WanConfig, findings: &mut Findings) {
    let (a, b) = (&earlier.telemetry, &later.telemetry);
    let both = |a: Option<EndpointConfig>, b: Option<EndpointConfig>| match (a, b) {
        (Some(a), Some(b)) => clash(a, b),
        (Some(_) | None, _) => false,
    };
    let mut add = |key: &str, what: &str| {
        let message = format!(
            "this is the port of the {what} in {}",
            earlier.source.display()
        );
        findings.add(later, Diagnostic::new(Code::Clash, message).key(key));
    };
    if both(a.metrics, b.health) {
        add("health_check.port", "metrics");
    }
    if both(a.health, b.metrics) {
        add("metrics.port", "health check");
    }
}

/// Settings of a whole process that a later file says otherwise.
fn unused(first: &WanConfig, later: &WanConfig, findings: &mut Findings) {
    let TelemetryConfig {
        health,
        metrics,
        ref log,
        ..
    } = later.telemetry;
    let differing = [
        ("health_check", health != first.telemetry.health),
        ("metrics", metrics != first.telemetry.metrics),
        ("logging", *log != first.telemetry.log),
        (
            "lock_timeout",
            later.files.lock_timeout != first.files.lock_timeout,
        ),
    ];
    for (key, _) in differing.into_iter().filter(|(_, differs)| *differs) {
        let message = format!(
            "one process has one of these, and {} comes first",
            first.source.display()
        );
        findings.add(later, Diagnostic::new(Code::Unused, message).key(key));
    }
}
