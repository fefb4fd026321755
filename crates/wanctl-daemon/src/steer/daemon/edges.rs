//! What runs beside the loop: signs of life, explanations, and the ends of things.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, warn};
use wanctl_storage::Recorder;

use crate::clock::Clock;
use crate::daemon::ServiceManager;
use crate::pulse::Pulse;
use crate::shaper;
use crate::steer::explain::Explanation;
use crate::steer::view::SteerView;

/// How long the history may take to write what is waiting.
const HISTORY_GRACE: Duration = Duration::from_millis(600);
/// How often a sign of life is given when nobody says how often.
const UNWATCHED: Duration = Duration::from_secs(15);

pub(super) async fn close(recorder: Recorder) {
    let closed = tokio::task::spawn_blocking(move || recorder.shutdown(HISTORY_GRACE)).await;
    match closed {
        Ok(stats) if stats.queue_len == 0 => {}
        Ok(stats) => {
            warn!(
                unwritten = stats.queue_len,
                "cycles were not written to the history before the stop"
            );
        }
        Err(_) => error!("the history could not be closed in order"),
    }
}

/// Aborts a task and waits until all it held is dropped.
pub(super) async fn end(task: JoinHandle<()>) {
    task.abort();
    drop(task.await);
}

/// Tells the service manager that the loop turns. It asks nothing else of it: an outage is no
/// reason to be killed.
pub(super) async fn heartbeat(
    service: ServiceManager,
    pulse: Pulse,
    clock: Clock,
    views: watch::Receiver<Arc<SteerView>>,
) {
    while !pulse.has_started() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let status =
        |view: &SteerView| format!("{} via {}", view.state_name(), view.wan_name(view.active));
    service.ready(&status(&views.borrow()));
    let interval = service.watchdog().map_or(UNWATCHED, |limit| limit / 2);
    loop {
        tokio::time::sleep(interval).await;
        if pulse.is_stuck(clock.now()) {
            service.status("the loop is stuck");
        } else {
            let status = status(&views.borrow());
            service.alive(&status);
        }
    }
}

/// Whoever connects gets the last decision as one JSON document.
pub(super) async fn explain_socket(
    path: PathBuf,
    views: watch::Receiver<Arc<SteerView>>,
    clock: Clock,
) {
    let listener = match shaper::listen(&path) {
        Ok(listener) => listener,
        Err(error) => {
            warn!(socket = %path.display(), %error, "decisions cannot be asked for");
            return;
        }
    };
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let explanation = Explanation::of(&views.borrow(), clock.now());
        if let Ok(text) = serde_json::to_vec(&explanation) {
            let send = stream.write_all(&text);
            drop(tokio::time::timeout(Duration::from_secs(1), send).await);
        }
    }
}
