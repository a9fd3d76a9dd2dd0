//! `TransitService`: what supervisors of buses see.

use std::sync::Arc;

use control_center_store::{AuditLine, BusEventFilter, PassingFilter, TrackerRow};
use models_domain::transit::passing::Passing;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::{FeedId, RouteId};
use models_domain::{DurationMs, UtcMillis, VehicleId};
use models_wire::v1;
use models_wire::v1::transit_service_server::TransitService;
use time::Date;
use time::macros::format_description;
use tonic::{Request, Response, Status};

use super::{internal, segments, tracker_orders};
use crate::auth::guard;
use crate::hall::Hall;
use crate::transit::live::{self, Names};
use crate::transit::ready::{Answer, Question};
use crate::transit::{BUSY, reports, space_time};

/// Passings of one line and day, or of one bus.
const PASSINGS_MAX: u32 = 200_000;
const EVENTS_MAX: u32 = 1_000;
const EVENTS: u32 = 200;
/// Of one bus and day: one a second is 86,400.
const FIXES_MAX: u32 = 100_000;
const HOUR: DurationMs = DurationMs(3_600_000);

pub struct Transit {
    pub hall: Arc<Hall>,
}

#[tonic::async_trait]
impl TransitService for Transit {
    async fn list_routes(
        &self,
        _: Request<v1::ListRoutesRequest>,
    ) -> Result<Response<v1::ListRoutesResponse>, Status> {
        let now = self.hall.transit.supervised();
        Ok(Response::new(v1::ListRoutesResponse { at_ms: now.at.0, routes: now.routes.clone() }))
    }

    async fn get_buses(
        &self,
        request: Request<v1::GetBusesRequest>,
    ) -> Result<Response<v1::GetBusesResponse>, Status> {
        let asked = request.into_inner();
        let now = self.hall.transit.supervised();
        let wanted = |b: &&v1::BusNow| {
            (asked.feed.is_empty() || b.feed == asked.feed)
                && (asked.route.is_empty() || b.route == asked.route)
        };
        let buses = now.buses.iter().filter(wanted).cloned().collect();
        Ok(Response::new(v1::GetBusesResponse { at_ms: now.at.0, buses }))
    }

    async fn get_space_time(
        &self,
        request: Request<v1::GetSpaceTimeRequest>,
    ) -> Result<Response<v1::GetSpaceTimeResponse>, Status> {
        let asked = request.into_inner();
        let (feed, route) = (FeedId(asked.feed), RouteId(asked.route));
        let direction = direction(asked.direction)?;
        let plan = plan(&self.hall, &feed, day("day", &asked.day)?).await?;
        let filter = PassingFilter {
            feed: Some(feed),
            route: Some(route.clone()),
            direction,
            days: Some((plan.day.date, plan.day.date)),
            ..PassingFilter::default()
        };
        let passings = self.hall.store.passings(&filter, PASSINGS_MAX).await.map_err(internal)?;
        let now = self.hall.transit.supervised();
        let none = format!("route {route} does not run in this direction on {}", plan.day.date);
        let draw = move || space_time::space_time(&plan, &route, direction, &passings, &now);
        let drawn = tokio::task::spawn_blocking(draw).await.map_err(internal)?;
        drawn.map(Response::new).ok_or_else(|| Status::not_found(none))
    }

    async fn list_bus_events(
        &self,
        request: Request<v1::ListBusEventsRequest>,
    ) -> Result<Response<v1::ListBusEventsResponse>, Status> {
        let asked = request.into_inner();
        let now = self.hall.clock.now();
        let to = if asked.to_ms == 0 { UtcMillis(now.0.saturating_add(1)) } else { UtcMillis(asked.to_ms) };
        let from = if asked.from_ms == 0 { now - DurationMs(24 * HOUR.0) } else { UtcMillis(asked.from_ms) };
        if to <= from {
            return Err(Status::invalid_argument("to_ms must be after from_ms"));
        }
        let filter = BusEventFilter {
            feed: Some(FeedId(asked.feed)).filter(|f| !f.as_str().is_empty()),
            route: Some(RouteId(asked.route)).filter(|r| !r.as_str().is_empty()),
            span: Some((from, to)),
            open: asked.only_open,
            finding: None,
        };
        let limit = if asked.limit == 0 { EVENTS } else { asked.limit.min(EVENTS_MAX) };
        let rows = self.hall.store.bus_events(&filter, limit).await.map_err(internal)?;
        let mut names = Names::new(&self.hall);
        let events = rows.into_iter().map(|row| live::bus_event(row, &mut names)).collect();
        Ok(Response::new(v1::ListBusEventsResponse { events }))
    }

    async fn list_trackers(
        &self,
        request: Request<v1::ListTrackersRequest>,
    ) -> Result<Response<v1::ListTrackersResponse>, Status> {
        let user = guard::session(&request)?.user.clone();
        let hours = request.into_inner().hours;
        if hours > 24 {
            return Err(Status::invalid_argument(format!("hours: {hours} is more than 24")));
        }
        let (asked, now) = (Question::Trackers(hours.max(1)), self.hall.clock.elapsed());
        match self.hall.transit.ready.ask(asked, &user, now).await {
            Answer::Trackers(told) => Ok(Response::new(told)),
            other @ (Answer::Report(_) | Answer::Failed(_)) => Err(failed(other)),
        }
    }

    async fn list_tracker_orders(
        &self,
        request: Request<v1::ListTrackerOrdersRequest>,
    ) -> Result<Response<v1::ListTrackerOrdersResponse>, Status> {
        let session = guard::session(&request)?;
        tracker_orders::list(&self.hall, &session, request.into_inner()).await.map(Response::new)
    }

    async fn give_tracker_order(
        &self,
        request: Request<v1::GiveTrackerOrderRequest>,
    ) -> Result<Response<v1::GivenTrackerOrder>, Status> {
        let session = guard::session(&request)?;
        tracker_orders::give(&self.hall, &session, request.into_inner()).await.map(Response::new)
    }

    async fn get_transit_report(
        &self,
        request: Request<v1::GetTransitReportRequest>,
    ) -> Result<Response<v1::GetTransitReportResponse>, Status> {
        let user = guard::session(&request)?.user.clone();
        let asked = request.into_inner();
        let asked =
            reports::Asked::read(&asked.from, &asked.to, &asked.feed).map_err(Status::invalid_argument)?;
        match self.hall.transit.ready.ask(Question::Report(asked), &user, self.hall.clock.elapsed()).await {
            Answer::Report(told) => Ok(Response::new(told)),
            other @ (Answer::Trackers(_) | Answer::Failed(_)) => Err(failed(other)),
        }
    }

    async fn get_bus_day(
        &self,
        request: Request<v1::GetBusDayRequest>,
    ) -> Result<Response<v1::GetBusDayResponse>, Status> {
        let session = guard::session(&request)?;
        let asked = request.into_inner();
        let vehicle = VehicleId::new(asked.vehicle)
            .map_err(|_| Status::invalid_argument("vehicle: is not the name of a bus"))?;
        let date = day("day", &asked.day)?;
        bus_day(&self.hall, &session.user, &vehicle, date).await.map(Response::new)
    }

    async fn list_segments(
        &self,
        request: Request<v1::ListSegmentsRequest>,
    ) -> Result<Response<v1::ListSegmentsResponse>, Status> {
        segments::list(&self.hall, request.into_inner().roads).await.map(Response::new)
    }

    async fn get_segment_day(
        &self,
        request: Request<v1::GetSegmentDayRequest>,
    ) -> Result<Response<v1::GetSegmentDayResponse>, Status> {
        let asked = request.into_inner();
        segments::day(&self.hall, &asked.segment, day("day", &asked.day)?).await.map(Response::new)
    }
}

/// Every tracker that ever reported, with how it did in the last `hours`.
///
/// # Errors
/// When the store cannot be read.
pub async fn trackers(hall: &Hall, hours: u32, now: UtcMillis) -> anyhow::Result<Vec<v1::Tracker>> {
    let rows = hall.store.trackers(now - DurationMs(i64::from(hours) * HOUR.0)).await?;
    let under_way = &hall.transit.supervised().under_way;
    let trackers = rows.into_iter().map(|mut row| {
        row.reporting.under_way = under_way.contains(&row.vehicle);
        tracker(row, now)
    });
    Ok(trackers.collect())
}

fn failed(answer: Answer) -> Status {
    match answer {
        Answer::Failed(why) if why == BUSY => Status::resource_exhausted(why),
        Answer::Failed(why) => internal(anyhow::anyhow!(why)),
        Answer::Trackers(_) | Answer::Report(_) => {
            internal(anyhow::anyhow!("another list was made than was asked for"))
        }
    }
}

async fn bus_day(
    hall: &Hall,
    user: &str,
    vehicle: &VehicleId,
    date: Option<Date>,
) -> Result<v1::GetBusDayResponse, Status> {
    let planned = hall.transit.planned();
    // From the hour at which buses' days begin: a run that goes on after midnight is seen to its end.
    let day = date.or_else(|| planned.date(hall.clock.now())).and_then(|day| Some((day, planned.span(day)?)));
    let (date, span) = day.ok_or_else(|| Status::not_found("there is no timetable yet"))?;
    let what = format!("vehicle={vehicle} day={date}");
    let (purpose, action) = (String::new(), "replay_bus".to_owned());
    let line = AuditLine { at: hall.clock.now(), user: user.to_owned(), action, purpose, what };
    // What cannot be written down is not done.
    hall.store.keep_audit(&line).await.map_err(internal)?;
    let rows = hall.store.positions(vehicle, span, FIXES_MAX).await.map_err(internal)?;
    let fixes = rows.into_iter().filter(|r| r.rejected.is_none()).map(|r| v1::DayFix {
        at_ms: r.at.0,
        lat: r.position.lat.0,
        lon: r.position.lon.0,
        speed_mps: r.speed.0 as f32,
    });
    let fixes = fixes.collect();
    // A run of the evening before may go on after the day has begun, and one of the next day begin before it is over.
    let days = Some((date.previous_day().unwrap_or(date), date.next_day().unwrap_or(date)));
    let filter = PassingFilter { vehicle: Some(vehicle.clone()), days, ..PassingFilter::default() };
    let passings = hall.store.passings(&filter, PASSINGS_MAX).await.map_err(internal)?;
    let mut names = Names::new(hall);
    let passings = passings.into_iter().filter(|p| p.at >= span.from && p.at < span.to);
    let passings = passings.map(|p: Passing| v1::DayPassing {
        at_ms: p.at.0,
        due_ms: p.headway.is_none().then_some(p.due.0),
        stop_name: names.stop(&p.feed, Some(p.run.date), &p.stop),
        // For people: ids are for machines.
        route: names.route(&p.feed, Some(p.run.date), &p.route),
    });
    Ok(v1::GetBusDayResponse { fixes, passings: passings.collect() })
}

/// A day of a request; empty is `None`.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn day(field: &str, text: &str) -> Result<Option<Date>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    day.map(Some)
        .map_err(|_| Status::invalid_argument(format!("{field}: {text:?} is not a day like 2026-12-01")))
}

#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn direction(asked: Option<u32>) -> Result<Option<u8>, Status> {
    let direction = asked.map(u8::try_from).transpose();
    direction.map_err(|_| Status::invalid_argument("direction: is 0 or 1 or absent"))
}

async fn plan(hall: &Arc<Hall>, feed: &FeedId, date: Option<Date>) -> Result<Arc<DayPlan>, Status> {
    let (asked, told) = (feed.clone(), hall.clone());
    // The plan of a day that is not near today is made first.
    let plan = tokio::task::spawn_blocking(move || told.transit.plan(&asked, date, told.clock.now()));
    let plan = plan.await.map_err(internal)?;
    plan.ok_or_else(|| Status::not_found(format!("there is no timetable of {feed} for that day")))
}

fn tracker(row: TrackerRow, now: UtcMillis) -> v1::Tracker {
    let ailments = row.reporting.ailments(now).into_iter().map(|a| a.name().to_owned());
    let rejected = row.reporting.rejected.iter();
    v1::Tracker {
        vehicle: row.vehicle,
        protocol: row.protocol,
        fix_ms: row.at.0,
        received_ms: row.reporting.received.0,
        reports: row.reporting.reports,
        rejected: rejected
            .map(|(reason, reports)| v1::RejectedCount {
                reason: reason.name().to_owned(),
                reports: *reports,
            })
            .collect(),
        clock_off_ms: row.reporting.clock_off.0,
        ailments: ailments.collect(),
    }
}
