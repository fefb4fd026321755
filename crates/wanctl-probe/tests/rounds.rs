//! The schedule on virtual time: when rounds close, which replies count, what is conserved.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::net::IpAddr;
use std::time::Duration;

use wanctl_probe::{
    Closed, EchoRequest, Error, MAX_ROUNDS, Received, Rejected, Rounds, RoundsConfig, Wake,
};
use wanctl_types::{Millis, Timestamp};

const CONFIG: RoundsConfig = RoundsConfig {
    interval: Duration::from_millis(50),
    timeout: Duration::from_secs(1),
    quorum: 2,
};

#[test]
fn a_round_completes_with_its_last_answer() {
    let mut rounds = rounds();
    let asked = rounds.open_round(at(0));
    answer(&mut rounds, &asked[2], at(30)).unwrap();
    answer(&mut rounds, &asked[0], at(10)).unwrap();
    assert_eq!(rounds.poll_closed(at(40)), None);
    assert_eq!(
        answer(&mut rounds, &asked[1], at(20)).unwrap().rtt,
        ms(20.0)
    );

    assert_eq!(
        rounds.poll_timeout(),
        Some((at(30), Wake::Close(Closed::Complete)))
    );
    let round = rounds.poll_closed(at(40)).unwrap();
    let rtts: Vec<_> = round
        .answers
        .iter()
        .map(|answer| answer.unwrap().rtt)
        .collect();
    assert_eq!(
        (round.cause, round.stale, rtts),
        (Closed::Complete, false, vec![ms(10.0), ms(20.0), ms(30.0)])
    );
    assert_eq!(round.answers[2].unwrap().received_at, at(30));
    assert_eq!(
        (rounds.poll_closed(at(5_000)), rounds.poll_timeout()),
        (None, None)
    );
}

#[test]
fn a_quorum_gives_the_rest_one_interval() {
    let mut rounds = rounds();
    let asked = rounds.open_round(at(0));
    answer(&mut rounds, &asked[0], at(10)).unwrap();
    assert_eq!(
        rounds.poll_timeout(),
        Some((at(1_000), Wake::Close(Closed::Timeout)))
    );
    answer(&mut rounds, &asked[1], at(25)).unwrap();
    assert_eq!(
        rounds.poll_timeout(),
        Some((at(75), Wake::Close(Closed::Quorum)))
    );
    assert_eq!(rounds.poll_closed(at(74)), None);
    let round = rounds.poll_closed(at(75)).unwrap();
    assert_eq!((round.cause, round.answers[2]), (Closed::Quorum, None));
}

#[test]
fn an_answer_after_the_quorum_closed_is_late_but_not_lost() {
    let mut rounds = rounds();
    let asked = rounds.open_round(at(0));
    answer(&mut rounds, &asked[0], at(10)).unwrap();
    answer(&mut rounds, &asked[1], at(10)).unwrap();
    rounds.poll_closed(at(60)).unwrap();
    assert_eq!(rounds.poll_timeout(), Some((at(1_000), Wake::GiveUp)));
    assert_eq!(rounds.outstanding(2), 1);

    let sample = answer(&mut rounds, &asked[2], at(1_000)).unwrap();
    assert!(sample.late);
    assert_eq!(rounds.poll_closed(at(2_000)), None);
    assert_eq!(rounds.take_losses().as_slice(), [0, 0, 0]);
    assert_eq!(
        (rounds.stats().answered, rounds.stats().answered_late),
        (3, 1)
    );
}

#[test]
fn the_oldest_probe_newer_than_any_answered_one_is_overdue() {
    let mut rounds = rounds();
    assert_eq!(rounds.overdue(0, at(0)), None);
    let [first, second, third] = [0, 50, 100].map(|time| rounds.open_round(at(time)));
    assert_eq!(rounds.overdue(0, at(120)), Some(Duration::from_millis(120)));
    // The second answer overtakes the first: what left before it says nothing any more.
    answer(&mut rounds, &second[0], at(120)).unwrap();
    assert_eq!(rounds.overdue(0, at(130)), Some(Duration::from_millis(30)));
    assert_eq!(rounds.overdue(1, at(130)), Some(Duration::from_millis(130)));
    answer(&mut rounds, &first[0], at(130)).unwrap();
    assert_eq!(rounds.overdue(0, at(140)), Some(Duration::from_millis(40)));
    answer(&mut rounds, &third[0], at(140)).unwrap();
    assert_eq!(rounds.overdue(0, at(140)), None);
    // One that was given up is on its way no more.
    while rounds.poll_closed(at(1_060)).is_some() {}
    assert_eq!(
        rounds.overdue(1, at(1_060)),
        Some(Duration::from_millis(960))
    );
    while rounds.poll_closed(at(1_100)).is_some() {}
    assert_eq!(rounds.overdue(1, at(1_100)), None);
    assert_eq!(rounds.overdue(9, at(1_100)), None);
}

#[test]
fn late_answers_that_never_come_are_losses() {
    let mut rounds = rounds();
    let asked = rounds.open_round(at(0));
    answer(&mut rounds, &asked[0], at(10)).unwrap();
    answer(&mut rounds, &asked[1], at(10)).unwrap();
    rounds.poll_closed(at(60)).unwrap();
    assert_eq!(rounds.poll_closed(at(999)), None);
    assert_eq!(rounds.take_losses().as_slice(), [0, 0, 0]);
    assert_eq!(rounds.poll_closed(at(1_000)), None);
    assert_eq!(rounds.take_losses().as_slice(), [0, 0, 1]);
    assert_eq!(rounds.take_losses().as_slice(), [0, 0, 0]);
    assert_eq!(
        answer(&mut rounds, &asked[2], at(999)),
        Err(Rejected::TooLate)
    );
}

#[test]
fn a_quorum_just_before_the_timeout_adds_no_time() {
    let mut rounds = rounds();
    let asked = rounds.open_round(at(0));
    answer(&mut rounds, &asked[0], at(10)).unwrap();
    answer(&mut rounds, &asked[1], at(951)).unwrap();
    let round = rounds.poll_closed(at(1_000)).unwrap();
    assert_eq!(
        (round.cause, round.answers.iter().flatten().count()),
        (Closed::Timeout, 2)
    );
}

#[test]
fn a_round_overtaken_by_a_newer_one_is_stale() {
    let mut rounds = rounds();
    let older = rounds.open_round(at(0));
    let newer = rounds.open_round(at(50));
    answer(&mut rounds, &older[0], at(10)).unwrap();
    for request in &newer {
        answer(&mut rounds, request, at(70)).unwrap();
    }
    let first = rounds.poll_closed(at(70)).unwrap();
    assert_eq!((first.id.get(), first.stale), (1, false));
    assert_eq!(rounds.poll_closed(at(999)), None);
    let second = rounds.poll_closed(at(1_000)).unwrap();
    assert_eq!(
        (second.id.get(), second.stale, second.cause),
        (0, true, Closed::Timeout)
    );
    assert_eq!(rounds.take_losses().as_slice(), [0, 1, 1]);
    assert_eq!(rounds.stats().stale, 1);
}

#[test]
fn rounds_polled_late_come_oldest_first_with_the_cause_they_had() {
    let mut rounds = rounds();
    rounds.open_round(at(0));
    let asked = rounds.open_round(at(50));
    for request in &asked[..2] {
        answer(&mut rounds, request, at(60)).unwrap();
    }
    rounds.open_round(at(100));
    let closed: Vec<_> = std::iter::from_fn(|| rounds.poll_closed(at(9_000))).collect();
    let seen: Vec<_> = closed
        .iter()
        .map(|round| (round.id.get(), round.cause, round.stale))
        .collect();
    assert_eq!(
        seen,
        [
            (0, Closed::Timeout, false),
            (1, Closed::Quorum, false),
            (2, Closed::Timeout, false)
        ]
    );
    assert_eq!(rounds.take_losses().as_slice(), [2, 2, 3]);
}

#[test]
fn a_request_that_leaves_later_is_measured_from_then_and_waited_for_no_longer() {
    let mut rounds = rounds();
    let asked = rounds.open_round(at(0));
    let sent = rounds.restamp(&asked[1], at(3));
    assert_eq!(sent.sent_at, at(3));
    assert_eq!(
        answer(&mut rounds, &asked[1], at(20)),
        Err(Rejected::WrongSendTime)
    );
    assert_eq!(answer(&mut rounds, &sent, at(20)).unwrap().rtt, ms(17.0));
    assert_eq!(rounds.restamp(&sent, at(30)), sent, "it has been answered");

    let last = rounds.restamp(&asked[2], at(4));
    assert_eq!(
        answer(&mut rounds, &last, at(1_001)),
        Err(Rejected::TooLate)
    );
    rounds.handle_send_failure(&asked[2], at(5));
    assert_eq!(rounds.take_losses().as_slice(), [0, 0, 0], "it was sent");
    rounds.handle_send_failure(&last, at(5));
    assert_eq!(rounds.take_losses().as_slice(), [0, 0, 1]);
}

#[test]
fn a_request_that_could_not_be_sent_is_lost_at_once() {
    let mut rounds = rounds();
    let asked = rounds.open_round(at(0));
    rounds.handle_send_failure(&asked[1], at(0));
    rounds.handle_send_failure(&asked[1], at(1));
    assert_eq!(rounds.take_losses().as_slice(), [0, 1, 0]);
    answer(&mut rounds, &asked[0], at(5)).unwrap();
    answer(&mut rounds, &asked[2], at(6)).unwrap();
    let round = rounds.poll_closed(at(6)).unwrap();
    assert_eq!((round.cause, round.answers[1]), (Closed::Complete, None));
    assert_eq!((rounds.stats().send_failures, rounds.stats().lost), (1, 1));
}

#[test]
fn a_round_that_could_not_be_sent_at_all_closes_at_once() {
    let mut rounds = rounds();
    for request in &rounds.open_round(at(0)) {
        rounds.handle_send_failure(request, at(0));
    }
    let round = rounds.poll_closed(at(0)).unwrap();
    assert_eq!(
        (round.cause, round.answers.iter().flatten().count()),
        (Closed::Complete, 0)
    );
}

#[test]
fn every_kind_of_wrong_reply_is_told_apart() {
    let mut rounds = rounds();
    let asked = rounds.open_round(at(100))[0];
    let good = reply(&asked);
    let stranger = "203.0.113.9".parse().unwrap();
    let neighbour = target(1);
    let wrong = [
        (
            Received {
                source: stranger,
                ..good
            },
            at(110),
            Rejected::UnknownSource,
        ),
        (
            Received {
                source: neighbour,
                ..good
            },
            at(110),
            Rejected::UnknownSequence,
        ),
        (
            Received {
                sequence: good.sequence.wrapping_sub(1),
                ..good
            },
            at(110),
            Rejected::UnknownSequence,
        ),
        (
            Received {
                nonce: !good.nonce,
                ..good
            },
            at(110),
            Rejected::WrongNonce,
        ),
        (
            Received {
                sent_at: at(99),
                ..good
            },
            at(110),
            Rejected::WrongSendTime,
        ),
        (good, at(99), Rejected::BeforeRequest),
        (good, at(1_101), Rejected::TooLate),
    ];
    for (reply, received_at, expected) in wrong {
        assert_eq!(rounds.handle_reply(&reply, received_at), Err(expected));
        assert!(rounds.stats().rejected(expected) > 0, "{}", expected.code());
    }
    assert_eq!(
        rounds.handle_reply(&good, at(1_100)).unwrap().rtt,
        ms(1_000.0)
    );
    assert_eq!(
        rounds.handle_reply(&good, at(1_100)),
        Err(Rejected::Duplicate)
    );
    assert_eq!(rounds.stats().rejected_total(), 8);
}

#[test]
fn a_reply_from_before_the_table_is_an_unknown_sequence() {
    let mut rounds = rounds();
    let oldest = rounds.open_round(at(0));
    for tick in 1..=30 {
        rounds.open_round(at(tick * 50));
        while rounds.poll_closed(at(tick * 50)).is_some() {}
    }
    assert_eq!(
        answer(&mut rounds, &oldest[0], at(1_500)),
        Err(Rejected::UnknownSequence)
    );
    assert_eq!(rounds.stats().superseded, 0);
}

#[test]
fn sequence_numbers_wrap_without_mixing_rounds_up() {
    let mut rounds = rounds();
    let mut seen_wrap = false;
    for tick in 0..25_000 {
        let now = at(tick * 50);
        let asked = rounds.open_round(now);
        seen_wrap |= asked[0].sequence > asked[2].sequence;
        for (reflector, request) in asked.iter().enumerate() {
            let sample = answer(&mut rounds, request, now + Duration::from_millis(7)).unwrap();
            assert_eq!(
                (sample.reflector, sample.round.get(), sample.rtt),
                (reflector, tick, ms(7.0))
            );
        }
        assert_eq!(
            rounds
                .poll_closed(now + Duration::from_millis(7))
                .unwrap()
                .id
                .get(),
            tick
        );
    }
    assert!(seen_wrap, "75,000 probes wrap within a round, by the seed");
}

#[test]
fn a_full_table_supersedes_its_oldest_round() {
    let mut rounds = rounds();
    for tick in 0..25 {
        rounds.open_round(at(tick));
    }
    assert!(matches!(
        rounds.poll_timeout(),
        Some((_, Wake::Close(Closed::Superseded)))
    ));
    let round = rounds.poll_closed(at(25)).unwrap();
    assert_eq!(
        (round.id.get(), round.cause, round.stale),
        (0, Closed::Superseded, false)
    );
    assert_eq!(rounds.poll_closed(at(25)), None);
    assert_eq!(rounds.take_losses().as_slice(), [1, 1, 1]);
}

#[test]
fn rounds_that_nobody_collects_are_counted_and_forgotten() {
    let mut rounds = rounds();
    for tick in 0..100 {
        rounds.open_round(at(tick));
    }
    let collected = std::iter::from_fn(|| rounds.poll_closed(at(9_000))).count();
    assert_eq!((collected, rounds.stats().uncollected), (48, 52));
    assert_eq!(rounds.stats().lost, rounds.stats().sent);
}

#[test]
fn one_address_under_two_names_is_two_reflectors() {
    let mut rounds = Rounds::new(CONFIG, vec![target(0), target(0)], 1).unwrap();
    let asked = rounds.open_round(at(0));
    assert_eq!(answer(&mut rounds, &asked[1], at(3)).unwrap().reflector, 1);
    assert_eq!(answer(&mut rounds, &asked[0], at(4)).unwrap().reflector, 0);
}

#[test]
fn new_targets_leave_rounds_in_flight_alone() {
    let mut rounds = rounds();
    let older = rounds.open_round(at(0));
    rounds.retarget(vec![target(7), target(1)]).unwrap();
    let newer = rounds.open_round(at(50));
    assert_eq!(
        newer
            .iter()
            .map(|request| request.target)
            .collect::<Vec<_>>(),
        rounds.targets()
    );
    for request in &older {
        answer(&mut rounds, request, at(60)).unwrap();
    }
    assert_eq!(rounds.poll_closed(at(60)).unwrap().answers.len(), 3);
    rounds.poll_closed(at(1_050)).unwrap();
    assert_eq!(rounds.take_losses().as_slice(), [1, 1]);
    assert!(matches!(
        rounds.retarget(vec![]),
        Err(Error::Targets { count: 0 })
    ));
    assert_eq!(rounds.targets().len(), 2);
}

#[test]
fn a_place_without_an_address_is_asked_nothing_and_no_round_waits_for_it() {
    let unknown: IpAddr = "0.0.0.0".parse().unwrap();
    let mut rounds = Rounds::new(CONFIG, vec![target(1), unknown, target(3)], 1).unwrap();
    let asked = rounds.open_round(at(0));
    let targets: Vec<_> = asked.iter().map(|request| request.target).collect();
    assert_eq!(targets, [target(1), target(3)]);
    assert_eq!([0, 1, 2].map(|place| rounds.outstanding(place)), [1, 0, 1]);
    for request in &asked {
        answer(&mut rounds, request, at(20)).unwrap();
    }
    let round = rounds.poll_closed(at(20)).unwrap();
    let answered: Vec<_> = round.answers.iter().map(Option::is_some).collect();
    assert_eq!(
        (round.cause, answered),
        (Closed::Complete, vec![true, false, true])
    );
    assert_eq!(rounds.take_losses()[..], [0, 0, 0]);
    assert_eq!((rounds.stats().sent, rounds.stats().lost), (2, 0));

    rounds
        .retarget(vec![target(1), target(2), target(3)])
        .unwrap();
    assert_eq!(rounds.open_round(at(50)).len(), 3);
    let nobody = rounds.retarget(vec![unknown; 3]);
    assert!(
        matches!(nobody, Err(Error::Targets { count: 0 })),
        "{nobody:?}"
    );
}

#[test]
fn what_makes_no_schedule_is_refused() {
    let with =
        |config: RoundsConfig, count: u8| Rounds::new(config, (0..count).map(target).collect(), 1);
    let micro = Duration::from_micros(1);
    let most = micro * u32::try_from(MAX_ROUNDS).unwrap();
    assert!(with(CONFIG, 8).is_ok());
    assert!(
        with(
            RoundsConfig {
                interval: micro,
                timeout: most,
                ..CONFIG
            },
            1
        )
        .is_ok()
    );
    for timeout in [
        most + micro,
        Duration::ZERO,
        Duration::from_nanos(999),
        Duration::MAX,
    ] {
        let error = with(
            RoundsConfig {
                interval: micro,
                timeout,
                ..CONFIG
            },
            1,
        )
        .unwrap_err();
        assert!(matches!(error, Error::Schedule { .. }), "{timeout:?}");
    }
    let zero = RoundsConfig {
        interval: Duration::ZERO,
        ..CONFIG
    };
    assert!(matches!(with(zero, 1), Err(Error::Schedule { .. })));
    assert!(matches!(
        with(
            RoundsConfig {
                quorum: 0,
                ..CONFIG
            },
            1
        ),
        Err(Error::Quorum)
    ));
    assert!(matches!(with(CONFIG, 9), Err(Error::Targets { count: 9 })));
    assert!(matches!(with(CONFIG, 0), Err(Error::Targets { count: 0 })));
}

fn rounds() -> Rounds {
    Rounds::new(CONFIG, (0..3).map(target).collect(), 42).unwrap()
}

fn target(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

fn answer(
    rounds: &mut Rounds,
    request: &EchoRequest,
    received_at: Timestamp,
) -> Result<wanctl_probe::Sample, Rejected> {
    rounds.handle_reply(&reply(request), received_at)
}

fn reply(request: &EchoRequest) -> Received {
    Received {
        source: request.target,
        sequence: request.sequence,
        nonce: request.nonce,
        sent_at: request.sent_at,
        waited: Duration::ZERO,
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

fn ms(value: f64) -> Millis {
    Millis::new(value).unwrap()
}
