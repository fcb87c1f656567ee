//! The form of a run: many changes of one document, one after another, packed into two blobs that give back exact bytes.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sync_protocol::limits::MAX_CHANGE_BYTES;
use sync_protocol::{DeviceId, UnixMillis};

use super::{Position, StoreError};

/// Changes of a run, at most.
pub(super) const MAX_RUN_CHANGES: usize = 1_024;
/// Bytes of changes from which on a run takes no further one.
pub(super) const RUN_BYTES: usize = 512 * 1024;
/// What the facts of one change take, at most, before they are packed.
const MAX_FACT_BYTES: usize = 96;
/// Packs twice as well as the fastest level and still 80 MB a second.
const LEVEL: i32 = 9;

const DAMAGED: StoreError = StoreError::Damaged("run of changes");

/// A change of a run with all that the log knows of it and that its bytes do not say at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunChange {
    pub fact: RunFact,
    pub actor: Vec<u8>,
    pub payload: Vec<u8>,
}

/// Where a change of a run stands, and how it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunFact {
    pub position: Position,
    pub origin: DeviceId,
    pub received_at: UnixMillis,
}

/// Facts column by column: neighbours differ little.
#[derive(Default, Serialize, Deserialize)]
struct Columns {
    /// Each position less the one before.
    positions: Vec<u64>,
    lengths: Vec<u32>,
    /// Each moment less the one before.
    received: Vec<i64>,
    actors: Vec<ByteBuf>,
    actor: Vec<u16>,
    origins: Vec<ByteBuf>,
    origin: Vec<u16>,
}

/// Packs changes in the order of their positions: their facts and their bytes.
pub(super) fn pack(changes: &[RunChange]) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
    let mut columns = Columns::default();
    let (mut position, mut received) = (0, 0);
    let mut bytes = Vec::new();
    for change in changes {
        let RunFact { position: Position(at), origin, received_at } = change.fact;
        columns.positions.push(at.wrapping_sub(position));
        columns.received.push(received_at.0.wrapping_sub(received));
        (position, received) = (at, received_at.0);
        columns.lengths.push(u32::try_from(change.payload.len()).map_err(|_| DAMAGED)?);
        columns.actor.push(number_of(&mut columns.actors, &change.actor)?);
        columns.origin.push(number_of(&mut columns.origins, &origin.0)?);
        bytes.extend_from_slice(&change.payload);
    }
    let facts = minicbor_serde::to_vec(&columns).map_err(|_| DAMAGED)?;
    Ok((compress(&facts)?, compress(&bytes)?))
}

/// The changes of a run, exactly as they were packed.
pub(super) fn unpack(facts: &[u8], body: &[u8]) -> Result<Vec<RunChange>, StoreError> {
    let columns = Columns::read(facts)?;
    let bytes = decompress(body, RUN_BYTES + MAX_CHANGE_BYTES)?;
    let mut rest = bytes.as_slice();
    let mut changes = Vec::with_capacity(columns.lengths.len());
    for ((fact, length), actor) in columns.facts()?.into_iter().zip(&columns.lengths).zip(&columns.actor) {
        let (payload, after) = rest.split_at_checked(*length as usize).ok_or(DAMAGED)?;
        rest = after;
        let actor = columns.actors.get(usize::from(*actor)).ok_or(DAMAGED)?.to_vec();
        changes.push(RunChange { fact, actor, payload: payload.to_vec() });
    }
    if rest.is_empty() { Ok(changes) } else { Err(DAMAGED) }
}

/// The facts of a run alone.
pub(super) fn unpack_facts(facts: &[u8]) -> Result<Vec<RunFact>, StoreError> {
    Columns::read(facts)?.facts()
}

impl Columns {
    fn read(facts: &[u8]) -> Result<Self, StoreError> {
        let bytes = decompress(facts, MAX_RUN_CHANGES * MAX_FACT_BYTES)?;
        let columns: Self = minicbor_serde::from_slice(&bytes).map_err(|_| DAMAGED)?;
        let length = columns.positions.len();
        let others = [columns.lengths.len(), columns.received.len(), columns.actor.len(), columns.origin.len()];
        if others.iter().all(|other| *other == length) { Ok(columns) } else { Err(DAMAGED) }
    }

    fn facts(&self) -> Result<Vec<RunFact>, StoreError> {
        let (mut position, mut received): (u64, i64) = (0, 0);
        let rows = self.positions.iter().zip(&self.received).zip(&self.origin);
        rows.map(|((step, later), origin)| {
            position = position.wrapping_add(*step);
            received = received.wrapping_add(*later);
            let origin = self.origins.get(usize::from(*origin)).ok_or(DAMAGED)?;
            let origin = DeviceId(origin.as_slice().try_into().map_err(|_| DAMAGED)?);
            Ok(RunFact { position: Position(position), origin, received_at: UnixMillis(received) })
        })
        .collect()
    }
}

/// The place of a value in a list that has each once.
fn number_of(list: &mut Vec<ByteBuf>, value: &[u8]) -> Result<u16, StoreError> {
    let at = list.iter().rposition(|known| known.as_slice() == value).unwrap_or_else(|| {
        list.push(ByteBuf::from(value));
        list.len() - 1
    });
    u16::try_from(at).map_err(|_| DAMAGED)
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::compress(bytes, LEVEL).map_err(|_| DAMAGED)
}

fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::decompress(bytes, limit).map_err(|_| DAMAGED)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change() -> impl Strategy<Value = RunChange> {
        let bytes = proptest::collection::vec(any::<u8>(), 0..300);
        (any::<u64>(), 0u8..4, any::<i64>(), 0u8..5, bytes).prop_map(|(position, origin, at, actor, payload)| {
            RunChange {
                fact: RunFact {
                    position: Position(position),
                    origin: DeviceId([origin; 16]),
                    received_at: UnixMillis(at),
                },
                actor: vec![actor; 20],
                payload,
            }
        })
    }

    proptest! {
        #[test]
        fn a_run_gives_back_exactly_what_was_packed(changes in proptest::collection::vec(change(), 0..200)) {
            let (facts, body) = pack(&changes).unwrap();
            prop_assert_eq!(unpack(&facts, &body).unwrap(), changes.clone());
            let expected: Vec<RunFact> = changes.iter().map(|change| change.fact).collect();
            prop_assert_eq!(unpack_facts(&facts).unwrap(), expected);
        }

        #[test]
        fn damaged_bytes_are_an_error_and_no_panic(
            changes in proptest::collection::vec(change(), 1..20), at in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let (facts, body) = pack(&changes).unwrap();
            let mut bent = facts.clone();
            bent[at.index(facts.len())] ^= 1 << bit;
            let _ = unpack(&bent, &body);
            prop_assert!(unpack(&facts, &body[..body.len() - 1]).is_err());
            prop_assert!(unpack(&facts[..facts.len() - 1], &body).is_err());
        }
    }

    #[test]
    fn the_largest_run_is_within_the_bounds_of_reading() {
        let last = RunChange {
            fact: RunFact {
                position: Position(u64::MAX),
                origin: DeviceId([7; 16]),
                received_at: UnixMillis(i64::MIN),
            },
            actor: vec![9; 20],
            payload: vec![1; MAX_CHANGE_BYTES],
        };
        let mut changes: Vec<RunChange> = (0..MAX_RUN_CHANGES as u64 - 1)
            .map(|number| RunChange {
                fact: RunFact {
                    position: Position(number << 40),
                    origin: DeviceId((u128::from(number) << 64).to_be_bytes()),
                    received_at: UnixMillis(i64::MAX - number as i64),
                },
                actor: [&number.to_be_bytes()[..], &[3; 12]].concat(),
                payload: vec![number as u8; 512],
            })
            .collect();
        changes.push(last);
        let (facts, body) = pack(&changes).unwrap();
        assert_eq!(unpack(&facts, &body).unwrap(), changes);
    }
}
