//! How many operations a change states, read from its run lengths alone, before anyone goes through them.
//!
//! Columns are run-length encoded: a hundred bytes can state 2^60 operations, or one with as many predecessors, and keep the
//! relay and every reader busy for ever.

/// Operations in one change, at most: as many as the largest change has bytes.
const MAX_OPERATIONS: u64 = sync_protocol::limits::MAX_CHANGE_BYTES as u64;
/// Specification of the action column: one entry for each operation.
const ACTION: u64 = 4 << 4 | 2;
/// Specification of the column that says how many predecessors each operation has.
const PREDECESSORS: u64 = 7 << 4;

/// Whether an uncompressed change states no more operations and predecessors than a change may have.
pub(super) fn states_few_operations(bytes: &[u8]) -> bool {
    read(bytes).is_some_and(|(operations, predecessors)| operations.max(predecessors) <= MAX_OPERATIONS)
}

/// Operations and predecessors that a change chunk states; none if it is not shaped like one.
fn read(bytes: &[u8]) -> Option<(u64, u64)> {
    // Magic (4), checksum (4), chunk type (1), length.
    let mut rest = Reader(bytes.get(9..)?);
    rest.unsigned()?;
    let dependencies = rest.unsigned()?;
    rest.take(dependencies.checked_mul(32)?)?;
    rest.take_prefixed()?; // actor
    rest.unsigned()?; // sequence number
    rest.unsigned()?; // first operation
    rest.signed()?; // time
    rest.take_prefixed()?; // message
    for _ in 0..rest.unsigned()? {
        rest.take_prefixed()?; // other actors
    }
    let mut columns = Vec::new();
    for _ in 0..rest.unsigned()? {
        columns.push((rest.unsigned()?, rest.unsigned()?));
    }
    let (mut operations, mut predecessors) = (0u64, 0u64);
    for (specification, length) in columns {
        let column = rest.take(length)?;
        match specification {
            ACTION => operations = operations.saturating_add(runs(column)?.0),
            PREDECESSORS => predecessors = predecessors.saturating_add(runs(column)?.1),
            _ => {}
        }
    }
    Some((operations, predecessors))
}

/// Entries of a run-length encoded column of numbers, and the sum of their values.
fn runs(column: &[u8]) -> Option<(u64, u64)> {
    let mut rest = Reader(column);
    let (mut entries, mut sum) = (0u64, 0u64);
    while !rest.0.is_empty() {
        let run = rest.signed()?;
        let (times, literals) = match run {
            0 => (rest.unsigned()?, 0),
            1.. => (run.unsigned_abs(), 1),
            _ => (1, run.unsigned_abs()),
        };
        entries = entries.saturating_add(if literals == 0 { times } else { times.saturating_mul(literals) });
        for _ in 0..literals {
            sum = sum.saturating_add(rest.unsigned()?.saturating_mul(times));
        }
    }
    Some((entries, sum))
}

/// Reads numbers and byte strings off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn take_prefixed(&mut self) -> Option<&'a [u8]> {
        let length = self.unsigned()?;
        self.take(length)
    }

    /// The bits of a LEB128 number, how many there are, and whether its sign bit is set.
    fn leb128(&mut self) -> Option<(u64, u32, bool)> {
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some((value, shift, byte & 0x40 != 0));
            }
        }
    }

    fn unsigned(&mut self) -> Option<u64> {
        self.leb128().map(|(value, _, _)| value)
    }

    fn signed(&mut self) -> Option<i64> {
        let (value, bits, negative) = self.leb128()?;
        let sign = if negative { u64::MAX.checked_shl(bits).unwrap_or(0) } else { 0 };
        Some((value | sign).cast_signed())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use automerge::transaction::Transactable;
    use automerge::{AutoCommit, ObjType, ROOT};
    use sha2::{Digest, Sha256};

    fn last_change(document: &mut AutoCommit) -> Vec<u8> {
        document.commit();
        document.get_last_local_change().unwrap().raw_bytes().to_vec()
    }

    fn unsigned(mut value: u64, out: &mut Vec<u8>) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    /// A change of 2^61 times the same operation: one run of actions, of keys, of flags and of values.
    pub fn endless_operations(actor: &[u8]) -> Vec<u8> {
        let run = |value: &[u8]| {
            let mut run = Vec::new();
            unsigned(1 << 61, &mut run);
            run.extend(value);
            run
        };
        let mut flags = Vec::new();
        unsigned(1 << 61, &mut flags);
        let columns = [(1 << 4 | 5, run(b"\x01k")), (3 << 4 | 4, flags), (ACTION, run(&[1])), (5 << 4 | 6, run(&[0]))];
        sealed(actor, &[&columns[..], &[(PREDECESSORS, run(&[0]))]].concat())
    }

    /// A change with these columns, its checksum right.
    fn sealed(actor: &[u8], columns: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut body = vec![0]; // no dependencies
        unsigned(actor.len() as u64, &mut body);
        body.extend(actor);
        body.extend([1, 1, 0, 0, 0]); // sequence number, first operation, time, message, other actors
        body.push(columns.len() as u8);
        for (column, data) in columns {
            unsigned(*column, &mut body);
            unsigned(data.len() as u64, &mut body);
        }
        columns.iter().for_each(|(_, data)| body.extend(data));
        let mut hashed = vec![1];
        unsigned(body.len() as u64, &mut hashed);
        hashed.extend(body);
        let checksum: [u8; 32] = Sha256::digest(&hashed).into();
        [&[0x85, 0x6f, 0x4a, 0x83], &checksum[..4], &hashed].concat()
    }

    #[test]
    fn honest_changes_state_what_they_hold() {
        let mut document = AutoCommit::new();
        let text = document.put_object(ROOT, "note", ObjType::Text).unwrap();
        document.splice_text(&text, 0, 0, &"lorem ipsum ".repeat(1_000)).unwrap();
        let (operations, _) = read(&last_change(&mut document)).unwrap();
        assert_eq!(operations, 12_001);
        document.splice_text(&text, 5, 6_000, "x").unwrap();
        document.put(ROOT, "a", 1).unwrap();
        document.put(ROOT, "a", 2).unwrap();
        let change = last_change(&mut document);
        let whole = automerge::Change::try_from(change.as_slice()).unwrap();
        assert_eq!(read(&change).unwrap(), (whole.len() as u64, 6_001));
        assert!(states_few_operations(&change));
    }

    #[test]
    fn a_run_of_endless_operations_or_predecessors_is_refused_at_once() {
        let actor = [7; 20];
        assert!(!states_few_operations(&endless_operations(&actor)));
        let mut one_with_many = vec![1];
        unsigned(1 << 61, &mut one_with_many);
        assert!(!states_few_operations(&sealed(&actor, &[(PREDECESSORS, one_with_many)])));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let mut document = AutoCommit::new();
        document.put(ROOT, "a", "b").unwrap();
        let change = last_change(&mut document);
        for length in 0..change.len() {
            assert!(!states_few_operations(&change[..length]) || length > 40, "{length}");
        }
    }
}
