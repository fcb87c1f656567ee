//! Threads of the library's own: what waits for the network runs there, never on the caller's thread, and ends when the caller
//! gives it up.

use std::future::Future;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use crate::SatchelError;

/// Two suffice: they wait for sockets and for the database, and one of them may be at the database for long.
const THREADS: usize = 2;

static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(THREADS).thread_name("satchel").enable_all().build().ok()
});

/// The library's threads.
///
/// # Errors
/// [`SatchelError::Other`] where the system gives no threads.
pub(crate) fn runtime() -> Result<&'static Runtime, SatchelError> {
    RUNTIME.as_ref().ok_or_else(|| SatchelError::Other { detail: "the system gives no threads".into() })
}

/// Ends a task when it is dropped.
pub(crate) struct EndsWithMe(pub(crate) AbortHandle);

impl Drop for EndsWithMe {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs `work` on the library's threads. Dropping the future ends the work: that is what cancelling a call in Kotlin or Swift
/// comes to.
pub(crate) async fn carry_out<T: Send + 'static>(
    work: impl Future<Output = Result<T, SatchelError>> + Send + 'static,
) -> Result<T, SatchelError> {
    let task = runtime()?.spawn(work);
    let _guard = EndsWithMe(task.abort_handle());
    task.await.unwrap_or_else(|ended| {
        let detail = "an internal failure ended the call".to_owned();
        Err(if ended.is_cancelled() {
            SatchelError::Cancelled { detail: "the call was given up".into() }
        } else {
            SatchelError::Other { detail }
        })
    })
}
