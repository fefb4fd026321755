//! `CoDel` (RFC 8289): drops when the least wait of an interval stays above a target.

use super::packet::Packet;

/// Time in which the wait must come below the target once (RFC 8289 §4.2).
const INTERVAL: f64 = 0.1;
/// A queue with no more than this is never dropped from, bytes (RFC 8289 §5.3).
const MTU: f64 = 1_514.0;

/// The state of one queue's control law.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CoDel {
    first_above: Option<f64>,
    dropping: bool,
    drop_next: f64,
    count: f64,
    last_count: f64,
}

impl CoDel {
    /// The next packet to send at `now`, with `waiting` bytes left behind it; how many were
    /// dropped before it is added to `drops`.
    pub(super) fn dequeue(
        &mut self,
        now: f64,
        target: f64,
        mut pop: impl FnMut() -> Option<(Packet, f64)>,
        drops: &mut u64,
    ) -> Option<Packet> {
        let (mut packet, mut waiting) = pop()?;
        let mut ok_to_drop = self.is_above(&packet, waiting, now, target);
        if self.dropping {
            if !ok_to_drop {
                self.dropping = false;
            }
            while self.dropping && now >= self.drop_next {
                *drops += 1;
                self.count += 1.0;
                let Some(next) = pop() else {
                    self.dropping = false;
                    return None;
                };
                (packet, waiting) = next;
                ok_to_drop = self.is_above(&packet, waiting, now, target);
                if ok_to_drop {
                    self.drop_next += INTERVAL / self.count.sqrt();
                } else {
                    self.dropping = false;
                }
            }
        } else if ok_to_drop {
            *drops += 1;
            self.begin_dropping(now);
            let (next, waiting) = pop()?;
            self.is_above(&next, waiting, now, target);
            return Some(next);
        }
        Some(packet)
    }

    fn begin_dropping(&mut self, now: f64) {
        self.dropping = true;
        let delta = self.count - self.last_count;
        self.count = if delta > 1.0 && now - self.drop_next < 16.0 * INTERVAL {
            delta
        } else {
            1.0
        };
        self.drop_next = now + INTERVAL / self.count.sqrt();
        self.last_count = self.count;
    }

    fn is_above(&mut self, packet: &Packet, waiting: f64, now: f64, target: f64) -> bool {
        if now - packet.at < target || waiting <= MTU.max(packet.bytes) {
            self.first_above = None;
            return false;
        }
        match self.first_above {
            None => {
                self.first_above = Some(now + INTERVAL);
                false
            }
            Some(since) => now >= since,
        }
    }
}
