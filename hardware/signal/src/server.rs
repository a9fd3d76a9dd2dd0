//! One listener for all controllers: sockets, limits, timeouts and links, once for every kind.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::sink::{SignalReport, Sink};
use models_domain::JunctionId;
use models_domain::event::{Link, LinkState};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use crate::connection::Connection;
use crate::controllers::{Controller, KnownSite, OpenAccepted, SessionSettings, Timing};
use crate::desk::Desk;
pub use crate::desk::OrderDesk;
use crate::links::{ConnectionNumber, Links, WaitingRoom};
use crate::security::{SecurityCodes, SecurityLevel};
use crate::steering::Steering;
use crate::tls::{self, TlsError, TlsFiles};

/// Connections that have not introduced themselves: in all, and from one address (many sites may share one behind NAT).
const STRANGERS_MAX: usize = 64;
const STRANGERS_PER_PEER_MAX: usize = 16;

/// Pause after the system refused a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Longest wait for the connections at the end.
const STOP_MAX: Duration = Duration::from_secs(3);

#[derive(Debug, Clone)]
pub struct SignalServerSettings {
    /// Where sites dial; port 0 takes a free one.
    pub address: SocketAddr,
    /// Name of a kind in `controllers::ALL`.
    pub controller: String,
    /// Who we say we are, from core 3.3.0 on.
    pub supervisor_id: String,
    pub sites: Vec<Site>,
    pub timing: Timing,
    /// `None`: plain TCP.
    pub tls: Option<TlsFiles>,
}

/// One controller that is expected to dial.
#[derive(Debug, Clone)]
pub struct Site {
    /// As the site introduces itself, such as `KK+AG9998`.
    pub site_id: String,
    pub junction: JunctionId,
    /// The component that reports the signal groups, such as `KK+AG9998=001TC000`.
    pub main_component: String,
    /// As [`KnownSite::detectors`].
    pub detectors: Vec<String>,
    /// Addresses the site may dial from; empty: any. RSMP without TLS knows no password: whoever reaches the port and knows
    /// the id can speak for the site.
    pub allow_from: Vec<IpAddr>,
    /// What it wants to hear with commands.
    pub codes: SecurityCodes,
    /// A clock that is off by more is set; `None`: it is never set.
    pub clock_off_max: Option<Duration>,
    /// `None`: it is listened to and never commanded.
    pub steering: Option<Steering>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("listening for signal controllers on {address}; is another program using that port?")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("signal settings: {}", .0.join("; "))]
    Settings(Vec<String>),
    #[error("TLS for signal controllers")]
    Tls(#[source] TlsError),
}

impl Site {
    /// One that is listened to, from any address, with everything else left out.
    pub fn new(site_id: impl Into<String>, junction: JunctionId, main_component: impl Into<String>) -> Self {
        Self {
            site_id: site_id.into(),
            junction,
            main_component: main_component.into(),
            detectors: Vec::new(),
            allow_from: Vec::new(),
            codes: SecurityCodes::default(),
            clock_off_max: None,
            steering: None,
        }
    }
}

impl SignalServerSettings {
    fn opener(&self) -> Option<(&'static Controller, OpenAccepted)> {
        let controller = Controller::by_name(&self.controller)?;
        Some((controller, controller.opener()?))
    }

    /// Everything that is wrong with them; empty when nothing is.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.opener().is_none() {
            problems
                .push(format!("controller {:?} is not one of the known kinds that dial", self.controller));
        }
        if self.supervisor_id.is_empty() {
            problems.push("supervisor_id is empty".to_owned());
        }
        let (mut sites, mut junctions) = (BTreeSet::new(), BTreeSet::new());
        for site in &self.sites {
            let detectors = site.detectors.iter().map(|detector| ("detectors", detector));
            let texts = [("site_id", &site.site_id), ("main_component", &site.main_component)];
            for (name, text) in texts.into_iter().chain(detectors) {
                if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
                    problems.push(format!("{name} {text:?} must have 1 to 128 printable characters"));
                }
            }
            if !sites.insert(&site.site_id) {
                problems.push(format!("site_id {:?} is used twice", site.site_id));
            }
            if !junctions.insert(&site.junction) {
                problems.push(format!("junction {} has two sites", site.junction));
            }
        }
        problems
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub open: OpenAccepted,
    pub session: SessionSettings,
    pub allow_from_by_site: BTreeMap<String, Vec<IpAddr>>,
    pub desk: Arc<Desk>,
    pub tls: Option<TlsAcceptor>,
    /// Each site must show a certificate made out to it.
    pub wants_certificates: bool,
    pub sink: Arc<dyn Sink<SignalReport>>,
    pub clock: Arc<dyn Clock>,
}

/// A listener that is bound and not yet served.
pub struct SignalServer {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Binds and serves until `stop`.
///
/// # Errors
/// [`ServeError`] when the settings are wrong or the port cannot be had.
pub async fn serve(
    settings: SignalServerSettings,
    sink: Arc<dyn Sink<SignalReport>>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    SignalServer::bind(settings, sink, clock).await?.run(stop).await;
    Ok(())
}

impl SignalServer {
    /// # Errors
    /// [`ServeError`] when the settings are wrong or the port cannot be had.
    pub async fn bind(
        settings: SignalServerSettings,
        sink: Arc<dyn Sink<SignalReport>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServeError> {
        let problems = settings.problems();
        let (controller, open) = match settings.opener() {
            Some(found) if problems.is_empty() => found,
            Some(_) | None => return Err(ServeError::Settings(problems)),
        };
        let wants_certificates = settings.tls.as_ref().is_some_and(|files| files.sites_ca.is_some());
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose().map_err(ServeError::Tls)?;
        let listen = |source| ServeError::Listen { address: settings.address, source };
        let listener = TcpListener::bind(settings.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let known = settings.sites.iter().map(|site| {
            let known = KnownSite {
                detectors: site.detectors.clone(),
                groups: site.steering.as_ref().map(|steering| steering.groups.clone()).unwrap_or_default(),
                codes: site.codes.clone(),
                clock_off_max: site.clock_off_max,
                ..KnownSite::new(site.junction.clone(), site.main_component.clone())
            };
            (site.site_id.clone(), known)
        });
        let session = SessionSettings {
            sites: Arc::new(known.collect()),
            supervisor_id: settings.supervisor_id,
            timing: settings.timing,
            new_message_id: || uuid::Uuid::new_v4().to_string(),
        };
        let links =
            Links::new(settings.sites.iter().map(|site| (site.site_id.clone(), site.junction.clone())));
        let steered =
            |site: &Site| Some((site.junction.clone(), (site.steering.clone()?, controller.translate)));
        let steering_by_junction = settings.sites.iter().filter_map(steered).collect();
        let desk = Arc::new(Desk::new(links, steering_by_junction));
        let allow_from_by_site =
            settings.sites.into_iter().map(|site| (site.site_id, site.allow_from)).collect();
        let shared = Shared { open, session, allow_from_by_site, desk, tls, wants_certificates, sink, clock };
        Ok(Self { listener, address, shared: Arc::new(shared) })
    }

    /// Where sites can dial, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where orders for its controllers are handed in, for as long as it runs.
    pub fn desk(&self) -> OrderDesk {
        OrderDesk(Arc::clone(&self.shared.desk))
    }

    /// Serves until `stop`; then every connection ends, within a few seconds.
    pub async fn run(self, stop: CancellationToken) {
        info!(address = %self.address, sites = self.shared.session.sites.len(), "waiting for signal controllers");
        self.tell_codes_to_change();
        self.tell_connecting().await;
        let waiting_room = WaitingRoom::new(STRANGERS_MAX, STRANGERS_PER_PEER_MAX);
        let mut connections = JoinSet::new();
        let mut number = 0;
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(err) => {
                    warn!(%err, "a signal controller's connection could not be accepted");
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => continue,
                    }
                }
            };
            let Some(seat) = waiting_room.enter(peer.ip()) else {
                warn!(%peer, "too many connections wait to introduce themselves; one more was closed");
                continue;
            };
            number += 1;
            let connection =
                Connection::new(ConnectionNumber(number), peer, seat, Arc::clone(&self.shared), stop.clone());
            connections.spawn(start(connection, stream, peer));
        }
        drop(self.listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_MAX, ended).await.is_err() {
            warn!("connections of signal controllers did not end in time; they are cut");
        }
    }

    /// What is to be taken out of the configuration, once it is done: until then it is asked for at each start.
    fn tell_codes_to_change(&self) {
        for (site, known) in self.shared.session.sites.iter() {
            for level in SecurityLevel::ALL {
                if known.codes.of(level).is_some_and(|code| code.before.is_some()) {
                    let key = level.key_before();
                    warn!(
                        site,
                        "{key} is in the configuration: the controller is told to change security code {level}; one that \
                         has the new code already refuses that once at each start, until {key} is taken out"
                    );
                }
            }
        }
    }

    /// Until a site dials, its junction is known to be waited for.
    async fn tell_connecting(&self) {
        for (site_id, site) in self.shared.session.sites.iter() {
            let reason = format!("waiting for site {site_id} to dial {}", self.address);
            let state = LinkState { link: Link::Connecting, reason };
            let at = self.shared.clock.now();
            let report = SignalReport::Link { junction: site.junction.clone(), at, state };
            if let Err(err) = self.shared.sink.accept(report).await {
                warn!(junction = %site.junction, %err, "the state of the link was lost");
            }
        }
    }
}

async fn start(connection: Connection, stream: TcpStream, peer: SocketAddr) {
    connection.run(stream).instrument(info_span!("controller", %peer)).await;
}
