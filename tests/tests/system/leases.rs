//! The lease bounds how long charts may be used without the relay, not with it.

use client_core::DeviceError;
use system_tests::charts::{allergy, key};
use system_tests::world::usual_settings;
use system_tests::{Node, World, seeds};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// A device with a lease of one hour.
fn with_a_short_lease() -> (World, Node, client_core::ChartRef) {
    let mut settings = usual_settings();
    settings.lease_ms = HOUR_MS as u64;
    let mut world = World::with_settings(seeds::one(), settings);
    let [a] = world.practice("north", 1)[..] else { unreachable!() };
    let chart = world.register(a, "Okonkwo-Lease");
    world.settle();
    (world, a, chart)
}

#[test]
fn a_device_that_stays_connected_keeps_its_lease() {
    let (mut world, a, chart) = with_a_short_lease();
    world.run_for(3 * HOUR_MS);
    assert!(world.status(a).lease_remaining_ms > 0, "it was connected all the time");
    world.put(a, &chart, &allergy(&chart, "a1", "Penicillin-Lease"));
}

#[test]
fn a_device_without_the_relay_is_locked_when_its_lease_is_over_and_opens_with_the_next_sync() {
    let (mut world, a, chart) = with_a_short_lease();
    world.go_offline(a);
    world.note(a, &chart, "made offline within the lease");
    world.run_for(HOUR_MS + 60_000);
    let now = world.clock(a);
    let locked = world.device(a).resource(&chart, &key("Patient/x"), now).unwrap_err();
    assert!(matches!(locked, DeviceError::LeaseExpired { .. }));
    assert_eq!(world.status(a).unsent, 1, "unsent work is safe");
    world.go_online(a);
    world.settle();
    assert_eq!(world.status(a).unsent, 0, "and was sent");
    world.put(a, &chart, &allergy(&chart, "a1", "Penicillin-Lease"));
}

#[test]
fn a_clock_set_back_does_not_lengthen_the_lease() {
    let (mut world, a, chart) = with_a_short_lease();
    world.go_offline(a);
    world.run_for(HOUR_MS - 60_000);
    world.note(a, &chart, "near the end of the lease");
    world.set_clock(a, -10 * HOUR_MS);
    let left = world.status(a).lease_remaining_ms;
    assert!(left <= 2 * 60_000, "{left}");
}
