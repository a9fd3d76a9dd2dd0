//! What supervisors see of the buses now, made every few seconds: routes with their figures, buses with headway and advice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use control_center_gtfs::Zone;
use models_domain::transit::accuracy::{ByLead, LEADS_MIN, Outcomes, Source};
use models_domain::transit::finding::Finding;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::headway::Rung;
use models_domain::transit::hold::{Advice, advise};
use models_domain::transit::plan::{self, DayPlan};
use models_domain::transit::timetable::{FeedId, RouteId};
use models_domain::transit::vehicle::{Doing, Vehicle, Work};
use models_domain::{DurationMs, UtcMillis};
use models_wire::v1;

use super::planned::day_at;

#[derive(Debug, Clone, Default)]
pub struct Supervised {
    pub at: UtcMillis,
    pub routes: Vec<v1::RouteNow>,
    /// By route and direction, foremost first; those that wait for their start last.
    pub buses: Vec<v1::BusNow>,
    /// Buses that were doing a run when they were last heard, however long ago today.
    pub under_way: BTreeSet<String>,
    /// Of each route what became of the arrivals that passengers were told of.
    pub outcomes: Vec<(FeedId, RouteId, Source, Outcomes)>,
}

impl Supervised {
    pub fn new(
        fleet: &Fleet,
        plans: &[Arc<DayPlan>],
        ladder: &[Rung],
        zones: &BTreeMap<FeedId, Zone>,
        now: UtcMillis,
    ) -> Self {
        let advice = advise(ladder);
        let mut buses: Vec<v1::BusNow> =
            fleet.working(now).into_iter().filter_map(|bus| bus_now(bus, ladder, &advice)).collect();
        let order = |b: &v1::BusNow| (b.feed.clone(), b.route.clone(), b.direction, b.waiting);
        buses.sort_by(|a, b| order(a).cmp(&order(b)).then(b.along_m.total_cmp(&a.along_m)));
        let mut routes = routes(plans, zones, now);
        for bus in &buses {
            let Some(route) = routes.get_mut(&(bus.feed.clone(), bus.route.clone())) else { continue };
            let (early, late) = (fleet.limits.early.seconds(), fleet.limits.late.seconds());
            route.buses += 1;
            route.late += u32::from(bus.late_s.is_some_and(|s| s > late));
            route.early += u32::from(!bus.waiting && bus.late_s.is_some_and(|s| s < -early));
            route.bunched += u32::from(bus.bunched);
            route.off_route += u32::from(bus.off_route);
        }
        for event in fleet.missing().chain(fleet.gaps()) {
            let Some((feed, key)) = &event.run else { continue };
            let Some((plan, run)) = plan::find(plans, feed, key) else { continue };
            let id = plan.timetable.route(&plan.runs[run]).id.0.clone();
            let Some(route) = routes.get_mut(&(feed.0.clone(), id)) else { continue };
            if event.finding == Finding::HeadwayGap {
                route.gaps += 1;
            } else if plan.timetable.ends(&plan.runs[run]) > now {
                let unseen = event.finding == Finding::RunUnseen;
                *if unseen { &mut route.unseen } else { &mut route.missing } += 1;
            }
        }
        let outcomes = accuracy(fleet, &mut routes);
        let running = fleet.buses().filter(|bus| matches!(bus.work, Work::Running(_)));
        let under_way = running.map(|bus| bus.id.to_string()).collect();
        Self { at: now, routes: routes.into_values().collect(), buses, under_way, outcomes }
    }
}

/// Tells each route how good what passengers were told of it was, and what became of it.
fn accuracy(fleet: &Fleet, routes: &mut Routes) -> Vec<(FeedId, RouteId, Source, Outcomes)> {
    let mut all = Vec::new();
    for source in [Source::Bus, Source::Timetable] {
        for ((feed, id), outcomes) in fleet.accuracy.outcomes(source) {
            all.push((feed.clone(), id.clone(), source, outcomes));
            let Some(route) = routes.get_mut(&(feed.0.clone(), id.0.clone())) else { continue };
            let told = match source {
                Source::Bus => &mut route.told_arrivals,
                Source::Timetable => &mut route.timetable_told_arrivals,
            };
            *told = Some(v1::ToldArrivals { came: outcomes.came, never_came: outcomes.never_came });
        }
        for ((feed, id), errors) in fleet.accuracy.routes(source) {
            let Some(route) = routes.get_mut(&(feed.0.clone(), id.0.clone())) else { continue };
            let told = match source {
                Source::Bus => &mut route.predictions,
                Source::Timetable => &mut route.timetable_predictions,
            };
            *told = predictions(&errors);
        }
    }
    all
}

/// Leads of which nothing has been scored yet are left out.
fn predictions(errors: &ByLead) -> Vec<v1::PredictionErrors> {
    let scored = LEADS_MIN.iter().zip(errors).filter(|(_, e)| e.scored > 0);
    scored
        .map(|(lead, e)| v1::PredictionErrors {
            lead_min: u32::try_from(*lead).unwrap_or(u32::MAX),
            scored: e.scored,
            mean_absolute_s: e.absolute_s / e.scored as f64,
            mean_s: e.signed_s / e.scored as f64,
            within_60_s: e.within_60,
            within_180_s: e.within_180,
        })
        .collect()
}

fn bus_now(bus: &Vehicle, ladder: &[Rung], advice: &[Advice]) -> Option<v1::BusNow> {
    let (doing, seen) = (bus.doing()?, &bus.last.as_ref()?.seen);
    let (table, run) = (&doing.plan.timetable, &doing.plan.runs[doing.run]);
    let pattern = table.pattern(run);
    let place = ladder.iter().position(|r| r.vehicle == bus.id);
    let rung = place.map(|i| &ladder[i]);
    let before = place.and_then(|i| i.checked_sub(1)).map(|i| &ladder[i]);
    let before = before.filter(|b| rung.is_some_and(|r| r.line == b.line && r.pattern == b.pattern));
    let (mut ahead, mut wanted, mut ahead_vehicle) =
        (rung.and_then(|r| r.ahead), rung.and_then(|r| r.ahead_timetabled), before.map(|b| &b.vehicle));
    if let Some(beside) = rung.and_then(|r| r.beside.as_ref()) {
        (ahead, wanted, ahead_vehicle) = (Some(beside.ahead), Some(beside.timetabled), Some(&beside.vehicle));
    }
    let seconds = |d: Option<DurationMs>| d.map(DurationMs::seconds);
    let advice = advice.iter().find(|a| a.vehicle == bus.id);
    Some(v1::BusNow {
        vehicle: bus.id.to_string(),
        feed: doing.plan.feed.0.clone(),
        route: table.route(run).id.0.clone(),
        direction: pattern.direction.map(u32::from),
        headsign: table.trip(run).headsign.clone(),
        trip: table.trip(run).id.0.clone(),
        day: run.date.to_string(),
        departs_ms: table.departs(run, 0).0,
        waiting: matches!(bus.work, Work::Waiting(_)),
        fix_ms: seen.at.0,
        lat: seen.position.lat.0,
        lon: seen.position.lon.0,
        along_m: doing.along.0,
        length_m: doing.length().0,
        next_stop: next_stop(doing),
        late_s: seconds(doing.late()),
        ahead_s: seconds(ahead),
        ahead_timetabled_s: seconds(wanted),
        ahead_vehicle: ahead_vehicle.map(ToString::to_string).unwrap_or_default(),
        bunched: rung.and_then(Rung::is_bunched).unwrap_or(false),
        off_route: doing.off_since.is_some_and(|since| seen.at.since(since).0 >= 30_000),
        advice: advice.map(|a| v1::HoldingAdvice {
            hold_s: a.hold.seconds(),
            wait_saved_s: a.wait_saved_s,
            worth_below_load: a.worth_below_load,
        }),
    })
}

fn next_stop(doing: &Doing) -> String {
    let table = &doing.plan.timetable;
    let stops = &table.pattern(&doing.plan.runs[doing.run]).stops;
    let stop = stops.get(doing.next_call).map(|s| &table.stops[s.stop]);
    stop.map_or(String::new(), |s| if s.name.is_empty() { s.id.0.clone() } else { s.name.clone() })
}

/// Runs of a route in one direction, and what stands on the buses.
type Way<'a> = (u32, BTreeSet<&'a str>);
type Routes = BTreeMap<(String, String), v1::RouteNow>;

fn routes(plans: &[Arc<DayPlan>], zones: &BTreeMap<FeedId, Zone>, now: UtcMillis) -> Routes {
    let mut routes = Routes::new();
    for plan in plans {
        let today = zones.get(&plan.feed).map(|zone| day_at(zone, now));
        if today != Some(plan.day.date) {
            continue;
        }
        let mut runs_by_way: BTreeMap<(usize, Option<u8>), Way<'_>> = BTreeMap::new();
        for run in &plan.runs {
            let pattern = plan.timetable.pattern(run);
            let way = runs_by_way.entry((pattern.route, pattern.direction)).or_default();
            way.0 += 1;
            way.1.insert(plan.timetable.trip(run).headsign.as_str());
        }
        for (i, route) in plan.timetable.routes.iter().enumerate() {
            let agency = plan.timetable.agencies.get(route.agency);
            let ways = runs_by_way.range((i, None)..=(i, Some(u8::MAX)));
            let directions = ways.map(|((_, direction), (runs, headsigns))| v1::DirectionNow {
                direction: direction.map(u32::from),
                headsign: headsigns.iter().find(|h| !h.is_empty()).map_or(String::new(), |h| (*h).to_owned()),
                runs_today: *runs,
            });
            let now = v1::RouteNow {
                feed: plan.feed.0.clone(),
                route: route.id.0.clone(),
                operator: agency.map_or(String::new(), |a| a.name.clone()),
                short_name: route.short_name.clone(),
                long_name: route.long_name.clone(),
                directions: directions.collect(),
                ..v1::RouteNow::default()
            };
            routes.insert((plan.feed.0.clone(), route.id.0.clone()), now);
        }
    }
    routes
}

#[cfg(test)]
mod tests {
    use models_domain::transit::eta::Arrival;
    use models_domain::transit::timetable::RunKey;
    use time::macros::date;

    use super::*;

    #[test]
    fn arrivals_that_never_came_stand_beside_how_good_predictions_were() {
        let (feed, route) = (FeedId::from("xe"), RouteId::from("32"));
        // Midnight of that day, by UTC.
        let at = |s: i64| UtcMillis(1_772_409_600_000 + s * 1_000);
        let run = RunKey { date: date!(2026 - 03 - 02), trip: "t".into(), start_s: None };
        let told = |call: usize| Arrival {
            run: run.clone(),
            call,
            stop: "s".into(),
            due: at(900),
            at: at(900),
            spread: DurationMs(0),
        };
        let mut fleet = Fleet::default();
        fleet.accuracy.told((&feed, &route), Source::Bus, &[told(4)], at(600));
        fleet.accuracy.told((&feed, &route), Source::Timetable, &[told(5), told(6)], at(600));
        let mut routes = Routes::from([(("xe".to_owned(), "32".to_owned()), v1::RouteNow::default())]);
        assert!(accuracy(&fleet, &mut routes).is_empty(), "they may come yet");
        assert_eq!(routes.values().next().unwrap().told_arrivals, None);
        fleet.accuracy.forget(at(600 + 7_200));
        let outcomes = |never_came| Outcomes { came: 0, never_came };
        let want = [(Source::Bus, outcomes(1)), (Source::Timetable, outcomes(2))];
        let want = want.map(|(source, outcomes)| (feed.clone(), route.clone(), source, outcomes));
        assert_eq!(accuracy(&fleet, &mut routes), want);
        let shown = routes.values().next().unwrap();
        let told = [&shown.told_arrivals, &shown.timetable_told_arrivals];
        assert_eq!(told.map(|told| told.as_ref().unwrap().never_came), [1, 2]);
        assert_eq!(shown.predictions, [], "nothing was scored");
    }
}
