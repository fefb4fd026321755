//! What the service manager is told.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{info, warn};

/// The way to the service manager, in the protocol of `sd_notify(3)`. The default is none, and
/// telling it anything then does nothing.
#[derive(Clone, Debug, Default)]
pub struct ServiceManager(Option<Arc<Connection>>);

#[derive(Debug)]
struct Connection {
    socket: UnixDatagram,
    watchdog: Option<Duration>,
    ready: AtomicBool,
    failing: AtomicBool,
}

impl ServiceManager {
    /// The one that started this process, if it wants to be told: `NOTIFY_SOCKET` says where,
    /// `WATCHDOG_USEC` how often, `WATCHDOG_PID` who must tell.
    ///
    /// # Errors
    ///
    /// `NOTIFY_SOCKET` names no socket that can be connected to.
    pub fn from_env(environment: impl Fn(&str) -> Option<String>) -> io::Result<Self> {
        let Some(address) = environment("NOTIFY_SOCKET").filter(|address| !address.is_empty())
        else {
            return Ok(Self::default());
        };
        let ours =
            environment("WATCHDOG_PID").is_none_or(|pid| pid.parse() == Ok(std::process::id()));
        let watchdog = environment("WATCHDOG_USEC")
            .filter(|_| ours)
            .and_then(|micros| micros.parse().ok())
            .filter(|micros| *micros > 0)
            .map(Duration::from_micros);
        Self::at(&address, watchdog)
    }

    /// The one that listens at this path, or at this abstract name after an `@`, and expects a
    /// sign of life at least every `watchdog`.
    ///
    /// # Errors
    ///
    /// No such socket.
    pub fn at(address: &str, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match address.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // A manager that does not read must not hold up control.
        socket.set_nonblocking(true)?;
        Ok(Self(Some(Arc::new(Connection {
            socket,
            watchdog,
            ready: AtomicBool::new(false),
            failing: AtomicBool::new(false),
        }))))
    }

    /// The longest time between two signs of life; `None` when none are expected.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.0.as_ref()?.watchdog
    }

    /// The daemon runs.
    pub(crate) fn ready(&self, status: &str) {
        if let Some(connection) = &self.0 {
            connection.ready.store(true, Ordering::Relaxed);
            connection.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
        }
    }

    /// Every loop turns.
    pub(crate) fn alive(&self, status: &str) {
        self.tell(&[NotifyState::Watchdog, NotifyState::Status(status)]);
    }

    /// How it goes, without a sign of life.
    pub(crate) fn status(&self, status: &str) {
        self.tell(&[NotifyState::Status(status)]);
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// Tells that a reload begins, does it, and tells that it is over. Before the daemon is
    /// ready, nothing is told: the end of a reload would count as readiness.
    pub fn reloading<T>(&self, reload: impl FnOnce() -> T) -> T {
        let ready = |connection: &&Arc<Connection>| connection.ready.load(Ordering::Relaxed);
        let Some(connection) = self.0.as_ref().filter(ready) else {
            return reload();
        };
        match NotifyState::monotonic_usec_now() {
            Ok(now) => connection.tell(&[NotifyState::Reloading, now]),
            Err(_) => connection.tell(&[NotifyState::Reloading]),
        }
        let done = reload();
        connection.tell(&[NotifyState::Ready]);
        done
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        if let Some(connection) = &self.0 {
            connection.tell(states);
        }
    }
}

impl Connection {
    fn tell(&self, states: &[NotifyState<'_>]) {
        let mut message = String::new();
        for state in states {
            message.push_str(&state.to_string());
            message.push('\n');
        }
        match self.socket.send(message.as_bytes()) {
            Ok(_) if self.failing.swap(false, Ordering::Relaxed) => {
                info!("the service manager listens again");
            }
            Err(error) if !self.failing.swap(true, Ordering::Relaxed) => {
                warn!(%error, "the service manager cannot be told how it goes");
            }
            Ok(_) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_socket_nobody_is_told() {
        let manager = ServiceManager::from_env(|_| None).unwrap();
        assert_eq!(manager.watchdog(), None);
        assert_eq!(manager.reloading(|| 7), 7);
    }

    #[test]
    fn the_watchdog_is_for_the_process_it_names() {
        let (_dir, path, _inbox) = inbox();
        let manager = |pid: u32| {
            let environment = |name: &str| match name {
                "NOTIFY_SOCKET" => Some(path.clone()),
                "WATCHDOG_USEC" => Some("30000000".to_owned()),
                "WATCHDOG_PID" => Some(pid.to_string()),
                _ => None,
            };
            ServiceManager::from_env(environment).unwrap()
        };
        let own = std::process::id();
        assert_eq!(manager(own).watchdog(), Some(Duration::from_secs(30)));
        assert_eq!(manager(own + 1).watchdog(), None);
    }

    #[test]
    fn an_abstract_socket_is_reached_by_name() {
        let name = format!("wanctl-notify-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let inbox = UnixDatagram::bind_addr(&address).unwrap();
        ServiceManager::at(&format!("@{name}"), None)
            .unwrap()
            .stopping();
        assert_eq!(receive(&inbox), "STOPPING=1\n");
    }

    #[test]
    fn a_reload_begins_with_the_time_and_ends_ready() {
        let (_dir, path, inbox) = inbox();
        let manager = ServiceManager::at(&path, None).unwrap();
        manager.reloading(|| ());
        manager.ready("controlling");
        assert_eq!(receive(&inbox), "READY=1\nSTATUS=controlling\n");
        manager.reloading(|| {
            let begun = receive(&inbox);
            assert!(begun.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{begun}");
        });
        assert_eq!(receive(&inbox), "READY=1\n");
    }

    #[test]
    fn a_manager_that_does_not_read_holds_nobody_up() {
        let (_dir, path, inbox) = inbox();
        let manager = ServiceManager::at(&path, None).unwrap();
        (0..2_000).for_each(|_| manager.alive("x"));
        drop(inbox);
        manager.alive("gone");
    }

    fn inbox() -> (tempfile::TempDir, String, UnixDatagram) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify").display().to_string();
        let inbox = UnixDatagram::bind(&path).unwrap();
        (dir, path, inbox)
    }

    fn receive(inbox: &UnixDatagram) -> String {
        let mut buffer = [0; 1_024];
        inbox.set_nonblocking(true).unwrap();
        let length = inbox.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}
