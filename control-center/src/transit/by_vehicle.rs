//! Days by vehicle: what of each was rejected, passed and too fast, also where nobody knows its run. What of that is in no operator's
//! figures is a row of its own among the operators'.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use axum::body::Bytes;
use control_center_store::{BusEventFilter, BusEventRow, HeardRow, Span};
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::{UtcMillis, VehicleId};
use models_wire::v1;
use serde::Serialize;

use super::history::harmless;
use super::reports::{Asked, EVENTS_MAX};
use crate::hall::Hall;

/// One vehicle on one buses' day.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct VehicleDay {
    pub day: String,
    pub vehicle: String,
    /// Received on that day and not believed.
    pub positions_rejected: u32,
    /// Stops of runs.
    pub passings: u32,
    pub overspeeds: u32,
    pub overspeed_kmh_max: f64,
    /// Of the overspeeds those in which no run is known of it.
    pub overspeeds_off_runs: u32,
    pub overspeed_off_runs_kmh_max: f64,
}

/// What is in operators' figures, and so not counted again among what is in none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Taken {
    pub vehicles_by_day: BTreeMap<String, BTreeSet<String>>,
    /// Whose, and when each began.
    pub overspeeds: BTreeSet<(VehicleId, UtcMillis)>,
}

/// The days that are asked for, whatever the operator, in the order of days and vehicles, with a row for each day on which something is
/// in no operator's figures. Stops are counted up to `most` of each vehicle and day.
///
/// # Errors
/// When the store cannot be read.
pub async fn days(
    hall: &Hall,
    asked: &Asked,
    most: u32,
    taken: &Taken,
) -> anyhow::Result<(Vec<VehicleDay>, Vec<v1::RouteDay>)> {
    let planned = hall.transit.planned();
    let (mut all, mut rows) = (Vec::new(), Vec::new());
    let Some(today) = planned.date(hall.clock.now()) else { return Ok((all, rows)) };
    let (from, to) = asked.days.unwrap_or((today, today));
    let mut date = Some(from);
    while let Some(day) = date.filter(|day| *day <= to) {
        date = day.next_day();
        let Some(span) = planned.span(day) else { continue };
        let heard = hall.store.heard(span, most).await?;
        let rejected = hall.store.rejected_by_vehicle(span).await?;
        let speeding = hall.store.bus_events(&speeding_in(span), EVENTS_MAX).await?;
        let day = day.to_string();
        let vehicles = gather(&day, heard, rejected, &speeding);
        rows.extend(off_runs(&day, &vehicles, &speeding, taken));
        all.extend(vehicles);
    }
    Ok((all, rows))
}

fn speeding_in(span: Span) -> BusEventFilter {
    BusEventFilter {
        span: Some((span.from, span.to)),
        finding: Some(Finding::Overspeed),
        ..BusEventFilter::default()
    }
}

fn gather(
    day: &str,
    heard: Vec<HeardRow>,
    rejected: BTreeMap<String, u32>,
    speeding: &[BusEventRow],
) -> Vec<VehicleDay> {
    let mut all: BTreeMap<String, VehicleDay> = BTreeMap::new();
    for HeardRow { vehicle, passings } in heard {
        all.entry(vehicle).or_default().passings = passings;
    }
    for (vehicle, reports) in rejected {
        all.entry(vehicle).or_default().positions_rejected = reports;
    }
    for BusEventRow { event, line, .. } in speeding {
        let Some(vehicle) = &event.vehicle else { continue };
        let (one, kmh) = (all.entry(vehicle.to_string()).or_default(), event.value.unwrap_or_default());
        one.overspeeds += 1;
        one.overspeed_kmh_max = one.overspeed_kmh_max.max(kmh);
        if line.is_none() {
            one.overspeeds_off_runs += 1;
            one.overspeed_off_runs_kmh_max = one.overspeed_off_runs_kmh_max.max(kmh);
        }
    }
    let named = |(vehicle, one)| VehicleDay { day: day.to_owned(), vehicle, ..one };
    all.into_iter().map(named).collect()
}

/// What of a day is in no operator's figures: speeding, the vehicles that passed no stop, and what of theirs was rejected; `None` where
/// there is nothing. It has no feed, no operator and no route. A bus on a run of the day before passes stops after the day has turned.
fn off_runs(
    day: &str,
    vehicles: &[VehicleDay],
    speeding: &[BusEventRow],
    taken: &Taken,
) -> Option<v1::RouteDay> {
    let on_runs = taken.vehicles_by_day.get(day);
    let is_on_runs = |one: &VehicleDay| on_runs.is_some_and(|vehicles| vehicles.contains(&one.vehicle));
    let idle: Vec<&VehicleDay> =
        vehicles.iter().filter(|one| one.passings == 0 && !is_on_runs(one)).collect();
    let is_taken = |event: &TransitEvent| {
        let of = event.vehicle.clone().map(|vehicle| (vehicle, event.began));
        of.is_none_or(|of| taken.overspeeds.contains(&of))
    };
    let fast: Vec<&TransitEvent> =
        speeding.iter().map(|row| &row.event).filter(|event| !is_taken(event)).collect();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let row = v1::RouteDay {
        overspeeds: count(fast.len()),
        overspeed_kmh_max: fast.iter().filter_map(|event| event.value).fold(0.0, f64::max),
        vehicles: count(idle.len()),
        positions_rejected: idle.iter().map(|one| one.positions_rejected).sum(),
        ..v1::RouteDay::default()
    };
    (row != v1::RouteDay::default()).then(|| v1::RouteDay { day: day.to_owned(), ..row })
}

/// # Errors
/// When the library refuses a row.
pub fn csv(days: &[VehicleDay]) -> anyhow::Result<Bytes> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for one in days {
        let vehicle = harmless(&one.vehicle).into_owned();
        writer.serialize(VehicleDay { vehicle, ..one.clone() }).context("writing a row")?;
    }
    Ok(writer.into_inner().context("writing rows")?.into())
}

#[cfg(test)]
mod tests {
    use models_domain::event::Phase;
    use models_domain::transit::headway::Line;

    use super::*;

    fn fast(vehicle: &str, began_s: i64, kmh: f64, on_run: bool) -> BusEventRow {
        let event = TransitEvent {
            finding: Finding::Overspeed,
            phase: Phase::Ended,
            began: UtcMillis(began_s * 1_000),
            at: UtcMillis(began_s * 1_000 + 20_000),
            vehicle: Some(vehicle.parse().unwrap()),
            place: None,
            run: None,
            stop: None,
            value: Some(kmh),
        };
        let line = on_run.then(|| Line { feed: "xe".into(), route: "32".into(), direction: None });
        BusEventRow { ended: Some(event.at), event, line }
    }

    fn heard(vehicle: &str, passings: u32) -> HeardRow {
        HeardRow { vehicle: vehicle.to_owned(), passings }
    }

    const DAY: &str = "2026-03-02";

    #[test]
    fn what_is_of_no_run_is_counted_by_vehicle() {
        let seen = vec![heard("bus-1", 40), heard("spare", 0)];
        let rejected = [("bus-1".to_owned(), 2), ("lost".to_owned(), 7)].into();
        let speeding =
            [fast("bus-1", 0, 71.0, true), fast("bus-1", 60, 66.0, false), fast("spare", 0, 80.5, false)];
        let days = gather(DAY, seen, rejected, &speeding);
        let told: Vec<_> = days
            .iter()
            .map(|v| (&*v.vehicle, v.positions_rejected, v.passings, v.overspeeds, v.overspeeds_off_runs))
            .collect();
        assert_eq!(told, [("bus-1", 2, 40, 2, 1), ("lost", 7, 0, 0, 0), ("spare", 0, 0, 1, 1)]);
        assert_eq!((days[0].overspeed_kmh_max, days[0].overspeed_off_runs_kmh_max), (71.0, 66.0));
    }

    #[test]
    fn what_is_in_no_operators_figures_is_a_row_and_nothing_is_in_both() {
        // One was on runs, one finished a run of the day before, one set out on a run of this day before the day had turned.
        let seen = vec![heard("bus-1", 40), heard("late", 3), heard("early", 0), heard("spare", 0)];
        let rejected = [("bus-1", 2), ("late", 1), ("early", 4), ("lost", 7)];
        let rejected = rejected.map(|(vehicle, n)| (vehicle.to_owned(), n)).into();
        // The second is of a route that does not run on that day.
        let speeding =
            [fast("bus-1", 0, 91.0, true), fast("bus-1", 60, 66.0, true), fast("spare", 0, 80.5, false)];
        let days = gather(DAY, seen, rejected, &speeding);
        let mut taken = Taken::default();
        let on_runs = ["bus-1", "early"].map(str::to_owned).into();
        taken.vehicles_by_day.insert(DAY.to_owned(), on_runs);
        taken.overspeeds.insert(("bus-1".parse().unwrap(), UtcMillis(0)));
        let want = v1::RouteDay {
            day: DAY.to_owned(),
            overspeeds: 2,
            overspeed_kmh_max: 80.5,
            vehicles: 2,
            positions_rejected: 7,
            ..v1::RouteDay::default()
        };
        assert_eq!(off_runs(DAY, &days, &speeding, &taken), Some(want));
        // A day on which all were on runs has no such row.
        let days = gather(DAY, vec![heard("bus-1", 40)], BTreeMap::new(), &speeding[..1]);
        assert_eq!(off_runs(DAY, &days, &speeding[..1], &taken), None);
    }

    #[test]
    fn a_vehicle_in_a_file_is_no_formula() {
        let day = VehicleDay { day: "2026-03-02".into(), vehicle: "=1+1".into(), ..VehicleDay::default() };
        let text = String::from_utf8(csv(&[day]).unwrap().to_vec()).unwrap();
        let head = "day,vehicle,positions_rejected,passings,overspeeds,overspeed_kmh_max,";
        assert!(text.starts_with(head) && text.contains("\n2026-03-02,'=1+1,0,0,0,0.0,0,0.0\n"), "{text}");
    }
}
