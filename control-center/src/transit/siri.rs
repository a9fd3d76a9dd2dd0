//! SIRI 2.0 stop and vehicle monitoring in its JSON form: names are the standard's.

use control_center_gtfs::Zone;
use models_domain::UtcMillis;
use models_domain::transit::timetable::{FeedId, StopId};
use serde_json::{Value, json};

use super::shown::Shown;

/// Next buses of one stop; `None` when there is no such stop.
pub fn stop_monitoring(shown: &Shown, feed: &FeedId, id: &StopId) -> Option<Value> {
    let (zone, stop) = (shown.zone_by_feed.get(feed)?, shown.stops.get(&(feed.clone(), id.clone()))?);
    let visits: Vec<Value> = stop
        .buses
        .iter()
        // How often buses come is no visit of one.
        .filter(|bus| bus.vehicle.is_some() || bus.due.is_some())
        .map(|bus| {
            json!({
                // Of a bus when its progress was measured; of the timetable, which nobody measures, when this was made.
                "RecordedAtTime": time(zone, bus.seen.unwrap_or(shown.at)),
                "MonitoringRef": id.as_str(),
                "MonitoredVehicleJourney": {
                    "LineRef": bus.route_id,
                    "PublishedLineName": bus.route,
                    "DirectionRef": bus.direction.map(|d| d.to_string()),
                    "DestinationName": bus.headsign,
                    "OperatorRef": bus.operator,
                    "FramedVehicleJourneyRef": {
                        "DataFrameRef": bus.date.to_string(),
                        "DatedVehicleJourneyRef": bus.trip,
                    },
                    "OriginAimedDepartureTime": bus.departs.map(|departs| time(zone, departs)),
                    "Monitored": bus.vehicle.is_some(),
                    "VehicleRef": bus.vehicle,
                    "MonitoredCall": {
                        "StopPointRef": id.as_str(),
                        "StopPointName": stop.name,
                        "AimedArrivalTime": bus.due.map(|due| time(zone, due)),
                        "ExpectedArrivalTime": time(zone, bus.at),
                    },
                },
            })
        })
        .collect();
    Some(delivery(zone, shown.at, "StopMonitoringDelivery", "MonitoredStopVisit", visits))
}

/// Every bus on a run; `None` when there is no such operator.
pub fn vehicle_monitoring(shown: &Shown, feed: &FeedId) -> Option<Value> {
    let zone = shown.zone_by_feed.get(feed)?;
    let activities: Vec<Value> = shown
        .buses
        .iter()
        .filter(|bus| bus.feed == *feed)
        .map(|bus| {
            json!({
                "RecordedAtTime": time(zone, bus.at),
                "MonitoredVehicleJourney": {
                    "LineRef": bus.route_id,
                    "DirectionRef": bus.direction.map(|d| d.to_string()),
                    "DestinationName": Some(&bus.headsign).filter(|headsign| !headsign.is_empty()),
                    "OperatorRef": bus.operator,
                    "FramedVehicleJourneyRef": {
                        "DataFrameRef": bus.date.to_string(),
                        "DatedVehicleJourneyRef": bus.trip,
                    },
                    "OriginAimedDepartureTime": bus.departs.map(|departs| time(zone, departs)),
                    "Monitored": true,
                    "VehicleRef": bus.name,
                    "VehicleLocation": { "Longitude": bus.position.lon.0, "Latitude": bus.position.lat.0 },
                    "Bearing": bus.course.map(|c| c.0),
                    "Delay": bus.late.map(|late| delay(late.0 / 1000)),
                    "MonitoredCall": bus.next.as_ref().map(|next| json!({
                        "StopPointRef": next.stop.as_str(),
                        "StopPointName": next.name,
                        "AimedArrivalTime": next.due.map(|due| time(zone, due)),
                        "ExpectedArrivalTime": next.at.map(|at| time(zone, at)),
                    })),
                },
            })
        })
        .collect();
    Some(delivery(zone, shown.at, "VehicleMonitoringDelivery", "VehicleActivity", activities))
}

fn delivery(zone: &Zone, at: UtcMillis, kind: &str, of: &str, list: Vec<Value>) -> Value {
    let inner = json!({ "ResponseTimestamp": time(zone, at), of: list });
    json!({ "Siri": { "ServiceDelivery": { "ResponseTimestamp": time(zone, at), kind: [inner] } } })
}

fn time(zone: &Zone, at: UtcMillis) -> String {
    zone.iso(at)
}

/// ISO 8601 duration.
fn delay(seconds: i64) -> String {
    if seconds < 0 { format!("-PT{}S", -seconds) } else { format!("PT{seconds}S") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!((delay(-75), delay(0), delay(600)), ("-PT75S".into(), "PT0S".into(), "PT600S".into()));
    }
}
