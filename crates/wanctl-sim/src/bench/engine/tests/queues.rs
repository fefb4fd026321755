//! The queues by themselves.

use std::collections::VecDeque;

use super::super::codel::CoDel;
use super::super::packet::{Packet, PacketKind};
use super::super::provider::Provider;
use super::super::shaper::Shaper;
use crate::bench::Buffer;

fn data(flow: usize, bytes: f64, at: f64) -> (usize, Packet) {
    (flow, Packet::new(PacketKind::Data(flow), bytes, 0, at))
}

/// Takes a packet every 10 ms from a queue in which each has waited for `wait`; the times of
/// drops.
fn drops_of_codel(wait: f64, seconds: f64) -> Vec<f64> {
    let (mut codel, mut times, mut drops) = (CoDel::default(), Vec::new(), 0);
    let mut now = 0.0;
    while now < seconds {
        let before = drops;
        let pop = || Some((data(0, 1_500.0, now - wait).1, 100_000.0));
        assert!(codel.dequeue(now, 0.005, pop, &mut drops).is_some());
        times.extend((before..drops).map(|_| now));
        now += 0.001;
    }
    times
}

#[test]
fn codel_drops_after_an_interval_and_then_faster_and_faster() {
    assert!(drops_of_codel(0.004, 2.0).is_empty(), "below its target");
    let times = drops_of_codel(0.020, 2.0);
    assert!((times[0] - 0.1).abs() < 0.002, "{times:?}");
    // RFC 8289: intervals of 100 ms over the root of the count.
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, count) in gaps.iter().zip(1_u8..) {
        let wanted = 0.1 / f64::from(count).sqrt();
        assert!(
            (gap - wanted).abs() < 0.0021,
            "drop {count}: {gap}, not {wanted}"
        );
    }
}

#[test]
fn codel_never_drops_the_last_packet() {
    let (mut codel, mut drops) = (CoDel::default(), 0);
    for step in 0..1_000_u32 {
        let now = f64::from(step) / 1e3;
        let mut queue = VecDeque::from([data(0, 1_500.0, now - 0.5).1]);
        let pop = || queue.pop_front().map(|packet| (packet, 0.0));
        assert!(codel.dequeue(now, 0.005, pop, &mut drops).is_some());
    }
    assert_eq!(drops, 0);
}

/// What flows get through a shaper of 10 Mbit/s in a second, when each always has packets of its
/// size waiting; bytes.
fn shares(sizes: &[f64]) -> Vec<f64> {
    let mut shaper = Shaper::new(10e6, sizes.len(), 1_514.0);
    let mut got = vec![0.0; sizes.len()];
    for step in 0..1_000_u32 {
        let from = f64::from(step) / 1e3;
        // Each brings twice what all may take together.
        let arrivals = sizes.iter().enumerate().flat_map(|(flow, size)| {
            let packets = std::iter::repeat_n(data(flow, *size, from), 4);
            packets.take(if size * 2.0 > 1_500.0 { 2 } else { 4 })
        });
        let mut out = Vec::new();
        shaper.serve(
            from,
            from + 1e-3,
            arrivals.collect::<Vec<_>>().into_iter(),
            &mut out,
        );
        for packet in out {
            let PacketKind::Data(flow) = packet.kind else {
                panic!("only data was sent");
            };
            got[flow] += packet.bytes;
        }
    }
    got
}

#[test]
fn flows_share_in_bytes_not_in_packets() {
    let got = shares(&[1_500.0, 700.0, 1_500.0]);
    let all: f64 = got.iter().sum();
    assert!((all / 1_250_000.0 - 1.0).abs() < 0.01, "{got:?}");
    for share in &got {
        assert!((share / (all / 3.0) - 1.0).abs() < 0.05, "{got:?}");
    }
}

#[test]
fn a_sparse_flow_passes_a_flood() {
    let mut shaper = Shaper::new(10e6, 2, 1_514.0);
    let mut worst = 0.0_f64;
    for step in 0..2_000_u32 {
        let from = f64::from(step) / 1e3;
        let mut arrivals = vec![data(0, 1_500.0, from); 2];
        if step % 20 == 0 {
            arrivals.push(data(1, 100.0, from));
        }
        let mut out = Vec::new();
        shaper.serve(from, from + 1e-3, arrivals.into_iter(), &mut out);
        let sparse = out
            .iter()
            .filter(|packet| packet.kind == PacketKind::Data(1));
        worst = sparse.map(|packet| packet.waited).fold(worst, f64::max);
    }
    // The packet that is being sent, and no other.
    assert!(
        worst > 0.0 && worst <= 1_500.0 * 8.0 / 10e6 + 1e-9,
        "{worst}"
    );
    assert!(shaper.backlog > 100_000.0, "the flood waits");
}

#[test]
fn a_new_rate_holds_from_the_packet_that_is_being_sent_on() {
    let mut shaper = Shaper::new(1e6, 1, 1_514.0);
    let mut out = Vec::new();
    shaper.serve(
        0.0,
        1e-3,
        vec![data(0, 1_250.0, 0.0); 2].into_iter(),
        &mut out,
    );
    assert_eq!(out.len(), 1, "the second is due after 10 ms");
    // Of the 10 ms 9 are left; at ten times the rate they become 0.9.
    shaper.set_rate(1e-3, 10e6);
    shaper.serve(1e-3, 2e-3, std::iter::empty(), &mut out);
    assert!((out[1].at - 1.9e-3).abs() < 1e-9, "{:?}", out[1]);
}

#[test]
fn providers_drop_what_their_kind_drops() {
    let bytes = wanctl_types::Bytes::new(15_000);
    let survivors = |buffer| {
        let mut provider = Provider::new(buffer, false);
        let packets =
            (0..30_u64).map(|sequence| Packet::new(PacketKind::Data(0), 1_500.0, sequence, 0.0));
        let mut out = Vec::new();
        // All arrive at once; ten fit, and one is on the line already.
        provider.serve(0.0, 1.0, 12e6, packets, &mut out);
        assert_eq!(provider.drops, 19);
        out.iter().map(|packet| packet.sequence).collect::<Vec<_>>()
    };
    assert_eq!(
        survivors(Buffer::TailDrop { bytes }),
        (0..11).collect::<Vec<_>>()
    );
    let last_ten: Vec<u64> = std::iter::once(0).chain(20..30).collect();
    assert_eq!(survivors(Buffer::DropFront { bytes }), last_ten);
}

#[test]
fn a_line_without_capacity_keeps_its_packets() {
    let bytes = wanctl_types::Bytes::new(15_000);
    let mut provider = Provider::new(Buffer::TailDrop { bytes }, false);
    let packet = || std::iter::once(Packet::new(PacketKind::Sparse, 1_000.0, 0, 0.0));
    let mut out = Vec::new();
    provider.serve(0.0, 1.0, 0.0, packet(), &mut out);
    assert!(out.is_empty() && (provider.held() - 1_000.0).abs() < 1e-9);
    provider.serve(1.0, 2.0, 8_000.0, std::iter::empty(), &mut out);
    assert!((out[0].at - 2.0).abs() < 1e-9 && (out[0].waited_at_provider - 2.0).abs() < 1e-9);
}
