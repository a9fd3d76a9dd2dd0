//! The pole's side of the bus: events up until stored, state every few seconds, pictures, stills and tracks when asked.

mod state;

use std::sync::Arc;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::bus::{Bus, BusError, Delivery, Message, Question};
use hardware_ports::orders::OrderDesk;
use hardware_ports::sink::NotKept;
use models_domain::order::Progress;
use models_domain::{GatewayId, UtcMillis};
use models_wire::convert::tracker_order::{given_from_wire, given_to_wire};
use models_wire::convert::tracks::query_from_wire;
use models_wire::keys::{Key, What, all_pictures, all_stills};
use models_wire::v1;
use prost::Message as _;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::keeper::EventKeeper;
use crate::pictures::Pictures;
use crate::signal_alarms::SignalAlarms;
use crate::signal_orders::SignalOrders;
use crate::site::Site;
use crate::stills::Stills;
use crate::supervise::chain;
use crate::track_log::TrackLog;
use state::{Kept, gateway_state};

const STATE_EVERY: Duration = Duration::from_secs(5);
/// At least, however often something changes: a state has all junctions, and many of them foretell their lamps.
const STATE_GAP: Duration = Duration::from_millis(200);
/// After the disk refused to be read.
const DISK_PAUSE: Duration = Duration::from_secs(5);
/// How long the end waits for the hall to confirm what is left; the rest stays on disk.
const FLUSH_MAX: Duration = Duration::from_millis(1_500);
/// Confirmations that may wait. Each is cumulative: a lost one is made good by the next.
const CONFIRMATIONS: usize = 256;
/// Questions that may wait, and that are answered at the same time.
const QUESTIONS: usize = 64;
/// Steps for alarms wait for controllers and cost nothing meanwhile: all begin at once, so that none is carried out after the hall gave up.
const ANSWERING: usize = 8;
/// Searches read the disk and one core: one after the other, each for a while only, so that cameras do not notice.
const SEARCHES: usize = 8;
const SEARCHING: usize = 1;
const SEARCH_MAX: Duration = Duration::from_secs(2);

/// Everything the uplink speaks of. Cheap to clone.
#[derive(Clone)]
pub struct Uplink {
    pub gateway: GatewayId,
    pub bus: Arc<dyn Bus>,
    pub keeper: Arc<EventKeeper>,
    pub board: Arc<Board>,
    pub pictures: Arc<Pictures>,
    /// `None` where there are no cameras.
    pub stills: Option<Arc<Stills>>,
    /// `None` where there are no cameras.
    pub tracks: Option<Arc<TrackLog>>,
    /// Where orders for trackers are handed in; `None` where none dials in.
    pub trackers: Option<Arc<dyn OrderDesk>>,
    /// `None` where there are no signals.
    pub orders: Option<Arc<SignalOrders>>,
    /// `None` where there are no signals.
    pub alarms: Option<Arc<SignalAlarms>>,
    pub site: Arc<Site>,
    pub clock: Arc<dyn Clock>,
}

impl Uplink {
    /// Works until `stop`, then waits a little for the last events to be confirmed.
    ///
    /// # Errors
    /// [`BusError`] when the bus refuses or closes; run it again then.
    pub async fn run_once(&self, stop: &CancellationToken) -> Result<(), BusError> {
        let key = |what| Key::new(&self.gateway, what).to_string();
        let mut stored = self.bus.subscribe(&key(What::Stored), CONFIRMATIONS).await?;
        let pictures = self.bus.answer(&all_pictures(&self.gateway), QUESTIONS).await?;
        let stills = self.bus.answer(&all_stills(&self.gateway), QUESTIONS).await?;
        let tracks = self.bus.answer(&key(What::Tracks), SEARCHES).await?;
        let trackers = self.bus.answer(&key(What::TrackerOrders), SEARCHES).await?;
        let orders = self.bus.answer(&key(What::Orders), QUESTIONS).await?;
        let alarms = self.bus.answer(&key(What::Alarms), QUESTIONS).await?;
        let mut holds = self.bus.subscribe(&key(What::Holds), CONFIRMATIONS).await?;
        self.bus.announce(&key(What::Alive)).await?;
        let (events, state) = (key(What::Events), key(What::State));
        // One sending for both phases: broken off and begun anew, it would lose what it has in hand for a while.
        let mut sending = std::pin::pin!(self.send_events(&events, &mut stored));
        tokio::select! {
            () = &mut sending => return Err(closed(&events)),
            () = self.tell_state(&state) => {}
            () = self.answer_all(pictures, ANSWERING) => return Err(closed("pictures")),
            () = self.answer_all(stills, ANSWERING) => return Err(closed("stills")),
            () = self.answer_all(tracks, SEARCHING) => return Err(closed("tracks")),
            () = self.answer_all(trackers, SEARCHING) => return Err(closed("tracker-orders")),
            () = self.answer_all(orders, ANSWERING) => return Err(closed("orders")),
            () = self.answer_all(alarms, QUESTIONS) => return Err(closed("alarms")),
            () = self.hear_holds(&mut holds) => return Err(closed("holds")),
            () = stop.cancelled() => {}
        }
        let flushed = async {
            tokio::select! {
                () = &mut sending => {}
                () = self.all_confirmed() => {}
            }
        };
        // A timeout is no failure: what is left lies in the spool and is sent at the next start.
        let _ = tokio::time::timeout(FLUSH_MAX, flushed).await;
        Ok(())
    }

    /// Sends what the keeper has to send, for ever; returns when the bus is closed.
    async fn send_events(&self, key: &str, stored: &mut mpsc::Receiver<Message>) {
        loop {
            let keeper = self.keeper.clone();
            let next = tokio::task::spawn_blocking(move || keeper.next_message()).await;
            let wait = match next {
                Ok(Ok(Some(message))) => {
                    if let Err(err) = self.bus.publish(key, message, Delivery::Wait).await {
                        tracing::debug!("{err}; sent again later");
                    }
                    Duration::ZERO
                }
                Ok(Ok(None)) => self.keeper.timeout().unwrap_or(Duration::MAX),
                Ok(Err(err)) => {
                    tracing::error!("{}", chain(&err));
                    DISK_PAUSE
                }
                Err(broken) => {
                    tracing::error!("reading the spool: {broken}");
                    DISK_PAUSE
                }
            };
            // Confirmations are taken between any two messages, so that the window moves while a backlog is sent.
            while let Ok(message) = stored.try_recv() {
                self.confirm(&message);
            }
            if wait.is_zero() {
                continue;
            }
            tokio::select! {
                message = stored.recv() => match message {
                    Some(message) => self.confirm(&message),
                    None => return,
                },
                () = self.keeper.kept() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn confirm(&self, message: &Message) {
        match v1::StoredUpTo::decode(&message.payload[..]) {
            Ok(stored) => self.keeper.confirm(stored.boot, stored.seq),
            Err(err) => tracing::warn!(key = message.key, "a confirmation that is none: {err}"),
        }
    }

    async fn tell_state(&self, key: &str) {
        let mut every = tokio::time::interval(STATE_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = self.board.urgent() => {}
            }
            let kept = Kept { waiting: self.keeper.waiting(), full: self.keeper.keeps_nothing() };
            let state = gateway_state(self.clock.now(), &self.site, &self.board, kept);
            if let Err(err) = self.bus.publish(key, state.encode_to_vec(), Delivery::NewestWins).await {
                tracing::debug!("{err}; the next state follows");
            }
            tokio::time::sleep(STATE_GAP).await;
        }
    }

    /// What the hall stands by; returns when the bus is closed.
    async fn hear_holds(&self, holds: &mut mpsc::Receiver<Message>) {
        while let Some(message) = holds.recv().await {
            match (&self.orders, v1::SignalHolds::decode(&message.payload[..])) {
                (Some(orders), Ok(held)) => orders.heard(&held.numbers),
                (None, Ok(_)) => {}
                (_, Err(err)) => tracing::warn!(key = message.key, "no list of orders: {err}"),
            }
        }
    }

    /// Polls quickly: only runs while the process ends.
    async fn all_confirmed(&self) {
        while self.keeper.waiting() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Answers until the bus is closed; a bounded number at a time, so that nobody's questions fill the memory.
    async fn answer_all(&self, mut questions: mpsc::Receiver<Question>, at_once: usize) {
        let answering = Arc::new(Semaphore::new(at_once));
        while let Some(question) = questions.recv().await {
            let Ok(turn) = answering.clone().acquire_owned().await else { return };
            let this = self.clone();
            tokio::spawn(async move {
                this.answer(question).await;
                drop(turn);
            });
        }
    }

    /// Dropping the question tells the asker that there is no answer.
    async fn answer(&self, question: Question) {
        let Some(Key { what, .. }) = Key::parse(&question.key) else { return };
        let payload = match what {
            What::Picture(camera) => {
                let Ok(request) = v1::PictureRequest::decode(&question.payload[..]) else { return };
                match self.pictures.latest(&camera, request).await {
                    Ok(Some(picture)) => picture.encode_to_vec(),
                    Ok(None) => return,
                    Err(err) => {
                        tracing::warn!("{}", chain(&err));
                        return;
                    }
                }
            }
            What::Still(id, part) => {
                let (Some(stills), Ok(asked)) =
                    (self.stills.clone(), v1::StillRequest::decode(&question.payload[..]))
                else {
                    return;
                };
                let read = move || match <[u8; 32]>::try_from(asked.sha256) {
                    Ok(sha256) => stills.evidence(sha256),
                    Err(_) => stills.read(id).filter(|_| part == 0),
                };
                match tokio::task::spawn_blocking(read).await {
                    Ok(Some(jpeg)) => v1::Still { jpeg }.encode_to_vec(),
                    Ok(None) | Err(_) => return,
                }
            }
            What::Tracks => self.search(&question.payload).await.encode_to_vec(),
            What::TrackerOrders => {
                let (Some(desk), Ok(asked)) =
                    (self.trackers.clone(), v1::TrackerOrders::decode(&question.payload[..]))
                else {
                    return;
                };
                let now = self.clock.now();
                // Orders are written to the disk.
                match tokio::task::spawn_blocking(move || take_orders(&*desk, asked, now)).await {
                    Ok(told) => told.encode_to_vec(),
                    Err(_) => return,
                }
            }
            What::Orders => match (&self.orders, v1::SignalOrder::decode(&question.payload[..])) {
                (Some(orders), Ok(order)) => orders.take(order).encode_to_vec(),
                (None, _) | (_, Err(_)) => return,
            },
            What::Alarms => match (&self.alarms, v1::SignalAlarmOrder::decode(&question.payload[..])) {
                (Some(alarms), Ok(asked)) => alarms.take(asked).await.encode_to_vec(),
                (None, _) | (_, Err(_)) => return,
            },
            What::Events | What::Stored | What::State | What::Alive | What::Holds => return,
        };
        // The asker may be gone by now.
        let _ = question.reply.send(Message { key: question.key, payload });
    }

    /// Says what is wrong with a question that cannot be answered: silence would look like a gateway that is away.
    async fn search(&self, question: &[u8]) -> v1::TrackRows {
        let Some(tracks) = self.tracks.clone() else { return v1::TrackRows::default() };
        let query = v1::TrackQuery::decode(question).map_err(|e| e.to_string());
        let query = match query.and_then(|q| query_from_wire(q).map_err(|e| e.to_string())) {
            Ok(query) => query,
            Err(why) => return partial(format!("the question cannot be understood: {why}")),
        };
        let clock = self.clock.clone();
        let search = move || {
            let until = clock.elapsed() + SEARCH_MAX;
            tracks.search(&query, || clock.elapsed() >= until)
        };
        match tokio::task::spawn_blocking(search).await {
            Ok(rows) => rows,
            Err(broken) => {
                tracing::error!("searching tracks: {broken}");
                partial("the search broke off; the gateway's log says why")
            }
        }
    }
}

/// Takes those that are new, and takes back those that the hall says are over; how far all of them got.
fn take_orders(desk: &dyn OrderDesk, asked: v1::TrackerOrders, now: UtcMillis) -> v1::TrackerOrders {
    desk.expire(now);
    let mut told = Vec::new();
    for order in asked.orders {
        let mut given = match given_from_wire(order) {
            Ok(given) => given,
            Err(err) => {
                tracing::warn!("an order for a tracker that cannot be understood: {err}");
                continue;
            }
        };
        if given.progress.is_over() {
            // What a restart would bring back is not said to be over: the hall says it again.
            if let Err(NotKept(why)) = desk.withdraw(given.clone()) {
                tracing::error!("an order for a tracker is not taken back: {why}");
                continue;
            }
            told.push(given_to_wire(&desk.look(given.id).unwrap_or(given)));
            continue;
        }
        match desk.give(given.clone()) {
            Ok(()) => given = desk.look(given.id).unwrap_or(given),
            Err(NotKept(why)) => given.progress = Progress::Failed { why },
        }
        told.push(given_to_wire(&given));
    }
    v1::TrackerOrders { orders: told }
}

fn partial(problem: impl Into<String>) -> v1::TrackRows {
    v1::TrackRows { partial: true, problem: problem.into(), ..Default::default() }
}

fn closed(key: &str) -> BusError {
    BusError::Operation { operation: "speaking on", key: key.to_owned(), why: "the bus was closed".into() }
}
