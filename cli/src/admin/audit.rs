//! The audit trail.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::Value;
use sync_protocol::UnixMillis;
use sync_server::admin::{Checkpoints, Page, ShownAuditCheck};
use sync_server::relay::AuditCheckpoint;

use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output;

/// `satchel admin audit`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List audit rows
    List {
        /// Rows after this number
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Check that no row was removed, changed or reordered, in the relay's trail and in those of devices
    Verify {
        /// File with checkpoints that were kept outside, one JSON object a line: finds a cut end
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
    /// The relay's signed word on where its trail stands now, to be kept outside
    Checkpoint,
    /// The trail as FHIR R4 AuditEvents (IHE BALP), a Bundle a line
    Export {
        /// Rows after this number
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
}

/// Runs `satchel admin audit`.
///
/// # Errors
/// [`Failure`]; [`Failure::Failed`] too when the trail does not verify.
pub fn run(api: &AdminApi, json: bool, command: &AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::List { after, limit } => {
            let found: Vec<Value> = api.list_after("audit", Some(after.to_string()), *limit)?;
            output::print(json, &found, |found| {
                let headings = ["ROW", "AT", "ACTION", "DEVICE", "PRACTITIONER", "DETAIL"];
                output::table(&headings, &found.iter().map(row).collect::<Vec<_>>());
            })
        }
        AuditCommand::Verify { against } => {
            let checkpoints = against.as_deref().map(read_checkpoints).transpose()?.unwrap_or_default();
            let check: ShownAuditCheck = api.post("audit/verify", &Checkpoints { checkpoints })?;
            output::print(json, &check, |check| {
                say!("{} rows follow from one another; {} entries of devices' trails hold", check.rows, check.entries);
                check.faults.iter().for_each(|fault| say!("{fault}"));
            })?;
            match check.faults.first() {
                None => Ok(()),
                Some(fault) => Err(Failure::Failed(format!("the audit trail does not hold: {fault}"))),
            }
        }
        AuditCommand::Checkpoint => {
            let checkpoint: AuditCheckpoint = api.get("audit/checkpoint")?;
            // One line, for people too: it is appended to a file.
            say!("{}", serde_json::to_string(&checkpoint).map_err(Failure::from_error)?);
            Ok(())
        }
        AuditCommand::Export { after } => export(api, *after),
    }
}

/// Prints a bundle a line, page by page, as long as the trail goes on.
fn export(api: &AdminApi, after: u64) -> Result<(), Failure> {
    let mut after = Some(after.to_string());
    while let Some(from) = after {
        let page: Page<Value> = api.get(&format!("audit/events?after={from}"))?;
        for bundle in &page.items {
            say!("{bundle}");
        }
        after = page.next;
    }
    Ok(())
}

/// At most so many checkpoints are compared: the newest say the most.
const COMPARED: usize = 500;

fn read_checkpoints(path: &Path) -> Result<Vec<AuditCheckpoint>, Failure> {
    let wrong = |why: String| Failure::BadInput(format!("cannot use the checkpoints in {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        found.push(serde_json::from_str(line).map_err(|error| wrong(format!("line {number}: {error}")))?);
    }
    if found.is_empty() {
        return Err(wrong("there is none in it".into()));
    }
    Ok(found.split_off(found.len().saturating_sub(COMPARED)))
}

fn row(row: &Value) -> Vec<String> {
    let text = |name: &str| match &row[name] {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    };
    let at = row["at"].as_i64().map_or_else(|| "-".into(), |at| output::moment(UnixMillis(at)));
    let device = text("device").chars().take(8).collect();
    let detail = text("detail");
    let shown: String = detail.chars().take(60).collect();
    let ellipsis = if shown.len() < detail.len() { "…" } else { "" };
    vec![text("seq"), at, text("action"), device, text("practitioner"), format!("{shown}{ellipsis}")]
}
