//! What a relay needs to start, and what it says when that is missing.

use std::sync::Arc;

use sync_server::config::TlsFiles;
use sync_server::server::ServerError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::running::{config, fails, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(folder.path());
    config.listen = taken.local_addr().unwrap();
    let error = fails(&config).await;
    assert!(matches!(error, ServerError::PortInUse(address) if address == config.listen), "{error}");
    assert!(error.to_string().contains("--listen"), "{error}");
    assert!(!folder.path().join("relay.db").exists(), "the database is not touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_relay_at_a_time_uses_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(config(folder.path())).await;
    let error = fails(&config(folder.path())).await;
    assert!(matches!(&error, ServerError::AlreadyRunning(path) if path == folder.path()), "{error}");
    assert_eq!(first.get("/readyz").await.0, 200);
    first.stop().await.unwrap();
    start(config(folder.path())).await.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_left_alone_and_the_operator_told_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.db");
    let damaged = b"not what it was".repeat(1_000);
    std::fs::write(&path, &damaged).unwrap();
    let error = fails(&config(folder.path())).await.to_string();
    for part in ["relay.db", "not a database", "Nothing was changed or deleted", "restore", "backup"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), damaged);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_files_that_are_none_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("other.pem"), other.signing_key.serialize_pem()).unwrap();
    std::fs::write(file("junk.pem"), "junk").unwrap();
    for (certificate, key) in [("absent.pem", "other.pem"), ("junk.pem", "junk.pem"), ("cert.pem", "other.pem")] {
        let mut config = config(folder.path());
        config.tls = Some(TlsFiles { certificate: file(certificate), key: file(key) });
        let error = fails(&config).await;
        assert!(matches!(error, ServerError::Tls { .. }), "{error}");
        assert!(error.to_string().contains(certificate) && error.to_string().contains(key), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_carries_requests_for_who_trusts_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let mut config = config(folder.path());
    config.tls = Some(files);
    let relay = start(config).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let tcp = tokio::net::TcpStream::connect(relay.address).await.unwrap();
    let mut tls = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
    tls.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = tls.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    drop(tls);
    relay.stop().await.unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_the_relay_writes_is_for_its_own_eyes() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let relay = start(config(folder.path())).await;
    let key = relay.key.clone();
    assert_eq!(key.len(), 64);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is {mode:o}", entry.file_name());
    }
    relay.stop().await.unwrap();
    let relay = start(config(folder.path())).await;
    assert_eq!(relay.key, key, "the key stays");
    relay.stop().await.unwrap();
}
