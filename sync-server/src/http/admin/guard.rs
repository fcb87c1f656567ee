//! Bounds sign-ins: how often one may try, and how many passwords are checked at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use sync_protocol::{PractitionerId, UnixMillis};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Problem;
use crate::accounts::Origin;
use crate::accounts::attempts::{Attempts, Delays, Wait};

/// Failed sign-ins of one account: five, then a delay from half a minute up to a lock-out of a quarter of an hour.
const BY_ACCOUNT: Delays =
    Delays { free: 5, first_ms: 30_000, longest_ms: 15 * 60_000, forget_ms: 24 * 60 * 60_000, capacity: usize::MAX };
/// Failed sign-ins from one place, whatever the account.
const BY_ORIGIN: Delays =
    Delays { free: 20, first_ms: 5_000, longest_ms: 15 * 60_000, forget_ms: 60 * 60_000, capacity: 4_096 };
/// Passwords that are checked at the same time: each takes 19 MiB and tens of milliseconds of a core.
const AT_ONCE: usize = 2;
/// Sign-ins that wait for that, at most.
const WAITING: usize = 32;

/// Whose sign-in is tried.
#[derive(Clone, Debug)]
pub enum Login {
    /// An account that exists.
    Account(PractitionerId),
    /// A login without an account. It is treated as one that exists; a login is remembered by two bytes of its hash, so
    /// that a flood of them needs no more memory than this and pushes nothing out.
    Unknown(u16),
    /// The operator's key, which cannot be guessed and is never locked.
    Operator,
}

impl Login {
    /// A login without an account.
    #[must_use]
    pub fn unknown(text: &str) -> Self {
        let [a, b, ..] = <[u8; 32]>::from(Sha256::digest(text));
        Self::Unknown(u16::from_be_bytes([a, b]))
    }
}

#[derive(Debug)]
struct Tries {
    origins: Attempts<Origin>,
    accounts: Attempts<PractitionerId>,
    unknown: Attempts<u16>,
}

impl Tries {
    fn wait(&self, login: &Login, now: UnixMillis) -> Option<Wait> {
        match login {
            Login::Account(id) => self.accounts.wait(id, now),
            Login::Unknown(bucket) => self.unknown.wait(bucket, now),
            Login::Operator => None,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct SignInGuard {
    tries: Mutex<Tries>,
    at_once: Semaphore,
    waiting: Semaphore,
}

impl Default for SignInGuard {
    fn default() -> Self {
        let tries = Tries {
            origins: Attempts::new(BY_ORIGIN),
            accounts: Attempts::new(BY_ACCOUNT),
            unknown: Attempts::new(BY_ACCOUNT),
        };
        Self { tries: Mutex::new(tries), at_once: Semaphore::new(AT_ONCE), waiting: Semaphore::new(WAITING) }
    }
}

impl SignInGuard {
    /// Whether a place must wait, before anything is looked up for it.
    ///
    /// # Errors
    /// [`Wait`].
    pub fn check_origin(&self, origin: Origin, now: UnixMillis) -> Result<(), Wait> {
        self.tries().origins.wait(&origin, now).map_or(Ok(()), Err)
    }

    /// Whether a login must wait, before it takes a turn.
    ///
    /// # Errors
    /// [`Wait`].
    pub fn check_login(&self, login: &Login, now: UnixMillis) -> Result<(), Wait> {
        self.tries().wait(login, now).map_or(Ok(()), Err)
    }

    /// Takes note of a try; it counts as failed until it succeeds.
    ///
    /// # Errors
    /// [`Wait`].
    pub fn begin(&self, origin: Origin, login: &Login, now: UnixMillis) -> Result<(), Wait> {
        let mut tries = self.tries();
        // One that must wait for its account does not count for the place, either.
        tries.wait(login, now).map_or(Ok(()), Err)?;
        tries.origins.begin(&origin, now)?;
        match login {
            Login::Account(id) => tries.accounts.begin(id, now),
            Login::Unknown(bucket) => tries.unknown.begin(bucket, now),
            Login::Operator => Ok(()),
        }
    }

    /// The try succeeded.
    pub fn succeeded(&self, origin: Origin, login: &Login) {
        let mut tries = self.tries();
        tries.origins.take_back(&origin);
        if let Login::Account(id) = login {
            tries.accounts.clear(id);
        }
    }

    /// Whether an account's delay has grown to the lock-out.
    #[must_use]
    pub fn is_locked(&self, login: &Login, now: UnixMillis) -> bool {
        match login {
            Login::Account(id) => self.tries().accounts.is_locked(id, now),
            _ => false,
        }
    }

    /// Until when an account must wait, if it must.
    #[must_use]
    pub fn locked_until(&self, account: &PractitionerId, now: UnixMillis) -> Option<UnixMillis> {
        self.tries().accounts.wait(account, now).map(|wait| now.plus(wait.0))
    }

    /// Lifts an account's delay.
    pub fn unlock(&self, account: &PractitionerId) {
        self.tries().accounts.clear(account);
    }

    /// Waits for the turn to do something slow with a password, if not too many wait already.
    ///
    /// # Errors
    /// [`Problem`]: busy.
    pub async fn turn(&self) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>), Problem> {
        let waiting = self.waiting.try_acquire().map_err(|_| Problem::busy())?;
        let turn = self.at_once.acquire().await.map_err(|_| Problem::busy())?;
        Ok((waiting, turn))
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        // Counters are whole at any time: a panic elsewhere does not spoil them.
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn failures_until_wait(guard: &SignInGuard, login: &Login) -> usize {
        (0..1_000).take_while(|n| guard.begin(origin(*n), login, NOW).is_ok()).count()
    }

    fn origin(n: u32) -> Origin {
        Origin::from(std::net::IpAddr::from(n.to_be_bytes()))
    }

    #[test]
    fn an_account_and_an_unknown_login_are_delayed_alike() {
        let guard = SignInGuard::default();
        let account = Login::Account(PractitionerId::new("dr-a").unwrap());
        assert_eq!(failures_until_wait(&guard, &account), 5);
        assert_eq!(failures_until_wait(&guard, &Login::unknown("nobody")), 5);
        assert_eq!(failures_until_wait(&guard, &Login::Operator), 1_000, "from many places");
    }

    #[test]
    fn one_place_waits_whatever_accounts_it_tries() {
        let guard = SignInGuard::default();
        let tries = |n: u32| guard.begin(origin(1), &Login::unknown(&n.to_string()), NOW);
        assert_eq!((0..100).take_while(|n| tries(*n).is_ok()).count(), 20);
        assert!(guard.check_origin(origin(1), NOW).is_err());
        assert!(guard.check_origin(origin(2), NOW).is_ok());
        assert!(guard.begin(origin(1), &Login::Operator, NOW).is_err());
    }

    #[tokio::test]
    async fn no_more_wait_for_their_turn_than_there_is_room_for() {
        let guard = SignInGuard::default();
        let first = (guard.turn().await.unwrap(), guard.turn().await.unwrap());
        let waiting: Vec<_> = (2..WAITING).map(|_| Box::pin(guard.turn())).collect();
        let mut waiting = futures_util::future::join_all(waiting);
        let poll = std::future::poll_fn(|cx| {
            let _ = std::pin::Pin::new(&mut waiting).poll(cx);
            std::task::Poll::Ready(())
        });
        poll.await;
        assert!(guard.turn().await.is_err());
        drop(first);
        drop(waiting);
        assert!(guard.turn().await.is_ok());
    }
}
