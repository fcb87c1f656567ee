//! Receipts, wipes, disclosures and the trails of devices.

use roaring::RoaringBitmap;
use rusqlite::{OptionalExtension, params};
use sync_protocol::{DeviceId, OrganizationId, PatientId, UnixMillis};

use super::devices::{decode_bitmap, encode_bitmap};
use super::rows::{bytes, found};
use super::{SqliteStore, audit, disclosures, receipts, trails};
use crate::store::{
    Disclosed, DisclosureRow, DocumentVersion, KeptEntry, KeptReceipt, LedgerStore, NewAuditRow, OwedReceipt, Position,
    SentUpTo, StoreError, TrailBranch, TrailStretch, WipeOrder,
};
use sync_protocol::TrailHash;

impl LedgerStore for SqliteStore {
    fn add_owed_receipt(&mut self, device: &DeviceId, owed: &OwedReceipt) -> Result<(), StoreError> {
        let sql = "INSERT INTO owed_receipt (device, withdrawal, since_ms, documents) VALUES (?1, ?2, ?3, ?4)";
        let values = params![device.0, owed.withdrawal, owed.since.0, encode_bitmap(&owed.documents)];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn owed_receipts(&self, device: &DeviceId) -> Result<Vec<OwedReceipt>, StoreError> {
        let sql = "SELECT withdrawal, since_ms, documents FROM owed_receipt WHERE device = ?1 ORDER BY withdrawal";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([device.0])?;
        let mut owed = Vec::new();
        while let Some(row) = rows.next()? {
            let documents = decode_bitmap(&row.get::<_, Vec<u8>>(2)?)?;
            owed.push(OwedReceipt { withdrawal: row.get(0)?, since: UnixMillis(row.get(1)?), documents });
        }
        Ok(owed)
    }

    fn settle_owed(&mut self, device: &DeviceId, documents: &RoaringBitmap) -> Result<(), StoreError> {
        for owed in self.owed_receipts(device)? {
            let rest = &owed.documents - documents;
            let sql = if rest.is_empty() {
                "DELETE FROM owed_receipt WHERE device = ?1 AND withdrawal = ?2 AND ?3 IS NOT NULL"
            } else if rest.len() < owed.documents.len() {
                "UPDATE owed_receipt SET documents = ?3 WHERE device = ?1 AND withdrawal = ?2"
            } else {
                continue;
            };
            let values = params![device.0, owed.withdrawal, encode_bitmap(&rest)];
            self.connection.prepare_cached(sql)?.execute(values)?;
        }
        Ok(())
    }

    fn devices_owing(&self) -> Result<Vec<DeviceId>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT DISTINCT device FROM owed_receipt ORDER BY device")?;
        let mut rows = statement.query([])?;
        let mut owing = Vec::new();
        while let Some(row) = rows.next()? {
            owing.push(DeviceId(bytes("device id", &row.get::<_, Vec<u8>>(0)?)?));
        }
        Ok(owing)
    }

    fn keep_receipt(&mut self, device: &DeviceId, kept: &KeptReceipt) -> Result<bool, StoreError> {
        receipts::keep(&self.connection, device, kept)
    }

    fn receipts(&self, device: &DeviceId) -> Result<Vec<KeptReceipt>, StoreError> {
        receipts::of(&self.connection, device)
    }

    fn order_wipe(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError> {
        let sql = "INSERT INTO wipe_order (device, ordered_at_ms) VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET ordered_at_ms = ?2, wiped_at_ms = NULL WHERE wiped_at_ms IS NOT NULL";
        self.connection.execute(sql, params![device.0, now.0])?;
        Ok(())
    }

    fn wipe_order(&self, device: &DeviceId) -> Result<Option<WipeOrder>, StoreError> {
        let sql = "SELECT ordered_at_ms, wiped_at_ms FROM wipe_order WHERE device = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(WipeOrder {
                ordered_at: UnixMillis(row.get(0)?),
                wiped_at: row.get::<_, Option<i64>>(1)?.map(UnixMillis),
            })
        };
        Ok(self.connection.prepare_cached(sql)?.query_row([device.0], read).optional()?)
    }

    fn wiped(&mut self, device: &DeviceId, now: UnixMillis) -> Result<(), StoreError> {
        let sql = "UPDATE wipe_order SET wiped_at_ms = coalesce(wiped_at_ms, ?2) WHERE device = ?1";
        found("order to wipe", self.connection.execute(sql, params![device.0, now.0])?)
    }

    fn append_audit_row(&mut self, row: &NewAuditRow) -> Result<u64, StoreError> {
        audit::append(&self.connection, row)?;
        // The row's number is its key.
        Ok(self.connection.last_insert_rowid().unsigned_abs())
    }

    fn last_audit_row(&self) -> Result<Option<(u64, [u8; 32])>, StoreError> {
        let sql = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?));
        let last: Option<(u64, Vec<u8>)> = self.connection.prepare_cached(sql)?.query_row([], read).optional()?;
        // A damaged hash is found where the rows are gone through.
        Ok(last.map(|(seq, hash)| (seq, bytes("audit hash", &hash).unwrap_or_default())))
    }

    fn add_disclosures(&mut self, device: &DeviceId, row: u64, documents: &[Disclosed]) -> Result<(), StoreError> {
        disclosures::add(&self.connection, device, row, documents)
    }

    fn acknowledged(&mut self, row: u64, now: UnixMillis) -> Result<(), StoreError> {
        let sql = "INSERT INTO acknowledgement (row, at_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.connection.prepare_cached(sql)?.execute(params![row, now.0])?;
        Ok(())
    }

    fn laid_sealed(&self, device: &DeviceId) -> Result<RoaringBitmap, StoreError> {
        disclosures::laid_sealed(&self.connection, device)
    }

    fn sent_to(&self, device: &DeviceId) -> Result<Vec<SentUpTo>, StoreError> {
        disclosures::sent_to(&self.connection, device)
    }

    fn disclosures_of(&self, document: u32, after: u64, limit: usize) -> Result<Vec<DisclosureRow>, StoreError> {
        disclosures::of(&self.connection, document, after, limit)
    }

    fn disclosure(&self, document: u32, row: u64) -> Result<Option<(DeviceId, Position)>, StoreError> {
        disclosures::one(&self.connection, document, row)
    }

    fn count_disclosures(&self) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT count(*) FROM disclosure")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    fn version(&self, document: u32, upto: Position) -> Result<DocumentVersion, StoreError> {
        disclosures::version(&self.connection, document, upto, None)
    }

    fn written_by(&self, document: u32, device: &DeviceId) -> Result<DocumentVersion, StoreError> {
        disclosures::version(&self.connection, document, Position(i64::MAX as u64), Some(device))
    }

    fn trail_branches(&self, device: &DeviceId) -> Result<Vec<TrailBranch>, StoreError> {
        trails::branches(&self.connection, device)
    }

    fn begin_trail_branch(
        &mut self,
        device: &DeviceId,
        branch: &TrailBranch,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        trails::begin_branch(&self.connection, device, branch, now)
    }

    fn trail_hashes(
        &self,
        device: &DeviceId,
        branch: u32,
        first: u64,
        last: u64,
    ) -> Result<Vec<(u64, TrailHash)>, StoreError> {
        trails::hashes(&self.connection, device, branch, first, last)
    }

    fn add_trail_entry(&mut self, kept: &KeptEntry) -> Result<(), StoreError> {
        trails::add_entry(&self.connection, kept)
    }

    fn add_trail_stretch(&mut self, stretch: &TrailStretch) -> Result<(), StoreError> {
        trails::add_stretch(&self.connection, stretch)
    }

    fn trail_entries(
        &self,
        device: &DeviceId,
        branch: u32,
        after: u64,
        limit: usize,
    ) -> Result<Vec<KeptEntry>, StoreError> {
        trails::entries(&self.connection, device, branch, after, limit)
    }

    fn trail_stretches(&self, device: &DeviceId, branch: u32) -> Result<Vec<TrailStretch>, StoreError> {
        trails::stretches(&self.connection, device, branch)
    }

    fn trail_of_chart(
        &self,
        organization: &OrganizationId,
        patient: &PatientId,
        limits: (usize, usize),
    ) -> Result<Vec<KeptEntry>, StoreError> {
        trails::of_chart(&self.connection, organization, patient, limits)
    }
}
