//! How routes and operators ran, day by day: the store's passings and findings against the plan of each day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use control_center_store::{BusEventFilter, BusEventRow, PassingFilter, Span};
use models_domain::UtcMillis;
use models_domain::transit::finding::{Finding, Limits};
use models_domain::transit::passing::Passing;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::report::{Figures, Found, Report, report as sum_up};
use models_domain::transit::timetable::{FeedId, RunKey};
use models_wire::v1;
use time::Date;
use time::macros::format_description;

use super::by_vehicle::{self, Taken, VehicleDay};
use super::planned::{day_at, day_span};
use crate::hall::Hall;

const DAYS_MAX: i64 = 31;
/// Of one operator on one day.
const PASSINGS_MAX: u32 = 3_000_000;
pub const EVENTS_MAX: u32 = 200_000;

/// Which days of which operator; `None` is today, and all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    pub days: Option<(Date, Date)>,
    pub feed: Option<FeedId>,
}

impl Asked {
    /// # Errors
    /// What is wrong, and how it is written rightly.
    pub fn read(from: &str, to: &str, feed: &str) -> Result<Self, String> {
        let read = |name: &str, text: &str| {
            Date::parse(text, format_description!("[year]-[month]-[day]"))
                .map_err(|_| format!("{name}: {text:?} is not a day like 2026-12-01"))
        };
        let days = match (from, to) {
            ("", "") => None,
            (from, "") => Some((read("from", from)?, read("from", from)?)),
            (from, to) => Some((read("from", from)?, read("to", to)?)),
        };
        if let Some((from, to)) = days {
            let count = (to - from).whole_days() + 1;
            if !(1..=DAYS_MAX).contains(&count) {
                return Err(format!("from, to: {from} to {to} is not 1 to {DAYS_MAX} days"));
            }
        }
        Ok(Self { days, feed: Some(feed).filter(|f| !f.is_empty()).map(FeedId::from) })
    }

    /// The days that are asked for, as a part of a file's name.
    pub fn name(&self, today: Date) -> String {
        let (from, to) = self.days.unwrap_or((today, today));
        if from == to { from.to_string() } else { format!("{from}_{to}") }
    }
}

/// What is of no known run, and so of no operator, comes last among the operators, where no one of them is asked for.
///
/// # Errors
/// When the store cannot be read.
pub async fn report(hall: &Arc<Hall>, asked: &Asked) -> anyhow::Result<v1::GetTransitReportResponse> {
    // Whether a vehicle passed any stop is enough for that.
    Ok(with_vehicles(hall, asked, 1).await?.0)
}

/// The same, and days by vehicle, with stops counted up to `most` of each; none where one operator is asked for: vehicles are of none.
///
/// # Errors
/// When the store cannot be read.
pub async fn with_vehicles(
    hall: &Arc<Hall>,
    asked: &Asked,
    most: u32,
) -> anyhow::Result<(v1::GetTransitReportResponse, Vec<VehicleDay>)> {
    let (mut told, mut taken) = (v1::GetTransitReportResponse::default(), Taken::default());
    let zones = hall.transit.zones();
    for (feed, zone) in zones.iter().filter(|(feed, _)| asked.feed.as_ref().is_none_or(|f| f == *feed)) {
        let now = hall.clock.now();
        let today = day_at(zone, now);
        let (from, to) = asked.days.unwrap_or((today, today));
        let mut date = Some(from);
        while let Some(day) = date.filter(|d| *d <= to) {
            date = day.next_day();
            let Some(span) = day_span(zone, day) else { continue };
            let (of, plans) = (feed.clone(), hall.clone());
            let plan = tokio::task::spawn_blocking(move || plans.transit.plan(&of, Some(day), now)).await;
            if let Some(plan) = plan.context("making a day's plan")? {
                add_day(hall, (plan, span), now, (&mut told, &mut taken)).await?;
            }
        }
    }
    if asked.feed.is_some() {
        return Ok((told, Vec::new()));
    }
    let (vehicles, off_runs) = by_vehicle::days(hall, asked, most, &taken).await?;
    told.operators.extend(off_runs);
    Ok((told, vehicles))
}

async fn add_day(
    hall: &Arc<Hall>,
    (plan, span): (Arc<DayPlan>, Span),
    now: UtcMillis,
    (told, taken): (&mut v1::GetTransitReportResponse, &mut Taken),
) -> anyhow::Result<()> {
    let (feed, date) = (plan.feed.clone(), plan.day.date);
    let filter =
        PassingFilter { feed: Some(feed.clone()), days: Some((date, date)), ..PassingFilter::default() };
    let passings = hall.store.passings(&filter, PASSINGS_MAX).await?;
    // Findings belong to the day in which they begin, as buses' days are cut.
    let within = Some((span.from, span.to));
    let filter = BusEventFilter { feed: Some(feed), span: within, ..BusEventFilter::default() };
    let events = hall.store.bus_events(&filter, EVENTS_MAX).await?;
    let rejected = hall.store.rejected_by_vehicle(span).await?;
    let summed = tokio::task::spawn_blocking(move || {
        // Of today only what should have begun by now is asked of the buses.
        let plan = if span.to > now { until(&plan, &passings, now) } else { plan };
        let found: Vec<Found> = events
            .iter()
            .map(|row| {
                let run = row.event.run.as_ref().map(|(_, run)| run.clone());
                Found { finding: row.event.finding, line: row.line.clone(), run, value: row.event.value }
            })
            .collect();
        let report = sum_up(&plan, &passings, &found, &Limits::default());
        (rows(&plan, &report, &rejected), report, events)
    });
    let ((mut routes, mut operators), report, events) = summed.await.context("summing up a day")?;
    told.routes.append(&mut routes);
    told.operators.append(&mut operators);
    take(&report, &events, date, taken);
    Ok(())
}

/// What a day's rows count is left out of what is in none.
fn take(report: &Report, events: &[BusEventRow], date: Date, taken: &mut Taken) {
    let vehicles = report.by_agency.values().flat_map(|figures| &figures.vehicles);
    let on_runs = taken.vehicles_by_day.entry(date.to_string()).or_default();
    on_runs.extend(vehicles.map(ToString::to_string));
    let found = report.taken.iter().filter_map(|place| events.get(*place)).map(|row| &row.event);
    let speeding = found.filter(|event| event.finding == Finding::Overspeed);
    taken.overspeeds.extend(speeding.filter_map(|event| Some((event.vehicle.clone()?, event.began))));
}

/// The plan of what should be over by now or under way, or was seen to be: where starts are no promise a bus may be told by a later one.
fn until(plan: &DayPlan, passings: &[Passing], now: UtcMillis) -> Arc<DayPlan> {
    let table = &plan.timetable;
    let seen: BTreeSet<&RunKey> = passings.iter().map(|p| &p.run).collect();
    Arc::new(plan.only(|run| table.departs(run, 0) <= now || seen.contains(&table.key(run))))
}

type Rows = (Vec<v1::RouteDay>, Vec<v1::RouteDay>);

fn rows(plan: &DayPlan, report: &Report, rejected: &BTreeMap<String, u32>) -> Rows {
    let table = &plan.timetable;
    let row = |figures: &Figures, agency: usize| {
        let agency = table.agencies.get(agency);
        let operator = agency.map_or(String::new(), |a| a.name.clone());
        let bad = figures.vehicles.iter().filter_map(|v| rejected.get(v.as_str()));
        let day = plan.day.date.to_string();
        let (feed, positions_rejected) = (plan.feed.0.clone(), bad.sum());
        v1::RouteDay { day, feed, operator, positions_rejected, ..in_words(figures) }
    };
    let routes = report.by_route.iter().filter_map(|(id, figures)| {
        let route = table.routes.iter().find(|r| r.id == *id)?;
        let names = v1::RouteDay {
            route: id.0.clone(),
            short_name: route.short_name.clone(),
            ..row(figures, route.agency)
        };
        Some(names)
    });
    let operators = report.by_agency.iter().map(|(agency, figures)| row(figures, *agency));
    (routes.collect(), operators.collect())
}

fn in_words(f: &Figures) -> v1::RouteDay {
    v1::RouteDay {
        runs_scheduled: f.runs_scheduled,
        runs_by_headway: f.runs_by_headway,
        runs_whole: f.runs_whole,
        runs_partial: f.runs_partial,
        km_scheduled: f.scheduled.0 / 1000.0,
        km_driven: f.driven.0 / 1000.0,
        passings: f.passings,
        on_time: f.on_time,
        early: f.early,
        late: f.late,
        late_mean_s: f.late_mean_s,
        headways: u32::try_from(f.regularity.headways).unwrap_or(u32::MAX),
        headway_variation: f.regularity.variation,
        excess_wait_s: f.regularity.excess_wait_s,
        bunchings: f.bunchings,
        overspeeds: f.overspeeds,
        overspeed_kmh_max: f.overspeed_kmh_max,
        vehicles: u32::try_from(f.vehicles.len()).unwrap_or(u32::MAX),
        gap_median_s: f.gap_median.seconds(),
        ..v1::RouteDay::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn days_are_read_and_named() {
        let read = |from, to| Asked::read(from, to, "");
        assert_eq!(read("", "").unwrap().days, None);
        assert_eq!(read("2026-03-02", "").unwrap().name(date!(2026 - 05 - 01)), "2026-03-02");
        assert_eq!(
            read("2026-03-02", "2026-04-01").unwrap().name(date!(2026 - 05 - 01)),
            "2026-03-02_2026-04-01"
        );
        assert_eq!(
            read("2026-03-02", "2026-04-02").unwrap_err(),
            "from, to: 2026-03-02 to 2026-04-02 is not 1 to 31 days"
        );
        assert_eq!(
            read("2026-03-02", "2026-03-01").unwrap_err(),
            "from, to: 2026-03-02 to 2026-03-01 is not 1 to 31 days"
        );
        assert_eq!(read("2.3.26", "").unwrap_err(), "from: \"2.3.26\" is not a day like 2026-12-01");
        assert_eq!(read("", "2026-03-01").unwrap_err(), "from: \"\" is not a day like 2026-12-01");
    }
}
