//! The hall's own certificate authority: made at first start, signs the hall and every gateway.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use models_domain::UtcMillis;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

const CA_YEARS: i64 = 20;
const GATEWAY_YEARS: i64 = 10;
/// Browsers refuse certificates that live longer.
const HALL_DAYS: i64 = 397;
/// A hall certificate older than this is replaced at the next start.
const RENEW_AFTER_DAYS: i64 = 300;

/// PEM files of one party.
#[derive(Debug, Clone)]
pub struct Files {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The authority in `data_dir/tls`.
pub struct Authority {
    folder: PathBuf,
    ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Opens the authority, or makes it when there is none.
    ///
    /// # Errors
    /// When a file cannot be read or written, or only half of the authority is there.
    pub fn open(data_dir: &Path, now: UtcMillis) -> anyhow::Result<Self> {
        let folder = data_dir.join("tls");
        let mut make = fs::DirBuilder::new();
        make.recursive(true).mode(0o700);
        make.create(&folder).with_context(|| {
            format!("making the folder {}; create it or change data_dir", folder.display())
        })?;
        let (cert, key) = (folder.join("ca.pem"), folder.join("ca.key"));
        if !cert.exists() && !key.exists() {
            let (ca_pem, key_pem) = new_ca(now)?;
            write_secret(&key, &key_pem)?;
            write(&cert, &ca_pem)?;
        }
        ensure!(
            cert.exists() && key.exists(),
            "one of {} and {} is missing; put it back from a backup, or remove both to begin anew (every gateway must then be enrolled again)",
            cert.display(),
            key.display()
        );
        let key =
            KeyPair::from_pem(&read(&key)?).with_context(|| format!("reading the key {}", key.display()))?;
        Ok(Self { folder, ca_pem: read(&cert)?, issuer: Issuer::new(ca_params(now)?, key) })
    }

    /// The hall's certificate for `names`; a new one when the names changed or it is old.
    ///
    /// # Errors
    /// When a name is not one, or a file cannot be written.
    pub fn hall(&self, names: &[String], now: UtcMillis) -> anyhow::Result<Files> {
        let files = Files {
            ca: self.folder.join("ca.pem"),
            certificate: self.folder.join("hall.pem"),
            key: self.folder.join("hall.key"),
        };
        let note = self.folder.join("hall.txt");
        let wanted = names.join(" ");
        let fresh = || {
            let text = fs::read_to_string(&note).ok()?;
            let (issued, made_for) = text.trim_end().split_once(' ')?;
            let age = now.since(UtcMillis(issued.parse().ok()?));
            let young = (0..RENEW_AFTER_DAYS * 86_400_000).contains(&age.0);
            (young && made_for == wanted && files.certificate.exists() && files.key.exists()).then_some(())
        };
        if fresh().is_none() {
            let mut params = CertificateParams::new(names.to_vec())
                .with_context(|| format!("making a certificate for {wanted}"))?;
            params.distinguished_name.push(DnType::CommonName, "Nga Tu hall");
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let (cert, key) = self.sign(params, now, Duration::days(HALL_DAYS))?;
            write_secret(&files.key, &key)?;
            write(&files.certificate, &cert)?;
            write(&note, &format!("{} {wanted}\n", now.0))?;
        }
        Ok(files)
    }

    /// A gateway's `ca.pem`, `cert.pem` and `key.pem` in `out`. The bus takes the certificate once its common name, `name`,
    /// is enrolled for that gateway.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn gateway(&self, name: &str, out: &Path, now: UtcMillis) -> anyhow::Result<Files> {
        fs::create_dir_all(out).with_context(|| format!("making the folder {}", out.display()))?;
        let mut params = CertificateParams::new(Vec::new()).context("making a certificate")?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (cert, key) = self.sign(params, now, Duration::days(365 * GATEWAY_YEARS))?;
        let files =
            Files { ca: out.join("ca.pem"), certificate: out.join("cert.pem"), key: out.join("key.pem") };
        write_secret(&files.key, &key)?;
        write(&files.certificate, &cert)?;
        write(&files.ca, &self.ca_pem)?;
        Ok(files)
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        now: UtcMillis,
        life: Duration,
    ) -> anyhow::Result<(String, String)> {
        (params.not_before, params.not_after) = valid(now, life)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().context("making a key")?;
        let cert = params.signed_by(&key, &self.issuer).context("signing a certificate")?;
        Ok((cert.pem(), key.serialize_pem()))
    }
}

/// TLS for the page and the API: HTTP/2 first, HTTP/1.1 for what cannot.
///
/// # Errors
/// When a file cannot be read or the key does not fit.
pub fn server_config(files: &Files) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let reading = |file: &Path| format!("reading {}", file.display());
    let mut chain = Vec::new();
    for file in [&files.certificate, &files.ca] {
        let certificates = CertificateDer::pem_file_iter(file).with_context(|| reading(file))?;
        for certificate in certificates {
            chain.push(certificate.with_context(|| reading(file))?);
        }
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).with_context(|| reading(&files.key))?;
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("using {} with {}", files.certificate.display(), files.key.display()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn ca_params(now: UtcMillis) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).context("making the certificate authority")?;
    (params.not_before, params.not_after) = valid(now, Duration::days(365 * CA_YEARS))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    // The same name for ever: certificates name their issuer by it.
    params.distinguished_name.push(DnType::CommonName, "Nga Tu hall authority");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn new_ca(now: UtcMillis) -> anyhow::Result<(String, String)> {
    let key = KeyPair::generate().context("making the authority's key")?;
    let cert = ca_params(now)?.self_signed(&key).context("signing the authority")?;
    Ok((cert.pem(), key.serialize_pem()))
}

/// From a day ago, so that a pole whose clock is a little behind takes it.
fn valid(now: UtcMillis, life: Duration) -> anyhow::Result<(OffsetDateTime, OffsetDateTime)> {
    let today = OffsetDateTime::from_unix_timestamp(now.0 / 1000).context("reading this machine's clock")?;
    Ok((today - Duration::DAY, today + life))
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    put(file, text, 0o644)
}

fn write_secret(file: &Path, text: &str) -> anyhow::Result<()> {
    put(file, text, 0o600)
}

/// Whole or not at all: written beside, synced, then renamed.
fn put(file: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let beside = file.with_extension("new");
    let writing = || -> std::io::Result<()> {
        drop(fs::remove_file(&beside));
        let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&beside, file)
    };
    writing().with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: UtcMillis = UtcMillis(1_800_000_000_000);
    const DAY: i64 = 86_400_000;

    #[test]
    fn the_authority_stays_and_the_hall_is_renewed() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let hall = |names: &[String], at| {
            let files = Authority::open(dir.path(), NOW).unwrap().hall(names, at).unwrap();
            (read(&files.ca).unwrap(), read(&files.certificate).unwrap())
        };
        let first = hall(&names, NOW);
        assert_eq!(hall(&names, NOW), first);
        let old = hall(&names, UtcMillis(NOW.0 + 301 * DAY));
        assert_eq!(old.0, first.0);
        assert_ne!(old.1, first.1);
        assert_ne!(hall(&names[..1], UtcMillis(NOW.0 + 301 * DAY)).1, old.1);
    }

    #[test]
    fn keys_are_for_the_owner_only_and_fit() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), NOW).unwrap();
        let files = authority.gateway("pole-17.000000000001", &dir.path().join("out"), NOW).unwrap();
        let mode = fs::metadata(&files.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        rustls::crypto::ring::default_provider().install_default().ok();
        server_config(&authority.hall(&["localhost".into()], NOW).unwrap()).unwrap();
    }

    #[test]
    fn half_an_authority_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        Authority::open(dir.path(), NOW).unwrap();
        fs::remove_file(dir.path().join("tls/ca.key")).unwrap();
        let err = Authority::open(dir.path(), NOW).err().unwrap().to_string();
        assert!(err.contains("ca.key is missing"), "{err}");
    }
}
