//! The signal adapter: its listener and its dialler, and the way of an order to them.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use edge_agent_core::board::Board;
use edge_agent_core::keeper::EventKeeper;
use edge_agent_core::signal_alarms::SignalAlarms;
use edge_agent_core::signal_orders::SignalOrders;
use edge_agent_core::signal_worker::SignalWorker;
use hardware_ports::Clock;
use hardware_ports::signal::{Put, SignalDesk};
use hardware_ports::sink::{SignalReport, Sink};
use hardware_signal::SignalDialler;
use hardware_signal::announce::{Announced, Announcer, Shows};
use hardware_signal::controllers::Timing;
use hardware_signal::server::{OrderDesk, SignalServer, SignalServerSettings};
use models_domain::event::Link;
use models_domain::signal::AlarmWish;
use models_domain::signal::order::{ControllerNow, Wanted};
use models_domain::{DurationMs, JunctionId, UtcMillis};
use tokio::net::UdpSocket;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{Part, Pole};
use crate::config::Config;
use crate::config::signals::{SignalSite, Signals as Section};

pub struct Signals {
    pub orders: Arc<SignalOrders>,
    pub alarms: Arc<SignalAlarms>,
    desk: Arc<Desk>,
}

impl Signals {
    pub(super) fn open(
        signals: &Section,
        data_dir: &Path,
        keeper: &Arc<EventKeeper>,
        board: &Arc<Board>,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let desk = Arc::new(Desk::default());
        let can = signals.junctions().filter_map(|site| Some((site.id.clone(), site.can.clone()?))).collect();
        let file = data_dir.join("signal-orders.json");
        let orders =
            SignalOrders::open(can, &file, desk.clone(), keeper.clone(), board.clone(), clock.clone())
                .context("opening the record of signal orders")?;
        let alarms = Arc::new(SignalAlarms::new(desk.clone()));
        Ok(Self { orders: Arc::new(orders), alarms, desk })
    }
}

/// The desks of the listener and the dialler that run now; they are others after each of their starts.
#[derive(Default)]
struct Desk(Mutex<Vec<OrderDesk>>);

impl Desk {
    fn of(&self, junction: &JunctionId) -> Option<OrderDesk> {
        let desks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        desks.iter().find(|desk| desk.knows(junction)).cloned()
    }
}

const NOT_UP: &str = "the signal adapter is not up";

#[async_trait]
impl SignalDesk for Desk {
    async fn put(&self, junction: &JunctionId, wanted: &Wanted, hold: DurationMs) -> Put {
        match self.of(junction) {
            Some(desk) => desk.put(junction, wanted, hold).await,
            None => Put::Refused(NOT_UP.to_owned()),
        }
    }

    async fn release(&self, junction: &JunctionId, wanted: &Wanted) -> Put {
        match self.of(junction) {
            Some(desk) => desk.release(junction, wanted).await,
            None => Put::Refused(NOT_UP.to_owned()),
        }
    }

    async fn alarm(&self, junction: &JunctionId, wish: &AlarmWish) -> Put {
        match self.of(junction) {
            Some(desk) => desk.alarm(junction, wish).await,
            None => Put::Refused(NOT_UP.to_owned()),
        }
    }

    async fn read(&self, junction: &JunctionId) -> Result<ControllerNow, String> {
        match self.of(junction) {
            Some(desk) => desk.read(junction).await,
            None => Err(NOT_UP.to_owned()),
        }
    }
}

/// When the section is there: the listener, and whoever ends orders.
pub(super) fn parts(config: &Config, pole: &Pole, stop: &CancellationToken) -> Vec<Part> {
    let (Some(section), Some(signals)) = (&config.signals, &pole.signals) else { return Vec::new() };
    for warning in section.warnings() {
        tracing::warn!("{warning}");
    }
    let settings = section.listen.map(|listen| settings(section, listen));
    let dialled: Vec<_> = section.dialled.iter().map(|one| one.dialled.clone()).collect();
    let sink = SignalWorker::new(pole.keeper.clone(), pole.board.clone());
    let sink = Arc::new(sink.with_red_lights(pole.red_lights.clone()));
    let (clock, stop_of_all, desk) = (pole.clock.clone(), stop.clone(), signals.desk.clone());
    let stop = stop_of_all.clone();
    let orders = signals.orders.clone();
    let name =
        section.listen.map_or_else(|| "[signals] dial".to_owned(), |listen| format!("[signals] {listen}"));
    let part = Part::new(name, move |begun| {
        let (settings, sink, clock, stop) = (settings.clone(), sink.clone(), clock.clone(), stop.clone());
        let (desk, orders, dialled) = (desk.clone(), orders.clone(), dialled.clone());
        let sink: Arc<dyn Sink<SignalReport>> = sink;
        async move {
            let server = match settings {
                Some(settings) => Some(SignalServer::bind(settings, sink.clone(), clock.clone()).await?),
                None => None,
            };
            let dialler = SignalDialler::new(dialled, &sink, &clock)?;
            let desks = server.iter().map(SignalServer::desk).chain([dialler.desk()]).collect();
            *desk.0.lock().unwrap_or_else(PoisonError::into_inner) = desks;
            begun.well();
            let listen = async {
                if let Some(server) = server {
                    server.run(stop.clone()).await;
                }
            };
            tokio::join!(listen, dialler.run(stop.clone()), orders.run(&stop));
            Ok(())
        }
    });
    let mut parts = vec![part];
    if !section.sent.is_empty() {
        parts.push(announce(section.sent.clone(), pole, &stop_of_all));
    }
    parts
}

/// Tells vehicles what junctions show.
fn announce(sent: Vec<Announced>, pole: &Pole, stop: &CancellationToken) -> Part {
    let (board, clock, stop) = (pole.board.clone(), pole.clock.clone(), stop.clone());
    Part::new("[signals] send", move |begun| {
        let (board, clock, stop) = (board.clone(), clock.clone(), stop.clone());
        let announcers: Vec<Announcer> = sent.iter().cloned().map(Announcer::new).collect();
        async move {
            let mut senders = Vec::new();
            for announcer in announcers {
                let to = announcer.announced().to;
                let from = if to.is_ipv4() { IpAddr::from([0_u8; 4]) } else { IpAddr::from([0_u8; 16]) };
                let socket = UdpSocket::bind((from, 0)).await.context("opening a socket for SPaT")?;
                senders.push(Sender { announcer, socket, failed: false });
            }
            begun.well();
            let mut due = tokio::time::interval(SPAT_EVERY);
            due.set_missed_tick_behavior(MissedTickBehavior::Skip);
            for tick in 0_u64.. {
                tokio::select! {
                    () = stop.cancelled() => break,
                    _ = due.tick() => {}
                }
                for sender in &mut senders {
                    sender.send(&board, clock.now(), tick % SPATS_A_MAP == 0).await?;
                }
            }
            Ok(())
        }
    })
}

const SPAT_EVERY: Duration = Duration::from_millis(100);
/// A MAP with every tenth SPaT: once a second.
const SPATS_A_MAP: u64 = 10;

struct Sender {
    announcer: Announcer,
    socket: UdpSocket,
    /// The last datagram could not be sent: told once.
    failed: bool,
}

impl Sender {
    async fn send(&mut self, board: &Board, at: UtcMillis, with_map: bool) -> anyhow::Result<()> {
        let now = board.junction(&self.announcer.announced().junction);
        let now = now.filter(|now| now.state.link == Link::Up);
        let shows = match &now {
            Some(now) => Shows { groups: &now.groups, changes: &now.changes, mode: now.now.mode },
            None => Shows { groups: "", changes: &[], mode: None },
        };
        let spat = self.announcer.spat(at, shows)?;
        let Announced { junction, to, .. } = self.announcer.announced();
        let map = self.announcer.announced().map().filter(|_| with_map);
        for datagram in [Some(&spat[..]), map].into_iter().flatten() {
            match self.socket.send_to(datagram, to).await {
                Ok(_) => self.failed = false,
                Err(err) => {
                    if !std::mem::replace(&mut self.failed, true) {
                        tracing::warn!(%junction, "sending its SPaT to {to}: {err}; it is tried on");
                    }
                }
            }
        }
        Ok(())
    }
}

fn settings(signals: &Section, address: SocketAddr) -> SignalServerSettings {
    let site = |s: &SignalSite| hardware_signal::Site {
        site_id: s.site_id.clone(),
        junction: s.site.id.clone(),
        main_component: s.component.clone(),
        detectors: s.detectors.clone(),
        allow_from: s.allow_from.clone(),
        codes: s.codes.clone(),
        clock_off_max: s.clock_off_max,
        steering: s.steering.clone(),
    };
    SignalServerSettings {
        address,
        controller: signals.controller.clone(),
        supervisor_id: signals.supervisor_id.clone(),
        sites: signals.sites.iter().map(site).collect(),
        timing: Timing { counts_interval: signals.counts_interval, ..Timing::default() },
        tls: signals.tls.clone(),
    }
}
