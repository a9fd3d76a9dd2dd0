//! What the fleet tells, made ready to be kept: each finding with the line it belongs to.

use std::sync::Arc;

use control_center_store::{BusEvent, BusEventRow, BusNews};
use models_domain::UtcMillis;
use models_domain::event::Phase;
use models_domain::transit::day::News;
use models_domain::transit::finding::TransitEvent;
use models_domain::transit::headway::Line;
use models_domain::transit::plan::{self, DayPlan};

pub fn of_bus(news: News, plans: &[Arc<DayPlan>]) -> BusNews {
    BusNews {
        passings: news.passings,
        events: news.events.into_iter().map(|event| with_line(event, plans)).collect(),
        ..BusNews::default()
    }
}

/// What was found among buses, and what never was so, as is known `now`.
pub fn among(
    found: Vec<TransitEvent>,
    withdrawn: Vec<TransitEvent>,
    plans: &[Arc<DayPlan>],
    now: UtcMillis,
) -> BusNews {
    let with_lines = |events: Vec<TransitEvent>| -> Vec<BusEvent> {
        events.into_iter().map(|event| with_line(event, plans)).collect()
    };
    let (events, withdrawn) = (with_lines(found), with_lines(withdrawn));
    withdrawn.iter().for_each(|kept| log(kept, "reports that came late show that it never was so"));
    BusNews { events, withdrawn, withdrawn_at: now, ..BusNews::default() }
}

/// Runs that were told missing or unseen, and that the store has withdrawn: buses drove them on a day that is over.
pub fn driven_after_all(runs: Vec<BusEventRow>) {
    for row in runs {
        let line = row.line.clone();
        log(&BusEvent { event: told(row), line }, "the day as a whole shows that a bus drove it");
    }
}

fn log(BusEvent { event, line }: &BusEvent, why: &str) {
    tracing::info!(
        finding = event.finding.name(),
        bus = event.vehicle.as_ref().map_or("", |vehicle| vehicle.as_str()),
        route = line.as_ref().map_or("", |line| line.route.as_str()),
        trip = event.run.as_ref().map_or("", |(_, run)| run.trip.as_str()),
        began_ms = event.began.0,
        ended_ms = ?(event.phase == Phase::Ended).then_some(event.at.0),
        "withdrawn: {why}"
    );
}

/// A kept finding as it was told last.
pub fn told(row: BusEventRow) -> TransitEvent {
    TransitEvent { at: row.ended.unwrap_or(row.event.at), ..row.event }
}

pub fn with_line(event: TransitEvent, plans: &[Arc<DayPlan>]) -> BusEvent {
    let line = event.run.as_ref().and_then(|(feed, key)| {
        let (plan, run) = plan::find(plans, feed, key)?;
        let run = &plan.runs[run];
        let (route, direction) =
            (plan.timetable.route(run).id.clone(), plan.timetable.pattern(run).direction);
        Some(Line { feed: feed.clone(), route, direction })
    });
    BusEvent { event, line }
}
