//! Trails: what devices themselves recorded, kept as they signed it and anchored in the relay's own trail.

use serde_json::json;
use sync_protocol::frame::{GoodbyeReason, Trail, TrailBody};
use sync_protocol::{DeviceId, TrailHash, UnixMillis};

use crate::relay::{ConnectionId, Relay};
use crate::store::{AlertKind, KeptEntry, NewAlert, NewAuditRow, StoreError, TrailBranch, TrailStretch};

/// Branches that one device's trail may have, at most. An honest device begins one each time it is set back.
const MAX_BRANCHES: u32 = 64;
/// Highest number of an entry: far beyond what a device writes, far within what the store counts.
const MAX_SEQ: u64 = 1 << 48;
/// The hash before the first entry of all.
const ZERO: TrailHash = TrailHash([0; 32]);

/// Where a stretch of a trail belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It goes on with a branch; the first `known` of its entries are there already.
    On { branch: u32, known: usize },
    /// It is the first of all.
    First,
    /// It leaves what is known: the first `known` of its entries are there, before the new branch begins.
    Beside { branch: u32, known: usize },
    /// Entries before it are missing: the last that is there.
    Gap(u64),
}

impl Relay {
    pub(in crate::relay) fn trail(
        &mut self,
        id: ConnectionId,
        trail: &Trail,
        body: &TrailBody,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let device = peer.device;
        let numbers = (1..=MAX_SEQ).contains(&trail.first) && (trail.first == 1) == (trail.previous == ZERO);
        if !numbers || trail.verify(body, &peer.certificate.body.device_key, &self.id).is_err() {
            self.close(id, GoodbyeReason::ProtocolViolation, "the trail is not numbered or signed as it should be");
            return Ok(());
        }
        let hashes: Vec<_> = body.chain(trail.first, trail.previous).collect();
        let branches = self.store.trail_branches(&device)?;
        let through = match self.place_of(&device, &branches, trail, &hashes)? {
            Place::Gap(last) => last,
            Place::Beside { branch, .. } if branch >= MAX_BRANCHES => {
                self.close(id, GoodbyeReason::ProtocolViolation, "the trail was set back too often");
                return Ok(());
            }
            place => self.keep_trail(id, trail, body, &hashes, place, now)?,
        };
        let Some(connection) = self.connections.get(&id) else { return Ok(()) };
        let event = connection.session.trail_kept(through);
        self.carry_out(id, vec![event], now);
        Ok(())
    }

    fn place_of(
        &self,
        device: &DeviceId,
        branches: &[TrailBranch],
        trail: &Trail,
        hashes: &[(u64, TrailHash)],
    ) -> Result<Place, StoreError> {
        let before = trail.first - 1;
        let Some(newest) = branches.first() else {
            return Ok(if before == 0 { Place::First } else { Place::Gap(0) });
        };
        let mut longest = 0;
        for branch in branches {
            let Some(known) = self.known_on(device, branch, trail, hashes)? else { continue };
            let on_branch = (branch.last + 1).saturating_sub(trail.first);
            if known == hashes.len() || known as u64 == on_branch {
                return Ok(Place::On { branch: branch.branch, known });
            }
            longest = longest.max(known);
        }
        if before > newest.last {
            return Ok(Place::Gap(newest.last));
        }
        Ok(Place::Beside { branch: newest.branch + 1, known: longest })
    }

    /// How many of the entries a branch has already; none if they do not go on from anything that it has.
    fn known_on(
        &self,
        device: &DeviceId,
        branch: &TrailBranch,
        trail: &Trail,
        hashes: &[(u64, TrailHash)],
    ) -> Result<Option<usize>, StoreError> {
        let before = trail.first - 1;
        if trail.first < branch.first || before > branch.last {
            return Ok(None);
        }
        let previous = if trail.first == branch.first {
            Some(branch.previous)
        } else {
            self.store.trail_hashes(device, branch.branch, before, before)?.first().map(|(_, hash)| *hash)
        };
        if previous != Some(trail.previous) {
            return Ok(None);
        }
        let last = hashes.last().map_or(before, |(seq, _)| *seq);
        let stored = self.store.trail_hashes(device, branch.branch, trail.first, last)?;
        Ok(Some(stored.iter().zip(hashes).take_while(|(stored, sent)| stored == sent).count()))
    }

    /// Keeps what is new; gives the number of the last entry.
    fn keep_trail(
        &mut self,
        id: ConnectionId,
        trail: &Trail,
        body: &TrailBody,
        hashes: &[(u64, TrailHash)],
        place: Place,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let Some((last, hash)) = hashes.last().copied() else { return Ok(trail.first - 1) };
        let (branch, known, begins) = match place {
            Place::On { branch, known } => (branch, known, false),
            Place::Beside { branch, known } => (branch, known, true),
            Place::First | Place::Gap(_) => (0, 0, true),
        };
        let Some(peer) = self.peer(id) else { return Ok(last) };
        let device = peer.device;
        if known == hashes.len() {
            return Ok(last);
        }
        self.begin()?;
        if begins {
            let previous = known.checked_sub(1).map_or(trail.previous, |at| hashes[at].1);
            let first = trail.first + known as u64;
            self.store.begin_trail_branch(&device, &TrailBranch { branch, first, previous, last: first - 1 }, now)?;
        }
        for ((seq, hash), entry) in hashes.iter().zip(&body.entries).skip(known) {
            self.store.add_trail_entry(&KeptEntry { device, branch, seq: *seq, entry: entry.clone(), hash: *hash })?;
        }
        let first = trail.first + known as u64;
        let forked = matches!(place, Place::Beside { .. });
        let row = self.anchor(id, forked, branch, first, last, hash, now)?;
        self.store.add_trail_stretch(&TrailStretch { device, branch, last, hash, signature: trail.signature, row })?;
        if forked {
            self.alert_of_fork(id, branch, first, now)?;
        }
        self.opened_offline(id, &body.entries[known..], now)?;
        Ok(last)
    }

    /// Anchors a stretch in the relay's own trail; gives the row.
    #[expect(clippy::too_many_arguments, reason = "the row is made of just these")]
    fn anchor(
        &mut self,
        id: ConnectionId,
        forked: bool,
        branch: u32,
        first: u64,
        last: u64,
        hash: TrailHash,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(0) };
        let row = NewAuditRow {
            at: now,
            action: if forked { "trail-fork" } else { "trail" },
            device: Some(peer.device),
            practitioner: Some(peer.subject.practitioner.clone()),
            organization: Some(peer.subject.organization.clone()),
            detail: json!({ "branch": branch, "first": first, "last": last, "hash": hash }),
        };
        self.store.append_audit_row(&row)
    }

    fn alert_of_fork(&mut self, id: ConnectionId, branch: u32, first: u64, now: UnixMillis) -> Result<(), StoreError> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        let alert = NewAlert {
            organization: peer.subject.organization.clone(),
            kind: AlertKind::TrailFork,
            about: format!("{} {branch}", peer.device),
            at: now,
            device: Some(peer.device),
            practitioner: Some(peer.subject.practitioner.clone()),
            detail: json!({ "branch": branch, "first": first }),
        };
        self.raise_alert(&alert)
    }
}
