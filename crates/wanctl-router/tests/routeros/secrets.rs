//! The password never shows.

use wanctl_router::{Backend, MangleRules, Observed, RouterOsRest};
use wanctl_types::{Bps, PerDirection};

use crate::server::{Answer, Server};
use crate::{PASSWORD, client, config};

/// The password as the Authorization header carries it, with the user in front.
const ENCODED: &str = "d2FuY3RsOnMzY3IzdC1QYTU1";

fn assert_hidden(text: &str) {
    assert!(
        !text.contains(PASSWORD) && !text.contains(ENCODED),
        "{text}"
    );
}

#[test]
fn configuration_and_client_hide_it() {
    let config = config(80);
    assert_hidden(&format!("{config:?}"));
    let client = RouterOsRest::new(config).unwrap();
    let shown = format!("{client:?}");
    assert!(
        shown.contains("http://127.0.0.1:80/rest as \"wanctl\""),
        "{shown}"
    );
    assert_hidden(&shown);
}

#[test]
fn a_configuration_that_makes_no_client_hides_it() {
    let mut config = config(80);
    config.host = format!("wanctl:{PASSWORD}@router");
    let error = RouterOsRest::new(config).unwrap_err();
    assert_hidden(&format!("{error} {error:?}"));
}

#[tokio::test]
async fn no_failure_shows_it() {
    let mut failures = Vec::new();
    for answer in [
        Answer::Reset,
        Answer::raw("SSH-2.0\r\n\r\n"),
        Answer::ok("<html>"),
        Answer::refusal(401, "Unauthorized", ""),
        Answer::refusal(403, "Forbidden", ""),
        Answer::refusal(404, "Not Found", ""),
        Answer::refusal(400, "Bad Request", "failure: no"),
    ] {
        let server = Server::start(move |_, _| answer.clone()).await;
        let client = client(&server);
        failures.push(client.observe().await.and_then(Observed::both).unwrap_err());
        failures.push(client.rule("steer").await.unwrap_err());
        let limits = PerDirection::new(Some(Bps::new(1)), Some(Bps::new(1)));
        let applied = client.apply(limits).await.directions;
        failures.push(applied.download.unwrap().unwrap_err());
    }
    for error in failures {
        assert_hidden(&format!("{error} {error:?}"));
    }
}
