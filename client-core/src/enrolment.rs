//! What an administrator hands out to enrol a device: a one-time code with the relay's address, typed or as a QR code.

use std::fmt;

use crate::DeviceError;

/// What the text of the QR code begins with.
const SCHEME: &str = "satchel:enroll?relay=";

/// Where to enrol, and with which one-time code.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode {
    /// The relay's address, `wss://host/sync`.
    pub relay: String,
    /// The code. It enrols whoever has it, once.
    pub code: String,
}

impl EnrolmentCode {
    /// What was typed: an address, perhaps with another scheme's spelling or without its path, and a code.
    #[must_use]
    pub fn typed(relay: &str, code: &str) -> Self {
        Self { relay: relay_url(relay.trim()), code: code.trim().to_owned() }
    }

    /// Reads the text of the QR code, `satchel:enroll?relay=ADDRESS&code=CODE`.
    ///
    /// # Errors
    /// [`DeviceError::Invalid`] for any other text; it does not repeat it.
    pub fn scanned(text: &str) -> Result<Self, DeviceError> {
        let parts = text.trim().strip_prefix(SCHEME).and_then(|rest| rest.split_once("&code="));
        match parts {
            Some((relay, code)) if !relay.is_empty() && !code.is_empty() => Ok(Self::typed(relay, code)),
            _ => Err(DeviceError::Invalid("not the text of an enrolment's QR code: satchel:enroll?relay=…&code=…")),
        }
    }
}

impl fmt::Display for EnrolmentCode {
    /// The text of the QR code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}&code={}", self.relay, self.code)
    }
}

impl fmt::Debug for EnrolmentCode {
    /// The address; whoever has the code can use it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolmentCode").field("relay", &self.relay).finish_non_exhaustive()
    }
}

/// Completes what people type.
fn relay_url(typed: &str) -> String {
    let url = typed.trim_end_matches('/').replacen("http", "ws", usize::from(typed.starts_with("http")));
    let host_and_path = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    if host_and_path.contains('/') { url } else { format!("{url}/sync") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_qr_codes_text_holds_address_and_code() {
        let text = "satchel:enroll?relay=wss://r.example/sync&code=AB-CD";
        let found = EnrolmentCode::scanned(text).unwrap();
        assert_eq!((found.relay.as_str(), found.code.as_str()), ("wss://r.example/sync", "AB-CD"));
        assert_eq!(found.to_string(), text);
        assert_eq!(EnrolmentCode::scanned(&format!(" {text}\n")).unwrap(), found);
    }

    #[test]
    fn any_other_text_is_refused_without_being_repeated() {
        for text in ["", "wss://r.example", "satchel:enroll?relay=&code=A", "satchel:enroll?relay=wss://r", "secret"] {
            let refused = EnrolmentCode::scanned(text).unwrap_err();
            assert!(matches!(refused, DeviceError::Invalid(_)), "{text}");
            assert!(text.is_empty() || !refused.to_string().contains("secret"));
        }
    }

    #[test]
    fn addresses_are_completed() {
        let completed = |typed| EnrolmentCode::typed(typed, "c").relay;
        assert_eq!(completed("ws://127.0.0.1:7443"), "ws://127.0.0.1:7443/sync");
        assert_eq!(completed("https://relay.example/"), "wss://relay.example/sync");
        assert_eq!(completed("wss://relay.example/a/b"), "wss://relay.example/a/b");
        assert_eq!(completed("ws://http.example"), "ws://http.example/sync");
    }
}
