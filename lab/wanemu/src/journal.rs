//! One line per direction and second.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use wanctl_types::Bps;

use crate::link::{Link, Totals};
use crate::schedule::Rate;

/// What one direction did since its last line.
#[derive(Debug)]
pub(crate) struct Tally {
    name: &'static str,
    since: Duration,
    before: Totals,
    peak: u64,
    latest: Duration,
    refused: u64,
}

impl Tally {
    /// An empty tally of the direction called `name`.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            since: Duration::ZERO,
            before: Totals::default(),
            peak: 0,
            latest: Duration::ZERO,
            refused: 0,
        }
    }

    /// Notes the length of the queue.
    pub(crate) fn queued(&mut self, backlog: u64) {
        self.peak = self.peak.max(backlog);
    }

    /// Notes that a packet came out `late` after it was due.
    pub(crate) fn delivered(&mut self, late: Duration) {
        self.latest = self.latest.max(late);
    }

    /// Notes that the device did not take a packet.
    pub(crate) fn refused(&mut self) {
        self.refused += 1;
    }

    /// The line for the time up to `now`; begins the next one.
    pub(crate) fn line(&mut self, now: Duration, link: &Link) -> String {
        let totals = link.totals();
        let bytes = totals.bytes - self.before.bytes;
        let text = format!(
            "{:.3} {} rate_mbit={} out_mbit={:.3} backlog_bytes={} peak_bytes={} packets={} drops={} lost={} refused={} late_max_us={}",
            now.as_secs_f64(),
            self.name,
            rate_text(link.rate(now)),
            throughput(bytes, now.saturating_sub(self.since)).as_mbps(),
            link.backlog(),
            self.peak,
            totals.packets - self.before.packets,
            totals.dropped - self.before.dropped,
            totals.lost - self.before.lost,
            self.refused,
            self.latest.as_micros(),
        );
        *self = Self::new(self.name);
        self.since = now;
        self.before = totals;
        text
    }
}

/// The log file, if one is wanted.
#[derive(Debug)]
pub(crate) struct Journal(pub(crate) Option<File>);

impl Journal {
    /// Writes one line.
    pub(crate) fn write(&mut self, line: &str) -> anyhow::Result<()> {
        match &mut self.0 {
            Some(file) => writeln!(file, "{line}").context("write the log"),
            None => Ok(()),
        }
    }
}

fn rate_text(rate: Rate) -> String {
    match rate {
        Rate::Unlimited => "unlimited".to_owned(),
        Rate::Limited(rate) => format!("{:.3}", rate.as_mbps()),
    }
}

fn throughput(bytes: u64, time: Duration) -> Bps {
    let bits = u128::from(bytes) * 8_000_000_000;
    let rate = bits.checked_div(time.as_nanos()).unwrap_or(0);
    Bps::new(u64::try_from(rate).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Travel;
    use crate::schedule::Schedule;

    #[test]
    fn a_line_tells_of_its_own_second_only() {
        let still = Travel {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
        };
        let mut link = Link::new(Schedule::steps("0:8,1:4").unwrap(), 2000, still, 1);
        let mut tally = Tally::new("ba");
        let second = Duration::from_secs(1);
        for _ in 0..3 {
            link.offer(Duration::ZERO, &[0; 1000]);
            tally.queued(link.backlog());
        }
        while link.deliver(second).is_some() {}
        assert_eq!(
            tally.line(second, &link),
            "1.000 ba rate_mbit=4.000 out_mbit=0.016 backlog_bytes=0 peak_bytes=2000 packets=2 drops=1 lost=0 refused=0 late_max_us=0"
        );
        assert_eq!(
            tally.line(second * 2, &link),
            "2.000 ba rate_mbit=4.000 out_mbit=0.000 backlog_bytes=0 peak_bytes=0 packets=0 drops=0 lost=0 refused=0 late_max_us=0"
        );
    }

    #[test]
    fn no_time_is_no_throughput() {
        assert_eq!(throughput(1000, Duration::ZERO), Bps::ZERO);
    }
}
