//! UFMS messages that are no positions: vehicles, drivers, companies, tickets.

use hardware_ports::sink::Statement;
use models_domain::UtcMillis;

use super::words::BaseMessage;

/// `None` for positions.
pub(super) fn statement(message: &BaseMessage, bytes: &[u8], received: UtcMillis) -> Option<Statement> {
    let kind = message.kind().ok()?.name();
    let mut facts = Facts(Vec::new());
    if let Some(m) = &message.reg_vehicle {
        facts.add("vehicle", &m.vehicle).add("vehicle_type", m.vehicle_type).add("driver", &m.driver);
        facts.add("company", &m.company).maybe("device_model_no", m.device_model_no.as_ref());
        facts.maybe("device_model", m.device_model.as_ref()).maybe("device_id", m.device_id.as_ref());
        facts
            .maybe("sim", m.sim.as_ref())
            .maybe("datetime", m.datetime.as_ref())
            .maybe("vin", m.vin.as_ref());
    } else if let Some(m) = &message.reg_driver {
        facts.add("driver", &m.driver).maybe("name", m.name.as_ref());
        facts.maybe("datetime_issue", m.datetime_issue.as_ref());
        facts.maybe("datetime_expire", m.datetime_expire.as_ref());
        facts.maybe("reg_place", m.reg_place.as_ref()).maybe("license", m.license.as_ref());
    } else if let Some(m) = &message.reg_company {
        facts.add("company", &m.company).maybe("name", m.name.as_ref());
        facts.maybe("address", m.address.as_ref()).maybe("tel", m.tel.as_ref());
    } else if let Some(m) = &message.bus_ticket_point {
        facts.add("vehicle", &m.vehicle).add("route_code", &m.route_code).add("datetime", m.datetime);
        facts.add("x", m.x).add("y", m.y).add("station_name", &m.station_name);
        facts.add("ticket_type", m.ticket_type).add("fare", m.fare).add("series", &m.series);
    } else if let Some(m) = &message.bus_ticket_start_end_point {
        facts.add("vehicle", &m.vehicle).add("route_code", &m.route_code).add("datetime", m.datetime);
        facts.add("x", m.x).add("y", m.y).add("station_name", &m.station_name);
        facts.add("trip_no", m.trip_no).add("point_type", m.point_type);
        for ticket in &m.tickets {
            let sold = format!("{} of type {}, series {}", ticket.total, ticket.ticket_type, ticket.series);
            facts.add("tickets", sold);
        }
    } else {
        return None;
    }
    Some(Statement { received, kind, facts: facts.0, message: bytes.to_vec() })
}

struct Facts(Vec<(&'static str, String)>);

impl Facts {
    fn add(&mut self, name: &'static str, value: impl ToString) -> &mut Self {
        self.0.push((name, value.to_string()));
        self
    }

    fn maybe(&mut self, name: &'static str, value: Option<&impl ToString>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value.to_string());
        }
        self
    }
}
