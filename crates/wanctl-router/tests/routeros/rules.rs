//! Switching mangle rules.

use std::sync::Mutex;

use wanctl_router::{Error, MangleRules, RuleChange};

use crate::client;
use crate::server::{Answer, Request, Server};

const COMMENT: &str = "ADAPTIVE: Steer latency-sensitive to ATT";
const LIST: &str = "GET /rest/ip/firewall/mangle?.proplist=.id,chain,comment,disabled";
const PATCH: &str = "PATCH /rest/ip/firewall/mangle/*4";

fn rule(id: &str, comment: &str, disabled: Option<bool>) -> String {
    let disabled = disabled.map_or_else(String::new, |on| format!(",\"disabled\":\"{on}\""));
    format!("{{\".id\":\"{id}\",\"chain\":\"prerouting\",\"comment\":\"{comment}\"{disabled}}}")
}

/// A router with one rule among similar ones, which answers a PATCH with the rule's new state.
async fn router(disabled: Option<bool>) -> Server {
    Server::start(move |request, _| {
        if request.is("PATCH") {
            return Answer::ok(rule("*4", COMMENT, Some(asks_to_disable(request))));
        }
        Answer::ok(format!(
            "[{{\".id\":\"*1\",\"chain\":\"forward\"}},{},{},{}]",
            rule("*2", &COMMENT.to_lowercase(), None),
            rule("*3", &format!("{COMMENT} (old)"), None),
            rule("*4", COMMENT, disabled)
        ))
    })
    .await
}

fn asks_to_disable(request: &Request) -> bool {
    match request.body.as_str() {
        "{\"disabled\":\"true\"}" => true,
        "{\"disabled\":\"false\"}" => false,
        other => panic!("unexpected body {other}"),
    }
}

#[tokio::test]
async fn a_rule_is_found_by_its_exact_comment() {
    for (member, disabled) in [(None, false), (Some(false), false), (Some(true), true)] {
        let server = router(member).await;
        let rule = client(&server).rule(COMMENT).await.unwrap();
        assert_eq!((rule.id.as_str(), rule.disabled), ("*4", disabled));
        assert_eq!(
            (rule.comment.as_str(), rule.chain.as_str()),
            (COMMENT, "prerouting")
        );
        assert_eq!(server.lines(), [LIST]);
    }
}

#[tokio::test]
async fn a_rule_is_written_only_when_it_must_change() {
    for (disabled, enable, change) in [
        (None, true, RuleChange::AlreadySo),
        (None, false, RuleChange::Changed),
        (Some(true), true, RuleChange::Changed),
        (Some(true), false, RuleChange::AlreadySo),
    ] {
        let server = router(disabled).await;
        let done = client(&server).set_rule_enabled(COMMENT, enable).await;
        assert_eq!(done.unwrap(), change);
        match change {
            RuleChange::Changed => {
                assert_eq!(server.lines(), [LIST, PATCH]);
                assert_eq!(asks_to_disable(&server.requests()[1]), !enable);
            }
            RuleChange::AlreadySo => assert_eq!(server.lines(), [LIST]),
        }
    }
}

#[tokio::test]
async fn a_missing_or_repeated_comment_is_an_error_that_names_it() {
    let twice = format!(
        "[{},{}]",
        rule("*4", COMMENT, None),
        rule("*9", COMMENT, Some(true))
    );
    for (body, kind) in [("[]".to_owned(), "not_found"), (twice, "ambiguous")] {
        let server = Server::start(move |_, _| Answer::ok(body.clone())).await;
        let error = client(&server)
            .set_rule_enabled(COMMENT, true)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(COMMENT), "{error}");
        if let Error::Ambiguous { matches, .. } = error {
            assert_eq!(matches, ["*4", "*9"]);
        }
        assert_eq!(server.lines(), [LIST], "nothing was written");
    }
}

#[tokio::test]
async fn an_empty_comment_matches_nothing() {
    let server = Server::start(|_, _| Answer::ok(format!("[{}]", rule("*4", "", None)))).await;
    let error = client(&server).rule("").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

/// Answers in order.
async fn scripted(answers: Vec<Answer>) -> Server {
    let answers = Mutex::new(answers.into_iter());
    Server::start(move |_, _| answers.lock().unwrap().next().unwrap_or(Answer::Reset)).await
}

fn listing(id: &str, disabled: bool) -> Answer {
    Answer::ok(format!("[{}]", rule(id, COMMENT, Some(disabled))))
}

#[tokio::test]
async fn a_garbled_answer_is_read_back() {
    for (disabled, followed) in [(false, true), (true, false)] {
        let server = scripted(vec![
            listing("*4", true),
            Answer::ok("{\".id\":\"*4\","),
            listing("*4", disabled),
        ])
        .await;
        let done = client(&server).set_rule_enabled(COMMENT, true).await;
        assert_eq!(done.is_ok(), followed, "{done:?}");
        if let Err(error) = done {
            assert!(
                matches!(error, Error::RuleNotApplied { enabled: true, .. }),
                "{error}"
            );
        }
        assert_eq!(server.lines(), [LIST, PATCH, LIST]);
    }
}

#[tokio::test]
async fn a_refused_write_is_read_again() {
    let refusal = Answer::refusal(400, "Bad Request", "failure: busy");
    for (disabled, happened) in [(false, true), (true, false)] {
        let answers = vec![
            listing("*4", true),
            refusal.clone(),
            listing("*4", disabled),
        ];
        let server = scripted(answers).await;
        let done = client(&server).set_rule_enabled(COMMENT, true).await;
        assert_eq!(done.is_ok(), happened, "{done:?}");
        if let Err(error) = done {
            assert!(matches!(error, Error::Rejected { .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn a_rule_that_moved_is_looked_up_again_once() {
    let server = scripted(vec![
        listing("*4", true),
        Answer::refusal(404, "Not Found", ""),
        listing("*5", true),
        Answer::ok(rule("*5", COMMENT, Some(false))),
    ])
    .await;
    let done = client(&server).set_rule_enabled(COMMENT, true).await;
    assert_eq!(done.unwrap(), RuleChange::Changed);
    assert_eq!(server.lines()[3], "PATCH /rest/ip/firewall/mangle/*5");
}
