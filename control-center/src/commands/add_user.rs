//! `control-center add-user`: a new user with a role and a random password.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use control_center_store::{ADAPTIVE, BUS_PRIORITY, CALENDAR, Store};
use hardware_ports::{Clock, SystemClock};

use crate::auth::passwords::{self, NAME_MAX};
use crate::auth::rights::{Role, Scope};
use crate::config::Config;
use crate::tasks::bus_lists::LISTS;
use crate::tracker_orders::COMMAND_LINE;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  control-center add-user --config control-center.toml --user lan --role administrator\n\
    The hall may run meanwhile. An administrator may command and maintain signals everywhere unless --areas says where; a\n\
    viewer nowhere unless --areas does. A second person is needed for flash, dark and all red."
)]
pub struct Args {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[arg(long, value_name = "NAME")]
    user: String,
    /// administrator or viewer.
    #[arg(long, value_name = "ROLE", default_value = "viewer")]
    role: Role,
    /// Where the user may command and maintain signals: all, or areas of the configuration with commas between.
    #[arg(long, value_name = "AREAS")]
    areas: Option<String>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    let printable = !args.user.trim().is_empty() && !args.user.chars().any(char::is_control);
    ensure!(printable && args.user.len() <= NAME_MAX, "--user must have 1 to {NAME_MAX} printable bytes");
    for (ours, what) in [
        (CALENDAR, "calendars sign their orders"),
        (BUS_PRIORITY, "orders for late buses are signed"),
        (ADAPTIVE, "adaptive control signs its orders"),
    ] {
        ensure!(!args.user.starts_with(ours), "--user must not begin with {ours:?}: so {what}");
    }
    ensure!(
        ![COMMAND_LINE, LISTS].contains(&args.user.as_str()),
        "--user must not be {:?}: what nobody signed in for is done under that name",
        args.user
    );
    let areas = args.areas.as_ref().map(|text| Scope::parse(text, &config.areas));
    let areas = areas.transpose().map_err(anyhow::Error::msg).context("--areas")?;
    let grants = args.role.grants(areas.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    let password = runtime.block_on(async {
        let database = config.database();
        ensure!(database.exists(), "there is no database {}; start the hall once", database.display());
        let store = Store::open(&database).await?;
        let known = store.password_hash(&args.user).await?.is_some();
        ensure!(!known, "there is a user {:?} already; reset-password gives a new password", args.user);
        let password = passwords::random()?;
        let hash = passwords::hash(&password)?;
        let now = SystemClock::new().now();
        let line = super::users::line("user_added", &args.user, Some(args.role), &grants, now);
        // What cannot be written down is not done.
        store.keep_audit(&line).await?;
        let added = store.add_user(&args.user, args.role.name(), &hash, &grants, now).await?;
        ensure!(added, "there is a user {:?} already; reset-password gives a new password", args.user);
        store.close().await;
        anyhow::Ok(password)
    })?;
    super::show_password(&args.user, &password).context("printing the password")
}
