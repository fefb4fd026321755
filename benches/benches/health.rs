//! What a look at the health of a daemon with two WANs costs: the document alone, and a whole
//! request over a kept connection on loopback.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark ends with its first failure"
)]

use core::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::sync::watch;
use wanctl_telemetry::{
    CycleCounters, DirectionSnapshot, Endpoint, EndpointConfig, HealthReport, HistorySnapshot,
    ReflectorSnapshot, RouterSnapshot, Snapshot, WanSnapshot, bind, serve,
};
use wanctl_types::{Bps, Millis, PerDirection, Timestamp, WanName, Zone};

criterion_group!(benches, document, request);
criterion_main!(benches);

fn document(criterion: &mut Criterion) {
    let snapshot = snapshot();
    criterion.bench_function("health/document", |bencher| {
        bencher.iter(|| HealthReport::new(black_box(&snapshot)).to_json().unwrap());
    });
}

fn request(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (_sender, snapshots) = watch::channel(Arc::new(snapshot()));
    let address = runtime.block_on(async {
        let endpoint = EndpointConfig {
            host: [127, 0, 0, 1].into(),
            port: 0,
        };
        let listener = bind(&endpoint).await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(tokio::spawn(serve(
            listener,
            Endpoint::Health,
            snapshots,
            std::future::pending(),
        )));
        address
    });
    let mut client = Client::connect(address);
    criterion.bench_function("health/request", |bencher| {
        bencher.iter(|| client.get());
    });
}

/// One kept connection.
struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            answer: Vec::new(),
        }
    }

    /// Reads to the end of the JSON document: the first line that is its closing brace alone.
    fn get(&mut self) -> usize {
        let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        self.stream.write_all(request).unwrap();
        self.answer.clear();
        let mut chunk = [0; 8_192];
        while !self.answer.ends_with(b"\n}") {
            let length = self.stream.read(&mut chunk).unwrap();
            assert_ne!(length, 0, "the server hung up");
            self.answer.extend(chunk.iter().take(length));
        }
        assert!(self.answer.starts_with(b"HTTP/1.1 200"));
        self.answer.len()
    }
}

fn snapshot() -> Snapshot {
    let now = Timestamp::from_micros(60_000_000);
    Snapshot {
        version: "bench",
        uptime: Duration::from_mins(1),
        published_at: now,
        clock_set: true,
        log_lines_lost: 0,
        wans: ["cable", "dsl"].map(|name| wan(name, now)).into(),
        history: Some(HistorySnapshot::default()),
    }
}

fn wan(name: &str, now: Timestamp) -> WanSnapshot {
    let direction = |rate| DirectionSnapshot {
        zone: Zone::Yellow,
        intended: Bps::from_mbps(rate),
        applied: Some(Bps::from_mbps(rate)),
        last_reason: Some("RTT delta 25.3ms exceeded green threshold 15ms".to_owned()),
    };
    let reflector = |host: &str| ReflectorSnapshot {
        host: host.to_owned(),
        rtt: Some(Millis::saturating(21.25)),
        last_answer: Some(now),
        sent: 1_200,
        lost: 3,
    };
    WanSnapshot {
        name: WanName::new(name).unwrap(),
        baseline: Millis::saturating(20.5),
        load: Millis::saturating(45.75),
        directions: PerDirection::new(direction(480), direction(28)),
        consecutive_failures: 0,
        last_step: Some(now),
        last_completed: Some(now),
        counters: CycleCounters::default(),
        cycle_duration: Duration::from_micros(30),
        cycle_p99: Duration::from_micros(60),
        reflectors: ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
            .map(reflector)
            .into(),
        router: RouterSnapshot::default(),
    }
}
