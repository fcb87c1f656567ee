//! Device certificates: an organization's word that a key belongs to one of its practitioners' devices.

use serde::{Deserialize, Serialize};

use crate::identity::keys::{Purpose, SecretKey, SignatureInvalid};
use crate::ids::{AuthorId, DeviceId, OrganizationId, PractitionerId, PublicKey, Signature, UnixMillis};

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateBody {
    /// The device's public key.
    #[serde(rename = "k")]
    pub device_key: PublicKey,
    /// Who writes on it.
    #[serde(rename = "p")]
    pub practitioner: PractitionerId,
    /// For which organization.
    #[serde(rename = "o")]
    pub organization: OrganizationId,
    /// First moment of validity, by the issuer's clock.
    #[serde(rename = "f")]
    pub not_before: UnixMillis,
    /// Last moment of validity, by the issuer's clock.
    #[serde(rename = "u")]
    pub not_after: UnixMillis,
}

/// A [`CertificateBody`] signed by the organization's enrolment key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// What is certified.
    #[serde(rename = "b")]
    pub body: CertificateBody,
    /// By the organization's enrolment key, over the body's fields.
    #[serde(rename = "s")]
    pub signature: Signature,
}

/// Why a certificate is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not signed by the organization's key, or changed since.
    #[error("certificate is not signed by its organization")]
    Forged,
    /// Outside its time of validity, by the clock of whoever checks.
    #[error("certificate is not valid at this time")]
    OutOfTime,
}

impl From<SignatureInvalid> for CertificateError {
    fn from(_: SignatureInvalid) -> Self {
        Self::Forged
    }
}

impl Certificate {
    /// Certifies `body` with the organization's enrolment key.
    #[must_use]
    pub fn issue(organization_key: &SecretKey, body: CertificateBody) -> Self {
        let signature = body.with_fields(|fields| organization_key.sign(Purpose::Certificate, fields));
        Self { body, signature }
    }

    /// Checks the organization's signature. Says nothing about time: a device's clock may be days wrong.
    ///
    /// # Errors
    /// [`CertificateError::Forged`].
    pub fn verify(&self, organization_key: &PublicKey) -> Result<(), CertificateError> {
        self.body.with_fields(|fields| organization_key.verify(Purpose::Certificate, fields, &self.signature))?;
        Ok(())
    }

    /// Checks the time of validity; for the relay, whose clock is kept.
    ///
    /// # Errors
    /// [`CertificateError::OutOfTime`].
    pub fn check_time(&self, now: UnixMillis) -> Result<(), CertificateError> {
        let valid = (self.body.not_before..=self.body.not_after).contains(&now);
        valid.then_some(()).ok_or(CertificateError::OutOfTime)
    }

    /// The author whose changes this certificate vouches for.
    #[must_use]
    pub fn author(&self) -> AuthorId {
        AuthorId::of(&self.body.device_key, &self.body.practitioner)
    }

    /// The device it names.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        DeviceId::of_key(&self.body.device_key)
    }
}

impl CertificateBody {
    fn with_fields<T>(&self, use_fields: impl FnOnce(&[&[u8]]) -> T) -> T {
        use_fields(&[
            &self.device_key.0,
            self.practitioner.as_str().as_bytes(),
            self.organization.as_str().as_bytes(),
            &self.not_before.0.to_be_bytes(),
            &self.not_after.0.to_be_bytes(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Certificate {
        let body = CertificateBody {
            device_key: SecretKey::from_seed([1; 32]).public(),
            practitioner: PractitionerId::new("dr-a").unwrap(),
            organization: OrganizationId::new("north").unwrap(),
            not_before: UnixMillis(10),
            not_after: UnixMillis(20),
        };
        Certificate::issue(&SecretKey::from_seed([2; 32]), body)
    }

    #[test]
    fn a_certificate_verifies_under_its_organization_only() {
        assert_eq!(certificate().verify(&SecretKey::from_seed([2; 32]).public()), Ok(()));
        let other = SecretKey::from_seed([3; 32]).public();
        assert_eq!(certificate().verify(&other), Err(CertificateError::Forged));
    }

    #[test]
    fn a_changed_field_breaks_it() {
        let issuer = SecretKey::from_seed([2; 32]).public();
        let mut changed = certificate();
        changed.body.practitioner = PractitionerId::new("dr-b").unwrap();
        assert_eq!(changed.verify(&issuer), Err(CertificateError::Forged));
        let mut changed = certificate();
        changed.body.not_after = UnixMillis(21);
        assert_eq!(changed.verify(&issuer), Err(CertificateError::Forged));
    }

    #[test]
    fn it_holds_from_its_first_to_its_last_moment() {
        let at = |t| certificate().check_time(UnixMillis(t));
        assert_eq!(at(10), Ok(()));
        assert_eq!(at(20), Ok(()));
        assert_eq!(at(9), Err(CertificateError::OutOfTime));
        assert_eq!(at(21), Err(CertificateError::OutOfTime));
    }
}
