//! What proves who administers: the operator's key, or a practitioner's sign-in, kept in a file of their own.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sync_protocol::{PractitionerId, UnixMillis};
use sync_server::admin::{Admitted, Secret};

use super::ApiArgs;
use crate::failure::Failure;

/// Where the operator's key is when no other place is named.
const DEFAULT_KEY: &str = "satchel-relay/admin.token";

/// What is presented to a relay.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nothing yet.
    None,
    /// The operator's key: it is exchanged for a token, and not good for anything else.
    Operator(Secret),
    /// The token of a practitioner's sign-in.
    Session(Secret),
}

impl Credential {
    /// The operator's key if a file is named; else a sign-in at that relay; else the operator's key at the usual place.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if a file cannot be read; [`Failure::Refused`] if there is nothing.
    pub fn find(args: &ApiArgs) -> Result<Self, Failure> {
        if let Some(file) = &args.token_file {
            return operator(file);
        }
        let session = Session::load(args)?;
        match session {
            Some(session) if session.expires_at > client_core::driver::system_time() => {
                Ok(Self::Session(session.token))
            }
            _ if Path::new(DEFAULT_KEY).exists() => operator(Path::new(DEFAULT_KEY)),
            Some(_) => Err(Failure::Refused("the sign-in has run out: satchel admin sign-in LOGIN".into())),
            None => {
                let message =
                    "sign in first (satchel admin sign-in LOGIN), or name the operator's key with --token-file";
                Err(Failure::Refused(message.into()))
            }
        }
    }
}

fn operator(file: &Path) -> Result<Credential, Failure> {
    Ok(Credential::Operator(Secret::new(read(file, "file with the operator's key")?.trim())))
}

/// A practitioner's sign-in, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// At which relay; it is presented to no other.
    pub relay: String,
    /// Who.
    pub practitioner: PractitionerId,
    /// The token.
    pub token: Secret,
    /// From this moment on it is worth nothing.
    pub expires_at: UnixMillis,
}

impl Session {
    /// The session of an admission.
    #[must_use]
    pub fn of(args: &ApiArgs, practitioner: PractitionerId, admitted: &Admitted) -> Self {
        Self { relay: address(args), practitioner, token: admitted.token.clone(), expires_at: admitted.expires_at }
    }

    /// The session at the relay that the arguments name, if there is one.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if the file cannot be read.
    pub fn load(args: &ApiArgs) -> Result<Option<Self>, Failure> {
        let file = file(args)?;
        if !file.exists() {
            return Ok(None);
        }
        let text = read(&file, "sign-in")?;
        let session: Self = serde_json::from_str(&text).map_err(|_| {
            Failure::BadInput(format!("{} does not hold a sign-in: remove it and sign in again", file.display()))
        })?;
        Ok(Some(session).filter(|session| session.relay == address(args)))
    }

    /// Keeps the session, for its owner's eyes only.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if the file cannot be written.
    pub fn store(&self, args: &ApiArgs) -> Result<(), Failure> {
        let file = file(args)?;
        let failed = |error| Failure::BadInput(format!("cannot keep the sign-in in {}: {error}", file.display()));
        let text = serde_json::to_string(self).map_err(Failure::from_error)?;
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_folder(folder).map_err(failed)?;
        }
        // A file that is there may be open to others: a new one takes its place.
        let fresh = file.with_extension(format!("{}.new", std::process::id()));
        let mut out = private_file(&fresh).map_err(failed)?;
        out.write_all(text.as_bytes()).and_then(|()| std::fs::rename(&fresh, &file)).map_err(failed)
    }

    /// Removes what is kept.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if the file cannot be removed.
    pub fn remove(args: &ApiArgs) -> Result<(), Failure> {
        let file = file(args)?;
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::BadInput(format!("cannot remove {}: {error}", file.display())))
            }
            _ => Ok(()),
        }
    }
}

fn address(args: &ApiArgs) -> String {
    args.relay.trim_end_matches('/').to_owned()
}

fn file(args: &ApiArgs) -> Result<PathBuf, Failure> {
    if let Some(file) = &args.session {
        return Ok(file.clone());
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".local/state"));
    let state = set("XDG_STATE_HOME").or_else(|| set("LOCALAPPDATA")).or_else(home);
    let state = state.ok_or_else(|| Failure::BadInput("name a file for the sign-in with --session".into()))?;
    Ok(state.join("satchel/admin-session.json"))
}

fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Reads a text file; `what` names it to people.
///
/// # Errors
/// [`Failure::BadInput`].
pub fn read(path: &Path, what: &str) -> Result<String, Failure> {
    let failed = |error| Failure::BadInput(format!("cannot read the {what} {}: {error}", path.display()));
    std::fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(folder: &Path, relay: &str) -> ApiArgs {
        ApiArgs { relay: relay.into(), token_file: None, session: Some(folder.join("a/session.json")), ca: None }
    }

    fn session(args: &ApiArgs, expires_at: i64) -> Session {
        let practitioner = PractitionerId::new("dr-a").unwrap();
        Session { relay: address(args), practitioner, token: Secret::new("t"), expires_at: UnixMillis(expires_at) }
    }

    #[cfg(unix)]
    #[test]
    fn a_sign_in_is_kept_for_its_owner_only_and_at_its_relay_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let here = args(folder.path(), "http://127.0.0.1:1/");
        session(&here, i64::MAX).store(&here).unwrap();
        // A second one takes the place of the first, whatever its mode became.
        let file = here.session.clone().unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        session(&here, i64::MAX).store(&here).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
        assert_eq!(std::fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o077, 0);
        assert!(matches!(Credential::find(&here), Ok(Credential::Session(_))));
        let elsewhere = args(folder.path(), "http://127.0.0.1:2");
        assert!(matches!(Credential::find(&elsewhere), Err(Failure::Refused(_))));
        Session::remove(&here).unwrap();
        Session::remove(&here).unwrap();
        assert!(matches!(Credential::find(&here), Err(Failure::Refused(_))));
    }

    #[test]
    fn a_sign_in_that_ran_out_is_not_presented_and_a_key_that_is_named_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = args(folder.path(), "http://127.0.0.1:1");
        session(&args, 1).store(&args).unwrap();
        let Err(Failure::Refused(message)) = Credential::find(&args) else { panic!("presented") };
        assert!(message.contains("run out"), "{message}");
        session(&args, i64::MAX).store(&args).unwrap();
        let key = folder.path().join("admin.token");
        std::fs::write(&key, "key\n").unwrap();
        args.token_file = Some(key);
        let Ok(Credential::Operator(key)) = Credential::find(&args) else { panic!("not the key") };
        assert_eq!(key.reveal(), "key");
    }
}
