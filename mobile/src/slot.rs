//! Where the open profile is: there while it is unlocked, gone once it is locked. Every call takes it from here.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use client_core::driver::{SharedDevice, system_time};
use client_core::profile::IdleLock;
use client_core::{Device, UnixMillis};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard, watch};

use crate::SatchelError;

/// Counts openings, so that what belongs to one is not taken for another's.
static OPENINGS: AtomicU64 = AtomicU64::new(0);

/// An unlocked profile.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) device: SharedDevice,
    opening: u64,
    /// Told when the profile is locked; whatever syncs ends then.
    locking: Arc<watch::Sender<bool>>,
    /// One sync at a time.
    turn: Arc<Turn<()>>,
    /// A session that goes on until it is stopped has the turn.
    session: Arc<AtomicBool>,
    /// When to lock it; none for never.
    idle: Option<Arc<Mutex<IdleLock>>>,
}

/// The right to sync, for as long as it is held.
pub(crate) struct SyncTurn {
    pub(crate) device: SharedDevice,
    locking: watch::Receiver<bool>,
    _session: Option<SessionMark>,
    _turn: OwnedMutexGuard<()>,
}

/// Stands while a session has the turn or waits for it.
struct SessionMark(Arc<AtomicBool>);

impl Drop for SessionMark {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl SyncTurn {
    /// Resolves when the profile is locked.
    pub(crate) fn locking(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut locking = self.locking.clone();
        async move { drop(locking.wait_for(|locking| *locking).await) }
    }
}

impl Open {
    fn new(device: Device, idle: Option<IdleLock>) -> Self {
        let (locking, _) = watch::channel(false);
        Self {
            device: SharedDevice::new(device),
            opening: OPENINGS.fetch_add(1, Ordering::Relaxed),
            locking: Arc::new(locking),
            turn: Arc::default(),
            session: Arc::default(),
            idle: idle.map(|idle| Arc::new(Mutex::new(idle))),
        }
    }

    /// Which opening this is; no two are the same.
    pub(crate) fn opening(&self) -> u64 {
        self.opening
    }

    fn touch(&self) {
        if let Some(mut idle) = self.idle.as_ref().and_then(|idle| idle.lock().ok()) {
            idle.touch(system_time());
        }
    }

    fn is_idle(&self) -> bool {
        let idle = self.idle.as_ref().and_then(|idle| idle.lock().ok());
        idle.is_some_and(|mut idle| idle.is_due(system_time()))
    }

    /// Waits until no other round runs. `session`: to go on until it is stopped.
    ///
    /// # Errors
    /// [`SatchelError::Busy`] while a session runs.
    pub(crate) async fn sync_turn(self, session: bool) -> Result<SyncTurn, SatchelError> {
        if self.session.load(Ordering::Acquire) || (session && self.session.swap(true, Ordering::AcqRel)) {
            return Err(SatchelError::busy("this profile is being synced already"));
        }
        let (device, locking) = (self.device, self.locking.subscribe());
        let _session = session.then(|| SessionMark(self.session));
        let _turn = self.turn.lock_owned().await;
        Ok(SyncTurn { device, locking, _session, _turn })
    }

    /// Ends what syncs, and waits for it.
    async fn end(&self) {
        self.locking.send_replace(true);
        drop(self.turn.lock().await);
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Option<Open>>);

impl Slot {
    pub(crate) fn holding(device: Device, idle: Option<IdleLock>) -> Self {
        Self(Mutex::new(Some(Open::new(device, idle))))
    }

    /// # Errors
    /// [`SatchelError::Locked`].
    pub(crate) fn open(&self) -> Result<Open, SatchelError> {
        self.0.lock().map_err(|_| poisoned())?.clone().ok_or_else(SatchelError::locked)
    }

    /// Runs `act` on the open profile.
    ///
    /// # Errors
    /// [`SatchelError::Locked`]; what `act` gives.
    pub(crate) fn with<T, E: Into<SatchelError>>(
        &self,
        act: impl FnOnce(&mut Device, UnixMillis) -> Result<T, E>,
    ) -> Result<T, SatchelError> {
        let open = self.open()?;
        open.touch();
        let mut device: MutexGuard<'_, Device> = open.device.lock()?;
        act(&mut device, system_time()).map_err(Into::into)
    }

    /// Puts an unlocked profile in. False if there is one already.
    pub(crate) fn fill(&self, device: Device, idle: Option<IdleLock>) -> Result<bool, SatchelError> {
        let mut slot = self.0.lock().map_err(|_| poisoned())?;
        let is_free = slot.is_none();
        if is_free {
            *slot = Some(Open::new(device, idle));
        }
        Ok(is_free)
    }

    /// Takes the profile out and ends what syncs. It closes once the calls that are in it have returned; false if it was
    /// locked already.
    pub(crate) async fn empty(&self) -> Result<bool, SatchelError> {
        let taken = self.0.lock().map_err(|_| poisoned())?.take();
        let Some(open) = taken else { return Ok(false) };
        open.end().await;
        // What cannot be written, or is not enrolled, is locked all the same.
        let _ = open.device.lock()?.record_lock(system_time());
        Ok(true)
    }

    /// Somebody uses the profile.
    pub(crate) fn touch(&self) {
        if let Ok(open) = self.open() {
            open.touch();
        }
    }

    /// Whether the profile was not used for so long that it is to be locked.
    pub(crate) fn is_idle(&self) -> bool {
        self.open().is_ok_and(|open| open.is_idle())
    }

    /// Whether this is the opening that it holds.
    pub(crate) fn is_opening(&self, opening: u64) -> bool {
        self.open().is_ok_and(|open| open.opening == opening)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.lock().is_ok_and(|slot| slot.is_some())
    }
}

fn poisoned() -> SatchelError {
    SatchelError::Other { detail: "an earlier internal failure left the profile unusable; restart".into() }
}

#[cfg(test)]
mod tests {
    use client_core::SystemRandomness;
    use tempfile::TempDir;

    use super::*;
    use crate::runtime::runtime;

    fn slot() -> (Slot, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::open(folder.path(), SystemRandomness, system_time()).unwrap();
        (Slot::holding(device, None), folder)
    }

    #[test]
    fn one_session_at_a_time_and_the_next_once_it_is_over() {
        let (slot, _folder) = slot();
        runtime().unwrap().block_on(async {
            let turn = slot.open().unwrap().sync_turn(true).await.unwrap();
            assert_eq!(slot.open().unwrap().sync_turn(true).await.err().unwrap().code(), "busy");
            assert_eq!(slot.open().unwrap().sync_turn(false).await.err().unwrap().code(), "busy");
            drop(turn);
            assert!(slot.open().unwrap().sync_turn(true).await.is_ok());
        });
    }

    #[test]
    fn a_session_given_up_while_it_waits_for_a_round_leaves_no_mark() {
        let (slot, _folder) = slot();
        runtime().unwrap().block_on(async {
            let _round = slot.open().unwrap().sync_turn(false).await.unwrap();
            let mut waiting = std::pin::pin!(slot.open().unwrap().sync_turn(true));
            let soon = tokio::time::timeout(std::time::Duration::from_millis(20), waiting.as_mut()).await;
            assert!(soon.is_err(), "the round has the turn");
            assert_eq!(slot.open().unwrap().sync_turn(false).await.err().unwrap().code(), "busy");
        });
        runtime().unwrap().block_on(async { assert!(slot.open().unwrap().sync_turn(true).await.is_ok()) });
    }

    #[test]
    fn locking_tells_what_syncs_and_waits_for_its_end() {
        let (slot, _folder) = slot();
        runtime().unwrap().block_on(async {
            let turn = slot.open().unwrap().sync_turn(true).await.unwrap();
            let told = tokio::spawn(async move {
                turn.locking().await;
                drop(turn);
            });
            assert!(slot.empty().await.unwrap());
            assert!(told.is_finished() || told.await.is_ok());
            assert!(!slot.empty().await.unwrap(), "it is locked already");
        });
        assert_eq!(slot.open().err().unwrap().code(), "locked");
        assert!(!slot.is_open());
    }

    #[test]
    fn an_unused_profile_is_idle_until_it_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::open(folder.path(), SystemRandomness, system_time()).unwrap();
        let long_ago = UnixMillis(system_time().0 - 10_000);
        let slot = Slot::holding(device, Some(IdleLock::new(5_000, long_ago)));
        assert!(slot.is_idle());
        slot.touch();
        assert!(!slot.is_idle());
    }
}
