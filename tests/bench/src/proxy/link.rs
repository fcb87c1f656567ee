//! A slow link: rate, delay and loss, as TCP over it would show them.
//!
//! The model, for each direction alone: bytes go in segments of [`SEGMENT`]; one segment after the other takes its time on
//! the wire at the link's rate, then half a round trip to arrive. A lost segment takes the wire a second time, and arrives
//! one round trip later: that is when TCP would have noticed and repeated it. What follows it waits, since TCP delivers in
//! order. The congestion window is not modelled: every engine is spared its slow start alike.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Payload of one segment, bytes.
const SEGMENT: usize = 1_400;
/// The seed of each connection's losses: all engines meet the same.
const SEED: u64 = 64;

/// What a link is like.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Bits per second, each way.
    pub rate: f64,
    pub round_trip: Duration,
    /// Share of segments that are lost, 0 to 1.
    pub loss: f64,
}

/// What a field clinic has.
pub const FIELD: Link = Link { rate: 64_000.0, round_trip: Duration::from_millis(600), loss: 0.02 };

/// One direction of one connection. Times are since the connection began.
pub struct Lane {
    link: Link,
    losses: ChaCha8Rng,
    /// When the wire has carried all that was given so far.
    free: Duration,
    /// When the last of it arrives.
    arrived: Duration,
}

impl Lane {
    /// An idle one.
    pub fn new(link: Link) -> Self {
        Self { link, losses: ChaCha8Rng::seed_from_u64(SEED), free: Duration::ZERO, arrived: Duration::ZERO }
    }

    /// Sends `bytes` at `now`: when the wire is free again, and when they arrive.
    pub fn send(&mut self, bytes: usize, now: Duration) -> (Duration, Duration) {
        let mut left = bytes;
        while left > 0 {
            let segment = left.min(SEGMENT);
            let on_wire = Duration::from_secs_f64(segment as f64 * 8.0 / self.link.rate);
            self.free = self.free.max(now) + on_wire;
            let mut arrives = self.free + self.link.round_trip / 2;
            if self.losses.random::<f64>() < self.link.loss {
                self.free += on_wire;
                arrives += self.link.round_trip + on_wire;
            }
            self.arrived = self.arrived.max(arrives);
            left -= segment;
        }
        (self.free, self.arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSLESS: Link = Link { loss: 0.0, ..FIELD };

    #[test]
    fn a_byte_takes_half_a_round_trip_and_its_time_on_the_wire() {
        let (_, arrived) = Lane::new(LOSSLESS).send(1, Duration::ZERO);
        assert_eq!(arrived, Duration::from_micros(300_125));
    }

    #[test]
    fn eight_kilobytes_take_a_second_on_the_wire() {
        let (free, _) = Lane::new(LOSSLESS).send(8_000, Duration::ZERO);
        assert!((free.as_secs_f64() - 1.0).abs() < 1e-6, "{free:?}");
    }

    #[test]
    fn what_follows_a_lost_segment_does_not_overtake_it() {
        let mut lane = Lane::new(Link { loss: 1.0, ..FIELD });
        let (_, lost) = lane.send(SEGMENT, Duration::ZERO);
        lane.link.loss = 0.0;
        let (_, next) = lane.send(1, Duration::ZERO);
        assert!(next >= lost);
        assert!(lost > FIELD.round_trip * 3 / 2);
    }
}
