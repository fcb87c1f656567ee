//! What many receivers of one round have in common: read, encoded and compressed once. Each receiver's own leave to read is
//! asked for every document all the same, and nothing outlives the round.

use std::collections::HashMap;
use std::rc::Rc;

use sync_protocol::DeviceId;
use sync_protocol::frame::{BatchBody, DictionaryId, Packed};

use super::batch::{Kind, Part, Wanted, read_document};
use crate::access::ReadPermit;
use crate::store::{Position, Store, StoreError};

/// Log rows that one look takes in, at most.
pub(super) const LOG_ROWS: usize = 4_096;
/// Documents that are kept, at most: those of a round in which so many change are not read often.
const MAX_PARTS: usize = 1_024;
/// Bytes that kept documents come to, at most.
const MAX_PART_BYTES: usize = 4 * 1024 * 1024;
/// Bodies that are kept. More than one, as some receivers need a certificate with it and others have it.
const MAX_BODIES: usize = 4;

/// Position, document and origin of some rows of the log.
type Rows = Rc<[(Position, u32, DeviceId)]>;

/// One round of deliveries.
#[derive(Default)]
pub(super) struct Round {
    rows: Option<(Position, Rows)>,
    parts: HashMap<(u32, Position), Rc<Part>>,
    part_bytes: usize,
    bodies: Vec<(Option<DictionaryId>, BatchBody, Packed)>,
    /// Bodies that were encoded.
    pub encoded: u64,
}

impl Round {
    /// Rows of the log after a position.
    pub fn rows(&mut self, store: &dyn Store, after: Position) -> Result<Rows, StoreError> {
        if let Some((_, rows)) = self.rows.as_ref().filter(|(from, _)| *from == after) {
            return Ok(rows.clone());
        }
        let rows: Rows = store.log_after(after, LOG_ROWS)?.into();
        self.rows = Some((after, rows.clone()));
        Ok(rows)
    }

    /// Reads a document, or takes what was read for another receiver if it is the same.
    pub fn read(
        &mut self,
        store: &dyn Store,
        permit: &ReadPermit<'_>,
        wanted: Wanted,
        room: usize,
    ) -> Result<Option<Rc<Part>>, StoreError> {
        if !permit.covers(wanted.document) {
            return Err(StoreError::NotPermitted);
        }
        let key = (wanted.document, wanted.after);
        if wanted.kind == Kind::Changed
            && let Some(part) = self.parts.get(&key).filter(|part| part.bytes < room)
        {
            return Ok(Some(part.clone()));
        }
        let Some(part) = read_document(store, permit, wanted, room)?.map(Rc::new) else { return Ok(None) };
        let fits = self.parts.len() < MAX_PARTS && self.part_bytes + part.bytes <= MAX_PART_BYTES;
        if wanted.kind == Kind::Changed && !part.delivered.more && fits {
            self.part_bytes += part.bytes;
            self.parts.insert(key, part.clone());
        }
        Ok(Some(part))
    }

    /// Encodes and compresses a body, unless the same one was there for another receiver.
    pub fn pack(&mut self, body: BatchBody, dictionary: Option<DictionaryId>) -> Packed {
        if let Some((_, _, packed)) = self.bodies.iter().find(|(with, known, _)| *with == dictionary && *known == body)
        {
            return packed.clone();
        }
        self.encoded += 1;
        let packed = Packed::pack_with(&body, dictionary);
        if self.bodies.len() == MAX_BODIES {
            self.bodies.remove(0);
        }
        self.bodies.push((dictionary, body, packed.clone()));
        packed
    }
}
