//! Referrals that were made here, and what the relay said to them.

use rusqlite::{Connection, Row, params};
use sync_protocol::frame::{Recipient, Refer};
use sync_protocol::{Compartment, OrganizationId, PatientId, PractitionerId, ReferralId, UnixMillis};

use super::unreadable;
use crate::{ChartRef, DeviceError};

/// What became of a referral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferralState {
    /// It is sent as soon as the relay is reached.
    Waiting,
    /// The chart is open to them until then, by the relay's clock, unless it is ended earlier.
    Opened(UnixMillis),
    /// The relay refused it, with the reason.
    Refused(String),
}

/// A chart that was referred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referral {
    /// Names it, here and at the relay.
    pub id: ReferralId,
    /// The chart.
    pub chart: ChartRef,
    /// To whom.
    pub to: Recipient,
    /// Which compartments.
    pub compartments: Vec<Compartment>,
    /// Whether they may also write there.
    pub may_write: bool,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// When, by this device's clock.
    pub asked_at: UnixMillis,
    /// What became of it.
    pub state: ReferralState,
}

/// Queues a referral.
pub(crate) fn ask(db: &Connection, asked: &Refer, now: UnixMillis) -> Result<(), DeviceError> {
    let (kind, to) = match &asked.to {
        Recipient::Organization(id) => ("organization", id.as_str()),
        Recipient::Practitioner(id) => ("practitioner", id.as_str()),
    };
    let compartments: Vec<&str> = asked.compartments.iter().map(|compartment| compartment.as_str()).collect();
    db.execute(
        "INSERT INTO referral (id, organization, patient, to_kind, to_id, compartments, may_write, for_ms, asked_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            asked.referral.0,
            asked.organization.as_str(),
            asked.patient.as_str(),
            kind,
            to,
            compartments.join(","),
            asked.may_write,
            i64::try_from(asked.for_ms).unwrap_or(i64::MAX),
            now.0
        ],
    )?;
    Ok(())
}

/// Those that wait for the relay's answer, oldest first.
pub(crate) fn waiting(db: &Connection) -> Result<Vec<Refer>, DeviceError> {
    let waiting = all(db)?.into_iter().filter(|referral| referral.state == ReferralState::Waiting);
    Ok(waiting.map(Refer::from).collect())
}

/// The chart is open to them until then.
pub(crate) fn opened(db: &Connection, id: &ReferralId, until: UnixMillis) -> Result<(), DeviceError> {
    let sql = "UPDATE referral SET state = 'opened', until_ms = ?2 WHERE id = ?1 AND state = 'waiting'";
    db.execute(sql, params![id.0, until.0])?;
    Ok(())
}

/// The relay refused it.
pub(crate) fn refused(db: &Connection, id: &ReferralId, why: &str) -> Result<(), DeviceError> {
    let sql = "UPDATE referral SET state = 'refused', refusal = ?2 WHERE id = ?1 AND state = 'waiting'";
    db.execute(sql, params![id.0, why])?;
    Ok(())
}

/// Forgets those of charts of which nothing is here any more.
pub(crate) fn forget_closed(db: &Connection) -> Result<(), DeviceError> {
    let sql = "DELETE FROM referral WHERE NOT EXISTS (SELECT 1 FROM document
               WHERE document.patient = referral.patient AND document.organization = referral.organization)";
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// All of them, oldest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<Referral>, DeviceError> {
    let mut statement = db.prepare_cached(
        "SELECT id, organization, patient, to_kind, to_id, compartments, may_write, for_ms, asked_ms, state, until_ms,
                refusal FROM referral ORDER BY asked_ms, id",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?.ok_or_else(|| unreadable("reading a referral"))?);
    }
    Ok(found)
}

/// None if a value is not what this version writes.
fn read(row: &Row<'_>) -> Result<Option<Referral>, DeviceError> {
    let (id, organization, patient): (Vec<u8>, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (kind, to, compartments): (String, String, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let state = match row.get::<_, String>(9)?.as_str() {
        "waiting" => ReferralState::Waiting,
        "opened" => ReferralState::Opened(UnixMillis(row.get(10)?)),
        _ => ReferralState::Refused(row.get::<_, Option<String>>(11)?.unwrap_or_default()),
    };
    let (may_write, for_ms, asked) = (row.get(6)?, row.get::<_, i64>(7)?.unsigned_abs(), UnixMillis(row.get(8)?));
    let parsed = || {
        let to = match kind.as_str() {
            "organization" => Recipient::Organization(OrganizationId::new(to).ok()?),
            _ => Recipient::Practitioner(PractitionerId::new(to).ok()?),
        };
        let compartments: Result<_, _> = compartments.split(',').map(str::parse).collect();
        let (organization, patient) = (OrganizationId::new(organization).ok()?, PatientId::new(patient).ok()?);
        Some(Referral {
            id: ReferralId::from_slice(&id).ok()?,
            chart: ChartRef { organization, patient },
            to,
            compartments: compartments.ok()?,
            may_write,
            for_ms,
            asked_at: asked,
            state,
        })
    };
    Ok(parsed())
}

impl From<Referral> for Refer {
    fn from(referral: Referral) -> Self {
        let Referral { id, chart, to, compartments, may_write, for_ms, .. } = referral;
        let ChartRef { organization, patient } = chart;
        Self { referral: id, organization, patient, to, compartments, may_write, for_ms }
    }
}
