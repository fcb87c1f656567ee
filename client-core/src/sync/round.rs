//! What one round in the background may cost: a job that a phone gives seconds, on a network that is paid for.

/// Bounds of one sync. The default has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundBudget {
    /// Bytes both ways. Looked at between messages: what is on its way when they are spent still counts, so that the sum can
    /// be over by a message. A round that has got nowhere yet goes on, or it would never get anywhere.
    pub bytes: Option<u64>,
    /// Milliseconds, connecting included.
    pub time_ms: Option<u64>,
}

impl RoundBudget {
    /// Whether the round is to end. `advanced`: something was stored or accepted in it.
    #[must_use]
    pub fn is_spent(&self, bytes: u64, elapsed_ms: u64, advanced: bool) -> bool {
        let out_of_bytes = self.bytes.is_some_and(|limit| bytes >= limit);
        let out_of_time = self.time_ms.is_some_and(|limit| elapsed_ms >= limit);
        out_of_time || (advanced && out_of_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_bounds_nothing_is_ever_spent() {
        assert!(!RoundBudget::default().is_spent(u64::MAX, u64::MAX, true));
    }

    #[test]
    fn bytes_end_a_round_once_it_has_got_somewhere() {
        let budget = RoundBudget { bytes: Some(100), time_ms: None };
        assert!(!budget.is_spent(99, 0, true));
        assert!(budget.is_spent(100, 0, true));
        assert!(!budget.is_spent(1_000_000, 0, false), "a handshake alone is no progress");
    }

    #[test]
    fn time_ends_a_round_wherever_it_is() {
        let budget = RoundBudget { bytes: None, time_ms: Some(10) };
        assert!(!budget.is_spent(0, 9, true));
        assert!(budget.is_spent(0, 10, false));
    }
}
