//! Accounts of those who administer, and their sign-ins.

use serde_json::json;
use sync_protocol::{OrganizationId, PractitionerId, UnixMillis};

use super::Relay;
use crate::accounts::password::SALT_BYTES;
use crate::accounts::{Origin, TokenHash, token_text};
use crate::store::{AccountRecord, AlertKind, NewAlert, NewAuditRow, SignInRecord, StoreError};

/// Sign-ins of one account at the same time; the oldest gives way. The operator's commands take one each.
const SIGN_INS: usize = 16;
const SIGN_INS_OF_OPERATOR: usize = 256;
/// How long a one-time password can be used, in milliseconds.
const ONE_TIME_MS: i64 = 72 * 60 * 60 * 1000;

/// In whose name something is administered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Administrator {
    /// Whoever runs the relay and can read its data folder.
    Operator,
    /// A practitioner with an account.
    Practitioner(PractitionerId),
}

impl Administrator {
    /// The practitioner; none for the operator.
    #[must_use]
    pub fn practitioner(&self) -> Option<&PractitionerId> {
        match self {
            Self::Operator => None,
            Self::Practitioner(id) => Some(id),
        }
    }
}

/// A sign-in that was granted.
#[derive(Clone)]
pub struct Admission {
    /// The token's text; it is not kept.
    pub token: String,
    /// From this moment on it is worth nothing.
    pub expires_at: UnixMillis,
    /// It is good for nothing but changing the password.
    pub only_password: bool,
}

/// Why a sign-in is refused whose account has failed too often: its privacy officers are alerted.
pub const LOCKED: &str = "locked";

impl Relay {
    /// From here to its end, the running administrative action is done in this name.
    pub fn act_as(&mut self, who: Administrator) {
        self.acting = Some(who);
    }

    /// An account.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn account(&self, practitioner: &PractitionerId) -> Result<Option<AccountRecord>, StoreError> {
        self.store.account(practitioner)
    }

    /// All accounts, each with how many sign-ins of it are in force.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn accounts(&self, now: UnixMillis) -> Result<Vec<(AccountRecord, u64)>, StoreError> {
        let counted = |account: AccountRecord| {
            let sign_ins = self.store.sign_ins_of(Some(&account.practitioner), now)?;
            Ok((account, sign_ins))
        };
        self.store.accounts()?.into_iter().map(counted).collect()
    }

    /// A one-time password and the salt for its hash, both new.
    pub fn new_one_time_password(&mut self) -> (String, [u8; SALT_BYTES]) {
        (self.random_code(), self.random())
    }

    /// A salt for a password's hash.
    pub fn new_salt(&mut self) -> [u8; SALT_BYTES] {
        self.random()
    }

    /// Adds an account.
    ///
    /// # Errors
    /// [`StoreError::Exists`]; [`StoreError::NotFound`] if the practitioner is not there.
    pub fn add_account(
        &mut self,
        practitioner: &PractitionerId,
        one_time_hash: String,
        now: UnixMillis,
    ) -> Result<UnixMillis, StoreError> {
        if self.store.account(practitioner)?.is_some() {
            return Err(StoreError::Exists("account"));
        }
        self.put_one_time(practitioner, one_time_hash, "add-account", now)
    }

    /// Gives an account a one-time password in place of its own, and ends its sign-ins.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn reset_password(
        &mut self,
        practitioner: &PractitionerId,
        one_time_hash: String,
        now: UnixMillis,
    ) -> Result<UnixMillis, StoreError> {
        self.store.account(practitioner)?.ok_or(StoreError::NotFound("account"))?;
        self.store.end_sign_ins_of(Some(practitioner))?;
        self.put_one_time(practitioner, one_time_hash, "reset-password", now)
    }

    fn put_one_time(
        &mut self,
        practitioner: &PractitionerId,
        password_hash: String,
        action: &'static str,
        now: UnixMillis,
    ) -> Result<UnixMillis, StoreError> {
        let until = now.plus(ONE_TIME_MS);
        self.store.put_account(&AccountRecord {
            practitioner: practitioner.clone(),
            password_hash,
            one_time_until: Some(until),
            added_at: now,
            set_at: now,
        })?;
        self.account_changed(action, practitioner, now)?;
        Ok(until)
    }

    /// Removes an account and ends its sign-ins.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn remove_account(&mut self, practitioner: &PractitionerId, now: UnixMillis) -> Result<(), StoreError> {
        self.store.remove_account(practitioner)?;
        self.account_changed("remove-account", practitioner, now)
    }

    /// Records that an account's delay after failed sign-ins was lifted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn unlocked_account(&mut self, practitioner: &PractitionerId, now: UnixMillis) -> Result<(), StoreError> {
        self.store.account(practitioner)?.ok_or(StoreError::NotFound("account"))?;
        self.account_changed("unlock-account", practitioner, now)
    }

    fn account_changed(
        &mut self,
        action: &'static str,
        practitioner: &PractitionerId,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let organization = self.answering_for(practitioner)?;
        self.administered(action, json!({ "account": practitioner, "organization": organization }), now)
    }

    /// Sets the password that its owner chose, and ends all sign-ins of the account. Whether `verified`, the hash that
    /// the present password was checked against, is still the account's.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn change_password(
        &mut self,
        practitioner: &PractitionerId,
        verified: &str,
        password_hash: String,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let Some(account) = self.store.account(practitioner)?.filter(|a| a.password_hash == verified) else {
            return Ok(false);
        };
        self.store.put_account(&AccountRecord { password_hash, one_time_until: None, set_at: now, ..account })?;
        self.store.end_sign_ins_of(Some(practitioner))?;
        self.account_changed("change-password", practitioner, now)?;
        Ok(true)
    }

    /// Signs somebody in for `valid_ms` milliseconds. `verified`: the hash that the password was checked against; none
    /// for the operator. Nothing if the account is not what it was when the password was checked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn admit(
        &mut self,
        who: &Administrator,
        verified: Option<&str>,
        valid_ms: i64,
        origin: Origin,
        now: UnixMillis,
    ) -> Result<Option<Admission>, StoreError> {
        let (only_password, keep, organization) = match who {
            Administrator::Operator => (false, SIGN_INS_OF_OPERATOR, None),
            Administrator::Practitioner(id) => {
                let account = self.store.account(id)?;
                let same = account.filter(|a| Some(a.password_hash.as_str()) == verified);
                let Some(account) = same.filter(|a| a.one_time_until.is_none_or(|until| now < until)) else {
                    return Ok(None);
                };
                (account.one_time_until.is_some(), SIGN_INS, self.answering_for(id)?)
            }
        };
        let token = token_text(&self.random());
        let expires_at = now.plus(valid_ms);
        self.store.forget_sign_ins(now)?;
        let record = SignInRecord {
            token: TokenHash::of(&self.id, &token),
            practitioner: who.practitioner().cloned(),
            only_password,
            began_at: now,
            expires_at,
        };
        self.store.add_sign_in(&record, keep)?;
        self.act_as(who.clone());
        let detail = json!({ "organization": organization, "from": origin.to_string(), "expires-at": expires_at });
        self.administered("sign-in", detail, now)?;
        Ok(Some(Admission { token, expires_at, only_password }))
    }

    /// The sign-in that a token stands for, if it is in force.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn signed_in(&self, token: &str, now: UnixMillis) -> Result<Option<SignInRecord>, StoreError> {
        let found = self.store.sign_in(&TokenHash::of(&self.id, token))?;
        Ok(found.filter(|sign_in| now < sign_in.expires_at))
    }

    /// Ends a sign-in.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn sign_out(&mut self, sign_in: &SignInRecord, now: UnixMillis) -> Result<(), StoreError> {
        self.store.end_sign_in(&sign_in.token)?;
        let organization = match &sign_in.practitioner {
            Some(id) => self.answering_for(id)?,
            None => None,
        };
        self.administered("sign-out", json!({ "organization": organization }), now)
    }

    /// Ends every sign-in of the operator: the key may be another since.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn end_sign_ins_of_operator(&mut self) -> Result<(), StoreError> {
        self.store.end_sign_ins_of(None)
    }

    /// Records a sign-in that was refused, or an action that somebody who is signed in may not do. A flood of them is
    /// counted, not written. `practitioner`: only one with an account; what else was typed as a login may be anything.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn refused(
        &mut self,
        action: &'static str,
        practitioner: Option<&PractitionerId>,
        origin: Origin,
        reason: &'static str,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let organization = practitioner.map(|id| self.answering_for(id)).transpose()?.flatten();
        if reason == LOCKED
            && let (Some(organization), Some(practitioner)) = (organization.clone(), practitioner)
        {
            self.raise_alert(&NewAlert {
                organization,
                kind: AlertKind::LockOut,
                about: practitioner.to_string(),
                at: now,
                device: None,
                practitioner: Some(practitioner.clone()),
                detail: json!({ "from": origin.to_string() }),
            })?;
        }
        let Some(omitted) = self.refused_sign_ins.record(now) else { return Ok(()) };
        self.audit(&NewAuditRow {
            at: now,
            action,
            device: None,
            practitioner: practitioner.cloned(),
            organization,
            detail: json!({ "reason": reason, "from": origin.to_string(), "refused-before-unrecorded": omitted }),
        })
    }

    /// The organization that answers for a practitioner: the one that added them, or else the first they have a role at.
    fn answering_for(&self, practitioner: &PractitionerId) -> Result<Option<OrganizationId>, StoreError> {
        let own = match self.store.practitioner(practitioner) {
            Ok(record) => record.organization,
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let first = || Ok(self.store.roles_of(practitioner)?.into_iter().next().map(|role| role.organization));
        own.map_or_else(first, |own| Ok(Some(own)))
    }
}
