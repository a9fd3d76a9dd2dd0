//! zenoh as a [`Bus`].

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

use crate::access::Access;
use crate::line::{Line, Open};
use crate::presence::Latest;
use crate::settings::{BusSettings, Role};
use crate::{tell, tls};

/// Answers that may wait for a slow asker; beyond it the asker's own link waits.
const ANSWERS: usize = 256;
/// After a failed opening of a hall's session.
const OPEN_PAUSE: Duration = Duration::from_secs(1);
/// How long gateways may take to come back to a hall that was opened anew; they try at least every 4 s.
const RETURN_MAX: Duration = Duration::from_secs(10);

/// A session on the bus. Needs tokio's multi-thread runtime.
pub struct ZenohBus {
    line: Arc<Line>,
    settings: tokio::sync::Mutex<BusSettings>,
    access: Arc<Mutex<Access>>,
    announced: Mutex<Vec<(String, LivelinessToken)>>,
    /// The key of the last message that must arrive.
    last_key: Arc<Mutex<Option<String>>>,
    closing: CancellationToken,
}

impl ZenohBus {
    /// Opens the session. A hall is listening when this returns; a pole returns at once and keeps dialling.
    ///
    /// # Errors
    /// [`BusError::Open`] naming the file or the address that is wrong. A hall that cannot be reached is no error of a pole.
    pub async fn open(mut settings: BusSettings) -> Result<Self, BusError> {
        tls::check(&settings.tls)?;
        let session = open(&settings).await?;
        let closing = CancellationToken::new();
        let line = Arc::new(Line::new(session.clone(), closing.clone()));
        let last_key = Arc::default();
        let access = match &mut settings.role {
            Role::Hall { listen, access } => {
                // Where it listens it also will when it is opened anew.
                if let (Ok(mut at), Some(bound)) = (listen.parse::<SocketAddr>(), listening(&session).await) {
                    at.set_port(bound.port());
                    *listen = at.to_string();
                }
                let own = tls::common_name(&settings.tls.certificate)?;
                let access = Arc::new(Mutex::new(access.clone()));
                tokio::spawn(tell::strangers(line.clone(), access.clone(), own, closing.clone()));
                access
            }
            Role::Pole { connect } => {
                let config = Arc::new(tls::client_config(&settings.tls)?);
                let (line, last_key) = (line.clone(), Arc::clone(&last_key));
                let pole = tell::Pole { line, addresses: connect.clone(), config, last_key };
                tokio::spawn(tell::why_not(pole, closing.clone()));
                Arc::new(Mutex::new(Access::Everybody))
            }
        };
        let settings = tokio::sync::Mutex::new(settings);
        Ok(Self { line, settings, access, announced: Mutex::default(), last_key, closing })
    }

    /// Whether at least one other session is connected.
    pub async fn connected(&self) -> bool {
        match self.line.peek() {
            Some(open) => tell::connected(&open.session).await,
            None => false,
        }
    }

    /// Where a hall listens; `None` for a pole.
    pub async fn listening(&self) -> Option<SocketAddr> {
        listening(&self.line.peek()?.session).await
    }

    /// Binds certificates to keys anew. zenoh reads its rules only when it opens: the hall's router is closed and opened
    /// again on the same port, every gateway loses its session and dials again within seconds, and what the hall had
    /// declared is declared again. What is published or asked meanwhile waits. Returns when it is open, however long that
    /// takes.
    ///
    /// # Errors
    /// [`BusError`] when a rule is no rule (then nothing changes), when this is no hall, or when the bus is closed.
    pub async fn regrant(&self, new: Access) -> Result<(), BusError> {
        let mut settings = self.settings.lock().await;
        let mut next = settings.clone();
        let Role::Hall { access, .. } = &mut next.role else {
            return Err(BusError::Open("only a hall grants access".into()));
        };
        access.clone_from(&new);
        next.to_zenoh()?;
        let Some(Open { session, number }) = self.line.take() else {
            return Err(BusError::Open("the bus is closed".into()));
        };
        *self.access.lock().unwrap_or_else(PoisonError::into_inner) = new;
        settings.clone_from(&next);
        if let Err(err) = session.close().await {
            tracing::warn!("closing the bus to open it with new rules: {err}");
        }
        let session = loop {
            match open(&next).await {
                Ok(session) => break session,
                Err(err) => tracing::error!("{err}; no gateway can reach the hall; tried again"),
            }
            tokio::select! {
                () = self.closing.cancelled() => return Err(BusError::Open("the bus is closed".into())),
                () = tokio::time::sleep(OPEN_PAUSE) => {}
            }
        };
        let keys: Vec<_> = {
            let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
            announced.drain(..).map(|(key, _)| key).collect()
        };
        self.line.put(session, number + 1);
        for key in keys {
            self.announce(&key).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Bus for ZenohBus {
    async fn publish(&self, key: &str, payload: Vec<u8>, delivery: Delivery) -> Result<(), BusError> {
        let failed = |why: String| operation("publishing", key, why);
        let Open { session, .. } = self.line.open().await?;
        match delivery {
            Delivery::NewestWins => {
                let put = session.put(key, payload).congestion_control(CongestionControl::Drop);
                put.await.map_err(|e| failed(e.to_string()))
            }
            Delivery::Wait => {
                // zenoh waits for room in its queue by blocking the thread: not on one of the runtime's own.
                let to = key.to_owned();
                self.last_key.lock().unwrap_or_else(PoisonError::into_inner).replace(to.clone());
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
        self.access.lock().unwrap_or_else(PoisonError::into_inner).check_heard(key)?;
        let (sender, receiver) = mpsc::channel(capacity);
        let (to, key) = (sender.clone(), key.to_owned());
        let declare = move |Open { session, .. }| {
            let (to, key) = (to.clone(), key.clone());
            async move {
                let pattern = key.clone();
                let subscriber = session.declare_subscriber(&key).callback(move |sample: Sample| {
                    let message = message(&sample);
                    if let Err(mpsc::error::TrySendError::Full(message)) = to.try_send(message) {
                        let key = message.key;
                        tracing::warn!(key, pattern, "a message was thrown away: its reader is too slow");
                    }
                });
                subscriber.await.map_err(|e| operation("subscribing to", &key, e.to_string()))
            }
        };
        self.line.keep(sender, declare).await?;
        Ok(receiver)
    }

    async fn ask(&self, key: &str, payload: Vec<u8>, wait: Duration) -> Result<Vec<Message>, BusError> {
        let Open { session, .. } = self.line.open().await?;
        let get = session.get(key).payload(payload).timeout(wait).target(QueryTarget::All);
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
        let (to, key) = (sender.clone(), key.to_owned());
        let declare = move |Open { session, .. }| {
            let (to, key, runtime) = (to.clone(), key.clone(), tokio::runtime::Handle::current());
            async move {
                let pattern = key.clone();
                let queryable = session
                    .declare_queryable(&key)
                    .callback(move |query: Query| pass_on(query, &to, &pattern, &runtime));
                queryable.await.map_err(|e| operation("answering on", &key, e.to_string()))
            }
        };
        self.line.keep(sender, declare).await?;
        Ok(receiver)
    }

    async fn announce(&self, key: &str) -> Result<(), BusError> {
        let Open { session, .. } = self.line.open().await?;
        let token = session.liveliness().declare_token(key).await;
        let token = token.map_err(|e| operation("announcing", key, e.to_string()))?;
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).push((key.to_owned(), token));
        Ok(())
    }

    async fn watch(&self, key: &str, capacity: usize) -> Result<mpsc::Receiver<Presence>, BusError> {
        let (sender, receiver) = mpsc::channel(capacity);
        let latest = Arc::new(Latest::default());
        let (key, line, heard) = (key.to_owned(), Arc::downgrade(&self.line), latest.clone());
        let declare = move |Open { session, number }| {
            let (key, line, latest) = (key.clone(), line.clone(), heard.clone());
            async move {
                if number > 0 {
                    latest.expect_all();
                    let latest = latest.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(RETURN_MAX).await;
                        latest.settle();
                    });
                }
                // `history` of a subscriber, not `get`: a get hangs beyond 256 tokens on a session that also subscribes.
                let watcher = session.liveliness().declare_subscriber(&key).history(true);
                let watcher = watcher.callback(move |sample: Sample| {
                    // A session that is being replaced tells that everybody goes.
                    let now = line.upgrade().and_then(|line| line.peek());
                    if now.is_some_and(|open| open.number == number) {
                        latest.put(sample.key_expr().to_string(), sample.kind() == SampleKind::Put);
                    }
                });
                watcher.await.map_err(|e| operation("watching", &key, e.to_string()))
            }
        };
        self.line.keep(sender.clone(), declare).await?;
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
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // Waits for a change of the rules that is under way, which ends now.
        let _settings = self.settings.lock().await;
        let Some(Open { session, .. }) = self.line.take() else { return Ok(()) };
        session.close().await.map_err(|e| operation("closing", "", e.to_string()))
    }
}

impl Drop for ZenohBus {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// Opens zenoh as the settings say.
async fn open(settings: &BusSettings) -> Result<zenoh::Session, BusError> {
    if let Role::Hall { listen, .. } = &settings.role {
        check_free(listen)?;
    }
    let config = settings.to_zenoh()?;
    zenoh::open(config).await.map_err(|e| BusError::Open(e.to_string()))
}

async fn listening(session: &zenoh::Session) -> Option<SocketAddr> {
    let locators = session.info().locators().await;
    locators.iter().find_map(|l| l.address().as_str().parse().ok())
}

/// Hands a question to whoever answers on this key; the answer goes back when it is there.
fn pass_on(query: Query, to: &mpsc::Sender<Question>, pattern: &str, runtime: &tokio::runtime::Handle) {
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
