use super::*;

fn router() -> RouterOs {
    let router = RouterOs::new();
    router.add_queue("down", Bps::from_mbps(50));
    router.add_queue("up", Bps::from_mbps(10));
    router.add_mangle_rule("STEER: one", false);
    router
}

fn ask(router: &RouterOs, verb: Verb, path: &str, body: Value) -> (u16, Value) {
    ask_query(router, verb, path, "", body)
}

fn ask_query(router: &RouterOs, verb: Verb, path: &str, query: &str, body: Value) -> (u16, Value) {
    let mut request = Request::new(verb, path, body);
    request.query = query::decode(query, false);
    let Answer::Reply(reply) = router.handle(&request) else {
        panic!("no proper reply");
    };
    let json = reply.json();
    let body = if json.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&json).unwrap()
    };
    (reply.status, body)
}

fn refusal(status: u16, detail: &str) -> (u16, Value) {
    let message = if status == 500 {
        "Internal Server Error"
    } else {
        "Bad Request"
    };
    let body = json!({"detail": detail, "error": status, "message": message});
    (status, body)
}

#[test]
fn a_list_shows_texts_with_members_in_byte_order() {
    let router = router();
    let Answer::Reply(reply) = router.handle(&Request::new(Verb::Get, "queue/tree", Value::Null))
    else {
        panic!("no proper reply");
    };
    let json = reply.json();
    assert!(
        json.starts_with(r#"[{".id":"*1000000","bucket-size":"0.1","#),
        "{json}"
    );
    assert!(
        json.contains(r#""max-limit":"50000000","name":"down""#),
        "{json}"
    );
    assert!(!json.contains("comment"), "{json}");
}

#[test]
fn filters_must_all_hold_and_the_identifier_is_always_shown() {
    let router = router();
    let list = |query| ask_query(&router, Verb::Get, "queue/tree", query, Value::Null).1;
    assert_eq!(
        list("name=up&.proplist=max-limit"),
        json!([
            {".id": "*1000001", "max-limit": "10000000"}
        ])
    );
    assert_eq!(list("name=up&max-limit=1"), json!([]));
    let rules = |query| ask_query(&router, Verb::Get, "ip/firewall/mangle", query, Value::Null).1;
    assert_eq!(rules("comment=STEER:+one"), json!([]));
    assert_eq!(
        rules("comment=STEER:%20one").as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn items_are_read_and_set_by_identifier_or_name() {
    let router = router();
    for (selector, limit) in [("*1000000", "20M"), ("down", "20k"), ("down", "21000000")] {
        let path = format!("queue/tree/{selector}");
        let (status, item) = ask(&router, Verb::Patch, &path, json!({"max-limit": limit}));
        assert_eq!(status, 200);
        assert_eq!(item["name"], "down");
        assert_eq!(ask(&router, Verb::Get, &path, Value::Null), (200, item));
    }
    assert_eq!(router.limit("down"), Some(Bps::from_mbps(21)));
}

#[test]
fn items_are_added_and_removed() {
    let router = router();
    let body = json!({"name": "more", "queue": "cake", "priority": 3});
    let (status, item) = ask(&router, Verb::Put, "queue/tree", body.clone());
    assert_eq!((status, &item["priority"]), (201, &json!("3")));
    assert_eq!(
        ask(&router, Verb::Put, "queue/tree", body),
        refusal(400, "failure: already have such name")
    );
    let path = format!("queue/tree/{}", item[".id"].as_str().unwrap());
    assert_eq!(
        ask(&router, Verb::Delete, &path, Value::Null),
        (204, Value::Null)
    );
    assert_eq!(ask(&router, Verb::Delete, &path, Value::Null).0, 404);
}

#[test]
fn refusals_say_what_a_device_says() {
    let router = router();
    let patch = |path, body| ask(&router, Verb::Patch, path, body);
    let cases = [
        (
            patch("queue/tree/down", json!({"speed": "1"})),
            "unknown parameter speed",
        ),
        (
            patch("queue/tree/down", json!({"bytes": "1"})),
            "unknown parameter bytes",
        ),
        (
            patch("queue/tree/down", json!({"priority": "9"})),
            "value of priority out of range (1..8)",
        ),
        (
            patch("queue/tree/down", json!({"queue": "x"})),
            "input does not match any value of queue",
        ),
        (
            patch("queue/tree/*zz", json!({})),
            "missing or invalid resource identifier",
        ),
        (
            patch("queue/tree", json!({})),
            "missing or invalid resource identifier",
        ),
        (
            patch("ip/firewall/mangle/x", json!({})),
            "no such command prefix",
        ),
        (
            patch("queue/bush/x", json!({})),
            "no such command or directory (bush)",
        ),
        (
            ask(&router, Verb::Get, "queue/tree/print", Value::Null),
            "no such command",
        ),
        (
            ask(&router, Verb::Post, "queue/tree", json!({})),
            "no such command",
        ),
        (
            ask(&router, Verb::Post, "queue/tree/set", json!({})),
            "missing =.id=",
        ),
    ];
    for (answer, detail) in cases {
        assert_eq!(answer, refusal(400, detail));
    }
    assert_eq!(
        patch("queue/tree/*FF", json!({})),
        (404, json!({"error": 404, "message": "Not Found"}))
    );
    router.set_read_only(true);
    assert_eq!(
        ask(
            &router,
            Verb::Patch,
            "queue/tree/down",
            json!({"max-limit": "1"})
        ),
        refusal(500, "not enough permissions (9)")
    );
    assert_eq!(router.limit("down"), Some(Bps::from_mbps(50)));
}

#[test]
fn commands_print_set_enable_and_disable() {
    let router = router();
    let post = |path, body| ask(&router, Verb::Post, path, body);
    let query = json!({".proplist": ["name"], ".query": ["name=up", "name=down", "#|"]});
    let (_, list) = post("queue/tree/print", query);
    assert_eq!(
        list,
        json!([
            {".id": "*1000000", "name": "down"}, {".id": "*1000001", "name": "up"}
        ])
    );
    let set = json!({"numbers": "up,down", "max-limit": "1M"});
    assert_eq!(post("queue/tree/set", set), (200, json!([])));
    assert_eq!(router.limit("up"), Some(Bps::from_mbps(1)));

    let disabled = || router.item("ip/firewall/mangle", "STEER: one").unwrap()["disabled"].clone();
    post("ip/firewall/mangle/enable", json!({".id": "*1"}));
    assert_eq!(disabled(), "false");
    post("ip/firewall/mangle/disable", json!({".id": "*1"}));
    assert_eq!(disabled(), "true");
    post("system/identity/set", json!({"name": "core"}));
    assert_eq!(
        ask(&router, Verb::Get, "system/identity", Value::Null).1,
        json!({"name": "core"})
    );
}

#[test]
fn a_change_that_fails_half_way_changes_nothing() {
    let router = router();
    let body = json!({"numbers": "up,down", "name": "same"});
    assert_eq!(ask(&router, Verb::Post, "queue/tree/set", body).0, 400);
    assert!(router.limit("up").is_some() && router.limit("same").is_none());
}

#[test]
fn a_reboot_renumbers_and_returns_to_what_was_saved() {
    let router = router();
    router.set_limit("down", Bps::from_mbps(5)).unwrap();
    let before = router.item("queue/tree", "down").unwrap()[".id"].clone();
    router.reboot();
    assert_eq!(router.limit("down"), Some(Bps::from_mbps(50)));
    assert!(router.item("queue/tree", &before).is_none());
    router.reboot();
    assert!(router.item("queue/tree", &before).is_none());
}

#[test]
fn hooks_hear_of_every_changed_limit_and_only_of_those() {
    let router = router();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    router.on_limit_change(move |queue, limit| {
        log.lock().unwrap().push((queue.to_owned(), limit.get()));
    });
    router.set_limit("down", Bps::new(7)).unwrap();
    router.set_limit("down", Bps::new(7)).unwrap();
    ask(
        &router,
        Verb::Patch,
        "queue/tree/up",
        json!({"comment": "x"}),
    );
    router.reboot();
    let expected = [("down", 7), ("down", 50_000_000)].map(|(q, l)| (q.to_owned(), l));
    assert_eq!(*heard.lock().unwrap(), expected);
    assert!(matches!(
        router.set_limit("none", Bps::ZERO),
        Err(Error::NoSuchQueue { .. })
    ));
}

#[test]
fn faults_lie_about_what_was_done() {
    let limit_after = |fault| {
        let router = router();
        router.inject(fault, FaultScope::Writes, FaultExtent::Requests(1));
        let request = Request::new(Verb::Patch, "queue/tree/down", json!({"max-limit": "1M"}));
        let answer = router.handle(&request);
        (answer, router.limit("down").unwrap().get())
    };
    let (answer, limit) = limit_after(Fault::AppliedButError);
    assert!(matches!(answer, Answer::Reply(reply) if reply.status == 400));
    assert_eq!(limit, 1_000_000);

    let (answer, limit) = limit_after(Fault::OkButNotApplied);
    let Answer::Reply(Reply {
        status: 200,
        body: ReplyBody::Item(item),
    }) = answer
    else {
        panic!("not a success");
    };
    assert_eq!((item["max-limit"].as_str(), limit), ("1000000", 50_000_000));

    let (answer, limit) = limit_after(Fault::HalfJson);
    let Answer::Garbled { body, .. } = answer else {
        panic!("not garbled");
    };
    assert!(serde_json::from_str::<Value>(&body).is_err());
    assert_eq!(limit, 1_000_000);

    assert_eq!(
        limit_after(Fault::CloseConnection),
        (Answer::Closed, 50_000_000)
    );
}

#[test]
fn counters_come_from_the_meter_and_start_again_when_reset() {
    let router = router();
    router.meter_queues(|queue| {
        (queue == "down").then_some(QueueMeter {
            bytes: Bytes::new(3_000),
            queued: Bytes::new(1_501),
        })
    });
    let shown = |name: &str| router.item("queue/tree", "down").unwrap()[name].clone();
    assert_eq!(shown("bytes"), "3000");
    assert_eq!(shown("queued-packets"), "2");
    assert_eq!(shown("dropped"), "0");
    ask(
        &router,
        Verb::Post,
        "queue/tree/reset-counters",
        json!({"numbers": "down"}),
    );
    assert_eq!(shown("bytes"), "0");
    assert_eq!(router.item("queue/tree", "up").unwrap()["bytes"], "0");
}

#[test]
fn requests_are_counted_and_changes_wear_the_flash() {
    let router = router();
    let sectors = || -> u64 {
        router.items("system/resource")[0]["write-sect-total"]
            .parse()
            .unwrap()
    };
    let before = sectors();
    ask(
        &router,
        Verb::Patch,
        "queue/tree/down",
        json!({"max-limit": "1M"}),
    );
    ask(
        &router,
        Verb::Patch,
        "queue/tree/none",
        json!({"max-limit": "1M"}),
    );
    ask(&router, Verb::Get, "queue/tree", Value::Null);
    assert_eq!(sectors(), before + 1);
    let counts = router.counts();
    assert_eq!((counts.total, counts.writes), (3, 2));
    assert_eq!(router.requests()[1].status, Some(404));
}
