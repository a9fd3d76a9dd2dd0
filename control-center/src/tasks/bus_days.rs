//! Days of buses reckoned anew in the background, some buses of one day at a time: where reports came late, verdicts changed, a day is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use control_center_store::{BusNews, Due, Span, StoreError};
use models_domain::{DurationMs, VehicleId};
use tokio::runtime::Handle;

use super::transit::{make_disturbed_due, work};
use crate::hall::Hall;
use crate::transit::{Anew, Passed, Reported, live};

/// A bus that still sends what it stored is waited for, but not for longer than this.
const CALM: DurationMs = DurationMs(5_000);
const LONG: DurationMs = DurationMs(60_000);
const IDLE: Duration = Duration::from_millis(500);
/// At least so long, and as long as it worked, it leaves the machine to others.
const PAUSE: Duration = Duration::from_millis(10);
/// So many are made anew together, and all whom that disturbs.
const BUSES: u32 = 50;
const PAGE: u32 = 20_000;
const DAY: DurationMs = DurationMs(24 * 3_600_000);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        let began = hall.clock.elapsed();
        let worked = some(&hall).await?;
        let took = hall.clock.elapsed() - began;
        tokio::time::sleep(if worked { took.max(PAUSE) } else { IDLE }).await;
    }
}

/// Reckons the buses that have waited longest, of one day; whether there were any. Today's wait until all of them have begun.
async fn some(hall: &Arc<Hall>) -> anyhow::Result<bool> {
    let now = hall.clock.now();
    let due = hall.store.due(now - CALM, now - LONG, BUSES).await?;
    let today = if hall.transit.has_begun() { None } else { hall.transit.day_of(now) };
    let waits = |due: &Due| today.is_some_and(|(_, span)| span.from <= due.from && due.from < span.to);
    let due: Vec<Due> = due.into_iter().filter(|due| !waits(due)).collect();
    let Some(first) = due.first() else { return Ok(false) };
    let Some((date, span)) = hall.transit.day_of(first.from) else { return Ok(false) };
    let due: Vec<Due> = due.into_iter().filter(|due| span.from <= due.from && due.from < span.to).collect();
    // A day of which positions are forgotten already stays as it was reckoned; one that is to come is nothing yet.
    let kept = now - DurationMs(i64::from(hall.keep_events_days) * DAY.0);
    if span.from < kept || span.from > now {
        hall.store.keep_bus_news(&[BusNews { settled: due, ..BusNews::default() }]).await?;
        return Ok(true);
    }
    let mut by_vehicle: BTreeMap<VehicleId, Vec<Due>> = BTreeMap::new();
    due.into_iter().for_each(|due| by_vehicle.entry(due.vehicle.clone()).or_default().push(due));
    reckon(hall, Anew { date, span, due: by_vehicle, again: false }).await?;
    hall.transit.unkept.keep(&hall.store, |news| live::kept(hall, news)).await?;
    Ok(true)
}

/// Makes days anew; what that disturbs afterwards is due.
pub async fn reckon(hall: &Arc<Hall>, anew: Anew) -> anyhow::Result<()> {
    let (date, span) = (anew.date, anew.span);
    if hall.transit.wants_claims(date) {
        let kept = hall.store.bus_claims(span).await?;
        let recorded: BTreeSet<&VehicleId> = kept.iter().map(|(vehicle, _)| vehicle).collect();
        let seen = hall.store.vehicles_seen(span).await?;
        let all = seen.iter().all(|vehicle| recorded.contains(vehicle));
        let passed = if all { Passed::default() } else { passed(hall, span).await? };
        work(hall, move |hall| hall.transit.remember_claims(date, kept, passed)).await?;
    }
    let runtime = Handle::current();
    work(hall, move |hall| {
        let reports = |vehicle: &VehicleId, span| -> Result<Reported, StoreError> {
            let believed = runtime.block_on(hall.store.believed(vehicle, span))?;
            Ok(Reported {
                believed,
                rejected: runtime.block_on(hall.store.rejected_calls(vehicle, span.from))?,
            })
        };
        hall.transit.reckon(anew, || hall.clock.now(), reports)
    })
    .await??;
    // Before those that were reckoned are due no more.
    make_disturbed_due(hall).await
}

/// Which runs buses were told to do on a day.
async fn passed(hall: &Hall, span: Span) -> anyhow::Result<Passed> {
    let (mut passed, mut place) = (Passed::default(), (span.from, 0));
    while let Some((page, next)) = hall.store.passings_page(place, span.to, PAGE).await? {
        for passing in page {
            let runs = passed.entry(passing.vehicle).or_default();
            runs.entry((passing.feed, passing.run)).or_insert(passing.at);
        }
        place = next;
    }
    Ok(passed)
}
