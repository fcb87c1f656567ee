//! How a large message is cut into WebSocket fragments (RFC 6455, 5.4), so that neither end keeps a buffer of a message's size
//! for a connection on which nothing happens any more.

use std::ops::Range;

/// Longest fragment that is sent, in bytes. Longer ones are taken.
pub const FRAGMENT_BYTES: usize = 4 * 1024;

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Which of its bytes.
    pub range: Range<usize>,
    /// The first: it says what kind of message it is, the others that they continue it.
    pub first: bool,
    /// The last.
    pub last: bool,
}

/// The pieces of a message of `bytes` bytes, in order; one if it is empty.
pub fn fragments(bytes: usize) -> impl Iterator<Item = Fragment> {
    let count = bytes.div_ceil(FRAGMENT_BYTES).max(1);
    (0..count).map(move |number| Fragment {
        range: number * FRAGMENT_BYTES..bytes.min((number + 1) * FRAGMENT_BYTES),
        first: number == 0,
        last: number + 1 == count,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_message_is_one_piece() {
        for bytes in [0, 1, FRAGMENT_BYTES] {
            let pieces: Vec<_> = fragments(bytes).collect();
            assert_eq!(pieces, [Fragment { range: 0..bytes, first: true, last: true }]);
        }
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_message(bytes in 0..10 * FRAGMENT_BYTES) {
            let pieces: Vec<_> = fragments(bytes).collect();
            let mut at = 0;
            for (number, piece) in pieces.iter().enumerate() {
                prop_assert_eq!(piece.range.start, at);
                prop_assert!(piece.range.len() <= FRAGMENT_BYTES);
                prop_assert_eq!((piece.first, piece.last), (number == 0, number + 1 == pieces.len()));
                at = piece.range.end;
            }
            prop_assert_eq!(at, bytes);
        }
    }
}
