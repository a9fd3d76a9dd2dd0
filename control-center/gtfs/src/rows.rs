//! Every file of a feed that we use, row by row, with references still as the operator wrote them.

use std::collections::{BTreeMap, HashMap};

use models_domain::geo::LatLon;
use models_domain::transit::timetable::{BlockId, Frequency, RouteId, Service, Stop, StopId, TripId};

use crate::report::{Kind, Problem, Report};
use crate::source::{Source, SourceError};
use crate::table::{Need, Row, read, read_parts};

#[derive(Default)]
pub struct Rows {
    pub agencies: Vec<(String, String)>,
    pub zone: Option<String>,
    pub routes: Vec<RouteRow>,
    pub stops: Vec<Stop>,
    pub services: BTreeMap<String, Service>,
    pub shapes: HashMap<String, Vec<(u32, LatLon)>>,
    pub trips: Vec<TripRow>,
    pub trip_by_id: HashMap<TripId, usize>,
}

pub struct RouteRow {
    pub line: u64,
    pub id: RouteId,
    pub agency: String,
    pub short_name: String,
    pub long_name: String,
}

pub struct TripRow {
    pub line: u64,
    pub id: TripId,
    pub route: RouteId,
    pub service: String,
    pub headsign: String,
    pub direction: Option<u8>,
    pub block: Option<BlockId>,
    pub shape: String,
    pub calls: Vec<CallRow>,
    pub frequencies: Vec<Frequency>,
    /// A row of it could not be used: the trip as a whole is left out.
    pub broken: bool,
}

pub struct CallRow {
    pub line: u64,
    pub sequence: u32,
    /// Index into [`Rows::stops`].
    pub stop: usize,
    pub arrive_s: Option<i32>,
    pub depart_s: Option<i32>,
    pub timepoint: bool,
    pub may_board: bool,
}

impl Rows {
    /// # Errors
    /// When a file is there but cannot be read.
    pub fn read(source: &mut Source, report: &mut Report) -> Result<Self, SourceError> {
        let mut rows = Self::default();
        rows.agencies(source, report)?;
        rows.routes(source, report)?;
        rows.stops(source, report)?;
        rows.services(source, report)?;
        rows.shapes(source, report)?;
        rows.trips(source, report)?;
        rows.calls(source, report)?;
        rows.frequencies(source, report)?;
        Ok(rows)
    }

    fn agencies(&mut self, source: &mut Source, report: &mut Report) -> Result<(), SourceError> {
        let mut seen = HashMap::new();
        let required = ["agency_name", "agency_timezone"];
        read(source, ("agency.txt", Need::Required), &required, report, |row| {
            let zone = row.need("agency_timezone")?;
            once(&mut seen, row.text("agency_id"), row, "agency_id")?;
            self.agencies.push((row.text("agency_id").to_owned(), row.need("agency_name")?.to_owned()));
            let first = self.zone.get_or_insert_with(|| zone.to_owned());
            if first != zone {
                let text =
                    format!("{zone:?} is another zone than {first:?}; a feed has one, and the first is used");
                return Err(row.problem(Kind::SuspiciousZone, "agency_timezone", text));
            }
            Ok(())
        })?;
        Ok(())
    }

    fn routes(&mut self, source: &mut Source, report: &mut Report) -> Result<(), SourceError> {
        let mut seen = HashMap::new();
        read(source, ("routes.txt", Need::Required), &["route_id"], report, |row| {
            let id = RouteId::from(row.need("route_id")?);
            once(&mut seen, id.as_str(), row, "route_id")?;
            let text = |column| row.text(column).to_owned();
            let (short_name, long_name) = (text("route_short_name"), text("route_long_name"));
            self.routes.push(RouteRow {
                line: row.line,
                id,
                agency: text("agency_id"),
                short_name,
                long_name,
            });
            Ok(())
        })?;
        Ok(())
    }

    fn stops(&mut self, source: &mut Source, report: &mut Report) -> Result<(), SourceError> {
        let mut seen = HashMap::new();
        let required = ["stop_id", "stop_lat", "stop_lon"];
        read(source, ("stops.txt", Need::Required), &required, report, |row| {
            // Stations, entrances and nodes are no places where a bus halts.
            if !matches!(row.text("location_type"), "" | "0") {
                return Ok(());
            }
            let id = StopId::from(row.need("stop_id")?);
            once(&mut seen, id.as_str(), row, "stop_id")?;
            let position = row.position("stop_lat", "stop_lon")?;
            let (code, name) = (row.text("stop_code").to_owned(), row.text("stop_name").to_owned());
            self.stops.push(Stop { id, code, name, position });
            Ok(())
        })?;
        Ok(())
    }

    fn services(&mut self, source: &mut Source, report: &mut Report) -> Result<(), SourceError> {
        let regular = self.calendar(source, report)?;
        let single = self.single_days(source, report)?;
        if !regular && !single {
            let text = "neither it nor calendar_dates.txt is there: no trip runs on any day";
            report.add(Problem::file(Kind::MissingFile, "calendar.txt", text));
        }
        Ok(())
    }

    /// Whether the file was there.
    fn calendar(&mut self, source: &mut Source, report: &mut Report) -> Result<bool, SourceError> {
        const DAYS: [&str; 7] =
            ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let required = [["service_id", "start_date", "end_date"].as_slice(), &DAYS].concat();
        read(source, ("calendar.txt", Need::Optional), &required, report, |row| {
            let mut weekdays = [false; 7];
            for (day, column) in weekdays.iter_mut().zip(DAYS) {
                *day = match row.need(column)? {
                    "0" => false,
                    "1" => true,
                    text => {
                        return Err(row.problem(Kind::BadValue, column, format!("{text:?} is not 0 or 1")));
                    }
                };
            }
            let span = (row.date("start_date")?, row.date("end_date")?);
            if span.1 < span.0 {
                return Err(row.problem(Kind::BadValue, "end_date", "is before start_date"));
            }
            let service = self.services.entry(row.need("service_id")?.to_owned()).or_default();
            if service.span.is_some() {
                return Err(row.problem(Kind::Duplicate, "service_id", "the service is there already"));
            }
            (service.weekdays, service.span) = (weekdays, Some(span));
            Ok(())
        })
    }

    /// Whether the file was there. Nobody is to wait for a bus on a day on which its service may have been taken out.
    fn single_days(&mut self, source: &mut Source, report: &mut Report) -> Result<bool, SourceError> {
        let required = ["service_id", "date", "exception_type"];
        let file = ("calendar_dates.txt", Need::Optional);
        let mut told = Vec::new();
        let (there, unread) = read_parts(source, file, &required, "service_id", report, |row| {
            let (name, kind) = (row.need("service_id")?, row.text("exception_type"));
            let date = match row.date("date") {
                Ok(date) => date,
                // It would run on a day more; all others are as they are.
                Err(problem) if kind == "1" => {
                    told.push(problem);
                    return Ok(());
                }
                Err(problem) => return Err(problem),
            };
            let service = self.services.entry(name.to_owned()).or_default();
            match kind {
                "1" => service.added.push(date),
                "2" => service.removed.push(date),
                text => {
                    service.removed.push(date);
                    let text = format!(
                        "{text:?} is not 1 (added) or 2 (removed): service {name} does not run on {date}"
                    );
                    told.push(row.problem(Kind::BadValue, "exception_type", text));
                }
            }
            Ok(())
        })?;
        told.into_iter().for_each(|problem| report.add(problem));
        for (name, line) in unread {
            let what = match self.services.get_mut(&name) {
                Some(service) => {
                    *service = Service::default();
                    format!(
                        "it cannot be read on which day service {name} does not run, so it would run on none"
                    )
                }
                None => "it cannot be read which service does not run on which day".to_owned(),
            };
            let text = format!("{what}; correct this row, or delete it if it takes out no day");
            report.add(Problem::row(Kind::UnreadDay, file.0, line, "", text));
        }
        Ok(there)
    }

    fn shapes(&mut self, source: &mut Source, report: &mut Report) -> Result<(), SourceError> {
        let required = ["shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence"];
        read(source, ("shapes.txt", Need::Optional), &required, report, |row| {
            let point = (row.number("shape_pt_sequence")?, row.position("shape_pt_lat", "shape_pt_lon")?);
            self.shapes.entry(row.need("shape_id")?.to_owned()).or_default().push(point);
            Ok(())
        })?;
        for points in self.shapes.values_mut() {
            points.sort_by_key(|(sequence, _)| *sequence);
        }
        Ok(())
    }

    fn trips(&mut self, source: &mut Source, report: &mut Report) -> Result<(), SourceError> {
        let required = ["route_id", "service_id", "trip_id"];
        read(source, ("trips.txt", Need::Required), &required, report, |row| {
            let id = TripId::from(row.need("trip_id")?);
            let direction = match row.text("direction_id") {
                "" => None,
                "0" => Some(0),
                "1" => Some(1),
                text => {
                    return Err(row.problem(
                        Kind::BadValue,
                        "direction_id",
                        format!("{text:?} is not 0 or 1"),
                    ));
                }
            };
            if self.trip_by_id.contains_key(&id) {
                return Err(row.problem(Kind::Duplicate, "trip_id", format!("trip {id} is there already")));
            }
            let (service, route) = (row.need("service_id")?.to_owned(), row.need("route_id")?);
            if !self.services.contains_key(&service) {
                let text = format!("service {service} is in no calendar");
                return Err(row.problem(Kind::UnknownReference, "service_id", text));
            }
            self.trip_by_id.insert(id.clone(), self.trips.len());
            self.trips.push(TripRow {
                line: row.line,
                id,
                route: RouteId::from(route),
                service,
                headsign: row.text("trip_headsign").to_owned(),
                direction,
                block: Some(row.text("block_id")).filter(|b| !b.is_empty()).map(BlockId::from),
                shape: row.text("shape_id").to_owned(),
                calls: Vec::new(),
                frequencies: Vec::new(),
                broken: false,
            });
            Ok(())
        })?;
        Ok(())
    }

    fn calls(&mut self, source: &mut Source, report: &mut Report) -> Result<(), SourceError> {
        let stop_by_id: HashMap<&str, usize> =
            self.stops.iter().enumerate().map(|(i, s)| (s.id.as_str(), i)).collect();
        let required = ["trip_id", "stop_id", "stop_sequence", "arrival_time", "departure_time"];
        let file = ("stop_times.txt", Need::Required);
        let (_, broken) = read_parts(source, file, &required, "trip_id", report, |row| {
            let id = TripId::from(row.need("trip_id")?);
            let Some(trip) = self.trip_by_id.get(&id) else {
                return Err(row.problem(Kind::UnknownReference, "trip_id", format!("no usable trip {id}")));
            };
            let stop_id = row.need("stop_id")?;
            let stop = *stop_by_id.get(stop_id).ok_or_else(|| {
                row.problem(Kind::UnknownReference, "stop_id", format!("no usable stop {stop_id}"))
            })?;
            let (arrive_s, depart_s) = (row.time("arrival_time")?, row.time("departure_time")?);
            self.trips[*trip].calls.push(CallRow {
                line: row.line,
                sequence: row.number("stop_sequence")?,
                stop,
                arrive_s: arrive_s.or(depart_s),
                depart_s: depart_s.or(arrive_s),
                timepoint: row.text("timepoint") == "1",
                // Who has to call the operator or wave to the driver (2, 3) may get on all the same.
                may_board: row.text("pickup_type") != "1",
            });
            Ok(())
        })?;
        for (trip, line) in places(&self.trip_by_id, broken) {
            // A trip with a hole in it would be wrong about its stops: it goes as a whole.
            let trip = &mut self.trips[trip];
            trip.broken = true;
            let text = format!("a row of it cannot be used; trip {} is left out", trip.id);
            report.add(Problem::row(Kind::BadRow, file.0, line, "trip_id", text));
        }
        Ok(())
    }

    fn frequencies(&mut self, source: &mut Source, report: &mut Report) -> Result<(), SourceError> {
        let required = ["trip_id", "start_time", "end_time", "headway_secs"];
        let file = ("frequencies.txt", Need::Optional);
        let (_, broken) = read_parts(source, file, &required, "trip_id", report, |row| {
            let id = TripId::from(row.need("trip_id")?);
            let Some(trip) = self.trip_by_id.get(&id) else {
                return Err(row.problem(Kind::UnknownReference, "trip_id", format!("no usable trip {id}")));
            };
            let (more, all) = (frequency(row)?, &mut self.trips[*trip].frequencies);
            if let Some(same) = all.iter_mut().find(|f| f.start_s == more.start_s) {
                // Of two that say the same, one longer than the other, the longer holds.
                if (same.headway_s, same.exact) == (more.headway_s, more.exact) {
                    same.end_s = same.end_s.max(more.end_s);
                }
                let text = format!("trip {id} is repeated from there on already");
                return Err(row.problem(Kind::Duplicate, "start_time", text));
            }
            all.push(more);
            Ok(())
        })?;
        for (trip, line) in places(&self.trip_by_id, broken) {
            let trip = &mut self.trips[trip];
            if trip.frequencies.is_empty() {
                // Its times only say how long it takes: without a start it would be run once, as they stand, and often at midnight.
                trip.broken = true;
                let text = format!("none of its starts can be used; trip {} is left out", trip.id);
                report.add(Problem::row(Kind::BadValue, file.0, line, "trip_id", text));
            }
        }
        Ok(())
    }
}

/// Trips that are there, by their places in the list, with the lines that are given with their names.
fn places(trip_by_id: &HashMap<TripId, usize>, line_by_name: BTreeMap<String, u64>) -> BTreeMap<usize, u64> {
    let place = |(name, line): (String, u64)| Some((*trip_by_id.get(&TripId(name))?, line));
    line_by_name.into_iter().filter_map(place).collect()
}

/// No buses of a line follow each other so closely. It is minutes that were written then, and thousands of runs a day would be made of them.
const HEADWAY_MIN_S: i32 = 30;

fn frequency(row: &Row<'_>) -> Result<Frequency, Problem> {
    let empty = |column| row.problem(Kind::BadValue, column, "is empty");
    let start_s = row.time("start_time")?.ok_or_else(|| empty("start_time"))?;
    let end_s = row.time("end_time")?.ok_or_else(|| empty("end_time"))?;
    let headway_s: i32 = row.number("headway_secs")?;
    if headway_s <= 0 || end_s <= start_s {
        let text = "a repeated trip needs a headway above 0 and an end after its start";
        return Err(row.problem(Kind::BadValue, "headway_secs", text));
    }
    if headway_s < HEADWAY_MIN_S {
        let text = format!("a bus every {headway_s} seconds: are these minutes?");
        return Err(row.problem(Kind::BadValue, "headway_secs", text));
    }
    Ok(Frequency { start_s, end_s, headway_s, exact: row.text("exact_times") == "1" })
}

fn once(seen: &mut HashMap<String, u64>, id: &str, row: &Row<'_>, column: &str) -> Result<(), Problem> {
    match seen.insert(id.to_owned(), row.line) {
        None => Ok(()),
        Some(line) => {
            Err(row.problem(Kind::Duplicate, column, format!("{id} is there already, in line {line}")))
        }
    }
}
