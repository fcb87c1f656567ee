//! Which certificates are trusted, and what to say when one is not.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::ConnectionError;

/// Trusts the system's authorities and those in the PEM file.
pub(super) fn connector(authorities: Option<&Path>) -> Result<TlsConnector, ConnectionError> {
    let mut roots = RootCertStore::empty();
    // What the system has and rustls cannot read is left out; the rest still counts.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = authorities {
        let bad = |_| ConnectionError::BadAuthorityFile;
        let more: Vec<_> = CertificateDer::pem_file_iter(file).map_err(bad)?.collect::<Result<_, _>>().map_err(bad)?;
        if roots.add_parsable_certificates(more).0 == 0 {
            return Err(ConnectionError::BadAuthorityFile);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ConnectionError::BadAuthorityFile)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What a failed TLS handshake means.
pub(super) fn failure(host: String, error: &std::io::Error) -> ConnectionError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(detail)) => {
            ConnectionError::BadCertificate { host, detail: certificate_fault(detail).to_owned() }
        }
        Some(_) => ConnectionError::NotARelay { host, detail: "it does not answer with TLS".into() },
        None => ConnectionError::Lost { detail: error.kind().to_string() },
    }
}

fn certificate_fault(fault: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as Fault;
    match fault {
        Fault::Expired | Fault::ExpiredContext { .. } => "it has run out, or this device's clock is wrong",
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => "it is not valid yet, or this device's clock is wrong",
        Fault::UnknownIssuer => "no trusted authority issued it",
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => "it is for another name",
        Fault::Revoked => "it was revoked",
        _ => "it is not valid",
    }
}
