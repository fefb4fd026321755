//! Writes measurements of one's own into a history and reads them back.
//!
//! ```text
//! cargo run -p wanctl-examples --example record_and_read
//! ```

use core::ops::ControlFlow;

use wanctl_storage::{Labels, Metric, Query, Reader, Writer};
use wanctl_types::{WallTime, WanName};

/// A second in November 2023.
const START: i64 = 1_700_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("metrics.db");
    write(&path)?;
    read(&path)
}

/// One transaction: either all of the values are stored or none.
fn write(path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let wan = WanName::new("cable")?;
    let labels = Labels::new().with("host", "192.0.2.7").with("probe", "dns");
    let metrics: Vec<Metric<'_>> = (0..5_u8)
        .map(|step| {
            let time = WallTime::from_unix_millis((START + i64::from(step)) * 1_000);
            let value = 20.0 + f64::from(step);
            Metric::new(time, &wan, "dns_lookup_ms", value).with_labels(&labels)
        })
        .collect();
    Writer::open(path)?.write_metrics_batch(&metrics)?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn read(path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let query = Query {
        metrics: vec!["dns_lookup_ms".to_owned()],
        limit: Some(3),
        ..Query::between(START, START + 60)
    };
    Reader::open(path)?.for_each(&query, |row| {
        println!(
            "{} {} {} = {} {}",
            row.timestamp,
            row.wan_name,
            row.metric_name,
            row.value,
            row.labels.unwrap_or_default()
        );
        ControlFlow::Continue(())
    })?;
    Ok(())
}
