//! Findings that were told before the hall started: gone on with, ended, or not told again.

use std::collections::BTreeMap;
use std::sync::Arc;

use control_center_store::{BusEvent, BusEventRow, BusNews};
use models_domain::UtcMillis;
use models_domain::event::Phase;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::FeedId;
use time::Date;

use super::{Transit, lock, news};

impl Transit {
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

    /// Does not tell again what was withdrawn before the hall started, while it was told to hold.
    pub fn refuse(&self, withdrawn: Vec<BusEventRow>) {
        lock(&self.live).fleet.refuse(withdrawn.into_iter().map(news::told));
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
