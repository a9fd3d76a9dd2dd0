//! The hall's place on the bus, taken by the measurement itself: agents dial it, and what they send is heard here.

use std::path::Path;

use anyhow::Context;
use hardware_bus::{Access, BusSettings, Role, TlsFiles, ZenohBus};
use hardware_ports::bus::{Bus as _, Delivery};
use models_domain::GatewayId;
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};

/// The bus as the hall opens it, and the address to dial. Writes what each of `gateways` shows to `folder`: `ca.pem`,
/// GATEWAY`.pem` and GATEWAY`.key`.
///
/// # Errors
/// When certificates cannot be made or no port can be listened on.
pub async fn open(folder: &Path, gateways: &[GatewayId]) -> anyhow::Result<(ZenohBus, String)> {
    // The first one wins; that another part of the process has chosen the same is no error.
    drop(rustls::crypto::ring::default_provider().install_default());
    certificates(folder, gateways)?;
    let at = |file: &str| folder.join(file);
    let tls = TlsFiles { ca: at("ca.pem"), certificate: at("hall.pem"), key: at("hall.key") };
    let role = Role::Hall { listen: "127.0.0.1:0".to_owned(), access: Access::Everybody };
    let hall = ZenohBus::open(BusSettings { role, tls }).await?;
    let address = hall.listening().await.context("the bus listens nowhere")?.to_string();
    Ok((hall, address))
}

/// The sections of a gateway's file that let it dial `address` with what [`open`] wrote for it.
pub fn gateway(gateway: &GatewayId, address: &str) -> String {
    format!(
        "[gateway]\nid = \"{gateway}\"\ndata_dir = \"{gateway}-data\"\n[hall]\nconnect = \"{address}\"\nca = \"ca.pem\"\n\
         certificate = \"{gateway}.pem\"\nkey = \"{gateway}.key\"\n"
    )
}

/// Tells the gateway that these events are stored: it would send them again.
///
/// # Errors
/// When the bus does not take it.
pub async fn confirm(hall: &ZenohBus, gateway: &GatewayId, batch: &v1::EventBatch) -> anyhow::Result<()> {
    let Some(last) = batch.events.last() else { return Ok(()) };
    let stored = v1::StoredUpTo { boot: batch.boot, seq: last.seq }.encode_to_vec();
    hall.publish(&Key::new(gateway, What::Stored).to_string(), stored, Delivery::Wait).await?;
    Ok(())
}

fn certificates(folder: &Path, gateways: &[GatewayId]) -> anyhow::Result<()> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let write = |name: String, text: String| {
        std::fs::write(folder.join(&name), text).with_context(|| format!("writing {name}"))
    };
    write("ca.pem".to_owned(), ca.pem())?;
    for name in gateways.iter().map(ToString::to_string).chain(["hall".to_owned()]) {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name.as_str());
        let certificate = params.signed_by(&key, &ca)?;
        write(format!("{name}.pem"), certificate.pem())?;
        write(format!("{name}.key"), key.serialize_pem())?;
    }
    Ok(())
}
