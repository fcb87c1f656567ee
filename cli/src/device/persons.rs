//! `satchel device duplicates|merge|unmerge`

use clap::Args;
use client_core::driver::system_time;
use client_core::duplicates;

use super::Context;
use super::record::show;
use super::register::show_duplicates;
use crate::failure::Failure;

/// Arguments of `satchel device duplicates`.
#[derive(Debug, Args)]
pub struct DuplicatesArgs {
    /// PATIENT, or ORGANIZATION/PATIENT
    chart: String,
    /// Lowest score to list, of 100
    #[arg(long, default_value_t = duplicates::POSSIBLE)]
    at_least: u8,
}

/// Arguments of `satchel device merge` and `unmerge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The registration that stands for both: PATIENT, or ORGANIZATION/PATIENT
    surviving: String,
    /// The registration that it replaces
    replaced: String,
    /// Why; it stays in the history
    #[arg(long)]
    reason: String,
}

/// Runs `satchel device duplicates`.
///
/// # Errors
/// [`Failure`].
pub fn list(mut context: Context, args: &DuplicatesArgs) -> Result<(), Failure> {
    let chart = context.chart(&args.chart)?;
    let found = context.device.duplicates_of(&chart, args.at_least, system_time())?;
    show_duplicates(context.json, &found)
}

/// Runs `satchel device merge`.
///
/// # Errors
/// [`Failure`].
pub fn merge(mut context: Context, args: &MergeArgs) -> Result<(), Failure> {
    let (surviving, replaced) = (context.chart(&args.surviving)?, context.chart(&args.replaced)?);
    show(context.json, &context.device.merge_patients(&surviving, &replaced, &args.reason, system_time())?)
}

/// Runs `satchel device unmerge`.
///
/// # Errors
/// [`Failure`].
pub fn unmerge(mut context: Context, args: &MergeArgs) -> Result<(), Failure> {
    let (surviving, replaced) = (context.chart(&args.surviving)?, context.chart(&args.replaced)?);
    show(context.json, &context.device.unmerge_patients(&surviving, &replaced, &args.reason, system_time())?)
}
