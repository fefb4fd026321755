//! The loop that carries packets.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::prctl;
use nix::sys::time::TimeSpec;

use crate::args::RunArgs;
use crate::control::{self, ChangeKind};
use crate::faults::Faults;
use crate::journal::{Journal, Tally};
use crate::link::{Link, Travel};
use crate::tun::Tun;

/// Largest IP packet.
const MAX_PACKET: usize = 65_536;

/// Time between two log lines.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// How late the kernel may make a timer to merge it with others, in nanoseconds.
const TIMER_SLACK_NS: u64 = 1_000;

/// Packets taken from one device before the other one has its turn.
const BATCH: usize = 64;

/// Two devices and the two links between them.
#[derive(Debug)]
pub(crate) struct Emulator {
    a: Tun,
    b: Tun,
    ab: Path,
    ba: Path,
    control: Option<UnixDatagram>,
    journal: Journal,
    start: Instant,
    next_log: Duration,
    buffer: Vec<u8>,
}

impl Emulator {
    /// Makes both devices. They are down and without address.
    pub(crate) fn new(args: &RunArgs) -> anyhow::Result<Self> {
        let travel = Travel {
            delay: args.delay_ms,
            jitter: args.jitter_ms,
            loss: args.loss,
        };
        let (ab_plan, ab_limit) = args.ab()?;
        let (ba_plan, ba_limit) = args.ba()?;
        let log = args.log.as_deref().map(|path| {
            File::create(path).with_context(|| format!("create log {}", path.display()))
        });
        Ok(Self {
            a: Tun::create(&args.a)?,
            b: Tun::create(&args.b)?,
            ab: Path::new("ab", Link::new(ab_plan, ab_limit, travel, args.seed)),
            ba: Path::new("ba", Link::new(ba_plan, ba_limit, travel, !args.seed)),
            control: args.control.as_deref().map(control::listen).transpose()?,
            journal: Journal(log.transpose()?),
            start: Instant::now(),
            next_log: LOG_INTERVAL,
            buffer: vec![0; MAX_PACKET],
        })
    }

    /// Carries packets until a device or its namespace goes away.
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        prctl::set_timerslack(TIMER_SLACK_NS).context("set the timer slack")?;
        loop {
            let ready = self.sleep()?;
            if ready.control {
                self.take_changes()?;
            }
            if ready.a {
                self.ab.take(&self.a, self.start, &mut self.buffer)?;
            }
            if ready.b {
                self.ba.take(&self.b, self.start, &mut self.buffer)?;
            }
            self.ab.give(&self.b, self.start);
            self.ba.give(&self.a, self.start);
            self.log()?;
        }
    }

    fn take_changes(&mut self) -> anyhow::Result<()> {
        let Some(socket) = &self.control else {
            return Ok(());
        };
        while let Some(change) = control::receive(socket) {
            let now = self.start.elapsed();
            let second = now.as_secs_f64();
            match change {
                Ok(change) => {
                    self.journal
                        .write(&format!("{second:.3} changed {change}"))?;
                    apply(change.kind, now, &mut self.ab, &mut self.ba);
                }
                Err(error) => self
                    .journal
                    .write(&format!("{second:.3} ignored {error:#}"))?,
            }
        }
        Ok(())
    }

    fn log(&mut self) -> anyhow::Result<()> {
        let now = self.start.elapsed();
        if now < self.next_log {
            return Ok(());
        }
        self.next_log = now + LOG_INTERVAL;
        for path in [&mut self.ab, &mut self.ba] {
            let line = path.tally.line(now, &path.link);
            self.journal.write(&line)?;
        }
        Ok(())
    }

    /// Waits for a packet, a change or the next thing to do.
    fn sleep(&self) -> anyhow::Result<Ready> {
        let wake = self.ab.wake().min(self.ba.wake()).min(self.next_log);
        let time = wake.saturating_sub(self.start.elapsed());
        let control = self.control.as_ref().map(AsFd::as_fd);
        let mut fds: Vec<_> = [Some(self.a.as_fd()), Some(self.b.as_fd()), control]
            .into_iter()
            .flatten()
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(time)), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("wait for packets"),
        }
        Ready::read(&fds)
    }
}

/// What has something to say.
#[derive(Clone, Copy, Debug)]
struct Ready {
    a: bool,
    b: bool,
    control: bool,
}

impl Ready {
    /// Reads what `ppoll` said of device A, device B and the control socket, in this order.
    fn read(fds: &[PollFd<'_>]) -> anyhow::Result<Self> {
        let gone = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
        let seen = |index: usize| fds.get(index).and_then(PollFd::revents);
        if (0..fds.len()).any(|index| seen(index).is_some_and(|flags| flags.intersects(gone))) {
            bail!("a device or its namespace went away");
        }
        let readable = |index| seen(index).is_some_and(|flags| flags.contains(PollFlags::POLLIN));
        Ok(Self {
            a: readable(0),
            b: readable(1),
            control: readable(2),
        })
    }
}

/// One direction and its log.
#[derive(Debug)]
struct Path {
    faults: Faults,
    link: Link,
    tally: Tally,
}

impl Path {
    fn new(name: &'static str, link: Link) -> Self {
        Self {
            faults: Faults::default(),
            link,
            tally: Tally::new(name),
        }
    }

    /// Takes what waits in `from`.
    fn take(&mut self, from: &Tun, start: Instant, buffer: &mut [u8]) -> anyhow::Result<()> {
        for _ in 0..BATCH {
            let Some(length) = from.receive(buffer).context("read a packet")? else {
                break;
            };
            // The clock is read after the packet: in between, this thread may have had to wait.
            let now = start.elapsed();
            let packet = buffer.get_mut(..length).unwrap_or_default();
            let Self { faults, link, .. } = self;
            faults.pass(now, packet, |packet| link.offer(now, packet));
            self.tally.queued(self.link.backlog());
        }
        Ok(())
    }

    /// When something is to be done if no packet comes.
    fn wake(&self) -> Duration {
        self.link.wake().min(self.faults.wake())
    }

    /// Gives `to` what has arrived.
    fn give(&mut self, to: &Tun, start: Instant) {
        let now = start.elapsed();
        while let Some(packet) = self.faults.release(now) {
            self.link.offer(now, &packet);
        }
        while let Some((due, packet)) = self.link.deliver(now) {
            self.tally.delivered(now.saturating_sub(due));
            if to.send(&packet).is_err() {
                self.tally.refused();
            }
        }
    }
}

fn apply(change: ChangeKind, now: Duration, ab: &mut Path, ba: &mut Path) {
    match change {
        ChangeKind::AbPlan(plan) => ab.link.set_plan(now, plan),
        ChangeKind::BaPlan(plan) => ba.link.set_plan(now, plan),
        ChangeKind::Icmp(on) => ba.faults.set_blackout(!on),
        ChangeKind::Reply(address, fault) => ba.faults.set_reply(address, fault),
        ChangeKind::Delay(delay) => both(ab, ba, now, |travel| travel.delay = delay),
        ChangeKind::Jitter(jitter) => both(ab, ba, now, |travel| travel.jitter = jitter),
        ChangeKind::Loss(loss) => both(ab, ba, now, |travel| travel.loss = loss),
    }
}

fn both(ab: &mut Path, ba: &mut Path, now: Duration, change: impl Fn(&mut Travel)) {
    ab.link.change_travel(now, &change);
    ba.link.change_travel(now, &change);
}
