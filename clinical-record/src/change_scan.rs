//! Bounds a change chunk before the engine expands it: a few run-length bytes can claim 2^60 operations.

use crate::RecordError;
use crate::change::MAX_CHANGE_OPS;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
pub(crate) const CHUNK_TYPE_AT: usize = 8;
pub(crate) const CHANGE_CHUNK: u8 = 1;
const DEFLATE_CHUNK: u8 = 2;

/// Column types, the low three bits of a column specification.
const GROUP: u32 = 0;
const DELTA: u32 = 3;
const BOOLEAN: u32 = 4;
const STRING: u32 = 5;
const RAW_VALUE: u32 = 7;
const DEFLATED_COLUMN: u32 = 8;

/// Checks that `bytes` is one uncompressed change chunk, nothing trailing, expanding to at most [`MAX_CHANGE_OPS`] rows.
///
/// # Errors
/// [`RecordError::CompressedChange`], [`RecordError::TooManyOperations`] or [`RecordError::MalformedChange`].
pub(crate) fn scan_change(bytes: &[u8]) -> Result<(), RecordError> {
    let mut chunk = Reader(bytes);
    if chunk.take(4)? != MAGIC {
        return Err(RecordError::MalformedChange("magic bytes"));
    }
    match bytes.get(CHUNK_TYPE_AT) {
        Some(&CHANGE_CHUNK) => {}
        Some(&DEFLATE_CHUNK) => return Err(RecordError::CompressedChange),
        _ => return Err(RecordError::MalformedChange("chunk type")),
    }
    chunk.take(5)?;
    let length = chunk.length()?;
    let body = chunk.take(length)?;
    if !chunk.0.is_empty() {
        return Err(RecordError::MalformedChange("bytes after the change"));
    }
    scan_body(Reader(body))
}

fn scan_body(mut body: Reader<'_>) -> Result<(), RecordError> {
    let deps = body.length()?;
    body.take(deps.checked_mul(32).ok_or(RecordError::MalformedChange("dependencies"))?)?;
    body.length_prefixed()?; // actor
    body.unsigned()?; // seq
    body.unsigned()?; // start op
    body.signed()?; // time
    body.length_prefixed()?; // message
    for _ in 0..body.unsigned()? {
        body.length_prefixed()?; // other actors
    }
    scan_columns(body)
}

fn scan_columns(mut body: Reader<'_>) -> Result<(), RecordError> {
    let count = body.length()?;
    // Two bytes at least for each column's specification and length.
    if count > body.0.len() / 2 {
        return Err(RecordError::MalformedChange("columns"));
    }
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        columns.push((body.unsigned()?, body.length()?));
    }
    for (specification, length) in columns {
        let specification = u32::try_from(specification).map_err(|_| RecordError::MalformedChange("columns"))?;
        if specification & DEFLATED_COLUMN != 0 {
            return Err(RecordError::CompressedChange);
        }
        scan_column(specification & 7, Reader(body.take(length)?))?;
    }
    Ok(())
}

/// Adds up the rows a column claims; for a group column, the rows its members claim.
fn scan_column(kind: u32, mut column: Reader<'_>) -> Result<(), RecordError> {
    let mut rows: u64 = 0;
    while !column.0.is_empty() && kind != RAW_VALUE {
        let claimed = if kind == BOOLEAN { Some(column.unsigned()?) } else { column.run(kind)? };
        rows = claimed
            .and_then(|more| rows.checked_add(more))
            .filter(|rows| *rows <= MAX_CHANGE_OPS)
            .ok_or(RecordError::TooManyOperations { limit: MAX_CHANGE_OPS })?;
    }
    Ok(())
}

/// A cursor over bytes that were not checked yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(RecordError::MalformedChange("truncated"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn unsigned(&mut self) -> Result<u64, RecordError> {
        let mut value: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordError::MalformedChange("integer"))
    }

    fn signed(&mut self) -> Result<i64, RecordError> {
        let mut value: i64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let unused = 64u32.saturating_sub(shift + 7);
                return Ok(value << unused >> unused);
            }
        }
        Err(RecordError::MalformedChange("integer"))
    }

    fn length(&mut self) -> Result<usize, RecordError> {
        usize::try_from(self.unsigned()?).map_err(|_| RecordError::MalformedChange("length"))
    }

    fn length_prefixed(&mut self) -> Result<&'a [u8], RecordError> {
        let length = self.length()?;
        self.take(length)
    }

    /// One run of a run-length column: how many rows it claims, `None` when that overflows.
    fn run(&mut self, kind: u32) -> Result<Option<u64>, RecordError> {
        match self.signed()? {
            0 => Ok(Some(self.unsigned()?)),
            repeat if repeat > 0 => Ok(self.value(kind)?.checked_mul(repeat.unsigned_abs())),
            literal => {
                let count = literal.unsigned_abs();
                if count > MAX_CHANGE_OPS {
                    return Ok(None);
                }
                let mut rows: u64 = 0;
                for _ in 0..count {
                    rows = rows.saturating_add(self.value(kind)?);
                }
                Ok(Some(rows))
            }
        }
    }

    /// Skips one value; how many rows it claims: a group's size, otherwise one.
    fn value(&mut self, kind: u32) -> Result<u64, RecordError> {
        match kind {
            GROUP => self.unsigned(),
            DELTA => self.signed().map(|_| 1),
            STRING => self.length_prefixed().map(|_| 1),
            _ => self.unsigned().map(|_| 1),
        }
    }
}
