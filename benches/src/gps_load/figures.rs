//! What came into the database, and when.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use control_center_store::{Store, StoredFix};
use hardware_ports::Clock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::device::Fleet;

const LOOK_EVERY: Duration = Duration::from_millis(10);
const ROWS: u32 = 10_000;

/// Times from the last byte written to the position being found in the database.
#[derive(Clone, Default)]
pub struct Delays(Vec<Duration>);

impl Delays {
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Milliseconds that this part of them does not exceed.
    pub fn at(&self, part: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len().checked_sub(1)? as f64 * part).round() as usize;
        sorted.get(place).map(|delay| (delay.as_secs_f64() * 10_000.0).round() / 10.0)
    }
}

/// Looks into the database on and on.
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
    looking: JoinHandle<anyhow::Result<()>>,
}

#[derive(Default)]
struct Seen {
    delays: Delays,
    /// Rows of stored positions, those that came twice included.
    stored: usize,
}

impl Watch {
    pub async fn begin(database: &Path, fleet: Arc<Fleet>, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let store = Store::open(database).await?;
        let (seen, stop) = (Arc::default(), CancellationToken::new());
        let looking = tokio::spawn(look(store, fleet, clock, Arc::clone(&seen), stop.clone()));
        Ok(Self { seen, stop, looking })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stored(&self) -> usize {
        self.seen().stored
    }

    pub fn seen_so_far(&self) -> Delays {
        self.seen().delays.clone()
    }

    pub fn forget(&self) {
        self.take();
    }

    pub fn take(&self) -> Delays {
        std::mem::take(&mut self.seen().delays)
    }

    /// Whether every live report that is measured was found.
    pub fn caught_up(&self, fleet: &Fleet) -> bool {
        fleet.devices.iter().all(|device| device.lock().sent.is_empty())
    }

    pub async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.looking.await.context("looking into the database")?
    }
}

async fn look(
    store: Store,
    fleet: Arc<Fleet>,
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut last = 0;
    while !stop.is_cancelled() {
        let rows = store.fixes_stored_after(last, ROWS).await?;
        let now = clock.elapsed();
        last = rows.last().map_or(last, |row| row.event);
        note(&rows, now, &fleet, &mut seen.lock().unwrap_or_else(PoisonError::into_inner));
        if rows.len() < ROWS as usize {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    store.close().await;
    Ok(())
}

fn note(rows: &[StoredFix], now: Duration, fleet: &Fleet, seen: &mut Seen) {
    for row in rows {
        let Some(n) = fleet.device_of(&row.vehicle) else { continue };
        let at_s = row.at.0 / 1_000;
        if fleet.stored_at(at_s).is_some() {
            seen.stored += 1;
            continue;
        }
        let mut device = fleet.devices[n].lock();
        let place = device.sent.iter().position(|(sent_s, _)| *sent_s == at_s);
        if let Some((_, sent)) = place.and_then(|place| device.sent.remove(place)) {
            seen.delays.0.push(now.saturating_sub(sent));
        }
    }
}

/// What the database holds in the end, against what was measured in the street.
#[derive(Debug, Default)]
pub struct Verified {
    pub rows: usize,
    /// Positions that are not believed once, and not kept with another reason.
    pub lost: usize,
    /// Positions that are believed more than once.
    pub doubled: usize,
    /// Rows that the hall knows to be repeats.
    pub kept_as_double: usize,
    pub otherwise_rejected: usize,
}

pub async fn verify(database: &Path, fleet: &Fleet) -> anyhow::Result<Verified> {
    let store = Store::open(database).await?;
    let live: Vec<Vec<i64>> = fleet.devices.iter().map(|d| std::mem::take(&mut d.lock().live_s)).collect();
    let with_stored = fleet.stored_acknowledged.load(std::sync::atomic::Ordering::Relaxed) > 0;
    let stored = if with_stored { fleet.stored } else { 0 };
    let mut believed: Vec<Vec<u8>> = live.iter().map(|live| vec![0; stored + live.len()]).collect();
    let (mut last, mut found) = (0, Verified::default());
    loop {
        let rows = store.fixes_stored_after(last, ROWS).await?;
        let Some(newest) = rows.last() else { break };
        last = newest.event;
        found.rows += rows.len();
        for row in rows {
            match row.rejected.as_deref() {
                None => {}
                Some("double") => {
                    found.kept_as_double += 1;
                    continue;
                }
                Some(_) => {
                    found.otherwise_rejected += 1;
                    continue;
                }
            }
            let n = fleet.device_of(&row.vehicle).with_context(|| format!("{} is no device", row.vehicle))?;
            let at_s = row.at.0 / 1_000;
            let place = match fleet.stored_at(at_s) {
                Some(place) => Some(place),
                None => live[n].binary_search(&at_s).ok().map(|place| stored + place),
            };
            let place = place.with_context(|| format!("device {n} measured nothing at {at_s}"))?;
            believed[n][place] = believed[n][place].saturating_add(1);
        }
    }
    store.close().await;
    let times = || believed.iter().flatten();
    found.lost = times().filter(|times| **times == 0).count();
    found.doubled = times().filter(|times| **times > 1).count();
    ensure!(found.rows > 0, "the database holds no position");
    Ok(found)
}
