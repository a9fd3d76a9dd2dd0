//! One tracker: reports live, and sends what it has stored in batches, each after the answer to the one before.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use bus_simulator::{Fix, jt808};
use hardware_ports::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// As many as fit a message of 1,023 bytes.
const BATCH: usize = 30;
/// Without an answer for so long the connection is broken.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(1);

/// All devices and what is known of their reports.
pub struct Fleet {
    pub devices: Vec<Slot>,
    /// Stored positions of each.
    pub stored: usize,
    every: u64,
    trackers: SocketAddr,
    pub clock: Arc<dyn Clock>,
    /// Seconds of 1970 of the first stored position; a multiple of nothing, before everything live.
    pub stored_from_s: i64,
    pub stored_acknowledged: AtomicUsize,
    /// Connections that ended otherwise than by us.
    pub broken: AtomicUsize,
    connected: AtomicUsize,
}

pub struct Slot(Mutex<Device>);

impl Slot {
    /// A panic elsewhere ends the measurement anyhow.
    pub fn lock(&self) -> MutexGuard<'_, Device> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub struct Device {
    phone: String,
    serial: u16,
    /// Live reports ever sent, by time, in order.
    pub live_s: Vec<i64>,
    /// Those that are measured: when their last byte was written.
    pub sent: VecDeque<(i64, Duration)>,
    /// Live reports without an answer.
    unanswered: VecDeque<(u16, i64)>,
    /// Stored positions that were answered, and the batch that waits for its answer.
    stored_done: usize,
    batch: Option<(u16, usize)>,
    connected: bool,
}

impl Device {
    fn next_serial(&mut self) -> u16 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// The connection is gone.
    pub fn away(&mut self, fleet: &Fleet) {
        self.batch = None;
        if std::mem::take(&mut self.connected) {
            fleet.connected.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Connects again and again, for ever.
    pub async fn report(fleet: &Fleet, n: usize, wait: Duration, with_stored: bool) {
        tokio::time::sleep(wait).await;
        loop {
            let ended = connection(fleet, n, with_stored).await;
            fleet.devices[n].lock().away(fleet);
            if let Err(err) = ended
                && fleet.broken.fetch_add(1, Ordering::Relaxed) < 5
            {
                eprintln!("device {n}: {err:#}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Fleet {
    pub fn new(
        devices: usize,
        stored: usize,
        every: u64,
        trackers: SocketAddr,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let device = |n: usize| {
            Slot(Mutex::new(Device { phone: format!("{:012}", FIRST_PHONE + n as u64), ..Device::default() }))
        };
        let before_s = (stored as i64 + 1) * every as i64;
        Self {
            devices: (0..devices).map(device).collect(),
            stored,
            every,
            trackers,
            stored_from_s: clock.now().0 / 1_000 - before_s,
            clock,
            stored_acknowledged: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
            connected: AtomicUsize::new(0),
        }
    }

    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }

    /// Live reports of a device that were not answered before.
    fn connected_again(&self, n: usize) -> Vec<i64> {
        let mut device = self.devices[n].lock();
        device.connected = true;
        self.connected.fetch_add(1, Ordering::Relaxed);
        device.unanswered.drain(..).map(|(_, at_s)| at_s).collect()
    }

    /// When a device measures now: it counts seconds, and has one fix in each at most.
    fn next_second(&self, n: usize) -> i64 {
        let last = self.devices[n].lock().live_s.last().copied().unwrap_or(0);
        (self.clock.now().0 / 1_000).max(last + 1)
    }

    /// The device that the hall knows by that name.
    pub fn device_of(&self, vehicle: &str) -> Option<usize> {
        let n = vehicle.parse::<u64>().ok()?.checked_sub(FIRST_PHONE)?;
        usize::try_from(n).ok().filter(|n| *n < self.devices.len())
    }

    /// Which of its stored positions a device measured then, if it was one.
    pub fn stored_at(&self, at_s: i64) -> Option<usize> {
        let after = at_s - self.stored_from_s;
        let place = usize::try_from(after / self.every as i64).ok()?;
        (after % self.every as i64 == 0 && place < self.stored).then_some(place)
    }

    /// What was sent and not yet seen was cut off on its way.
    pub fn mark_unmeasured(&self) {
        self.devices.iter().for_each(|device| device.lock().sent.clear());
    }

    fn stored_fix(&self, n: usize, place: usize) -> Fix {
        place_of(n, self.stored_from_s + (place as u64 * self.every) as i64)
    }
}

const FIRST_PHONE: u64 = 912_000_000;

/// To and fro on a street of its own, at 36 km/h.
fn place_of(n: usize, at_s: i64) -> Fix {
    const STREET_M: f64 = 2_000.0;
    let along = (10.0 * (at_s % 86_400) as f64) % (2.0 * STREET_M);
    let east_m = if along > STREET_M { 2.0 * STREET_M - along } else { along };
    let (row, column) = ((n / 100) as f64, (n % 100) as f64);
    let (lat, lon) = (20.9 + row * 0.002, 105.7 + column * 0.002 + east_m / 104_000.0);
    Fix { at_s, lat, lon, speed_kmh: 36, course: 90 }
}

async fn connection(fleet: &Fleet, n: usize, with_stored: bool) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(fleet.trackers).await.context("connecting")?;
    stream.set_nodelay(true).ok();
    // What breaks is reset, as when a mobile network forgets everybody.
    stream.set_zero_linger().ok();
    let mut received = Vec::new();
    let (phone, serial) = {
        let mut device = fleet.devices[n].lock();
        (device.phone.clone(), device.next_serial())
    };
    stream.write_all(&jt808::register(&phone, serial)).await.context("registering")?;
    while jt808::answer(&received).is_none() {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut received)).await;
        ensure!(read.context("registering took too long")?? > 0, "closed instead of registered");
    }
    received.clear();
    // What was not answered is sent again first.
    for at_s in fleet.connected_again(n) {
        live(fleet, n, &phone, at_s, false, &mut stream).await?;
    }
    let every = Duration::from_secs(fleet.every);
    let first = every.mul_f64((n as f64 * 0.618_034).fract());
    let mut reports = tokio::time::interval_at(tokio::time::Instant::now() + first, every);
    reports.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut heard = tokio::time::Instant::now();
    loop {
        if with_stored {
            next_batch(fleet, n, &phone, &mut stream).await?;
        }
        tokio::select! {
            read = stream.read_buf(&mut received) => {
                ensure!(read.context("reading")? > 0, "the agent closed the connection");
                heard = tokio::time::Instant::now();
                take_answers(fleet, n, &mut received);
            }
            _ = reports.tick() => {
                ensure!(heard.elapsed() < PATIENCE, "nothing is answered");
                live(fleet, n, &phone, fleet.next_second(n), true, &mut stream).await?;
            }
        }
    }
}

async fn live(
    fleet: &Fleet,
    n: usize,
    phone: &str,
    at_s: i64,
    new: bool,
    stream: &mut TcpStream,
) -> anyhow::Result<()> {
    let serial = {
        let mut device = fleet.devices[n].lock();
        let serial = device.next_serial();
        device.unanswered.push_back((serial, at_s));
        if new {
            device.live_s.push(at_s);
        }
        serial
    };
    stream.write_all(&jt808::position(phone, &place_of(n, at_s), serial)).await.context("reporting")?;
    if new {
        fleet.devices[n].lock().sent.push_back((at_s, fleet.clock.elapsed()));
    }
    Ok(())
}

async fn next_batch(fleet: &Fleet, n: usize, phone: &str, stream: &mut TcpStream) -> anyhow::Result<()> {
    let frame = {
        let mut device = fleet.devices[n].lock();
        let left = fleet.stored - device.stored_done;
        if device.batch.is_some() || left == 0 {
            return Ok(());
        }
        let (from, count, serial) = (device.stored_done, left.min(BATCH), device.next_serial());
        device.batch = Some((serial, count));
        jt808::batch(phone, (from..from + count).map(|place| fleet.stored_fix(n, place)), serial)
    };
    stream.write_all(&frame).await.context("sending stored positions")
}

fn take_answers(fleet: &Fleet, n: usize, received: &mut Vec<u8>) {
    let mut device = fleet.devices[n].lock();
    while let Some(answer) = jt808::answer(received) {
        received.drain(..answer.length);
        let Some(serial) = answer.serial().filter(|_| answer.kind == 0x8001) else { continue };
        if let Some((_, count)) = device.batch.take_if(|(asked, _)| *asked == serial) {
            device.stored_done += count;
            fleet.stored_acknowledged.fetch_add(count, Ordering::Relaxed);
        } else {
            device.unanswered.retain(|(asked, _)| *asked != serial);
        }
    }
}
