//! `satchel demo`: the main job on this machine, end to end, checking each claim as it goes.

mod access_story;
mod api_story;
mod at_rest;
mod charts;
mod relay_process;
mod report;
mod stage;
mod story;

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;

/// Arguments of `satchel demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// FHIR Bundles to use (.json or .json.gz, a file or a folder) instead of generated charts
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Charts to generate
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    charts: u64,
    /// Leave relay and devices in this folder, the relay running, to play with
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// [`Failure::Failed`] if any claim does not hold.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    let charts = charts::load(args.data.as_deref(), args.charts)?;
    let folder = Folder::make(args.keep.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut report = report::Report::begin();
    let told = runtime.block_on(story::tell(&folder.path, &charts, &mut report));
    let relay = match told {
        Ok(relay) => relay,
        Err(failure) => {
            folder.remove(args.keep.is_some());
            return Err(failure);
        }
    };
    if args.keep.is_some() {
        report.keep(&folder.path, &relay);
        relay.leave_running();
    } else {
        drop(relay);
    }
    folder.remove(args.keep.is_some());
    report.finish()
}

/// Where the demo's relay and devices live.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make(keep: Option<PathBuf>) -> Result<Self, Failure> {
        let path = keep.unwrap_or_else(|| std::env::temp_dir().join(format!("satchel-demo-{}", std::process::id())));
        if path.exists() {
            let message = format!("{} exists already: name a folder that does not", path.display());
            return Err(Failure::BadInput(message));
        }
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::BadInput(format!("cannot make the folder {}: {error}", path.display())))?;
        Ok(Self { path })
    }

    fn remove(&self, keep: bool) {
        if !keep && let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("satchel: {} could not be removed: {error}", self.path.display());
        }
    }
}
