//! The site's side of RSMP over TLS 1.3.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How every site of this program speaks.
pub struct Tls {
    connector: TlsConnector,
}

impl Tls {
    /// `own`: the certificate and key that are shown.
    pub fn new(ca: &Path, own: Option<(&Path, &Path)>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for one in CertificateDer::pem_file_iter(ca).with_context(|| ca.display().to_string())? {
            roots.add(one?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
                config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?
            }
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }

    pub async fn greet(&self, address: &str, tcp: TcpStream) -> anyhow::Result<TlsStream<TcpStream>> {
        let Some((host, _)) = address.rsplit_once(':') else { bail!("{address} is not HOST:PORT") };
        let name = ServerName::try_from(host.to_owned()).context("the supervisor's name")?;
        self.connector.connect(name, tcp).await.context("TLS")
    }
}
