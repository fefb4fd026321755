//! From what the HTTP client and the router say to what it means.

use core::error::Error as StdError;
use core::iter::successors;
use std::io::{self, ErrorKind};

use reqwest::StatusCode;

use super::call::Call;
use super::http::Http;
use super::reply::{self, Refusal, excerpt};
use super::value::ItemId;
use crate::{ConnectFailure, Error};

/// How the HTTP client begins its complaint about bytes that are not HTTP.
const NOT_HTTP: &str = "invalid HTTP";

/// Names the reason why no complete answer came.
pub(super) fn transport(call: &Call, host: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let operation = call.operation.clone();
    let host = host.to_owned();
    let detail = root_cause(&error);
    if causes(&error).any(<dyn StdError>::is::<rustls::Error>) {
        Error::Tls {
            operation,
            host,
            detail,
        }
    } else if error.is_connect() {
        let kind = connect_failure(&error, detail);
        Error::Connect {
            operation,
            host,
            kind,
        }
    } else if error.is_timeout() {
        let limit = call.limit;
        Error::Timeout {
            operation,
            host,
            limit,
        }
    } else if detail.starts_with(NOT_HTTP) {
        call.protocol("the peer does not speak HTTP", detail.as_bytes())
    } else {
        Error::ConnectionLost {
            operation,
            host,
            detail,
        }
    }
}

fn connect_failure(error: &reqwest::Error, detail: String) -> ConnectFailure {
    if error.is_dns() {
        return ConnectFailure::Dns;
    }
    let kinds = || {
        causes(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .map(io::Error::kind)
    };
    if kinds().any(|kind| kind == ErrorKind::ConnectionRefused) {
        ConnectFailure::Refused
    } else if kinds().any(|kind| {
        matches!(
            kind,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown
        )
    }) {
        ConnectFailure::Unreachable
    } else if error.is_timeout() {
        ConnectFailure::Timeout
    } else {
        ConnectFailure::Other(detail)
    }
}

/// An error and everything behind it; an I/O error's wrapped cause counts as behind it.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    successors(Some(error), |&cause| {
        match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => cause.source(),
        }
    })
}

fn root_cause(error: &reqwest::Error) -> String {
    let text = causes(error).last().map(ToString::to_string);
    excerpt(text.unwrap_or_default().as_bytes())
}

/// Names the reason of an unsuccessful status. `id` is the item the request addressed.
pub(super) fn refusal(
    call: &Call,
    http: &Http,
    status: StatusCode,
    body: &[u8],
    id: Option<&ItemId>,
) -> Error {
    let said = reply::refusal(body);
    let operation = call.operation.clone();
    let user = http.user.clone();
    if status == StatusCode::UNAUTHORIZED {
        let host = http.host.clone();
        return Error::Unauthorized {
            operation,
            host,
            user,
        };
    }
    if let (StatusCode::NOT_FOUND, Some(id)) = (status, id) {
        return call.stale(id, "the router does not know it");
    }
    let Some(said) = said else {
        return call.protocol(format!("status {status} without the expected JSON"), body);
    };
    if status == StatusCode::FORBIDDEN || said.mentions("not enough permissions") {
        let detail = said.into_detail(status);
        return Error::PermissionDenied {
            operation,
            user,
            detail,
        };
    }
    match id {
        Some(id) if said.mentions("missing or invalid resource identifier") => {
            call.stale(id, &said.detail)
        }
        Some(_) | None => {
            let Refusal { message, detail } = said.with_message(status);
            Error::Rejected {
                operation,
                status: status.as_u16(),
                message,
                detail,
            }
        }
    }
}
