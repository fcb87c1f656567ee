//! Who this device is: its key, its relay, and for whom it acts.

use rusqlite::{Connection, OptionalExtension, params};
use sync_protocol::frame::Enrolled;
use sync_protocol::identity::SecretKey;
use sync_protocol::{AuthorId, OrganizationId, PractitionerId, RelayId, UnixMillis};

use super::{bytes, unreadable};
use crate::DeviceError;

/// The identity of an enrolled device.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) secret: SecretKey,
    pub(crate) author: AuthorId,
    pub(crate) relay_url: String,
    pub(crate) relay: RelayId,
    pub(crate) organization: OrganizationId,
    pub(crate) organization_name: String,
    pub(crate) practitioner: PractitionerId,
    pub(crate) practitioner_name: String,
}

/// The parts of the identity that change while the device is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) until: UnixMillis,
    /// The newest device time seen, or what the count of time went on to from there.
    pub(crate) latest_seen: UnixMillis,
    /// The count then.
    pub(crate) counted: i64,
}

/// The key of this device, made and stored before the first attempt to enrol so that a retry uses the same one.
pub(crate) fn key_for_enrolment(
    db: &Connection,
    relay_url: &str,
    seed: impl FnOnce() -> [u8; 32],
) -> Result<SecretKey, DeviceError> {
    let stored: Option<[u8; 32]> =
        db.query_row("SELECT secret_seed FROM identity", [], |row| bytes(row, 0)).optional()?;
    let seed = stored.unwrap_or_else(seed);
    db.execute(
        "INSERT INTO identity (id, secret_seed, relay_url) VALUES (1, ?1, ?2)
         ON CONFLICT (id) DO UPDATE SET relay_url = ?2",
        params![seed, relay_url],
    )?;
    Ok(SecretKey::from_seed(seed))
}

pub(crate) fn enrolled(
    db: &Connection,
    relay_url: &str,
    enrolled: &Enrolled,
    now: UnixMillis,
) -> Result<(), DeviceError> {
    let body = &enrolled.certificate.body;
    db.execute(
        "UPDATE identity SET relay_url = ?1, relay_id = ?2, organization = ?3, organization_name = ?4,
             practitioner = ?5, practitioner_name = ?6, lease_until_ms = ?7, latest_seen_ms = ?8",
        params![
            relay_url,
            enrolled.relay.0,
            body.organization.as_str(),
            enrolled.organization_name,
            body.practitioner.as_str(),
            enrolled.practitioner_name,
            lease_end(now, enrolled.lease_ms).0,
            now.0
        ],
    )?;
    Ok(())
}

/// None while the device is not enrolled.
pub(crate) fn load(db: &Connection) -> Result<Option<Identity>, DeviceError> {
    let sql = "SELECT secret_seed, relay_url, relay_id, organization, organization_name, practitioner,
                      practitioner_name FROM identity WHERE relay_id IS NOT NULL";
    let row = db.query_row(sql, [], |row| {
        Ok((
            bytes::<32>(row, 0)?,
            row.get::<_, String>(1)?,
            bytes::<16>(row, 2)?,
            [row.get::<_, String>(3)?, row.get(4)?, row.get(5)?, row.get(6)?],
        ))
    });
    let Some((seed, relay_url, relay, [organization, organization_name, practitioner, practitioner_name])) =
        row.optional()?
    else {
        return Ok(None);
    };
    let secret = SecretKey::from_seed(seed);
    let practitioner = PractitionerId::new(practitioner).map_err(|_| unreadable("reading the identity"))?;
    Ok(Some(Identity {
        author: AuthorId::of(&secret.public(), &practitioner),
        secret,
        relay_url,
        relay: RelayId(relay),
        organization: OrganizationId::new(organization).map_err(|_| unreadable("reading the identity"))?,
        organization_name,
        practitioner,
        practitioner_name,
    }))
}

pub(crate) fn set_relay_url(db: &Connection, relay_url: &str) -> Result<(), DeviceError> {
    db.execute("UPDATE identity SET relay_url = ?1", params![relay_url])?;
    Ok(())
}

pub(crate) fn incarnation(db: &Connection) -> Result<u32, DeviceError> {
    Ok(db.prepare_cached("SELECT incarnation FROM identity")?.query_row([], |row| row.get(0))?)
}

/// Ends the present incarnation: what its sequence numbers were used for is not known any more.
pub(crate) fn next_incarnation(db: &Connection) -> Result<(), DeviceError> {
    db.execute("UPDATE identity SET incarnation = incarnation + 1", [])?;
    Ok(())
}

/// How far erasing on the relay's order got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// There is no order.
    None,
    /// Ordered; done by this device's count of time at the latest.
    Until(i64),
    /// Everything but the identity is gone.
    Done,
}

pub(crate) fn order(db: &Connection) -> Result<Order, DeviceError> {
    let mut statement = db.prepare_cached("SELECT wipe_elapsed, erased FROM identity")?;
    let row = statement.query_row([], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, bool>(1)?))).optional()?;
    Ok(match row {
        None | Some((None, _)) => Order::None,
        Some((Some(_), true)) => Order::Done,
        Some((Some(deadline), false)) => Order::Until(deadline),
    })
}

pub(crate) fn set_order(db: &Connection, order: Order) -> Result<(), DeviceError> {
    match order {
        Order::None => db.execute("UPDATE identity SET wipe_elapsed = NULL, erased = 0", [])?,
        Order::Until(deadline) => db.execute("UPDATE identity SET wipe_elapsed = ?1, erased = 0", [deadline])?,
        Order::Done => db.execute("UPDATE identity SET wipe_elapsed = coalesce(wipe_elapsed, 0), erased = 1", [])?,
    };
    Ok(())
}

/// The device's count of time as it was last noted, and its clock then.
pub(crate) fn elapsed(db: &Connection) -> Result<(i64, Option<UnixMillis>), DeviceError> {
    let mut statement = db.prepare_cached("SELECT elapsed_ms, elapsed_at_ms FROM identity")?;
    let row =
        statement.query_row([], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(UnixMillis)))).optional()?;
    Ok(row.unwrap_or_default())
}

/// Notes the count, unless another process has counted further. The lease goes on by as much, whatever the clock says.
pub(crate) fn note_elapsed(db: &Connection, total: i64, now: UnixMillis) -> Result<(), DeviceError> {
    let sql = "UPDATE identity SET latest_seen_ms = max(?2, latest_seen_ms + (?1 - elapsed_ms)),
                                   elapsed_ms = ?1, elapsed_at_ms = ?2
               WHERE elapsed_ms <= ?1";
    db.prepare_cached(sql)?.execute(params![total, now.0])?;
    Ok(())
}

pub(crate) fn lease(db: &Connection) -> Result<Lease, DeviceError> {
    let sql = "SELECT lease_until_ms, latest_seen_ms, elapsed_ms FROM identity WHERE lease_until_ms IS NOT NULL";
    let lease = db.prepare_cached(sql)?.query_row([], |row| {
        let (until, latest_seen) = (UnixMillis(row.get(0)?), UnixMillis(row.get(1)?));
        Ok(Lease { until, latest_seen, counted: row.get(2)? })
    });
    lease.optional()?.ok_or(DeviceError::NotEnrolled)
}

/// The relay was reached: the lease runs anew from `now`, by this device's clock, which it also sets right.
pub(crate) fn renew_lease(db: &Connection, now: UnixMillis, lease_ms: u64) -> Result<(), DeviceError> {
    db.execute(
        "UPDATE identity SET lease_until_ms = ?1, latest_seen_ms = ?2",
        params![lease_end(now, lease_ms).0, now.0],
    )?;
    Ok(())
}

fn lease_end(now: UnixMillis, lease_ms: u64) -> UnixMillis {
    now.plus(i64::try_from(lease_ms).unwrap_or(i64::MAX))
}
