//! `control-center revoke-gateway`: a gateway that may not speak any more.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use control_center_store::Store;
use hardware_ports::{Clock, SystemClock};
use models_domain::GatewayId;

use crate::config::Config;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  control-center revoke-gateway --config control-center.toml --gateway pole-17\n\
    A running hall cuts it off within seconds and keeps what it has told so far. gateway-certificate takes it in again,\n\
    with a new key. For a lost or stolen key of a gateway that goes on, gateway-certificate alone is enough."
)]
pub struct Args {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The gateway's id.
    #[arg(long, value_name = "ID")]
    gateway: GatewayId,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    let database = config.database();
    ensure!(database.exists(), "there is no database {}, so no gateway is enrolled", database.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    runtime.block_on(async {
        let store = Store::open(&database).await?;
        let done = revoke(&store, &args.gateway).await;
        store.close().await;
        done
    })
}

async fn revoke(store: &Store, gateway: &GatewayId) -> anyhow::Result<()> {
    if store.revoke(gateway, SystemClock::new().now()).await? {
        eprintln!("gateway {gateway} is revoked");
        return Ok(());
    }
    let known = store.gateways().await?;
    if known.iter().any(|row| row.gateway == *gateway) {
        eprintln!("gateway {gateway} was revoked before");
        return Ok(());
    }
    let enrolled: Vec<_> = known.iter().filter(|g| g.revoked.is_none()).map(|g| g.gateway.as_str()).collect();
    match enrolled[..] {
        [] => bail!("gateway {gateway} is not enrolled; no gateway is"),
        _ => bail!("gateway {gateway} is not enrolled; enrolled are {}", enrolled.join(", ")),
    }
}
