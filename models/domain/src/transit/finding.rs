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
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_not_looked_for_where_it_was_seen_long_ago() {
        let (place, at) = (LatLon::new(21.0, 105.8), |min: i64| UtcMillis(min * 60_000));
        let found = [0, 40, 90, 101, 131].map(|min| place_at((at(70), place), at(min)).is_some());
        assert_eq!(found, [false, true, true, false, false]);
    }

    #[test]
    fn a_call_from_where_the_bus_was_keeps_its_place_and_how_old_that_is() {
        let places = [21.0, 21.1, 21.2].map(|lat| LatLon::new(lat, 105.8));
        for (age_s, ends_at) in [(Some(300.0), places[0]), (None, places[2])] {
            let (mut held, mut told) = (Held::default(), Vec::new());
            // It calls on from where it was; then it is seen.
            for (s, holds, value) in [(0, true, age_s), (60, true, Some(360.0)), (120, false, None)] {
                let event = TransitEvent {
                    finding: Finding::Sos,
                    phase: Phase::Moment,
                    began: UtcMillis(s * 1000),
                    at: UtcMillis(s * 1000),
                    vehicle: None,
                    place: Some(places[s as usize / 60]),
                    run: None,
                    stop: None,
                    value,
                };
                held.judge(Some(holds), DurationMs(0), event, &mut told);
            }
            let told: Vec<_> = told.iter().map(|e| (e.phase, e.place, e.value)).collect();
            let want = [(Phase::Begun, Some(places[0]), age_s), (Phase::Ended, Some(ends_at), age_s)];
            assert_eq!(told, want);
        }
        let ages = [-90, 60, 61].map(|s| place_age_s(UtcMillis(0), UtcMillis(s * 1000)));
        assert_eq!(ages, [None, None, Some(61.0)]);
    }

    /// Minute, engine on, metres north; what is told at which minute.
    #[track_caller]
    fn check_engine(reports: &[(i64, bool, f64)], want: &[(Phase, i64)]) {
        let (mut held, mut told) = (Held::default(), Vec::new());
        for (min, on, north_m) in reports {
            let event = TransitEvent {
                finding: Finding::EngineOnLayover,
                phase: Phase::Moment,
                began: UtcMillis(min * 60_000),
                at: UtcMillis(min * 60_000),
                vehicle: None,
                place: Some(LatLon::new(21.0 + north_m / 111_195.0, 105.8)),
                run: None,
                stop: None,
                value: None,
            };
            held.judge(Some(*on), Limits::default().layover_engine, event, &mut told);
        }
        let told: Vec<_> = told.iter().map(|e| (e.phase, e.at.0 / 60_000)).collect();
        assert_eq!(told, want);
    }

    #[test]
    fn an_engine_runs_on_between_the_reports_of_a_bus_that_stands() {
        // Off at the last: nobody knows since when, and the driver is not blamed for that.
        let stands = [(0, true, 0.0), (15, true, 40.0), (30, true, -30.0), (45, false, 0.0)];
        check_engine(&stands, &[(Phase::Begun, 15), (Phase::Ended, 30)]);
        check_engine(&[(0, true, 0.0), (15, true, 900.0), (18, true, 900.0)], &[]);
        check_engine(&[(0, true, 0.0), (17, true, 0.0)], &[]);
        check_engine(&[(0, true, 0.0), (15, false, 0.0)], &[]);
    }

    #[test]
    fn passengers_are_told_of_a_detour_that_is_driven_and_of_no_receiver_that_wanders() {
        #[track_caller]
        fn check(way_m: impl Fn(i64) -> f64, seconds: i64, want: usize) {
            let (mut held, mut told) = (Held::default(), Vec::new());
            let event = |s: i64| TransitEvent {
                finding: Finding::OffRoute,
                phase: Phase::Moment,
                began: UtcMillis(s * 1000),
                at: UtcMillis(s * 1000),
                vehicle: None,
                place: Some(LatLon::new(21.0 + way_m(s) / 111_195.0, 105.8)),
                run: None,
                stop: None,
                value: None,
            };
            for s in (0..=seconds).step_by(15) {
                held.judge(Some(true), DurationMs(30_000), event(s), &mut told);
            }
            assert_eq!((held.begun().count(), held.for_passengers().count()), (1, want));
            held.judge(Some(false), DurationMs(30_000), event(seconds + 15), &mut told);
            assert_eq!(held.for_passengers().count(), 0, "it is on its line again");
        }
        let drives = |s: i64| 5.0 * s as f64;
        check(drives, 105, 0);
        check(drives, 120, 1);
        // Beside a tall house, and round a block: what counts is how far it was, not where it is.
        check(|s| 70.0 * ((s / 15) % 2) as f64, 600, 0);
        check(|s| 300.0 - (300.0 - drives(s)).abs(), 120, 1);
    }

    #[test]
    fn a_finding_ends_with_the_worst_that_was_seen() {
        #[track_caller]
        fn check(finding: Finding, values: [f64; 3], want: f64) {
            let (mut held, mut told) = (Held::default(), Vec::new());
            let event = |s: i64, value| TransitEvent {
                finding,
                phase: Phase::Moment,
                began: UtcMillis(s * 1000),
                at: UtcMillis(s * 1000),
                vehicle: None,
                place: None,
                run: None,
                stop: None,
                value: Some(value),
            };
            for (s, value) in (0..).zip(values) {
                held.judge(Some(true), DurationMs(0), event(s, value), &mut told);
            }
            held.judge(Some(false), DurationMs(0), event(9, 0.0), &mut told);
            let told: Vec<_> = told.iter().map(|e| (e.phase, e.value)).collect();
            assert_eq!(told, [(Phase::Begun, Some(values[0])), (Phase::Ended, Some(want))]);
        }
        check(Finding::Overspeed, [58.0, 71.0, 60.0], 71.0);
        check(Finding::Early, [-70.0, -200.0, -90.0], -200.0);
        check(Finding::Bunching, [90.0, 20.0, 100.0], 20.0);
    }
}
