//! The error that crosses the boundary: a stable code and a detail for a person, without patient content. Here is the one place
//! where what the core says becomes one of them.

use client_core::DeviceError;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $kind:ty),* })? = $code:literal,)*) => {
        /// Why a call did not do what it was asked. The names and codes stay as they are; new ones may come.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
        pub enum SatchelError {
            $($(#[$doc])*
            #[error("{detail}")]
            $name {
                /// What happened, for a person. No patient content.
                detail: String,
                $($($(#[$field_doc])* $field: $kind,)*)?
            },)*
        }

        #[uniffi::export]
        impl SatchelError {
            /// A stable code for programs, `in-conflict`.
            #[must_use]
            pub fn code(&self) -> String {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
                .to_owned()
            }
        }
    };
}

errors! {
    /// The profile is locked: unlock it and try again.
    Locked = "locked",
    /// The profile is not enrolled with a relay.
    NotEnrolled = "not-enrolled",
    /// The profile is enrolled already.
    AlreadyEnrolled = "already-enrolled",
    /// Offline access has ended; sync once. Unsent work is kept.
    LeaseExpired = "lease-expired",
    /// The relay refuses this device, or what it asked for.
    Refused = "refused",
    /// The profile was erased on its organization's order, or after too many wrong PINs.
    Wiped = "wiped",
    /// The relay cannot be reached.
    Offline = "offline",
    /// Device and relay still differ after comparing everything.
    Diverged = "diverged",
    /// Something else of the same kind runs already.
    Busy = "busy",
    /// The call was given up.
    Cancelled = "cancelled",
    /// No such chart on this device.
    UnknownPatient = "unknown-patient",
    /// No such resource in this chart.
    UnknownResource = "unknown-resource",
    /// The element is in conflict: settle it first, with a reason.
    InConflict = "in-conflict",
    /// A clinical edit is refused.
    Clinical {
        /// The element at fault, as FHIRPath writes it.
        path: String
    } = "clinical",
    /// What was given is not what it should be.
    Invalid = "invalid",
    /// The document's content cannot be opened; it is kept.
    Quarantined = "quarantined",
    /// The PIN is wrong.
    WrongPin {
        /// Milliseconds until the next try is taken.
        wait_ms: i64,
        /// Wrong PINs until the profile is wiped; none where it is never.
        remaining_before_wipe: Option<u32>
    } = "wrong-pin",
    /// Too many wrong PINs: no try is taken for a while.
    LockedOut {
        /// Milliseconds until the next try is taken.
        wait_ms: i64
    } = "locked-out",
    /// The platform's secret is not the one that the profile was made with. No PIN was tried.
    WrongSecret = "wrong-secret",
    /// The PIN is too short, too long or too simple.
    WeakPin = "weak-pin",
    /// No such profile on this tablet.
    UnknownProfile = "unknown-profile",
    /// The profile has work that others do not have.
    UnsentWork = "unsent-work",
    /// The database was written by a newer version: update the app.
    UpdateNeeded = "update-needed",
    /// The device's storage failed; nothing was stored.
    Storage = "storage",
    /// Anything else.
    Other = "other",
}

impl SatchelError {
    pub(crate) fn invalid(what: &str) -> Self {
        Self::Invalid { detail: format!("{what} is not well-formed") }
    }

    pub(crate) fn locked() -> Self {
        Self::Locked { detail: "this profile is locked".into() }
    }

    pub(crate) fn busy(what: &str) -> Self {
        Self::Busy { detail: what.into() }
    }
}

impl From<DeviceError> for SatchelError {
    fn from(error: DeviceError) -> Self {
        let detail = error.to_string();
        match error {
            DeviceError::NotEnrolled => Self::NotEnrolled { detail },
            DeviceError::AlreadyEnrolled { .. } => Self::AlreadyEnrolled { detail },
            DeviceError::LeaseExpired { .. } => Self::LeaseExpired { detail },
            DeviceError::Wiped => Self::Wiped { detail },
            DeviceError::Relay { .. } | DeviceError::OtherRelay => Self::Refused { detail },
            DeviceError::Connection(_) => Self::Offline { detail },
            DeviceError::Diverged => Self::Diverged { detail },
            DeviceError::UnknownPatient { .. } => Self::UnknownPatient { detail },
            DeviceError::UnknownResource { .. } => Self::UnknownResource { detail },
            DeviceError::InConflict { .. } => Self::InConflict { detail },
            DeviceError::Clinical(fault) => Self::Clinical { detail, path: fault.path },
            DeviceError::Quarantined { .. } => Self::Quarantined { detail },
            DeviceError::SchemaTooNew { .. } => Self::UpdateNeeded { detail },
            error if error.is_storage() => Self::Storage { detail },
            DeviceError::AmbiguousPatient { .. }
            | DeviceError::WrongChart { .. }
            | DeviceError::Content(_)
            | DeviceError::Invalid(_)
            | DeviceError::BadBundle(_)
            | DeviceError::ImportRefused { .. }
            | DeviceError::ChangeTooLarge { .. } => Self::Invalid { detail },
            _ => Self::Other { detail },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_stable() {
        let code = |error: DeviceError| SatchelError::from(error).code();
        assert_eq!(code(DeviceError::NotEnrolled), "not-enrolled");
        assert_eq!(code(DeviceError::StorageFull), "storage");
        assert_eq!(code(DeviceError::UnknownPatient { patient: "p".into() }), "unknown-patient");
        assert_eq!(code(DeviceError::SchemaTooNew { found: 2, known: 1 }), "update-needed");
        assert_eq!(SatchelError::locked().code(), "locked");
    }
}
