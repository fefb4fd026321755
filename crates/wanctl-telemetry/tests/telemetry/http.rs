//! Real connections over the loopback address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use wanctl_telemetry::{
    DRAIN_LIMIT, Endpoint, EndpointConfig, Error, Exposition, HealthReport, IDLE_LIMIT,
    MAX_CONNECTIONS, Snapshot, bind, render_metrics, serve,
};

use crate::fixture;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server on a free port.
struct Server {
    address: SocketAddr,
    snapshots: watch::Sender<Arc<Snapshot>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(endpoint: Endpoint) -> Self {
        let config = EndpointConfig {
            host: LOOPBACK,
            port: 0,
        };
        let listener = bind(&config).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (snapshots, receiver) = watch::channel(Arc::new(fixture::snapshot()));
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve(listener, endpoint, receiver, shutdown));
        Self {
            address,
            snapshots,
            stop,
            task,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request without a body and reads until the server closes.
    async fn request(&self, line: &str, fields: &str) -> Answer {
        let request = format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}Connection: close\r\n\r\n");
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer::read(&mut stream).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.request(&format!("GET {path}"), "").await
    }
}

struct Answer {
    head: String,
    body: String,
}

impl Answer {
    async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Self {
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn status(&self) -> &str {
        let line = self.head.lines().next().unwrap();
        line.strip_prefix("HTTP/1.1 ").unwrap()
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = fields.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(found.1)
    }
}

#[tokio::test]
async fn health_is_answered_on_both_paths_and_with_a_query() {
    let server = Server::start(Endpoint::Health).await;
    let report = HealthReport::new(&fixture::snapshot()).to_json().unwrap();
    for path in ["/", "/health", "/health?pretty=1", "/?"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), "200 OK", "{path}");
        assert_eq!(answer.field("content-type"), Some("application/json"));
        let length = report.len().to_string();
        assert_eq!(answer.field("content-length"), Some(length.as_str()));
        assert_eq!(answer.body, report);
    }
}

#[tokio::test]
async fn health_follows_the_newest_snapshot() {
    let server = Server::start(Endpoint::Health).await;
    server.snapshots.send_replace(fixture::failing(3));
    let answer = server.get("/health").await;
    assert_eq!(answer.status(), "503 Service Unavailable");
    assert!(answer.body.contains(r#""status": "degraded""#));
    server.snapshots.send_replace(fixture::failing(2));
    assert_eq!(server.get("/health").await.status(), "200 OK");
}

#[tokio::test]
async fn metrics_come_in_the_spelling_asked_for() {
    let server = Server::start(Endpoint::Metrics).await;
    let accept = "Accept: application/openmetrics-text;version=1.0.0\r\n";
    let cases = [
        ("", Exposition::Text),
        ("Accept: text/plain\r\n", Exposition::Text),
        (accept, Exposition::OpenMetrics),
    ];
    for (fields, exposition) in cases {
        let answer = server.request("GET /metrics?x=1", fields).await;
        assert_eq!(answer.status(), "200 OK");
        let content_type = answer.field("content-type");
        assert_eq!(content_type, Some(exposition.content_type()));
        let snapshot = Arc::new(fixture::snapshot());
        assert_eq!(answer.body, render_metrics(&snapshot, exposition).unwrap());
    }
}

#[tokio::test]
async fn the_metrics_port_says_that_it_is_alive() {
    let server = Server::start(Endpoint::Metrics).await;
    let answer = server.get("/health").await;
    assert_eq!((answer.status(), answer.body.as_str()), ("200 OK", "OK\n"));
}

#[tokio::test]
async fn other_paths_are_not_found() {
    for (endpoint, path) in [
        (Endpoint::Health, "/metrics"),
        (Endpoint::Health, "/health/"),
        (Endpoint::Metrics, "/"),
    ] {
        let answer = Server::start(endpoint).await.get(path).await;
        assert_eq!(answer.status(), "404 Not Found", "{path}");
        assert_eq!(answer.body, "Not Found\n");
    }
}

#[tokio::test]
async fn only_get_and_head_are_allowed() {
    for (endpoint, path) in [
        (Endpoint::Health, "/health"),
        (Endpoint::Metrics, "/metrics"),
        (Endpoint::Metrics, "/health"),
    ] {
        let server = Server::start(endpoint).await;
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let answer = server.request(&format!("{method} {path}"), "").await;
            assert_eq!(answer.status(), "405 Method Not Allowed", "{method}");
            assert_eq!(answer.field("allow"), Some("GET,HEAD"));
        }
        let answer = server.request(&format!("HEAD {path}"), "").await;
        assert_eq!(answer.status(), "200 OK");
        assert_eq!(answer.body, "");
        assert_ne!(answer.field("content-length"), Some("0"));
    }
}

#[tokio::test]
async fn a_body_is_not_waited_for() {
    let server = Server::start(Endpoint::Health).await;
    let fields = "Content-Length: 1000000000\r\n";
    let answer = server.request("GET /health", fields).await;
    assert_eq!(answer.status(), "200 OK");
}

#[tokio::test]
async fn a_head_with_too_many_fields_is_refused() {
    let server = Server::start(Endpoint::Health).await;
    let fields = "a: b\r\n".repeat(200);
    let answer = server.request("GET /health", &fields).await;
    assert_eq!(answer.status(), "431 Request Header Fields Too Large");
}

#[tokio::test]
async fn a_taken_port_is_named_together_with_what_to_do() {
    let first = Server::start(Endpoint::Health).await;
    let config = EndpointConfig {
        host: LOOPBACK,
        port: first.address.port(),
    };
    let error = bind(&config).await.unwrap_err();
    assert!(matches!(&error, Error::Bind { address, .. } if *address == first.address));
    let text = error.to_string();
    assert!(text.contains(&first.address.to_string()), "{text}");
    assert!(text.contains("configure another port"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_dropped() {
    let server = Server::start(Endpoint::Health).await;
    let mut stream = server.connect().await;
    let began = Instant::now();
    stream.write_all(b"GET /health HT").await.unwrap();
    let mut rest = Vec::new();
    let ended = timeout(2 * IDLE_LIMIT, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "still connected");
    assert_eq!(rest, b"");
    assert!(began.elapsed() >= IDLE_LIMIT, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn silent_clients_cannot_keep_others_out_for_ever() {
    let server = Server::start(Endpoint::Health).await;
    let mut silent = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        silent.push(server.connect().await);
    }
    let began = Instant::now();
    let answer = timeout(2 * IDLE_LIMIT, server.get("/health")).await;
    assert_eq!(answer.unwrap().status(), "200 OK");
    assert!(began.elapsed() >= IDLE_LIMIT, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_the_server_even_with_a_request_half_sent() {
    let server = Server::start(Endpoint::Health).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /health HT").await.unwrap();
    server.get("/health").await;
    let began = Instant::now();
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(began.elapsed() < IDLE_LIMIT, "{:?}", began.elapsed());
    assert!(began.elapsed() >= DRAIN_LIMIT, "{:?}", began.elapsed());
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn shutdown_without_clients_is_immediate() {
    let server = Server::start(Endpoint::Metrics).await;
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
