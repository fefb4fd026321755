//! What laws are put on: a scene of the catalogue, or a line read from a trace.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wanctl_types::{Bps, Millis, PerDirection};

use crate::bench::generate::{Series, Upstream};
use crate::bench::{Case, Judged, LINE_BIN, Load, Scene, case_on};
use crate::{Error, link};

/// A scene, or something like it.
#[derive(Clone)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// What happens, one sentence.
    pub description: String,
    /// Whose use of the line is judged.
    pub judged: Judged,
    /// When the line changes.
    pub events: Vec<Duration>,
    build: Arc<dyn Fn(u64) -> Case + Send + Sync>,
}

/// A measured line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trace<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Capacity of the download: a text of one line for each 100 ms, decimal Mbit/s in the last
    /// of its comma-separated columns. Empty lines, lines starting with `#` and a first line of
    /// column names are skipped.
    pub download: &'a str,
    /// The same for the upload. Without it the upload is a fifth of the download's mean, for
    /// ever, and is not loaded.
    pub upload: Option<&'a str>,
    /// Round-trip time without any queue.
    pub base_rtt: Millis,
}

/// Upload over mean download where the trace has no upload.
const UPLOAD_SHARE: f64 = 0.2;
/// The shortest trace: the warm-up and twice as much again.
const SHORTEST: Duration = Duration::from_secs(24);

impl Subject {
    /// The case of a seed. The same seed gives the same case.
    #[must_use]
    pub fn case(&self, seed: u64) -> Case {
        (self.build)(seed)
    }

    /// Bulk traffic on a measured line, in both directions if both were measured; as long as the
    /// download's trace, under the conditions of [`case_on`] with a buffer of 500 ms. A seed
    /// changes all that is random but the line.
    ///
    /// # Errors
    ///
    /// [`Error::TraceLine`] for a line without a rate, [`Error::EmptyTrace`] for a trace without
    /// one, [`Error::DeadTrace`] for one that is zero throughout, [`Error::ShortTrace`] for one
    /// that is shorter than 24 s.
    pub fn trace(trace: Trace<'_>) -> Result<Self, Error> {
        let download = bins(trace.download)?;
        let length = length(&download);
        if length < SHORTEST {
            return Err(Error::ShortTrace {
                length,
                shortest: SHORTEST,
            });
        }
        let (upload, load, judged) = match trace.upload {
            Some(upload) => (bins(upload)?, Load::Both, Judged::Both),
            None => (vec![fifth(&download)], Load::Download, Judged::Download),
        };
        let series = Series {
            capacity: PerDirection::new(download, upload),
            base_rtt: vec![trace.base_rtt],
        };
        let line = series.with(Upstream::TailDrop);
        Ok(Self {
            name: trace.name.to_owned(),
            description: format!("a measured line, {} s", length.as_secs()),
            judged,
            events: Vec::new(),
            build: Arc::new(move |seed| case_on(line.clone(), load, length, seed)),
        })
    }
}

impl From<Scene> for Subject {
    fn from(scene: Scene) -> Self {
        Self {
            name: scene.name.to_owned(),
            description: scene.description.to_owned(),
            judged: scene.judged,
            events: scene.events.to_vec(),
            build: Arc::new(scene.build),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("name", &self.name)
            .field("judged", &self.judged)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

fn bins(text: &str) -> Result<Vec<Bps>, Error> {
    let bins = link::read_trace(text)?;
    if bins.is_empty() {
        return Err(Error::EmptyTrace);
    }
    if bins.iter().all(|bin| *bin == Bps::ZERO) {
        return Err(Error::DeadTrace);
    }
    Ok(bins)
}

fn length(bins: &[Bps]) -> Duration {
    LINE_BIN.saturating_mul(u32::try_from(bins.len()).unwrap_or(u32::MAX))
}

fn fifth(download: &[Bps]) -> Bps {
    let sum: f64 = download.iter().map(|bin| bin.as_f64()).sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a trace has far fewer than 2^52 bins"
    )]
    let mean = sum / download.len().max(1) as f64;
    Bps::truncating(mean * UPLOAD_SHARE)
}
