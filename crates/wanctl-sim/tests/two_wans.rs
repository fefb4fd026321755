//! Both daemons, unmodified, on virtual time: what each trouble comes to, and how fast.
//!
//! `WANCTL_TABLE=1` prints the table of `docs/steering.md`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unchecked_time_subtraction,
    reason = "a test fails by panicking, and prints a table for the reader"
)]

use std::ops::Range;
use std::time::Duration;

use wanctl_controller::LawKind;
use wanctl_sim::{
    Demand, Event, ProbeFault, ProbeTrouble, RouterWindow, RouterWoe, Schedule, TwoWans,
    TwoWansReport,
};
use wanctl_types::{Bps, Millis};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// Everything bad begins here.
const START: Duration = Duration::from_mins(1);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn fault(during: Range<Duration>, trouble: ProbeTrouble) -> ProbeFault {
    ProbeFault {
        during,
        reflector: None,
        trouble,
    }
}

/// Delay that no shaper of ours can cure.
fn bloat(during: Range<Duration>, millis: u64) -> ProbeFault {
    fault(during, ProbeTrouble::Slower(Duration::from_millis(millis)))
}

fn silence(during: Range<Duration>) -> ProbeFault {
    fault(during, ProbeTrouble::Silent)
}

fn run(name: &str, plan: &TwoWans, duration: Duration) -> TwoWansReport {
    let directory = tempfile::tempdir().unwrap();
    let report = plan.run(duration, directory.path()).unwrap();
    if std::env::var_os("WANCTL_TABLE").is_some() {
        let moves: Vec<String> = report
            .steered
            .iter()
            .map(|(at, steered)| {
                let seconds = at.since_origin().as_secs_f64();
                format!(
                    "{} at {seconds:.1} s",
                    if *steered { "moved" } else { "back" }
                )
            })
            .collect();
        let routes: Vec<String> = report
            .routes
            .iter()
            .map(|(at, route, distance)| {
                format!(
                    "{route} to {distance} at {:.1} s",
                    at.since_origin().as_secs_f64()
                )
            })
            .collect();
        println!(
            "{name} | {} | {} | {} writes | {}",
            moves.join(", "),
            routes.join(", "),
            report.writes,
            report.last.last_reason.clone().unwrap_or_default()
        );
    }
    report
}

fn household() -> TwoWans {
    TwoWans::household(1)
}

fn greedy(plan: &mut TwoWans, line: usize, during: &Range<Duration>) {
    plan.lines[line].link.directions.download.demand = Schedule::constant(Demand::Idle)
        .then(during.start, Demand::Greedy { flows: 6 })
        .then(during.end, Demand::Idle);
}

const ROUTES: &str = "route_management: {enabled: true, mode: active}\n";

#[test]
fn a_saturating_download_is_the_shapers_work() {
    let mut plan = household();
    greedy(&mut plan, 0, &(START..START + 5 * MINUTE));
    let report = run("saturating download", &plan, 8 * MINUTE);
    assert_eq!(report.steered, [], "the shaper cures it");
    assert!(report.lowest_limit.download < Bps::from_mbps(55));
    assert_eq!(report.writes, 0);
}

#[test]
fn the_adaptive_law_cures_it_as_well() {
    let mut plan = household();
    plan.law = LawKind::Adaptive;
    greedy(&mut plan, 0, &(START..START + 5 * MINUTE));
    let report = run("saturating download, adaptive law", &plan, 8 * MINUTE);
    assert_eq!(report.steered, [], "the shaper cures it");
    assert!(report.lowest_limit.download < Bps::from_mbps(50));
    assert_eq!(report.writes, 0);
}

#[test]
fn bloat_that_the_adaptive_law_cannot_cure_moves_traffic_and_it_comes_back() {
    let mut plan = household();
    plan.law = LawKind::Adaptive;
    greedy(&mut plan, 0, &(START..START + 5 * MINUTE));
    plan.lines[0].faults = vec![bloat(START..START + 4 * MINUTE, 80)];
    let report = run("bloat upstream, adaptive law", &plan, 10 * MINUTE);
    let moved = report.steered_after(START).unwrap();
    assert!(moved < secs(30), "{moved:?}");
    let back = report.back_after(START + moved).unwrap();
    assert!(back < 6 * MINUTE, "{back:?}");
    assert_eq!(report.steered.len(), 2, "{:?}", report.steered);
}

#[test]
fn without_a_shaper_the_same_download_moves_traffic() {
    let mut plan = household();
    plan.rate_control = Duration::ZERO..Duration::ZERO;
    greedy(&mut plan, 0, &(START..START + 5 * MINUTE));
    let report = run("saturating download, no rate control", &plan, 8 * MINUTE);
    let moved = report.steered_after(START).unwrap();
    assert!(moved < secs(10), "{moved:?}");
    assert_eq!(report.steered.len(), 2, "and comes back");
}

#[test]
fn bloat_that_the_shaper_cannot_cure_moves_traffic_once_it_is_at_its_floor() {
    let mut plan = household();
    greedy(&mut plan, 0, &(START..START + 5 * MINUTE));
    plan.lines[0].faults = vec![bloat(START..START + 4 * MINUTE, 80)];
    let report = run("bloat upstream", &plan, 10 * MINUTE);
    let moved = report.steered_after(START).unwrap();
    assert!(moved < secs(30), "{moved:?}");
    assert_eq!(
        report.lowest_limit.download,
        Bps::from_mbps(8),
        "the floor first"
    );
    let back = report.back_after(START + 4 * MINUTE).unwrap();
    assert!(back < 2 * MINUTE, "{back:?}");
}

#[test]
fn three_percent_of_loss_moves_traffic_and_so_does_thirty() {
    for (name, of_thousand, most) in [("3 % loss", 30, 90), ("30 % loss", 300, 15)] {
        let mut plan = household();
        let during = START..START + 4 * MINUTE;
        plan.lines[0].faults = vec![fault(during, ProbeTrouble::Lossy(of_thousand))];
        let report = run(name, &plan, 8 * MINUTE);
        let moved = report.steered_after(START).unwrap();
        assert!(moved < secs(most), "{name}: {moved:?}");
        assert_eq!(report.steered.len(), 2, "{name}: and comes back");
    }
}

#[test]
fn a_cut_line_is_left_within_three_seconds_by_rule_and_by_route() {
    let mut plan = household();
    plan.settings = ROUTES.to_owned();
    plan.lines[0].faults = vec![silence(START..START + 2 * MINUTE)];
    let report = run("blackhole, link up", &plan, 6 * MINUTE);
    let moved = report.steered_after(START).unwrap();
    assert!(moved < secs(3), "{moved:?}");
    let (at, route, distance) = report.routes[0];
    assert_eq!((route, distance), ("WAN cable", 101));
    assert!(at.since_origin() - START < secs(3), "{at}");
    assert_eq!(report.routes[1].1, "WAN cable");
    assert_eq!(report.routes[1].2, 1, "it is put back");
    assert_eq!(report.steered.len(), 2, "and comes back");
}

#[test]
fn one_dead_target_of_three_changes_nothing() {
    let mut plan = household();
    plan.settings = ROUTES.to_owned();
    let mut dead = silence(START..HOUR);
    dead.reflector = Some(1);
    plan.lines[0].faults = vec![dead];
    let report = run("one dead target of three", &plan, 10 * MINUTE);
    assert_eq!(
        (report.steered.len(), report.routes.len(), report.writes),
        (0, 0, 0)
    );
}

#[test]
fn nothing_moves_to_a_worse_line_or_between_two_bad_ones() {
    for (name, alternate) in [("alternate worse", 150), ("both bad", 60)] {
        let mut plan = household();
        plan.lines[0].faults = vec![bloat(START..START + 4 * MINUTE, 80)];
        plan.lines[1].faults = vec![bloat(secs(10)..START + 4 * MINUTE, alternate)];
        let report = run(name, &plan, 5 * MINUTE);
        assert_eq!(report.steered, [], "{name}");
    }
}

#[test]
fn with_both_lines_cut_the_last_default_route_stays() {
    let mut plan = household();
    plan.settings = ROUTES.to_owned();
    plan.lines[0].faults = vec![silence(START..START + 2 * MINUTE)];
    plan.lines[1].faults = vec![silence(START..START + 2 * MINUTE)];
    let report = run("both cut", &plan, 5 * MINUTE);
    assert_eq!((report.steered.len(), report.routes.len()), (0, 0));
}

#[test]
fn a_flap_every_20_seconds_for_ten_minutes_moves_traffic_once() {
    let mut plan = household();
    plan.lines[0].faults = (0..15)
        .map(|n| START + n * secs(40))
        .map(|at| silence(at..at + secs(20)))
        .collect();
    let report = run("flap every 20 s", &plan, 14 * MINUTE);
    assert_eq!(report.steered.len(), 2, "{:?}", report.steered);
    assert!(report.back_after(START).unwrap() > 9 * MINUTE);
}

#[test]
fn an_hour_of_a_clean_but_noisy_line_moves_nothing() {
    let mut plan = household();
    plan.settings = ROUTES.to_owned();
    for line in &mut plan.lines {
        line.link.loss = 0.004;
        for jitter in [
            &mut line.link.directions.download.jitter,
            &mut line.link.directions.upload.jitter,
        ] {
            *jitter = Millis::new(6.0).unwrap();
        }
    }
    // Every few minutes half a second of bad luck.
    plan.lines[0].faults = (1..20_u64)
        .map(|n| secs(n * 171)..secs(n * 171) + Duration::from_millis(500))
        .map(|during| bloat(during, 200))
        .collect();
    let report = run("an hour of a noisy clean line", &plan, HOUR);
    assert_eq!(
        (report.steered.len(), report.routes.len(), report.writes),
        (0, 0, 0)
    );
}

fn window(during: Range<Duration>, woe: RouterWoe) -> RouterWindow {
    RouterWindow { during, woe }
}

#[test]
fn a_router_in_trouble_is_told_of_and_asked_again() {
    let trouble = START - secs(5)..START + MINUTE;
    for (name, woe) in [
        ("router API down", RouterWoe::Down),
        ("router answers after 8 s", RouterWoe::Slow(secs(8))),
        ("router says 401", RouterWoe::Unauthorized),
    ] {
        let mut plan = household();
        plan.lines[0].faults = vec![silence(START..START + 4 * MINUTE)];
        plan.router = vec![window(trouble.clone(), woe)];
        let report = run(name, &plan, 8 * MINUTE);
        let moved = report.steered_after(START).unwrap();
        assert!(
            (MINUTE..MINUTE + secs(40)).contains(&moved),
            "{name}: {moved:?}"
        );
        let told = report
            .views
            .iter()
            .any(|(_, view)| !view.troubles.is_empty());
        assert!(told, "{name}: nobody was told");
        assert!(
            report.last.troubles.is_empty(),
            "{name}: {:?}",
            report.last.troubles
        );
        assert_eq!(report.steered.len(), 2, "{name}: and comes back");
    }
}

#[test]
fn a_rule_that_is_deleted_is_told_of_and_one_added_again_is_used() {
    let mut plan = household();
    plan.lines[0].faults = vec![silence(START..START + 5 * MINUTE)];
    plan.events = vec![
        (secs(20), Event::DeleteRule),
        (START + 2 * MINUTE, Event::AddRule),
    ];
    let report = run("rule deleted", &plan, 5 * MINUTE);
    let told = report.views.iter().any(|(_, view)| {
        view.troubles
            .iter()
            .any(|trouble| trouble.contains("does not exist"))
    });
    assert!(told, "nobody was told");
    let moved = report.steered_after(START).unwrap();
    assert!(
        (2 * MINUTE..2 * MINUTE + secs(35)).contains(&moved),
        "{moved:?}"
    );
}

#[test]
fn of_two_rules_with_the_same_comment_neither_is_touched() {
    let mut plan = household();
    plan.lines[0].faults = vec![silence(START..START + 5 * MINUTE)];
    plan.events = vec![(secs(20), Event::AddRule)];
    let report = run("rule duplicated", &plan, 3 * MINUTE);
    assert_eq!((report.steered.len(), report.writes), (0, 0));
    let last = report.last.troubles.join("; ");
    assert!(last.contains("exists 2 times"), "{last}");
}

#[test]
fn a_rule_that_moved_to_another_place_is_found() {
    let mut plan = household();
    plan.lines[0].faults = vec![silence(START..START + MINUTE)];
    plan.events = vec![
        (secs(20), Event::Reorder),
        (START + secs(20), Event::Reorder),
    ];
    let report = run("rule reordered", &plan, 5 * MINUTE);
    assert!(report.steered_after(START).unwrap() < secs(3));
    assert!(report.back_after(START + MINUTE).is_some());
}

#[test]
fn a_rule_that_somebody_else_switches_is_set_right_within_a_minute() {
    let mut plan = household();
    plan.events = vec![(secs(90), Event::SwitchRule(true))];
    let report = run("rule switched by somebody", &plan, 5 * MINUTE);
    let back = report.back_after(secs(90)).unwrap();
    assert!(back <= secs(61), "{back:?}");
    assert_eq!(report.last.counters.drift, 1);
    assert_eq!(report.last.counters.moves, 0);
}

#[test]
fn counters_that_begin_anew_are_no_evidence() {
    let mut plan = household();
    greedy(&mut plan, 0, &(START..START + 3 * MINUTE));
    plan.events = vec![
        (START + secs(30), Event::ResetCounters),
        (START + secs(60), Event::ResetCounters),
    ];
    let report = run("counters reset", &plan, 5 * MINUTE);
    assert_eq!(report.steered, []);
}

#[test]
fn a_killed_daemon_goes_on_where_it_was() {
    let mut plan = household();
    plan.lines[0].faults = vec![silence(START..START + 3 * MINUTE)];
    plan.events = vec![(START + MINUTE, Event::Kill)];
    let report = run("SIGKILL while steered", &plan, 8 * MINUTE);
    assert_eq!(report.steered.len(), 2, "{:?}", report.steered);
    let back = report.back_after(START + 3 * MINUTE).unwrap();
    assert!((secs(30)..2 * MINUTE).contains(&back), "{back:?}");
}

#[test]
fn a_truncated_state_file_is_no_match_for_what_the_router_shows() {
    let mut plan = household();
    plan.lines[0].faults = vec![silence(START..START + 3 * MINUTE)];
    plan.events = vec![(START + MINUTE, Event::KillAndTruncate)];
    let report = run("state file truncated", &plan, 8 * MINUTE);
    assert_eq!(report.steered.len(), 2, "{:?}", report.steered);
    let back = report.back_after(START + 3 * MINUTE).unwrap();
    assert!((secs(25)..2 * MINUTE).contains(&back), "{back:?}");
}

#[test]
fn a_router_that_cannot_be_read_at_the_start_is_not_told_to_forget_what_it_does() {
    let mut plan = household();
    plan.lines[0].faults = vec![silence(START..START + 5 * MINUTE)];
    // Killed with its state lost while the router does not answer: the rule is on.
    plan.events = vec![(START + MINUTE, Event::KillAndTruncate)];
    plan.router = vec![window(
        START + MINUTE - secs(1)..START + 2 * MINUTE,
        RouterWoe::Down,
    )];
    let report = run("killed, state lost, router down", &plan, 9 * MINUTE);
    let back = report.back_after(START).unwrap();
    assert!(
        back > 5 * MINUTE,
        "it was on for the whole outage: {back:?}"
    );
}

#[test]
fn an_urgent_move_does_not_wait_for_a_look_at_a_slow_router() {
    let mut plan = household();
    // A reading begins at 60 s and takes half a minute; a second later the line is cut.
    plan.router = vec![window(secs(59)..secs(61), RouterWoe::Slow(secs(4)))];
    plan.lines[0].faults = vec![silence(secs(60)..3 * MINUTE)];
    let report = run("cut during a slow reading", &plan, 5 * MINUTE);
    let moved = report.steered_after(secs(60)).unwrap();
    assert!(moved < secs(3), "{moved:?}");
}

#[test]
fn without_the_rate_control_daemon_what_is_measured_decides() {
    let mut plan = household();
    plan.rate_control = Duration::ZERO..secs(30);
    plan.lines[0].faults = vec![bloat(START..START + 4 * MINUTE, 80)];
    let report = run("rate control stopped", &plan, 8 * MINUTE);
    let moved = report.steered_after(START).unwrap();
    assert!(moved < secs(7), "{moved:?}");
}

#[test]
fn a_clock_that_is_set_changes_nothing() {
    let plain = {
        let mut plan = household();
        plan.lines[0].faults = vec![silence(START..START + MINUTE)];
        plan
    };
    let mut stepped = plain.clone();
    stepped.events = vec![
        (START + secs(10), Event::StepClock(3_600)),
        (START + secs(40), Event::StepClock(-7_200)),
    ];
    let plain = run("clock left alone", &plain, 6 * MINUTE);
    let stepped = run("clock set by +1 h and -2 h", &stepped, 6 * MINUTE);
    assert_eq!(plain.steered, stepped.steered);
}

#[test]
fn shadow_mode_decides_and_writes_nothing() {
    let mut plan = household();
    plan.settings = format!("mode: {{shadow: true}}\n{ROUTES}");
    plan.lines[0].faults = vec![silence(START..START + 2 * MINUTE)];
    let report = run("shadow mode", &plan, 6 * MINUTE);
    assert_eq!(
        (report.steered.len(), report.routes.len(), report.writes),
        (0, 0, 0)
    );
    assert_eq!(
        report.last.counters.moves, 2,
        "it says what it would have done"
    );
}

#[test]
fn the_legacy_engine_drives_the_same_daemon() {
    let mut plan = household();
    plan.settings = "mode: {engine: legacy, cake_aware: false}\n".to_owned();
    plan.lines[0].faults = vec![bloat(START..START + 2 * MINUTE, 80)];
    let report = run("legacy engine, bloat", &plan, 6 * MINUTE);
    let moved = report.steered_after(START).unwrap();
    assert!(moved < secs(10), "8 samples of half a second: {moved:?}");
    assert!(report.back_after(START + 2 * MINUTE).is_some());
}

#[test]
fn a_recorded_hour_replays_bit_for_bit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("steering.jsonl");
    let mut plan = household();
    plan.settings = ROUTES.to_owned();
    plan.record = Some(path.clone());
    plan.lines[0].faults = vec![
        bloat(START..START + 4 * MINUTE, 80),
        silence(20 * MINUTE..22 * MINUTE),
        fault(40 * MINUTE..45 * MINUTE, ProbeTrouble::Lossy(300)),
    ];
    let report = run("an hour with three troubles", &plan, HOUR);
    assert_eq!(report.steered.len(), 6, "{:?}", report.steered);
    let tape = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let replayed = wanctl_daemon::replay_steering(tape).unwrap();
    assert!(replayed.steps >= 7_199, "{replayed:?}");
    assert_eq!((replayed.diverged, replayed.moves), (0, 6));
}

#[test]
fn the_same_household_does_the_same_twice() {
    let mut plan = household();
    plan.lines[0].faults = vec![bloat(START..START + 2 * MINUTE, 80)];
    let [first, second] = [0, 1].map(|_| run("twice", &plan, 5 * MINUTE));
    assert_eq!(first.steered, second.steered);
    assert_eq!(first.last.decision, second.last.decision);
}
