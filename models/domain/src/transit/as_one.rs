//! Whether a bus ran as one with another, by all that is known by now of who drove which way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::day::BusDay;
use super::driven::Drive;
use super::finding::TransitEvent;
use super::fleet::SILENT;
use super::headway::BUNCHED;
use super::plan::{self, DayPlan};
use super::variant::between_variants;
use crate::ids::VehicleId;
use crate::units::{DurationMs, Meters, UtcMillis};

/// Buses that lie farther apart in time do not run as one, whatever is promised: a quarter of eight hours.
const APART_MAX: DurationMs = DurationMs(2 * 3_600_000);

/// By timetable (two days may have two), route and direction: variants of a line serve the same stops. Feeds are not told apart: two of
/// one timetable are asked for together.
pub(super) type Way = (usize, usize, Option<u8>);

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// By bus and begin.
    events: BTreeSet<(Option<VehicleId>, UtcMillis)>,
    ways: BTreeSet<Way>,
    /// When all of it was, from the first moment to the last.
    span: Option<(UtcMillis, UtcMillis)>,
}

/// Who drove the ways that are asked for, as far as anybody knows by now.
pub(super) struct Drives<'a> {
    days: &'a BTreeMap<VehicleId, BusDay>,
    plans: &'a [Arc<DayPlan>],
    by_way: BTreeMap<Way, Vec<(&'a VehicleId, Drive<'a>)>>,
}

impl Asked {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub fn add(&mut self, told: &TransitEvent, way: Option<Way>, until: UtcMillis) {
        self.events.insert((told.vehicle.clone(), told.began));
        self.ways.extend(way);
        let from = told.began - SILENT;
        self.span = Some(self.span.map_or((from, until), |(a, b)| (a.min(from), b.max(until))));
    }

    pub fn has(&self, told: &TransitEvent) -> bool {
        self.events.contains(&(told.vehicle.clone(), told.began))
    }
}

impl<'a> Drives<'a> {
    pub fn of(days: &'a BTreeMap<VehicleId, BusDay>, plans: &'a [Arc<DayPlan>], asked: &Asked) -> Self {
        let mut by_way: BTreeMap<Way, Vec<(&'a VehicleId, Drive<'a>)>> = BTreeMap::new();
        let Some((from, to)) = asked.span else { return Self { days, plans, by_way } };
        for (vehicle, day) in days {
            for drive in day.drives().filter(|drive| drive.overlaps(from - APART_MAX, to + APART_MAX)) {
                let way = drive.way();
                if asked.ways.contains(&way) {
                    by_way.entry(way).or_default().push((vehicle, drive));
                }
            }
        }
        Self { days, plans, by_way }
    }

    /// Whether the bus ran as one with any other at any time until then, by all that is known now. Where too little is known, it is
    /// as it was told.
    pub fn bear_out(&self, told: &TransitEvent, until: UtcMillis) -> bool {
        let Some(way) = way_of(self.plans, told) else { return true };
        let Some((feed, _)) = &told.run else { return true };
        let Some(vehicle) = &told.vehicle else { return true };
        // It was found from where the bus was seen last.
        let from = told.began - SILENT;
        let on_way = self.by_way.get(&way).into_iter().flatten();
        let on_way: Vec<&(&VehicleId, Drive<'_>)> =
            on_way.filter(|(_, drive)| drive.plan.feed == *feed).collect();
        let own = on_way.iter().filter(|(bus, drive)| *bus == vehicle && drive.overlaps(from, until));
        let own: Vec<&Drive<'_>> = own.map(|(_, drive)| drive).collect();
        if own.is_empty() {
            // It did something else then; unless it has not been heard since.
            let newest = self.days.get(vehicle).and_then(BusDay::newest);
            return newest.is_none_or(|newest| newest < told.began);
        }
        let others = on_way.iter().filter(|(bus, _)| *bus != vehicle);
        let near = others.filter(|(_, other)| other.overlaps(from - APART_MAX, until + APART_MAX));
        let others: Vec<&Drive<'_>> = near.map(|(_, drive)| drive).collect();
        let mut seen = own.iter().flat_map(|own| own.between(from, until).map(move |place| (own, place)));
        let mut places = 0;
        let as_one = seen.any(|(own, place)| {
            places += 1;
            others.iter().any(|other| is_near(own, other, *place))
        });
        as_one || places == 0
    }
}

/// Whether a bus ran as one with another where it was at a moment, as on the ladder; never where nothing is promised to lie between
/// them.
fn is_near(own: &Drive<'_>, other: &Drive<'_>, (at, along): (UtcMillis, Meters)) -> bool {
    let there = if own.pattern() == other.pattern() {
        Some((along, promised(own, other)))
    } else {
        between_variants(own, other, along)
    };
    there.is_some_and(|(place, promised)| {
        let near_ms = BUNCHED * promised.0 as f64;
        near_ms > 0.0 && other.when(place).is_some_and(|then| (at.since(then).0.abs() as f64) < near_ms)
    })
}

/// What is promised to lie between two buses on one way.
fn promised(own: &Drive<'_>, other: &Drive<'_>) -> DurationMs {
    let (table, run) = (&own.plan.timetable, &own.plan.runs[own.run]);
    let departs = |drive: &Drive<'_>| drive.plan.timetable.departs(&drive.plan.runs[drive.run], 0);
    let between = || DurationMs(departs(own).since(departs(other)).0.abs());
    table.promised_headway(run).unwrap_or_else(between)
}

/// The way of the run that something was told of; `None` where it is in no timetable any more.
pub(super) fn way_of(plans: &[Arc<DayPlan>], told: &TransitEvent) -> Option<Way> {
    let (feed, key) = told.run.as_ref()?;
    let (plan, run) = plan::find(plans, feed, key)?;
    Some(Drive { plan, run, trace: &[] }.way())
}
