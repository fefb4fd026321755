//! Readiness and signs of life of a process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::error;
use wanctl_telemetry::{Snapshot, WanSnapshot};
use wanctl_types::WanName;

use super::notify::ServiceManager;
use crate::clock::Clock;
use crate::pulse::Pulse;

/// How long readiness waits for loops that neither start nor fail.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(20);
/// How often the status is renewed when no signs of life are expected.
const UNWATCHED: Duration = Duration::from_secs(15);

/// Tells the service manager that the daemon is ready, and from then on that its loops turn. It
/// asks nothing else of them: an outage, a router that hangs and a full disk are no reason to be
/// killed.
pub(super) struct Heartbeat {
    pub(super) clock: Clock,
    pub(super) service: ServiceManager,
    pub(super) pulses: Vec<(WanName, Pulse)>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Heartbeat {
    pub(super) async fn run(self) {
        self.wait_for_start().await;
        self.service.ready(&self.status());
        let interval = self.service.watchdog().map_or(UNWATCHED, |limit| limit / 2);
        let mut told = false;
        loop {
            tokio::time::sleep(interval).await;
            match self.stuck() {
                None => self.service.alive(&self.status()),
                Some(wan) => {
                    self.service.status(&format!("the loop of {wan} is stuck"));
                    if !std::mem::replace(&mut told, true) {
                        error!(%wan, "the loop does not turn any more; no more signs of life are given");
                    }
                }
            }
        }
    }

    async fn wait_for_start(&self) {
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        while !self.pulses.iter().all(|(_, pulse)| pulse.has_started()) {
            tokio::select! {
                biased;
                () = &mut patience => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    fn stuck(&self) -> Option<&WanName> {
        let now = self.clock.now();
        let stuck = |(_, pulse): &&(WanName, Pulse)| pulse.is_stuck(now);
        self.pulses.iter().find(stuck).map(|(wan, _)| wan)
    }

    /// Every WAN with its download and upload rates and zones.
    fn status(&self) -> String {
        let snapshot = self.snapshots.borrow();
        let wans: Vec<_> = snapshot.wans.iter().map(describe).collect();
        wans.join("; ")
    }
}

fn describe(wan: &WanSnapshot) -> String {
    let (down, up) = (&wan.directions.download, &wan.directions.upload);
    let failed = match wan.consecutive_failures {
        0 => String::new(),
        steps => format!(", {steps} failed steps"),
    };
    format!(
        "{} {:.1}/{:.1} Mbit/s {}/{}{failed}",
        wan.name,
        down.intended.as_mbps(),
        up.intended.as_mbps(),
        down.zone,
        up.zone,
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::daemon::publisher;

    /// What arrived within this much virtual time.
    async fn after(inbox: &UnixDatagram, time: Duration) -> Vec<String> {
        tokio::time::sleep(time).await;
        let mut buffer = [0; 1_024];
        std::iter::from_fn(|| inbox.recv(&mut buffer).ok().map(|n| buffer[..n].to_vec()))
            .map(|message| String::from_utf8(message).unwrap())
            .collect()
    }

    fn is(message: &str, variable: &str) -> bool {
        message.lines().any(|line| line == variable)
    }

    #[tokio::test(start_paused = true)]
    async fn signs_of_life_follow_the_loops_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify").display().to_string();
        let inbox = UnixDatagram::bind(&path).unwrap();
        inbox.set_nonblocking(true).unwrap();
        let clock = Clock::system();
        let pulses = ["wan1", "wan2"].map(|name| (WanName::new(name).unwrap(), Pulse::new()));
        let [first, second] = [pulses[0].1.clone(), pulses[1].1.clone()];
        let (_keep, snapshots) = watch::channel(Arc::new(publisher::empty()));
        let heartbeat = Heartbeat {
            clock: clock.clone(),
            service: ServiceManager::at(&path, Some(Duration::from_secs(30))).unwrap(),
            pulses: pulses.to_vec(),
            snapshots,
        };
        let running = tokio::spawn(heartbeat.run());

        first.beat(clock.now());
        let early = after(&inbox, Duration::from_secs(1)).await;
        assert!(
            early.is_empty(),
            "ready before the second loop turned: {early:?}"
        );
        second.rest();
        let ready = after(&inbox, Duration::from_secs(1)).await;
        assert!(ready.len() == 1 && is(&ready[0], "READY=1"), "{ready:?}");

        let mut alive = 0;
        for _ in 0..120 {
            first.beat(clock.now());
            let told = after(&inbox, Duration::from_secs(1)).await;
            alive += told.iter().filter(|m| is(m, "WATCHDOG=1")).count();
        }
        assert_eq!(
            alive, 8,
            "every half of 30 s, for two minutes, with one loop at rest"
        );

        let told = after(&inbox, Duration::from_mins(2)).await;
        let alive = told.iter().filter(|m| is(m, "WATCHDOG=1")).count();
        assert!(alive <= 1, "a stuck loop goes on being alive: {told:?}");
        assert!(told.iter().any(|m| m.contains("wan1 is stuck")), "{told:?}");

        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_does_not_start_delays_readiness_a_little() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify").display().to_string();
        let inbox = UnixDatagram::bind(&path).unwrap();
        inbox.set_nonblocking(true).unwrap();
        let (_keep, snapshots) = watch::channel(Arc::new(publisher::empty()));
        let heartbeat = Heartbeat {
            clock: Clock::system(),
            service: ServiceManager::at(&path, None).unwrap(),
            pulses: vec![(WanName::new("wan1").unwrap(), Pulse::new())],
            snapshots,
        };
        let running = tokio::spawn(heartbeat.run());
        let told = after(&inbox, PATIENCE.saturating_sub(LOOK)).await;
        assert!(told.is_empty(), "{told:?}");
        let told = after(&inbox, LOOK * 3).await;
        assert!(told.len() == 1 && is(&told[0], "READY=1"), "{told:?}");
        running.abort();
    }
}
