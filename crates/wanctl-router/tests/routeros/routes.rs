//! Moving routes by their distance, and who else acts on the router.

use wanctl_router::{RouteChange, Routes, SteeringRouter};

use crate::client;
use crate::server::{Answer, Server};

const COMMENT: &str = "WAN cable";
const LIST: &str = "GET /rest/ip/route?.proplist=.id,comment,dst-address,distance,disabled,active";

fn route(id: &str, comment: &str, rest: &str) -> String {
    format!("{{\".id\":\"{id}\",\"comment\":\"{comment}\",\"dst-address\":\"0.0.0.0/0\"{rest}}}")
}

/// A router whose route has `distance`, among others without comments and distances.
async fn router(distance: u8, answer: u8) -> Server {
    Server::start(move |request, _| {
        if request.is("PATCH") {
            let rest = format!(",\"distance\":\"{answer}\",\"active\":\"true\"");
            return Answer::ok(route("*7", COMMENT, &rest));
        }
        let rest = format!(",\"distance\":\"{distance}\",\"active\":\"true\"");
        Answer::ok(format!(
            "[{{\".id\":\"*80000001\",\"dst-address\":\"192.168.88.0/24\"}},{},{}]",
            route("*6", "WAN cable (old)", ",\"disabled\":\"true\""),
            route("*7", COMMENT, &rest)
        ))
    })
    .await
}

#[tokio::test]
async fn a_route_is_found_by_its_exact_comment() {
    let server = router(1, 1).await;
    let route = client(&server).route(COMMENT).await.unwrap();
    assert_eq!((route.id.as_str(), route.distance), ("*7", Some(1)));
    assert_eq!(route.destination, "0.0.0.0/0");
    assert!(route.active && !route.disabled);
    assert_eq!(server.lines(), [LIST]);
}

#[tokio::test]
async fn a_distance_is_written_only_when_it_differs_and_is_read_back() {
    let server = router(1, 101).await;
    let moved = client(&server).set_route_distance(COMMENT, 101).await;
    assert_eq!(moved.unwrap(), RouteChange::Changed { from: 1 });
    assert_eq!(server.lines(), [LIST, "PATCH /rest/ip/route/*7"]);
    assert_eq!(server.requests()[1].body, "{\"distance\":\"101\"}");

    let server = router(101, 0).await;
    let same = client(&server).set_route_distance(COMMENT, 101).await;
    assert_eq!(same.unwrap(), RouteChange::AlreadySo);
    assert_eq!(server.lines(), [LIST]);
}

#[tokio::test]
async fn a_route_that_does_not_follow_is_an_error_with_both_distances() {
    let server = router(1, 1).await;
    let error = client(&server)
        .set_route_distance(COMMENT, 101)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "route_not_applied");
    assert!(error.to_string().contains("101") && error.to_string().contains("reads 1"));
}

#[tokio::test]
async fn a_disabled_route_has_no_distance_and_is_left_alone() {
    let server = Server::start(|_, _| {
        Answer::ok(format!(
            "[{}]",
            route("*7", COMMENT, ",\"disabled\":\"true\"")
        ))
    })
    .await;
    let error = client(&server)
        .set_route_distance(COMMENT, 101)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "route_disabled");
    assert_eq!(server.lines(), [LIST], "nothing was written");
}

#[tokio::test]
async fn a_missing_or_repeated_route_is_an_error_that_names_it() {
    let rest = ",\"distance\":\"1\"";
    let twice = format!(
        "[{},{}]",
        route("*7", COMMENT, rest),
        route("*9", COMMENT, rest)
    );
    for (body, kind) in [("[]".to_owned(), "not_found"), (twice, "ambiguous")] {
        let server = Server::start(move |_, _| Answer::ok(body.clone())).await;
        let error = client(&server)
            .set_route_distance(COMMENT, 2)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(COMMENT), "{error}");
    }
}

#[tokio::test]
async fn what_mentions_the_object_and_acts_is_a_rival() {
    let server = Server::start(|request, _| {
        let path = &request.line;
        Answer::ok(if path.contains("netwatch") {
            format!(
                "[{{\".id\":\"*1\",\"host\":\"1.1.1.1\",\"down-script\":\"/ip/route/set [find comment=\\\"{COMMENT}\\\"] distance=9\"}},\
                 {{\".id\":\"*2\",\"host\":\"9.9.9.9\",\"disabled\":\"true\",\"up-script\":\"{COMMENT}\"}}]"
            )
        } else if path.contains("scheduler") {
            "[{\".id\":\"*3\",\"name\":\"backup\",\"on-event\":\"/export\"}]".to_owned()
        } else {
            format!("[{{\".id\":\"*4\",\"name\":\"failover\",\"source\":\"{COMMENT}\"}}]")
        })
    })
    .await;
    let rivals = client(&server).rivals(&[COMMENT.to_owned()]).await.unwrap();
    let told: Vec<String> = rivals.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "tool/netwatch \"1.1.1.1\" mentions \"WAN cable\"",
            "system/script \"failover\" mentions \"WAN cable\""
        ]
    );
}

#[tokio::test]
async fn the_download_queue_alone_is_read() {
    let server = Server::start(|_, _| {
        Answer::ok(
            "[{\".id\":\"*A\",\"name\":\"WAN-Down\",\"bytes\":\"9\",\"packets\":\"3\",\"dropped\":\"2\",\"queued-packets\":\"41\"}]"
                .to_owned(),
        )
    })
    .await;
    let counters = client(&server).download_counters().await.unwrap();
    assert_eq!(
        (counters.dropped, counters.queued_packets),
        (Some(2), Some(41))
    );
    assert_eq!(server.lines().len(), 1);
}
