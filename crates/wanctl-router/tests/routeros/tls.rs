//! Whom the client trusts.
//!
//! The certificate is its own issuer, names no address and belongs to this test alone:
//! `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500
//! -subj /CN=router.test`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use wanctl_router::{Backend, Error, Observed, RouterOsRest, Scheme, TlsTrust};
use wanctl_types::{Bps, PerDirection};

use crate::config;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n\
    [{\".id\":\"*7\",\"name\":\"WAN-Down\",\"max-limit\":\"500M\"},\
    {\".id\":\"*A\",\"name\":\"WAN-Up\",\"max-limit\":\"20M\"}]";

/// Serves one connection with a certificate nobody vouches for.
fn self_signed() -> (u16, JoinHandle<std::io::Result<()>>) {
    let certificate = include_bytes!("self-signed.crt.der").as_slice();
    let key = include_bytes!("self-signed.key.der").as_slice();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate)],
            PrivateKeyDer::try_from(key).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        let session = ServerConnection::new(Arc::new(tls)).map_err(std::io::Error::other)?;
        let mut stream = StreamOwned::new(session, stream);
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            request.extend(byte);
        }
        stream.write_all(ANSWER)?;
        stream.conn.send_close_notify();
        stream.flush()
    });
    (port, served)
}

async fn observe(port: u16, trust: TlsTrust) -> Result<PerDirection<Bps>, Error> {
    let mut config = config(port);
    config.scheme = Scheme::Https;
    config.trust = trust;
    RouterOsRest::new(config)
        .unwrap()
        .observe()
        .await
        .and_then(Observed::both)
}

#[tokio::test]
async fn a_self_signed_certificate_is_taken_when_nothing_is_verified() {
    let (port, served) = self_signed();
    let observed = observe(port, TlsTrust::Insecure).await.unwrap();
    assert_eq!(
        observed,
        PerDirection::new(Bps::from_mbps(500), Bps::from_mbps(20))
    );
    served.join().unwrap().unwrap();
}

#[tokio::test]
async fn a_self_signed_certificate_does_not_pass_for_a_public_one() {
    let (port, served) = self_signed();
    let error = observe(port, TlsTrust::PublicRoots).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert!(error.is_transport() && !error.is_retryable());
    assert!(served.join().unwrap().is_err(), "no request came through");
}

#[tokio::test]
async fn a_plain_server_behind_an_https_port_is_a_tls_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.read_exact(&mut [0; 64])?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    });
    let error = observe(port, TlsTrust::Insecure).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    drop(served.join().unwrap());
}
