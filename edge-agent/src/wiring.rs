//! Joins the work of a pole to real doors; the only file that knows both.

mod buses;
mod cameras;
mod signals;

use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context;
use edge_agent_core::board::Board;
use edge_agent_core::courses::Courses;
use edge_agent_core::keeper::EventKeeper;
use edge_agent_core::order_shelf::FileShelf;
use edge_agent_core::outbox::Limits;
use edge_agent_core::pictures::Pictures;
use edge_agent_core::red_lights::RedLights;
use edge_agent_core::relay_shelf::RelayShelf;
use edge_agent_core::signal_orders::SignalOrders;
use edge_agent_core::site::Site;
use edge_agent_core::spool::SpoolSettings;
use edge_agent_core::statement_shelf::StatementShelf;
use edge_agent_core::stills::{Stills, StillsSettings};
use edge_agent_core::supervise::Failure;
use edge_agent_core::track_log::{TrackLog, TrackLogSettings};
use edge_agent_core::uplink::Uplink;
use hardware_bus::{BusSettings, Role, TlsFiles, ZenohBus};
use hardware_gps::protocols::{self, Framing, Zone};
use hardware_gps::server::{ANY, Orders};
use hardware_infer::JpegEncoder;
use hardware_ports::bus::Bus;
use hardware_ports::orders::OrderDesk;
use hardware_ports::{Clock, SystemClock};
use hardware_signal::controllers;
use models_domain::GatewayId;
use models_wire::certificates;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Hall, Known};
use crate::roll::Begun;

pub type Work = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Something that the supervisor keeps alive.
pub struct Part {
    pub name: String,
    /// One run, until it fails or is stopped.
    pub once: Box<dyn FnMut(Begun) -> Work + Send>,
}

impl Part {
    fn new<R>(name: impl Into<String>, mut once: impl FnMut(Begun) -> R + Send + 'static) -> Self
    where
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self { name: name.into(), once: Box::new(move |begun| Box::pin(once(begun))) }
    }
}

/// What all parts share.
pub struct Pole {
    pub clock: Arc<dyn Clock>,
    pub keeper: Arc<EventKeeper>,
    /// The same for what has a begin and an end; `None` where there are no cameras.
    pub courses: Option<Arc<Courses>>,
    pub board: Arc<Board>,
    pub site: Arc<Site>,
    pub pictures: Arc<Pictures>,
    /// `None` where there are no cameras.
    pub stills: Option<Arc<Stills>>,
    /// `None` where there are no cameras.
    pub tracks: Option<Arc<TrackLog>>,
    /// `None` where no tracker dials in.
    pub orders: Option<Arc<Orders>>,
    /// Positions that wait for the directorate's broker; `None` where none are sent to it.
    pub relayed: Option<Arc<RelayShelf>>,
    /// The same of what operators tell beside positions.
    pub forwarded: Option<Arc<StatementShelf>>,
    /// Where stop lines are judged; `None` where no camera has one.
    pub red_lights: Option<Arc<RedLights>>,
    /// The way to controllers; orders go through it once they are judged. `None` where there are no signals.
    pub signals: Option<signals::Signals>,
}

impl Pole {
    /// # Errors
    /// When the data folder cannot be used: without it no event is safe, so nothing runs. Where trackers' folders find no room, and none
    /// of cameras is missing, it opens all the same.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let dir = &config.gateway.data_dir;
        let mut spool = SpoolSettings::new(dir.join("spool"));
        spool.max_bytes = config.gateway.spool_max_bytes;
        // Only trackers bring what is old.
        let open = if config.buses.is_some() { EventKeeper::open_with_late } else { EventKeeper::open };
        let keeper = open(spool, Limits::default(), clock.clone()).context("opening the spool")?;
        let keeper = Arc::new(keeper);
        let courses = || Arc::new(Courses::open(dir.join("open-events"), keeper.clone()));
        let courses = config.cameras.is_some().then(courses);
        let board = Arc::new(Board::default());
        let stills = match &config.cameras {
            Some(_) => {
                let mut settings = StillsSettings::new(dir.join("stills"));
                settings.max_bytes = config.gateway.stills_max_bytes;
                let opened = Stills::open(settings, Arc::new(JpegEncoder));
                Some(Arc::new(opened.with_context(|| format!("opening {}/stills", dir.display()))?))
            }
            None => None,
        };
        let tracks = match &config.cameras {
            Some(_) => {
                let mut settings = TrackLogSettings::new(dir.join("tracks"));
                settings.max_bytes = config.gateway.tracks_max_bytes;
                let opened = TrackLog::open(&settings);
                Some(Arc::new(opened.with_context(|| format!("opening {}/tracks", dir.display()))?))
            }
            None => None,
        };
        let orders = match &config.buses {
            Some(_) => {
                let (shelf, left) = FileShelf::open(&dir.join("tracker-orders"))?;
                Some(Arc::new(Orders::on(Arc::new(shelf), left)))
            }
            None => None,
        };
        let relayed = match config.buses.as_ref().and_then(|buses| buses.ufms_to.as_ref()) {
            Some(_) => {
                let opened = RelayShelf::open(&dir.join("ufms-to"), clock.now());
                Some(Arc::new(opened.context("opening what waits for the directorate")?))
            }
            None => None,
        };
        let forwarded = match config.buses.as_ref().and_then(|buses| buses.ufms_to.as_ref()) {
            Some(to) if to.statements => {
                let opened = StatementShelf::open(&dir.join("ufms-statements"), clock.now());
                Some(Arc::new(opened.context("opening what operators tell the directorate")?))
            }
            Some(_) | None => None,
        };
        let signals = match &config.signals {
            Some(signals) => Some(signals::Signals::open(signals, dir, &keeper, &board, &clock)?),
            None => None,
        };
        let lines = config.cameras.iter().flat_map(|c| &c.cameras).any(|c| !c.red_lights.is_empty());
        let red_lights = lines.then(|| Arc::new(RedLights::new(Arc::new(JpegEncoder))));
        Ok(Self {
            red_lights,
            orders,
            relayed,
            forwarded,
            keeper,
            signals,
            courses,
            pictures: Arc::new(Pictures::new(board.clone(), Arc::new(JpegEncoder))),
            site: Arc::new(site(config)),
            board,
            stills,
            tracks,
            clock,
        })
    }
}

/// What the doors of this build can do.
pub fn known() -> Known {
    let sockets = protocols::ALL.iter().filter(|p| p.framing == Framing::Stream).map(|p| p.name);
    Known {
        gps_protocols: std::iter::once(ANY).chain(sockets).collect(),
        feed_protocols: hardware_gps::feeds::PROTOCOLS.to_vec(),
        controllers: controllers::ALL.iter().filter(|c| c.dials()).map(|c| c.name).collect(),
        dialled: controllers::ALL.iter().filter(|c| !c.dials() && !c.broadcasts()).map(|c| c.name).collect(),
        heard: controllers::ALL.iter().filter(|c| c.broadcasts()).map(|c| c.name).collect(),
        zone: |text| text.parse::<Zone>().map(|_| ()).map_err(|e| e.to_string()),
    }
}

/// The way to the hall. It runs until `stop`, after everything that makes events.
pub fn uplink(config: &Config, pole: &Pole, stop: &CancellationToken) -> Part {
    let settings = bus_settings(&config.hall);
    let (gateway, keeper, board) = (config.gateway.id.clone(), pole.keeper.clone(), pole.board.clone());
    let (pictures, stills, tracks) = (pole.pictures.clone(), pole.stills.clone(), pole.tracks.clone());
    let (site, clock, stop) = (pole.site.clone(), pole.clock.clone(), stop.clone());
    let trackers = pole.orders.clone().map(|orders| orders as Arc<dyn OrderDesk>);
    let orders: Option<Arc<SignalOrders>> = pole.signals.as_ref().map(|signals| signals.orders.clone());
    let alarms = pole.signals.as_ref().map(|signals| signals.alarms.clone());
    Part::new("[hall]", move |begun| {
        let (settings, stop, gateway) = (settings.clone(), stop.clone(), gateway.clone());
        let (keeper, board, pictures) = (keeper.clone(), board.clone(), pictures.clone());
        let (stills, tracks, site, clock) = (stills.clone(), tracks.clone(), site.clone(), clock.clone());
        let trackers = trackers.clone();
        let (orders, alarms) = (orders.clone(), alarms.clone());
        async move {
            own_certificate(&settings.tls, &gateway)?;
            let bus: Arc<dyn Bus> = Arc::new(ZenohBus::open(settings).await?);
            begun.well();
            let uplink = Uplink {
                gateway,
                bus,
                keeper,
                board,
                pictures,
                stills,
                tracks,
                trackers,
                orders,
                alarms,
                site,
                clock,
            };
            let ran = uplink.run_once(&stop).await;
            uplink.bus.close().await?;
            Ok(ran?)
        }
    })
}

/// Everything that makes events.
pub fn workers(config: &Config, pole: &Pole, stop: &CancellationToken) -> Vec<Part> {
    let mut parts = cameras::parts(config, pole, stop);
    parts.extend(buses::parts(config, pole, stop));
    parts.extend(signals::parts(config, pole, stop));
    parts
}

fn bus_settings(hall: &Hall) -> BusSettings {
    let tls = TlsFiles { ca: hall.ca.clone(), certificate: hall.certificate.clone(), key: hall.key.clone() };
    BusSettings { role: Role::Pole { connect: hall.connect.clone() }, tls }
}

/// The hall lets each certificate use its own gateway's keys only, and refuses all others without a word.
fn own_certificate(tls: &TlsFiles, gateway: &GatewayId) -> Result<(), Failure> {
    let name = hardware_bus::common_name(&tls.certificate)?;
    if certificates::is_of(&name, gateway) {
        return Ok(());
    }
    let file = tls.certificate.display();
    Err(format!(
        "{file} was made for gateway {}, and this one is {gateway}; make one with control-center gateway-certificate \
         --gateway {gateway}, or correct gateway.id",
        name.split('.').next().unwrap_or_default()
    )
    .into())
}

fn site(config: &Config) -> Site {
    let cameras = config.cameras.iter().flat_map(|c| &c.cameras).map(|c| c.site.clone());
    let junctions = config.signals.iter().flat_map(|s| s.junctions()).cloned();
    Site { cameras: cameras.collect(), junctions: junctions.collect() }
}
