//! Connections that fail, stall or break.

use std::process::Command;
use std::time::Duration;

use tokio::net::TcpListener;
use wanctl_router::{Backend, ConnectFailure, Error, Observed, RouterOsConfig, RouterOsRest};
use wanctl_types::{Bps, PerDirection};

use crate::server::{Answer, Server};
use crate::{client, config, down};

const BOTH: &str = "[{\".id\":\"*7\",\"name\":\"WAN-Down\",\"max-limit\":\"500000000\"},\
                    {\".id\":\"*A\",\"name\":\"WAN-Up\",\"max-limit\":\"20000000\"}]";

fn rates() -> PerDirection<Bps> {
    PerDirection::new(Bps::from_mbps(500), Bps::from_mbps(20))
}

async fn observe(config: RouterOsConfig) -> Error {
    RouterOsRest::new(config)
        .unwrap()
        .observe()
        .await
        .and_then(Observed::both)
        .unwrap_err()
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = observe(config(port)).await;
    let Error::Connect { kind, host, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*kind, ConnectFailure::Refused);
    assert_eq!(*host, format!("127.0.0.1:{port}"));
    assert!(error.is_transport() && error.is_retryable());
    assert_eq!(error.failure_type(), "connection_refused");
}

#[tokio::test]
async fn a_name_without_address_is_a_dns_failure() {
    let mut config = config(80);
    // Longer than a label may be: no name server needs to be asked.
    config.host = format!("{}.invalid", "x".repeat(64));
    let error = observe(config).await;
    assert_eq!(error.failure_type(), "dns_failure", "{error}");
}

#[tokio::test]
async fn silence_is_a_timeout_for_readings_and_writes() {
    let server = Server::start(|_, _| Answer::Silence).await;
    let mut config = config(server.port());
    config.timeout = Duration::from_millis(200);
    let client = RouterOsRest::new(config).unwrap();
    let read = client.observe().await.and_then(Observed::both).unwrap_err();
    let written = client.apply(down(1)).await.directions.download.unwrap();
    for error in [read, written.unwrap_err()] {
        let Error::Timeout { limit, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(limit, Duration::from_millis(200));
    }
}

#[tokio::test]
async fn a_write_has_less_time_than_a_reading() {
    let server = Server::start(|_, _| Answer::Silence).await;
    let client = client(&server);
    let write = tokio::spawn(async move { client.apply(down(1)).await.directions.download });
    while server.lines().is_empty() {
        tokio::task::yield_now().await;
    }
    // From here on nothing happens but waiting, and the clock may jump over that.
    tokio::time::pause();
    let error = write.await.unwrap().unwrap().unwrap_err();
    let Error::Timeout { limit, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(limit, Duration::from_secs(3));
}

#[tokio::test]
async fn broken_connections_are_lost_connections() {
    for answer in [
        Answer::Reset,
        Answer::raw(""),
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Le"),
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[{\".id\":"),
        Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[{\".id"),
    ] {
        let server = Server::start(move |_, _| answer.clone()).await;
        let error = client(&server)
            .observe()
            .await
            .and_then(Observed::both)
            .unwrap_err();
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
        assert_eq!(server.lines().len(), 1, "nothing is sent twice");
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    let server = Server::start(|_, _| Answer::raw("SSH-2.0-ROSSSH\r\n\r\n")).await;
    let error = client(&server)
        .observe()
        .await
        .and_then(Observed::both)
        .unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn a_chunked_answer_is_read_whole() {
    let (first, rest) = BOTH.split_at(10);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n",
        first.len(),
        rest.len()
    );
    let server = Server::start(move |_, _| Answer::raw(&chunked)).await;
    assert_eq!(
        client(&server)
            .observe()
            .await
            .and_then(Observed::both)
            .unwrap(),
        rates()
    );
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let server = Server::start(|_, _| {
        let mut bytes = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        bytes.resize(5 * 1024 * 1024, b'[');
        Answer::Raw(bytes)
    })
    .await;
    let error = client(&server)
        .observe()
        .await
        .and_then(Observed::both)
        .unwrap_err();
    assert!(
        error.to_string().contains("longer than 4194304 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_the_router_closed_is_replaced() {
    let server = Server::start(|_, _| Answer::JsonThenClose(BOTH.to_owned())).await;
    let client = client(&server);
    let mut answered = 0;
    for _ in 0..20 {
        // Whether the close is noticed before the next request is a race; both ends are honest.
        match client.observe().await.and_then(Observed::both) {
            Ok(observed) => {
                assert_eq!(observed, rates());
                answered += 1;
            }
            Err(error) => assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}"),
        }
    }
    assert!(answered > 0);
}

#[tokio::test]
async fn a_kept_connection_is_used_again() {
    let server = Server::start(|_, _| Answer::ok(BOTH)).await;
    let client = client(&server);
    for _ in 0..5 {
        assert_eq!(
            client.observe().await.and_then(Observed::both).unwrap(),
            rates()
        );
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert!(requests.iter().all(|request| request.connection == 0));
}

#[tokio::test]
async fn ids_are_forgotten_with_the_connection() {
    let server = Server::start(|request, nth| match (nth, request.is("PATCH")) {
        (1, _) => Answer::Reset,
        (_, true) => Answer::ok("{\"name\":\"WAN-Down\",\"max-limit\":\"400000000\"}"),
        (_, false) => Answer::ok(BOTH),
    })
    .await;
    let client = client(&server);
    let lost = client.apply(down(400)).await.directions.download.unwrap();
    assert!(
        matches!(lost, Err(Error::ConnectionLost { .. })),
        "{lost:?}"
    );
    assert!(
        client
            .apply(down(400))
            .await
            .directions
            .download
            .unwrap()
            .is_ok()
    );
    let find = "GET /rest/queue/tree?name=WAN-Down";
    let patch = "PATCH /rest/queue/tree/*7";
    assert_eq!(server.lines(), [find, patch, find, patch]);
}

#[test]
fn proxies_named_by_the_environment_are_ignored() {
    // The environment belongs to the whole process, so another one runs a test that succeeds
    // only on the direct way. Nothing listens on port 1.
    let mut child = Command::new(std::env::current_exe().unwrap());
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "all_proxy",
        "ALL_PROXY",
    ] {
        child.env(name, "http://127.0.0.1:1");
    }
    for name in ["no_proxy", "NO_PROXY"] {
        child.env_remove(name);
    }
    let run = child
        .args(["--exact", "transport::a_kept_connection_is_used_again"])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
}
