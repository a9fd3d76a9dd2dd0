//! RSMP over TLS 1.3: the adapter shows a certificate, and may want one of each site, made out in the site's own id.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

/// PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Sites must show a certificate that this authority has signed, with their site id as its common name; without it,
    /// sites know whom they speak with, and the adapter does not.
    pub sites_ca: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
#[error("{what} {path}: {why}; it must be a PEM file that fits the others")]
pub struct TlsError {
    what: &'static str,
    path: PathBuf,
    why: String,
}

fn bad(what: &'static str, path: &Path, why: impl ToString) -> TlsError {
    TlsError { what, path: path.to_owned(), why: why.to_string() }
}

/// # Errors
/// [`TlsError`] naming the file that is missing or wrong.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates("the signal certificate", &files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| bad("the signal key", &files.key, e))?;
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| bad("the signal certificate", &files.certificate, e))?;
    let config = match &files.sites_ca {
        None => config.with_no_client_auth(),
        Some(path) => {
            let wrong = |e: &dyn std::fmt::Display| bad("the sites' authority", path, e);
            let mut roots = RootCertStore::empty();
            for ca in certificates("the sites' authority", path)? {
                roots.add(ca).map_err(|e| wrong(&e))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().map_err(|e| wrong(&e))?)
        }
    };
    let config = config.with_single_cert(chain, key).map_err(|e| bad("the signal key", &files.key, e))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Whose certificate it is.
pub(crate) fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    parsed.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).map_err(|e| bad(what, path, e))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|e| bad(what, path, e))?;
    if all.is_empty() { Err(bad(what, path, "it holds no certificate")) } else { Ok(all) }
}
