//! Statuses and bodies that are no success.

use wanctl_router::{Backend, Error, Observed};

use crate::client;
use crate::server::{Answer, Server};

async fn observe(answer: Answer) -> Error {
    let server = Server::start(move |_, _| answer.clone()).await;
    client(&server)
        .observe()
        .await
        .and_then(Observed::both)
        .unwrap_err()
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_keeps_the_routers_words() {
    let bad = "Bad Request";
    for (status, message, detail, kind, words) in [
        (401, "Unauthorized", "", "auth_failure", "wanctl"),
        (403, "Forbidden", "", "permission_denied", "Forbidden"),
        (
            500,
            "Internal Server Error",
            "not enough permissions (9)",
            "permission_denied",
            "not enough permissions (9)",
        ),
        (500, "Internal Server Error", "", "rejected", "500"),
        (
            400,
            bad,
            "no such command or directory (tree)",
            "rejected",
            "(tree)",
        ),
        (
            400,
            bad,
            "unknown parameter .proplist",
            "rejected",
            "unknown parameter",
        ),
        (400, bad, "Session closed", "rejected", "Session closed"),
        (404, "Not Found", "", "rejected", "404 Not Found"),
        (501, "Not Implemented", "", "rejected", "501"),
    ] {
        let error = observe(Answer::refusal(status, message, detail)).await;
        assert_eq!(error.kind(), kind, "{status} {detail}");
        let text = error.to_string();
        assert!(text.starts_with("cannot read the rates"), "{text}");
        assert!(text.contains(words), "{text}");
        assert!(!error.is_transport());
    }
}

#[tokio::test]
async fn only_a_servers_own_trouble_is_worth_a_retry() {
    for (status, retry) in [
        (400, false),
        (404, false),
        (408, true),
        (500, true),
        (503, true),
    ] {
        let error = observe(Answer::refusal(status, "", "")).await;
        assert_eq!(error.is_retryable(), retry, "{status}");
    }
}

#[tokio::test]
async fn an_empty_refusal_is_named_by_its_status() {
    let error = observe(Answer::Json(503, String::new())).await;
    let text = error.to_string();
    assert!(text.contains("503 Service Unavailable"), "{text}");
}

#[tokio::test]
async fn what_is_not_routeros_is_quoted_on_one_line() {
    let page = "<html>\r\n<title>it works</title>".repeat(1_000);
    for answer in [
        Answer::ok(page.clone()),
        Answer::Json(502, page),
        Answer::ok("[{\".id\":\"*7\",\"name\":\"WAN-Do"),
        Answer::ok("[[1]]"),
        Answer::ok("\u{1b}[31m"),
        Answer::ok(""),
    ] {
        let error = observe(answer).await;
        assert!(matches!(error, Error::Protocol { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.len() < 600 && !text.chars().any(char::is_control),
            "{text}"
        );
    }
}

#[tokio::test]
async fn refused_credentials_are_recognised_behind_any_page() {
    let error = observe(Answer::Json(401, "<html>".to_owned())).await;
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    assert!(error.is_authentication() && !error.is_retryable());
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let answer = Answer::raw(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n",
    );
    let error = observe(answer).await;
    assert!(
        matches!(error, Error::Rejected { status: 302, .. }),
        "{error}"
    );
}
