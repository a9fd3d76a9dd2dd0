//! `control-center users`: who may sign in, and what they may do.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use control_center_store::{AuditLine, EVERYWHERE, Grant, Store};
use hardware_ports::{Clock, SystemClock};
use models_domain::UtcMillis;
use serde::Serialize;

use crate::auth::rights::{self, COMMAND_SIGNALS, MAINTAIN_SIGNALS, Role, Scope};
use crate::config::Config;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Prints every user with role and rights, as lines of JSON.
    List(ListArgs),
    /// Gives the right to command signals in areas, or everywhere; the one to have them mended; or the one to give trackers of buses orders.
    Give(RightArgs),
    /// Takes the right to command signals in areas, or all of it; the one to have them mended; or the one to give trackers of buses orders.
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
    control-center users give --config control-center.toml --user minh --trackers\n  \
    control-center users give --config control-center.toml --user hoa --maintenance hoan-kiem\n\
    Areas are the [[area]] of the configuration; `give … all` means everywhere, `take … all` takes every area and everywhere.\n\
    --areas is about commanding alone: who is to have nothing to do with signals any more needs `take … --maintenance all` too.\n\
    The hall may run meanwhile: the next call of the user has it."
)]
pub struct RightArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[arg(long, value_name = "NAME")]
    user: String,
    /// To command signals: all, or areas with commas between.
    #[arg(long, value_name = "AREAS", required_unless_present_any = ["trackers", "maintenance"])]
    areas: Option<String>,
    /// To open work orders for signals and to move them: all, or areas with commas between.
    #[arg(long, value_name = "AREAS")]
    maintenance: Option<String>,
    /// To give trackers of buses orders, everywhere.
    #[arg(long)]
    trackers: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  control-center users set-role --config control-center.toml --user lan --role viewer\n\
    An administrator may command and maintain signals everywhere, and give trackers orders, unless --areas says where; a viewer\n\
    nothing of that unless --areas says where. `users give --maintenance` adds the right to have signals mended, `--trackers` the right to give trackers orders."
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
    /// Where the user may command and maintain signals: all, or areas with commas between.
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
    maintain_signals: Vec<&'a str>,
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
    let signals = in_words(grants, COMMAND_SIGNALS).join(",");
    let maintenance = in_words(grants, MAINTAIN_SIGNALS).join(",");
    let maintenance =
        if maintenance.is_empty() { maintenance } else { format!(" maintain_signals={maintenance}") };
    super::audit_line(
        action,
        format!("user={user}{role} command_signals={signals}{maintenance}{trackers}"),
        at,
    )
}

/// Where a permission holds.
fn in_words<'a>(grants: &'a [Grant], permission: &str) -> Vec<&'a str> {
    let signals = grants.iter().filter(|grant| grant.permission == permission);
    signals.map(|grant| if grant.area == EVERYWHERE { "all" } else { grant.area.as_str() }).collect()
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let users = store.users().await?;
    let mut out = std::io::stdout().lock();
    for user in &users {
        let command_signals = in_words(&user.grants, COMMAND_SIGNALS);
        let maintain_signals = in_words(&user.grants, MAINTAIN_SIGNALS);
        let command_trackers = user.grants.contains(&rights::trackers());
        let line = Line {
            user: &user.name,
            role: &user.role,
            created_ms: user.created.0,
            command_signals,
            maintain_signals,
            command_trackers,
        };
        serde_json::to_writer(&mut out, &line).context("printing a line")?;
        writeln!(out).context("printing a line")?;
    }
    Ok(())
}

/// Permissions by area that an option names: the option, its areas, the permission.
fn asked(args: &RightArgs) -> impl Iterator<Item = (&'static str, &str, &'static str)> {
    let areas = args.areas.as_deref().map(|areas| ("--areas", areas, COMMAND_SIGNALS));
    let maintenance = args.maintenance.as_deref().map(|areas| ("--maintenance", areas, MAINTAIN_SIGNALS));
    areas.into_iter().chain(maintenance)
}

async fn give(store: &Store, config: &Config, args: &RightArgs, now: UtcMillis) -> anyhow::Result<()> {
    let mut grants = Vec::new();
    for (option, text, permission) in asked(args) {
        let scope = Scope::parse(text, &config.areas).map_err(anyhow::Error::msg).context(option)?;
        grants.extend(scope.grants(permission));
    }
    known(store, &args.user).await?;
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
    for (option, areas, permission) in asked(args) {
        let own = has.iter().filter(|grant| grant.permission == permission).cloned().collect();
        grants.extend(rights_in(areas, own, config, &args.user).context(option)?);
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

/// Of somebody's rights to do one thing those in `areas`.
fn rights_in(areas: &str, mut grants: Vec<Grant>, config: &Config, user: &str) -> anyhow::Result<Vec<Grant>> {
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
    let areas = |permission| match in_words(&grants, permission).join(", ") {
        none if none.is_empty() => "nowhere".to_owned(),
        areas => areas,
    };
    let trackers = if grants.contains(&rights::trackers()) { "; may give trackers orders" } else { "" };
    let (commands, maintains) = (areas(COMMAND_SIGNALS), areas(MAINTAIN_SIGNALS));
    eprintln!("{user} may command signals: {commands}; maintain them: {maintains}{trackers}");
    Ok(())
}
