//! Buses as measures of traffic in the hall: the roads of the timetables in force, what is to be kept, and the picture of now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use control_center_store::{ProbeRow, SegmentRow};
use models_domain::geo::LatLon;
use models_domain::transit::claims::Claims;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::probe::{FRESH, Level, Reference, Sum, lately, totals};
use models_domain::transit::road::{Roads, Segment};
use models_domain::transit::timetable::{FeedId, Timetable};
use models_domain::{CameraId, DurationMs, Meters, MetersPerSecond, UtcMillis};
use models_wire::v1;

use super::planned::Planned;
use super::{Live, Transit, lock};

/// A camera farther from a road than this counts something else.
const BESIDE: Meters = Meters(150.0);
/// About [`BESIDE`], to look no farther at most of the city.
const BESIDE_DEGREES: f64 = 0.0016;

/// The picture of now is made anew after this, however many ask.
const AS_OLD_AS: DurationMs = DurationMs(5_000);

/// Names and lines of segments.
pub type Known = Vec<(String, Vec<LatLon>)>;

/// What is known of the roads.
#[derive(Default)]
pub struct Traffic {
    pub roads: Arc<Roads>,
    /// Another one when the roads are others.
    number: u64,
    /// Segments that are to be kept.
    fresh: bool,
    /// Of buses' days that are over.
    unkept: Vec<ProbeRow>,
    pub reference_by_segment: BTreeMap<String, Reference>,
    pub camera_by_segment: BTreeMap<String, (CameraId, Meters)>,
    pub flow_by_camera: BTreeMap<CameraId, v1::SegmentFlow>,
    now: Option<(UtcMillis, BTreeMap<u32, Sum>)>,
}

/// What is to be kept.
#[derive(Default)]
pub struct ToKeep {
    /// Those in use now, when they are others than before; to be kept first.
    pub segments: Vec<SegmentRow>,
    pub rows: Vec<ProbeRow>,
}

impl Transit {
    /// Roads that were kept; those of the timetables have their names again.
    pub fn know(&self, known: Known) {
        lock(&self.live).known = known;
    }

    /// What buses told of the roads since, to be kept.
    pub fn unkept_traffic(&self) -> ToKeep {
        let mut live = lock(&self.live);
        let Live { fleet, traffic, .. } = &mut *live;
        traffic.note(fleet);
        traffic.take()
    }

    /// What is known of the roads, and the buses on them. It waits while buses are thought of: not where calls are answered.
    pub fn traffic<T>(&self, job: impl FnOnce(&mut Traffic, &Fleet) -> T) -> T {
        let mut live = lock(&self.live);
        let Live { fleet, traffic, .. } = &mut *live;
        job(traffic, fleet)
    }
}

impl Live {
    /// Buses begin anew on other plans; the roads are theirs now. Plans of former days are on no roads: a former day that is made anew
    /// says nothing of the segments of today. With it comes what was thought of buses before.
    pub(super) fn begin(&mut self, mut planned: Planned, now: UtcMillis) -> (Planned, Claims) {
        self.traffic.note(&mut self.fleet);
        let claims = self.fleet.new_day();
        self.window_by_vehicle.clear();
        if planned.day.is_some() {
            self.calls.clear();
        }
        planned.plans = self.traffic.plan(planned.plans, &self.known, now);
        (planned, claims)
    }
}

impl Traffic {
    /// The roads of these plans; segments that were there before, and those in `known`, have their names again.
    pub fn plan(&mut self, plans: Vec<Arc<DayPlan>>, known: &Known, now: UtcMillis) -> Vec<Arc<DayPlan>> {
        let mut tables: Vec<(FeedId, Arc<Timetable>)> = Vec::new();
        for plan in &plans {
            if !tables.iter().any(|(feed, table)| *feed == plan.feed && Arc::ptr_eq(table, &plan.timetable)) {
                tables.push((plan.feed.clone(), plan.timetable.clone()));
            }
        }
        let line = |s: &Segment| (s.name.clone(), s.shape.points().to_vec());
        let known: Known = self.roads.segments.iter().map(line).chain(known.iter().cloned()).collect();
        self.roads = Arc::new(Roads::new(&tables, &known));
        // Another number also after a restart.
        (self.number, self.fresh, self.now) = (now.0.cast_unsigned().max(self.number + 1), true, None);
        plans.into_iter().map(|plan| Arc::new(Arc::unwrap_or_clone(plan).on(&self.roads))).collect()
    }

    /// Takes what buses told since; before their day is forgotten, too.
    pub fn note(&mut self, fleet: &mut Fleet) {
        let changed = fleet.take_changed();
        let name = |segment: u32| self.roads.segments.get(segment as usize).map(|s| s.name.clone());
        let rows = totals(fleet.ran(), &changed).into_iter();
        let rows = rows
            .filter_map(|((bucket, segment), sum)| Some(ProbeRow { segment: name(segment)?, bucket, sum }));
        self.unkept.extend(rows);
    }

    pub fn take(&mut self) -> ToKeep {
        let row = |s: &Segment| SegmentRow {
            name: s.name.clone(),
            from: s.from.clone(),
            to: s.to.clone(),
            length_m: s.shape.length().0,
            line: s.shape.points().to_vec(),
        };
        let fresh = std::mem::take(&mut self.fresh);
        let segments = if fresh { self.roads.segments.iter().map(row).collect() } else { Vec::new() };
        ToKeep { segments, rows: std::mem::take(&mut self.unkept) }
    }

    /// The segments could not be kept.
    pub fn keep_again(&mut self) {
        self.fresh = true;
    }

    /// Which camera stands nearest to each segment.
    pub fn beside(&mut self, cameras: &[(CameraId, LatLon)]) {
        let mut nearest: BTreeMap<String, (CameraId, Meters)> = BTreeMap::new();
        for segment in &self.roads.segments {
            let points = segment.shape.points();
            let near = cameras.iter().filter(|(_, at)| {
                let beside = |of: fn(&LatLon) -> f64| {
                    let (low, high) =
                        points.iter().map(of).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
                    (low - BESIDE_DEGREES..=high + BESIDE_DEGREES).contains(&of(at))
                };
                beside(|p| p.lat.0) && beside(|p| p.lon.0)
            });
            let away = |(camera, at): &(CameraId, LatLon)| {
                let on = segment.shape.nearest(*at, Meters(0.0), segment.shape.length())?;
                (on.away.0 <= BESIDE.0).then(|| (camera.clone(), on.away))
            };
            if let Some(best) = near.filter_map(away).min_by(|a, b| a.1.0.total_cmp(&b.1.0)) {
                nearest.insert(segment.name.clone(), best);
            }
        }
        self.camera_by_segment = nearest;
    }

    pub fn segment(&self, name: &str) -> Option<&Segment> {
        self.roads.segments.iter().find(|s| s.name == name)
    }

    pub fn reference(&self, name: &str) -> Option<MetersPerSecond> {
        self.reference_by_segment.get(name)?.speed()
    }

    /// `known` is the number of the roads that the asker has.
    pub fn told(&mut self, fleet: &Fleet, now: UtcMillis, known: u64) -> v1::ListSegmentsResponse {
        if self.now.as_ref().is_none_or(|(at, _)| now.since(*at).0.abs() >= AS_OLD_AS.0) {
            self.now = Some((now, lately(fleet.ran(), now)));
        }
        let segments = &self.roads.segments;
        let sums = self.now.iter().flat_map(|(_, sums)| sums);
        let told = sums.filter_map(|(i, sum)| Some(self.now(segments.get(*i as usize)?, sum, now)));
        let told = told.collect();
        let new = known != self.number;
        v1::ListSegmentsResponse {
            at_ms: now.0,
            roads: self.number,
            segments: if new { segments.iter().map(segment).collect() } else { Vec::new() },
            now: told,
        }
    }

    fn now(&self, segment: &Segment, sum: &Sum, now: UtcMillis) -> v1::SegmentNow {
        let fresh = sum.newest > now - FRESH;
        let (speed, reference) = (sum.speed(), self.reference(&segment.name));
        let level = speed.zip(reference).filter(|_| fresh).map(|(s, r)| Level::of(s, r).name());
        let flow = self.camera_by_segment.get(&segment.name).and_then(|(camera, away)| {
            let flow = self.flow_by_camera.get(camera)?;
            Some(v1::SegmentFlow { away_m: away.0, ..flow.clone() })
        });
        v1::SegmentNow {
            segment: segment.name.clone(),
            newest_ms: sum.newest.0,
            fresh,
            buses: sum.buses,
            speed_mps: speed.map(|s| s.0),
            reference_mps: reference.map(|s| s.0),
            level: level.unwrap_or_default().to_owned(),
            travel_s: sum.travel_time(segment.shape.length()).map(DurationMs::seconds),
            stands_s: sum.stands().seconds(),
            flow,
        }
    }

    /// Of these cameras, what each counted on its busiest line.
    pub fn cameras(&self) -> BTreeSet<CameraId> {
        self.camera_by_segment.values().map(|(camera, _)| camera.clone()).collect()
    }
}

fn segment(s: &Segment) -> v1::Segment {
    let (mut line, mut before) = (Vec::new(), (0, 0));
    for p in s.shape.points() {
        let here = ((p.lat.0 * 1e5).round() as i32, (p.lon.0 * 1e5).round() as i32);
        line.extend([here.0 - before.0, here.1 - before.1]);
        before = here;
    }
    v1::Segment {
        segment: s.name.clone(),
        from_stop: s.from.clone(),
        to_stop: s.to.clone(),
        routes: s.routes.iter().cloned().collect(),
        length_m: s.shape.length().0,
        line,
        coarse: s.coarse,
    }
}
