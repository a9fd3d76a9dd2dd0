//! Reads GTFS timetables: a zip or a folder in, `models-domain`'s timetable and a report of what is wrong out.
//!
//! A bad row never ends an import: it is named by file, line and column, and the rest is read. That is why the rows are
//! read here and not by a library that gives up a file at its first bad row.
//!
//! Suggested reading order: `read`, `rows`, `build`; `report`; `zone`; `feeds` (operators and versions).

mod along;
mod build;
pub mod feeds;
pub mod report;
mod rows;
pub mod source;
mod table;
pub mod zone;

use std::sync::Arc;

use models_domain::transit::timetable::Timetable;
use time::Date;

use report::{Kind, Problem, Report};
pub use source::{Source, SourceError};
pub use zone::Zone;

/// Hours by which a zone may differ from the sun: China's one zone is off by three.
const SUN_HOURS_MAX: f64 = 3.5;

/// A timetable with the zone that its times are in.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    pub timetable: Arc<Timetable>,
    pub zone: Zone,
}

/// Reads a feed. `zone` from our configuration wins over the feed's own `agency_timezone`.
/// The feed is `None` when the report holds something fatal. Where it [`Report::is_refused`], the feed is not to be imported anew.
///
/// # Errors
/// When the source itself cannot be read.
pub fn read(source: &mut Source, zone: Option<&str>) -> Result<(Option<Feed>, Report), SourceError> {
    let mut report = Report::default();
    let rows = rows::Rows::read(source, &mut report)?;
    let said = rows.zone.clone().unwrap_or_default();
    let name = zone.unwrap_or(&said).to_owned();
    let zone_wins = zone.is_some();
    let zone = Zone::new(&name);
    if let Err(err) = &zone {
        report.add(Problem::file(Kind::UnknownZone, "agency.txt", err.to_string()));
    }
    let timetable = build::build(rows, &mut report);
    report.zone = name;
    sum_up(&timetable, &mut report);
    let Ok(zone) = zone else { return Ok((None, report)) };
    check_zone(&timetable, &zone, zone_wins, &mut report);
    check_use(&timetable, &mut report);
    if timetable.trips.is_empty() {
        let text = "no trip can be used: nothing would run";
        report.add(Problem::file(Kind::NoTrips, "trips.txt", text));
    }
    if report.is_fatal() {
        return Ok((None, report));
    }
    Ok((Some(Feed { timetable: Arc::new(timetable), zone }), report))
}

fn sum_up(timetable: &Timetable, report: &mut Report) {
    report.agencies = timetable.agencies.len();
    report.routes = timetable.routes.len();
    report.stops = timetable.stops.len();
    report.trips = timetable.trips.len();
    report.patterns = timetable.patterns.len();
    if let Some((first, last)) = extent(timetable) {
        (report.first_day, report.last_day) = (Some(first.to_string()), Some(last.to_string()));
    }
}

/// The first and the last day on which a trip of the timetable may run.
pub fn extent(timetable: &Timetable) -> Option<(Date, Date)> {
    let days = timetable.services_by_id.values().filter_map(|s| s.extent());
    days.reduce(|(a, b), (from, to)| (a.min(from), b.max(to)))
}

fn check_zone(timetable: &Timetable, zone: &Zone, zone_wins: bool, report: &mut Report) {
    let (Some(stop), Some((day, _))) = (timetable.stops.first(), extent(timetable)) else { return };
    let off = zone.hours_off_the_sun(day, stop.position.lon.0);
    if off.abs() > SUN_HOURS_MAX {
        let (name, lon) = (&report.zone, stop.position.lon.0);
        let who = if zone_wins { "the configured zone" } else { "agency_timezone" };
        let text = format!(
            "{who} {name} is {:.0} hours off the sun at longitude {lon:.2}: every time would be wrong by that; \
             set the feed's zone in the configuration, or with --zone",
            off.abs()
        );
        report.add(Problem::row(Kind::SuspiciousZone, "agency.txt", 2, "agency_timezone", text));
    }
}

fn check_use(timetable: &Timetable, report: &mut Report) {
    let mut used = vec![false; timetable.routes.len()];
    let mut halts = vec![false; timetable.stops.len()];
    let mut services = std::collections::BTreeMap::new();
    for trip in &timetable.trips {
        let pattern = &timetable.patterns[trip.pattern];
        used[pattern.route] = true;
        pattern.stops.iter().for_each(|s| halts[s.stop] = true);
        services.insert(trip.service.as_str(), ());
    }
    for (route, _) in timetable.routes.iter().zip(&used).filter(|(_, used)| !**used) {
        let text = format!("no usable trip of route {}", route.id);
        report.add(Problem::file(Kind::Unused, "routes.txt", text));
    }
    for (stop, _) in timetable.stops.iter().zip(&halts).filter(|(_, used)| !**used) {
        report.add(Problem::file(Kind::Unused, "stops.txt", format!("no bus halts at stop {}", stop.id)));
    }
    for (id, service) in &timetable.services_by_id {
        if services.contains_key(id.as_str()) && service.extent().is_none() {
            report.add(Problem::file(
                Kind::NeverRuns,
                "calendar.txt",
                format!("service {id} runs on no day"),
            ));
        }
    }
}
