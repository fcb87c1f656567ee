//! Live queries: the answer now, and again whenever it becomes another one.

use std::sync::{Arc, Weak};

use client_core::driver::SharedDevice;
use client_core::{LiveQueryId, Query, Rows};
use tokio::sync::watch;

use crate::handles::Handle;
use crate::runtime::runtime;
use crate::slot::Slot;
use crate::{LiveRows, Question, SatchelDevice, SatchelError};

/// Watches a question.
#[uniffi::export(callback_interface)]
pub trait RowsListener: Send + Sync {
    /// The whole answer. Called on a thread of the library's, one call at a time; where answers follow each other faster than
    /// this returns, the ones between are left out. It may call back into the device.
    fn on_rows(&self, rows: LiveRows);

    /// The last call: the query was ended, or the profile locked.
    fn on_end(&self);
}

/// A question that is being watched. Dropping it ends it.
#[derive(uniffi::Object)]
pub struct LiveQuery {
    slot: Weak<Slot>,
    opening: u64,
    query: LiveQueryId,
    _handle: Handle,
}

#[uniffi::export]
impl SatchelDevice {
    /// Answers a question now, and again after each commit that changes the answer: edits here, what a sync brings, what other
    /// processes wrote. The first answer comes to the listener too.
    pub fn watch(&self, question: Question, listener: Box<dyn RowsListener>) -> Result<Arc<LiveQuery>, SatchelError> {
        let open = self.slot.open()?;
        let query = Query::from(question);
        let (tell, told) = watch::channel(None);
        let retell = tell.clone();
        let changed = move |rows: &Rows| drop(retell.send_replace(Some(rows.clone())));
        let (id, first) = self.with(|device, now| device.watch(query.clone(), now, changed))?;
        // A commit may have come between: what it gave is newer.
        tell.send_if_modified(|shown| shown.is_none().then(|| *shown = Some(first)).is_some());
        drop(tell);
        runtime()?.spawn(deliver(query, told, listener.into()));
        Ok(Arc::new(LiveQuery {
            slot: Arc::downgrade(&self.slot),
            opening: open.opening(),
            query: id,
            _handle: Handle::new(),
        }))
    }
}

#[uniffi::export]
impl LiveQuery {
    /// Ends it: the listener is told so after the answer that it is being given, if any, and hears no more. Again: nothing.
    pub fn end(&self) {
        // A profile that was locked and unlocked again numbers its queries anew.
        let open = self.slot.upgrade().and_then(|slot| slot.open().ok());
        if let Some(open) = open.filter(|open| open.opening() == self.opening) {
            unwatch(&open.device, self.query);
        }
    }
}

impl Drop for LiveQuery {
    fn drop(&mut self) {
        self.end();
    }
}

fn unwatch(device: &SharedDevice, query: LiveQueryId) {
    if let Ok(mut device) = device.lock() {
        device.unwatch(query);
    }
}

/// Passes answers on, the newest each time, until the device lets go of the query.
async fn deliver(query: Query, mut told: watch::Receiver<Option<Rows>>, listener: Arc<dyn RowsListener>) {
    told.mark_changed();
    while told.changed().await.is_ok() {
        let shown = told.borrow_and_update().clone();
        // Rows of the query's own kind: they are always typed.
        let Some(rows) = shown.and_then(|rows| LiveRows::of(&query, &rows).ok()) else { continue };
        let listener = listener.clone();
        // What listens may take its time, or call back.
        let _ = tokio::task::spawn_blocking(move || listener.on_rows(rows)).await;
    }
    let _ = tokio::task::spawn_blocking(move || listener.on_end()).await;
}
