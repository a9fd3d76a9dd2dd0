//! Buses: timetables read anew when they changed, waiting fixes looked at every second, the outside told every ten.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use control_center_store::{BusEventFilter, BusNews};
use models_domain::DurationMs;
use models_domain::transit::Fix;
use models_domain::transit::pace::Learner;

use crate::hall::Hall;
use crate::transit::{WAITING, live};

const LOOK: Duration = Duration::from_secs(1);
const TELL_EVERY: u32 = 10;
const RELOAD_EVERY: u32 = 30;
const DAY: DurationMs = DurationMs(24 * 3_600_000);
/// Buses' paces are learned anew from so much of what was kept.
const LEARNED_DAYS: i64 = 28;
const LEARNED_MAX: u32 = 2_000_000;
const PAGE: u32 = 20_000;
const PART: usize = WAITING / 2;
/// News of so many buses wait while the store does not take them; with more, the day is made anew from its fixes.
const UNKEPT_MAX: usize = 20_000;

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let mut mark = None;
    let mut round = 0_u32;
    let mut unkept = Vec::new();
    loop {
        if round.is_multiple_of(RELOAD_EVERY) {
            let now = hall.store.timetables_mark().await?;
            if mark != Some(now) {
                reload(&hall).await?;
                mark = Some(now);
            }
        }
        let tell = round.is_multiple_of(TELL_EVERY);
        let news = work(&hall, move |hall| {
            let now = hall.clock.now();
            let mut news = hall.transit.look(now);
            if tell {
                news.push(hall.transit.tell(now));
            }
            news
        });
        unkept.extend(news.await?.into_iter().filter(|n| *n != BusNews::default()));
        keep(&hall, &mut unkept).await?;
        round = round.wrapping_add(1);
        tokio::time::sleep(LOOK).await;
    }
}

/// On the timetables that are in force now: learns from the days before, and follows today's buses from the beginning.
async fn reload(hall: &Arc<Hall>) -> anyhow::Result<()> {
    let rows = hall.store.timetables().await?;
    let known = hall.store.segments().await?.into_iter().map(|s| (s.name, s.line)).collect();
    hall.transit.know(known);
    work(hall, move |hall| hall.transit.timetables(rows)).await?;
    let now = hall.clock.now();
    let Some(begin) = hall.transit.day_begin(now) else { return Ok(()) };
    let first = now - DurationMs(LEARNED_DAYS * DAY.0);
    let mut place = (hall.store.passings_back(begin, LEARNED_MAX).await?.max(first), 0);
    let mut learner = Learner::default();
    while let Some((page, next)) = hall.store.passings_page(place, begin, PAGE).await? {
        learner = work(hall, move |hall| {
            hall.transit.remember(&mut learner, page);
            learner
        })
        .await?;
        place = next;
    }
    let open = BusEventFilter { open: true, span: Some((begin, now)), ..BusEventFilter::default() };
    hall.transit.resume(hall.store.bus_events(&open, PAGE).await?);
    // What is found replaces what was kept of a bus's day: each bus's fixes are all read.
    let mut fixes = Vec::new();
    for vehicle in hall.store.vehicles().await? {
        fixes.append(&mut hall.store.fixes_since(&vehicle, begin).await?);
        if fixes.len() >= PART {
            follow(hall, std::mem::take(&mut fixes)).await?;
        }
    }
    follow(hall, fixes).await
}

/// In parts: no more may wait, and no new one that comes meanwhile may be left out for them.
async fn follow(hall: &Arc<Hall>, fixes: Vec<Fix>) -> anyhow::Result<()> {
    let mut fixes = fixes.into_iter().peekable();
    while fixes.peek().is_some() {
        hall.transit.offer(fixes.by_ref().take(PART));
        let news = work(hall, |hall| hall.transit.look(hall.clock.now())).await?;
        hall.store.keep_bus_news(&news).await?;
        live::known(hall, &news);
    }
    Ok(())
}

/// What the store does not take now it is offered again with the next.
async fn keep(hall: &Hall, unkept: &mut Vec<BusNews>) -> anyhow::Result<()> {
    if unkept.is_empty() {
        return Ok(());
    }
    match hall.store.keep_bus_news(unkept).await {
        Ok(()) => {
            live::tell(hall, unkept);
            unkept.clear();
        }
        Err(err) if unkept.len() < UNKEPT_MAX => {
            tracing::error!("{:#}; {} are kept in memory", anyhow::Error::from(err), unkept.len());
        }
        Err(err) => return Err(err).context("the store has not taken what buses did for too long"),
    }
    Ok(())
}

/// Thinking of ten thousand buses takes its time: not where calls are answered.
async fn work<T: Send + 'static>(
    hall: &Arc<Hall>,
    job: impl FnOnce(&Hall) -> T + Send + 'static,
) -> anyhow::Result<T> {
    let hall = hall.clone();
    tokio::task::spawn_blocking(move || job(&hall)).await.context("thinking of the buses")
}
