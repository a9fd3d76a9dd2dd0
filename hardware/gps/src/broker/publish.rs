//! Gives UFMS messages to a broker; each counts as sent only after the broker has confirmed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::Clock;
use hardware_ports::shelf::FixShelf;
use hardware_ports::sink::{GpsReport, NotKept, Sink};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, PublisherConfirm};
use models_domain::VehicleId;
use models_domain::transit::Fix;
use tokio::sync::Notify;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::link::Link;
use super::pace::{Pace, WITHIN, Waiting};
use super::upward::is_believed;
use super::words::{BaseMessage, BusWayPoint, BusWayPoints, Registrations};
use super::{BrokerError, PATIENCE, Shown, close, connect};

#[derive(Debug, Clone)]
pub struct PublisherSettings {
    /// `amqp` or `amqps`, with name and password.
    pub url: String,
    /// Empty is the broker's own, which brings a message to the queue that the routing key names.
    pub exchange: String,
    pub routing_key: String,
}

/// A connection with confirmations.
pub struct Publisher {
    // Dropping it closes the channel.
    connection: Connection,
    _link: Link,
    channel: Channel,
    shown: Shown,
    settings: PublisherSettings,
}

/// Kept on the broker's disk (AMQP 0-9-1 §1.8.3.6, delivery-mode).
const PERSISTENT: u8 = 2;

impl Publisher {
    /// # Errors
    /// [`BrokerError`] when the broker cannot be reached or gives no confirmations.
    pub async fn connect(settings: PublisherSettings) -> Result<Self, BrokerError> {
        let url = settings.url.clone();
        let open = async |connection: Connection, link: Link, shown: Shown| {
            let channel = connection.create_channel().await.map_err(shown.error("opening a channel"))?;
            let options = ConfirmSelectOptions::default();
            channel.confirm_select(options).await.map_err(shown.error("asking for confirmations"))?;
            Ok(Self { connection, _link: link, channel, shown, settings })
        };
        connect(&url, open).await
    }

    /// Returns once the broker has taken the message over, and a queue with it.
    ///
    /// # Errors
    /// [`BrokerError`] when it has not: then the message must be sent again.
    pub async fn publish(&self, message: &BaseMessage) -> Result<(), BrokerError> {
        self.publish_bytes(&message.write()).await
    }

    /// The same for a message as it came.
    ///
    /// # Errors
    /// [`BrokerError`] when it was not taken over: then it must be sent again.
    pub async fn publish_bytes(&self, message: &[u8]) -> Result<(), BrokerError> {
        let sending = async { self.send(message).await?.await };
        let ended = timeout(PATIENCE, sending).await;
        self.taken_over(self.in_time(ended)?)
    }

    /// Several, in their order: none waits for the confirmation of the one before it. Returns once all are confirmed.
    ///
    /// # Errors
    /// [`BrokerError`] when one of them was not taken over: then all must be sent again.
    pub async fn publish_all(&self, messages: &[Vec<u8>]) -> Result<(), BrokerError> {
        let sending = async {
            let mut sent = Vec::with_capacity(messages.len());
            for message in messages {
                sent.push(self.send(message).await?);
            }
            let mut confirmed = Vec::with_capacity(sent.len());
            for one in sent {
                confirmed.push(one.await?);
            }
            Ok::<_, lapin::Error>(confirmed)
        };
        let ended = timeout(PATIENCE, sending).await;
        self.in_time(ended)?.into_iter().try_for_each(|confirmation| self.taken_over(confirmation))
    }

    /// Hands a message to the connection; its confirmation comes later.
    async fn send(&self, message: &[u8]) -> lapin::Result<PublisherConfirm> {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let (exchange, key) = (self.settings.exchange.as_str(), self.settings.routing_key.as_str());
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        self.channel.basic_publish(exchange.into(), key.into(), options, message, properties).await
    }

    fn in_time<T>(&self, ended: Result<lapin::Result<T>, Elapsed>) -> Result<T, BrokerError> {
        ended
            .map_err(|_| BrokerError::Silent { broker: self.shown.0.clone(), patience: PATIENCE })?
            .map_err(self.shown.error("sending a message"))
    }

    fn taken_over(&self, confirmed: Confirmation) -> Result<(), BrokerError> {
        let refused = |why: String| Err(BrokerError::Refused { broker: self.shown.0.clone(), why });
        match confirmed {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(returned)) => refused(returned.reply_text.to_string()),
            Confirmation::Nack(_) => refused("it could not keep it".to_owned()),
            Confirmation::NotRequested => refused("it gives no confirmations".to_owned()),
        }
    }

    pub async fn close(self) {
        close(&self.connection).await;
    }
}

/// Positions of one `BusWayPoints`, and registrations that wait for their confirmations together.
const TOGETHER: usize = 100;
/// Positions that wait while the broker is away: 1,000 buses for three hours.
const ROOM: usize = 400_000;
/// Where the disk has no room for all of them, so many of the oldest give way at once.
const GIVE_UP: usize = 1_000;
/// One of so many that were given up is told of.
const TELL_EVERY: u64 = 10_000;
/// Between looks at what has come, so that positions travel together.
const GATHER: Duration = Duration::from_millis(500);
/// Between tries to register what was refused, while the connection lasts.
const REGISTER_AGAIN: Duration = Duration::from_secs(60);

/// Sends on what is kept: positions go to `kept` first, then on the shelf, and from there to the directorate's broker at its pace.
/// Whoever reported one is answered when it is on both.
pub struct Relay {
    kept: Arc<dyn Sink<GpsReport>>,
    shelf: Arc<dyn FixShelf>,
    plates: BTreeMap<VehicleId, String>,
    /// As they are sent, in their order.
    registrations: Vec<Vec<u8>>,
    /// So many of them, from the first on, the broker has confirmed.
    registered: AtomicUsize,
    pace: Mutex<Pace>,
    come: Notify,
    sent: AtomicU64,
    late: AtomicU64,
}

/// What a relay counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayCounts {
    /// Positions that the broker has confirmed.
    pub sent: u64,
    /// Of these, later than two minutes after they were received.
    pub late: u64,
    /// Given up because too many waited.
    pub lost: u64,
    pub waiting: u64,
}

impl Relay {
    /// `plates` says what the directorate calls a vehicle; others are kept and not sent. `left` is what earlier starts left on the
    /// shelf, in the order of its numbers.
    pub fn new(
        kept: Arc<dyn Sink<GpsReport>>,
        plates: BTreeMap<VehicleId, String>,
        shelf: Arc<dyn FixShelf>,
        left: Vec<(u64, Fix)>,
    ) -> Self {
        let mut pace = Pace::new(ROOM);
        let left = left.into_iter().map(|(number, fix)| Waiting { number, fix });
        let is_sent = |w: &Waiting| plates.contains_key(&w.fix.vehicle) && is_believed(&w.fix);
        let (left, not_sent): (Vec<_>, Vec<_>) = left.partition(is_sent);
        if !left.is_empty() {
            tracing::info!(positions = left.len(), "earlier starts left positions for the directorate");
        }
        pace.resume(left);
        if !not_sent.is_empty() {
            let vehicles: BTreeSet<&str> = not_sent.iter().map(|w| w.fix.vehicle.as_str()).collect();
            tracing::warn!(
                positions = not_sent.len(),
                ?vehicles,
                "given up: [buses.ufms_to.plates] does not name these vehicles any more, or they cannot be there"
            );
        }
        shelf.forget(&not_sent.iter().map(|w| w.number).collect::<Vec<_>>());
        let (sent, late) = (AtomicU64::new(0), AtomicU64::new(0));
        let (registrations, pace, come) = (Vec::new(), Mutex::new(pace), Notify::new());
        let registered = AtomicUsize::new(0);
        let relay = Self { kept, shelf, plates, registrations, registered, pace, come, sent, late };
        relay.with(|pace| relay.give_up(pace));
        relay
    }

    /// Tells them before any position, each until it is confirmed once. A restart tells all anew: who has heard of one already learns
    /// nothing new.
    #[must_use]
    pub fn with_registrations(mut self, registrations: &Registrations) -> Self {
        self.registrations = registrations.messages().iter().map(BaseMessage::write).collect();
        self
    }

    pub fn counts(&self) -> RelayCounts {
        let (lost, waiting) = self.with(|pace| (pace.lost, pace.len() as u64));
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RelayCounts { sent: read(&self.sent), late: read(&self.late), lost, waiting }
    }

    /// Sends the registrations that are not confirmed yet, then positions until `stop`. What is not confirmed is sent again by the next
    /// run, or after a restart.
    ///
    /// # Errors
    /// [`BrokerError`] when the connection breaks, or the broker refuses a position. Registrations that it refuses hold up nothing: they
    /// are tried again by the next run, and in this one each minute.
    pub async fn run(
        &self,
        publisher: Publisher,
        clock: &dyn Clock,
        stop: &CancellationToken,
    ) -> Result<(), BrokerError> {
        let mut register_at = clock.elapsed();
        loop {
            if !self.unregistered().is_empty() && clock.elapsed() >= register_at {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    tried = self.register(&publisher) => tried?,
                }
                register_at = clock.elapsed() + REGISTER_AGAIN;
            }
            let batch = self.with(|pace| pace.next(TOGETHER, clock.now()));
            if batch.is_empty() {
                let refused = !self.unregistered().is_empty();
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = self.come.notified() => {}
                    () = tokio::time::sleep(REGISTER_AGAIN), if refused => {}
                }
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(GATHER) => {}
                }
                continue;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                published = async { publisher.publish(&self.message(&batch)).await } => published?,
            }
            self.with(|pace| pace.done(&batch));
            self.shelf.forget(&batch.iter().map(|w| w.number).collect::<Vec<_>>());
            let now = clock.now();
            let late = batch.iter().filter(|w| now.0 - w.fix.received.0 > WITHIN.0).count();
            self.sent.fetch_add(batch.len() as u64, Ordering::Relaxed);
            self.late.fetch_add(late as u64, Ordering::Relaxed);
        }
        publisher.close().await;
        Ok(())
    }

    /// Many at once: thousands of them hold up positions for some seconds only, though each must be confirmed before. What was confirmed
    /// counts though the connection breaks among them, so that however often it does, positions have their turn.
    async fn register(&self, publisher: &Publisher) -> Result<(), BrokerError> {
        for some in self.unregistered().chunks(TOGETHER) {
            match publisher.publish_all(some).await {
                Ok(()) => {
                    self.registered.fetch_add(some.len(), Ordering::Relaxed);
                }
                // A queue that has no room for a hundred may have room for the next position.
                Err(err @ BrokerError::Refused { .. }) => {
                    let unregistered = self.unregistered().len();
                    tracing::warn!(
                        unregistered,
                        "registering companies, drivers and vehicles, tried again: {err}"
                    );
                    return Ok(());
                }
                Err(err) => return Err(err),
            }
        }
        let registrations = self.registrations.len();
        tracing::info!(registrations, "the directorate's broker has the companies, drivers and vehicles");
        Ok(())
    }

    fn unregistered(&self) -> &[Vec<u8>] {
        self.registrations.get(self.registered.load(Ordering::Relaxed)..).unwrap_or_default()
    }

    /// One position as `BusWayPoint`, several as `BusWayPoints`.
    fn message(&self, batch: &[Waiting]) -> BaseMessage {
        let plate =
            |fix: &Fix| self.plates.get(&fix.vehicle).map_or(fix.vehicle.as_str(), String::as_str).to_owned();
        let mut points: Vec<BusWayPoint> = batch.iter().map(|w| point(&plate(&w.fix), &w.fix)).collect();
        match points.len() {
            1 => BaseMessage { msg_type: 102, bus_way_point: points.pop(), ..BaseMessage::default() },
            _ => {
                let list = BusWayPoints { events: points };
                BaseMessage { msg_type: 104, bus_way_points: Some(list), ..BaseMessage::default() }
            }
        }
    }

    /// Keeps what is due of these, and makes room for it first. One write to disk.
    fn take(&self, fixes: &[Fix]) -> Result<(), NotKept> {
        self.with(|pace| {
            while self.shelf.is_full(fixes.len()) && !pace.is_empty() {
                let gone = pace.give_up_oldest(GIVE_UP);
                self.gone(pace.lost, &gone);
            }
            pace.take(fixes, |due| self.shelf.keep(due))?;
            self.give_up(pace);
            Ok(())
        })
    }

    fn give_up(&self, pace: &mut Pace) {
        let gone = pace.give_up();
        self.gone(pace.lost, &gone);
    }

    fn gone(&self, lost: u64, numbers: &[u64]) {
        if numbers.is_empty() {
            return;
        }
        self.shelf.forget(numbers);
        let before = lost - numbers.len() as u64;
        if before == 0 || before / TELL_EVERY != lost / TELL_EVERY {
            tracing::error!(
                lost,
                "the oldest positions for the directorate are given up: its broker has been away for too long, or is too slow"
            );
        }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Pace) -> R) -> R {
        work(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Sink<GpsReport> for Relay {
    async fn accept(&self, report: GpsReport) -> Result<(), NotKept> {
        self.accept_all(vec![report]).await
    }

    async fn accept_all(&self, reports: Vec<GpsReport>) -> Result<(), NotKept> {
        let fixes = reports.iter().map(|GpsReport::Fix(fix)| fix);
        let known: Vec<Fix> = fixes.filter(|fix| self.plates.contains_key(&fix.vehicle)).cloned().collect();
        self.kept.accept_all(reports).await?;
        if !known.is_empty() {
            self.take(&known)?;
            self.come.notify_one();
        }
        Ok(())
    }
}

#[allow(clippy::cast_possible_truncation)]
fn point(plate: &str, fix: &Fix) -> BusWayPoint {
    BusWayPoint {
        vehicle: plate.to_owned(),
        speed: fix.speed.kmh() as f32,
        // The interface's time ends in January 2038.
        datetime: i32::try_from(fix.at.0 / 1000).unwrap_or(i32::MAX),
        x: fix.position.lon.0,
        y: fix.position.lat.0,
        z: fix.altitude.map(|meters| meters.0 as f32),
        heading: fix.course.map(|degrees| degrees.0 as f32),
        driver: fix.told.driver.clone(),
        ignition: fix.told.engine_on,
        // Trackers say "a door": when none is open both are shut; when one is, it is told of the front one only.
        door_up: fix.told.doors_open,
        door_down: fix.told.doors_open.filter(|open| !open),
        sos: Some(fix.told.sos),
        ..BusWayPoint::default()
    }
}
