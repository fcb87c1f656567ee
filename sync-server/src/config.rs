//! Configuration: flags over environment over file over defaults.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sync_protocol::limits::Limits;

use crate::relay::{LedgerSettings, RelaySettings};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What can be set. Every value may come from a flag, from the environment or from the file; in that order.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RelayOptions {
    /// TOML file with any of these settings, named as the flags are
    #[arg(long, env = "SATCHEL_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:7443]
    #[arg(long, env = "SATCHEL_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Address of its own for the admin API and /metrics [default: the admin API beside the devices, /metrics for this
    /// machine only]
    #[arg(long, env = "SATCHEL_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<SocketAddr>,
    /// Address of the proxy in front, whose X-Forwarded-For says where a request comes from
    #[arg(long, env = "SATCHEL_PROXY", value_name = "ADDRESS")]
    pub proxy: Option<IpAddr>,
    /// Address of the FHIR API as clients know it, to go into links [default: as they ask for it]
    #[arg(long, env = "SATCHEL_FHIR_URL", value_name = "URL")]
    pub fhir_url: Option<String>,
    /// Minutes that a sign-in to the admin API is in force [default: 15]
    #[arg(long, env = "SATCHEL_SIGN_IN_MINUTES", value_name = "MINUTES")]
    pub sign_in_minutes: Option<u32>,
    /// Folder for the database and the operator's key [default: satchel-relay]
    #[arg(long, env = "SATCHEL_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// TLS certificate chain, PEM
    #[arg(long, env = "SATCHEL_TLS_CERTIFICATE", value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// Private key of the TLS certificate, PEM
    #[arg(long, env = "SATCHEL_TLS_KEY", value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Listen without TLS on an address that is not loopback (behind a proxy that does TLS)
    #[arg(long, env = "SATCHEL_ALLOW_PLAIN", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub allow_plain: Option<bool>,
    /// Days that a device may be used without reaching the relay [default: 14]
    #[arg(long, env = "SATCHEL_LEASE_DAYS", value_name = "DAYS")]
    pub lease_days: Option<u32>,
    /// Days that a device's certificate is valid [default: 365]
    #[arg(long, env = "SATCHEL_CERTIFICATE_DAYS", value_name = "DAYS")]
    pub certificate_days: Option<u32>,
    /// Largest frame to accept, in bytes [default: 2097152]
    #[arg(long, env = "SATCHEL_MAX_FRAME_BYTES", value_name = "BYTES")]
    pub max_frame_bytes: Option<u32>,
    /// Batches on their way to a device without its ack [default: 4]
    #[arg(long, env = "SATCHEL_BATCH_WINDOW", value_name = "COUNT")]
    pub batch_window: Option<u32>,
    /// Changes of one device that may wait in custody for a decision [default: 10000]
    #[arg(long, env = "SATCHEL_CUSTODY_CHANGES", value_name = "COUNT")]
    pub custody_changes: Option<u32>,
    /// Their size, in MiB [default: 64]
    #[arg(long, env = "SATCHEL_CUSTODY_MEBIBYTES", value_name = "MIB")]
    pub custody_mebibytes: Option<u32>,
    /// Days that a device may owe a receipt before privacy officers are alerted [default: 7]
    #[arg(long, env = "SATCHEL_RECEIPT_DUE_DAYS", value_name = "DAYS")]
    pub receipt_due_days: Option<u32>,
    /// Requests for emergency access that a device may make in a minute [default: 10]
    #[arg(long, env = "SATCHEL_BREAK_GLASS_PER_MINUTE", value_name = "COUNT")]
    pub break_glass_per_minute: Option<u32>,
    /// What to log, as a tracing filter [default: info]
    #[arg(long, env = "SATCHEL_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How to write the log [default: text]
    #[arg(long, env = "SATCHEL_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RelayConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Address of its own for the admin API and the counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_listen: Option<SocketAddr>,
    /// The proxy whose word on where a request comes from is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<IpAddr>,
    /// Address of the FHIR API as clients know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fhir_url: Option<String>,
    /// Minutes that a sign-in to the admin API is in force.
    pub sign_in_minutes: u32,
    /// Folder for the database and the operator's key.
    pub data: PathBuf,
    /// TLS certificate chain and private key.
    pub tls: Option<TlsFiles>,
    /// Whether plain connections are allowed beyond loopback.
    pub allow_plain: bool,
    /// Days that a device may be used without reaching the relay.
    pub lease_days: u32,
    /// Days that a device's certificate is valid.
    pub certificate_days: u32,
    /// Largest frame, in bytes.
    pub max_frame_bytes: u32,
    /// Batches on their way to a device.
    pub batch_window: u32,
    /// Changes of one device that may wait in custody.
    pub custody_changes: u32,
    /// Their size, in MiB.
    pub custody_mebibytes: u32,
    /// Days that a device may owe a receipt.
    pub receipt_due_days: u32,
    /// Requests for emergency access of a device in a minute.
    pub break_glass_per_minute: u32,
    /// Tracing filter.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// Where the TLS certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsFiles {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM. The path; the key itself is never shown.
    pub key: PathBuf,
}

/// Why a configuration is not usable. Each says what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not TOML of these settings.
    #[error("the configuration file {path} is wrong: {error}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// A certificate without its key, or the other way round.
    #[error("tls-certificate and tls-key must be set together")]
    HalfTls,
    /// Plain connections would be open to the network.
    #[error(
        "{0} is not a loopback address and no TLS certificate is set: set tls-certificate and tls-key, or allow-plain if \
         a proxy in front does TLS"
    )]
    PlainBeyondLoopback(SocketAddr),
    /// A number outside what works.
    #[error("{name} must be between {least} and {most}")]
    OutOfRange {
        /// Which setting.
        name: &'static str,
        /// Least value.
        least: u32,
        /// Greatest value.
        most: u32,
    },
}

impl RelayOptions {
    /// Adds the file's settings and the defaults, and checks the whole.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn resolve(self) -> Result<RelayConfig, ConfigError> {
        let file = self.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let listen = self.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 7443)));
        let certificate = self.tls_certificate.or(file.tls_certificate);
        let tls = match (certificate, self.tls_key.or(file.tls_key)) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(ConfigError::HalfTls),
        };
        let allow_plain = self.allow_plain.or(file.allow_plain).unwrap_or(false);
        let admin_listen = self.admin_listen.or(file.admin_listen);
        for address in [Some(listen), admin_listen].into_iter().flatten() {
            if tls.is_none() && !allow_plain && !address.ip().is_loopback() {
                return Err(ConfigError::PlainBeyondLoopback(address));
            }
        }
        let defaults = Limits::default();
        Ok(RelayConfig {
            listen,
            admin_listen,
            proxy: self.proxy.or(file.proxy),
            fhir_url: self.fhir_url.or(file.fhir_url),
            sign_in_minutes: within(
                "sign-in-minutes",
                self.sign_in_minutes.or(file.sign_in_minutes).unwrap_or(15),
                1,
                12 * 60,
            )?,
            data: self.data.or(file.data).unwrap_or_else(|| "satchel-relay".into()),
            tls,
            allow_plain,
            lease_days: within("lease-days", self.lease_days.or(file.lease_days).unwrap_or(14), 1, 365)?,
            certificate_days: within(
                "certificate-days",
                self.certificate_days.or(file.certificate_days).unwrap_or(365),
                1,
                3650,
            )?,
            max_frame_bytes: within(
                "max-frame-bytes",
                self.max_frame_bytes.or(file.max_frame_bytes).unwrap_or(defaults.frame_bytes),
                512 * 1024,
                defaults.frame_bytes,
            )?,
            batch_window: within(
                "batch-window",
                self.batch_window.or(file.batch_window).unwrap_or(defaults.batch_window),
                1,
                32,
            )?,
            custody_changes: within(
                "custody-changes",
                self.custody_changes.or(file.custody_changes).unwrap_or(10_000),
                1,
                1_000_000,
            )?,
            custody_mebibytes: within(
                "custody-mebibytes",
                self.custody_mebibytes.or(file.custody_mebibytes).unwrap_or(64),
                1,
                10_000,
            )?,
            receipt_due_days: within(
                "receipt-due-days",
                self.receipt_due_days.or(file.receipt_due_days).unwrap_or(7),
                1,
                365,
            )?,
            break_glass_per_minute: within(
                "break-glass-per-minute",
                self.break_glass_per_minute.or(file.break_glass_per_minute).unwrap_or(10),
                1,
                1_000,
            )?,
            log: self.log.or(file.log).unwrap_or_else(|| "info".into()),
            log_format: self.log_format.or(file.log_format).unwrap_or_default(),
        })
    }
}

impl RelayConfig {
    /// What the relay's core needs of it.
    #[must_use]
    pub fn settings(&self) -> RelaySettings {
        let limits = Limits { frame_bytes: self.max_frame_bytes, batch_window: self.batch_window, ..Limits::default() };
        RelaySettings {
            limits,
            lease_ms: u64::from(self.lease_days) * DAY_MS,
            certificate_ms: i64::from(self.certificate_days) * DAY_MS as i64,
            ledger: LedgerSettings {
                custody_changes: u64::from(self.custody_changes),
                custody_bytes: u64::from(self.custody_mebibytes) * 1024 * 1024,
                receipt_due_ms: i64::from(self.receipt_due_days) * DAY_MS as i64,
                break_glass_per_minute: self.break_glass_per_minute,
            },
        }
    }

    /// The settings in force as TOML, to print at start.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

fn read_file(path: &Path) -> Result<RelayOptions, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { path: path.into(), error })?;
    toml::from_str(&text).map_err(|error| ConfigError::Malformed { path: path.into(), error: Box::new(error) })
}

fn within(name: &'static str, value: u32, least: u32, most: u32) -> Result<u32, ConfigError> {
    (least..=most).contains(&value).then_some(value).ok_or(ConfigError::OutOfRange { name, least, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, RelayOptions) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.toml");
        std::fs::write(&path, text).unwrap();
        (dir, RelayOptions { config: Some(path), ..RelayOptions::default() })
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let (_dir, options) = file("lease-days = 3\nbatch-window = 2\n");
        let config = RelayOptions { lease_days: Some(5), ..options }.resolve().unwrap();
        assert_eq!((config.lease_days, config.batch_window, config.certificate_days), (5, 2, 365));
    }

    #[test]
    fn an_unknown_setting_in_the_file_is_named() {
        let (_dir, options) = file("lease-dayz = 3\n");
        let message = options.resolve().unwrap_err().to_string();
        assert!(message.contains("lease-dayz") && message.contains("relay.toml"), "{message}");
    }

    #[test]
    fn plain_beyond_loopback_is_refused_unless_told_otherwise() {
        let open = RelayOptions { listen: Some("0.0.0.0:7443".parse().unwrap()), ..RelayOptions::default() };
        assert!(matches!(open.clone().resolve(), Err(ConfigError::PlainBeyondLoopback(_))));
        assert!(RelayOptions { allow_plain: Some(true), ..open }.resolve().is_ok());
    }

    #[test]
    fn half_a_tls_setting_and_a_senseless_number_are_refused() {
        let half = RelayOptions { tls_certificate: Some("c.pem".into()), ..RelayOptions::default() };
        assert!(matches!(half.resolve(), Err(ConfigError::HalfTls)));
        let none = RelayOptions { batch_window: Some(0), ..RelayOptions::default() };
        assert!(matches!(none.resolve(), Err(ConfigError::OutOfRange { name: "batch-window", .. })));
    }
}
