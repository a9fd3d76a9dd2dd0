//! What the fleet tells, made ready to be kept: each finding with the line it belongs to.

use std::sync::Arc;

use control_center_store::{BusEvent, BusNews};
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
