//! RSMP over TLS 1.3 with real programs: a site's own certificate opens its junction; another's, none, or plain TCP do not.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::SystemClock;
use hardware_ports::sink::{NotKept, SignalReport, Sink};
use hardware_signal::controllers::Timing;
use hardware_signal::{SignalServer, SignalServerSettings, Site, TlsFiles};
use models_domain::event::Link;
use ngatu_tests::programs::{Running, program};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::street::{WAIT, write_street};

/// How often the link was up.
struct Ups(watch::Sender<usize>);

#[async_trait]
impl Sink<SignalReport> for Ups {
    async fn accept(&self, report: SignalReport) -> Result<(), NotKept> {
        if matches!(&report, SignalReport::Link { state, .. } if state.link == Link::Up) {
            self.0.send_modify(|ups| *ups += 1);
        }
        Ok(())
    }
}

fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(dir.join("ca.pem"), ca.pem()).unwrap();
    for (file, name) in [("server", "hall"), ("own", "HN+A"), ("other", "HN+B")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &ca).unwrap();
        fs::write(dir.join(format!("{file}.pem")), certificate.pem()).unwrap();
        fs::write(dir.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sites_own_certificate_and_no_other_opens_its_junction() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    certificates(dir);
    write_street(dir, 1.0);
    let file = |name: &str| dir.join(name);
    let settings = SignalServerSettings {
        address: "127.0.0.1:0".parse().unwrap(),
        controller: "rsmp".into(),
        tls: Some(TlsFiles {
            certificate: file("server.pem"),
            key: file("server.key"),
            sites_ca: Some(file("ca.pem")),
        }),
        supervisor_id: "hanoi".into(),
        sites: vec![Site::new("HN+A", "a".parse().unwrap(), "HN+A=001TC000")],
        timing: Timing::default(),
    };
    let missing = TlsFiles { certificate: file("nowhere.pem"), key: file("server.key"), sites_ca: None };
    let wrong = SignalServerSettings { tls: Some(missing), ..settings.clone() };
    let ups = Arc::new(Ups(watch::Sender::new(0)));
    let clock = Arc::new(SystemClock::new());
    let err = SignalServer::bind(wrong, ups.clone(), clock.clone()).await.err().unwrap();
    assert!(std::error::Error::source(&err).unwrap().to_string().contains("nowhere.pem"));
    let server = SignalServer::bind(settings, ups.clone(), clock).await.unwrap();
    let (address, stop) = (server.address().to_string(), CancellationToken::new());
    tokio::spawn(server.run(stop.clone()));

    let dial = |tls: &[&str]| {
        let mut command = Command::new(program("signal-simulator"));
        command.args(["--config", "street.toml", "--connect", &address]).args(tls).current_dir(dir);
        Running::start(command.stderr(std::process::Stdio::null()))
    };
    for tls in [
        &[][..],
        &["--tls-ca", "ca.pem"],
        &["--tls-ca", "ca.pem", "--tls-certificate", "other.pem", "--tls-key", "other.key"],
    ] {
        let _street = dial(tls);
        // Not a wait for something: so long nothing must happen, while the site dials several times.
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(*ups.0.borrow(), 0, "{tls:?}");
    }
    let _street = dial(&["--tls-ca", "ca.pem", "--tls-certificate", "own.pem", "--tls-key", "own.key"]);
    let mut up = ups.0.subscribe();
    assert!(tokio::time::timeout(WAIT, up.wait_for(|ups| *ups > 0)).await.is_ok(), "the link is not up");
    stop.cancel();
}
