//! Controllers that we dial: one UDP socket and one session each, for as long as the pole runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::sink::{SignalReport, Sink};
use models_domain::JunctionId;
use models_domain::event::{Link, LinkState};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use crate::controllers::{
    Access, Action, Answer, At, CheckGroup, Controller, DialSettings, OpenDialled, Order, Reach, Session,
};
use crate::desk::{Desk, OrderDesk};
use crate::links::{Asking, ConnectionNumber, Links};
use crate::server::ServeError;
use crate::steering::Steering;

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

/// Lamps are never looked at more often, nor more seldom.
pub const POLL_MIN: Duration = Duration::from_millis(20);
pub const POLL_MAX: Duration = Duration::from_secs(10);

/// A controller that we dial.
#[derive(Debug, Clone)]
pub struct Dialled {
    /// Name of a kind in `controllers::ALL`.
    pub controller: String,
    /// HOST:PORT
    pub address: String,
    pub junction: JunctionId,
    pub access: Access,
    /// Names of the signal groups in this kind's words, in the order in which their states are reported.
    pub groups: Vec<String>,
    pub poll: Duration,
    pub backup: Option<Duration>,
    pub clock_off_max: Option<Duration>,
    /// `None`: it is listened to and never commanded.
    pub steering: Option<Steering>,
}

impl Dialled {
    fn kind(&self) -> Option<(&'static Controller, OpenDialled, CheckGroup)> {
        let controller = Controller::by_name(&self.controller)?;
        match controller.reach {
            Reach::WeDial { open, check_group } => Some((controller, open, check_group)),
            Reach::ItDials { .. } => None,
        }
    }

    /// Everything that is wrong with it; empty when nothing is.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let Some((_, _, check_group)) = self.kind() else {
            return vec![format!(
                "controller {:?} is not one of the known kinds that are dialled",
                self.controller
            )];
        };
        if self.groups.is_empty() || self.groups.len() > 255 {
            problems.push("1 to 255 signal groups must be named".to_owned());
        }
        problems.extend(self.groups.iter().filter_map(|name| check_group(name).err()));
        if !(POLL_MIN..=POLL_MAX).contains(&self.poll) {
            problems.push(format!("the poll must be from {POLL_MIN:?} to {POLL_MAX:?}"));
        }
        match &self.access {
            Access::Community { community, .. } if community.is_empty() => {
                problems.push("the community is empty".to_owned());
            }
            Access::User { auth, privacy, name } => {
                if name.is_empty() || name.len() > 32 {
                    problems.push("the SNMPv3 user must have 1 to 32 bytes".to_owned());
                }
                let words = [auth.as_ref().map(|(_, word)| word), privacy.as_ref()];
                // RFC 3414 §11.2.
                if words.into_iter().flatten().any(|word| word.len() < 8) {
                    problems.push("a password of an SNMPv3 user must have at least 8 bytes".to_owned());
                }
                if privacy.is_some() && auth.is_none() {
                    problems.push("privacy needs authentication".to_owned());
                }
            }
            Access::Community { .. } => {}
        }
        problems
    }

    fn settings(&self) -> DialSettings {
        let [a, b, c, d, ..] = *uuid::Uuid::new_v4().as_bytes();
        DialSettings {
            junction: self.junction.clone(),
            access: self.access.clone(),
            poll: self.poll,
            groups: self.groups.clone(),
            backup: self.backup,
            clock_off_max: self.clock_off_max,
            all_red_preempt: self.steering.as_ref().and_then(|steering| steering.all_red_input),
            first_number: i32::from_be_bytes([a, b, c, d]),
        }
    }
}

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
        let desk = Arc::new(Desk { links, steering_by_junction });
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
        self.tell(Link::Connecting, format!("asking {}", self.one.dialled.address)).await;
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
            match connect(&self.one.dialled.address).await {
                Ok(socket) => return socket,
                Err(err) => {
                    let reason = format!("the address {} cannot be reached: {err}", self.one.dialled.address);
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
                read = socket.recv(&mut buffer) => match read {
                    Ok(length) => {
                        self.failure = None;
                        session.receive(self.at(), &buffer[..length]);
                    }
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
        At { utc: self.one.clock.now(), elapsed: self.one.clock.elapsed() }
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
