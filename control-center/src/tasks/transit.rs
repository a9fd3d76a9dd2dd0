//! Buses: timetables read anew when they changed, waiting fixes looked at every second, the outside told every ten.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use control_center_store::{BusEventFilter, Span};
use models_domain::transit::finding::Finding;
use models_domain::transit::pace::Learner;
use models_domain::{DurationMs, UtcMillis};

use super::bus_days;
use crate::hall::Hall;
use crate::transit::resumed::{found, told_before};
use crate::transit::{Anew, live};

const LOOK: Duration = Duration::from_secs(1);
const TELL_EVERY: u32 = 10;
const RELOAD_EVERY: u32 = 30;
const DAY: DurationMs = DurationMs(24 * 3_600_000);
/// Buses' paces are learned anew from so much of what was kept.
const LEARNED_DAYS: i64 = 28;
const LEARNED_MAX: u32 = 2_000_000;
const PAGE: u32 = 20_000;
/// So many news wait while the store does not take them; with more, days are made anew from their fixes.
const UNKEPT_MAX: usize = 20_000;

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let (mut mark, mut followed) = (None, None);
    let mut round = 0_u32;
    loop {
        if round.is_multiple_of(RELOAD_EVERY) {
            let now = hall.store.timetables_mark().await?;
            if mark != Some(now) {
                hall.transit.set_begun(false);
                reload(&hall).await?;
                hall.transit.set_begun(true);
                (mark, followed) = (Some(now), None);
            }
        }
        let tell = round.is_multiple_of(TELL_EVERY);
        work(&hall, move |hall| {
            let now = hall.clock.now();
            hall.transit.look(now);
            if tell {
                hall.transit.tell(now);
            }
        })
        .await?;
        keep(&hall).await?;
        let now = hall.clock.now();
        let begin = hall.transit.day_begin(now);
        if let Some(begin) = begin.filter(|_| begin != followed) {
            hall.store.follow_day(begin, now).await?;
            leave_none_open(&hall, begin).await?;
            followed = Some(begin);
        }
        let left_out = hall.transit.left_out();
        if !left_out.is_empty() {
            tracing::warn!(
                buses = left_out.len(),
                "more positions than can be followed: these days are reckoned anew"
            );
            let done = hall.store.make_due(&left_out, now).await;
            if done.is_err() {
                hall.transit.left_out_still(left_out);
            }
            done?;
        }
        make_disturbed_due(&hall).await?;
        round = round.wrapping_add(1);
        tokio::time::sleep(LOOK).await;
    }
}

/// Buses that were judged by what others turned out not to do are reckoned anew in the background.
pub async fn make_disturbed_due(hall: &Hall) -> anyhow::Result<()> {
    let disturbed = hall.transit.disturbed();
    if disturbed.is_empty() {
        return Ok(());
    }
    tracing::debug!(buses = disturbed.len(), "others turned out to do something else: reckoned anew");
    let done = hall.store.make_due(&disturbed, hall.clock.now()).await;
    if done.is_err() {
        hall.transit.disturbed_still(disturbed);
    }
    Ok(done?)
}

/// On the timetables that are in force now: learns from the days before, and follows today's buses from the beginning.
async fn reload(hall: &Arc<Hall>) -> anyhow::Result<()> {
    let rows = hall.store.timetables().await?;
    let known = hall.store.segments().await?.into_iter().map(|s| (s.name, s.line)).collect();
    work(hall, move |hall| {
        hall.transit.know(known);
        hall.transit.timetables(rows, hall.clock.now());
    })
    .await?;
    let now = hall.clock.now();
    let Some((date, span)) = hall.transit.day_of(now) else {
        // Nobody is followed; whoever calls for help is heard.
        let finding = Some(Finding::Sos);
        let open = BusEventFilter { open: true, finding, ..BusEventFilter::default() };
        let open = found(&hall.store, &open).await?;
        return work(hall, move |hall| hall.transit.resume(open)).await;
    };
    let first = now - DurationMs(LEARNED_DAYS * DAY.0);
    let mut place = (hall.store.passings_back(span.from, LEARNED_MAX).await?.max(first), 0);
    let mut learner = Learner::default();
    while let Some((page, next)) = hall.store.passings_page(place, span.from, PAGE).await? {
        learner = work(hall, move |hall| {
            hall.transit.remember(&mut learner, page);
            learner
        })
        .await?;
        place = next;
    }
    let before = told_before(&hall.store, Span { from: span.from, to: now }).await?;
    work(hall, move |hall| hall.transit.go_on(before)).await?;
    let seen = hall.store.vehicles_seen(span).await?;
    let due = seen.into_iter().map(|vehicle| (vehicle, Vec::new())).collect();
    bus_days::reckon(hall, Anew { date, span, due, again: true }).await?;
    keep(hall).await
}

/// What was found among buses before today and holds still, as far as is kept: the hall that would have ended it was away, or has
/// begun a new day.
async fn leave_none_open(hall: &Arc<Hall>, today: UtcMillis) -> anyhow::Result<()> {
    for finding in [Finding::RunUnseen, Finding::HeadwayGap, Finding::Bunching] {
        let (span, finding) = (Some((UtcMillis(0), today)), Some(finding));
        let open = BusEventFilter { open: true, span, finding, ..BusEventFilter::default() };
        let open = found(&hall.store, &open).await?;
        work(hall, move |hall| hall.transit.end_former(open, today, hall.clock.now())).await?;
    }
    keep(hall).await
}

/// What the store does not take now it is offered again the next time.
async fn keep(hall: &Hall) -> anyhow::Result<()> {
    match hall.transit.unkept.keep(&hall.store, |news| live::kept(hall, news)).await {
        Ok(()) => Ok(()),
        Err(err) if hall.transit.unkept.count() < UNKEPT_MAX => {
            let waiting = hall.transit.unkept.count();
            tracing::error!("{:#}; {waiting} are kept in memory", anyhow::Error::from(err));
            Ok(())
        }
        Err(err) => {
            hall.transit.unkept.give_up();
            Err(err).context("the store has not taken what buses did for too long")
        }
    }
}

/// Thinking of ten thousand buses takes its time: not where calls are answered.
pub async fn work<T: Send + 'static>(
    hall: &Arc<Hall>,
    job: impl FnOnce(&Hall) -> T + Send + 'static,
) -> anyhow::Result<T> {
    let hall = hall.clone();
    tokio::task::spawn_blocking(move || job(&hall)).await.context("thinking of the buses")
}
