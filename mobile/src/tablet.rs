//! A device that several people share: their profiles, each with an encrypted database under a PIN of its own.

use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use client_core::driver::{DriverOptions, system_time};
use client_core::profile::{
    IdleLock, Pin, PlatformSecret, ProfileEntry, ProfileError, ProfileId, ProfileSettings, Profiles, UnsentSummary,
};
use client_core::{Device, SystemRandomness, UnixMillis};

use crate::handles::Handle;
use crate::runtime::{carry_out, runtime};
use crate::slot::Slot;
use crate::{ConnectionOptions, SatchelDevice, SatchelError};

/// How often it is looked whether a profile is to be locked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a profile is guarded.
#[uniffi::remote(Record)]
pub struct ProfileSettings {
    /// Wipe the profile after so many wrong PINs in a row, 5 to 50; never if none. What was not sent is lost by it.
    #[uniffi(default)]
    pub wipe_after_wrong_pins: Option<u32>,
    /// Lock the profile after so long without use, in milliseconds.
    #[uniffi(default = 300000)]
    pub idle_lock_ms: i64,
    /// Least number of characters of a new PIN, 4 to 64.
    #[uniffi(default = 4)]
    pub min_pin_length: u32,
}

/// What only this device has of a profile, in numbers: for the ward's manager, readable while it is locked.
#[uniffi::remote(Record)]
pub struct UnsentSummary {
    /// Changes that wait to be sent.
    pub changes: u64,
    /// Resources with work that a privacy officer returned.
    pub drafts: u64,
    /// Changes that the relay keeps from others or refused.
    pub held: u64,
    /// Entries of the audit trail that the relay does not have.
    pub trail: u64,
    /// Receipts for removed charts that the relay does not have.
    pub receipts: u64,
    /// When the oldest of the changes was saved.
    pub oldest_saved_at: Option<UnixMillis>,
    /// When this was counted.
    pub as_of: UnixMillis,
}

/// A profile as it shows itself while it is locked.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ProfileShown {
    /// Names it on this tablet.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// How it is guarded.
    pub settings: ProfileSettings,
    /// Whether it is enrolled with a relay.
    pub enrolled: bool,
    /// No PIN is tried before; none if one is tried at once.
    pub locked_out_until: Option<UnixMillis>,
    /// Wrong PINs since the last right one.
    pub wrong_pins: u32,
    /// Everything of it was erased.
    pub wiped: bool,
    /// What only this device has of it; none where the file that says so cannot be read.
    pub unsent: Option<UnsentSummary>,
    /// What keeps it from being opened, for a person; none if nothing does.
    pub damaged: Option<String>,
}

impl From<ProfileEntry> for ProfileShown {
    fn from(entry: ProfileEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            label: entry.label,
            settings: entry.settings,
            enrolled: entry.enrolled,
            locked_out_until: entry.locked_out_until,
            wrong_pins: entry.wrong_pins,
            wiped: entry.wiped,
            unsent: entry.unsent,
            damaged: entry.damaged.map(|damaged| damaged.to_string()),
        }
    }
}

impl From<ProfileError> for SatchelError {
    fn from(error: ProfileError) -> Self {
        let detail = error.to_string();
        match error {
            ProfileError::WrongPin { remaining_before_wipe, wait_ms } => {
                Self::WrongPin { detail, wait_ms, remaining_before_wipe }
            }
            ProfileError::LockedOut { wait_ms, .. } => Self::LockedOut { detail, wait_ms },
            ProfileError::WrongSecret => Self::WrongSecret { detail },
            ProfileError::Wiped => Self::Wiped { detail },
            ProfileError::UnknownProfile => Self::UnknownProfile { detail },
            ProfileError::WeakPin { .. } => Self::WeakPin { detail },
            ProfileError::UnsentWork(_) => Self::UnsentWork { detail },
            ProfileError::Damaged { .. } => Self::Storage { detail },
            ProfileError::Invalid(_) => Self::Invalid { detail },
            ProfileError::Device(error) => error.into(),
            _ => Self::Other { detail },
        }
    }
}

/// The profiles of one device. `secret`, wherever it is asked for: at least 16 random bytes that the platform keeps for the app,
/// in the Keystore or Keychain, the same for a profile each time; none where the platform has nowhere to keep them.
#[derive(uniffi::Object)]
pub struct SatchelTablet {
    profiles: Arc<Profiles>,
    options: DriverOptions,
    /// Where profiles were opened from here, so that none is removed beneath who uses it.
    opened: Mutex<Vec<(ProfileId, Weak<Slot>)>>,
}

/// What opens a profile.
struct Opener {
    pin: Pin,
    secret: PlatformSecret,
}

impl Opener {
    fn new(pin: String, secret: Option<Vec<u8>>) -> Result<Self, SatchelError> {
        let secret = secret.map_or_else(|| Ok(PlatformSecret::none()), PlatformSecret::new)?;
        Ok(Self { pin: Pin::new(pin)?, secret })
    }
}

/// Where a profile comes from, to be unlocked again.
#[derive(Clone)]
pub(crate) struct Home {
    profiles: Arc<Profiles>,
    id: ProfileId,
}

impl Home {
    /// The profile, and how long it stays open unused.
    fn unlock(&self, opener: &Opener) -> Result<(Device, i64), SatchelError> {
        let Opener { pin, secret } = opener;
        let device = self.profiles.unlock(&self.id, pin, secret, SystemRandomness, system_time())?;
        let listed = self.profiles.list()?.into_iter().find(|entry| entry.id == self.id);
        Ok((device, listed.map_or_else(ProfileSettings::default, |entry| entry.settings).idle_lock_ms))
    }
}

impl SatchelTablet {
    fn home(&self, id: &str) -> Result<Home, SatchelError> {
        Ok(Home { profiles: self.profiles.clone(), id: id.parse()? })
    }

    fn device(&self, home: Home, device: Device, idle_ms: i64) -> Result<Arc<SatchelDevice>, SatchelError> {
        let slot = Arc::new(Slot::holding(device, Some(IdleLock::new(idle_ms, system_time()))));
        watch_idleness(&slot)?;
        if let Ok(mut opened) = self.opened.lock() {
            opened.retain(|(_, slot)| slot.strong_count() > 0);
            opened.push((home.id.clone(), Arc::downgrade(&slot)));
        }
        Ok(Arc::new(SatchelDevice { slot, options: self.options.clone(), home: Some(home), _handle: Handle::new() }))
    }

    fn refuse_while_open(&self, id: &ProfileId) -> Result<(), SatchelError> {
        let is_open =
            |(of, slot): &(ProfileId, Weak<Slot>)| of == id && slot.upgrade().is_some_and(|slot| slot.is_open());
        let opened = self.opened.lock().map_err(|_| SatchelError::busy("an earlier internal failure; restart"))?;
        if opened.iter().any(is_open) {
            Err(SatchelError::busy("this profile is in use: lock it first"))
        } else {
            Ok(())
        }
    }
}

#[uniffi::export]
impl SatchelTablet {
    /// The profiles in `folder`, which is made if need be.
    #[uniffi::constructor(default(options = None))]
    pub fn open(folder: String, options: Option<ConnectionOptions>) -> Result<Arc<Self>, SatchelError> {
        let profiles = Arc::new(Profiles::open(Path::new(&folder))?);
        Ok(Arc::new(Self { profiles, options: options.unwrap_or_default().into(), opened: Mutex::default() }))
    }

    /// All profiles, without any key: for who chooses one, and for who looks after the tablet.
    pub fn profiles(&self) -> Result<Vec<ProfileShown>, SatchelError> {
        Ok(self.profiles.list()?.into_iter().map(ProfileShown::from).collect())
    }

    /// Makes a profile and opens it. `label`: what people call it, readable while it is locked.
    pub async fn create(
        &self,
        label: String,
        pin: String,
        secret: Option<Vec<u8>>,
        settings: ProfileSettings,
    ) -> Result<Arc<SatchelDevice>, SatchelError> {
        let (opener, profiles) = (Opener::new(pin, secret)?, self.profiles.clone());
        let (id, device) = slowly(move || {
            Ok(profiles.create(&label, &opener.pin, &opener.secret, settings, SystemRandomness, system_time())?)
        })
        .await?;
        let home = Home { profiles: self.profiles.clone(), id };
        self.device(home, device, settings.idle_lock_ms)
    }

    /// Opens a profile. Its PIN is tried on a thread of the library's, in a second or less.
    pub async fn unlock(
        &self,
        id: String,
        pin: String,
        secret: Option<Vec<u8>>,
    ) -> Result<Arc<SatchelDevice>, SatchelError> {
        let (opener, home) = (Opener::new(pin, secret)?, self.home(&id)?);
        let from = home.clone();
        let (device, idle_ms) = slowly(move || from.unlock(&opener)).await?;
        self.device(home, device, idle_ms)
    }

    /// Changes a profile's PIN; the old one opens nothing from then on.
    pub async fn change_pin(
        &self,
        id: String,
        old: String,
        new: String,
        secret: Option<Vec<u8>>,
    ) -> Result<(), SatchelError> {
        let (opener, home, new) = (Opener::new(old, secret)?, self.home(&id)?, Pin::new(new)?);
        slowly(move || {
            let Opener { pin, secret } = &opener;
            Ok(home.profiles.change_pin(&home.id, pin, &new, secret, SystemRandomness, system_time())?)
        })
        .await
    }

    /// Changes how a profile is guarded. Gives what would be lost now if it were wiped: to be shown to who turns that on.
    pub async fn change_settings(
        &self,
        id: String,
        pin: String,
        secret: Option<Vec<u8>>,
        settings: ProfileSettings,
    ) -> Result<Option<UnsentSummary>, SatchelError> {
        let (opener, home) = (Opener::new(pin, secret)?, self.home(&id)?);
        slowly(move || {
            let Opener { pin, secret } = &opener;
            Ok(home.profiles.change_settings(&home.id, pin, secret, settings, SystemRandomness, system_time())?)
        })
        .await
    }

    /// Removes a locked profile with everything on it; [`SatchelError::UnsentWork`] while it holds what only this device has,
    /// [`SatchelError::Busy`] while it is unlocked.
    pub async fn remove(&self, id: String, pin: String, secret: Option<Vec<u8>>) -> Result<(), SatchelError> {
        let (opener, home) = (Opener::new(pin, secret)?, self.home(&id)?);
        self.refuse_while_open(&home.id)?;
        slowly(move || Ok(home.profiles.remove(&home.id, &opener.pin, &opener.secret, system_time())?)).await
    }

    /// Removes what is left of a profile that was wiped.
    pub fn remove_wiped(&self, id: String) -> Result<(), SatchelError> {
        Ok(self.profiles.remove_wiped(&id.parse()?)?)
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// Unlocks this profile again after it was locked; nothing if it is not. One opened without a PIN is opened anew instead.
    #[uniffi::method(default(secret = None))]
    pub async fn unlock(&self, pin: String, secret: Option<Vec<u8>>) -> Result<(), SatchelError> {
        let home = self.home.clone().ok_or_else(|| SatchelError::invalid("a profile without a PIN"))?;
        let (opener, slot) = (Opener::new(pin, secret)?, self.slot.clone());
        slowly(move || {
            let (device, idle_ms) = home.unlock(&opener)?;
            if slot.fill(device, Some(IdleLock::new(idle_ms, system_time())))? {
                watch_idleness(&slot)?;
            }
            Ok(())
        })
        .await
    }

    /// Which profile of its tablet this is; none for one opened without a PIN.
    pub fn profile_id(&self) -> Option<String> {
        self.home.as_ref().map(|home| home.id.to_string())
    }

    /// Somebody uses the profile: puts off the lock after idle time. Calls that read or write do so by themselves.
    pub fn touch(&self) {
        self.slot.touch();
    }
}

/// Runs what takes a while, such as trying a PIN, where it keeps nobody waiting.
async fn slowly<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SatchelError> + Send + 'static,
) -> Result<T, SatchelError> {
    carry_out(async move {
        let detail = "an internal failure ended the call".to_owned();
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(SatchelError::Other { detail }))
    })
    .await
}

/// Locks the profile once nobody has used it for long enough. Ends with this opening of it.
fn watch_idleness(slot: &Arc<Slot>) -> Result<(), SatchelError> {
    let (slot, opening) = (Arc::downgrade(slot), slot.open()?.opening());
    runtime()?.spawn(async move {
        while let Some(true) = look(&slot, opening).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    Ok(())
}

/// Whether to go on looking; none once the profile is gone.
async fn look(slot: &Weak<Slot>, opening: u64) -> Option<bool> {
    let slot = slot.upgrade()?;
    if !slot.is_opening(opening) {
        return Some(false);
    }
    if slot.is_idle() {
        let _ = slot.empty().await;
        return Some(false);
    }
    Some(true)
}
