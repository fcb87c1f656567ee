//! The device's own audit trail: a chain of entries, each hash over all before it, that only grows until it was sent.

use rusqlite::{Connection, OptionalExtension, Row, params};
use sync_protocol::frame::{TrailBody, TrailEntry};
use sync_protocol::{TrailHash, UnixMillis};

use super::{bytes, unreadable};
use crate::DeviceError;

/// Entries that stay here after the relay has them, at most.
pub(crate) const KEPT_ENTRIES: u64 = 10_000;
/// How long entries stay here after the relay has them, at most, in milliseconds: thirty days.
pub(crate) const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Entries in one frame.
const FRAME_ENTRIES: u64 = 1_000;
/// JSON of entries in one frame, in bytes, beyond which the next frame begins.
const FRAME_BYTES: usize = 256 * 1024;

/// Where the trail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Number of the newest entry; 0 before the first.
    pub(crate) newest: u64,
    /// The last one that the relay has.
    pub(crate) kept_through: u64,
    /// The last one that is not here any more.
    pub(crate) anchor: u64,
}

/// An entry with its place.
#[derive(Clone, Debug)]
pub(crate) struct StoredEntry {
    pub(crate) seq: u64,
    pub(crate) hash: TrailHash,
    pub(crate) entry: TrailEntry,
}

/// Appends an entry inside the caller's transaction; gives its number.
pub(crate) fn append(db: &Connection, entry: &TrailEntry) -> Result<u64, DeviceError> {
    let (last, previous) = tail(db)?;
    let (seq, body) = (last + 1, serde_json::to_string(entry).map_err(|_| unreadable("writing the trail"))?);
    db.prepare_cached("INSERT INTO trail (seq, hash, at_ms, body) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        signed(seq),
        entry.hash(seq, &previous).0,
        entry.at.0,
        body
    ])?;
    Ok(seq)
}

/// Number and hash of the newest entry, or of what stood before the oldest.
fn tail(db: &Connection) -> Result<(u64, TrailHash), DeviceError> {
    let newest =
        db.prepare_cached("SELECT seq, hash FROM trail ORDER BY seq DESC LIMIT 1")?.query_row([], place).optional()?;
    newest.map_or_else(|| anchor(db), Ok)
}

fn anchor(db: &Connection) -> Result<(u64, TrailHash), DeviceError> {
    Ok(db.prepare_cached("SELECT anchor_seq, anchor_hash FROM trail_state")?.query_row([], place)?)
}

fn place(row: &Row<'_>) -> rusqlite::Result<(u64, TrailHash)> {
    Ok((row.get::<_, i64>(0)?.unsigned_abs(), TrailHash(bytes(row, 1)?)))
}

pub(crate) fn standing(db: &Connection) -> Result<Standing, DeviceError> {
    let sql = "SELECT coalesce((SELECT max(seq) FROM trail), anchor_seq), kept_through, anchor_seq FROM trail_state";
    Ok(db.prepare_cached(sql)?.query_row([], |row| {
        let at = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
        Ok(Standing { newest: at(0)?, kept_through: at(1)?, anchor: at(2)? })
    })?)
}

/// Entries after number `after`, oldest first.
pub(crate) fn after(db: &Connection, after: u64, limit: usize) -> Result<Vec<StoredEntry>, DeviceError> {
    let mut statement = db.prepare_cached("SELECT seq, hash, body FROM trail WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let rows = statement.query_map(params![signed(after), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
        Ok((place(row)?, row.get::<_, String>(2)?))
    })?;
    rows.map(|row| {
        let ((seq, hash), body) = row?;
        let entry = serde_json::from_str(&body).map_err(|_| unreadable("reading the trail"))?;
        Ok(StoredEntry { seq, hash, entry })
    })
    .collect()
}

/// What one frame carries after entry `after`: number of the first, hash before it, the entries. None at the end.
pub(crate) fn frame_after(db: &Connection, after: u64) -> Result<Option<(u64, TrailHash, TrailBody)>, DeviceError> {
    let (anchor, anchor_hash) = anchor(db)?;
    // What is not here any more cannot be sent again, even if the relay lost it.
    let from = after.max(anchor);
    let mut statement = db.prepare_cached("SELECT seq, body FROM trail WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let mut rows = statement.query(params![signed(from), signed(FRAME_ENTRIES)])?;
    let (mut entries, mut size) = (Vec::new(), 0);
    while size < FRAME_BYTES
        && let Some(row) = rows.next()?
    {
        let body: String = row.get(1)?;
        size += body.len();
        entries.push(serde_json::from_str(&body).map_err(|_| unreadable("reading the trail"))?);
    }
    if entries.is_empty() {
        return Ok(None);
    }
    let previous = if from == anchor { anchor_hash } else { hash_of(db, from)? };
    Ok(Some((from + 1, previous, TrailBody { entries })))
}

fn hash_of(db: &Connection, seq: u64) -> Result<TrailHash, DeviceError> {
    let mut statement = db.prepare_cached("SELECT hash FROM trail WHERE seq = ?1")?;
    Ok(statement.query_row([signed(seq)], |row| bytes(row, 0).map(TrailHash))?)
}

/// Notes the last entry that the relay has, which may be further back than before, and lets old ones go.
pub(crate) fn kept(db: &Connection, through: u64, now: UnixMillis) -> Result<(), DeviceError> {
    let standing = standing(db)?;
    let through = through.min(standing.newest);
    db.prepare_cached("UPDATE trail_state SET kept_through = ?1")?.execute([signed(through)])?;
    let surplus = standing.newest.saturating_sub(KEPT_ENTRIES).min(through);
    let aged: i64 = db
        .prepare_cached("SELECT coalesce(min(seq) - 1, ?2) FROM trail WHERE at_ms >= ?1")?
        .query_row(params![now.0.saturating_sub(KEPT_MS), signed(standing.newest)], |row| row.get(0))?;
    let cut = surplus.max(aged.unsigned_abs().min(through));
    if cut > standing.anchor {
        let hash = hash_of(db, cut)?;
        db.execute("UPDATE trail_state SET anchor_seq = ?1, anchor_hash = ?2", params![signed(cut), hash.0])?;
        db.execute("DELETE FROM trail WHERE seq <= ?1", [signed(cut)])?;
    }
    Ok(())
}

/// The first entry whose hash does not follow from what is before it, looking at `last` entries from the end, or at all.
pub(crate) fn first_broken(db: &Connection, last: Option<u64>) -> Result<Option<u64>, DeviceError> {
    let standing = standing(db)?;
    let (anchor, anchor_hash) = anchor(db)?;
    let mut at = last.map_or(anchor, |last| standing.newest.saturating_sub(last).max(anchor));
    let mut previous = match at == anchor {
        true => anchor_hash,
        false => match hash_of(db, at) {
            Ok(hash) => hash,
            Err(_) => return Ok(Some(at)),
        },
    };
    while at < standing.newest {
        let some = after(db, at, 1_000)?;
        if some.is_empty() {
            return Ok(Some(at + 1));
        }
        for stored in some {
            if stored.seq != at + 1 || stored.entry.hash(stored.seq, &previous) != stored.hash {
                return Ok(Some(at + 1));
            }
            (at, previous) = (stored.seq, stored.hash);
        }
    }
    Ok(None)
}

/// Lets all that the relay has go.
pub(crate) fn forget_sent(db: &Connection) -> Result<(), DeviceError> {
    let through = standing(db)?.kept_through;
    if through > standing(db)?.anchor {
        let hash = hash_of(db, through)?;
        db.execute("UPDATE trail_state SET anchor_seq = ?1, anchor_hash = ?2", params![signed(through), hash.0])?;
        db.execute("DELETE FROM trail WHERE seq <= ?1", [signed(through)])?;
    }
    Ok(())
}

/// Ends the trail with the identity that signed it, once the relay has all of it.
///
/// # Errors
/// [`DeviceError::Storage`] while the relay does not: the file itself refuses to remove such entries.
pub(crate) fn forget_all(db: &Connection) -> Result<(), DeviceError> {
    db.execute("DELETE FROM trail", [])?;
    db.execute("UPDATE trail_state SET anchor_seq = 0, anchor_hash = zeroblob(32), kept_through = 0", [])?;
    Ok(())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, enrolled};
    use crate::trail::{Act, record};

    fn with_entries(count: u64, at: UnixMillis) -> (tempfile::TempDir, crate::Device) {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        device
            .write(|tx, _| (0..count).try_for_each(|_| record(tx, &Act::new("print", None, Vec::new()), at)))
            .unwrap();
        (folder, device)
    }

    #[test]
    fn of_what_the_relay_has_the_newest_entries_stay_and_the_chain_still_holds() {
        let (_folder, mut device) = with_entries(KEPT_ENTRIES + 50, NOW);
        device.write(|tx, _| kept(tx, 20, NOW)).unwrap();
        assert_eq!(device.trail(0, 1).unwrap()[0].number, 21, "no more than the relay has");
        device.write(|tx, _| kept(tx, KEPT_ENTRIES + 50, NOW)).unwrap();
        assert_eq!(device.trail(0, 1).unwrap()[0].number, 51);
        assert_eq!(device.verify_trail().unwrap(), None);
        let (first, previous, body) = frame_after(&device.db, 10).unwrap().unwrap();
        assert_eq!((first, body.chain(first, previous).next().unwrap().1), (51, hash_of(&device.db, 51).unwrap()));
    }

    #[test]
    fn what_the_relay_has_goes_after_thirty_days_and_the_rest_never() {
        let (_folder, mut device) = with_entries(5, NOW);
        let late = NOW.plus(KEPT_MS + 1);
        device.write(|tx, _| record(tx, &Act::new("print", None, Vec::new()), late)).unwrap();
        device.write(|tx, _| kept(tx, 3, late)).unwrap();
        let numbers: Vec<u64> = device.trail(0, 9).unwrap().iter().map(|record| record.number).collect();
        assert_eq!(numbers, [4, 5, 6]);
        assert!(matches!(device.write(|tx, _| forget_all(tx)), Err(DeviceError::Storage { .. })));
        assert_eq!(device.trail(0, 9).unwrap().len(), 3);
    }

    #[test]
    fn where_it_cannot_be_recorded_nothing_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut device = enrolled(folder.path());
        let chart = device
            .register_patient(&crate::NewPatient { family: Some("Silva".into()), ..Default::default() }, NOW)
            .unwrap();
        device.db.pragma_update(None, "query_only", true).unwrap();
        assert!(device.chart(&chart, NOW).is_err_and(|error| error.is_storage()));
        assert!(device.search("a", NOW).is_ok_and(|found| found.is_empty()), "an empty list gives nothing out");
        device.db.pragma_update(None, "query_only", false).unwrap();
        assert!(device.chart(&chart, NOW).is_ok());
    }
}
