//! Controllers that we dial, or whose broadcasts we hear: one UDP socket and one session each, for as long as the pole runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::sink::{SignalReport, Sink};
use models_domain::event::{Link, LinkState};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use crate::controllers::{Action, Answer, At, OpenDialled, Order, Session};
use crate::desk::{Desk, OrderDesk};
use crate::dialled::Dialled;
use crate::links::{Asking, ConnectionNumber, Links};
use crate::server::ServeError;

/// Before an address is looked up again, or a report that the sink refused is handed in again.
const AGAIN: Duration = Duration::from_secs(1);

/// Longest wait for the sink.
const KEEP_MAX: Duration = Duration::from_secs(15);

/// Longest wait for all links at the end.
const STOP_MAX: Duration = Duration::from_secs(3);

/// Orders that wait to be handed to a session; more are refused.
const ORDERS_MAX: usize = 32;

/// Eight variables need a few hundred.
const DATAGRAM_BYTES: usize = 8 * 1024;

/// All controllers of a pole that are dialled.
pub struct SignalDialler {
    all: Vec<Arc<One>>,
    desk: Arc<Desk>,
}

/// One of them, and what its task needs.
struct One {
    dialled: Dialled,
    open: OpenDialled,
    desk: Arc<Desk>,
    sink: Arc<dyn Sink<SignalReport>>,
    clock: Arc<dyn Clock>,
}

impl SignalDialler {
    /// # Errors
    /// [`ServeError::Settings`] with everything that is wrong.
    pub fn new(
        all: Vec<Dialled>,
        sink: &Arc<dyn Sink<SignalReport>>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ServeError> {
        let (mut problems, mut junctions) = (Vec::new(), BTreeSet::new());
        for one in &all {
            problems
                .extend(one.problems().into_iter().map(|why| format!("junction {}: {why}", one.junction)));
            if !junctions.insert(one.junction.clone()) {
                problems.push(format!("junction {} has two controllers", one.junction));
            }
        }
        if !problems.is_empty() {
            return Err(ServeError::Settings(problems));
        }
        let links = Links::new(all.iter().map(|one| (one.junction.to_string(), one.junction.clone())));
        let steered = |one: &Dialled| {
            let (controller, _, _) = one.kind()?;
            Some((one.junction.clone(), (one.steering.clone()?, controller.translate)))
        };
        let steering_by_junction = all.iter().filter_map(steered).collect();
        let desk = Arc::new(Desk::new(links, steering_by_junction));
        let one = |dialled: Dialled| {
            let (_, open, _) = dialled.kind()?;
            let (desk, sink, clock) = (desk.clone(), sink.clone(), clock.clone());
            Some(Arc::new(One { dialled, open, desk, sink, clock }))
        };
        let all = all.into_iter().filter_map(one).collect();
        Ok(Self { all, desk })
    }

    /// Where orders for its controllers are handed in, for as long as it runs.
    pub fn desk(&self) -> OrderDesk {
        OrderDesk(Arc::clone(&self.desk))
    }

    /// Asks until `stop`; then every link ends.
    pub async fn run(self, stop: CancellationToken) {
        info!(controllers = self.all.len(), "asking signal controllers");
        let mut tasks = JoinSet::new();
        let mut ones_by_task: BTreeMap<String, Arc<One>> = BTreeMap::new();
        let mut number = 0;
        let mut start = |one: Arc<One>, tasks: &mut JoinSet<()>| -> Id {
            number += 1;
            let span = info_span!("controller", junction = %one.dialled.junction);
            let talk = Talk::new(one, ConnectionNumber(number), stop.clone());
            tasks.spawn(talk.run().instrument(span)).id()
        };
        for one in self.all {
            let id = start(one.clone(), &mut tasks);
            ones_by_task.insert(id.to_string(), one);
        }
        let ended = async {
            while let Some(ended) = tasks.join_next_with_id().await {
                let Err(failed) = ended else { continue };
                // What a controller sent has met a fault of ours: it alone begins anew.
                let one = ones_by_task.remove(&failed.id().to_string());
                error!(%failed, "a controller's task failed");
                if let Some(one) = one.filter(|_| !stop.is_cancelled()) {
                    tokio::time::sleep(AGAIN).await;
                    let id = start(one.clone(), &mut tasks);
                    ones_by_task.insert(id.to_string(), one);
                }
            }
        };
        tokio::pin!(ended);
        tokio::select! {
            () = &mut ended => return,
            () = stop.cancelled() => {}
        }
        if tokio::time::timeout(STOP_MAX, ended).await.is_err() {
            warn!("links to signal controllers did not end in time; they are cut");
        }
    }
}

/// The conversation with one controller.
struct Talk {
    one: Arc<One>,
    site: String,
    number: ConnectionNumber,
    stop: CancellationToken,
    orders: mpsc::Receiver<Asking>,
    desk: mpsc::Sender<Asking>,
    orders_taken: u64,
    replies_by_order: BTreeMap<u64, oneshot::Sender<Answer>>,
    /// What the system said of the last datagram that could not be sent.
    failure: Option<String>,
}

impl Talk {
    fn new(one: Arc<One>, number: ConnectionNumber, stop: CancellationToken) -> Self {
        let (desk, orders) = mpsc::channel(ORDERS_MAX);
        let site = one.dialled.junction.to_string();
        Self {
            one,
            site,
            number,
            stop,
            orders,
            desk,
            orders_taken: 0,
            replies_by_order: BTreeMap::new(),
            failure: None,
        }
    }

    async fn run(mut self) {
        let never = CancellationToken::new();
        self.one.desk.links.take(&self.site, self.number, never, self.desk.clone()).await;
        let dialled = &self.one.dialled;
        let what = if dialled.is_heard() { "waiting for broadcasts on" } else { "asking" };
        self.tell(Link::Connecting, format!("{what} {}", dialled.address)).await;
        let mut session = (self.one.open)(self.at(), self.one.dialled.settings());
        let stop = self.stop.clone();
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                socket = self.socket() => self.talk(&socket, session.as_mut()).await,
            }
        }
        let down = LinkState { link: Link::Down, reason: "the adapter was stopped".to_owned() };
        let (at, sink) = (self.one.clock.now(), self.one.sink.as_ref());
        let told = self.one.desk.links.tell(&self.site, self.number, at, down, sink);
        if !matches!(tokio::time::timeout(AGAIN, told).await, Ok(Ok(()))) {
            warn!("the state of the link was lost");
        }
    }

    /// A socket that hears the controller alone; tried until the address can be found.
    async fn socket(&mut self) -> UdpSocket {
        let mut told = String::new();
        loop {
            let (address, heard) = (&self.one.dialled.address, self.one.dialled.is_heard());
            let opened = if heard { UdpSocket::bind(address).await } else { connect(address).await };
            match opened {
                Ok(socket) => return socket,
                Err(err) => {
                    let reason = if heard {
                        format!("the address {address} cannot be listened on: {err}")
                    } else {
                        format!("the address {address} cannot be reached: {err}")
                    };
                    if reason != told {
                        self.tell(Link::Down, reason.clone()).await;
                        told = reason;
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn talk(&mut self, socket: &UdpSocket, session: &mut dyn Session) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            while let Some(action) = session.poll() {
                self.act(action, socket).await;
            }
            let wait = session.poll_timeout().saturating_sub(self.one.clock.elapsed());
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                Some(asking) = self.orders.recv() => {
                    self.orders_taken += 1;
                    self.replies_by_order.insert(self.orders_taken, asking.reply);
                    session.order(Order { number: self.orders_taken, what: asking.what });
                }
                () = tokio::time::sleep(wait) => session.handle_timeout(self.at()),
                read = socket.recv_from(&mut buffer) => match read {
                    Ok((length, from)) if self.one.dialled.access.takes_from(from.ip()) => {
                        self.failure = None;
                        session.receive(self.at(), &buffer[..length]);
                    }
                    // A stranger's.
                    Ok(_) => {}
                    // Such as that nobody listens there: the session finds out that no answer comes.
                    Err(err) => self.failure = Some(err.to_string()),
                },
            }
        }
    }

    async fn act(&mut self, action: Action, socket: &UdpSocket) {
        match action {
            Action::Send(bytes) => {
                if let Err(err) = socket.send(&bytes).await {
                    self.failure = Some(err.to_string());
                }
            }
            Action::Keep(report) => self.keep(report).await,
            Action::Up { remark } => {
                if remark.is_empty() {
                    info!("a controller's link is up");
                } else {
                    warn!(remark, "a controller's link is up, but");
                }
                self.tell(Link::Up, remark).await;
            }
            Action::Down { reason } | Action::Close { reason } => {
                let reason = match self.failure.take() {
                    Some(failure) => format!("{reason} ({failure})"),
                    None => reason,
                };
                warn!(reason, "a controller's link is down");
                self.tell(Link::Down, reason).await;
            }
            Action::Answered { number, answer } => {
                if let Some(reply) = self.replies_by_order.remove(&number) {
                    // Whoever asked may have gone.
                    let _ = reply.send(answer);
                }
            }
            Action::Warn(text) => warn!("{text}"),
            Action::Identified { .. } => {}
        }
    }

    async fn tell(&self, link: Link, reason: String) {
        let (junction, at) = (self.one.dialled.junction.clone(), self.one.clock.now());
        self.keep(SignalReport::Link { junction, at, state: LinkState { link, reason } }).await;
    }

    /// Hands it in until it is kept: nothing newer is asked for in between, so that reports keep their order.
    async fn keep(&self, report: SignalReport) {
        let mut told = false;
        loop {
            let why = match tokio::time::timeout(KEEP_MAX, self.one.sink.accept(report.clone())).await {
                Ok(Ok(())) => return,
                Ok(Err(err)) => err.to_string(),
                Err(_) => format!("no answer within {} s", KEEP_MAX.as_secs()),
            };
            if !std::mem::replace(&mut told, true) {
                warn!(why, "a report is not kept yet; tried again");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    fn at(&self) -> At {
        At::of(self.one.clock.as_ref())
    }
}

async fn connect(address: &str) -> std::io::Result<UdpSocket> {
    let mut last = std::io::Error::other("it has no address");
    for found in tokio::net::lookup_host(address).await? {
        let any: SocketAddr = if found.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        match socket.connect(found).await {
            Ok(()) => return Ok(socket),
            Err(err) => last = err,
        }
    }
    Err(last)
}
