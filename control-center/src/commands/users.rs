//! `control-center users`: who may sign in, and what they may do.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use control_center_store::{AuditLine, EVERYWHERE, Grant, Store};
use hardware_ports::{Clock, SystemClock};
use models_domain::UtcMillis;
use serde::Serialize;

use crate::auth::rights::{self, COMMAND_SIGNALS, Role, Scope};
use crate::config::Config;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Prints every user with role and rights, as lines of JSON.
    List(ListArgs),
    /// Gives the right to command signals in areas, or everywhere; or the one to give trackers of buses orders.
    Give(RightArgs),
    /// Takes the right to command signals in areas, or all of it; or the one to give trackers of buses orders.
    Take(RightArgs),
    /// Gives another role, and the rights that go with it instead of those of before.
    SetRole(RoleArgs),
    /// Removes a user: every session ends, what was done stays in the audit.
    Remove(RemoveArgs),
}

#[derive(clap::Args)]
pub struct ListArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  control-center users give --config control-center.toml --user lan --areas ba-dinh,hoan-kiem\n  \
    control-center users take --config control-center.toml --user lan --areas all\n  \
    control-center users give --config control-center.toml --user minh --trackers\n\
    Areas are the [[area]] of the configuration; `give … all` means everywhere, `take … all` takes every area and everywhere.\n\
    The hall may run meanwhile: the next call of the user has it."
)]
pub struct RightArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[arg(long, value_name = "NAME")]
    user: String,
    /// To command signals: all, or areas with commas between.
    #[arg(long, value_name = "AREAS", required_unless_present = "trackers")]
    areas: Option<String>,
    /// To give trackers of buses orders, everywhere.
    #[arg(long)]
    trackers: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  control-center users set-role --config control-center.toml --user lan --role viewer\n\
    An administrator may command signals everywhere, and give trackers orders, unless --areas says where; a viewer neither unless\n\
    --areas says where. `users give --trackers` adds the right to give trackers orders."
)]
pub struct RoleArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[arg(long, value_name = "NAME")]
    user: String,
    /// administrator or viewer.
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Where the user may command signals: all, or areas with commas between.
    #[arg(long, value_name = "AREAS")]
    areas: Option<String>,
}

#[derive(clap::Args)]
#[command(after_help = "Example:\n  control-center users remove --config control-center.toml --user lan\n\
    Orders that the user asked for and nobody approved yet cannot be approved any more; those in force end by themselves.")]
pub struct RemoveArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[arg(long, value_name = "NAME")]
    user: String,
}

#[derive(Serialize)]
struct Line<'a> {
    user: &'a str,
    role: &'a str,
    created_ms: i64,
    /// Ids of areas, or ["all"].
    command_signals: Vec<&'a str>,
    command_trackers: bool,
}

pub fn run(command: &Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    let config = match command {
        Command::List(args) => &args.config,
        Command::Give(args) | Command::Take(args) => &args.config,
        Command::SetRole(args) => &args.config,
        Command::Remove(args) => &args.config,
    };
    let config = load(config)?;
    runtime.block_on(async {
        let store = Store::open(&config.database()).await?;
        let now = SystemClock::new().now();
        let done = match command {
            Command::List(_) => list(&store).await,
            Command::Give(args) => give(&store, &config, args, now).await,
            Command::Take(args) => take(&store, &config, args, now).await,
            Command::SetRole(args) => set_role(&store, &config, args, now).await,
            Command::Remove(args) => remove(&store, &args.user, now).await,
        };
        store.close().await;
        done
    })
}

fn load(path: &Path) -> anyhow::Result<Config> {
    let config = Config::load(path)?;
    let database = config.database();
    ensure!(database.exists(), "there is no database {}; start the hall once", database.display());
    Ok(config)
}

async fn known(store: &Store, user: &str) -> anyhow::Result<()> {
    ensure!(
        store.password_hash(user).await?.is_some(),
        "there is no user {user:?}; `users list` says who there is"
    );
    Ok(())
}

/// What is written down when somebody's rights change: those that were given or taken, or all that the user has now.
pub fn line(action: &str, user: &str, role: Option<Role>, grants: &[Grant], at: UtcMillis) -> AuditLine {
    let role = role.map_or_else(String::new, |role| format!(" role={}", role.name()));
    let trackers = if grants.contains(&rights::trackers()) { " command_trackers=all" } else { "" };
    let signals = in_words(grants).join(",");
    super::audit_line(action, format!("user={user}{role} command_signals={signals}{trackers}"), at)
}

fn in_words(grants: &[Grant]) -> Vec<&str> {
    let signals = grants.iter().filter(|grant| grant.permission == COMMAND_SIGNALS);
    signals.map(|grant| if grant.area == EVERYWHERE { "all" } else { grant.area.as_str() }).collect()
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let users = store.users().await?;
    let mut out = std::io::stdout().lock();
    for user in &users {
        let command_signals = in_words(&user.grants);
        let command_trackers = user.grants.contains(&rights::trackers());
        let line = Line {
            user: &user.name,
            role: &user.role,
            created_ms: user.created.0,
            command_signals,
            command_trackers,
        };
        serde_json::to_writer(&mut out, &line).context("printing a line")?;
        writeln!(out).context("printing a line")?;
    }
    Ok(())
}

async fn give(store: &Store, config: &Config, args: &RightArgs, now: UtcMillis) -> anyhow::Result<()> {
    let scope = args.areas.as_ref().map(|text| Scope::parse(text, &config.areas));
    let scope = scope.transpose().map_err(anyhow::Error::msg).context("--areas")?;
    known(store, &args.user).await?;
    let mut grants = scope.map_or_else(Vec::new, |scope| scope.grants());
    grants.extend(args.trackers.then(rights::trackers));
    // What cannot be written down is not done.
    store.keep_audit(&line("right_given", &args.user, None, &grants, now)).await?;
    for grant in &grants {
        store.give(&args.user, grant, now).await?;
    }
    tell(store, &args.user).await
}

async fn take(store: &Store, config: &Config, args: &RightArgs, now: UtcMillis) -> anyhow::Result<()> {
    known(store, &args.user).await?;
    let has = store.grants(&args.user).await?;
    let mut grants = Vec::new();
    if let Some(areas) = &args.areas {
        let signals = has.iter().filter(|grant| grant.permission == COMMAND_SIGNALS);
        grants = signals_in(areas, signals.cloned().collect(), config, &args.user)?;
    }
    if args.trackers {
        let right = rights::trackers();
        ensure!(has.contains(&right), "{} has no right to give trackers orders", args.user);
        grants.push(right);
    }
    store.keep_audit(&line("right_taken", &args.user, None, &grants, now)).await?;
    for grant in &grants {
        store.take(&args.user, grant).await?;
    }
    tell(store, &args.user).await
}

/// Of somebody's rights to command signals those in `areas`.
fn signals_in(
    areas: &str,
    mut grants: Vec<Grant>,
    config: &Config,
    user: &str,
) -> anyhow::Result<Vec<Grant>> {
    if areas == "all" {
        return Ok(grants);
    }
    let everywhere = grants.iter().any(|grant| grant.area == EVERYWHERE);
    ensure!(!everywhere, "{user} has the right everywhere; take all of it, then give it for areas");
    // An area that is not configured any more can be taken too.
    let wanted: Vec<&str> = areas.split(',').map(str::trim).collect();
    grants.retain(|grant| wanted.contains(&grant.area.as_str()));
    let had = |area: &&str| grants.iter().any(|grant| grant.area == *area);
    if let Some(missing) = wanted.iter().find(|area| !had(area)) {
        let there = config.areas.iter().any(|area| area.id == *missing);
        let why = if there { "has no right there" } else { "there is no such area" };
        anyhow::bail!("{missing:?}: {user} {why}; `users list` says what is given");
    }
    Ok(grants)
}

async fn set_role(store: &Store, config: &Config, args: &RoleArgs, now: UtcMillis) -> anyhow::Result<()> {
    let scope = args.areas.as_ref().map(|text| Scope::parse(text, &config.areas));
    let scope = scope.transpose().map_err(anyhow::Error::msg).context("--areas")?;
    known(store, &args.user).await?;
    let grants = args.role.grants(scope.as_ref());
    store.keep_audit(&line("role_changed", &args.user, Some(args.role), &grants, now)).await?;
    store.set_role(&args.user, args.role.name(), &grants, now).await?;
    tell(store, &args.user).await
}

async fn remove(store: &Store, user: &str, now: UtcMillis) -> anyhow::Result<()> {
    known(store, user).await?;
    store.keep_audit(&super::audit_line("user_removed", format!("user={user}"), now)).await?;
    store.remove_user(user).await?;
    eprintln!("{user} is removed");
    Ok(())
}

async fn tell(store: &Store, user: &str) -> anyhow::Result<()> {
    let grants = store.grants(user).await?;
    let areas = in_words(&grants);
    let areas = if areas.is_empty() { "nowhere".to_owned() } else { areas.join(", ") };
    let trackers = if grants.contains(&rights::trackers()) { "; may give trackers orders" } else { "" };
    eprintln!("{user} may command signals: {areas}{trackers}");
    Ok(())
}
