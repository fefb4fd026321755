//! Echo round-trip times as control sees them. One line per answer: address, sequence number,
//! nonce, round-trip time in µs, and for how many µs the reply waited to be read.
//!
//! ```text
//! echo_rtt 192.0.2.1,192.0.2.2 400 50    # 400 rounds, one each 50 ms
//! ```
#![expect(clippy::print_stdout, reason = "the answers are its output")]

use std::error::Error;
use std::future::poll_fn;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wanctl_probe::{
    EchoSocket, Families, Received, Rounds, RoundsConfig, Sample, SourceBinding, Transport,
};
use wanctl_types::Timestamp;

const TIMEOUT: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let order =
        Order::from_args().ok_or("usage: echo_rtt ADDRESS[,ADDRESS...] ROUNDS INTERVAL_MS")?;
    // Printed at the end: output must not delay what is measured.
    for answer in probe(&order).await? {
        println!("{answer}");
    }
    Ok(())
}

struct Order {
    targets: Vec<IpAddr>,
    rounds: u32,
    interval: Duration,
}

impl Order {
    fn from_args() -> Option<Self> {
        let mut args = std::env::args().skip(1);
        let targets = args.next()?;
        let targets: Result<_, _> = targets.split(',').map(str::parse).collect();
        Some(Self {
            targets: targets.ok()?,
            rounds: args.next()?.parse().ok()?,
            interval: Duration::from_millis(args.next()?.parse().ok()?),
        })
    }
}

async fn probe(order: &Order) -> Result<Vec<String>, Box<dyn Error>> {
    let mut prober = Prober::new(order)?;
    let mut tick = prober.origin;
    for _ in 0..order.rounds {
        tick += order.interval;
        prober.listen_until(tick).await?;
        prober.ask()?;
    }
    prober.listen_until(tick + TIMEOUT).await?;
    Ok(prober.answers)
}

struct Prober {
    origin: Instant,
    rounds: Rounds,
    socket: EchoSocket,
    answers: Vec<String>,
}

impl Prober {
    fn new(order: &Order) -> Result<Self, wanctl_probe::Error> {
        let config = RoundsConfig {
            interval: order.interval,
            timeout: TIMEOUT,
            quorum: order.targets.len(),
        };
        let families = Families::of(&order.targets);
        let seed = std::process::id().into();
        Ok(Self {
            origin: Instant::now(),
            rounds: Rounds::new(config, order.targets.clone(), seed)?,
            socket: EchoSocket::open(&SourceBinding::default(), families)?,
            answers: Vec::new(),
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.origin.elapsed()
    }

    fn ask(&mut self) -> Result<(), wanctl_probe::Error> {
        let opened_at = self.now();
        for request in self.rounds.open_round(opened_at) {
            let now = self.now();
            let request = self.rounds.restamp(&request, now);
            self.socket.send(&request)?;
        }
        while self.rounds.poll_closed(opened_at).is_some() {}
        Ok(())
    }

    async fn listen_until(&mut self, deadline: Instant) -> Result<(), wanctl_probe::Error> {
        loop {
            tokio::select! {
                () = sleep_until(deadline) => return Ok(()),
                reply = poll_fn(|cx| self.socket.poll_receive(cx)) => self.note(&reply?),
            }
        }
    }

    fn note(&mut self, reply: &Received) {
        let received_at = self.now() - reply.waited;
        // A reply that matches nothing is no answer.
        if let Ok(Sample { rtt, .. }) = self.rounds.handle_reply(reply, received_at) {
            let (source, sequence, nonce) = (reply.source, reply.sequence, reply.nonce);
            let micros = rtt.get() * 1_000.0;
            let waited = reply.waited.as_micros();
            self.answers.push(format!(
                "{source} {sequence} {nonce:016x} {micros:.0} {waited}"
            ));
        }
    }
}
