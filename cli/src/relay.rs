//! `satchel relay`: runs a relay until it is told to stop.

use std::io::Write;
use std::path::Path;

use clap::Args;
use sync_server::config::RelayOptions;
use sync_server::server::Listening;
use sync_server::{logging, server};

use crate::failure::Failure;

/// Arguments of `satchel relay`.
#[derive(Debug, Args)]
pub struct RelayArgs {
    #[command(flatten)]
    options: RelayOptions,
    /// Print the settings in force and exit
    #[arg(long)]
    print_config: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::BadInput`] for settings that do not work, [`Failure::Failed`] for what the relay ran into.
pub fn run(args: RelayArgs) -> Result<(), Failure> {
    let config = args.options.resolve().map_err(|error| Failure::BadInput(error.to_string()))?;
    if args.print_config {
        say!("{}", config.to_toml().trim_end());
        return Ok(());
    }
    logging::start(&config.log, config.log_format).map_err(Failure::BadInput)?;
    tracing::info!(config = config.to_toml().replace('\n', "; "), "settings in force");
    let runtime = tokio::runtime::Runtime::new()?;
    let scheme = if config.tls.is_some() { ("wss", "https") } else { ("ws", "http") };
    let served = runtime.block_on(server::run(&config, stop_signal(), |listening| {
        // Whoever started this process waits for these lines; it may stop listening, which must not end the relay.
        let _ = announce(scheme, listening, &config.data.join("admin.token"));
    }));
    served.map_err(Failure::from_error)
}

/// Says where the relay is to be found.
fn announce(scheme: (&str, &str), listening: Listening, key: &Path) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "relay for devices:  {}://{}/sync", scheme.0, listening.devices)?;
    writeln!(out, "admin API:          {}://{}", scheme.1, listening.admin)?;
    writeln!(out, "operator's key:     (hidden) in {}", key.display())?;
    out.flush()
}

/// Resolves at Ctrl-C or a request to terminate.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without signal handlers the process can still be ended from outside; its store does not mind.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
