//! A scripted HTTP server on the loopback interface.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
    /// Which connection brought it, from 0.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn is(&self, start: &str) -> bool {
        self.line.starts_with(start)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| {
            let (key, value) = header.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// What the server does about a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A complete JSON answer; the connection stays open.
    Json(u16, String),
    /// The same, after which the server closes the connection.
    JsonThenClose(String),
    /// Bytes as they are, then the connection is closed.
    Raw(Vec<u8>),
    /// The connection is reset.
    Reset,
    /// Nothing, for ever.
    Silence,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Json(200, body.into())
    }

    /// An error body in RouterOS's form.
    pub(crate) fn refusal(status: u16, message: &str, detail: &str) -> Self {
        let detail = match detail {
            "" => String::new(),
            detail => format!("\"detail\":\"{detail}\","),
        };
        Self::Json(
            status,
            format!("{{{detail}\"error\":{status},\"message\":\"{message}\"}}"),
        )
    }

    pub(crate) fn raw(text: &str) -> Self {
        Self::Raw(text.as_bytes().to_vec())
    }
}

/// Gets a request and how many came before it.
type Script = dyn Fn(&Request, usize) -> Answer + Send + Sync;

pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Listens on a free port. Runs as long as the test's runtime.
    pub(crate) async fn start(
        script: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let record = Arc::clone(&seen);
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(
                    stream,
                    connection,
                    Arc::clone(&script),
                    Arc::clone(&record),
                ));
            }
        });
        Self { port, seen }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// The request lines so far, without the protocol version.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests()
            .iter()
            .map(|request| request.line.trim_end_matches(" HTTP/1.1").to_owned())
            .collect()
    }
}

async fn serve(
    stream: TcpStream,
    connection: usize,
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream, connection).await {
        let nth = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        match script(&request, nth) {
            Answer::Json(status, body) => {
                let head = head(status, body.len(), "keep-alive");
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(body.as_bytes()).await.unwrap();
            }
            Answer::JsonThenClose(body) => {
                // No "Connection: close": the client is not told.
                let head = head(200, body.len(), "keep-alive");
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(body.as_bytes()).await.unwrap();
                return;
            }
            Answer::Raw(bytes) => {
                // The client may stop reading before the end.
                drop(stream.write_all(&bytes).await);
                return;
            }
            Answer::Reset => {
                stream.get_ref().set_zero_linger().unwrap();
                return;
            }
            Answer::Silence => std::future::pending::<()>().await,
        }
    }
}

fn head(status: u16, length: usize, connection: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: {connection}\r\n\r\n"
    )
}

async fn read(stream: &mut BufReader<TcpStream>, connection: usize) -> Option<Request> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let mut request = Request {
        line: head.remove(0),
        headers: head,
        body: String::new(),
        connection,
    };
    let length = request
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}
