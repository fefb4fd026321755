//! Things done at their time by one thread.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Error;

/// The last part of a wait, which the thread spends awake: sleeping threads wake up some tens of
/// microseconds late.
const AWAKE: Duration = Duration::from_micros(200);

/// Runs actions at their time, in order. What is still due when it is dropped is not done.
pub(super) struct DelayLine {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: BinaryHeap<Entry>,
    added: u64,
    closed: bool,
}

struct Entry {
    due: Instant,
    order: u64,
    action: Box<dyn FnOnce() + Send>,
}

impl DelayLine {
    pub(super) fn start() -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                waiting: BinaryHeap::new(),
                added: 0,
                closed: false,
            }),
            changed: Condvar::new(),
        });
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("delay-line".to_owned())
            .spawn(move || worker.run())
            .map_err(|source| Error::Start {
                what: "the thread that holds answers back".to_owned(),
                source,
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Does `action` at `due`, or at once if that has passed.
    pub(super) fn add(&self, due: Instant, action: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.lock();
        state.added += 1;
        let entry = Entry {
            due,
            order: state.added,
            action: Box::new(action),
        };
        state.waiting.push(entry);
        drop(state);
        self.shared.changed.notify_one();
    }
}

impl Drop for DelayLine {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the thread that holds answers back panicked");
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            let now = Instant::now();
            state = match state.waiting.peek().map(|entry| entry.due) {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(due) if due > now + AWAKE => {
                    let asleep = due.saturating_duration_since(now).saturating_sub(AWAKE);
                    let woken = self.changed.wait_timeout(state, asleep);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(due) => {
                    let entry = state.waiting.pop();
                    drop(state);
                    while Instant::now() < due {
                        std::hint::spin_loop();
                    }
                    if let Some(entry) = entry {
                        (entry.action)();
                    }
                    self.lock()
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The soonest, and of those the first added, is the greatest.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn actions_are_done_in_the_order_of_their_times_and_none_early() {
        let line = DelayLine::start().unwrap();
        let start = Instant::now();
        let (sender, done) = mpsc::channel();
        for ms in [30_u64, 0, 20, 10] {
            let due = start + Duration::from_millis(ms);
            let sender = sender.clone();
            line.add(due, move || {
                assert!(Instant::now() >= due);
                sender.send(ms).unwrap();
            });
        }
        let order: Vec<u64> = done.iter().take(4).collect();
        assert_eq!(order, [0, 10, 20, 30]);
    }

    #[test]
    fn what_is_not_yet_due_is_forgotten_when_dropped() {
        let line = DelayLine::start().unwrap();
        let (sender, done) = mpsc::channel::<()>();
        line.add(Instant::now() + Duration::from_hours(1), move || {
            sender.send(()).unwrap();
        });
        drop(line);
        assert!(done.recv().is_err());
    }
}
