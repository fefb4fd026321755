//! The REST interface over real HTTP/1.1.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, to_bytes};
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::Error;

use super::console::{Request, Verb};
use super::query;
use super::reply::{Refusal, Reply};
use super::{Answer, RouterOs};

/// Largest body that is read, in bytes.
const MAX_BODY: usize = 1 << 20;

/// A running REST interface; ends when dropped.
#[derive(Debug)]
pub struct RouterOsServer {
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl RouterOsServer {
    /// Serves `router` on `address` (port 0 takes a free one) on a task of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Socket`] when the address cannot be had.
    pub async fn start(address: SocketAddr, router: RouterOs) -> Result<Self, Error> {
        let failed = |source| Error::Socket {
            operation: "listen on",
            address: address.to_string(),
            source,
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shutdown = CancellationToken::new();
        let serving = Self::serve(listener, router, shutdown.clone());
        drop(tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the RouterOS simulator ended");
            }
        }));
        Ok(Self { address, shutdown })
    }

    /// Serves `router` until `shutdown` is cancelled.
    ///
    /// # Errors
    ///
    /// [`Error::Serve`] when the server ends by itself.
    pub async fn serve(
        listener: TcpListener,
        router: RouterOs,
        shutdown: CancellationToken,
    ) -> Result<(), Error> {
        let front = Front {
            router: router.clone(),
            shutdown: shutdown.clone(),
        };
        let app = axum::Router::new()
            .fallback(answer)
            .with_state(front)
            .into_make_service_with_connect_info::<Line>();
        axum::serve(CountingListener { listener, router }, app)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
            .map_err(|source| Error::Serve { source })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RouterOsServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// The value of the `Authorization` header for these credentials (RFC 7617).
pub(super) fn basic_authorization(user: &str, password: &str) -> SecretString {
    let credentials = format!("{user}:{password}");
    SecretString::from(format!("Basic {}", base64(credentials.as_bytes())))
}

#[derive(Clone)]
struct Front {
    router: RouterOs,
    shutdown: CancellationToken,
}

async fn answer(
    State(front): State<Front>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: HttpRequest,
) -> Response {
    let request = match read(&front.router, request).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    let mut answer = front.router.handle(&request);
    if let Answer::Silence(duration) = answer {
        tokio::select! {
            () = tokio::time::sleep(duration) => answer = front.router.handle_late(&request),
            () = front.shutdown.cancelled() => answer = Answer::Closed,
        }
    }
    match answer {
        Answer::Reply(reply) => json_response(&reply),
        Answer::Garbled {
            status,
            content_type,
            body,
        } => response(status, content_type, body),
        Answer::Closed | Answer::Silence(_) => {
            line.cut();
            response(500, "text/plain", String::new())
        }
    }
}

/// Decodes a request, or says why it goes no further.
async fn read(router: &RouterOs, request: HttpRequest) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    let raw_path = parts.uri.path();
    let Some(below) = raw_path.strip_prefix("/rest") else {
        return Err(response(200, "text/html", "<html>WebFig</html>".to_owned()));
    };
    let refuse = |refusal: Refusal| json_response(&refusal.into());
    let quirks = router.lock().quirks;
    if !authorized(router, &parts.headers) {
        return Err(refuse(Refusal::unauthorized()));
    }
    let verb = verb(&parts.method).ok_or_else(|| refuse(Refusal::not_implemented()))?;
    let mut path = Vec::new();
    for word in below.split('/').filter(|word| !word.is_empty()) {
        if !quirks.encoded_star_accepted && word.to_ascii_uppercase().contains("%2A") {
            return Err(refuse(Refusal::bad_identifier()));
        }
        path.push(percent_decode_str(word).decode_utf8_lossy().into_owned());
    }
    let body = read_body(body).await.map_err(refuse)?;
    let raw_query = parts.uri.query().unwrap_or_default();
    Ok(Request {
        verb,
        path,
        query: query::decode(raw_query, quirks.plus_is_space),
        body,
    })
}

async fn read_body(body: Body) -> Result<Value, Refusal> {
    let bytes = to_bytes(body, MAX_BODY)
        .await
        .map_err(|_| Refusal::bad_request("the body is too large or incomplete"))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|_| Refusal::bad_request("the body is not valid JSON"))
}

fn authorized(router: &RouterOs, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION);
    let device = router.lock();
    given.is_some_and(|given| given == device.authorization.expose_secret())
}

fn verb(method: &Method) -> Option<Verb> {
    [
        (Method::GET, Verb::Get),
        (Method::PUT, Verb::Put),
        (Method::PATCH, Verb::Patch),
        (Method::DELETE, Verb::Delete),
        (Method::POST, Verb::Post),
    ]
    .into_iter()
    .find_map(|(known, verb)| (known == method).then_some(verb))
}

fn json_response(reply: &Reply) -> Response {
    response(reply.status, "application/json", reply.json())
}

fn response(status: u16, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let value = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// Standard base64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0_usize, |group, index| {
            group << 8 | usize::from(chunk.get(index).copied().unwrap_or(0))
        });
        for digit in 0..4 {
            let value = group >> (18 - 6 * digit) & 0x3f;
            let symbol = ALPHABET.get(value).copied().unwrap_or(b'=');
            text.push(char::from(if digit <= chunk.len() { symbol } else { b'=' }));
        }
    }
    text
}

/// Counts connections and hands out lines that can be cut.
struct CountingListener {
    listener: TcpListener,
    router: RouterOs,
}

impl Listener for CountingListener {
    type Io = LineIo;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LineIo, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        self.router.lock().journal.counts.connections += 1;
        let line = Line::default();
        (LineIo { stream, line }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection seen from a request on it.
#[derive(Clone, Debug, Default)]
struct Line {
    is_cut: Arc<AtomicBool>,
}

impl Line {
    /// Lets nothing more out; the connection then ends.
    fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, CountingListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, CountingListener>) -> Self {
        stream.io().line.clone()
    }
}

/// A TCP stream that can be cut.
struct LineIo {
    stream: TcpStream,
    line: Line,
}

impl AsyncRead for LineIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for LineIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.line.is_cut.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_matches_the_vectors_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
