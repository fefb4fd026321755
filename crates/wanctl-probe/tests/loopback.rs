//! Real packets to this host itself. Where no ICMP socket may be opened, the tests of it say so
//! and pass; everything else runs everywhere.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]
#![expect(
    clippy::print_stdout,
    reason = "a test that could not be made must say so"
)]

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::time::timeout;
use wanctl_probe::{
    Closed, EchoSocket, Error, Families, Received, Reserve, ReserveAnswer, ReserveChecks,
    ReserveConfig, Rounds, RoundsConfig, SourceBinding, Transport,
};
use wanctl_types::Timestamp;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

#[tokio::test]
async fn ipv4_echoes_itself() {
    echo(&[V4, [127, 0, 0, 2].into()], &SourceBinding::default()).await;
}

#[tokio::test]
async fn ipv6_echoes_itself() {
    echo(&[V6], &SourceBinding::default()).await;
}

#[tokio::test]
async fn both_families_echo_through_one_socket() {
    echo(&[V4, V6], &SourceBinding::default()).await;
}

#[tokio::test]
async fn a_bound_source_is_used() {
    echo(
        &[V4],
        &SourceBinding {
            address: Some(V4),
            interface: Some("lo".to_owned()),
        },
    )
    .await;
}

#[tokio::test]
async fn two_sockets_do_not_hear_each_other() {
    let binding = SourceBinding::default();
    let families = Families::of(&[V4]);
    let (Some(mut one), Some(mut other)) = (open(&binding, families), open(&binding, families))
    else {
        return;
    };
    let silence = Duration::from_millis(20);
    let early = timeout(silence, poll_fn(|cx| other.poll_receive(cx))).await;
    assert!(early.is_err(), "{early:?}");
    let dropped = other.stats().dropped;
    let mut rounds = rounds(&[V4]);
    one.send(&rounds.open_round(Timestamp::ZERO)[0]).unwrap();
    receive(&mut one).await;
    let heard = timeout(
        Duration::from_millis(20),
        poll_fn(|cx| other.poll_receive(cx)),
    )
    .await;
    assert!(heard.is_err(), "{heard:?}");
    let stats = other.stats();
    assert_eq!(
        (stats.received, stats.dropped),
        (0, dropped),
        "the kernel keeps them apart"
    );
}

#[tokio::test]
async fn a_binding_that_cannot_be_is_named() {
    let families = Families::of(&[V4]);
    if open(&SourceBinding::default(), families).is_none() {
        return;
    }
    let binding = |address: &str, interface: Option<&str>| SourceBinding {
        address: address.parse().ok(),
        interface: interface.map(str::to_owned),
    };
    let error = |binding| EchoSocket::open(&binding, families).unwrap_err();
    assert!(matches!(
        error(binding("203.0.113.250", None)),
        Error::BindAddress { .. }
    ));
    assert!(matches!(
        error(binding("::1", None)),
        Error::SourceFamily { .. }
    ));
    let no_interface = error(binding("", Some("no-such-if0")));
    assert!(
        no_interface.to_string().contains("no-such-if0"),
        "{no_interface}"
    );
}

#[tokio::test]
async fn a_family_without_socket_is_named() {
    let mut socket = EchoSocket::open(&SourceBinding::default(), Families::default()).unwrap();
    let request = rounds(&[V6]).open_round(Timestamp::ZERO)[0];
    assert!(matches!(
        socket.send(&request),
        Err(Error::NoSocket { target: V6 })
    ));
}

#[tokio::test]
async fn an_open_port_is_proof_of_a_path() {
    let (listener, port) = listener().await;
    let answer = reserve(None, &[port, port]).check().await;
    let ReserveAnswer::Tcp(rtt) = answer else {
        panic!("{answer:?}");
    };
    assert!(rtt.get() > 0.0 && rtt.get() <= 500.0, "{rtt}");
    drop(listener);
}

#[tokio::test]
async fn one_open_port_of_two_is_enough() {
    let (listener, open) = listener().await;
    let answer = reserve(None, &[closed_port().await, open]).check().await;
    assert!(matches!(answer, ReserveAnswer::Tcp(_)), "{answer:?}");
    drop(listener);
}

#[tokio::test]
async fn the_gateway_alone_is_told_apart() {
    if open(&SourceBinding::default(), Families::of(&[V4])).is_none() {
        return;
    }
    let closed = closed_port().await;
    assert_eq!(
        reserve(Some(V4), &[closed]).check().await,
        ReserveAnswer::GatewayOnly
    );
    assert_eq!(
        reserve(Some(V4), &[]).check().await,
        ReserveAnswer::GatewayOnly
    );
}

#[tokio::test]
async fn closed_ports_and_no_gateway_are_nothing() {
    let closed = closed_port().await;
    assert_eq!(
        reserve(None, &[closed]).check().await,
        ReserveAnswer::Nothing
    );
    assert_eq!(reserve(None, &[]).check().await, ReserveAnswer::Nothing);
}

#[tokio::test]
async fn disabled_checks_find_nothing() {
    let (listener, port) = listener().await;
    let mut config = reserve_config(None, &[port]);
    config.enabled = false;
    let disabled = Reserve::new(config, SourceBinding::default());
    assert_eq!(disabled.check().await, ReserveAnswer::Nothing);
    drop(listener);
}

#[tokio::test]
async fn connections_leave_from_the_bound_source() {
    let (listener, port) = listener().await;
    let source: IpAddr = [127, 0, 0, 3].into();
    let binding = SourceBinding {
        address: Some(source),
        interface: None,
    };
    let reserve = Reserve::new(reserve_config(None, &[port]), binding);
    let (answer, accepted) = tokio::join!(reserve.check(), listener.accept());
    assert!(matches!(answer, ReserveAnswer::Tcp(_)), "{answer:?}");
    assert_eq!(accepted.unwrap().1.ip(), source);
}

/// Sends one round and follows it to its end.
async fn echo(targets: &[IpAddr], binding: &SourceBinding) {
    let Some(mut socket) = open(binding, Families::of(targets)) else {
        return;
    };
    let start = Instant::now();
    // Far from the origin, so that a wait is never cut off there.
    let now = || Timestamp::from_micros(10_000_000) + start.elapsed();
    let mut rounds = rounds(targets);
    for request in rounds.open_round(now()) {
        socket.send(&request).unwrap();
    }
    for _ in targets {
        let reply = receive(&mut socket).await;
        let sample = rounds.handle_reply(&reply, now() - reply.waited).unwrap();
        assert!(
            sample.rtt.get() > 0.0 && sample.rtt.get() < 1_000.0,
            "{sample:?}"
        );
    }
    assert_eq!(rounds.poll_closed(now()).unwrap().cause, Closed::Complete);
    let stats = socket.stats();
    let counts = (stats.sent, stats.received, stats.stamped, stats.unstamped);
    let sent = targets.len() as u64;
    assert_eq!(
        counts,
        (sent, sent, sent, 0),
        "every reply has a kernel timestamp"
    );
}

/// The next reply; this host answers itself long before the limit.
async fn receive(socket: &mut EchoSocket) -> Received {
    let reply = poll_fn(|cx| socket.poll_receive(cx));
    timeout(Duration::from_secs(5), reply)
        .await
        .unwrap()
        .unwrap()
}

/// An ICMP socket, or a message that there is none to test.
fn open(binding: &SourceBinding, families: Families) -> Option<EchoSocket> {
    match EchoSocket::open(binding, families) {
        Ok(socket) => Some(socket),
        Err(error @ (Error::NotPermitted { .. } | Error::Open { .. })) => {
            println!("SKIPPED, nothing was tested: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn rounds(targets: &[IpAddr]) -> Rounds {
    let config = RoundsConfig {
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(1),
        quorum: 1,
    };
    Rounds::new(config, targets.to_vec(), 3).unwrap()
}

fn reserve(gateway: Option<IpAddr>, ports: &[u16]) -> Reserve {
    Reserve::new(reserve_config(gateway, ports), SourceBinding::default())
}

fn reserve_config(gateway: Option<IpAddr>, ports: &[u16]) -> ReserveConfig {
    let tcp_targets = ports.iter().map(|port| (V4.to_string(), *port)).collect();
    ReserveConfig {
        enabled: true,
        gateway,
        tcp_targets,
    }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind(SocketAddr::new(V4, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port that nobody listens on any more.
async fn closed_port() -> u16 {
    listener().await.1
}
