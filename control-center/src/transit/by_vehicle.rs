//! Days by vehicle: what of each was rejected, passed and too fast, also where nobody knows its run. What of that is in no operator's
//! figures is a row of its own among the operators'.

use std::collections::BTreeMap;

use anyhow::Context;
use axum::body::Bytes;
use control_center_store::{BusEventFilter, BusEventRow, HeardRow, Span};
use models_domain::transit::finding::Finding;
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
    /// Of the overspeeds those in which no run is known of it: they are in no route's figures.
    pub overspeeds_off_runs: u32,
    pub overspeed_off_runs_kmh_max: f64,
}

/// The days that are asked for, whatever the operator, in the order of days and vehicles. Stops are counted up to `most` of each
/// vehicle and day.
///
/// # Errors
/// When the store cannot be read.
pub async fn days(hall: &Hall, asked: &Asked, most: u32) -> anyhow::Result<Vec<VehicleDay>> {
    let planned = hall.transit.planned();
    let Some(today) = planned.date(hall.clock.now()) else { return Ok(Vec::new()) };
    let (from, to) = asked.days.unwrap_or((today, today));
    let (mut all, mut date) = (Vec::new(), Some(from));
    while let Some(day) = date.filter(|day| *day <= to) {
        date = day.next_day();
        let Some(span) = planned.span(day) else { continue };
        let heard = hall.store.heard(span, most).await?;
        let rejected = hall.store.rejected_by_vehicle(span).await?;
        let speeding = hall.store.bus_events(&speeding_in(span), EVENTS_MAX).await?;
        all.extend(gather(&day.to_string(), heard, rejected, &speeding));
    }
    Ok(all)
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

/// A row for each day on which something is in no operator's figures: speeding off runs, the vehicles that passed no stop, and what of
/// theirs was rejected. It has no feed, no operator and no route.
pub fn off_runs(days: &[VehicleDay]) -> Vec<v1::RouteDay> {
    let by_day = days.chunk_by(|one, next| one.day == next.day);
    let rows = by_day.filter_map(|vehicles| {
        let idle = vehicles.iter().filter(|one| one.passings == 0);
        let fastest = vehicles.iter().map(|one| one.overspeed_off_runs_kmh_max).fold(0.0, f64::max);
        let row = v1::RouteDay {
            overspeeds: vehicles.iter().map(|one| one.overspeeds_off_runs).sum(),
            overspeed_kmh_max: fastest,
            vehicles: u32::try_from(idle.clone().count()).unwrap_or(u32::MAX),
            positions_rejected: idle.map(|one| one.positions_rejected).sum(),
            ..v1::RouteDay::default()
        };
        let day = vehicles.first()?.day.clone();
        (row != v1::RouteDay::default()).then_some(v1::RouteDay { day, ..row })
    });
    rows.collect()
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
    use models_domain::UtcMillis;
    use models_domain::event::Phase;
    use models_domain::transit::finding::TransitEvent;
    use models_domain::transit::headway::Line;

    use super::*;

    fn fast(vehicle: &str, kmh: f64, on_run: bool) -> BusEventRow {
        let event = TransitEvent {
            finding: Finding::Overspeed,
            phase: Phase::Ended,
            began: UtcMillis(0),
            at: UtcMillis(20_000),
            vehicle: Some(vehicle.parse().unwrap()),
            place: None,
            run: None,
            stop: None,
            value: Some(kmh),
        };
        let line = on_run.then(|| Line { feed: "xe".into(), route: "32".into(), direction: None });
        BusEventRow { event, line, ended: Some(UtcMillis(20_000)) }
    }

    fn heard(vehicle: &str, passings: u32) -> HeardRow {
        HeardRow { vehicle: vehicle.to_owned(), passings }
    }

    #[test]
    fn what_is_of_no_run_is_counted_by_vehicle_and_for_the_day() {
        let seen = vec![heard("bus-1", 40), heard("spare", 0)];
        let rejected = [("bus-1".to_owned(), 2), ("lost".to_owned(), 7)].into();
        let speeding = [fast("bus-1", 71.0, true), fast("bus-1", 66.0, false), fast("spare", 80.5, false)];
        let mut days = gather("2026-03-02", seen, rejected, &speeding);
        let told: Vec<_> = days
            .iter()
            .map(|v| (&*v.vehicle, v.positions_rejected, v.passings, v.overspeeds, v.overspeeds_off_runs))
            .collect();
        assert_eq!(told, [("bus-1", 2, 40, 2, 1), ("lost", 7, 0, 0, 0), ("spare", 0, 0, 1, 1)]);
        assert_eq!((days[0].overspeed_kmh_max, days[0].overspeed_off_runs_kmh_max), (71.0, 66.0));
        // A day on which all were on runs has no such row.
        days.extend(gather("2026-03-03", vec![heard("bus-1", 40)], BTreeMap::new(), &speeding[..1]));
        let want = v1::RouteDay {
            day: "2026-03-02".to_owned(),
            overspeeds: 2,
            overspeed_kmh_max: 80.5,
            vehicles: 2,
            positions_rejected: 7,
            ..v1::RouteDay::default()
        };
        assert_eq!(off_runs(&days), [want]);
    }

    #[test]
    fn a_vehicle_in_a_file_is_no_formula() {
        let day = VehicleDay { day: "2026-03-02".into(), vehicle: "=1+1".into(), ..VehicleDay::default() };
        let text = String::from_utf8(csv(&[day]).unwrap().to_vec()).unwrap();
        let head = "day,vehicle,positions_rejected,passings,overspeeds,overspeed_kmh_max,";
        assert!(text.starts_with(head) && text.contains("\n2026-03-02,'=1+1,0,0,0,0.0,0,0.0\n"), "{text}");
    }
}
