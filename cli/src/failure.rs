//! What a command ran into, and the exit code that says so.

use std::process::ExitCode;

/// A command did not do what it was asked. Carries a message for a person, without patient content.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Anything else.
    #[error("{0}")]
    Failed(String),
    /// No right, revoked, lease expired.
    #[error("{0}")]
    Refused(String),
    /// The relay cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// The input is wrong.
    #[error("{0}")]
    BadInput(String),
}

impl Failure {
    /// The exit code, as `--help` lists them.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Refused(_) => 3,
            Self::Unreachable(_) => 4,
            Self::BadInput(_) => 5,
        })
    }

    /// Wraps any error as a plain failure.
    pub fn from_error(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
