//! Setting and reading rates.

use std::sync::Mutex;

use wanctl_router::{Backend, Counters, Error, Limits, Observed, Outcome};
use wanctl_types::{Bps, Bytes, Direction, PerDirection};

use crate::server::{Answer, Request, Server};
use crate::{client, down};

fn item(id: &str, name: &str, limit: &str) -> String {
    format!(
        "{{\".id\":\"{id}\",\"disabled\":\"false\",\"max-limit\":\"{limit}\",\"name\":\"{name}\"}}"
    )
}

/// The value a PATCH asks for.
fn wanted(request: &Request) -> String {
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    body.get("max-limit").unwrap().as_str().unwrap().to_owned()
}

/// A router that does everything right.
fn obedient(request: &Request, _: usize) -> Answer {
    if request.is("GET /rest/queue/tree?name=WAN-Down") {
        Answer::ok(format!("[{}]", item("*7", "WAN-Down", "500000000")))
    } else if request.is("GET /rest/queue/tree?name=WAN-Up") {
        Answer::ok(format!("[{}]", item("*A", "WAN-Up", "20000000")))
    } else if request.is("GET /rest/queue/tree?.proplist") {
        Answer::ok(format!(
            "[{},{},{}]",
            item("*1", "other", "1"),
            item("*7", "WAN-Down", "500M"),
            item("*A", "WAN-Up", "20000k")
        ))
    } else if request.is("PATCH /rest/queue/tree/*7 ") {
        Answer::ok(item("*7", "WAN-Down", &wanted(request)))
    } else if request.is("PATCH /rest/queue/tree/*A ") {
        Answer::ok(item("*A", "WAN-Up", &wanted(request)))
    } else {
        Answer::refusal(404, "Not Found", "")
    }
}

fn observed(result: Option<Result<Outcome, Error>>) -> Bps {
    result.unwrap().unwrap().observed
}

#[tokio::test]
async fn both_directions_are_set_and_read_back() {
    let server = Server::start(obedient).await;
    let limits = PerDirection::new(Bps::from_mbps(400), Bps::from_mbps(15));
    let client = client(&server);
    let applied = client.apply(limits.map(Some)).await;
    assert_eq!(applied.directions.map(observed), limits);

    let mut lines = server.lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "GET /rest/queue/tree?name=WAN-Down",
            "GET /rest/queue/tree?name=WAN-Up",
            "PATCH /rest/queue/tree/*7",
            "PATCH /rest/queue/tree/*A",
        ]
    );
    let again = client.apply(limits.map(Some)).await;
    assert_eq!(again.directions.map(observed), limits);
    assert_eq!(server.lines().len(), 6, "ids are remembered");
    let connections = server.requests().iter().map(|r| r.connection).max();
    assert!(connections <= Some(1), "two connections are enough");
}

#[tokio::test]
async fn a_write_is_one_authorised_patch_with_nothing_but_the_rate() {
    let server = Server::start(obedient).await;
    let applied = client(&server).apply(down(400)).await;
    assert!(applied.directions.upload.is_none());
    let requests = server.requests();
    assert_eq!(requests[1].line, "PATCH /rest/queue/tree/*7 HTTP/1.1");
    assert_eq!(requests[1].body, "{\"max-limit\":\"400000000\"}");
    for request in requests {
        // "wanctl:s3cr3t-Pa55", sent without waiting for a challenge.
        assert_eq!(
            request.header("authorization"),
            Some("Basic d2FuY3RsOnMzY3IzdC1QYTU1")
        );
    }
}

#[tokio::test]
async fn nothing_asked_for_is_nothing_sent() {
    let server = Server::start(obedient).await;
    let applied = client(&server).apply(Limits::default()).await;
    assert!(
        applied
            .directions
            .iter()
            .all(|(_, result)| result.is_none())
    );
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn a_rate_of_zero_would_lift_the_limit_and_is_not_sent() {
    let server = Server::start(obedient).await;
    let applied = client(&server).apply(down(0)).await;
    let result = applied.directions.download.unwrap();
    assert!(
        matches!(result, Err(Error::Unsupported { .. })),
        "{result:?}"
    );
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn one_directions_failure_leaves_the_other_alone() {
    let server = Server::start(|request, nth| {
        if request.is("PATCH /rest/queue/tree/*A") {
            Answer::refusal(500, "Internal Server Error", "not enough permissions (9)")
        } else {
            obedient(request, nth)
        }
    })
    .await;
    let limits = PerDirection::new(Some(Bps::from_mbps(400)), Some(Bps::from_mbps(15)));
    let applied = client(&server).apply(limits).await.directions;
    assert_eq!(observed(applied.download), Bps::from_mbps(400));
    let error = applied.upload.unwrap().unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
}

#[tokio::test]
async fn names_that_match_no_queue_or_several_are_errors() {
    for (body, kind) in [
        ("[]".to_owned(), "not_found"),
        // A router that ignores the filter.
        (format!("[{}]", item("*1", "other", "1")), "not_found"),
        (
            format!(
                "[{},{}]",
                item("*7", "WAN-Down", "1"),
                item("*8", "WAN-Down", "1")
            ),
            "ambiguous",
        ),
    ] {
        let server = Server::start(move |_, _| Answer::ok(body.clone())).await;
        let applied = client(&server).apply(down(400)).await;
        let error = applied.directions.download.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind);
        let text = error.to_string();
        assert!(text.contains("queue \"WAN-Down\" in /queue/tree"), "{text}");
        if kind == "ambiguous" {
            assert!(text.contains("*7") && text.contains("*8"), "{text}");
        }
    }
}

#[tokio::test]
async fn an_id_that_is_no_id_enters_no_path() {
    let server =
        Server::start(|_, _| Answer::ok(format!("[{}]", item("*7/../../user", "WAN-Down", "1"))))
            .await;
    let applied = client(&server).apply(down(400)).await;
    let error = applied.directions.download.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    assert_eq!(server.lines().len(), 1);
}

/// Answers in order; what it is asked is checked by the test afterwards.
async fn scripted(answers: Vec<Answer>) -> Server {
    let answers = Mutex::new(answers.into_iter());
    Server::start(move |_, _| answers.lock().unwrap().next().unwrap_or(Answer::Reset)).await
}

const FIND: &str = "GET /rest/queue/tree?name=WAN-Down";

#[tokio::test]
async fn a_stale_id_is_looked_up_again_once() {
    for refusal in [
        Answer::refusal(404, "Not Found", ""),
        Answer::refusal(400, "Bad Request", "missing or invalid resource identifier"),
        // The id now belongs to another queue.
        Answer::ok(item("*7", "guests", "400000000")),
    ] {
        let server = scripted(vec![
            Answer::ok(format!("[{}]", item("*7", "WAN-Down", "1"))),
            refusal,
            Answer::ok(format!("[{}]", item("*9", "WAN-Down", "1"))),
            Answer::ok(item("*9", "WAN-Down", "400000000")),
        ])
        .await;
        let applied = client(&server).apply(down(400)).await;
        assert_eq!(observed(applied.directions.download), Bps::from_mbps(400));
        let patches = ["PATCH /rest/queue/tree/*7", "PATCH /rest/queue/tree/*9"];
        assert_eq!(server.lines(), [FIND, patches[0], FIND, patches[1]]);
    }
}

#[tokio::test]
async fn an_id_that_stays_stale_is_reported() {
    let server = Server::start(|request, nth| {
        if request.is("PATCH") {
            Answer::refusal(404, "Not Found", "")
        } else {
            obedient(request, nth)
        }
    })
    .await;
    let applied = client(&server).apply(down(400)).await;
    let error = applied.directions.download.unwrap().unwrap_err();
    assert!(matches!(error, Error::StaleId { .. }), "{error}");
    assert!(error.is_retryable());
    assert_eq!(server.lines().len(), 4);
}

#[tokio::test]
async fn an_answer_without_the_rate_is_read_back() {
    for echo in ["", "[]", "{}", "{\".id\":\"*7\",\"na", "<html>"] {
        let server = scripted(vec![
            Answer::ok(format!("[{}]", item("*7", "WAN-Down", "1"))),
            Answer::ok(echo),
            Answer::ok(format!("[{}]", item("*7", "WAN-Down", "400M"))),
        ])
        .await;
        let applied = client(&server).apply(down(400)).await;
        assert_eq!(observed(applied.directions.download), Bps::from_mbps(400));
        assert_eq!(server.lines(), [FIND, "PATCH /rest/queue/tree/*7", FIND]);
    }
}

#[tokio::test]
async fn another_rate_than_the_wanted_one_is_not_applied() {
    let server = Server::start(|request, nth| {
        if request.is("PATCH") {
            Answer::ok(item("*7", "WAN-Down", "100M"))
        } else {
            obedient(request, nth)
        }
    })
    .await;
    let applied = client(&server).apply(down(400)).await;
    let error = applied.directions.download.unwrap().unwrap_err();
    let Error::NotApplied {
        wanted, observed, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(
        (wanted, observed),
        (Bps::from_mbps(400), Bps::from_mbps(100))
    );
}

#[tokio::test]
async fn a_refused_write_that_happened_all_the_same_counts() {
    for (limit, happened) in [("400000000", true), ("1", false)] {
        let server = scripted(vec![
            Answer::ok(format!("[{}]", item("*7", "WAN-Down", "1"))),
            Answer::refusal(400, "Bad Request", "value of max-limit out of range (0..1)"),
            Answer::ok(format!("[{}]", item("*7", "WAN-Down", limit))),
        ])
        .await;
        let applied = client(&server).apply(down(400)).await;
        match applied.directions.download.unwrap() {
            Ok(outcome) => assert!(happened && outcome.observed == Bps::from_mbps(400)),
            Err(error) => {
                assert!(!happened && matches!(error, Error::Rejected { status: 400, .. }));
                assert!(error.to_string().contains("out of range (0..1)"), "{error}");
            }
        }
        assert_eq!(server.lines().len(), 3, "read again, never assumed");
    }
}

#[tokio::test]
async fn both_rates_are_observed_with_one_request() {
    let server = Server::start(obedient).await;
    let client = client(&server);
    let rates = client.observe().await.and_then(Observed::both).unwrap();
    assert_eq!(
        rates,
        PerDirection::new(Bps::from_mbps(500), Bps::from_mbps(20))
    );
    assert_eq!(
        server.lines(),
        ["GET /rest/queue/tree?.proplist=.id,name,disabled,invalid,max-limit"]
    );
    let applied = client.apply(down(400)).await;
    assert_eq!(observed(applied.directions.download), Bps::from_mbps(400));
    assert_eq!(server.lines().len(), 2, "the reading refreshed the id");
}

#[tokio::test]
async fn a_queue_that_is_missing_leaves_the_other_ones_rate_known() {
    let server = Server::start(|_, _| Answer::ok(format!("[{}]", item("*A", "WAN-Up", "7")))).await;
    let read = client(&server).observe().await.unwrap().directions;
    assert_eq!(read.upload.unwrap(), Bps::new(7));
    let error = read.download.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_rate_that_cannot_be_read_shows_what_was_there() {
    let server = Server::start(|_, _| {
        let (down, up) = (item("*7", "WAN-Down", "fast"), item("*A", "WAN-Up", "1"));
        Answer::ok(format!("[{down},{up}]"))
    })
    .await;
    let error = client(&server)
        .observe()
        .await
        .and_then(Observed::both)
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("\"WAN-Down\"") && text.contains("\"fast\""),
        "{text}"
    );
}

#[tokio::test]
async fn counters_are_strings_and_may_be_missing() {
    let server = Server::start(|_, _| {
        Answer::ok(
            "[{\".id\":\"*7\",\"name\":\"WAN-Down\",\"bytes\":\"123\",\"packets\":\"4\",\
             \"dropped\":\"0\",\"queued-bytes\":\"1500\"},\
             {\".id\":\"*A\",\"name\":\"WAN-Up\",\"bytes\":\"18446744073709551615\"}]",
        )
    })
    .await;
    let counters = client(&server).counters().await.unwrap();
    assert_eq!(
        counters.download,
        Counters {
            bytes: Some(Bytes::new(123)),
            packets: Some(4),
            dropped: Some(0),
            backlog: Some(Bytes::new(1500)),
            ..Counters::default()
        }
    );
    let upload = counters[Direction::Upload];
    assert_eq!(upload.bytes, Some(Bytes::new(u64::MAX)));
    assert_eq!(
        (upload.packets, upload.dropped, upload.backlog),
        (None, None, None)
    );
    assert_eq!(
        server.lines(),
        ["GET /rest/queue/tree?.proplist=.id,name,bytes,packets,dropped,queued-bytes"]
    );
}
