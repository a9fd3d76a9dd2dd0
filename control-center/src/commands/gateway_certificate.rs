//! `control-center gateway-certificate`: enrols a gateway.

use std::path::PathBuf;

use hardware_ports::{Clock, SystemClock};
use models_domain::GatewayId;

use crate::config::Config;
use crate::tls::Authority;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  control-center gateway-certificate --config control-center.toml --gateway pole-17 --out ./pole-17\n\
    Copy the folder to the gateway; key.pem is secret."
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
    let files = Authority::open(&config.data_dir, now)?.gateway(&args.gateway, &args.out, now)?;
    eprintln!(
        "wrote {}, {} and {} (secret) for gateway {}",
        files.ca.display(),
        files.certificate.display(),
        files.key.display(),
        args.gateway
    );
    Ok(())
}
