//! The error that crosses the boundary: a stable code and a message for a person, without patient content.

use client_core::DeviceError;

/// Why a call did not do what it was asked.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum SatchelError {
    /// The profile is not enrolled.
    #[error("{message}")]
    NotEnrolled {
        /// For a person.
        message: String,
    },
    /// Offline access has ended; sync once.
    #[error("{message}")]
    LeaseExpired {
        /// For a person.
        message: String,
    },
    /// The relay refuses this device.
    #[error("{message}")]
    Refused {
        /// For a person.
        message: String,
    },
    /// The relay cannot be reached.
    #[error("{message}")]
    Offline {
        /// For a person.
        message: String,
    },
    /// The device's storage failed; nothing was stored.
    #[error("{message}")]
    Storage {
        /// For a person.
        message: String,
    },
    /// What was given is not what it should be.
    #[error("{message}")]
    Invalid {
        /// For a person.
        message: String,
    },
    /// Anything else.
    #[error("{message}")]
    Other {
        /// For a person.
        message: String,
    },
}

impl SatchelError {
    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotEnrolled { .. } => "not-enrolled",
            Self::LeaseExpired { .. } => "lease-expired",
            Self::Refused { .. } => "refused",
            Self::Offline { .. } => "offline",
            Self::Storage { .. } => "storage",
            Self::Invalid { .. } => "invalid",
            Self::Other { .. } => "other",
        }
    }

    pub(crate) fn invalid(what: &str) -> Self {
        Self::Invalid { message: format!("{what} is not well-formed") }
    }
}

impl From<DeviceError> for SatchelError {
    fn from(error: DeviceError) -> Self {
        let message = error.to_string();
        match error {
            DeviceError::NotEnrolled => Self::NotEnrolled { message },
            DeviceError::LeaseExpired { .. } => Self::LeaseExpired { message },
            DeviceError::Relay { .. } | DeviceError::OtherRelay | DeviceError::Wiped => Self::Refused { message },
            DeviceError::Connection(_) => Self::Offline { message },
            error if error.is_storage() => Self::Storage { message },
            DeviceError::UnknownPatient { .. }
            | DeviceError::UnknownResource { .. }
            | DeviceError::WrongChart { .. }
            | DeviceError::Content(_)
            | DeviceError::Clinical(_)
            | DeviceError::InConflict { .. }
            | DeviceError::Invalid(_)
            | DeviceError::BadBundle(_)
            | DeviceError::ChangeTooLarge { .. } => Self::Invalid { message },
            _ => Self::Other { message },
        }
    }
}

/// Reads JSON; the message does not repeat any of it.
pub(crate) fn parse_json(text: &str) -> Result<serde_json::Value, SatchelError> {
    serde_json::from_str(text).map_err(|_| SatchelError::invalid("the JSON"))
}
