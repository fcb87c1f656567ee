//! Accounts and sign-ins.

use rusqlite::{Row, params};
use sync_protocol::{PractitionerId, UnixMillis};

use super::SqliteStore;
use super::rows::{bytes, exists, found, parse};
use crate::accounts::TokenHash;
use crate::store::{AccountRecord, AccountStore, SignInRecord, StoreError};

const ACCOUNT: &str = "practitioner, password_hash, one_time_until_ms, added_at_ms, set_at_ms";

impl AccountStore for SqliteStore {
    fn put_account(&mut self, account: &AccountRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO account (practitioner, password_hash, one_time_until_ms, added_at_ms, set_at_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO UPDATE SET password_hash = ?2, one_time_until_ms = ?3, set_at_ms = ?5";
        let values = params![
            account.practitioner.as_str(),
            account.password_hash,
            account.one_time_until.map(|at| at.0),
            account.added_at.0,
            account.set_at.0,
        ];
        self.connection.execute(sql, values).map_err(exists("account"))?;
        Ok(())
    }

    fn account(&self, practitioner: &PractitionerId) -> Result<Option<AccountRecord>, StoreError> {
        let sql = format!("SELECT {ACCOUNT} FROM account WHERE practitioner = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([practitioner.as_str()])?;
        rows.next()?.map(account).transpose()
    }

    fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        let mut statement = self.connection.prepare(&format!("SELECT {ACCOUNT} FROM account ORDER BY practitioner"))?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(account(row)?);
        }
        Ok(found)
    }

    fn remove_account(&mut self, practitioner: &PractitionerId) -> Result<(), StoreError> {
        let sql = "DELETE FROM account WHERE practitioner = ?1";
        found("account", self.connection.execute(sql, [practitioner.as_str()])?)
    }

    fn add_sign_in(&mut self, sign_in: &SignInRecord, keep: usize) -> Result<(), StoreError> {
        let sql = "INSERT INTO sign_in (token_hash, practitioner, only_password, began_at_ms, expires_at_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let practitioner = sign_in.practitioner.as_ref().map(PractitionerId::as_str);
        let SignInRecord { token, only_password, began_at, expires_at, .. } = sign_in;
        let values = params![token.0, practitioner, only_password, began_at.0, expires_at.0];
        self.connection.execute(sql, values).map_err(exists("sign-in"))?;
        let trim = "DELETE FROM sign_in WHERE practitioner IS ?1 AND token_hash NOT IN (SELECT token_hash FROM sign_in
                    WHERE practitioner IS ?1 ORDER BY began_at_ms DESC, rowid DESC LIMIT ?2)";
        self.connection.execute(trim, params![practitioner, keep])?;
        Ok(())
    }

    fn sign_in(&self, token: &TokenHash) -> Result<Option<SignInRecord>, StoreError> {
        let sql = "SELECT token_hash, practitioner, only_password, began_at_ms, expires_at_ms FROM sign_in
                   WHERE token_hash = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([token.0])?;
        rows.next()?.map(sign_in).transpose()
    }

    fn sign_ins_of(&self, practitioner: Option<&PractitionerId>, now: UnixMillis) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM sign_in WHERE practitioner IS ?1 AND expires_at_ms > ?2";
        let values = params![practitioner.map(PractitionerId::as_str), now.0];
        Ok(self.connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
    }

    fn end_sign_in(&mut self, token: &TokenHash) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM sign_in WHERE token_hash = ?1", [token.0])?;
        Ok(())
    }

    fn end_sign_ins_of(&mut self, practitioner: Option<&PractitionerId>) -> Result<(), StoreError> {
        let practitioner = practitioner.map(PractitionerId::as_str);
        self.connection.execute("DELETE FROM sign_in WHERE practitioner IS ?1", [practitioner])?;
        Ok(())
    }

    fn forget_sign_ins(&mut self, now: UnixMillis) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM sign_in WHERE expires_at_ms <= ?1", [now.0])?;
        Ok(())
    }
}

fn account(row: &Row<'_>) -> Result<AccountRecord, StoreError> {
    Ok(AccountRecord {
        practitioner: parse("practitioner id", &row.get::<_, String>(0)?)?,
        password_hash: row.get(1)?,
        one_time_until: row.get::<_, Option<i64>>(2)?.map(UnixMillis),
        added_at: UnixMillis(row.get(3)?),
        set_at: UnixMillis(row.get(4)?),
    })
}

fn sign_in(row: &Row<'_>) -> Result<SignInRecord, StoreError> {
    let practitioner: Option<String> = row.get(1)?;
    Ok(SignInRecord {
        token: TokenHash(bytes("token hash", &row.get::<_, Vec<u8>>(0)?)?),
        practitioner: practitioner.map(|id| parse("practitioner id", &id)).transpose()?,
        only_password: row.get(2)?,
        began_at: UnixMillis(row.get(3)?),
        expires_at: UnixMillis(row.get(4)?),
    })
}
