//! The profiles of one tablet: listed, made, unlocked, changed, removed.

use std::path::{Path, PathBuf};

use sync_protocol::UnixMillis;
use zeroize::Zeroizing;

use super::attempts::Attempts;
use super::key_file::{KeyFile, PinWork, Wrapping};
use super::{
    Pin, PlatformSecret, ProfileEntry, ProfileError, ProfileId, ProfileSettings, UnsentSummary, checks, recovery,
    unsent, wipe,
};
use crate::random::Randomness;
use crate::store::key::{DatabaseKey, KEY_BYTES};
use crate::store::{ADOPTING, ENCRYPTED_FILE, damaged_files};
use crate::{Device, durable};

/// Longest label, in characters.
const LONGEST_LABEL: usize = 100;

/// One tablet: a folder with a folder for each profile. Holds no key; each call that needs one is given the PIN.
#[derive(Clone, Debug)]
pub struct Profiles {
    pub(super) folder: PathBuf,
    pub(super) work: PinWork,
}

impl Profiles {
    /// The profiles in `folder`, which is made if need be. What a crash left half done is ended or undone.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(folder: &Path) -> Result<Self, ProfileError> {
        Self::with_work(folder, PinWork::FULL)
    }

    /// Whether a folder holds encrypted profiles, or a profile whose encrypting was interrupted.
    #[must_use]
    pub fn are_in(folder: &Path) -> bool {
        let entries = recovery::entries(folder).unwrap_or_default();
        entries
            .iter()
            .any(|(name, path)| name.starts_with(ADOPTING) || name.parse::<ProfileId>().is_ok() && path.is_dir())
    }

    /// For tests, which try many PINs: profiles that are made or changed by this have PINs that are tried in no time.
    ///
    /// # Errors
    /// As [`Profiles::open`].
    #[doc(hidden)]
    pub fn open_with_weak_pins_for_tests(folder: &Path) -> Result<Self, ProfileError> {
        Self::with_work(folder, PinWork::WEAK)
    }

    fn with_work(folder: &Path, work: PinWork) -> Result<Self, ProfileError> {
        durable::make_private(folder).map_err(ProfileError::files("making the folder of profiles"))?;
        recovery::recover(folder)?;
        Ok(Self { folder: folder.to_owned(), work })
    }

    /// All profiles, by label, without any key: for who chooses one, and for who looks after the tablet.
    ///
    /// # Errors
    /// The file system's. A profile whose files are damaged is listed with what is wrong.
    pub fn list(&self) -> Result<Vec<ProfileEntry>, ProfileError> {
        let ids = recovery::entries(&self.folder)?;
        let ids = ids.into_iter().filter_map(|(name, path)| Some((name.parse::<ProfileId>().ok()?, path)));
        let mut entries: Vec<ProfileEntry> = ids.map(|(id, path)| entry(id, &path)).collect();
        entries.sort_by(|a, b| (&a.label, &a.id).cmp(&(&b.label, &b.id)));
        Ok(entries)
    }

    /// Makes a profile and opens it.
    ///
    /// `label`: what people call it; it can be read while the profile is locked. `secret`: the same at each unlocking.
    /// # Errors
    /// [`ProfileError::WeakPin`], [`ProfileError::Invalid`]; storage. Nothing was made then.
    pub fn create(
        &self,
        label: &str,
        pin: &Pin,
        secret: &PlatformSecret,
        settings: ProfileSettings,
        mut randomness: impl Randomness + 'static,
        now: UnixMillis,
    ) -> Result<(ProfileId, Device), ProfileError> {
        check_new(label, pin, settings)?;
        let _alone = checks::alone(&self.folder)?;
        let making = Making::begin(&self.folder, &mut randomness, now)?;
        let by = Wrapping { pin, secret, work: self.work };
        let (id, key) = making.finish((label, settings), &by, &mut randomness, now)?;
        let device = Device::open_encrypted(&self.folder.join(id.as_str()), key, randomness, now)?;
        Ok((id, device))
    }

    /// Opens a profile, and records that.
    ///
    /// # Errors
    /// [`ProfileError::WrongPin`], [`ProfileError::LockedOut`], [`ProfileError::WrongSecret`], [`ProfileError::Wiped`],
    /// [`ProfileError::UnknownProfile`], [`ProfileError::Damaged`]; what the device runs into.
    pub fn unlock(
        &self,
        id: &ProfileId,
        pin: &Pin,
        secret: &PlatformSecret,
        randomness: impl Randomness + 'static,
        now: UnixMillis,
    ) -> Result<Device, ProfileError> {
        let folder = self.place(id)?;
        let (_, key) = {
            let _alone = checks::alone(&folder)?;
            checks::key_of(&folder, pin, secret, now)?
        };
        let database = folder.join(ENCRYPTED_FILE);
        if !database.exists() && damaged_files(&folder)?.is_empty() {
            return Err(ProfileError::damaged(&database, "it is missing"));
        }
        let mut device = Device::open_encrypted(&folder, key, randomness, now)?;
        if device.is_enrolled() && !device.is_erased()? {
            device.record_unlock(now)?;
        }
        Ok(device)
    }

    /// Changes a profile's PIN. The old one opens nothing from then on.
    ///
    /// # Errors
    /// As [`Profiles::unlock`]; [`ProfileError::WeakPin`].
    pub fn change_pin(
        &self,
        id: &ProfileId,
        old: &Pin,
        new: &Pin,
        secret: &PlatformSecret,
        mut randomness: impl Randomness,
        now: UnixMillis,
    ) -> Result<(), ProfileError> {
        let folder = self.place(id)?;
        let _alone = checks::alone(&folder)?;
        let (file, key) = checks::key_of(&folder, old, secret, now)?;
        new.check_new(file.settings.min_pin_length)?;
        let by = Wrapping { pin: new, secret, work: self.work };
        KeyFile::wrap(&key, (id, &file.label, file.settings), &by, &mut randomness)?.write(&folder)
    }

    /// Changes how a profile is guarded. Gives what would be lost now if it were wiped: to be shown to who turns that on.
    ///
    /// # Errors
    /// As [`Profiles::unlock`]; [`ProfileError::Invalid`].
    pub fn change_settings(
        &self,
        id: &ProfileId,
        pin: &Pin,
        secret: &PlatformSecret,
        settings: ProfileSettings,
        mut randomness: impl Randomness,
        now: UnixMillis,
    ) -> Result<Option<UnsentSummary>, ProfileError> {
        settings.check()?;
        let folder = self.place(id)?;
        let _alone = checks::alone(&folder)?;
        let (file, key) = checks::key_of(&folder, pin, secret, now)?;
        let by = Wrapping { pin, secret, work: self.work };
        KeyFile::wrap(&key, (id, &file.label, settings), &by, &mut randomness)?.write(&folder)?;
        Ok(unsent::read(&folder).map(|(_, unsent)| unsent))
    }

    /// Removes a profile with everything on it; the relay is to be told that the device is not used any more. To be called
    /// while it is locked. That it was locked after its last sync is an entry of the trail, and no reason to keep it.
    ///
    /// # Errors
    /// [`ProfileError::UnsentWork`] while it holds anything that only this device has; as [`Profiles::unlock`].
    pub fn remove(
        &self,
        id: &ProfileId,
        pin: &Pin,
        secret: &PlatformSecret,
        now: UnixMillis,
    ) -> Result<(), ProfileError> {
        let folder = self.place(id)?;
        let alone = checks::alone(&folder)?;
        let (_, key) = checks::key_of(&folder, pin, secret, now)?;
        let device = Device::open_encrypted(&folder, key, |_: &mut [u8]| {}, now)?;
        let mut unsent = device.unsent_summary(now)?;
        if device.only_locks_are_unsent()? {
            unsent.trail = 0;
        }
        if !unsent.is_empty() {
            return Err(ProfileError::UnsentWork(unsent));
        }
        drop((device, alone));
        self.remove_folder(&folder)
    }

    /// Removes what is left of a profile that was wiped.
    ///
    /// # Errors
    /// [`ProfileError::Invalid`] if it was not; [`ProfileError::UnknownProfile`]; the file system's.
    pub fn remove_wiped(&self, id: &ProfileId) -> Result<(), ProfileError> {
        let folder = self.place(id)?;
        if wipe::tombstone(&folder).is_none() {
            return Err(ProfileError::Invalid("this profile was not wiped; removing it needs its PIN"));
        }
        self.remove_folder(&folder)
    }

    fn remove_folder(&self, folder: &Path) -> Result<(), ProfileError> {
        let _alone = checks::alone(&self.folder)?;
        let mut going = folder.as_os_str().to_owned();
        going.push(recovery::REMOVING);
        durable::rename(folder, Path::new(&going)).map_err(ProfileError::files("removing a profile"))?;
        recovery::remove_profile(Path::new(&going))
    }

    fn place(&self, id: &ProfileId) -> Result<PathBuf, ProfileError> {
        let folder = self.folder.join(id.as_str());
        if folder.is_dir() { Ok(folder) } else { Err(ProfileError::UnknownProfile) }
    }
}

/// Whether a new profile may be called and guarded so.
pub(super) fn check_new(label: &str, pin: &Pin, settings: ProfileSettings) -> Result<(), ProfileError> {
    settings.check()?;
    pin.check_new(settings.min_pin_length)?;
    match label.trim() == label && (1..=LONGEST_LABEL).contains(&label.chars().count()) {
        true if !label.chars().any(char::is_control) => Ok(()),
        _ => Err(ProfileError::Invalid("a profile's label has 1 to 100 characters, in one line")),
    }
}

/// A profile that comes to be at once, by a folder getting its name.
pub(super) struct Making {
    id: ProfileId,
    key: DatabaseKey,
    tablet: PathBuf,
    /// Where it is until then.
    pub(super) folder: PathBuf,
}

impl Making {
    pub(super) fn new(tablet: &Path, randomness: &mut dyn Randomness) -> Result<Self, ProfileError> {
        let (mut id, mut key) = ([0; 16], Zeroizing::new([0; KEY_BYTES]));
        randomness.fill(&mut id);
        randomness.fill(&mut *key);
        let id = ProfileId::new(id);
        let folder = tablet.join(format!("{id}{}", recovery::MAKING));
        durable::make_private(&folder).map_err(ProfileError::files("making a profile's folder"))?;
        Ok(Self { id, key: DatabaseKey::new(key), tablet: tablet.to_owned(), folder })
    }

    /// With an empty database.
    fn begin(tablet: &Path, randomness: &mut dyn Randomness, now: UnixMillis) -> Result<Self, ProfileError> {
        let making = Self::new(tablet, randomness)?;
        making.open_once(now)?;
        Ok(making)
    }

    pub(super) fn id(&self) -> &ProfileId {
        &self.id
    }

    pub(super) fn key(&self) -> &DatabaseKey {
        &self.key
    }

    /// Opens the database and closes it: its schema is there then, and what is unsent is counted beside it.
    pub(super) fn open_once(&self, now: UnixMillis) -> Result<(), ProfileError> {
        durable::step();
        let device = Device::open_encrypted(&self.folder, self.key.clone(), |_: &mut [u8]| {}, now)?;
        let damaged = device.damaged_file().is_some();
        drop(device);
        durable::step();
        match damaged {
            true => Err(ProfileError::damaged(&self.folder.join(ENCRYPTED_FILE), "it does not read back as written")),
            false => Ok(()),
        }
    }

    /// Wraps the key and gives the folder its name: from then on there is such a profile.
    pub(super) fn finish(
        self,
        (label, settings): (&str, ProfileSettings),
        by: &Wrapping<'_>,
        randomness: &mut dyn Randomness,
        now: UnixMillis,
    ) -> Result<(ProfileId, DatabaseKey), ProfileError> {
        let Self { id, key, tablet, folder } = self;
        Attempts::clear(&folder, now)?;
        KeyFile::wrap(&key, (&id, label, settings), by, randomness)?.write(&folder)?;
        let failed = ProfileError::files("making a profile");
        durable::sync_folder(&folder).map_err(&failed)?;
        durable::rename(&folder, &tablet.join(id.as_str())).map_err(failed)?;
        Ok((id, key))
    }
}

fn entry(id: ProfileId, folder: &Path) -> ProfileEntry {
    if let Some(tombstone) = wipe::tombstone(folder) {
        return ProfileEntry {
            id,
            label: tombstone.label,
            settings: ProfileSettings::default(),
            enrolled: false,
            locked_out_until: None,
            wrong_pins: 0,
            wiped: true,
            unsent: tombstone.lost,
            damaged: None,
        };
    }
    let (label, settings, damaged) = match KeyFile::read(folder) {
        Ok(file) => (file.label, file.settings, None),
        Err(error) => (String::new(), ProfileSettings::default(), Some(error)),
    };
    let attempts = Attempts::on_disk(folder).unwrap_or_default();
    let (enrolled, unsent) = unsent::read(folder).unzip();
    ProfileEntry {
        id,
        label,
        settings,
        enrolled: enrolled.unwrap_or(false),
        locked_out_until: attempts.locked_out_until(),
        wrong_pins: attempts.wrong,
        wiped: false,
        unsent,
        damaged,
    }
}
