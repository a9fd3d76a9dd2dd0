//! The buses of one operator as GTFS-realtime feeds: arrivals, positions, alerts.

use models_domain::event::Phase;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::fleet::Outlook;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::{FeedId, Run, RunKey};
use models_domain::transit::vehicle::{Vehicle, Work};
use models_domain::{UtcMillis, VehicleId};

use crate::gtfs_realtime::{
    Alert, EntitySelector, FeedEntity, FeedHeader, FeedMessage, Position, StopTimeEvent, StopTimeUpdate,
    TranslatedString, Translation, TripDescriptor, TripUpdate, VehicleDescriptor, VehiclePosition,
};

/// `TripDescriptor.ScheduleRelationship`; UNSCHEDULED is what `frequencies.txt` repeats without exact times, and nothing else.
const SCHEDULED: i32 = 0;
const UNSCHEDULED: i32 = 2;
/// `StopTimeUpdate.ScheduleRelationship`, of the same trips.
const STOP_SCHEDULED: i32 = 0;
const STOP_UNSCHEDULED: i32 = 3;

/// A bus within this way of its next stop is coming in.
const INCOMING_M: f64 = 80.0;

/// Arrivals of every run that a bus does, or will do next. `name` gives a bus's public name.
pub fn trip_updates(
    outlooks: &[Outlook],
    feed: &FeedId,
    now: UtcMillis,
    name: impl Fn(&VehicleId) -> String,
) -> FeedMessage {
    let own = outlooks.iter().filter(|o| o.plan.feed == *feed && !o.arrivals.is_empty());
    let entities = own.filter_map(|outlook| {
        let vehicle = outlook.vehicle.as_ref()?;
        let (table, run) = (&outlook.plan.timetable, &outlook.plan.runs[outlook.run]);
        let calls = &table.trip(run).calls;
        let relationship = if table.keeps_times(run) { STOP_SCHEDULED } else { STOP_UNSCHEDULED };
        let mut updates = Vec::with_capacity(outlook.arrivals.len());
        let mut last_s = i64::MIN;
        for a in &outlook.arrivals {
            // Whole seconds, and each stop after the one before.
            let arrive_s = a.at.0.div_euclid(1000).max(last_s.saturating_add(1));
            let halt_s = i64::from(calls[a.call].depart_s - calls[a.call].arrive_s);
            let depart_s = arrive_s + if a.call == 0 { 0 } else { halt_s };
            last_s = depart_s;
            let event = |time| StopTimeEvent {
                time: Some(time),
                uncertainty: Some(i32::try_from(a.spread.0 / 1000).unwrap_or(i32::MAX)),
            };
            updates.push(StopTimeUpdate {
                stop_sequence: Some(calls[a.call].sequence),
                arrival: Some(event(arrive_s)),
                departure: Some(event(depart_s)),
                stop_id: Some(a.stop.0.clone()),
                schedule_relationship: Some(relationship),
            });
        }
        let trip = descriptor(&outlook.plan, run);
        Some(FeedEntity {
            id: format!("t-{}", entity_id(&table.key(run))),
            trip_update: Some(TripUpdate {
                trip,
                stop_time_update: updates,
                vehicle: Some(VehicleDescriptor { id: Some(name(vehicle)) }),
                // When progress was measured that this is told from, not when it is told.
                timestamp: outlook.seen.map(|at| seconds(at.min(now))),
            }),
            ..FeedEntity::default()
        })
    });
    message(entities.collect(), now)
}

/// Where every bus on a run is.
pub fn vehicle_positions(
    buses: &[&Vehicle],
    feed: &FeedId,
    now: UtcMillis,
    name: impl Fn(&VehicleId) -> String,
) -> FeedMessage {
    let entities = buses.iter().filter_map(|bus| {
        let doing = bus.doing().filter(|d| d.plan.feed == *feed)?;
        let seen = &bus.last.as_ref()?.seen;
        let (table, run) = (&doing.plan.timetable, &doing.plan.runs[doing.run]);
        let (calls, stops) = (&table.trip(run).calls, &table.pattern(run).stops);
        let next = doing.next_call.min(calls.len() - 1);
        let left_m = stops[next].along.0 - doing.along.0;
        let status = match bus.work {
            Work::Waiting(_) => 1,
            Work::Running(_) | Work::Unknown | Work::Finished { .. } => {
                if left_m < INCOMING_M {
                    0
                } else {
                    2
                }
            }
        };
        let id = name(&bus.id);
        Some(FeedEntity {
            id: format!("v-{id}"),
            vehicle: Some(VehiclePosition {
                trip: Some(descriptor(&doing.plan, run)),
                position: Some(Position {
                    latitude: seen.position.lat.0 as f32,
                    longitude: seen.position.lon.0 as f32,
                    bearing: seen.course.map(|c| c.0.rem_euclid(360.0) as f32),
                    speed: Some(seen.speed.0 as f32),
                }),
                current_stop_sequence: Some(calls[next].sequence),
                current_status: Some(status),
                timestamp: Some(seconds(seen.at.min(now))),
                stop_id: Some(table.stops[stops[next].stop].id.0.clone()),
                vehicle: Some(VehicleDescriptor { id: Some(id) }),
            }),
            ..FeedEntity::default()
        })
    });
    message(entities.collect(), now)
}

/// What passengers should know: detours and runs that do not come, while they last. `events` are those that they may be told;
/// `name` gives a bus's public name.
pub fn alerts<'a>(
    events: impl Iterator<Item = &'a TransitEvent>,
    plans: &[std::sync::Arc<DayPlan>],
    feed: &FeedId,
    now: UtcMillis,
    name: impl Fn(&VehicleId) -> String,
) -> FeedMessage {
    let entities = events.filter(|e| e.phase == Phase::Begun).filter_map(|event| {
        let (effect, vi, en) = match event.finding {
            Finding::OffRoute => (4, "Xe buýt đang đi đường vòng", "The bus is on a detour"),
            Finding::RunMissing => (1, "Chuyến xe này không chạy", "This trip does not run"),
            Finding::Overspeed
            | Finding::StopSkipped
            | Finding::DoorsOpenMoving
            | Finding::EngineOnLayover
            | Finding::Sos
            | Finding::Early
            | Finding::Late
            | Finding::ShortTurn
            | Finding::WrongSignOn
            | Finding::Bunching
            | Finding::HeadwayGap
            // It may come all the same.
            | Finding::RunUnseen => return None,
        };
        let (_, key) = event.run.as_ref().filter(|(of, _)| of == feed)?;
        let plan = plans.iter().find(|p| p.feed == *feed && p.day.date == key.date)?;
        let run = plan.find(key)?;
        let say = |text: &str, language: &str| Translation {
            text: text.to_owned(),
            language: Some(language.to_owned()),
        };
        // Two buses may be thought to do one run, and each has its own detour.
        let of_bus = event.vehicle.as_ref().map(|bus| format!("-{}", name(bus))).unwrap_or_default();
        Some(FeedEntity {
            id: format!("a-{}-{}{of_bus}", event.finding.name(), entity_id(key)),
            alert: Some(Alert {
                informed_entity: vec![EntitySelector {
                    trip: Some(descriptor(plan, &plan.runs[run])),
                    ..EntitySelector::default()
                }],
                cause: Some(1),
                effect: Some(effect),
                header_text: Some(TranslatedString { translation: vec![say(vi, "vi"), say(en, "en")] }),
            }),
            ..FeedEntity::default()
        })
    });
    message(entities.collect(), now)
}

fn descriptor(plan: &DayPlan, run: &Run) -> TripDescriptor {
    let (table, key) = (&plan.timetable, plan.timetable.key(run));
    let (year, month, day) = key.date.to_calendar_date();
    let clock = |s: i32| format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    TripDescriptor {
        trip_id: Some(key.trip.0),
        start_time: key.start_s.map(clock),
        start_date: Some(format!("{year:04}{:02}{day:02}", u8::from(month))),
        schedule_relationship: Some(if table.keeps_times(run) { SCHEDULED } else { UNSCHEDULED }),
        route_id: Some(table.route(run).id.0.clone()),
        direction_id: table.pattern(run).direction.map(u32::from),
    }
}

fn entity_id(key: &RunKey) -> String {
    format!("{}-{}-{}", key.date, key.trip, key.start_s.unwrap_or(-1))
}

fn message(entity: Vec<FeedEntity>, now: UtcMillis) -> FeedMessage {
    let header = FeedHeader {
        gtfs_realtime_version: "2.0".to_owned(),
        incrementality: Some(0),
        timestamp: Some(seconds(now)),
    };
    FeedMessage { header: Some(header), entity }
}

fn seconds(at: UtcMillis) -> u64 {
    at.0.div_euclid(1000).max(0).cast_unsigned()
}
