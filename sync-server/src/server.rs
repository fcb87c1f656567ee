//! A relay as a process: opens its folder, listens, stops gracefully.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tracing::info;

use crate::access::PolicyFile;
use crate::checkpoints;
use crate::compaction;
use crate::config::{RelayConfig, TlsFiles};
use crate::fhir::{self, Fhir};
use crate::http::{AppState, SignInGuard, admin_router, devices_router};
use crate::listen::bind;
use crate::metrics::Metrics;
use crate::relay::Relay;
use crate::service::{Service, now};
use crate::store::{SqliteStore, StoreError};

/// Name of the database in the data folder.
const DATABASE: &str = "relay.db";
/// How long connections may take to end when the relay goes down.
const GRACE: Duration = Duration::from_secs(5);

/// Why the relay does not run. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The data folder cannot be made or used.
    #[error("cannot use the data folder {path}: {error}")]
    DataFolder {
        /// Which folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Another relay uses the folder.
    #[error("another relay is running on the data folder {0}")]
    AlreadyRunning(PathBuf),
    /// The port is taken.
    #[error("port {} on {} is in use: stop what listens there, or choose another with --listen", .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// Listening failed otherwise.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The TLS files are not a certificate and its key.
    #[error("cannot use the TLS certificate {certificate} with the key {key}: {error}")]
    Tls {
        /// Which certificate file.
        certificate: PathBuf,
        /// Which key file.
        key: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The database file cannot be used.
    #[error(
        "cannot use the database {path}: {error}. Nothing was changed or deleted. If the file is damaged, stop the relay, \
         move {path} and the -wal and -shm files beside it to a safe place, restore all of them from one backup, and start \
         again: devices give back what they hold and the backup lacks"
    )]
    Database {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: StoreError,
    },
    /// A policy file has a mistake, or cannot be read.
    #[error("cannot use the policies in {folder}: {reason}")]
    Policies {
        /// Which folder.
        folder: PathBuf,
        /// File, line and what is wrong there.
        reason: String,
    },
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The relay's thread ended by a fault of its own. What it acknowledged is on disk.
    #[error("the relay ended unexpectedly; what it acknowledged is on disk: start it again")]
    Crashed,
    /// Serving failed.
    #[error("serving failed: {0}")]
    Serve(std::io::Error),
}

/// Where a relay listens.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// For devices.
    pub devices: SocketAddr,
    /// For administrators; the same unless they have an address of their own.
    pub admin: SocketAddr,
}

/// Runs a relay until `stop` resolves; calls `listening` with its addresses once it does.
///
/// # Errors
/// [`ServerError`].
pub async fn run(
    config: &RelayConfig,
    stop: impl Future<Output = ()> + Send + 'static,
    listening: impl FnOnce(Listening),
) -> Result<(), ServerError> {
    let folder = DataFolder::open(&config.data)?;
    // The certificate and the port are tried before the database is touched.
    let tls = match &config.tls {
        Some(files) => Some(load_tls(files).await?),
        None => None,
    };
    let listener = bind(config.listen)?;
    let admin_listener = config.admin_listen.map(bind).transpose()?;
    let address = listener.local_addr().map_err(ServerError::Serve)?;
    let admin_address = admin_listener.as_ref().map(TcpListener::local_addr).transpose().map_err(ServerError::Serve)?;
    let metrics = Arc::new(Metrics::default());
    let store = open_store(&folder)?;
    let mut relay = Relay::open(Box::new(store), config.settings(), metrics.clone(), Box::new(system_randomness))?;
    relay.end_sign_ins_of_operator()?;
    let policies = folder.path.join("policies");
    load_policies(&mut relay, &policies)?;
    let (documents, changes) = relay.size();
    info!(%address, relay = %relay.id(), documents, changes, tls = tls.is_some(), "listening");
    let (service, thread) = Service::start(relay);
    let checkpoints = tokio::spawn(checkpoints::keep(service.clone(), folder.path.clone()));
    let packing = tokio::spawn(compaction::keep(service.clone(), folder.path.join(DATABASE), metrics.clone()));
    let mut page_key = [0; 32];
    system_randomness(&mut page_key);
    let fhir =
        Arc::new(Fhir::new(&folder.path.join(DATABASE), &page_key, config.fhir_url.clone(), config.tls.is_some()));
    let indexing = tokio::spawn(fhir::keep(service.clone(), fhir.clone()));
    let (open, mut all_closed) = tokio::sync::mpsc::channel(1);
    let state = AppState {
        service: service.clone(),
        metrics,
        max_frame_bytes: config.max_frame_bytes as usize,
        operator_key_hash: folder.operator_key_hash,
        policies: policies.clone().into(),
        sign_in_ms: i64::from(config.sign_in_minutes) * 60_000,
        sign_ins: Arc::new(SignInGuard::default()),
        fhir,
        proxy: config.proxy,
        open,
    };
    let handle = axum_server::Handle::new();
    let stopping = handle.clone();
    tokio::spawn(reload_on_signal(service.clone(), policies));
    tokio::spawn(async move {
        stop.await;
        info!("shutting down");
        service.shut_down();
        stopping.graceful_shutdown(Some(GRACE));
    });
    listening(Listening { devices: address, admin: admin_address.unwrap_or(address) });
    let mut thread = tokio::task::spawn_blocking(move || thread.join());
    let mut ended = false;
    let served = tokio::select! {
        served = serve_all(listener, admin_listener, tls, handle, state) => served.map_err(ServerError::Serve),
        () = crash(&mut thread, &mut ended) => Err(ServerError::Crashed),
    };
    checkpoints.abort();
    packing.abort();
    indexing.abort();
    // Sockets outlive the serving by what they still have to send.
    let _ = tokio::time::timeout(GRACE, all_closed.recv()).await;
    if !ended {
        // The thread ends once it has committed what came in.
        let _ = thread.await;
    }
    served
}

/// Resolves when the relay's thread panics. Its orderly end is a part of stopping, which ends the serving too.
async fn crash(thread: &mut JoinHandle<std::thread::Result<()>>, ended: &mut bool) {
    let outcome = thread.await;
    *ended = true;
    if matches!(outcome, Ok(Ok(()))) {
        std::future::pending::<()>().await;
    }
}

fn open_store(folder: &DataFolder) -> Result<SqliteStore, ServerError> {
    let path = folder.path.join(DATABASE);
    // Made here for its mode: it holds enrolment keys, and the folder may be one that others can read.
    open_private(&path).map_err(|error| ServerError::DataFolder { path: path.clone(), error })?;
    SqliteStore::open(&path).map_err(|error| match error {
        StoreError::NewerSchema { .. } => ServerError::Store(error),
        error => ServerError::Database { path, error },
    })
}

/// Puts the policies of a folder in force. With a mistake in them the relay does not start: it would decide otherwise than
/// somebody meant it to.
fn load_policies(relay: &mut Relay, folder: &Path) -> Result<(), ServerError> {
    let refused = |reason: String| ServerError::Policies { folder: folder.into(), reason };
    let files = PolicyFile::read_folder(folder).map_err(|error| refused(error.to_string()))?;
    let (loaded, _) = relay.administer(now(), |relay, now| relay.reload_policies(&files, now));
    let in_force = loaded.map_err(|error| match error {
        StoreError::Invalid(reason) => refused(reason),
        error => ServerError::Store(error),
    })?;
    info!(files = in_force.files.join(", "), policies = in_force.policies, "policies in force");
    Ok(())
}

/// Reads the policies again whenever the process is told to (SIGHUP).
async fn reload_on_signal(service: Service, folder: PathBuf) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut hangups) = signal(SignalKind::hangup()) else { return };
        while hangups.recv().await.is_some() {
            reload_policies(&service, &folder).await;
        }
    }
    #[cfg(not(unix))]
    drop((service, folder));
}

/// Reads the policies again. With a mistake in them, those in force stay.
#[cfg(unix)]
async fn reload_policies(service: &Service, folder: &Path) {
    let files = match PolicyFile::read_folder(folder) {
        Ok(files) => files,
        Err(error) => return tracing::error!(%error, "the policies cannot be read; those in force stay"),
    };
    match service.administer(move |relay, now| relay.reload_policies(&files, now)).await {
        Ok(Ok(loaded)) => info!(files = loaded.files.join(", "), policies = loaded.policies, "policies in force"),
        Ok(Err(error)) => tracing::error!(%error, "the policies were refused; those in force stay"),
        Err(stopped) => tracing::debug!(%stopped, "too late for other policies"),
    }
}

/// Serves devices and administrators, beside one another or each at an address of their own.
async fn serve_all(
    listener: TcpListener,
    admin_listener: Option<TcpListener>,
    tls: Option<RustlsConfig>,
    handle: axum_server::Handle<SocketAddr>,
    state: AppState,
) -> std::io::Result<()> {
    let devices = devices_router(state.clone(), admin_listener.is_some());
    let Some(admin_listener) = admin_listener else { return serve(listener, tls, handle, devices).await };
    let administrators = serve(admin_listener, tls.clone(), handle.clone(), admin_router(state));
    tokio::try_join!(serve(listener, tls, handle, devices), administrators).map(|_| ())
}

async fn serve(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    handle: axum_server::Handle<SocketAddr>,
    router: axum::Router,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        Some(tls) => {
            let acceptor = axum_server::tls_rustls::RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
            axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle).serve(service).await
        }
        None => axum_server::from_tcp(listener)?.acceptor(NoDelayAcceptor::new()).handle(handle).serve(service).await,
    }
}

async fn load_tls(files: &TlsFiles) -> Result<RustlsConfig, ServerError> {
    // Ignored if the process installed one before; they are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    RustlsConfig::from_pem_file(&files.certificate, &files.key).await.map_err(|error| ServerError::Tls {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        error,
    })
}

fn system_randomness(bytes: &mut [u8]) {
    // Without randomness a relay must not go on: keys and challenges would be guessable.
    #[expect(clippy::expect_used, reason = "no safe way to go on")]
    getrandom::fill(bytes).expect("the system's random generator");
}

/// The relay's folder, locked for this process, with the operator's key.
struct DataFolder {
    path: PathBuf,
    operator_key_hash: [u8; 32],
    _lock: std::fs::File,
}

impl DataFolder {
    fn open(path: &Path) -> Result<Self, ServerError> {
        let failed = |error| ServerError::DataFolder { path: path.into(), error };
        create_private_dir(path).map_err(failed)?;
        let lock = open_private(&path.join("relay.lock")).map_err(failed)?;
        // Two relays on one log would each believe to be alone in assigning positions.
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => ServerError::AlreadyRunning(path.into()),
            std::fs::TryLockError::Error(error) => failed(error),
        })?;
        let operator_key_hash = operator_key_hash(&path.join("admin.token")).map_err(failed)?;
        Ok(Self { path: path.into(), operator_key_hash, _lock: lock })
    }
}

/// Reads the operator's key, or makes one on the first start. Only its hash stays in memory.
fn operator_key_hash(path: &Path) -> std::io::Result<[u8; 32]> {
    if let Ok(text) = std::fs::read_to_string(path)
        && !text.trim().is_empty()
    {
        return Ok(Sha256::digest(text.trim()).into());
    }
    let mut random = [0; 32];
    system_randomness(&mut random);
    let key = hex::encode(random);
    std::io::Write::write_all(&mut open_private(path)?, key.as_bytes())?;
    Ok(Sha256::digest(&key).into())
}

#[cfg(unix)]
fn create_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private_dir(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)
}

fn open_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_panic_of_the_relays_thread_counts_as_a_crash() {
        let joined = |act: fn()| tokio::task::spawn_blocking(move || std::thread::spawn(act).join());
        let mut ended = false;
        crash(&mut joined(|| panic!("a fault of ours")), &mut ended).await;
        assert!(ended);
        let mut ended = false;
        let orderly = tokio::time::timeout(Duration::from_millis(200), crash(&mut joined(|| {}), &mut ended)).await;
        assert!(orderly.is_err() && ended);
    }
}
