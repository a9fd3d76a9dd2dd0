//! `control-center gateway-certificate`: enrols a gateway.

use std::path::PathBuf;

use anyhow::Context;
use control_center_store::Store;
use hardware_ports::{Clock, SystemClock};
use models_domain::GatewayId;
use models_wire::certificates;

use crate::auth::passwords::random_bytes;
use crate::config::Config;
use crate::tls::Authority;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  control-center gateway-certificate --config control-center.toml --gateway pole-17 --out ./pole-17\n\
    Copy the folder to the gateway; key.pem is secret. A running hall takes the gateway within seconds. Of each gateway only\n\
    the last certificate is good: made again, it replaces a lost or stolen one."
)]
pub struct Args {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The gateway's id: a-z, 0-9, '_' and '-'.
    #[arg(long, value_name = "ID")]
    gateway: GatewayId,
    /// Folder for ca.pem, cert.pem and key.pem; made when it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    let now = SystemClock::new().now();
    let [a, b, c, d, e, f] = random_bytes::<6>()?;
    let name = certificates::name(&args.gateway, u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    let files = Authority::open(&config.data_dir, now)?.gateway(&name, &args.out, now)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    let enrolled = runtime.block_on(async {
        let store = Store::open(&config.database()).await?;
        let enrolled = store.enrol(&args.gateway, &name, now).await;
        store.close().await;
        enrolled
    });
    enrolled.with_context(|| {
        format!("the certificate in {} is not enrolled and not good; make it again", args.out.display())
    })?;
    eprintln!(
        "wrote {}, {} and {} (secret) for gateway {}; earlier certificates of it are not taken any more",
        files.ca.display(),
        files.certificate.display(),
        files.key.display(),
        args.gateway
    );
    Ok(())
}
