//! What the device answers.

use std::collections::BTreeMap;

use serde::Serialize;

/// An item as it is shown: every value is text, members are in byte order.
pub type ShownItem = BTreeMap<String, String>;

/// An answer of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: ReplyBody,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ReplyBody {
    /// No body at all.
    Nothing,
    /// One item.
    Item(ShownItem),
    /// Many items.
    List(Vec<ShownItem>),
    /// Why the device refused.
    Refusal(Refusal),
}

/// Why the device refused a request. The members of the JSON are in byte order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// What exactly is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The HTTP status.
    pub error: u16,
    /// What the status means.
    pub message: &'static str,
}

impl Reply {
    pub(super) const fn ok(body: ReplyBody) -> Self {
        Self { status: 200, body }
    }

    /// The JSON text of the body; empty when there is none.
    #[must_use]
    pub fn json(&self) -> String {
        match &self.body {
            ReplyBody::Nothing => String::new(),
            body @ (ReplyBody::Item(_) | ReplyBody::List(_) | ReplyBody::Refusal(_)) => {
                serde_json::to_string(body).unwrap_or_default()
            }
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: refusal.error,
            body: ReplyBody::Refusal(refusal),
        }
    }
}

impl Refusal {
    const fn plain(error: u16, message: &'static str) -> Self {
        Self {
            detail: None,
            error,
            message,
        }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::plain(400, "Bad Request")
        }
    }

    pub(super) const fn unauthorized() -> Self {
        Self::plain(401, "Unauthorized")
    }

    pub(super) const fn not_found() -> Self {
        Self::plain(404, "Not Found")
    }

    pub(super) const fn not_implemented() -> Self {
        Self::plain(501, "Not Implemented")
    }

    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::plain(500, "Internal Server Error")
        }
    }

    pub(super) fn no_permission() -> Self {
        Self::internal("not enough permissions (9)")
    }

    pub(super) fn bad_identifier() -> Self {
        Self::bad_request("missing or invalid resource identifier")
    }

    pub(super) fn no_menu(word: &str) -> Self {
        Self::bad_request(format!("no such command or directory ({word})"))
    }

    pub(super) fn unknown_parameter(name: &str) -> Self {
        Self::bad_request(format!("unknown parameter {name}"))
    }

    pub(super) fn no_such_value(name: &str) -> Self {
        Self::bad_request(format!("input does not match any value of {name}"))
    }

    pub(super) fn invalid_value(name: &str) -> Self {
        Self::bad_request(format!("invalid value for argument {name}"))
    }

    pub(super) fn out_of_range(name: &str, min: i64, max: i64) -> Self {
        Self::bad_request(format!("value of {name} out of range ({min}..{max})"))
    }

    /// The refusal a fault of this status shows.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            400 => Self::bad_identifier(),
            401 => Self::unauthorized(),
            404 => Self::not_found(),
            500 => Self::no_permission(),
            other => Self::plain(other, "Error"),
        }
    }
}
