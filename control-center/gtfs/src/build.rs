//! Rows into a timetable: references become places in lists, equal ways become one pattern, missing times are filled in.

use std::collections::HashMap;

use models_domain::geo::LatLon;
use models_domain::transit::shape::Shape;
use models_domain::transit::timetable::{Agency, Call, Pattern, PatternStop, Route, Timetable, Trip};
use models_domain::units::Meters;

use crate::along::{self, place};
use crate::report::{Kind, Problem, Report};
use crate::rows::{CallRow, Rows, TripRow};

/// A line whose points lie farther apart than this, by its mean, does not follow streets.
const COARSE_STEP_M: f64 = 250.0;
/// No city bus is faster between two stops.
const SPEED_MAX_KMH: f64 = 130.0;

pub fn build(mut rows: Rows, report: &mut Report) -> Timetable {
    let mut table = Timetable { services_by_id: std::mem::take(&mut rows.services), ..Timetable::default() };
    table.agencies =
        rows.agencies.iter().map(|(id, name)| Agency { id: id.clone(), name: name.clone() }).collect();
    table.stops = std::mem::take(&mut rows.stops);
    let route_by_id = routes(&rows, &mut table, report);
    let mut patterns = Patterns { shapes: rows.shapes, by_way: HashMap::new(), warned: HashMap::new() };
    for mut row in rows.trips {
        let Some(route) = route_by_id.get(row.route.as_str()) else {
            let text = format!("no usable route {}", row.route);
            report.add(Problem::row(Kind::UnknownReference, "trips.txt", row.line, "route_id", text));
            continue;
        };
        if row.broken {
            continue;
        }
        row.calls.sort_by_key(|c| c.sequence);
        if let Err(problem) = check_calls(&row) {
            report.add(problem);
            continue;
        }
        let pattern = patterns.of(*route, &row, &mut table, report);
        let calls = calls(&row.calls, &table.patterns[pattern].stops);
        check_speed(&row, &calls, &table.patterns[pattern], report);
        table.trips.push(Trip {
            id: row.id,
            pattern,
            service: row.service,
            headsign: row.headsign,
            block: row.block,
            calls,
            frequencies: row.frequencies,
        });
    }
    table
}

fn routes(rows: &Rows, table: &mut Timetable, report: &mut Report) -> HashMap<String, usize> {
    let agency_by_id: HashMap<&str, usize> =
        rows.agencies.iter().enumerate().map(|(i, (id, _))| (id.as_str(), i)).collect();
    let mut route_by_id = HashMap::new();
    for row in &rows.routes {
        let only = (row.agency.is_empty() && rows.agencies.len() == 1).then_some(0);
        let Some(agency) = agency_by_id.get(row.agency.as_str()).copied().or(only) else {
            let text = format!("no agency {:?}", row.agency);
            report.add(Problem::row(Kind::UnknownReference, "routes.txt", row.line, "agency_id", text));
            continue;
        };
        route_by_id.insert(row.id.0.clone(), table.routes.len());
        let (short_name, long_name) = (row.short_name.clone(), row.long_name.clone());
        table.routes.push(Route { id: row.id.clone(), agency, short_name, long_name });
    }
    route_by_id
}

/// Everything without which a trip cannot be run.
fn check_calls(row: &TripRow) -> Result<(), Problem> {
    const FILE: &str = "stop_times.txt";
    let (Some(first), Some(last)) = (row.calls.first(), row.calls.last()) else {
        let text = format!("trip {} has no stops", row.id);
        return Err(Problem::row(Kind::TooFewStops, "trips.txt", row.line, "trip_id", text));
    };
    if row.calls.len() < 2 {
        let text = format!("trip {} has one stop only", row.id);
        return Err(Problem::row(Kind::TooFewStops, FILE, first.line, "trip_id", text));
    }
    for (call, column) in [(first, "departure_time"), (last, "arrival_time")] {
        if call.arrive_s.is_none() {
            let text = format!("trip {}: the first and the last stop need a time", row.id);
            return Err(Problem::row(Kind::BadValue, FILE, call.line, column, text));
        }
    }
    if let Some(pair) = row.calls.windows(2).find(|pair| pair[0].sequence == pair[1].sequence) {
        let text = format!(
            "trip {}: number {} is there already, in line {}",
            row.id, pair[1].sequence, pair[0].line
        );
        return Err(Problem::row(Kind::Duplicate, FILE, pair[1].line, "stop_sequence", text));
    }
    let mut latest = i32::MIN;
    for call in &row.calls {
        for (time, column) in [(call.arrive_s, "arrival_time"), (call.depart_s, "departure_time")] {
            let Some(time) = time else { continue };
            if time < latest {
                let text = format!("trip {}: the bus would be there before it left the stop before", row.id);
                return Err(Problem::row(Kind::TimeRunsBackwards, FILE, call.line, column, text));
            }
            latest = time;
        }
    }
    Ok(())
}

/// Times at stops that have none lie between those that have, by the way along the shape.
fn calls(rows: &[CallRow], stops: &[PatternStop]) -> Vec<Call> {
    let timed: Vec<usize> = (0..rows.len()).filter(|i| rows[*i].arrive_s.is_some()).collect();
    let mut calls = Vec::with_capacity(rows.len());
    for (i, row) in rows.iter().enumerate() {
        let (arrive_s, depart_s) = match (row.arrive_s, row.depart_s) {
            (Some(arrive), Some(depart)) => (arrive, depart),
            (Some(both), None) | (None, Some(both)) => (both, both),
            (None, None) => {
                let after = timed.partition_point(|t| *t < i);
                let (a, b) = (timed[after - 1], timed[after]);
                let (left, due) =
                    (rows[a].depart_s.unwrap_or_default(), rows[b].arrive_s.unwrap_or_default());
                let (from, to) = (stops[a].along.0, stops[b].along.0);
                let share = if to > from { (stops[i].along.0 - from) / (to - from) } else { 0.0 };
                let time = left + (f64::from(due - left) * share) as i32;
                (time, time)
            }
        };
        let CallRow { sequence, timepoint, may_board, .. } = *row;
        calls.push(Call { sequence, arrive_s, depart_s, timepoint, may_board });
    }
    calls
}

fn check_speed(row: &TripRow, calls: &[Call], pattern: &Pattern, report: &mut Report) {
    for (i, pair) in calls.windows(2).enumerate() {
        let way_m = pattern.stops[i + 1].along.0 - pattern.stops[i].along.0;
        // Times are often whole minutes.
        let kmh = way_m / (f64::from(pair[1].arrive_s - pair[0].depart_s) + 60.0) * 3.6;
        if kmh > SPEED_MAX_KMH {
            let text = format!("trip {}: {way_m:.0} m at {kmh:.0} km/h from the stop before", row.id);
            let line = row.calls[i + 1].line;
            report.add(Problem::row(Kind::UnreasonableSpeed, "stop_times.txt", line, "arrival_time", text));
            return;
        }
    }
}

type Way = (usize, Option<u8>, Vec<usize>, Vec<[i64; 2]>);

/// Finds equal patterns: feeds often have a shape for each trip.
struct Patterns {
    shapes: HashMap<String, Vec<(u32, LatLon)>>,
    by_way: HashMap<Way, usize>,
    warned: HashMap<String, ()>,
}

impl Patterns {
    fn of(&mut self, route: usize, row: &TripRow, table: &mut Timetable, report: &mut Report) -> usize {
        let stops: Vec<usize> = row.calls.iter().map(|c| c.stop).collect();
        let drawn = self.shapes.get(&row.shape).filter(|points| points.len() > 1);
        let points: Vec<LatLon> = drawn.map(|p| p.iter().map(|(_, at)| *at).collect()).unwrap_or_default();
        let grid = |p: &LatLon| [(p.lat.0 * 1e6).round() as i64, (p.lon.0 * 1e6).round() as i64];
        let way = (route, row.direction, stops, points.iter().map(grid).collect());
        if let Some(known) = self.by_way.get(&way) {
            return *known;
        }
        if !row.shape.is_empty() && drawn.is_none() {
            self.warn(
                row,
                Kind::MissingShape,
                format!("shape {} has no line: the stops make one", row.shape),
                report,
            );
        }
        let at: Vec<LatLon> = way.2.iter().map(|s| table.stops[*s].position).collect();
        let (shape, placed, straight) = self.line(row, points, &at, report);
        let step = shape.length().0 / (shape.points().len().max(2) - 1) as f64;
        if step > COARSE_STEP_M && !straight {
            let text =
                format!("shape {} has a point every {step:.0} m only: buses will be far from it", row.shape);
            self.warn(row, Kind::CoarseShape, text, report);
        }
        let stops =
            way.2.iter().zip(placed).map(|(stop, along)| PatternStop { stop: *stop, along }).collect();
        let coarse = straight || step > COARSE_STEP_M;
        table.patterns.push(Pattern { route, direction: row.direction, stops, shape, coarse });
        self.by_way.insert(way, table.patterns.len() - 1);
        table.patterns.len() - 1
    }

    fn line(
        &mut self,
        row: &TripRow,
        points: Vec<LatLon>,
        stops: &[LatLon],
        report: &mut Report,
    ) -> (Shape, Vec<Meters>, bool) {
        let drawn = Shape::new(points);
        if drawn.length().0 > 0.0 {
            if let Some(placed) = place(&drawn, stops) {
                if let Some(far) = placed.iter().position(|p| p.away.0 > along::REACH.0) {
                    let text = format!("stop number {} lies {:.0} m from it", far + 1, placed[far].away.0);
                    self.warn(row, Kind::StopFarFromShape, format!("shape {}: {text}", row.shape), report);
                }
                let along = placed.into_iter().map(|p| p.along).collect();
                return (drawn, along, false);
            }
            let text =
                format!("shape {} does not pass the stops in their order: the stops make one", row.shape);
            self.warn(row, Kind::StopsOutOfOrder, text, report);
        }
        let mut along = vec![Meters(0.0)];
        for pair in stops.windows(2) {
            let last = along[along.len() - 1];
            along.push(Meters(last.0 + pair[0].distance(pair[1]).0));
        }
        (Shape::new(stops.to_vec()), along, true)
    }

    fn warn(&mut self, row: &TripRow, kind: Kind, text: String, report: &mut Report) {
        if self.warned.insert(text.clone(), ()).is_none() {
            report.add(Problem::row(kind, "trips.txt", row.line, "shape_id", text));
        }
    }
}
