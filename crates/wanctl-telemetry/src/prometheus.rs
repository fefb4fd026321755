//! The metrics: a [`Snapshot`] as Prometheus text, in two spellings.
//!
//! Both are written from one table of families on every scrape; nothing is kept in between.

mod accept;
mod families;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use self::families::{Family, Kind, Value};
use crate::error::Error;
use crate::snapshot::Snapshot;

/// A spelling of the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposition {
    /// The Prometheus text format 0.0.4: what a scraper gets that asks for nothing else.
    #[default]
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Exposition {
    /// The `Content-Type` of the spelling.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The spelling that an `Accept` header prefers; the plain text when it leaves the choice.
    ///
    /// # Examples
    ///
    /// ```
    /// use wanctl_telemetry::Exposition;
    ///
    /// let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3";
    /// assert_eq!(Exposition::negotiate(accept), Exposition::OpenMetrics);
    /// assert_eq!(Exposition::negotiate("*/*"), Exposition::Text);
    /// ```
    #[must_use]
    pub fn negotiate(accept: &str) -> Self {
        accept::preferred(accept)
    }
}

/// Renders the metrics of a snapshot.
///
/// # Errors
///
/// [`Error::Metrics`] when the encoder gives up; no snapshot is known to make it.
pub fn render_metrics(snapshot: &Arc<Snapshot>, exposition: Exposition) -> Result<String, Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(View {
        snapshot: Arc::clone(snapshot),
        exposition,
    }));
    let mut page = String::new();
    match exposition {
        Exposition::Text => text::encode_registry(&mut page, &registry)?,
        Exposition::OpenMetrics => text::encode(&mut page, &registry)?,
    }
    Ok(page)
}

#[derive(Debug)]
struct View {
    snapshot: Arc<Snapshot>,
    exposition: Exposition,
}

impl Collector for View {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in families::of(&self.snapshot) {
            if !family.samples.is_empty() {
                self.encode_family(&family, &mut encoder)?;
            }
        }
        Ok(())
    }
}

impl View {
    fn encode_family(&self, family: &Family, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = self.announced_name(family);
        let mut metric = encoder.encode_descriptor(&name, family.help, None, family.kind.into())?;
        for (labels, value) in &family.samples {
            if labels.is_empty() {
                self.encode_sample(&mut metric, family.kind, *value)?;
            } else {
                self.encode_sample(&mut metric.encode_family(labels)?, family.kind, *value)?;
            }
        }
        Ok(())
    }

    /// OpenMetrics announces a counter without the suffix of its samples, the older format with it.
    fn announced_name(&self, family: &Family) -> String {
        match (self.exposition, family.kind) {
            (Exposition::Text, Kind::Counter) => format!("{}_total", family.name),
            (Exposition::OpenMetrics, Kind::Counter)
            | (Exposition::Text | Exposition::OpenMetrics, Kind::Gauge) => family.name.to_owned(),
        }
    }

    /// The encoder appends `_total` to what is encoded as a counter; where the announced name
    /// has it already, the number is written as it stands.
    fn encode_sample(
        &self,
        metric: &mut MetricEncoder<'_>,
        kind: Kind,
        value: Value,
    ) -> fmt::Result {
        match (self.exposition, kind, value) {
            (Exposition::OpenMetrics, Kind::Counter, Value::Whole(count)) => {
                metric.encode_counter(&count, None::<&Exemplar<NoLabelSet, f64>>)
            }
            (Exposition::OpenMetrics, Kind::Counter, Value::Real(number)) => {
                metric.encode_counter(&number, None::<&Exemplar<NoLabelSet, f64>>)
            }
            (_, _, Value::Whole(count)) => metric.encode_gauge(&count),
            (_, _, Value::Real(number)) => metric.encode_gauge(&number),
        }
    }
}
