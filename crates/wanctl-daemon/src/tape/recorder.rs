//! Writing a tape without making the control loop wait.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{error, warn};
use wanctl_controller::{Controller, Decision, Observation};
use wanctl_types::{Timestamp, WanName};

use super::{FORMAT, Header, Line, Step};

/// Steps that may wait for the disk: more than three minutes of one WAN.
const CAPACITY: usize = 4_096;
/// Longest time a line waits in memory.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

#[expect(
    clippy::large_enum_variant,
    reason = "steps travel by value: the control loop allocates nothing for them"
)]
enum Message {
    Line(Box<Line<'static>>),
    Step {
        source: Arc<Source>,
        now: Timestamp,
        observation: Observation,
        decision: Decision,
    },
}

struct Source {
    wan: WanName,
    lost: AtomicU64,
}

/// One WAN's way onto the tape.
pub struct Tape {
    lines: SyncSender<Message>,
    source: Arc<Source>,
}

impl Tape {
    /// Takes down one step; when the disk is too slow the step is counted as lost instead.
    pub(crate) fn step(&self, now: Timestamp, observation: &Observation, decision: &Decision) {
        let message = Message::Step {
            source: Arc::clone(&self.source),
            now,
            observation: observation.clone(),
            decision: *decision,
        };
        if let Err(TrySendError::Full(_)) = self.lines.try_send(message) {
            self.source.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The file and the thread that writes it.
#[derive(Debug)]
pub struct TapeRecorder {
    lines: SyncSender<Message>,
    writer: JoinHandle<()>,
}

impl TapeRecorder {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let (lines, queue) = sync_channel(CAPACITY);
        let path = path.to_owned();
        let writer = std::thread::Builder::new()
            .name("tape".to_owned())
            .spawn(move || write_all(&path, file, &queue))?;
        Ok(Self { lines, writer })
    }

    /// Starts one WAN's part, before the controller's first step: writes its header.
    #[must_use]
    pub fn tape(&self, wan: &WanName, controller: &Controller) -> Tape {
        let header = Line::Header(Header {
            format: FORMAT,
            version: Cow::Borrowed(crate::VERSION),
            wan: wan.clone(),
            config: controller.config().clone(),
            state: *controller.began_with(),
        });
        let header = Message::Line(Box::new(header));
        let missing = self.lines.try_send(header).is_err();
        if missing {
            warn!(%wan, "the recording is full or has stopped; this WAN's part cannot be replayed");
        }
        Tape {
            lines: self.lines.clone(),
            source: Arc::new(Source {
                wan: wan.clone(),
                lost: AtomicU64::new(u64::from(missing)),
            }),
        }
    }

    /// Waits until everything is in the file. All tapes must be gone by then.
    pub fn finish(self) {
        drop(self.lines);
        if self.writer.join().is_err() {
            error!("the thread that writes the recording panicked; the file is incomplete");
        }
    }
}

fn write_all(path: &Path, mut file: BufWriter<File>, queue: &Receiver<Message>) {
    if let Err(error) = drain(&mut file, queue) {
        error!(%error, file = %path.display(), "the recording stops here: its file cannot be written");
    }
}

/// Headers go to the file at once: without its header nothing of a recording is of use.
fn drain(file: &mut BufWriter<File>, queue: &Receiver<Message>) -> io::Result<()> {
    let mut flushed = Instant::now();
    loop {
        let left = FLUSH_INTERVAL.saturating_sub(flushed.elapsed());
        let is_due = match queue.recv_timeout(left) {
            Ok(message) => {
                let is_header = matches!(message, Message::Line(_));
                write(file, message)?;
                is_header || flushed.elapsed() >= FLUSH_INTERVAL
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => return file.flush(),
        };
        if is_due {
            file.flush()?;
            flushed = Instant::now();
        }
    }
}

fn write(file: &mut impl Write, message: Message) -> io::Result<()> {
    match message {
        Message::Line(line) => write_line(file, &line),
        Message::Step {
            source,
            now,
            observation,
            decision,
        } => {
            let steps = source.lost.swap(0, Ordering::Relaxed);
            if steps > 0 {
                let wan = source.wan.clone();
                write_line(file, &Line::Lost { wan, steps })?;
            }
            let step = Step {
                wan: source.wan.clone(),
                now,
                observation,
                decision,
            };
            write_line(file, &Line::Step(step))
        }
    }
}

fn write_line(file: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}
