//! ONE loop for all protocols: sockets, limits, timeouts, counting and logging are here and nowhere else.
//!
//! A device is answered only after the sink has kept what it reported. When the sink cannot, nothing is answered and the
//! connection ends: the device keeps the report and comes again.

mod asking;
mod connection;
mod counters;
mod datagrams;
mod end;
mod left_out;
pub mod orders;
mod room;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::sink::{GpsReport, Sink};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::protocols::{self, Framing, Protocol, UnknownProtocol, Zone, Zones};
use crate::quiet::Quiet;

use self::left_out::Told;

pub use self::counters::{Counters, Counts};
pub use self::orders::Orders;

#[derive(Debug, Clone)]
pub struct GpsServerSettings {
    pub listeners: Vec<Listener>,
    /// Zones of single devices' clocks, by what the device calls itself: IMEI or phone number without leading zeros.
    pub zone_by_device: BTreeMap<String, Zone>,
    /// The devices that are taken, by what they call themselves; `None` takes every one.
    pub devices: Option<BTreeSet<String>>,
    pub limits: Limits,
}

#[derive(Debug, Clone)]
pub struct Listener {
    /// Name of the protocol, such as `gt06`, or [`ANY`].
    pub protocol: String,
    /// Port 0 takes a free one; see [`GpsServer::addresses`].
    pub address: SocketAddr,
    pub transport: Transport,
    /// Zone of these devices' clocks; without it, what a device says at login, then the protocol's own.
    pub zone: Option<Zone>,
}

/// In place of a protocol's name: each connection's first bytes tell which one it speaks.
pub const ANY: &str = "any";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Udp,
}

/// What one client may take, so that none harms the others.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections, all listeners together; more are closed at once.
    pub connections: usize,
    /// Bytes of one connection that make no message yet; more end it, but for protocols that have longer messages.
    pub buffered_bytes: usize,
    /// Connections that may hold a longer message at a time, each [`Protocol::longest`] and at most as much again that the
    /// buffer grew ahead of it, or all packets of a message in packets; the others wait, and their packets are dropped.
    pub long_messages: usize,
    /// Without a byte for so long, a connection ends, and an address that sends datagrams is a stranger again. Trackers say
    /// something every 3 to 5 minutes.
    pub idle: Duration,
    /// From the first byte of a message to its last, and from connecting to the first message; where a list says which devices are
    /// taken, to the first that names its device.
    pub message: Duration,
    /// Bad messages in a row that end a connection.
    pub bad_in_a_row: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            buffered_bytes: 16 * 1024,
            long_messages: 64,
            idle: Duration::from_secs(600),
            message: Duration::from_secs(60),
            bad_in_a_row: 32,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GpsServerError {
    #[error("listening for buses")]
    Protocol(#[source] UnknownProtocol),
    #[error("{protocol} comes by a message broker, not over a socket: take its listener on {address} out")]
    NotASocket { protocol: String, address: SocketAddr },
    #[error("listening for {protocol} on {address}; is the port taken by another program?")]
    Bind {
        protocol: String,
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
}

/// Sockets that are bound and not served yet.
pub struct GpsServer {
    sockets: Vec<(Option<&'static Protocol>, Zones, Socket)>,
    addresses: Vec<SocketAddr>,
    devices: Option<Arc<BTreeSet<String>>>,
    limits: Limits,
    counters: Arc<Counters>,
    orders: Arc<Orders>,
}

enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

/// Binds and serves until `stop`.
///
/// # Errors
/// [`GpsServerError`] when a listener cannot be opened; then none is served.
pub async fn serve(
    settings: GpsServerSettings,
    sink: Arc<dyn Sink<GpsReport>>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Result<(), GpsServerError> {
    GpsServer::bind(settings).await?.run(sink, clock, stop).await;
    Ok(())
}

impl GpsServer {
    /// # Errors
    /// [`GpsServerError`] for the first listener that cannot be opened.
    pub async fn bind(settings: GpsServerSettings) -> Result<Self, GpsServerError> {
        let by_device = Arc::new(settings.zone_by_device);
        let (mut sockets, mut addresses) = (Vec::new(), Vec::new());
        for listener in settings.listeners {
            let protocol = match listener.protocol.as_str() {
                ANY => None,
                name => Some(protocols::named(name).map_err(GpsServerError::Protocol)?),
            };
            let address = listener.address;
            if protocol.is_some_and(|protocol| protocol.framing == Framing::Message) {
                return Err(GpsServerError::NotASocket { protocol: listener.protocol, address });
            }
            let (socket, bound) = open(listener.transport, address)
                .await
                .map_err(|source| GpsServerError::Bind { protocol: listener.protocol, address, source })?;
            tracing::info!(protocol = name(protocol), address = %bound, "listening for buses");
            let zones = Zones { by_device: by_device.clone(), otherwise: listener.zone };
            sockets.push((protocol, zones, socket));
            addresses.push(bound);
        }
        let devices = settings.devices.map(Arc::new);
        let (counters, orders) = (Arc::default(), Arc::default());
        Ok(Self { sockets, addresses, devices, limits: settings.limits, counters, orders })
    }

    /// Where it listens, in the order of the settings' listeners.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What is counted from now on; while it serves, the log has it once an hour.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Lets several servers share the orders of all devices.
    #[must_use]
    pub fn with_orders(self, orders: Arc<Orders>) -> Self {
        Self { orders, ..self }
    }

    /// Serves until `stop`, then ends every connection; a report in hand is still kept and answered.
    pub async fn run(self, sink: Arc<dyn Sink<GpsReport>>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let room = Arc::new(Semaphore::new(self.limits.connections));
        let long = Arc::new(Semaphore::new(self.limits.long_messages));
        let (told, mut loops) = (Arc::new(Told::default()), JoinSet::new());
        let names: Vec<&str> = self.sockets.iter().map(|(protocol, ..)| name(*protocol)).collect();
        let names = names.join(", ");
        for (protocol, zones, socket) in self.sockets {
            let shared = Shared {
                protocol,
                zones,
                devices: self.devices.clone(),
                limits: self.limits.clone(),
                long: long.clone(),
                counters: self.counters.clone(),
                told: told.clone(),
                orders: self.orders.clone(),
                sink: sink.clone(),
                clock: clock.clone(),
                stop: stop.clone(),
            };
            match socket {
                Socket::Tcp(listener) => loops.spawn(accept(shared, listener, room.clone())),
                Socket::Udp(socket) => loops.spawn(datagrams::serve(shared, socket)),
            };
        }
        tell_hourly(&names, &self.counters, loops.join_all()).await;
    }
}

/// Between two lines of what was counted: no other place has it, and more would fill the log.
const TOLD_EVERY: Duration = Duration::from_secs(3600);

/// Until `served` is done, and then of the rest of an hour. An hour without anything is not told.
async fn tell_hourly<T>(protocols: &str, counters: &Counters, served: impl Future<Output = T>) {
    let mut served = std::pin::pin!(served);
    let mut before = counters.now();
    loop {
        let over = tokio::time::timeout(TOLD_EVERY, served.as_mut()).await.is_ok();
        let now = counters.now();
        let counted = now.since(&before).to_string();
        if !counted.is_empty() {
            tracing::info!(protocols, "counted: {counted}");
        }
        if over {
            return;
        }
        before = now;
    }
}

/// Connections that wait to be accepted, as far as the system lets them (net.core.somaxconn): after an outage a whole fleet
/// dials at once, and who finds no room here tries again only after a second, then three, then seven.
const BACKLOG: u32 = 65_535;

async fn open(transport: Transport, address: SocketAddr) -> std::io::Result<(Socket, SocketAddr)> {
    Ok(match transport {
        Transport::Tcp => {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            let bound = listener.local_addr()?;
            (Socket::Tcp(listener), bound)
        }
        Transport::Udp => {
            let socket = UdpSocket::bind(address).await?;
            let bound = socket.local_addr()?;
            (Socket::Udp(socket), bound)
        }
    })
}

/// What every connection of one listener needs.
#[derive(Clone)]
struct Shared {
    /// `None` where each connection's first bytes tell.
    protocol: Option<&'static Protocol>,
    zones: Zones,
    devices: Option<Arc<BTreeSet<String>>>,
    limits: Limits,
    /// For [`Limits::long_messages`].
    long: Arc<Semaphore>,
    counters: Arc<Counters>,
    told: Arc<Told>,
    orders: Arc<Orders>,
    sink: Arc<dyn Sink<GpsReport>>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
}

impl Shared {
    fn name(&self) -> &'static str {
        name(self.protocol)
    }
}

fn name(protocol: Option<&'static Protocol>) -> &'static str {
    protocol.map_or(ANY, |protocol| protocol.name)
}

/// How long accepting pauses when the machine has no socket left.
const NO_SOCKET: Duration = Duration::from_millis(200);

async fn accept(shared: Shared, listener: TcpListener, room: Arc<Semaphore>) {
    let mut connections = JoinSet::new();
    let (mut failed, mut refused) = (Quiet::default(), Quiet::default());
    loop {
        let accepted: std::io::Result<(TcpStream, SocketAddr)> = tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(err) => {
                if let Some(times) = failed.due(shared.clock.elapsed()) {
                    tracing::warn!(protocol = shared.name(), times, "accepting a connection: {err}");
                }
                tokio::time::sleep(NO_SOCKET).await;
                continue;
            }
        };
        let Ok(permit) = room.clone().try_acquire_owned() else {
            shared.counters.refused();
            if let Some(times) = refused.due(shared.clock.elapsed()) {
                let limit = shared.limits.connections;
                tracing::warn!(%peer, limit, times, "refused: too many connections");
            }
            continue;
        };
        let shared = shared.clone();
        connections.spawn(async move {
            connection::serve(&shared, stream, peer).await;
            drop(permit);
        });
    }
    connections.join_all().await;
}
