//! What supervisors want to be told: each finding begins when it has held for long enough, and ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::speed_road::SpeedRoads;
use super::timetable::{FeedId, RunKey, StopId};
use crate::event::Phase;
use crate::geo::LatLon;
use crate::ids::VehicleId;
use crate::units::{Degrees, DurationMs, Meters, MetersPerSecond, UtcMillis};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    OffRoute,
    Overspeed,
    StopSkipped,
    DoorsOpenMoving,
    EngineOnLayover,
    Sos,
    Early,
    Late,
    ShortTurn,
    /// The driver signed on to something else than the bus does.
    WrongSignOn,
    Bunching,
    /// No bus came for a run.
    RunMissing,
    /// Nobody is seen to drive a run, though others of its route report. It may be driven all the same.
    RunUnseen,
    /// For long nobody was seen to set out, where only the distance between buses is promised.
    HeadwayGap,
}

/// Between two reports of a bus that is heard.
const UNHEARD: DurationMs = DurationMs(120_000);
/// A bus that stands and waits reports every fifteen minutes (Circular 09/2015/TT-BGTVT), and a report takes its time to come.
pub const STANDS_UNHEARD: DurationMs = DurationMs(16 * 60_000);
/// Two positions of a bus that stands lie no farther apart.
const STAYS: Meters = Meters(100.0);
/// What a bus was about before such a silence is over.
const LOST: DurationMs = DurationMs(15 * 60_000);
/// A bus that was seen off its line for so long, and came so far meanwhile, drives a way of its own: no receiver wanders like that.
const DETOUR: (DurationMs, Meters) = (DurationMs(120_000), Meters(150.0));
/// A bus that calls from who knows where is looked for where it was seen so long ago; after longer that is misleading.
pub const PLACE_HOLDS: DurationMs = DurationMs(30 * 60_000);

/// Where a bus may be taken to be at a moment, by when and where it was seen last.
pub fn place_at((seen, place): (UtcMillis, LatLon), at: UtcMillis) -> Option<LatLon> {
    (at.since(seen).0.abs() <= PLACE_HOLDS.0).then_some(place)
}

/// A place that is older is not where a bus is, but where it was.
const OLD: DurationMs = DurationMs(60_000);

/// Seconds between when a bus was seen at a place and a moment for which it is taken to be there; `None`: hardly any.
pub fn place_age_s(seen: UtcMillis, at: UtcMillis) -> Option<f64> {
    let age = at.since(seen);
    (age.0 > OLD.0).then(|| age.seconds())
}

/// A finding of one bus, or of one run; the place is where the bus was then.
#[derive(Debug, Clone, PartialEq)]
pub struct TransitEvent {
    pub finding: Finding,
    pub phase: Phase,
    pub began: UtcMillis,
    pub at: UtcMillis,
    pub vehicle: Option<VehicleId>,
    pub place: Option<LatLon>,
    pub run: Option<(FeedId, RunKey)>,
    pub stop: Option<StopId>,
    /// Overspeed: km/h. Early and late: seconds behind the timetable. Bunching: seconds behind the bus ahead. Unseen: of a hundred
    /// others of the route under way, how many report. Of a gap: seconds since a bus was last seen to set out.
    /// At the end, the worst that was seen from the begin on. Of a call for help: how many seconds before its begin the bus was
    /// known to be at the place, where that is more than a minute; also at the end.
    pub value: Option<f64>,
}

/// Limits that findings are judged by: data of the city and its operators.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    pub speed: MetersPerSecond,
    pub speed_tolerance: MetersPerSecond,
    /// Corners of areas with another limit, before that of a road; the last that holds the place counts.
    pub speed_areas: Vec<(Vec<LatLon>, MetersPerSecond)>,
    /// `speed` counts where no road is known.
    pub speed_roads: Arc<SpeedRoads>,
    pub early: DurationMs,
    pub late: DurationMs,
    pub layover_engine: DurationMs,
}

impl Default for Limits {
    /// 50 km/h as in Vietnamese built-up areas (31/2019/TT-BGTVT, article 6); one minute early and five late as most operators.
    fn default() -> Self {
        Self {
            speed: MetersPerSecond(50.0 / 3.6),
            speed_tolerance: MetersPerSecond(5.0 / 3.6),
            speed_areas: Vec::new(),
            speed_roads: Arc::default(),
            early: DurationMs(60_000),
            late: DurationMs(300_000),
            layover_engine: DurationMs(300_000),
        }
    }
}

impl Limits {
    /// What holds for who drives there; `course` is clockwise from north.
    pub fn speed_at(&self, place: LatLon, course: Option<Degrees>) -> MetersPerSecond {
        let flat = |p: &LatLon| crate::geo::Point::new(p.lon.0, p.lat.0);
        let holds = |area: &[LatLon]| {
            let corners: Vec<_> = area.iter().map(flat).collect();
            crate::geo::inside(&corners, flat(&place))
        };
        let own = self.speed_areas.iter().rev().find(|(area, _)| holds(area));
        let own = own.map(|(_, limit)| *limit);
        own.unwrap_or_else(|| self.speed_roads.at(place, course, self.speed))
    }
}

impl Finding {
    pub const ALL: [Self; 14] = [
        Self::OffRoute,
        Self::Overspeed,
        Self::StopSkipped,
        Self::DoorsOpenMoving,
        Self::EngineOnLayover,
        Self::Sos,
        Self::Early,
        Self::Late,
        Self::ShortTurn,
        Self::WrongSignOn,
        Self::Bunching,
        Self::RunMissing,
        Self::RunUnseen,
        Self::HeadwayGap,
    ];

    /// Where nothing was heard for longer, nobody knows that it held all the while: what a driver is blamed for ends before. `None`: it
    /// holds until something else is heard. `stayed`: it holds again where it held before; a bus that stands reports seldom.
    fn bridges(self, stayed: bool) -> Option<DurationMs> {
        match self {
            Self::EngineOnLayover if stayed => Some(STANDS_UNHEARD),
            Self::Overspeed | Self::DoorsOpenMoving | Self::EngineOnLayover => Some(UNHEARD),
            Self::OffRoute | Self::StopSkipped | Self::Early | Self::Late => Some(LOST),
            Self::ShortTurn | Self::WrongSignOn => Some(LOST),
            Self::Sos | Self::Bunching | Self::RunMissing | Self::RunUnseen | Self::HeadwayGap => None,
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finding| finding.name() == name)
    }

    /// The worse of two values: of bunching the smaller, of all others what is farther from nothing. That of a call for help belongs
    /// to its place: both are of its begin.
    fn worse(self, one: Option<f64>, other: Option<f64>) -> Option<f64> {
        if self == Self::Sos {
            return one;
        }
        let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
        let second = if self == Self::Bunching { b < a } else { b.abs() > a.abs() };
        Some(if second { b } else { a })
    }

    /// Short stable name for JSON, tables and the store.
    pub fn name(self) -> &'static str {
        match self {
            Finding::OffRoute => "off_route",
            Finding::Overspeed => "overspeed",
            Finding::StopSkipped => "stop_skipped",
            Finding::DoorsOpenMoving => "doors_open_moving",
            Finding::EngineOnLayover => "engine_on_layover",
            Finding::Sos => "sos",
            Finding::Early => "early",
            Finding::Late => "late",
            Finding::ShortTurn => "short_turn",
            Finding::WrongSignOn => "wrong_sign_on",
            Finding::Bunching => "bunching",
            Finding::RunMissing => "run_missing",
            Finding::RunUnseen => "run_unseen",
            Finding::HeadwayGap => "headway_gap",
        }
    }
}

/// Findings that hold, and those that may begin to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Held {
    by_finding: BTreeMap<Finding, Open>,
}

#[derive(Debug, Clone, PartialEq)]
struct Open {
    since: UtcMillis,
    /// When and where it was last seen to hold.
    last: (UtcMillis, Option<LatLon>),
    /// Where it was first seen to hold, and how far from there since.
    from: Option<LatLon>,
    strayed: Meters,
    begun: Option<TransitEvent>,
}

impl Held {
    /// Tells whether `event.finding` holds now; it begins when that was so for `after`, and ends when it is no more.
    /// `None`: cannot be told from this fix.
    pub fn judge(
        &mut self,
        holds: Option<bool>,
        after: DurationMs,
        event: TransitEvent,
        out: &mut Vec<TransitEvent>,
    ) {
        let Some(holds) = holds else { return };
        let silent = |open: &Open| {
            let places = open.last.1.zip(event.place);
            let stayed = holds && places.is_some_and(|(before, now)| before.distance(now).0 <= STAYS.0);
            let most = event.finding.bridges(stayed).map(|most| most.0.max(after.0));
            most.is_some_and(|most| event.at.since(open.last.0).0 > most)
        };
        if self.by_finding.get(&event.finding).is_some_and(silent) {
            out.extend(self.by_finding.remove(&event.finding).and_then(Open::ended));
        }
        if holds {
            let last = (event.at, event.place);
            let open = self.by_finding.entry(event.finding).or_insert_with(|| Open::at(last, None));
            if event.at >= open.last.0 {
                open.last = last;
            }
            open.stray(event.place);
            if let Some(begun) = &mut open.begun {
                begun.value = event.finding.worse(begun.value, event.value);
            } else if event.at.since(open.since).0 >= after.0 {
                let begun = TransitEvent { phase: Phase::Begun, began: open.since, ..event };
                open.begun = Some(begun.clone());
                out.push(begun);
            }
        } else if self.by_finding.get(&event.finding).is_some_and(|open| event.at >= open.last.0) {
            // It was not so before it was seen to hold last: that is no end.
            let begun = self.by_finding.remove(&event.finding).and_then(|open| open.begun);
            out.extend(begun.map(|begun| ended(begun, event.at, event.place)));
        }
    }

    /// Goes on with a finding that was told before.
    pub fn resume(&mut self, begun: TransitEvent) {
        let (finding, since) = (begun.finding, begun.began);
        let open = Open::at((begun.at, begun.place), Some(begun));
        self.by_finding.insert(finding, Open { since, ..open });
    }

    /// Ends everything; what had not begun is forgotten.
    pub fn close(&mut self, at: UtcMillis, place: Option<LatLon>) -> Vec<TransitEvent> {
        let begun = std::mem::take(&mut self.by_finding).into_values().filter_map(|open| open.begun);
        begun.map(|begun| ended(begun, at, place)).collect()
    }

    pub fn begun(&self) -> impl Iterator<Item = &TransitEvent> {
        self.by_finding.values().filter_map(|open| open.begun.as_ref())
    }

    /// Those that have begun, but a bus off its line only if it drives a detour: passengers are not told of less.
    pub fn for_passengers(&self) -> impl Iterator<Item = &TransitEvent> {
        let open = self.by_finding.iter();
        let told = open.filter(|(finding, open)| **finding != Finding::OffRoute || open.is_detour());
        told.filter_map(|(_, open)| open.begun.as_ref())
    }
}

impl Open {
    fn at(last: (UtcMillis, Option<LatLon>), begun: Option<TransitEvent>) -> Self {
        Self { since: last.0, last, from: last.1, strayed: Meters(0.0), begun }
    }

    fn stray(&mut self, place: Option<LatLon>) {
        if let (Some(from), Some(place)) = (self.from, place) {
            self.strayed = Meters(self.strayed.0.max(from.distance(place).0));
        }
    }

    fn is_detour(&self) -> bool {
        self.last.0.since(self.since).0 >= DETOUR.0.0 && self.strayed.0 >= DETOUR.1.0
    }

    /// Ended where it was last seen to hold.
    fn ended(self) -> Option<TransitEvent> {
        let (at, place) = self.last;
        self.begun.map(|begun| ended(begun, at, place))
    }
}

/// With the place of the end; a call for help that was shown where the bus had been before stays there.
fn ended(begun: TransitEvent, at: UtcMillis, place: Option<LatLon>) -> TransitEvent {
    let stays = begun.finding == Finding::Sos && begun.value.is_some();
    let place = if stays { begun.place } else { place };
    TransitEvent { phase: Phase::Ended, at, place, ..begun }
}

#[cfg(test)]
#[path = "finding_tests.rs"]
mod tests;
