//! The simulated network: whole messages with latency, which cuts lose and which, if hostile, it doubles and reorders.

use sync_server::relay::ConnectionId;

use super::{Node, UnixMillis};
use crate::Dice;

/// How the network behaves. May be changed at any time.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Least time that a message travels, in milliseconds.
    pub least_ms: i64,
    /// Most time that a message travels, in milliseconds.
    pub most_ms: i64,
    /// Messages that arrive twice, of a hundred. A real transport does not do that.
    pub doubled: u64,
    /// Messages that overtake others, of a hundred. A real transport does not do that.
    pub overtaking: u64,
    /// Acknowledgements of batches do not arrive.
    pub holds_acks: bool,
    /// How much later one side of a cut may learn of it than the other, in milliseconds.
    pub cut_noticed_within_ms: i64,
}

impl Weather {
    /// A decent radio link.
    pub const CALM: Self =
        Self { least_ms: 1, most_ms: 60, doubled: 0, overtaking: 0, holds_acks: false, cut_noticed_within_ms: 20_000 };

    /// A network that breaks the promises of a transport.
    pub const HOSTILE: Self = Self { doubled: 12, overtaking: 12, ..Self::CALM };
}

/// One connection, from the device's dialling to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LinkId(pub usize);

pub(super) struct Link {
    pub node: Node,
    /// The relay's name for it; none before it is accepted and after the relay forgot it.
    pub connection: Option<ConnectionId>,
    /// The device's end is open.
    pub open: bool,
    /// Nothing passes any more.
    pub cut: bool,
    last_up: UnixMillis,
    last_down: UnixMillis,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

impl Link {
    pub fn new(node: Node) -> Self {
        let start = UnixMillis::default();
        Self { node, connection: None, open: false, cut: false, last_up: start, last_down: start }
    }

    /// When a message that is sent now arrives; twice if it is doubled. In order, unless the network is hostile.
    pub fn arrivals(&mut self, way: Way, now: UnixMillis, weather: &Weather, dice: &mut Dice) -> Vec<UnixMillis> {
        let travels = now.plus(dice.between(weather.least_ms, weather.most_ms));
        let last = if way == Way::Up { &mut self.last_up } else { &mut self.last_down };
        let overtakes = dice.chance(weather.overtaking);
        let arrives = if overtakes { travels } else { travels.max(*last) };
        *last = arrives.max(*last);
        let mut arrivals = vec![arrives];
        if dice.chance(weather.doubled) {
            arrivals.push(arrives.plus(dice.between(1, 4 * weather.most_ms)));
        }
        arrivals
    }

    /// When the end of the connection arrives: after everything that was sent before it.
    pub fn end_arrives(&self, way: Way, now: UnixMillis, weather: &Weather, dice: &mut Dice) -> UnixMillis {
        let last = if way == Way::Up { self.last_up } else { self.last_down };
        now.plus(dice.between(weather.least_ms, weather.most_ms)).max(last)
    }
}
