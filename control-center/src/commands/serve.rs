//! `control-center serve`: starts everything in order, stops everything in order.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use control_center_store::Store;
use hardware_bus::{Access, BusSettings, Role, TlsFiles, ZenohBus};
use hardware_ports::{Clock, SystemClock};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::auth::passwords::{self, Passwords};
use crate::auth::rights;
use crate::auth::sessions::Sessions;
use crate::city_view::CityView;
use crate::config::Config;
use crate::gateways::{self, Gateways};
use crate::hall::Hall;
use crate::metrics::Noted;
use crate::pictures::Pictures;
use crate::signals::Rates;
use crate::signals::adaptive::Adaptives;
use crate::signals::advice::Advices;
use crate::signals::bus_priority::Priorities;
use crate::signals::calendar::Calendars;
use crate::signals::emergency::Emergencies;
use crate::signals::health::Healths;
use crate::tls::{Authority, Files};
use crate::transit::Transit;
use crate::{api, tasks};

#[derive(clap::Args)]
#[command(after_help = "Example:\n  control-center serve --config control-center.toml\n\n\
    The first start makes the certificates in data_dir/tls and prints the password of `admin` once.\n\
    When it is ready, it prints one line: {\"ready\":true,\"https\":\"https://…\",\"bus\":\"tls/…\"}.\n\
    Ctrl-C stops it in order; a second Ctrl-C at once.")]
pub struct Args {
    /// The configuration file; deploy/config/control-center.toml is one to begin with.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Serves page and API without TLS, to this machine only unless the configuration says otherwise.
    #[arg(long)]
    insecure_http: bool,
}

const ADMIN: &str = "admin";
/// Open calls get so long to end when the hall stops; everything together takes less than 5 s.
const CALLS_END: Duration = Duration::from_secs(2);
const BUS_ENDS: Duration = Duration::from_secs(1);

pub fn run(args: &Args) -> anyhow::Result<()> {
    // One TLS implementation in the process; an error only says that it is there already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = Config::load(&args.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting")?;
    let done = runtime.block_on(serve(&config, args.insecure_http));
    // A blocked thread does not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(500));
    done
}

async fn serve(config: &Config, insecure_http: bool) -> anyhow::Result<()> {
    let stop = stop_on_signals()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let files = Authority::open(&config.data_dir, clock.now())?.hall(&names(config), clock.now())?;
    let store = Arc::new(Store::open(&config.database()).await?);
    let listener = listen("hall.listen", http_address(config, insecure_http))?;
    let admitted = gateways::read(&store).await?;
    let bus = Arc::new(open_bus(config, &files, gateways::access(&admitted)).await?);
    let bus_address = bus.listening().await.unwrap_or(config.bus_listen);
    first_user(&store, clock.as_ref()).await?;
    let hall = Arc::new(Hall {
        view: CityView::new(),
        pictures: Pictures::default(),
        transit: Transit::new(salt()?).with_limits(config.bus_limits.clone()),
        sessions: Sessions::new(store.clone(), clock.clone(), config.session_hours),
        passwords: Passwords::new()?,
        searches: Semaphore::new(api::SEARCHES),
        scraper: config.metrics_token.clone(),
        noted: Noted::default(),
        public_buses: config.public_buses,
        keep_events_days: config.keep_events_days,
        evidence_gib: config.evidence_gib,
        corridors: config.corridors.clone(),
        emergency_routes: config.emergency_routes.clone(),
        emergencies: Emergencies::restore(&store, clock.now()).await?,
        priorities: Priorities::new(config.priorities.clone()),
        advices: Advices::new(config.advised.clone()),
        adaptives: Adaptives::new(&config.advised),
        calendars: Calendars::new(config.calendars.clone()),
        rates: Rates::default(),
        healths: Healths::default(),
        pcu: config.pcu,
        areas: config.areas.clone(),
        tls: !insecure_http,
        stop: stop.clone(),
        bus: bus.clone(),
        router: bus,
        gateways: Gateways::new(admitted),
        clock,
        store,
    });
    tasks::state::restore(&hall).await?;
    let tasks = tasks::start(&hall);
    let handle = Handle::new();
    let address = listener.local_addr().context("asking for the port")?;
    let tls = if insecure_http { None } else { Some(crate::tls::server_config(&files)?) };
    let app = api::router(&hall).await?.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(answer(listener, tls, handle.clone(), app));
    ready(insecure_http, address, bus_address)?;
    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = server => ended.context("serving").and_then(|ended| ended.context("serving page and API")),
    };
    stop.cancel();
    tracing::info!("stopping");
    handle.graceful_shutdown(Some(CALLS_END));
    close(&hall, tasks, &handle).await;
    ended
}

/// Page and API, until `handle` ends it.
async fn answer(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    handle: Handle<SocketAddr>,
    app: IntoMakeServiceWithConnectInfo<Router, SocketAddr>,
) -> std::io::Result<()> {
    match tls {
        Some(tls) => {
            let tls = RustlsConfig::from_config(tls);
            let mut server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle);
            limit(&mut server);
            server.serve(app).await
        }
        None => {
            let mut server = axum_server::from_tcp(listener)?.handle(handle);
            limit(&mut server);
            server.serve(app).await
        }
    }
}

/// In this order: what works, who calls, the bus, the store.
async fn close(hall: &Arc<Hall>, mut tasks: JoinSet<()>, handle: &Handle<SocketAddr>) {
    while tasks.join_next().await.is_some() {}
    if let Err(err) = tasks::prediction_scores::keep(hall).await {
        tracing::error!("{err:#}: what was scored last is not kept");
    }
    drop(tokio::time::timeout(CALLS_END, no_calls(handle)).await);
    drop(tokio::time::timeout(BUS_ENDS, hall.bus.close()).await);
    hall.store.close().await;
}

fn salt() -> anyhow::Result<[u8; 16]> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|e| anyhow::anyhow!("asking the system for random bytes: {e}"))?;
    Ok(salt)
}

async fn no_calls(handle: &Handle<SocketAddr>) {
    while handle.connection_count() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A caller that stalls is let go; one that is alive and quiet is kept.
fn limit<A>(server: &mut axum_server::Server<SocketAddr, A>) {
    let builder = server.http_builder();
    builder.http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
    builder
        .http2()
        .timer(hyper_util::rt::TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(250);
}

/// What the certificate is for: this machine by every name it is known by.
fn names(config: &Config) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    for ip in [config.listen.ip(), config.bus_listen.ip()] {
        if !ip.is_unspecified() {
            names.push(ip.to_string());
        }
    }
    names.extend(config.names.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn http_address(config: &Config, insecure_http: bool) -> SocketAddr {
    let mut address = config.listen;
    if insecure_http && !config.insecure_http_beyond_loopback && !address.ip().is_loopback() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        tracing::warn!(%address, "--insecure-http serves this machine only; hall.insecure_http_beyond_loopback would change that");
    }
    address
}

fn listen(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!(
            "listening on {address}: if another program has port {}, stop it or change {key}",
            address.port()
        )
    })?;
    listener.set_nonblocking(true).context("listening")?;
    Ok(listener)
}

async fn open_bus(config: &Config, files: &Files, access: Access) -> anyhow::Result<ZenohBus> {
    let Files { ca, certificate, key } = files.clone();
    let role = Role::Hall { listen: config.bus_listen.to_string(), access };
    let bus = ZenohBus::open(BusSettings { role, tls: TlsFiles { ca, certificate, key } });
    bus.await.with_context(|| {
        format!(
            "opening the bus on {}: if another program has port {}, stop it or change bus.listen",
            config.bus_listen,
            config.bus_listen.port()
        )
    })
}

/// The administrator, at first start.
async fn first_user(store: &Store, clock: &dyn Clock) -> anyhow::Result<()> {
    if store.has_users().await? {
        return Ok(());
    }
    let password = passwords::random()?;
    let hash = passwords::hash(&password)?;
    let role = rights::Role::Administrator;
    store.add_user(ADMIN, role.name(), &hash, &role.grants(None), clock.now()).await?;
    super::show_password(ADMIN, &password).context("printing the first password")
}

/// For people in the log, for programs one JSON line on standard output.
#[allow(clippy::print_stdout, reason = "the line that a program waits for")]
fn ready(insecure_http: bool, http: SocketAddr, bus: SocketAddr) -> anyhow::Result<()> {
    let scheme = if insecure_http { "http" } else { "https" };
    let shown = |mut address: SocketAddr| {
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        address
    };
    let (http, bus) = (shown(http), shown(bus));
    tracing::info!("the page is at {scheme}://{http}/, poles dial {bus}");
    let mut out = std::io::stdout().lock();
    writeln!(out, "{{\"ready\":true,\"{scheme}\":\"{scheme}://{http}\",\"bus\":\"tls/{bus}\"}}")
        .and_then(|()| out.flush())
        .context("printing the ready line")
}

/// The first signal asks everything to stop, the second ends the process.
fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening to SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening to SIGTERM")?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked.is_cancelled() {
                std::process::exit(130);
            }
            asked.cancel();
        }
    });
    Ok(stop)
}
