//! The audit trail.

use clap::Subcommand;
use serde_json::Value;
use sync_protocol::UnixMillis;
use sync_server::admin::ShownAuditCheck;

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
    /// Check that no row was removed, changed or reordered
    Verify,
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
        AuditCommand::Verify => {
            let check: ShownAuditCheck = api.get("audit/verify")?;
            output::print(json, &check, |check| println!("{} rows follow from one another", check.rows))?;
            match check.broken_at {
                None => Ok(()),
                Some(row) => Err(Failure::Failed(format!("the audit trail is broken at row {row}"))),
            }
        }
    }
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
