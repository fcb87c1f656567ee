//! Keeps checkpoints of the audit trail in a file beside the database, so that a copy of that file elsewhere, or the file
//! itself, shows if the end of the trail was cut off.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::relay::AuditCheckpoint;
use crate::service::Service;

/// Name of the file in the data folder.
pub const FILE: &str = "audit-checkpoints.log";
/// How often one is written, at the least.
const EVERY: Duration = Duration::from_secs(3_600);

/// Writes a checkpoint now and then, as long as the relay runs. What fails is logged and tried again.
pub async fn keep(service: Service, folder: PathBuf) {
    let path = folder.join(FILE);
    let mut due = tokio::time::interval(EVERY);
    loop {
        due.tick().await;
        let Ok(made) = service.administer(|relay, now| relay.audit_checkpoint(now)).await else { return };
        let written = made
            .map_err(|error| error.to_string())
            .and_then(|checkpoint| append(&path, &checkpoint).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::error!(%error, "writing an audit checkpoint failed");
        }
    }
}

/// Appends a checkpoint as a line of JSON, synced to disk.
fn append(path: &Path, checkpoint: &AuditCheckpoint) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let line = serde_json::to_string(checkpoint)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}
