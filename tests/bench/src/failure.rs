//! What a benchmark runs into: there is nobody to handle it but the person who reads it.

/// Any error, as text.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure of the benchmark's own.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
