//! The HTTP endpoints.
//!
//! | endpoint | path | answer |
//! |---|---|---|
//! | health | `/`, `/health` | the health report as JSON: 200 when healthy, 503 when degraded |
//! | metrics | `/metrics` | the metrics, `OpenMetrics` when the `Accept` header asks for it |
//! | metrics | `/health` | `OK` |
//!
//! Query strings are ignored. Any other path is 404, any method but GET and HEAD 405. Bodies of
//! requests are not read; a request head over some 400 KiB or 100 fields is 431. At most
//! [`MAX_CONNECTIONS`] connections are served at once, and one on which nothing moves for
//! [`IDLE_LIMIT`] is closed.

mod limits;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use self::limits::LimitedListener;
use crate::config::EndpointConfig;
use crate::error::Error;
use crate::health::HealthReport;
use crate::prometheus::{Exposition, render_metrics};
use crate::snapshot::Snapshot;

pub use self::limits::{IDLE_LIMIT, MAX_CONNECTIONS};

/// How long requests under way may take to finish after the server was told to stop.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(2);

const JSON: &str = "application/json";

type Snapshots = watch::Receiver<Arc<Snapshot>>;

/// What a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The health report.
    Health,
    /// The Prometheus metrics.
    Metrics,
}

impl Endpoint {
    fn router(self, snapshots: Snapshots) -> Router {
        let router = match self {
            Self::Health => Router::new()
                .route("/", get(health))
                .route("/health", get(health)),
            Self::Metrics => Router::new()
                .route("/metrics", get(metrics))
                .route("/health", get("OK\n")),
        };
        router.fallback(not_found).with_state(snapshots)
    }
}

/// Opens the socket of an endpoint. Port 0 takes any free port.
///
/// # Errors
///
/// [`Error::Bind`] names the address and what to do, for example when the port is taken.
pub async fn bind(endpoint: &EndpointConfig) -> Result<TcpListener, Error> {
    let address = SocketAddr::new(endpoint.host, endpoint.port);
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Bind { address, source })
}

/// A report made on request: whether all is well, and its JSON text.
pub type Report = Arc<dyn Fn() -> (bool, String) + Send + Sync>;

/// Answers `/` and `/health` with a report: 200 when all is well, else 503. Any other path is 404
/// with a JSON body.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_report(
    listener: TcpListener,
    report: Report,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/", get(reported))
        .route("/health", get(reported))
        .fallback(nothing_there)
        .with_state(report);
    run(listener, router, shutdown).await
}

async fn reported(State(report): State<Report>) -> Response {
    let (well, json) = report();
    let status = if well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, [(header::CONTENT_TYPE, JSON)], json).into_response()
}

async fn nothing_there() -> Response {
    let body = r#"{"error": "Not found"}"#;
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, JSON)], body).into_response()
}

/// Answers requests from the newest snapshot until `shutdown` completes, then lets requests under
/// way finish for at most [`DRAIN_LIMIT`].
///
/// # Errors
///
/// That of the listening socket; a failure to accept or to answer one connection ends only that.
pub async fn serve(
    listener: TcpListener,
    endpoint: Endpoint,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    run(listener, endpoint.router(snapshots), shutdown).await
}

async fn run(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stopped) = oneshot::channel();
    let stop = async move {
        shutdown.await;
        drop(stopping);
    };
    let server = axum::serve(LimitedListener::new(listener), router.into_make_service())
        .with_graceful_shutdown(stop);
    tokio::select! {
        ended = server => ended,
        () = drained(stopped) => Ok(()),
    }
}

/// Completes when requests have had their time after `stopped`, whose sender is only ever dropped.
async fn drained(stopped: oneshot::Receiver<()>) {
    let _closed = stopped.await;
    tokio::time::sleep(DRAIN_LIMIT).await;
}

async fn health(State(snapshots): State<Snapshots>) -> Response {
    let report = HealthReport::new(&newest(&snapshots));
    let status = StatusCode::from_u16(report.status.http_status());
    match report.to_json() {
        Ok(json) => {
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, JSON)], json).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn metrics(State(snapshots): State<Snapshots>, headers: HeaderMap) -> Response {
    let exposition = Exposition::negotiate(&accepted(&headers));
    match render_metrics(&newest(&snapshots), exposition) {
        Ok(page) => ([(header::CONTENT_TYPE, exposition.content_type())], page).into_response(),
        Err(error) => failed(&error),
    }
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "Not Found\n")
}

/// The lock of the channel is held no longer than it takes to count a reference.
fn newest(snapshots: &Snapshots) -> Arc<Snapshot> {
    Arc::clone(&snapshots.borrow())
}

/// All `Accept` fields as one list.
fn accepted(headers: &HeaderMap) -> String {
    let fields = headers.get_all(header::ACCEPT).iter();
    let texts: Vec<&str> = fields.filter_map(|field| field.to_str().ok()).collect();
    texts.join(",")
}

fn failed(error: &Error) -> Response {
    tracing::error!(%error, "request not answered");
    let text = format!("{error}\n");
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}
