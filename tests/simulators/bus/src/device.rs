//! A tracker on a bus: drives, measures, and tells the adapter until the adapter has it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bus_simulator::{Fix, jt808};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::drive::{Bus, Chance};
use crate::store::Store;
use crate::{clock, gt06};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    Gt06,
    Jt808,
}

/// Times between things, in seconds of the wall.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Street seconds a report covers, moving and standing.
    pub moving_s: f64,
    pub stopped_s: f64,
    pub heartbeat: Duration,
    /// Street seconds a wall second.
    pub speedup: f64,
}

pub struct Device {
    pub make: Make,
    /// IMEI of 15 digits, or phone number of 12.
    pub name: String,
    pub route: String,
    pub adapter: SocketAddr,
    pub pace: Pace,
    store: Mutex<Store>,
    news: Notify,
    pub connected: AtomicBool,
    pub connections: AtomicU64,
}

/// How long an adapter may take to answer, and a connection to come about.
const PATIENCE: Duration = Duration::from_secs(10);
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// JT/T 808: positions on their way without an answer.
const WINDOW: usize = 16;

impl Device {
    pub fn new(make: Make, name: String, route: String, adapter: SocketAddr, pace: Pace) -> Self {
        let (store, news) = (Mutex::default(), Notify::new());
        let (connected, connections) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { make, name, route, adapter, pace, store, news, connected, connections }
    }

    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives and measures until `stop`; `tell` sees every fix.
    pub async fn drive(
        &self,
        mut bus: Bus,
        mut chance: Chance,
        stop: CancellationToken,
        tell: impl Fn(&Self, &Fix),
    ) {
        let mut last_s = 0;
        // Twenty buses do not speak in one breath.
        let mut period_s = self.pace.moving_s * chance.next();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(Duration::from_secs_f64(period_s / self.pace.speedup)) => {}
            }
            bus.drive(period_s);
            let place = bus.place();
            // Both protocols count whole seconds, and a device has one fix a second at most.
            last_s = clock::now_s().max(last_s + 1);
            let fix = Fix {
                at_s: last_s,
                lat: place.lat,
                lon: place.lon,
                speed_kmh: (place.speed_ms * 3.6).round() as u8,
                course: place.course.round() as u16 % 360,
            };
            tell(self, &fix);
            self.store().push(fix);
            self.news.notify_one();
            period_s = if bus.stands() { self.pace.stopped_s } else { self.pace.moving_s };
        }
    }

    /// Connects again and again until `stop`.
    pub async fn report(&self, mut chance: Chance, stop: CancellationToken) {
        let mut pause = BACKOFF_MIN;
        loop {
            let ended = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                ended = self.connection(&mut pause) => ended,
            };
            self.connected.store(false, Ordering::Relaxed);
            if let Err(err) = ended {
                eprintln!("bus {}: {err:#}; again in {pause:?}", self.name);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(pause.mul_f64(0.75 + chance.next() / 2.0)) => {}
            }
            pause = (pause * 2).min(BACKOFF_MAX);
        }
    }

    async fn connection(&self, pause: &mut Duration) -> anyhow::Result<()> {
        let stream = timeout(PATIENCE, TcpStream::connect(self.adapter)).await;
        let stream = stream.context("connecting took too long").and_then(|s| s.map_err(Into::into));
        let stream = stream.with_context(|| format!("connecting to {}", self.adapter))?;
        stream.set_nodelay(true).ok();
        let mut link = Link { device: self, stream, received: Vec::new(), serial: 0 };
        timeout(PATIENCE, link.log_in()).await.context("logging in took too long")??;
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connected.store(true, Ordering::Relaxed);
        *pause = BACKOFF_MIN;
        self.store().reconnected();
        link.talk().await
    }

    /// Asks what has arrived, without waiting for the next heartbeat.
    pub fn hurry(&self) {
        self.news.notify_one();
    }
}

/// One connection to the adapter.
struct Link<'a> {
    device: &'a Device,
    stream: TcpStream,
    received: Vec<u8>,
    serial: u16,
}

impl Link<'_> {
    fn serial(&mut self) -> u16 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    async fn log_in(&mut self) -> anyhow::Result<()> {
        let (name, serial) = (&self.device.name, self.serial + 1);
        self.serial = serial;
        match self.device.make {
            Make::Gt06 => {
                self.stream.write_all(&gt06::login(name, serial)).await?;
                let (kind, answered) = self.gt06_answer().await?;
                ensure!((kind, answered) == (0x01, serial), "login answered by kind {kind:02x}, {answered}");
            }
            Make::Jt808 => {
                self.stream.write_all(&jt808::register(name, serial)).await?;
                let answer = self.jt808_answer().await?;
                ensure!(answer.kind == 0x8100, "registration answered by kind {:04x}", answer.kind);
                let [high, low, 0, code @ ..] = &answer.body[..] else {
                    bail!("registration refused: {:02x?}", answer.body);
                };
                ensure!(u16::from_be_bytes([*high, *low]) == serial, "registration answered for another");
                let serial = self.serial();
                self.stream.write_all(&jt808::authenticate(name, serial, code)).await?;
                let answer = self.jt808_answer().await?;
                ensure!(acknowledged(&answer)? == serial, "authentication answered for another");
            }
        }
        Ok(())
    }

    async fn talk(&mut self) -> anyhow::Result<()> {
        let device = self.device;
        let mut heartbeat = tokio::time::interval(device.pace.heartbeat);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut silent = 0;
        loop {
            self.send().await?;
            tokio::select! {
                read = self.stream.read_buf(&mut self.received) => {
                    ensure!(read.context("reading")? > 0, "the adapter closed the connection");
                    silent = 0;
                    self.take_answers()?;
                }
                _ = heartbeat.tick() => {
                    ensure!(silent < 3, "the adapter answers nothing");
                    silent += 1;
                    self.ask().await?;
                }
                () = device.news.notified() => {
                    if device.make == Make::Gt06 && device.store().unsent().is_none() {
                        // Somebody is in a hurry: GT06 positions have no answer of their own, heartbeats have.
                        self.ask().await?;
                    }
                }
            }
        }
    }

    /// Sends what waits.
    async fn send(&mut self) -> anyhow::Result<()> {
        loop {
            let fix = {
                let store = self.device.store();
                if self.device.make == Make::Jt808 && store.unanswered() >= WINDOW {
                    return Ok(());
                }
                let Some(fix) = store.unsent() else { return Ok(()) };
                fix
            };
            let serial = self.serial();
            let frame = match self.device.make {
                Make::Gt06 => gt06::position(&fix, serial),
                Make::Jt808 => jt808::position(&self.device.name, &fix, serial),
            };
            timeout(PATIENCE, self.stream.write_all(&frame)).await.context("sending took too long")??;
            let mut store = self.device.store();
            store.sent();
            if self.device.make == Make::Jt808 {
                store.promise(serial);
            }
        }
    }

    /// A heartbeat. Its answer tells a GT06 tracker that all before it arrived.
    async fn ask(&mut self) -> anyhow::Result<()> {
        let serial = self.serial();
        let frame = match self.device.make {
            Make::Gt06 => gt06::heartbeat(serial),
            Make::Jt808 => jt808::heartbeat(&self.device.name, serial),
        };
        if self.device.make == Make::Gt06 {
            self.device.store().promise(serial);
        }
        timeout(PATIENCE, self.stream.write_all(&frame)).await.context("sending took too long")??;
        Ok(())
    }

    fn take_answers(&mut self) -> anyhow::Result<()> {
        match self.device.make {
            Make::Gt06 => {
                while let Some((kind, serial, length)) = gt06::answer(&self.received) {
                    self.received.drain(..length);
                    if kind == 0x13 {
                        self.device.store().answered(serial);
                    }
                }
            }
            Make::Jt808 => {
                while let Some(answer) = jt808::answer(&self.received) {
                    self.received.drain(..answer.length);
                    let serial = acknowledged(&answer)?;
                    self.device.store().answered(serial);
                }
            }
        }
        ensure!(self.received.len() < 4096, "the adapter answers what is no answer");
        Ok(())
    }

    async fn gt06_answer(&mut self) -> anyhow::Result<(u8, u16)> {
        loop {
            if let Some((kind, serial, length)) = gt06::answer(&self.received) {
                self.received.drain(..length);
                return Ok((kind, serial));
            }
            ensure!(self.stream.read_buf(&mut self.received).await? > 0, "the adapter closed the connection");
        }
    }

    async fn jt808_answer(&mut self) -> anyhow::Result<jt808::Answer> {
        loop {
            if let Some(answer) = jt808::answer(&self.received) {
                self.received.drain(..answer.length);
                return Ok(answer);
            }
            ensure!(self.stream.read_buf(&mut self.received).await? > 0, "the adapter closed the connection");
        }
    }
}

/// The serial number that a general answer (8001) accepts.
fn acknowledged(answer: &jt808::Answer) -> anyhow::Result<u16> {
    ensure!(answer.kind == 0x8001, "answered by kind {:04x}", answer.kind);
    let &[high, low, _, _, 0] = &answer.body[..] else { bail!("refused: {:02x?}", answer.body) };
    Ok(u16::from_be_bytes([high, low]))
}
