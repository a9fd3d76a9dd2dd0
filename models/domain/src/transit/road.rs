//! The roads that buses run on, cut where buses halt: one segment of the road for all routes that follow it.
//!
//! Routes share no stops across operators, and an express passes stops of others. So every line is cut at each halting place
//! that lies on it, of whatever route, and two pieces that follow each other on the ground are one segment.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::grid::Grid;
use super::shape::{Shape, turn};
use super::timetable::{FeedId, Pattern, Timetable};
use crate::geo::LatLon;
use crate::units::{Degrees, Meters};

/// Halts in one direction that lie so near each other are one place: stops of two operators, or two posts of one stop.
const PLACE: Meters = Meters(60.0);
/// A line passes a halting place within this: lines are drawn along the middle of a road or along a lane.
const CUT: Meters = Meters(30.0);
/// What differs more in its course goes another way.
const COURSE_MAX: f64 = 50.0;
/// A shorter piece tells nothing: it is joined with the next.
const LENGTH_MIN: f64 = 60.0;
/// Two lines of one road are drawn so far apart.
const BESIDE: Meters = Meters(45.0);
/// A line is looked at in steps for halting places beside it.
const STEP_M: f64 = 100.0;

/// A piece of road in one direction, from one halting place to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The same after a restart, and under every timetable whose lines follow this road.
    pub name: String,
    /// Names of the stops at its begin and end; of the first operator that halts there.
    pub from: String,
    pub to: String,
    pub shape: Shape,
    /// What stands on the buses that run here.
    pub routes: BTreeSet<String>,
    /// Its line was made of stops: the road is longer, and a speed along it is too low.
    pub coarse: bool,
}

/// Where a pattern runs along a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    pub from: Meters,
    pub to: Meters,
    /// Index into [`Roads::segments`].
    pub segment: u32,
}

/// Pieces of each pattern of a timetable, in the order of the way.
pub type PiecesByPattern = Arc<Vec<Vec<Piece>>>;

/// All segments of some timetables.
#[derive(Debug, Clone, Default)]
pub struct Roads {
    pub segments: Vec<Segment>,
    pieces: Vec<(FeedId, Arc<Timetable>, PiecesByPattern)>,
}

/// A place where buses of one direction halt.
struct Place {
    at: LatLon,
    course: Degrees,
    name: String,
}

impl Roads {
    /// `known` are names and lines of segments that were there before; a segment that follows one of them has its name. The
    /// timetables come in a fixed order, so that the same ones give the same segments.
    pub fn new(tables: &[(FeedId, Arc<Timetable>)], known: &[(String, Vec<LatLon>)]) -> Self {
        let known: Vec<(String, Shape)> =
            known.iter().map(|(name, line)| (name.clone(), Shape::new(line.clone()))).collect();
        let mut making = Making::default();
        for (i, (_, shape)) in known.iter().enumerate() {
            making.known.add(middle(shape), i);
        }
        for pattern in tables.iter().flat_map(|(_, table)| table.patterns.iter().map(move |p| (table, p))) {
            making.places(pattern.0, pattern.1);
        }
        let mut pieces: Vec<(FeedId, Arc<Timetable>, PiecesByPattern)> = Vec::new();
        for (feed, table) in tables {
            if pieces.iter().any(|(_, had, _)| Arc::ptr_eq(had, table)) {
                continue;
            }
            let of = table.patterns.iter().map(|p| making.cut(table, p, &known)).collect();
            pieces.push((feed.clone(), table.clone(), Arc::new(of)));
        }
        Self { segments: making.segments, pieces }
    }

    /// Of a timetable that the roads were made of; none for another.
    pub fn pieces(&self, feed: &FeedId, table: &Arc<Timetable>) -> PiecesByPattern {
        let own = self.pieces.iter().find(|(f, t, _)| f == feed && Arc::ptr_eq(t, table));
        own.map(|(_, _, pieces)| pieces.clone()).unwrap_or_default()
    }
}

#[derive(Default)]
struct Making {
    places: Vec<Place>,
    place_grid: Grid,
    segments: Vec<Segment>,
    segment_grid: Grid,
    known: Grid,
    names: BTreeSet<String>,
}

impl Making {
    fn places(&mut self, table: &Timetable, pattern: &Pattern) {
        for stop in &pattern.stops {
            let along = Meters(stop.along.0.min(pattern.shape.length().0));
            let at = pattern.shape.at(along);
            let Some(on) = pattern.shape.nearest(at, along, along) else { continue };
            let near = self.place_grid.near(at);
            let same =
                |p: &Place| p.at.distance(at).0 <= PLACE.0 && turn(p.course, on.course).0 <= COURSE_MAX;
            if !near.into_iter().any(|i| same(&self.places[i])) {
                self.place_grid.add(at, self.places.len());
                let name = table.stops[stop.stop].name.clone();
                self.places.push(Place { at, course: on.course, name });
            }
        }
    }

    /// The pieces of a pattern; segments that are not there yet are made.
    fn cut(&mut self, table: &Timetable, pattern: &Pattern, known: &[(String, Shape)]) -> Vec<Piece> {
        let mut cuts: Vec<(f64, usize)> = Vec::new();
        for (place, along) in self.passed(pattern) {
            if cuts.last().is_none_or(|(before, _)| along - before >= LENGTH_MIN) {
                cuts.push((along, place));
            }
        }
        let route = &table.routes[pattern.route];
        let route = if route.short_name.is_empty() { &route.long_name } else { &route.short_name };
        let pairs = cuts.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>();
        let piece = |((from, a), (to, b)): ((f64, usize), (f64, usize))| {
            let shape = Shape::new(pattern.shape.between(Meters(from), Meters(to)));
            let segment = self.segment(shape, (a, b), pattern.coarse, known);
            self.segments[segment].routes.insert(route.clone());
            Piece { from: Meters(from), to: Meters(to), segment: segment as u32 }
        };
        pairs.into_iter().map(piece).collect()
    }

    /// Halting places that a pattern's line passes in their direction, in the order of the way.
    fn passed(&self, pattern: &Pattern) -> Vec<(usize, f64)> {
        let shape = &pattern.shape;
        let own: Vec<f64> = pattern.stops.iter().map(|s| s.along.0).collect();
        let mut passed: Vec<(usize, f64, f64)> = Vec::new();
        let steps = (shape.length().0 / STEP_M).ceil() as usize;
        for along in (0..=steps).map(|i| i as f64 * STEP_M) {
            let (from, to) = (Meters(along - STEP_M), Meters(along + STEP_M));
            for i in self.place_grid.near(shape.at(Meters(along))) {
                let Some(on) = shape.nearest(self.places[i].at, from, to) else { continue };
                let goes_by = on.away.0 <= CUT.0 && turn(on.course, self.places[i].course).0 <= COURSE_MAX;
                // A line that was made of stops says nothing of what it passes between them.
                let halts = own.iter().any(|stop| (stop - on.along.0).abs() <= PLACE.0);
                if goes_by && (halts || !pattern.coarse) {
                    passed.push((i, on.along.0, on.away.0));
                }
            }
        }
        passed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // The same passing was met from several steps: the nearest of it counts.
        let mut once: Vec<(usize, f64, f64)> = Vec::new();
        for one in passed {
            match once.last_mut().filter(|last| last.0 == one.0 && one.1 - last.1 <= STEP_M) {
                Some(last) if one.2 < last.2 => *last = one,
                Some(_) => {}
                None => once.push(one),
            }
        }
        once.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        once.into_iter().map(|(place, along, _)| (place, along)).collect()
    }

    fn segment(
        &mut self,
        shape: Shape,
        (from, to): (usize, usize),
        coarse: bool,
        known: &[(String, Shape)],
    ) -> usize {
        let middle = middle(&shape);
        let there = self.segment_grid.near(middle);
        if let Some(i) = there.into_iter().find(|i| is_same(&self.segments[*i].shape, &shape)) {
            let kept = &mut self.segments[i];
            if kept.coarse && !coarse {
                (kept.shape, kept.coarse) = (shape, false);
            }
            return i;
        }
        let before = self.known.near(middle).into_iter().map(|i| &known[i]);
        let before = before.filter(|(name, _)| !self.names.contains(name));
        let name = before.filter(|(_, line)| is_same(line, &shape)).map(|(name, _)| name.clone()).next();
        let name = name.unwrap_or_else(|| self.new_name(&shape));
        self.names.insert(name.clone());
        let (from, to) = (self.places[from].name.clone(), self.places[to].name.clone());
        self.segment_grid.add(middle, self.segments.len());
        self.segments.push(Segment { name, from, to, shape, routes: BTreeSet::new(), coarse });
        self.segments.len() - 1
    }

    /// By where it lies, to ten metres: `21.0285_105.8422-21.0301_105.8430-412`.
    fn new_name(&self, shape: &Shape) -> String {
        let text = |p: LatLon| format!("{:.4}_{:.4}", p.lat.0, p.lon.0);
        let (from, to) = (shape.at(Meters(0.0)), shape.at(shape.length()));
        let plain = format!("{}-{}-{:.0}", text(from), text(to), shape.length().0);
        let mut names = (1..).map(|n| if n == 1 { plain.clone() } else { format!("{plain}-{n}") });
        names.find(|name| !self.names.contains(name)).unwrap_or(plain)
    }
}

fn middle(shape: &Shape) -> LatLon {
    shape.at(Meters(shape.length().0 / 2.0))
}

/// Whether two lines follow each other on the ground, in the same direction.
fn is_same(a: &Shape, b: &Shape) -> bool {
    let (la, lb) = (a.length().0, b.length().0);
    (la - lb).abs() <= (0.1 * la.max(lb)).max(30.0)
        && [0.0, 0.25, 0.5, 0.75, 1.0]
            .into_iter()
            .all(|t| a.at(Meters(la * t)).distance(b.at(Meters(lb * t))).0 <= BESIDE.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transit::timetable::{PatternStop, Route, Stop};

    const METER: f64 = 1.0 / 111_195.0;

    fn place((east, north): (f64, f64)) -> LatLon {
        LatLon::new(21.0 + north * METER, 105.8 + east * METER / 21.0_f64.to_radians().cos())
    }

    /// Its name, its line in metres east and north, and where along it stops.
    type Drawn<'a> = (&'a str, &'a [(f64, f64)], &'a [f64]);

    /// A timetable with one pattern a route.
    fn table(routes: &[Drawn<'_>]) -> Arc<Timetable> {
        let mut table = Timetable::default();
        for (i, (name, line, stops)) in routes.iter().enumerate() {
            let (short_name, long_name) = ((*name).to_owned(), String::new());
            table.routes.push(Route { id: (*name).into(), agency: 0, short_name, long_name });
            let shape = Shape::new(line.iter().map(|p| place(*p)).collect());
            let mut pattern = Pattern { route: i, direction: None, stops: Vec::new(), shape, coarse: false };
            for along in *stops {
                let position = pattern.shape.at(Meters(*along));
                let id = format!("{name}-{along}");
                pattern.stops.push(PatternStop { stop: table.stops.len(), along: Meters(*along) });
                table.stops.push(Stop { id: id.as_str().into(), code: String::new(), name: id, position });
            }
            table.patterns.push(pattern);
        }
        Arc::new(table)
    }

    fn told(roads: &Roads, feed: &str, table: &Arc<Timetable>) -> Vec<String> {
        let one = |pieces: &Vec<Piece>| {
            let text = pieces.iter().map(|p| format!("{}:{:.0}-{:.0}", p.segment, p.from.0, p.to.0));
            text.collect::<Vec<_>>().join(" ")
        };
        roads.pieces(&feed.into(), table).iter().map(one).collect()
    }

    #[test]
    fn routes_and_operators_that_share_a_road_share_its_segments() {
        let road: &[(f64, f64)] = &[(0.0, 0.0), (3000.0, 0.0)];
        let beside: &[(f64, f64)] = &[(0.0, -12.0), (3000.0, -12.0)];
        let back: &[(f64, f64)] = &[(3000.0, 14.0), (0.0, 14.0)];
        let turns: &[(f64, f64)] = &[(0.0, 0.0), (1500.0, 0.0), (1500.0, 1500.0)];
        let one = table(&[
            ("32", road, &[0.0, 800.0, 1500.0, 2200.0, 3000.0]),
            ("express", road, &[0.0, 1500.0, 3000.0]),
            ("back", back, &[0.0, 1400.0, 3000.0]),
            ("turns", turns, &[0.0, 800.0, 2500.0, 3000.0]),
        ]);
        let other = table(&[("e05", beside, &[10.0, 820.0, 1510.0, 2190.0, 2995.0])]);
        let tables = [("a".into(), one.clone()), ("b".into(), other.clone())];
        let roads = Roads::new(&tables, &[]);
        let mine = told(&roads, "a", &one);
        assert_eq!(mine[0], "0:0-800 1:800-1500 2:1500-2200 3:2200-3000");
        assert_eq!(mine[1], mine[0], "it is measured where it does not halt, too");
        assert_eq!(mine[2], "4:0-1400 5:1400-3000", "the other way is another road");
        assert_eq!(mine[3], "0:0-800 1:800-1500 6:1500-2500 7:2500-3000", "shared until it turns off");
        assert_eq!(told(&roads, "b", &other), [mine[0].as_str()], "the operators' stops lie not at one spot");
        let routes: Vec<_> = roads.segments[1].routes.iter().map(String::as_str).collect();
        assert_eq!(routes, ["32", "e05", "express", "turns"]);
        assert_eq!((roads.segments[1].from.as_str(), roads.segments[1].to.as_str()), ("32-800", "32-1500"));
        assert!((roads.segments[1].shape.length().0 - 700.0).abs() < 1.0);
    }

    #[test]
    fn a_segment_keeps_its_name_in_a_new_timetable() {
        let old = table(&[("32", &[(0.0, 0.0), (2000.0, 0.0)], &[0.0, 900.0, 2000.0])]);
        let before = Roads::new(&[("a".into(), old)], &[]);
        let known: Vec<_> =
            before.segments.iter().map(|s| (s.name.clone(), s.shape.points().to_vec())).collect();
        // The stop in the middle was set elsewhere by 25 m, and the line was drawn anew.
        let line: &[(f64, f64)] = &[(0.0, 8.0), (700.0, 12.0), (2000.0, 8.0)];
        let new = table(&[("32", line, &[0.0, 925.0, 2000.0])]);
        let after = Roads::new(&[("a".into(), new)], &known);
        let names = |roads: &Roads| roads.segments.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&after), names(&before));
        assert_eq!(names(&before)[0], "21.0000_105.8000-21.0000_105.8087-900");
    }

    #[test]
    fn a_way_round_a_block_is_not_the_straight_way() {
        let straight: &[(f64, f64)] = &[(0.0, 0.0), (1000.0, 0.0)];
        let round: &[(f64, f64)] =
            &[(0.0, 0.0), (100.0, 0.0), (100.0, 300.0), (900.0, 300.0), (900.0, 0.0), (1000.0, 0.0)];
        let both = table(&[("a", straight, &[0.0, 1000.0]), ("b", round, &[0.0, 1600.0])]);
        let roads = Roads::new(&[("f".into(), both.clone())], &[]);
        assert_eq!(told(&roads, "f", &both), ["0:0-1000", "1:0-1600"]);
    }
}
