//! Live queries: asked once, then again after each commit that concerns them; whoever watches is called when the answer is
//! another one.

use std::cell::Cell;

use sync_protocol::UnixMillis;

use super::{Query, Rows};
use crate::observe::DeviceEvent;
use crate::{Device, DeviceError};

/// Names a live query, for [`Device::unwatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveQueryId(u64);

struct Live {
    id: u64,
    query: Query,
    shown: Rows,
    /// A commit since the last answer concerns it.
    stale: Cell<bool>,
    changed: Box<dyn FnMut(&Rows) + Send>,
}

#[derive(Default)]
pub(crate) struct LiveQueries {
    next: u64,
    list: Vec<Live>,
}

impl LiveQueries {
    /// Marks those that an event concerns.
    pub(crate) fn hear(&self, event: &DeviceEvent) {
        // A person may have several charts; whose they are is found out when the query is asked again.
        if matches!(event, DeviceEvent::DocumentsChanged { .. } | DeviceEvent::ChangedElsewhere) {
            self.list.iter().for_each(|live| live.stale.set(true));
        }
    }
}

impl Device {
    /// Asks a query and gives the answer; from then on calls `changed` with the whole answer whenever it is another one, after
    /// edits of this process, what a sync brings, and what other processes wrote (while a driver runs).
    ///
    /// `changed` runs while the device is in use: it must only pass the rows on.
    /// # Errors
    /// As [`Device::query`]; nothing is watched then.
    pub fn watch(
        &mut self,
        query: Query,
        now: UnixMillis,
        changed: impl FnMut(&Rows) + Send + 'static,
    ) -> Result<(LiveQueryId, Rows), DeviceError> {
        let shown = self.query(&query, now)?;
        let id = self.live.next;
        self.live.next += 1;
        let (stale, changed) = (Cell::new(false), Box::new(changed));
        self.live.list.push(Live { id, query, shown: shown.clone(), stale, changed });
        Ok((LiveQueryId(id), shown))
    }

    /// Ends a live query.
    pub fn unwatch(&mut self, query: LiveQueryId) {
        self.live.list.retain(|live| live.id != query.0);
    }

    /// Asks again the live queries that something was committed for. Edits and syncs do this by themselves. One that cannot be
    /// answered now, for instance past the lease, is asked again next time.
    pub fn run_live_queries(&mut self, now: UnixMillis) {
        if !self.live.list.iter().any(|live| live.stale.get()) {
            return;
        }
        let mut asked = std::mem::take(&mut self.live.list);
        for live in asked.iter_mut().filter(|live| live.stale.get()) {
            match self.query(&live.query, now) {
                Ok(rows) => {
                    live.stale.set(false);
                    if rows != live.shown {
                        live.shown = rows;
                        (live.changed)(&live.shown);
                    }
                }
                // The chart was taken back: nothing of it is shown any more.
                Err(DeviceError::UnknownPatient { .. }) if !live.shown.0.is_empty() => {
                    live.stale.set(false);
                    live.shown = Rows(Vec::new());
                    (live.changed)(&live.shown);
                }
                Err(_) => {}
            }
        }
        self.live.list.append(&mut asked);
    }
}
