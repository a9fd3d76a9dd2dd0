//! A city's certificates, its hall and its poles; waiting for what comes.

use std::time::Duration;

use hardware_bus::{Access, BusSettings, Grant, Grants, Role, TlsFiles, ZenohBus};
use hardware_ports::bus::{Bus, Delivery, Message};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;

/// Long enough for a busy machine; every wait ends as soon as its condition holds.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One city's certificates in a folder: `ca.pem`, and `<name>.pem` with `<name>.key` for each name, which is its common name.
pub struct City(TempDir);

impl City {
    pub fn new(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        for name in names {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, *name);
            let certificate = params.signed_by(&key, &ca).unwrap();
            std::fs::write(dir.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self(dir)
    }

    pub fn files(&self, name: &str) -> TlsFiles {
        let at = |file: String| self.0.path().join(file);
        TlsFiles {
            ca: at("ca.pem".into()),
            certificate: at(format!("{name}.pem")),
            key: at(format!("{name}.key")),
        }
    }

    /// A hall that lets everybody say everything.
    pub async fn hall(&self, listen: &str) -> ZenohBus {
        self.guarded_hall(listen, Access::Everybody).await
    }

    pub async fn guarded_hall(&self, listen: &str, access: Access) -> ZenohBus {
        let role = Role::Hall { listen: listen.into(), access };
        ZenohBus::open(BusSettings { role, tls: self.files("hall") }).await.unwrap()
    }

    pub async fn pole(&self, connect: &str) -> ZenohBus {
        self.pole_as("pole", connect).await
    }

    /// A pole with the certificate of this name.
    pub async fn pole_as(&self, name: &str, connect: &str) -> ZenohBus {
        let role = Role::Pole { connect: vec![connect.into()] };
        ZenohBus::open(BusSettings { role, tls: self.files(name) }).await.unwrap()
    }
}

/// Each of these certificates may use the keys below `city/v1/<its name>`.
pub fn granted(names: &[&str]) -> Access {
    let grant = |name: &&str| Grant { certificate: (*name).into(), prefix: format!("city/v1/{name}") };
    Access::Granted(Grants {
        hall_hears: vec!["city/v1/*/events".into()],
        gateways: names.iter().map(grant).collect(),
    })
}

pub async fn next<T>(receiver: &mut Receiver<T>) -> T {
    tokio::time::timeout(PATIENCE, receiver.recv()).await.expect("something comes").expect("the bus is open")
}

/// Publishes again and again until the far side has heard: as the outbox does. What else it heard on the way.
pub async fn publish_until_heard(
    from: &ZenohBus,
    to: &mut Receiver<Message>,
    key: &str,
    payload: &[u8],
) -> Vec<Message> {
    let send = async {
        loop {
            from.publish(key, payload.to_vec(), Delivery::Wait).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let wanted = Message { key: key.into(), payload: payload.to_vec() };
    let mut others = Vec::new();
    let hear = async {
        loop {
            match next(to).await {
                message if message == wanted => return,
                other => others.push(other),
            }
        }
    };
    tokio::select! {
        () = hear => {}
        () = send => {}
    }
    others
}
