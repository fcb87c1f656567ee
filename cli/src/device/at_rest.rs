//! Which profile a command is for, and what unlocks it: PIN and platform secret, from files, the environment or a prompt.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use client_core::driver::system_time;
use client_core::{
    Device, Pin, PlatformSecret, ProfileEntry, ProfileError, ProfileId, ProfileSettings, Profiles, Randomness,
    SystemRandomness,
};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Holds the PIN where nobody can be asked.
const PIN: &str = "SATCHEL_PIN";
/// What a profile is called that is made on the way.
const LABEL: &str = "this device";

/// The arguments that every command of a device takes.
#[derive(Debug, Args)]
pub struct AtRestArgs {
    /// Folder of the device's profile, or of the profiles of several people
    #[arg(long, env = "SATCHEL_PROFILE", default_value = "satchel-device", global = true, value_name = "DIR")]
    pub profile: PathBuf,
    /// Which of several profiles: its label, or its id
    #[arg(long = "as", env = "SATCHEL_AS", global = true, value_name = "LABEL")]
    pub who: Option<String>,
    /// File whose first line is the PIN; without it, SATCHEL_PIN or a prompt
    #[arg(long, env = "SATCHEL_PIN_FILE", global = true, value_name = "FILE")]
    pub pin_file: Option<PathBuf>,
    /// File with the platform's secret; made where a profile is made and there is none. Keep it away from the profile
    #[arg(long, env = "SATCHEL_SECRET_FILE", global = true, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Enrol without encryption: whoever gets hold of the disk reads the charts
    #[arg(long, global = true)]
    pub unencrypted: bool,
}

impl AtRestArgs {
    /// Opens the profile. `may_make`: a new one, where there is none.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn open(&self, may_make: bool) -> Result<Device, Failure> {
        let device = match self.tablet()? {
            Some(tablet) => {
                let entry = self.chosen(&tablet)?;
                self.unlocked(&tablet, &entry)?
            }
            None if self.is_plain() || (may_make && self.unencrypted) => {
                let opened = Device::open(&self.profile, SystemRandomness, system_time());
                opened.map_err(|error| super::in_profile(&self.profile, error))?
            }
            None if may_make => self.make(self.who.as_deref().unwrap_or(LABEL))?.1,
            None => return Err(super::in_profile(&self.profile, client_core::DeviceError::NotEnrolled)),
        };
        if let Some(damaged) = device.damaged_file() {
            let (kept_as, problem) = (damaged.kept_as.display(), &damaged.problem);
            eprintln!("satchel: the database was damaged ({problem}) and put aside, not deleted: {kept_as}");
        }
        Ok(device)
    }

    /// Whether the profile was made without encryption.
    pub fn is_plain(&self) -> bool {
        self.profile.join("device.db").exists()
    }

    /// The encrypted profiles in the folder; none if there are none.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn tablet(&self) -> Result<Option<Profiles>, Failure> {
        Ok(if Profiles::are_in(&self.profile) { Some(Profiles::open(&self.profile)?) } else { None })
    }

    /// The profile that is meant.
    ///
    /// # Errors
    /// [`Failure::BadInput`] naming those that there are.
    pub fn chosen(&self, tablet: &Profiles) -> Result<ProfileEntry, Failure> {
        let mut entries = tablet.list()?;
        if let Some(who) = &self.who {
            entries.retain(|entry| entry.label == *who || entry.id.as_str() == who);
        }
        match (entries.len(), &self.who) {
            (1, _) => Ok(entries.remove(0)),
            (0, Some(who)) => Err(Failure::BadInput(format!("no profile called {who}; satchel device profile list"))),
            (0, None) => Err(Failure::BadInput("no profile here; satchel device profile create LABEL".into())),
            _ => {
                let labels: Vec<String> = entries.iter().map(|e| format!("{} ({})", e.label, e.id)).collect();
                Err(Failure::BadInput(format!("say which profile, by --as: {}", labels.join(", "))))
            }
        }
    }

    fn unlocked(&self, tablet: &Profiles, entry: &ProfileEntry) -> Result<Device, Failure> {
        let pin = self.pin(&format!("PIN of {}: ", entry.label))?;
        Ok(tablet.unlock(&entry.id, &pin, &self.secret(false)?, SystemRandomness, system_time())?)
    }

    /// Makes an encrypted profile.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn make(&self, label: &str) -> Result<(ProfileId, Device), Failure> {
        let pin = self.new_pin()?;
        let secret = self.secret(true)?;
        let tablet = Profiles::open(&self.profile)?;
        Ok(tablet.create(label, &pin, &secret, ProfileSettings::default(), SystemRandomness, system_time())?)
    }

    /// The PIN, wherever it is to be had.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if it is nowhere.
    pub fn pin(&self, prompt: &str) -> Result<Pin, Failure> {
        match self.given_pin()? {
            Some(pin) => Ok(pin),
            None => asked(prompt),
        }
    }

    /// A PIN for a new profile: asked for twice where a person types it.
    ///
    /// # Errors
    /// As [`AtRestArgs::pin`].
    pub fn new_pin(&self) -> Result<Pin, Failure> {
        match self.given_pin()? {
            Some(pin) => Ok(pin),
            None => asked_twice(),
        }
    }

    fn given_pin(&self) -> Result<Option<Pin>, Failure> {
        match (&self.pin_file, std::env::var(PIN)) {
            (Some(file), _) => pin_in(file).map(Some),
            (None, Ok(pin)) => Ok(Some(Pin::new(pin)?)),
            (None, Err(_)) => Ok(None),
        }
    }

    /// The platform's secret. `may_make`: a new one, where the file does not exist.
    ///
    /// # Errors
    /// [`Failure::BadInput`] naming the file.
    pub fn secret(&self, may_make: bool) -> Result<PlatformSecret, Failure> {
        let Some(file) = &self.secret_file else { return Ok(PlatformSecret::none()) };
        if may_make && !file.exists() {
            make_secret(file).map_err(|error| Failure::BadInput(format!("{}: {error}", file.display())))?;
        }
        Ok(PlatformSecret::new(first_line(file)?.as_bytes())?)
    }
}

/// A PIN that a file holds.
///
/// # Errors
/// [`Failure::BadInput`] naming the file.
pub fn pin_in(file: &Path) -> Result<Pin, Failure> {
    Ok(Pin::new(first_line(file)?.as_str())?)
}

/// Asks for a new PIN.
///
/// # Errors
/// [`Failure::BadInput`] where nobody can be asked, or the two differ.
pub fn asked_twice() -> Result<Pin, Failure> {
    let first = asked("New PIN, 4 characters or more: ")?;
    let again = asked("Once more: ")?;
    if first == again { Ok(first) } else { Err(Failure::BadInput("the two PINs differ".into())) }
}

fn asked(prompt: &str) -> Result<Pin, Failure> {
    if !std::io::stdin().is_terminal() {
        let message = format!("no PIN: give --pin-file or {PIN}; or enrol with --unencrypted");
        return Err(Failure::BadInput(message));
    }
    Ok(Pin::new(rpassword::prompt_password(prompt)?)?)
}

fn first_line(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error| Failure::BadInput(format!("{}: {error}", file.display()));
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(failed)?);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn make_secret(file: &Path) -> std::io::Result<()> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandomness.fill(&mut *bytes);
    let text: Zeroizing<String> = Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut made = options.open(file)?;
    std::io::Write::write_all(&mut made, format!("{}\n", text.as_str()).as_bytes())?;
    made.sync_all()
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        let message = error.to_string();
        match error {
            ProfileError::Device(error) => error.into(),
            ProfileError::WrongPin { .. }
            | ProfileError::LockedOut { .. }
            | ProfileError::WrongSecret
            | ProfileError::Wiped => Self::Refused(message),
            ProfileError::UnknownProfile | ProfileError::WeakPin { .. } | ProfileError::Invalid(_) => {
                Self::BadInput(message)
            }
            _ => Self::Failed(message),
        }
    }
}
