//! The hall's values <-> protobuf.

use control_center_core::city::{Camera, CameraInfo, Gateway, GatewayState, Junction, JunctionInfo, Vehicle};
use control_center_store::OrderRow;
use models_domain::UtcMillis;
use models_domain::event::LinkState;
use models_domain::geo::{LatLon, Point};
use models_domain::scene::{Line, Zone};
use models_domain::signal::SignalAlarm;
use models_wire::convert::BadMessage;
use models_wire::convert::alarm::{aggregated_from_wire, aggregated_to_wire, alarm_from_wire, alarm_to_wire};
use models_wire::convert::effort::{effort_from_wire, effort_to_wire};
use models_wire::convert::event::{fix_to_wire, link_from_wire, link_to_wire};
use models_wire::convert::signal::{
    changes_from_wire, changes_to_wire, layout_from_wire, now_from_wire, now_to_wire, wanted_to_wire,
};
use models_wire::v1;

pub fn gateway(gateway: &Gateway) -> v1::GatewayNow {
    v1::GatewayNow {
        gateway: gateway.id.to_string(),
        alive: gateway.alive,
        last_heard_ms: gateway.last_heard.0,
        waiting_events: gateway.waiting,
        claims: gateway.claims.clone(),
        keeps_nothing: gateway.keeps_nothing,
    }
}

pub fn camera(camera: &Camera) -> v1::CameraNow {
    let info = &camera.info;
    let line = |l: &Line| v1::SceneLine {
        line: l.id.to_string(),
        ax: l.a.x as f32,
        ay: l.a.y as f32,
        bx: l.b.x as f32,
        by: l.b.y as f32,
    };
    let zone = |z: &Zone| v1::SceneZone {
        zone: z.id.to_string(),
        corners: z.polygon.iter().flat_map(|p| [p.x as f32, p.y as f32]).collect(),
    };
    let info = v1::CameraInfo {
        camera: info.id.to_string(),
        name: info.name.clone(),
        position: info.position.map(position),
        width: info.size.0,
        height: info.size.1,
        lines: info.lines.iter().map(line).collect(),
        zones: info.zones.iter().map(zone).collect(),
        link: link_to_wire(info.state.link).into(),
        reason: info.state.reason.clone(),
        fps: info.fps,
        effort: info.effort.as_ref().map(effort_to_wire),
    };
    v1::CameraNow { gateway: camera.gateway.to_string(), info: Some(info) }
}

pub fn junction(junction: &Junction) -> v1::JunctionNow {
    let info = &junction.info;
    v1::JunctionNow {
        gateway: junction.gateway.to_string(),
        info: Some(v1::JunctionInfo {
            junction: info.id.to_string(),
            name: info.name.clone(),
            position: info.position.map(position),
            link: link_to_wire(info.state.link).into(),
            reason: info.state.reason.clone(),
            groups: info.groups.clone(),
            now: Some(signal_now(info)),
            layout: None,
            changes: changes_to_wire(&info.changes),
            alarms: None,
            aggregated: info.aggregated.as_ref().map(aggregated_to_wire),
        }),
        since_ms: junction.since.0,
        group_since_ms: junction.seen.groups().iter().map(|group| group.since.0).collect(),
        active_alarms: junction.listed_alarms().map(|a| alarm_to_wire(info.id.as_str(), a)).collect(),
        stage: junction.stage,
    }
}

pub fn signal_now(info: &JunctionInfo) -> v1::SignalNow {
    v1::SignalNow { order: info.order, ending: info.ending.clone(), ..now_to_wire(&info.now) }
}

pub fn vehicle(vehicle: &Vehicle) -> v1::Vehicle {
    v1::Vehicle { gateway: vehicle.gateway.to_string(), fix: Some(fix_to_wire(&vehicle.fix)) }
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn state(state: v1::GatewayState) -> Result<GatewayState, BadMessage> {
    Ok(GatewayState {
        at: UtcMillis(state.at_ms),
        waiting: state.waiting_events,
        keeps_nothing: state.keeps_nothing,
        cameras: state.cameras.into_iter().map(camera_info).collect::<Result<_, _>>()?,
        junctions: state.junctions.into_iter().map(junction_info).collect::<Result<_, _>>()?,
    })
}

fn camera_info(m: v1::CameraInfo) -> Result<CameraInfo, BadMessage> {
    let point = |x: f32, y: f32| Point::new(f64::from(x), f64::from(y));
    let line = |l: v1::SceneLine| {
        let id = l.line.parse().map_err(|e| BadMessage::new("lines.line", e))?;
        Ok(Line { id, a: point(l.ax, l.ay), b: point(l.bx, l.by) })
    };
    let zone = |z: v1::SceneZone| {
        let id = z.zone.parse().map_err(|e| BadMessage::new("zones.zone", e))?;
        let polygon = z.corners.chunks_exact(2).map(|c| point(c[0], c[1])).collect();
        Ok(Zone { id, polygon })
    };
    Ok(CameraInfo {
        id: m.camera.parse().map_err(|e| BadMessage::new("cameras.camera", e))?,
        name: m.name,
        position: place("cameras.position", m.position)?,
        size: (m.width, m.height),
        lines: m.lines.into_iter().map(line).collect::<Result<_, BadMessage>>()?,
        zones: m.zones.into_iter().map(zone).collect::<Result<_, BadMessage>>()?,
        state: LinkState { link: link_from_wire("cameras.link", m.link)?, reason: m.reason },
        fps: m.fps,
        effort: m.effort.as_ref().map(effort_from_wire).transpose()?,
    })
}

fn junction_info(m: v1::JunctionInfo) -> Result<JunctionInfo, BadMessage> {
    Ok(JunctionInfo {
        id: m.junction.parse().map_err(|e| BadMessage::new("junctions.junction", e))?,
        name: m.name,
        position: place("junctions.position", m.position)?,
        state: LinkState { link: link_from_wire("junctions.link", m.link)?, reason: m.reason },
        groups: m.groups,
        changes: changes_from_wire(&m.changes),
        now: m.now.as_ref().map(now_from_wire).transpose()?.unwrap_or_default(),
        aggregated: m.aggregated.map(aggregated_from_wire),
        order: m.now.as_ref().map_or(0, |now| now.order),
        ending: m.now.map(|now| now.ending).unwrap_or_default(),
        can: layout_from_wire(m.layout.as_ref())?,
        handles_alarms: m.alarms.as_ref().is_some_and(|alarms| alarms.can_be_handled),
        alarms: m.alarms.map(alarms).transpose()?,
    })
}

fn alarms(m: v1::JunctionAlarms) -> Result<Vec<SignalAlarm>, BadMessage> {
    m.alarms.into_iter().map(alarm_from_wire).collect()
}

fn position(p: LatLon) -> v1::Position {
    v1::Position { lat: p.lat.0, lon: p.lon.0 }
}

fn place(field: &'static str, p: Option<v1::Position>) -> Result<Option<LatLon>, BadMessage> {
    let Some(p) = p else { return Ok(None) };
    let place = LatLon::new(p.lat, p.lon);
    if place.is_sane() {
        Ok(Some(place))
    } else {
        Err(BadMessage::new(field, format!("{}, {} is not on the earth", p.lat, p.lon)))
    }
}

/// An order as the store has it; whether the caller may decide it is said elsewhere.
pub fn order_row(row: &OrderRow) -> v1::SignalOrderRow {
    let OrderRow { id, order, asked, approved_by, sent, ends, state, detail, state_at, .. } = row;
    v1::SignalOrderRow {
        id: *id,
        junction: order.junction.to_string(),
        wanted: Some(wanted_to_wire(&order.wanted)),
        hold_ms: order.hold.0,
        purpose: order.purpose.clone(),
        asked_by: order.asked_by.clone(),
        asked_ms: asked.0,
        approved_by: approved_by.clone().unwrap_or_default(),
        sent_ms: sent.map_or(0, |at| at.0),
        ends_ms: ends.map_or(0, |at| at.0),
        state: state.clone(),
        detail: detail.clone(),
        state_ms: state_at.0,
        may_decide: false,
    }
}
