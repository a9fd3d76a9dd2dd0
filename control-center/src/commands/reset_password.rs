//! `control-center reset-password`: a new random password for a user.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use control_center_store::Store;
use hardware_ports::{Clock, SystemClock};

use crate::auth::passwords;
use crate::config::Config;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  control-center reset-password --config control-center.toml --user admin\n\
    The hall may run meanwhile. Every session of the user ends within seconds."
)]
pub struct Args {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[arg(long, value_name = "NAME")]
    user: String,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    let password = runtime.block_on(async {
        let database = config.database();
        ensure!(
            database.exists(),
            "there is no database {}; start the hall once, it prints the first password",
            database.display()
        );
        let store = Store::open(&database).await?;
        ensure!(store.password_hash(&args.user).await?.is_some(), "there is no user {:?}", args.user);
        let password = passwords::random()?;
        let now = SystemClock::new().now();
        let line = super::audit_line("password_reset", format!("user={}", args.user), now);
        // What cannot be written down is not done.
        store.keep_audit(&line).await?;
        store.set_password_hash(&args.user, &passwords::hash(&password)?, now).await?;
        store.close().await;
        anyhow::Ok(password)
    })?;
    super::show_password(&args.user, &password).context("printing the password")
}
