//! One zenoh session as a [`Bus`].

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::bus::{Bus, BusError, Delivery, Message, Presence, Question};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use zenoh::handlers::FifoChannel;
use zenoh::liveliness::LivelinessToken;
use zenoh::qos::CongestionControl;
use zenoh::query::{ConsolidationMode, Query, QueryTarget};
use zenoh::sample::{Sample, SampleKind};

use crate::presence::Latest;
use crate::settings::{BusSettings, Role};
use crate::{probe, tls};

/// Answers that may wait for a slow asker; beyond it the asker's own link waits.
const ANSWERS: usize = 256;
/// How often a pole without a hall looks for the reason.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// A session on the bus. Needs tokio's multi-thread runtime.
pub struct ZenohBus {
    session: zenoh::Session,
    tokens: Mutex<Vec<LivelinessToken>>,
    closing: CancellationToken,
}

impl ZenohBus {
    /// Opens the session. A hall is listening when this returns; a pole returns at once and keeps dialling.
    ///
    /// # Errors
    /// [`BusError::Open`] naming the file or the address that is wrong. A hall that cannot be reached is no error of a pole.
    pub async fn open(settings: BusSettings) -> Result<Self, BusError> {
        tls::check(&settings.tls)?;
        if let Role::Hall { listen } = &settings.role {
            check_free(listen)?;
        }
        let config = settings.to_zenoh()?;
        let session = zenoh::open(config).await.map_err(|e| BusError::Open(e.to_string()))?;
        let bus = Self { session, tokens: Mutex::default(), closing: CancellationToken::new() };
        if let Role::Pole { connect } = &settings.role {
            let config = Arc::new(tls::client_config(&settings.tls)?);
            tokio::spawn(tell_why_not(bus.session.clone(), connect.clone(), config, bus.closing.clone()));
        }
        Ok(bus)
    }

    /// Whether at least one other session is connected.
    pub async fn connected(&self) -> bool {
        connected(&self.session).await
    }

    /// Where a hall listens; `None` for a pole.
    pub async fn listening(&self) -> Option<SocketAddr> {
        let locators = self.session.info().locators().await;
        locators.iter().find_map(|l| l.address().as_str().parse().ok())
    }

    /// Keeps `declared` until the receiver is gone or the bus closes.
    fn keep_until_unread<T: Send + 'static, D: Send + 'static>(&self, sender: mpsc::Sender<T>, declared: D) {
        let closing = self.closing.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = sender.closed() => {}
                () = closing.cancelled() => {}
            }
            drop(declared);
        });
    }
}

#[async_trait]
impl Bus for ZenohBus {
    async fn publish(&self, key: &str, payload: Vec<u8>, delivery: Delivery) -> Result<(), BusError> {
        let failed = |why: String| operation("publishing", key, why);
        match delivery {
            Delivery::NewestWins => {
                let put = self.session.put(key, payload).congestion_control(CongestionControl::Drop);
                put.await.map_err(|e| failed(e.to_string()))
            }
            Delivery::Wait => {
                // zenoh waits for room in its queue by blocking the thread: not on one of the runtime's own.
                let (session, to) = (self.session.clone(), key.to_owned());
                let put = tokio::task::spawn_blocking(move || {
                    use zenoh::Wait;
                    let put = session.put(to, payload).congestion_control(CongestionControl::Block);
                    put.wait().map_err(|e| e.to_string())
                });
                put.await.map_err(|e| failed(e.to_string()))?.map_err(failed)
            }
        }
    }

    async fn subscribe(&self, key: &str, capacity: usize) -> Result<mpsc::Receiver<Message>, BusError> {
        let (sender, receiver) = mpsc::channel(capacity);
        let to = sender.clone();
        let pattern = key.to_owned();
        let subscriber = self.session.declare_subscriber(key).callback(move |sample: Sample| {
            let message = message(&sample);
            if let Err(mpsc::error::TrySendError::Full(message)) = to.try_send(message) {
                tracing::warn!(
                    key = message.key,
                    pattern,
                    "a message was thrown away: its reader is too slow"
                );
            }
        });
        let subscriber = subscriber.await.map_err(|e| operation("subscribing to", key, e.to_string()))?;
        self.keep_until_unread(sender, subscriber);
        Ok(receiver)
    }

    async fn ask(&self, key: &str, payload: Vec<u8>, wait: Duration) -> Result<Vec<Message>, BusError> {
        let get = self.session.get(key).payload(payload).timeout(wait).target(QueryTarget::All);
        let get = get.consolidation(ConsolidationMode::None).with(FifoChannel::new(ANSWERS));
        let replies = get.await.map_err(|e| operation("asking", key, e.to_string()))?;
        let mut answers = Vec::new();
        let collect = async {
            while let Ok(reply) = replies.recv_async().await {
                if let Ok(sample) = reply.result() {
                    answers.push(message(sample));
                }
            }
        };
        // zenoh ends the replies after `wait`; this only bounds a loss of that promise.
        let bound = wait + Duration::from_secs(1);
        if tokio::time::timeout(bound, collect).await.is_err() {
            tracing::warn!(key, "a question did not end in time");
        }
        Ok(answers)
    }

    async fn answer(&self, key: &str, capacity: usize) -> Result<mpsc::Receiver<Question>, BusError> {
        let (sender, receiver) = mpsc::channel(capacity);
        let to = sender.clone();
        let pattern = key.to_owned();
        let runtime = tokio::runtime::Handle::current();
        let queryable = self.session.declare_queryable(key).callback(move |query: Query| {
            let Ok(room) = to.try_reserve() else {
                tracing::warn!(key = %query.key_expr(), pattern, "a question was thrown away: too many wait");
                return;
            };
            let (reply, answered) = oneshot::channel();
            let payload = query.payload().map(|p| p.to_bytes().into_owned()).unwrap_or_default();
            room.send(Question { key: query.key_expr().to_string(), payload, reply });
            runtime.spawn(async move {
                // Dropping the query without an answer tells the asker that there is none.
                let Ok(Message { key, payload }) = answered.await else { return };
                if let Err(err) = query.reply(key.clone(), payload).await {
                    tracing::warn!(key, "answering: {err}");
                }
            });
        });
        let queryable = queryable.await.map_err(|e| operation("answering on", key, e.to_string()))?;
        self.keep_until_unread(sender, queryable);
        Ok(receiver)
    }

    async fn announce(&self, key: &str) -> Result<(), BusError> {
        let token = self.session.liveliness().declare_token(key).await;
        let token = token.map_err(|e| operation("announcing", key, e.to_string()))?;
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token);
        Ok(())
    }

    async fn watch(&self, key: &str, capacity: usize) -> Result<mpsc::Receiver<Presence>, BusError> {
        let (sender, receiver) = mpsc::channel(capacity);
        let latest = Arc::new(Latest::default());
        let heard = latest.clone();
        // `history` of a subscriber, not `get`: a get hangs beyond 256 tokens on a session that also subscribes.
        let watcher = self.session.liveliness().declare_subscriber(key).history(true);
        let watcher = watcher.callback(move |sample: Sample| {
            heard.put(sample.key_expr().to_string(), sample.kind() == SampleKind::Put);
        });
        let watcher = watcher.await.map_err(|e| operation("watching", key, e.to_string()))?;
        self.keep_until_unread(sender.clone(), watcher);
        let closing = self.closing.clone();
        tokio::spawn(async move {
            loop {
                let change = tokio::select! {
                    () = sender.closed() => return,
                    () = closing.cancelled() => return,
                    change = latest.next() => change,
                };
                if sender.send(change).await.is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }

    async fn close(&self) -> Result<(), BusError> {
        self.closing.cancel();
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.session.close().await.map_err(|e| operation("closing", "", e.to_string()))
    }
}

impl Drop for ZenohBus {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// Logs why a pole has no session: once for each new reason, and once when it has one again.
async fn tell_why_not(
    session: zenoh::Session,
    addresses: Vec<String>,
    config: Arc<rustls::ClientConfig>,
    closing: CancellationToken,
) {
    let mut told: Option<String> = None;
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            () = tokio::time::sleep(if told.is_some() { PROBE_EVERY } else { Duration::from_secs(2) }) => {}
        }
        if connected(&session).await {
            if told.take().is_some() {
                tracing::info!("the hall is reached again");
            }
            continue;
        }
        let (to, config) = (addresses.clone(), config.clone());
        let looked = tokio::task::spawn_blocking(move || {
            to.iter().filter_map(|a| probe::probe(a, config.clone()).err()).collect::<Vec<_>>().join("; ")
        });
        let why = looked.await.unwrap_or_default();
        if !why.is_empty() && told.as_ref() != Some(&why) {
            tracing::warn!("the hall cannot be reached: {why}; events wait on the disk");
            told = Some(why);
        }
    }
}

async fn connected(session: &zenoh::Session) -> bool {
    let info = session.info();
    info.routers_zid().await.next().is_some() || info.peers_zid().await.next().is_some()
}

/// A port in use is found before zenoh starts, so that the error says so.
fn check_free(listen: &str) -> Result<(), BusError> {
    let address = listen
        .to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next())
        .ok_or_else(|| BusError::Open(format!("{listen} is not an address to listen on (HOST:PORT)")))?;
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(e) => Err(BusError::Open(format!(
            "listening on {listen}: {e}; stop the other program or choose another port"
        ))),
    }
}

fn message(sample: &Sample) -> Message {
    Message { key: sample.key_expr().to_string(), payload: sample.payload().to_bytes().into_owned() }
}

fn operation(operation: &'static str, key: &str, why: String) -> BusError {
    BusError::Operation { operation, key: key.to_owned(), why }
}
