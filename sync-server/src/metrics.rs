//! Counters in Prometheus format. Numbers only: no ids, no names.

use prometheus::{IntCounter, IntGauge, Registry, TextEncoder};

/// The relay's counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connections that are open.
    pub connections: IntGauge,
    /// Connections turned away: unknown or revoked device, refused enrolment.
    pub refused_connections: IntCounter,
    /// Sign-ins to the admin API refused.
    pub refused_sign_ins: IntCounter,
    /// Bytes of frames received.
    pub bytes_received: IntCounter,
    /// Bytes of frames sent.
    pub bytes_sent: IntCounter,
    /// Changes appended to the log.
    pub changes_accepted: IntCounter,
    /// Changes that were in the log before.
    pub changes_repeated: IntCounter,
    /// Changes refused.
    pub changes_refused: IntCounter,
    /// Changes put into custody.
    pub changes_in_custody: IntCounter,
    /// Changes sent to devices.
    pub changes_delivered: IntCounter,
    /// Batches sent to devices.
    pub batches: IntCounter,
    /// Bodies of batches that were encoded; one may go to many devices.
    pub bodies: IntCounter,
    /// Syncs that had to compare all that is held.
    pub comparisons: IntCounter,
    /// Transactions rolled back.
    pub rollbacks: IntCounter,
    /// Changes that were packed into runs.
    pub changes_packed: IntCounter,
    /// Runs that took the place of loose changes.
    pub runs: IntCounter,
    /// Times that packing changes failed.
    pub packing_failures: IntCounter,
    /// Alerts that no privacy officer has seen.
    pub unseen_alerts: IntGauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        Self {
            connections: gauge(&registry, "satchel_connections", "Connections that are open"),
            refused_connections: counter(&registry, "satchel_refused_connections_total", "Connections turned away"),
            refused_sign_ins: counter(&registry, "satchel_refused_sign_ins_total", "Sign-ins to the admin API refused"),
            bytes_received: counter(&registry, "satchel_received_bytes_total", "Bytes of frames received"),
            bytes_sent: counter(&registry, "satchel_sent_bytes_total", "Bytes of frames sent"),
            changes_accepted: counter(&registry, "satchel_changes_accepted_total", "Changes appended to the log"),
            changes_repeated: counter(&registry, "satchel_changes_repeated_total", "Changes that were there before"),
            changes_refused: counter(&registry, "satchel_changes_refused_total", "Changes refused"),
            changes_in_custody: counter(&registry, "satchel_changes_custody_total", "Changes put into custody"),
            changes_delivered: counter(&registry, "satchel_changes_delivered_total", "Changes sent to devices"),
            batches: counter(&registry, "satchel_batches_total", "Batches sent to devices"),
            bodies: counter(&registry, "satchel_bodies_total", "Bodies of batches that were encoded"),
            comparisons: counter(&registry, "satchel_comparisons_total", "Syncs that compared all that is held"),
            changes_packed: counter(&registry, "satchel_changes_packed_total", "Changes packed into runs"),
            runs: counter(&registry, "satchel_runs_total", "Runs that took the place of loose changes"),
            packing_failures: counter(&registry, "satchel_packing_failures_total", "Times that packing changes failed"),
            unseen_alerts: gauge(&registry, "satchel_unseen_alerts", "Alerts that nobody has marked as seen"),
            rollbacks: counter(&registry, "satchel_rollbacks_total", "Transactions rolled back"),
            registry,
        }
    }
}

impl Metrics {
    /// All counters in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

#[expect(clippy::expect_used, reason = "names are constants, checked by the test below")]
fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    let counter = IntCounter::new(name, help).expect("metric name");
    registry.register(Box::new(counter.clone())).expect("metric registered once");
    counter
}

#[expect(clippy::expect_used, reason = "names are constants, checked by the test below")]
fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let gauge = IntGauge::new(name, help).expect("metric name");
    registry.register(Box::new(gauge.clone())).expect("metric registered once");
    gauge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_show_in_prometheus_format() {
        let metrics = Metrics::default();
        metrics.changes_accepted.inc_by(3);
        assert!(metrics.render().contains("satchel_changes_accepted_total 3"));
    }
}
