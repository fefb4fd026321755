//! A way out for log lines on which nobody waits.
//!
//! A line is put into a bounded queue; a thread of its own writes it. While what the lines go to
//! stands still, lines wait in memory, and when that is full they are lost. How many were lost is
//! counted, and said in the same log as soon as it takes lines again.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait, a day's worth of a quiet daemon; some hundred kilobytes.
const CAPACITY: usize = 2_048;

/// What lines are written to.
pub(super) type Sink = Box<dyn Write + Send>;

/// The line that says how many were lost, its end included.
pub(super) type Notice = fn(u64) -> String;

/// One log, shared by everybody who writes to it.
#[derive(Clone)]
pub(super) struct Outlet(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// Everything is written.
    emptied: Condvar,
    lost: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Message>,
    /// Lost lines that the log has not been told of.
    untold: u64,
    /// Whether the thread is writing, and not holding the lock.
    writing: bool,
    closed: bool,
}

enum Message {
    Line(Vec<u8>),
    /// What the lines behind this go to.
    Sink(Sink),
}

impl Outlet {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub(super) fn start(sink: Sink, notice: Notice) -> io::Result<Self> {
        let outlet = Self(Arc::new(Shared {
            state: Mutex::new(State::default()),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            lost: AtomicU64::new(0),
        }));
        let shared = Arc::clone(&outlet.0);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || shared.write_all(sink, notice))?;
        Ok(outlet)
    }

    /// Lets the lines from here on go to another sink. Those that wait still go to the old one.
    pub(super) fn redirect(&self, sink: Sink) {
        self.0.lock().waiting.push_back(Message::Sink(sink));
        self.0.filled.notify_one();
    }

    /// Lines lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Waits until every line is written, at most so long; whether they are.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut state = self.0.lock();
        while state.writing || !state.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.0.emptied.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Takes no more lines; the thread ends with the last of those that wait.
    pub(super) fn close(&self) {
        self.0.lock().closed = true;
        self.0.filled.notify_one();
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.closed || state.waiting.len() >= CAPACITY {
            self.0.lose(&mut state);
        } else {
            state.waiting.push_back(Message::Line(line.to_vec()));
            drop(state);
            self.0.filled.notify_one();
        }
    }
}

impl Shared {
    /// Never held while something is written.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, state: &mut State) {
        state.untold += 1;
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn write_all(&self, mut sink: Sink, notice: Notice) {
        while let Some((message, untold)) = self.next() {
            match message {
                Message::Sink(other) => sink = other,
                Message::Line(line) => self.write(&mut sink, &line, untold, notice),
            }
        }
    }

    fn write(&self, sink: &mut Sink, line: &[u8], untold: u64, notice: Notice) {
        let told = untold > 0 && sink.write_all(notice(untold).as_bytes()).is_ok();
        let written = (untold == 0 || told) && sink.write_all(line).is_ok();
        let mut state = self.lock();
        if told {
            state.untold -= untold;
        }
        if !written {
            self.lose(&mut state);
        }
    }

    /// The next message and how many lines are to be told as lost before it; `None` at the end.
    fn next(&self) -> Option<(Message, u64)> {
        let mut state = self.lock();
        state.writing = false;
        loop {
            if let Some(message) = state.waiting.pop_front() {
                state.writing = true;
                return Some((message, state.untold));
            }
            self.emptied.notify_all();
            if state.closed {
                return None;
            }
            let woken = self.filled.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<'w> MakeWriter<'w> for Outlet {
    type Writer = LineWriter<'w>;

    fn make_writer(&'w self) -> LineWriter<'w> {
        LineWriter(self)
    }
}

/// Takes a whole line at a time, always.
pub(super) struct LineWriter<'w>(&'w Outlet);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet")
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn a_pipe_that_nobody_reads_holds_nobody_up_and_what_is_lost_is_said() {
        let (reader, writer) = io::pipe().unwrap();
        let outlet = Outlet::start(Box::new(writer), |lost| format!("{lost} lost\n")).unwrap();
        let line = format!("{}\n", "x".repeat(199));
        let begun = Instant::now();
        let mut lines = 0;
        // 64 kB fit into the pipe, some 400 kB into the queue.
        while outlet.lost() < 100 {
            assert!(lines < 10_000, "no line is ever lost");
            outlet.make_writer().write_all(line.as_bytes()).unwrap();
            lines += 1;
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "somebody waited");
        assert!(!outlet.flush(Duration::from_millis(50)));

        let said = thread::spawn(move || {
            let lines = BufReader::new(reader).lines().map_while(Result::ok);
            lines.collect::<Vec<_>>()
        });
        assert!(outlet.flush(SOON));
        outlet.make_writer().write_all(b"again\n").unwrap();
        assert!(outlet.flush(SOON));
        outlet.close();
        let lost = outlet.lost();
        drop(outlet);
        let said = said.join().unwrap();
        let told: u64 = said
            .iter()
            .filter_map(|line| line.strip_suffix(" lost"))
            .map(|number| number.parse::<u64>().unwrap())
            .sum();
        assert_eq!(told, lost);
        assert_eq!(said.last().unwrap(), "again");
        let whole = said.iter().filter(|said| *said == line.trim_end()).count();
        assert_eq!(u64::try_from(whole).unwrap() + lost, lines);
    }

    #[test]
    fn lines_go_to_where_they_were_meant_to_go_when_they_were_written() {
        let (first, to_first) = io::pipe().unwrap();
        let (second, to_second) = io::pipe().unwrap();
        let outlet = Outlet::start(Box::new(to_first), |_| String::new()).unwrap();
        outlet.make_writer().write_all(b"one\n").unwrap();
        outlet.redirect(Box::new(to_second));
        outlet.make_writer().write_all(b"two\n").unwrap();
        outlet.close();
        outlet.make_writer().write_all(b"three\n").unwrap();
        assert_eq!(outlet.lost(), 1, "it was closed");
        assert_eq!(io::read_to_string(first).unwrap(), "one\n");
        assert_eq!(io::read_to_string(second).unwrap(), "two\n");
    }
}
