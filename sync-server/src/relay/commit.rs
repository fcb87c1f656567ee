//! One transaction for everything that came in since the last flush, and what happens when it fails.

use std::collections::BTreeSet;

use sync_protocol::UnixMillis;
use sync_protocol::frame::GoodbyeReason;

use super::{ConnectionId, Outgoing, Relay};
use crate::store::{Position, StoreError};

impl Relay {
    /// Does something for an administrator in a transaction of its own: committed when it returns `Ok`.
    ///
    /// # Errors
    /// What `act` returned, or what the commit ran into; nothing of it was kept then.
    pub fn administer<T, E: From<StoreError>>(
        &mut self,
        now: UnixMillis,
        act: impl FnOnce(&mut Self, UnixMillis) -> Result<T, E>,
    ) -> (Result<T, E>, Vec<Outgoing>) {
        let mut outgoing = self.flush(now);
        let loaded = if self.must_load { self.load() } else { Ok(()) };
        let begun = loaded.and_then(|()| self.begin()).map_err(E::from);
        let head = self.head;
        let done = begun.and_then(|()| act(self, now)).and_then(|value| {
            self.commit()?;
            Ok(value)
        });
        self.in_transaction = false;
        self.acting = None;
        if done.is_err() {
            self.give_up_administering(head);
        }
        self.policies_before = None;
        outgoing.extend(self.flush(now));
        (done, outgoing)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.store.commit()?;
        self.acknowledgements.drain(..self.acknowledgements_written);
        self.acknowledgements_written = 0;
        Ok(())
    }

    /// What devices have acknowledged is as true as before, and written next time.
    fn roll_back(&mut self) {
        self.store.rollback();
        self.acknowledgements_written = 0;
    }

    /// Nothing of it was kept, so no decision may rest on it and nobody is told of it. `head`: where the log ended before.
    fn give_up_administering(&mut self, head: Position) {
        self.roll_back();
        if let Some(policies) = self.policies_before.take() {
            self.gate.set_policies(policies);
        }
        if self.head != head {
            // Changes were released out of custody: their documents' numbers are given out again, to other documents.
            self.must_load = true;
            if let Err(error) = self.load() {
                tracing::error!(%error, "reading the store again failed");
            }
            return;
        }
        match self.store.facts() {
            Ok(facts) => self.gate.set_facts(facts),
            Err(_) => self.must_load = true,
        }
    }

    /// Commits everything that the inputs since the last flush caused, and gives out what may now be sent.
    pub fn flush(&mut self, now: UnixMillis) -> Vec<Outgoing> {
        self.deliver(now);
        if self.failure.is_none() {
            self.store_holdings();
        }
        // Along with what is committed anyway: an acknowledgement alone is not worth a sync to disk.
        if self.failure.is_none()
            && self.in_transaction
            && let Err(error) = self.write_acknowledgements()
        {
            self.failure = Some(error);
        }
        let committed = match self.failure.take() {
            None if self.in_transaction => self.commit(),
            None => Ok(()),
            Some(error) => Err(error),
        };
        if let Err(error) = committed {
            self.recover(&error);
        }
        self.in_transaction = false;
        self.count_alerts();
        self.reap();
        let sent = self.outgoing.iter().map(|out| if let Outgoing::Send(_, bytes) = out { bytes.len() } else { 0 });
        self.metrics.bytes_sent.inc_by(sent.sum::<usize>() as u64);
        std::mem::take(&mut self.outgoing)
    }

    /// Nothing since the last flush happened: those concerned are told to come back.
    fn recover(&mut self, error: &StoreError) {
        tracing::error!(%error, "rolled back; the connections concerned are closed");
        self.metrics.rollbacks.inc();
        self.roll_back();
        self.news = false;
        let heard = std::mem::take(&mut self.outgoing).into_iter().map(|out| match out {
            Outgoing::Send(id, _) | Outgoing::Close(id) => id,
        });
        // Every served connection, too: its place in the log may lie beyond where the log now ends.
        let served = self.connections.iter().filter(|(_, c)| c.peer.is_some()).map(|(id, _)| *id);
        let concerned: BTreeSet<_> = heard.chain(served).chain(std::mem::take(&mut self.ready)).collect();
        for id in concerned {
            if self.connections.get(&id).is_some_and(|connection| connection.ending) {
                // Its goodbye was among what is not sent now.
                self.outgoing.push(Outgoing::Close(id));
            }
            self.close(id, GoodbyeReason::Unavailable, "the relay could not store this; nothing of it was kept");
        }
        if let Err(error) = self.load() {
            tracing::error!(%error, "reading the store again failed");
            self.must_load = true;
        }
    }

    /// Forgets connections that were closed from this side.
    fn reap(&mut self) {
        for out in &self.outgoing {
            if let Outgoing::Close(id) = out
                && self.connections.remove(id).is_some()
            {
                self.ready.remove(id);
                self.metrics.connections.dec();
            }
        }
    }

    pub(super) fn fail(&mut self, id: ConnectionId, error: StoreError) {
        self.ready.insert(id);
        self.failure.get_or_insert(error);
    }

    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction {
            self.store.begin()?;
            self.in_transaction = true;
        }
        Ok(())
    }
}
