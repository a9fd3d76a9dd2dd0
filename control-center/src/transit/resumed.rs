//! Findings that were told before the hall started: gone on with, ended, or not told again.

use std::collections::BTreeMap;
use std::sync::Arc;

use control_center_store::{BusEvent, BusEventFilter, BusEventRow, BusNews, Span, Store, StoreError};
use models_domain::event::Phase;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::FeedId;
use models_domain::{DurationMs, UtcMillis};
use time::Date;

use super::{Transit, lock, news};

/// Of a kind, as many as are gone on with.
const FOUND_MAX: u32 = 20_000;
/// What was withdrawn so long ago is over by now, or buses are on other runs: it must not hide what begins anew.
const WITHDRAWN_LATELY: DurationMs = DurationMs(3_600_000);

/// What was told of a day before the hall started.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToldBefore {
    told: Vec<BusEventRow>,
    withdrawn: Vec<BusEventRow>,
}

/// `today` ends now.
///
/// # Errors
/// [`StoreError`].
pub async fn told_before(store: &Store, today: Span) -> Result<ToldBefore, StoreError> {
    let filter = BusEventFilter { span: Some((today.from, today.to)), ..BusEventFilter::default() };
    let mut told = found(store, &BusEventFilter { open: true, ..filter.clone() }).await?;
    // What is over of these may be disproved by reports that come yet.
    for finding in [Finding::HeadwayGap, Finding::Bunching] {
        let all = BusEventFilter { finding: Some(finding), ..filter.clone() };
        told.extend(found(store, &all).await?.into_iter().filter(|row| row.ended.is_some()));
    }
    let lately = today.to - WITHDRAWN_LATELY;
    let withdrawn = store.withdrawn_open(Finding::Bunching, today, lately, FOUND_MAX).await?;
    Ok(ToldBefore { told, withdrawn })
}

/// The newest findings that are gone on with; where there are more, nobody ends or withdraws those.
///
/// # Errors
/// [`StoreError`].
pub async fn found(store: &Store, filter: &BusEventFilter) -> Result<Vec<BusEventRow>, StoreError> {
    let rows = store.bus_events(filter, FOUND_MAX).await?;
    if rows.len() >= FOUND_MAX as usize {
        let finding = filter.finding.map_or("any", Finding::name);
        tracing::warn!(
            finding,
            open = filter.open,
            most = FOUND_MAX,
            "more was found than is gone on with: not with the oldest"
        );
    }
    Ok(rows)
}

impl Transit {
    /// Goes on with what was told before the hall started, and does not tell again what was withdrawn while it was told to hold.
    pub fn go_on(&self, ToldBefore { told, withdrawn }: ToldBefore) {
        self.resume(told);
        lock(&self.live).fleet.refuse(withdrawn.into_iter().map(news::told));
    }

    /// Goes on with findings that were told before the hall started; what is found among buses may be over.
    pub fn resume(&self, kept: Vec<BusEventRow>) {
        let mut live = lock(&self.live);
        let (calls, among): (Vec<_>, Vec<_>) =
            kept.into_iter().map(news::told).partition(|event| event.finding == Finding::Sos);
        live.fleet.resume(among);
        if self.planned().day.is_none() {
            calls.into_iter().for_each(|event| live.calls.resume(event));
        }
    }

    /// Ends what was found among buses on days before `today`, when its run should have been over; of runs that are still under way,
    /// goes on with it.
    pub fn end_former(&self, open: Vec<BusEventRow>, today: UtcMillis, now: UtcMillis) {
        let planned = self.planned();
        let mut plans: BTreeMap<(FeedId, Date), Option<Arc<DayPlan>>> = BTreeMap::new();
        let (mut events, mut holds) = (Vec::new(), Vec::new());
        for BusEventRow { event, line, .. } in open {
            let ends = event.run.as_ref().and_then(|(feed, run)| {
                let plan = plans
                    .entry((feed.clone(), run.date))
                    .or_insert_with(|| planned.plan(feed, Some(run.date), now))
                    .as_ref()?;
                Some(plan.timetable.ends(&plan.runs[plan.find(run)?]))
            });
            if event.finding == Finding::RunUnseen && ends.is_some_and(|ends| now < ends) {
                holds.push(event);
                continue;
            }
            let at = ends.unwrap_or(today).clamp(event.began, now.max(event.began));
            events.push(BusEvent { event: TransitEvent { phase: Phase::Ended, at, ..event }, line });
        }
        lock(&self.live).fleet.resume(holds);
        if !events.is_empty() {
            self.unkept.push(BusNews { events, ..BusNews::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use models_domain::transit::headway::{Line, Rung};
    use models_domain::transit::timetable::RunKey;
    use models_domain::{Meters, VehicleId};
    use time::macros::date;

    use super::*;

    const NOW: UtcMillis = UtcMillis(1_764_124_200_000);
    const HOUR: DurationMs = DurationMs(3_600_000);

    /// A bus that runs as one with the bus ahead.
    fn close(vehicle: &str) -> Rung {
        Rung {
            vehicle: vehicle.parse().unwrap(),
            line: Line { feed: "xe".into(), route: "32".into(), direction: None },
            run: RunKey { date: date!(2025 - 11 - 25), trip: vehicle.into(), start_s: None },
            pattern: 0,
            along: Meters(0.0),
            stops_ahead: 9,
            late: None,
            ahead: Some(DurationMs(60_000)),
            ahead_timetabled: Some(DurationMs(600_000)),
            beside: None,
        }
    }

    fn bunching(rung: &Rung) -> BusEvent {
        let event = TransitEvent {
            finding: Finding::Bunching,
            phase: Phase::Begun,
            began: NOW - DurationMs(2 * HOUR.0),
            at: NOW - DurationMs(2 * HOUR.0),
            vehicle: Some(rung.vehicle.clone()),
            place: None,
            run: Some((rung.line.feed.clone(), rung.run.clone())),
            stop: None,
            value: None,
        };
        BusEvent { event, line: Some(rung.line.clone()) }
    }

    #[tokio::test]
    async fn what_was_withdrawn_lately_is_not_told_again_and_what_holds_is_not_told_twice() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("city.db")).await.unwrap();
        let ladder = ["holds", "lately", "long-ago", "never-told"].map(close);
        let events = ladder[..3].iter().map(bunching).collect();
        let withdrawn = |rung, ago_ms: i64| BusNews {
            withdrawn: vec![bunching(rung)],
            withdrawn_at: NOW - DurationMs(ago_ms),
            ..BusNews::default()
        };
        let told = BusNews { events, ..BusNews::default() };
        let news = [told, withdrawn(&ladder[1], 60_000), withdrawn(&ladder[2], HOUR.0 + 1)];
        store.keep_bus_news(&news).await.unwrap();

        let transit = Transit::new([0; 16]);
        let today = Span { from: NOW - DurationMs(20 * HOUR.0), to: NOW };
        transit.go_on(told_before(&store, today).await.unwrap());
        let look = |at| lock(&transit.live).fleet.look_for_bunching(&[], &ladder, at);
        assert_eq!(look(NOW), []);
        let begun = look(NOW + DurationMs(60_000)).into_iter();
        let begun: Vec<_> = begun.filter_map(|event| event.vehicle).collect();
        let want: [VehicleId; 2] = ["long-ago", "never-told"].map(|vehicle| vehicle.parse().unwrap());
        assert_eq!(begun, want);
        store.close().await;
    }
}
