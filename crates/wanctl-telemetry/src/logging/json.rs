//! Log lines as JSON objects.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::{LOST_LOGGER, LOST_TEXT};

/// The keys that every line has.
const OWN_KEYS: [&str; 4] = ["timestamp", "level", "logger", "message"];

/// One object a line. Fields of the event and of its spans stand at the top level, an inner one
/// over an outer one of the same name.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonLines;

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'static str,
    logger: &'a str,
    message: Value,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = span_fields(context);
        let mut own = Fields(Map::new());
        event.record(&mut own);
        let message = own.0.remove("message").unwrap_or_else(|| "".into());
        fields.extend(own.0);
        let line = Line {
            timestamp: now()?,
            level: event.metadata().level().as_str(),
            logger: event.metadata().target(),
            message,
            fields: apart_from_own_keys(fields),
        };
        let text = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{text}")
    }
}

/// The line that says how many were lost.
pub(super) fn lost_lines(lost: u64) -> String {
    let line = Line {
        timestamp: now().unwrap_or_default(),
        level: Level::WARN.as_str(),
        logger: LOST_LOGGER,
        message: LOST_TEXT.into(),
        fields: Map::from_iter([("lines".to_owned(), lost.into())]),
    };
    serde_json::to_string(&line).map_or_else(|_| String::new(), |text| text + "\n")
}

fn span_fields<S>(context: &FmtContext<'_, S, JsonFields>) -> Map<String, Value>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    let mut fields = Map::new();
    let spans = context.event_scope().into_iter();
    for span in spans.flat_map(tracing_subscriber::registry::Scope::from_root) {
        let extensions = span.extensions();
        let Some(text) = extensions.get::<FormattedFields<JsonFields>>() else {
            continue;
        };
        if let Ok(Value::Object(object)) = serde_json::from_str(text) {
            fields.extend(object);
        }
    }
    fields
}

/// A field that is named like a key of the line gets an underscore behind its name.
fn apart_from_own_keys(mut fields: Map<String, Value>) -> Map<String, Value> {
    for key in OWN_KEYS {
        if let Some(value) = fields.remove(key) {
            fields.insert(format!("{key}_"), value);
        }
    }
    fields
}

/// UTC with milliseconds.
fn now() -> Result<String, fmt::Error> {
    let mut text = String::new();
    SystemTime.format_time(&mut Writer::new(&mut text))?;
    if let Some(point) = text.find('.') {
        text.truncate(point + ".000".len());
        text.push('Z');
    }
    Ok(text)
}

/// Collects fields by type; a float that JSON has no number for becomes `null`.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
