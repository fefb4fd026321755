//! What happens on lines, told as plans.

mod support;

use std::time::Duration;

use support::{Bench, Line, config, configured};
use wanctl_steering::{
    Action, ConfidenceConfig, EngineConfig, Held, Level, Reason, RouteConfig, RouteMode, Settled,
    ShaperObservation, StandardConfig, SteeringState, WanIndex,
};
use wanctl_types::{Bps, Millis, PerDirection, Timestamp, Zone};

const CYCLE: Duration = Duration::from_millis(500);
const CABLE: Line = Line::clean(20.0);
const DSL: Line = Line::clean(35.0);
const BLOATED: Line = Line::clean(170.0);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn bench(wans: usize) -> Bench {
    Bench::new(config(wans, CYCLE), CYCLE)
}

fn routed(wans: usize) -> Bench {
    let mut standard = StandardConfig::new(CYCLE);
    standard.routes = Some(RouteConfig::default());
    let mut config = configured(wans, EngineConfig::Standard(standard));
    for policy in &mut config.wans {
        policy.route = true;
    }
    Bench::new(config, CYCLE)
}

#[test]
fn congestion_moves_traffic_after_its_dwell_and_recovery_brings_it_back() {
    let mut bench = bench(2);
    bench.run(secs(60), &[CABLE, DSL]);
    bench.run(secs(60), &[BLOATED, DSL]);
    let (at, moved) = bench.moves[0];
    assert!(
        matches!(moved.reason, Reason::Congested { .. }),
        "{}",
        moved.reason
    );
    let took = at.saturating_since(Timestamp::ZERO + secs(60));
    assert!((secs(4)..secs(6)).contains(&took), "{took:?}");
    bench.run(secs(120), &[CABLE, DSL]);
    assert_eq!(bench.active(), 0);
    let (at, moved) = bench.moves[1];
    assert!(
        matches!(moved.reason, Reason::Recovered { .. }),
        "{}",
        moved.reason
    );
    let took = at.saturating_since(Timestamp::ZERO + secs(120));
    assert!((secs(30)..secs(38)).contains(&took), "{took:?}");
    assert_eq!(bench.moves.len(), 2);
}

#[test]
fn a_cut_line_is_left_within_two_seconds_at_every_cycle() {
    for cycle in [50, 500, 2_000].map(Duration::from_millis) {
        let mut bench = Bench::new(config(2, cycle), cycle);
        bench.run(secs(60), &[CABLE, DSL]);
        bench.run(secs(3), &[Line::DEAD, DSL]);
        let (at, moved) = bench.moves[0];
        let took = at.saturating_since(Timestamp::ZERO + secs(60));
        assert!(took < secs(2), "{took:?} at {cycle:?}");
        assert!(matches!(moved.reason, Reason::Down { .. }));
    }
}

#[test]
fn an_hour_of_a_noisy_but_clean_line_moves_nothing() {
    let mut bench = bench(2);
    bench.run(secs(3_600), &[CABLE.noisy(6.0).lossy(0.004), DSL]);
    assert_eq!(bench.moves, []);
}

#[test]
fn three_percent_loss_moves_to_a_line_without_loss() {
    let mut bench = bench(2);
    bench.run(secs(60), &[CABLE, DSL]);
    bench.run(secs(120), &[CABLE.lossy(0.03), DSL]);
    assert_eq!(bench.active(), 1);
    assert_eq!(bench.moves[0].1.reason.code(), "loss");
}

#[test]
fn nothing_moves_to_a_worse_a_bad_or_a_dead_line() {
    for alternate in [Line::clean(140.0), BLOATED, Line::DEAD, DSL.lossy(0.1)] {
        let mut bench = bench(2);
        bench.run(secs(60), &[CABLE, DSL]);
        bench.run(secs(20), &[CABLE, alternate]);
        bench.run(secs(300), &[BLOATED, alternate]);
        assert_eq!(bench.moves, [], "{alternate:?}");
        assert_eq!(bench.last.as_ref().unwrap().held, Some(Held::NoBetterWan));
    }
}

#[test]
fn a_line_that_was_never_measured_is_not_green() {
    let mut bench = bench(2);
    bench.run(secs(2), &[CABLE, DSL]);
    let decision = bench.last.clone().unwrap();
    assert_eq!(decision.level, Level::Unknown);
    assert_eq!(decision.held, Some(Held::Blind));
}

#[test]
fn a_flap_every_20_seconds_for_ten_minutes_moves_traffic_once() {
    let mut bench = bench(2);
    bench.run(secs(60), &[CABLE, DSL]);
    for _ in 0..15 {
        bench.run(secs(20), &[BLOATED, DSL]);
        bench.run(secs(20), &[CABLE, DSL]);
    }
    assert_eq!(bench.moves.len(), 1, "{:?}", bench.moves);
    bench.run(secs(120), &[CABLE, DSL]);
    assert_eq!(bench.active(), 0);
}

#[test]
fn returns_that_fail_are_tried_ever_more_rarely() {
    let mut standard = StandardConfig::new(CYCLE);
    standard.dwell.leave = secs(3);
    standard.brake.hold_down = secs(10);
    let mut bench = Bench::new(configured(2, EngineConfig::Standard(standard)), CYCLE);
    bench.run(secs(30), &[CABLE, DSL]);
    for _ in 0..20 {
        bench.run(secs(15), &[BLOATED, DSL]);
        bench.run(secs(15), &[CABLE, DSL]);
    }
    let left: Vec<Timestamp> = bench
        .moves
        .iter()
        .filter(|(_, moved)| moved.from.is_primary())
        .map(|(at, _)| *at)
        .collect();
    let gaps: Vec<Duration> = left
        .windows(2)
        .map(|pair| pair[1].saturating_since(pair[0]))
        .collect();
    assert!(gaps.is_sorted(), "{gaps:?}");
    assert!(left.len() <= 6, "{} departures in ten minutes", left.len());
}

fn shaper(rate: u64) -> ShaperObservation {
    let both = |mbps| PerDirection::new(Some(Bps::from_mbps(mbps)), Some(Bps::from_mbps(10)));
    ShaperObservation {
        zone: PerDirection::new(Some(Zone::Red), Some(Zone::Red)),
        rate: both(rate),
        floor: both(100),
        baseline: Millis::new(20.0),
        age: Duration::ZERO,
    }
}

#[test]
fn while_the_shaper_can_help_traffic_stays_until_patience_ends() {
    let mut bench = bench(2);
    bench.run(secs(60), &[CABLE, DSL]);
    bench.shaper = Some(shaper(400));
    bench.run(secs(15), &[BLOATED, DSL]);
    assert!(bench.moves.is_empty());
    let held = bench.last.as_ref().unwrap().held;
    assert!(matches!(held, Some(Held::ShaperCanHelp { .. })), "{held:?}");
    bench.run(secs(10), &[BLOATED, DSL]);
    assert_eq!(bench.active(), 1, "after 20 s");
}

#[test]
fn a_shaper_at_its_floor_or_gone_holds_nothing() {
    let stale = ShaperObservation {
        age: secs(6),
        ..shaper(400)
    };
    for report in [shaper(100), stale] {
        let mut bench = bench(2);
        bench.run(secs(60), &[CABLE, DSL]);
        bench.shaper = Some(report);
        bench.run(secs(7), &[BLOATED, DSL]);
        assert_eq!(bench.active(), 1, "{report:?}");
    }
}

#[test]
fn a_refusing_router_is_asked_again_with_growing_pauses() {
    let mut bench = bench(2);
    bench.run(secs(60), &[CABLE, DSL]);
    bench.answer = Settled::Refused;
    bench.run(secs(60), &[BLOATED, DSL]);
    assert_eq!(bench.active(), 0);
    let asked = bench.requests.len();
    assert!((5..=8).contains(&asked), "{asked} requests");
    bench.answer = Settled::Applied;
    bench.run(secs(35), &[BLOATED, DSL]);
    assert_eq!(bench.active(), 1);
}

#[test]
fn an_answer_that_never_comes_is_given_up() {
    let mut bench = bench(2);
    bench.latency = secs(3_600);
    bench.run(secs(60), &[CABLE, DSL]);
    bench.run(secs(60), &[BLOATED, DSL]);
    assert_eq!(bench.requests.len(), 2);
    assert_ne!(bench.requests[0].1.id, bench.requests[1].1.id);
}

#[test]
fn of_three_wans_the_best_is_chosen_and_left_in_turn() {
    let mut bench = bench(3);
    bench.run(secs(60), &[CABLE, DSL, Line::clean(30.0)]);
    bench.run(secs(60), &[BLOATED, DSL, Line::clean(30.0)]);
    assert_eq!(bench.active(), 2);
    bench.run(secs(60), &[BLOATED, DSL, Line::DEAD]);
    assert_eq!(bench.active(), 1);
    let last = bench.moves.last().unwrap().1;
    assert_eq!((last.from.get(), last.to.get()), (2, 1));
}

#[test]
fn a_score_decides_where_one_is_asked_for_and_nothing_else_does() {
    let mut standard = StandardConfig::new(CYCLE);
    standard.confidence = Some(ConfidenceConfig::default());
    let engine = EngineConfig::Standard(standard);
    let mut bench = Bench::new(configured(2, engine), CYCLE);
    bench.run(secs(60), &[CABLE, DSL]);
    // RED, and no other evidence: 50 of the 55 needed.
    bench.run(secs(60), &[Line::clean(60.0), Line::clean(20.0)]);
    assert!(bench.moves.is_empty());
    // Above 80 ms the height of the delay adds 15.
    bench.run(secs(10), &[Line::clean(120.0), Line::clean(20.0)]);
    let reason = bench.moves[0].1.reason;
    assert!(
        matches!(reason, Reason::Confident { score, .. } if score >= 55.0),
        "{reason}"
    );
}

#[test]
fn congestion_never_touches_a_default_route_and_an_outage_does() {
    let mut bench = routed(2);
    bench.run(secs(60), &[CABLE, DSL]);
    bench.run(secs(3_600), &[BLOATED, DSL]);
    let routes = |bench: &Bench| -> Vec<Action> {
        let actions = bench.requests.iter().map(|(_, request)| request.action);
        actions
            .filter(|action| !matches!(action, Action::Move { .. }))
            .collect()
    };
    assert_eq!(routes(&bench), []);
    bench.run(secs(3), &[Line::DEAD, DSL]);
    assert_eq!(routes(&bench), [Action::Demote(WanIndex::PRIMARY)]);
    bench.run(secs(30), &[CABLE, DSL]);
    assert_eq!(routes(&bench)[1..], [Action::Restore(WanIndex::PRIMARY)]);
}

#[test]
fn with_every_line_dead_the_last_default_route_stays() {
    let mut bench = routed(2);
    bench.run(secs(60), &[CABLE, DSL]);
    bench.run(secs(60), &[Line::DEAD, Line::DEAD]);
    assert_eq!(bench.requests, []);
    bench.run(secs(60), &[Line::DEAD, DSL]);
    assert_eq!(bench.steering.route(WanIndex::PRIMARY), RouteMode::Demoted);
    // The one that carried everything dies; the other lives again and is used at once.
    bench.run(secs(4), &[CABLE, Line::DEAD]);
    assert_eq!(bench.steering.route(WanIndex::PRIMARY), RouteMode::Normal);
}

#[test]
fn a_restart_goes_on_where_it_stopped() {
    let mut first = routed(2);
    first.run(secs(60), &[CABLE, DSL]);
    first.run(secs(20), &[Line::DEAD, DSL]);
    let state = first.steering.state(first.now);
    let text = serde_json::to_string(&state).unwrap();
    let read: SteeringState = serde_json::from_str(&text).unwrap();
    assert_eq!(read, state);

    let mut second = routed(2);
    second.steering.restore(Timestamp::ZERO, &read);
    assert_eq!(second.active(), 1);
    assert_eq!(second.steering.route(WanIndex::PRIMARY), RouteMode::Demoted);
    second.run(secs(25), &[CABLE, DSL]);
    assert_eq!(second.active(), 1, "it must be good for long enough");
    second.run(secs(40), &[CABLE, DSL]);
    assert_eq!(second.active(), 0);
    assert_eq!(second.steering.route(WanIndex::PRIMARY), RouteMode::Normal);
}

#[test]
fn what_the_router_shows_is_adopted_and_recovers_like_anything_else() {
    let mut bench = bench(2);
    bench
        .steering
        .adopt(Timestamp::ZERO, WanIndex::new(1).unwrap());
    bench.run(secs(25), &[CABLE, DSL]);
    assert_eq!(bench.active(), 1);
    bench.run(secs(40), &[CABLE, DSL]);
    assert_eq!(bench.active(), 0);
}

#[test]
fn the_same_input_gives_the_same_decisions() {
    let run = || {
        let mut bench = routed(3);
        for lines in [
            [CABLE, DSL, DSL],
            [BLOATED, DSL, DSL],
            [Line::DEAD, DSL, DSL],
            [CABLE, DSL, DSL],
        ] {
            bench.run(secs(90), &lines.map(|line| line.noisy(3.0).lossy(0.01)));
        }
        (
            bench.requests.clone(),
            serde_json::to_string(&bench.last).unwrap(),
        )
    };
    assert_eq!(run(), run());
}
