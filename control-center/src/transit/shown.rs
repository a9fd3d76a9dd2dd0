//! What the outside is told of the buses, made once every few seconds: feeds as bytes, next buses by stop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use control_center_gtfs::Zone;
use models_domain::geo::LatLon;
use models_domain::transit::fleet::{Fleet, Outlook};
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::{FeedId, Route, StopId};
use models_domain::transit::vehicle::{Doing, Vehicle, Work};
use models_domain::{Degrees, DurationMs, UtcMillis, VehicleId};
use models_wire::convert::gtfs_realtime::{alerts, trip_updates, vehicle_positions};
use prost::Message;
use sha2::Digest;

/// Next buses that are told of one stop.
const BUSES_MAX: usize = 20;

/// A file with its entity tag.
#[derive(Debug, Clone, Default)]
pub struct Tagged {
    pub bytes: Bytes,
    pub tag: String,
}

#[derive(Debug, Clone, Default)]
pub struct FeedFiles {
    pub trip_updates: Tagged,
    pub vehicle_positions: Tagged,
    pub alerts: Tagged,
}

#[derive(Debug, Clone)]
pub struct ShownStop {
    pub code: String,
    pub name: String,
    pub buses: Vec<NextBus>,
}

#[derive(Debug, Clone)]
pub struct NextBus {
    pub route: String,
    pub route_id: String,
    /// Who runs it, as GTFS names them.
    pub operator: String,
    pub direction: Option<u8>,
    pub headsign: String,
    pub trip: String,
    pub date: time::Date,
    /// When its run is to set out: all starts of a repeated trip have one `trip`. `None` where no time is promised.
    pub departs: Option<UtcMillis>,
    /// `None` where no time is promised.
    pub due: Option<UtcMillis>,
    /// Without a bus that is seen, and without `due`, it says nothing.
    pub at: UtcMillis,
    /// The distance between buses, where that is all that is promised.
    pub every: Option<DurationMs>,
    /// Of a bus that is seen: its public name. `None`: from the timetable.
    pub vehicle: Option<String>,
    /// When that bus was last seen on its way, from which `at` is reckoned.
    pub seen: Option<UtcMillis>,
}

#[derive(Debug, Clone)]
pub struct ShownBus {
    pub feed: FeedId,
    pub name: String,
    pub at: UtcMillis,
    pub position: LatLon,
    pub course: Option<Degrees>,
    pub route_id: String,
    pub operator: String,
    pub direction: Option<u8>,
    pub headsign: String,
    pub trip: String,
    pub date: time::Date,
    /// When its run is to set out; `None` where no time is promised.
    pub departs: Option<UtcMillis>,
    /// `None` where no time is promised.
    pub late: Option<DurationMs>,
    /// `None` where its run is over.
    pub next: Option<NextCall>,
}

/// The stop that a bus comes to next.
#[derive(Debug, Clone)]
pub struct NextCall {
    pub stop: StopId,
    pub name: String,
    /// `None` where no time is promised.
    pub due: Option<UtcMillis>,
    /// `None` where nobody knows when it sets out.
    pub at: Option<UtcMillis>,
}

#[derive(Debug, Clone, Default)]
pub struct Shown {
    pub at: UtcMillis,
    pub files_by_feed: BTreeMap<FeedId, FeedFiles>,
    pub stops: BTreeMap<(FeedId, StopId), ShownStop>,
    pub buses: Vec<ShownBus>,
    pub zone_by_feed: BTreeMap<FeedId, Zone>,
}

impl Shown {
    pub fn new(
        fleet: &Fleet,
        plans: &[Arc<DayPlan>],
        outlooks: &[Outlook],
        zone_by_feed: &BTreeMap<FeedId, Zone>,
        now: UtcMillis,
        name: impl Fn(&VehicleId) -> String,
    ) -> Self {
        let working = fleet.working(now);
        let mut files_by_feed = BTreeMap::new();
        for feed in zone_by_feed.keys() {
            let files = FeedFiles {
                trip_updates: tagged(&trip_updates(outlooks, feed, now, &name)),
                vehicle_positions: tagged(&vehicle_positions(&working, feed, now, &name)),
                alerts: tagged(&alerts(fleet.for_passengers(now), plans, feed, now, &name)),
            };
            files_by_feed.insert(feed.clone(), files);
        }
        let buses = buses(&working, outlooks, &name);
        let stops = stops(plans, outlooks, now, name);
        Self { at: now, files_by_feed, stops, buses, zone_by_feed: zone_by_feed.clone() }
    }
}

fn buses(working: &[&Vehicle], outlooks: &[Outlook], name: impl Fn(&VehicleId) -> String) -> Vec<ShownBus> {
    // What a bus does now stands before what it does next.
    let mut outlook_by_vehicle: BTreeMap<&VehicleId, &Outlook> = BTreeMap::new();
    for outlook in outlooks {
        if let Some(vehicle) = &outlook.vehicle {
            outlook_by_vehicle.entry(vehicle).or_insert(outlook);
        }
    }
    let shown = working.iter().filter_map(|bus| {
        let (doing, seen) = (bus.doing()?, &bus.last.as_ref()?.seen);
        let (table, run) = (&doing.plan.timetable, &doing.plan.runs[doing.run]);
        Some(ShownBus {
            feed: doing.plan.feed.clone(),
            name: name(&bus.id),
            at: seen.at,
            position: seen.position,
            course: seen.course,
            route_id: table.route(run).id.0.clone(),
            operator: operator(&doing.plan, table.route(run)),
            direction: table.pattern(run).direction,
            headsign: table.trip(run).headsign.clone(),
            trip: table.trip(run).id.0.clone(),
            date: run.date,
            departs: table.keeps_times(run).then(|| table.departs(run, 0)),
            late: late(bus, doing),
            next: next_call(doing, outlook_by_vehicle.get(&bus.id).copied()),
        })
    });
    shown.collect()
}

/// A bus that waits for its start is not early: it is late once that is over.
fn late(bus: &Vehicle, doing: &Doing) -> Option<DurationMs> {
    let waits = matches!(bus.work, Work::Waiting(_));
    doing.late().map(|late| if waits { late.max(DurationMs(0)) } else { late })
}

fn next_call(doing: &Doing, outlook: Option<&Outlook>) -> Option<NextCall> {
    let (table, run) = (&doing.plan.timetable, &doing.plan.runs[doing.run]);
    let stop = &table.stops[table.pattern(run).stops.get(doing.next_call)?.stop];
    let own = outlook.filter(|o| o.run == doing.run && Arc::ptr_eq(&o.plan, &doing.plan));
    let arrival = own.and_then(|o| o.arrivals.iter().find(|a| a.call == doing.next_call));
    Some(NextCall {
        stop: stop.id.clone(),
        name: stop.name.clone(),
        due: table.keeps_times(run).then(|| table.passes(run, doing.next_call)),
        at: arrival.map(|a| a.at),
    })
}

/// The agency's id; where the feed gives it none, the feed has one agency only and its own name tells as much.
fn operator(plan: &DayPlan, route: &Route) -> String {
    let agency = plan.timetable.agencies.get(route.agency).filter(|agency| !agency.id.is_empty());
    agency.map_or_else(|| plan.feed.0.clone(), |agency| agency.id.clone())
}

fn stops(
    plans: &[Arc<DayPlan>],
    outlooks: &[Outlook],
    now: UtcMillis,
    name: impl Fn(&VehicleId) -> String,
) -> BTreeMap<(FeedId, StopId), ShownStop> {
    let mut stops: BTreeMap<(FeedId, StopId), ShownStop> = BTreeMap::new();
    for plan in plans {
        for stop in &plan.timetable.stops {
            let (code, name) = (stop.code.clone(), stop.name.clone());
            let shown = ShownStop { code, name, buses: Vec::new() };
            stops.entry((plan.feed.clone(), stop.id.clone())).or_insert(shown);
        }
    }
    for outlook in outlooks {
        let (table, run) = (&outlook.plan.timetable, &outlook.plan.runs[outlook.run]);
        let (trip, route, last) = (table.trip(run), table.route(run), table.trip(run).calls.len() - 1);
        let vehicle = outlook.vehicle.as_ref().map(&name);
        // Where a run ends, and where nobody may board, nobody waits for it.
        let waited_for = |call: usize| call < last && trip.calls[call].may_board;
        for a in outlook.arrivals.iter().filter(|a| waited_for(a.call) && a.at >= now) {
            let Some(stop) = stops.get_mut(&(outlook.plan.feed.clone(), a.stop.clone())) else { continue };
            let title = if route.short_name.is_empty() { &route.long_name } else { &route.short_name };
            stop.buses.push(NextBus {
                route: title.clone(),
                route_id: route.id.0.clone(),
                operator: operator(&outlook.plan, route),
                direction: table.pattern(run).direction,
                headsign: trip.headsign.clone(),
                trip: trip.id.0.clone(),
                date: run.date,
                departs: table.keeps_times(run).then(|| table.departs(run, 0)),
                due: table.keeps_times(run).then_some(a.due),
                at: a.at,
                every: table.promised_headway(run),
                vehicle: vehicle.clone(),
                seen: outlook.seen.map(|at| at.min(now)),
            });
        }
    }
    for stop in stops.values_mut() {
        stop.buses.sort_by_key(|b| b.at);
        // That buses come so often is said once.
        let mut said = BTreeSet::new();
        stop.buses.retain(|b| {
            let way = || (b.route_id.clone(), b.direction, b.headsign.clone());
            b.every.is_none() || b.vehicle.is_some() || said.insert(way())
        });
        stop.buses.truncate(BUSES_MAX);
    }
    stops
}

fn tagged(message: &impl Message) -> Tagged {
    let bytes = Bytes::from(message.encode_to_vec());
    let tag = format!("\"{}\"", hex::encode(&sha2::Sha256::digest(&bytes)[..12]));
    Tagged { bytes, tag }
}
