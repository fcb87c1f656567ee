//! Observers: told ids after a commit, so that whoever shows something rereads it.

use sync_protocol::DocumentId;

use crate::ChartRef;

/// What happened to the store. Ids only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceEvent {
    /// These documents read differently now.
    DocumentsChanged {
        /// Which.
        documents: Vec<DocumentId>,
        /// The charts they belong to, each once.
        charts: Vec<ChartRef>,
    },
    /// There is something new to send.
    OutboxGrew,
    /// The audit trail has an entry that the relay does not have.
    TrailGrew,
    /// Another process wrote to the database: reread what is shown. Told while a driver runs.
    ChangedElsewhere,
}

/// Names an observer, for [`crate::Device::unobserve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObserverId(u64);

type Observer = Box<dyn Fn(&DeviceEvent) + Send>;

#[derive(Default)]
pub(crate) struct Observers {
    next: u64,
    list: Vec<(u64, Observer)>,
}

impl Observers {
    pub(crate) fn tell(&self, event: &DeviceEvent) {
        for (_, observer) in &self.list {
            observer(event);
        }
    }
}

impl crate::Device {
    /// Calls `observer` after each commit of this process that changes what is shown or what is to be sent.
    ///
    /// It runs while the device is in use: it must only pass the event on. Commits of other processes are found by
    /// [`crate::Device::changed_elsewhere`].
    pub fn observe(&mut self, observer: impl Fn(&DeviceEvent) + Send + 'static) -> ObserverId {
        let id = self.observers.next;
        self.observers.next += 1;
        self.observers.list.push((id, Box::new(observer)));
        ObserverId(id)
    }

    /// Ends an observer.
    pub fn unobserve(&mut self, observer: ObserverId) {
        self.observers.list.retain(|(id, _)| *id != observer.0);
    }
}
