//! Certificates and keys, checked before zenoh sees them, so that an error names the file.

use std::path::Path;
use std::sync::Arc;

use hardware_ports::bus::BusError;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::settings::TlsFiles;

/// # Errors
/// [`BusError::Open`] naming the file that is missing, is not PEM, or does not fit the other one.
pub(crate) fn check(files: &TlsFiles) -> Result<(), BusError> {
    client_config(files).map(|_| ())
}

/// What a client of the hall's listener shows and trusts.
pub(crate) fn client_config(files: &TlsFiles) -> Result<ClientConfig, BusError> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for ca in certificates("the CA certificate", &files.ca)? {
        roots.add(ca).map_err(|e| bad("the CA certificate", &files.ca, &e))?;
    }
    let chain = certificates("the certificate", &files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| bad("the private key", &files.key, &e))?;
    // Parses the key and compares it with the certificate.
    CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider).map_err(|e| {
        BusError::Open(format!(
            "the private key {} does not belong to the certificate {}: {e}",
            files.key.display(),
            files.certificate.display()
        ))
    })?;
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| BusError::Open(format!("TLS 1.3: {e}")))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|e| bad("the certificate", &files.certificate, &e))
}

/// The common name of the certificate in `file`, by which access is granted.
///
/// # Errors
/// [`BusError::Open`] naming the file when it is no certificate, or one without a name.
pub fn common_name(file: &Path) -> Result<String, BusError> {
    let all = certificates("the certificate", file)?;
    let first = all.first().ok_or_else(|| bad("the certificate", file, &"it holds no certificate"))?;
    let (_, parsed) = X509Certificate::from_der(first).map_err(|e| bad("the certificate", file, &e))?;
    let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    name.map(str::to_owned).ok_or_else(|| {
        BusError::Open(format!(
            "the certificate {} has no common name, by which access is granted",
            file.display()
        ))
    })
}

fn certificates(what: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, BusError> {
    let all: Vec<_> = CertificateDer::pem_file_iter(file)
        .map_err(|e| bad(what, file, &e))?
        .collect::<Result<_, _>>()
        .map_err(|e| bad(what, file, &e))?;
    if all.is_empty() {
        return Err(bad(what, file, &"it holds no certificate"));
    }
    Ok(all)
}

fn bad(what: &str, file: &Path, why: &dyn std::fmt::Display) -> BusError {
    BusError::Open(format!("reading {what} {}: {why}; it must be a PEM file", file.display()))
}
