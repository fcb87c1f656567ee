//! What a store keeps of those who administer.

use sync_protocol::{PractitionerId, UnixMillis};

use crate::accounts::TokenHash;
use crate::store::StoreError;

/// An account of a practitioner who administers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Whose; the login.
    pub practitioner: PractitionerId,
    /// PHC string.
    pub password_hash: String,
    /// Set while the password is a one-time password: from this moment on it admits nobody.
    pub one_time_until: Option<UnixMillis>,
    /// When the account was added.
    pub added_at: UnixMillis,
    /// When the password was set.
    pub set_at: UnixMillis,
}

/// A sign-in in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInRecord {
    /// Hash of its token.
    pub token: TokenHash,
    /// Whose account; none for the operator.
    pub practitioner: Option<PractitionerId>,
    /// Good for nothing but changing the password.
    pub only_password: bool,
    /// When it began.
    pub began_at: UnixMillis,
    /// From this moment on it is worth nothing.
    pub expires_at: UnixMillis,
}

/// The part of a [`super::Store`] that keeps accounts and sign-ins.
pub trait AccountStore {
    /// Adds or replaces an account; the time it was added at stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the practitioner is not there.
    fn put_account(&mut self, account: &AccountRecord) -> Result<(), StoreError>;
    /// Looks an account up.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn account(&self, practitioner: &PractitionerId) -> Result<Option<AccountRecord>, StoreError>;
    /// All accounts, by practitioner.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError>;
    /// Removes an account and ends its sign-ins.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn remove_account(&mut self, practitioner: &PractitionerId) -> Result<(), StoreError>;

    /// Adds a sign-in. Of those of the same account only the newest `keep` stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the account is not there.
    fn add_sign_in(&mut self, sign_in: &SignInRecord, keep: usize) -> Result<(), StoreError>;
    /// Looks a sign-in up, expired or not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn sign_in(&self, token: &TokenHash) -> Result<Option<SignInRecord>, StoreError>;
    /// How many sign-ins of an account (none: the operator) run beyond `now`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn sign_ins_of(&self, practitioner: Option<&PractitionerId>, now: UnixMillis) -> Result<u64, StoreError>;
    /// Ends one sign-in; it may have ended already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn end_sign_in(&mut self, token: &TokenHash) -> Result<(), StoreError>;
    /// Ends all sign-ins of an account (none: the operator).
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn end_sign_ins_of(&mut self, practitioner: Option<&PractitionerId>) -> Result<(), StoreError>;
    /// Forgets sign-ins that have run out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn forget_sign_ins(&mut self, now: UnixMillis) -> Result<(), StoreError>;
}
