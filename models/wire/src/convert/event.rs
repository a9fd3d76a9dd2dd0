//! `Event` <-> `ngatu.v1.Event`.

use models_domain::count::{Direction, LineCrossing};
use models_domain::event::{CameraStats, Link, LinkState, RuleEvent};
use models_domain::geo::LatLon;
use models_domain::signal::GroupStates;
use models_domain::transit::assign::SignOn;
use models_domain::transit::{Fix, Told};
use models_domain::{
    BBox, CameraId, Class, Degrees, DurationMs, Event, EventBody, EventId, Meters, MetersPerSecond, Seq,
    TrackId, UtcMillis,
};

use super::alarm::{alarm_from_wire, alarm_to_wire};
use super::counts::{counts_from_wire, counts_to_wire};
use super::detectors::{readings_from_wire, readings_to_wire};
use super::red_light::{run_from_wire, run_to_wire};
use super::signal::{told_from_wire, told_to_wire};
use super::{BadMessage, rule};
use crate::v1;
use v1::event::Body;

/// `boot` travels once per batch, beside the events.
pub fn to_wire(event: &Event) -> v1::Event {
    v1::Event { seq: event.id.seq.0, at_ms: event.at.0, body: Some(body_to_wire(&event.body)) }
}

/// # Errors
/// [`BadMessage`] naming the field that is missing, unknown or not an id.
pub fn from_wire(boot: u64, event: v1::Event) -> Result<Event, BadMessage> {
    let body = event.body.ok_or_else(|| BadMessage::new("body", "is missing or of a newer contract"))?;
    Ok(Event {
        id: EventId { boot, seq: Seq(event.seq) },
        at: UtcMillis(event.at_ms),
        body: body_from_wire(body)?,
    })
}

fn body_to_wire(body: &EventBody) -> Body {
    match body {
        EventBody::LineCrossing { camera, crossing } => Body::LineCrossing(v1::LineCrossing {
            camera: camera.to_string(),
            line: crossing.line.to_string(),
            road_user: class_to_wire(crossing.class).into(),
            direction: direction_to_wire(crossing.direction).into(),
            track: crossing.track.0,
        }),
        EventBody::Counts { camera, counts } => Body::MinuteCounts(counts_to_wire(camera, counts)),
        EventBody::Rule { camera, event } => Body::Rule(rule_to_wire(camera, event)),
        EventBody::RedLight { camera, run } => Body::RedLight(run_to_wire(camera, run)),
        EventBody::CameraStats { camera, stats } => Body::CameraStats(v1::CameraStats {
            camera: camera.to_string(),
            span_ms: stats.span.0,
            frames: stats.frames,
            inferred: stats.inferred,
            detections: stats.detections,
            dropped: stats.dropped,
        }),
        EventBody::CameraState { camera, state } => Body::CameraState(v1::CameraState {
            camera: camera.to_string(),
            link: link_to_wire(state.link).into(),
            reason: state.reason.clone(),
        }),
        EventBody::Fix(fix) => Body::Fix(fix_to_wire(fix)),
        EventBody::Signal { junction, groups } => Body::Signal(v1::Signal {
            junction: junction.to_string(),
            groups: groups.groups.clone(),
            cycle_s: groups.cycle_s,
            stage: groups.stage,
            controller_ms: groups.controller_at.0,
            old: groups.old,
            late_ms: groups.late.0,
        }),
        EventBody::SignalAlarm { junction, alarm } => {
            Body::SignalAlarm(alarm_to_wire(junction.as_str(), alarm))
        }
        EventBody::SignalState { junction, state } => Body::SignalState(v1::SignalState {
            junction: junction.to_string(),
            link: link_to_wire(state.link).into(),
            reason: state.reason.clone(),
        }),
        EventBody::SignalOrder { junction, told } => Body::SignalOrder(told_to_wire(junction, told)),
        EventBody::Detectors { junction, readings } => Body::Detectors(readings_to_wire(junction, readings)),
    }
}

fn body_from_wire(body: Body) -> Result<EventBody, BadMessage> {
    Ok(match body {
        Body::LineCrossing(m) => EventBody::LineCrossing {
            camera: id("line_crossing.camera", m.camera.clone())?,
            crossing: LineCrossing {
                line: id("line_crossing.line", m.line.clone())?,
                class: class_from_wire("line_crossing.road_user", m.road_user)?,
                direction: direction_from_wire("line_crossing.direction", m.direction)?,
                track: TrackId(m.track),
            },
        },
        Body::MinuteCounts(m) => {
            let (camera, counts) = counts_from_wire(m)?;
            EventBody::Counts { camera, counts }
        }
        Body::Rule(m) => {
            EventBody::Rule { camera: id("rule.camera", m.camera.clone())?, event: rule_from_wire(m)? }
        }
        Body::RedLight(m) => {
            let (camera, run) = run_from_wire(m)?;
            EventBody::RedLight { camera, run: Box::new(run) }
        }
        Body::CameraStats(m) => EventBody::CameraStats {
            camera: id("camera_stats.camera", m.camera)?,
            stats: CameraStats {
                span: DurationMs(m.span_ms),
                frames: m.frames,
                inferred: m.inferred,
                detections: m.detections,
                dropped: m.dropped,
            },
        },
        Body::CameraState(m) => EventBody::CameraState {
            camera: id("camera_state.camera", m.camera)?,
            state: LinkState { link: link_from_wire("camera_state.link", m.link)?, reason: m.reason },
        },
        Body::Fix(m) => EventBody::Fix(fix_from_wire(m)?),
        Body::Signal(m) => signal_from_wire(m)?,
        Body::SignalAlarm(m) => EventBody::SignalAlarm {
            junction: id("signal_alarm.junction", m.junction.clone())?,
            alarm: alarm_from_wire(m)?,
        },
        Body::SignalState(m) => EventBody::SignalState {
            junction: id("signal_state.junction", m.junction)?,
            state: LinkState { link: link_from_wire("signal_state.link", m.link)?, reason: m.reason },
        },
        Body::SignalOrder(m) => {
            let (junction, told) = told_from_wire(m)?;
            EventBody::SignalOrder { junction, told }
        }
        Body::Detectors(m) => {
            let (junction, readings) = readings_from_wire(m)?;
            EventBody::Detectors { junction, readings }
        }
    })
}

fn signal_from_wire(m: v1::Signal) -> Result<EventBody, BadMessage> {
    let groups = GroupStates {
        groups: m.groups,
        cycle_s: m.cycle_s,
        stage: m.stage,
        controller_at: UtcMillis(m.controller_ms),
        late: DurationMs(m.late_ms),
        old: m.old,
    };
    Ok(EventBody::Signal { junction: id("signal.junction", m.junction)?, groups })
}

fn rule_to_wire(camera: &CameraId, event: &RuleEvent) -> v1::RuleEvent {
    v1::RuleEvent {
        camera: camera.to_string(),
        rule: event.rule.clone(),
        began_ms: event.began.0,
        zone: event.zone.as_ref().map(ToString::to_string),
        track: event.track.map(|t| t.0),
        road_user: event.class.map(|c| class_to_wire(c).into()),
        r#box: event.bbox.map(|b| box_to_wire(&b)),
        phase: rule::phase_to_wire(event.phase).into(),
        measures: event.measures.iter().map(rule::measure_to_wire).collect(),
        way_from: event.way.as_ref().map(|w| w.from.clone()),
        way_to: event.way.as_ref().map(|w| w.to.clone()),
    }
}

fn rule_from_wire(m: v1::RuleEvent) -> Result<RuleEvent, BadMessage> {
    Ok(RuleEvent {
        rule: m.rule,
        phase: rule::phase_from_wire(m.phase)?,
        began: UtcMillis(m.began_ms),
        zone: m.zone.map(|z| id("rule.zone", z)).transpose()?,
        track: m.track.map(TrackId),
        class: m.road_user.map(|c| class_from_wire("rule.road_user", c)).transpose()?,
        bbox: m.r#box.map(|b| box_from_wire(&b)),
        way: rule::way_from_wire(m.way_from, m.way_to)?,
        measures: m.measures.iter().map(rule::measure_from_wire).collect::<Result<_, _>>()?,
    })
}

pub fn fix_to_wire(fix: &Fix) -> v1::Fix {
    let signed = |part: fn(&SignOn) -> Option<&str>| part(fix.told.signed.as_ref()?).map(ToOwned::to_owned);
    v1::Fix {
        vehicle: fix.vehicle.to_string(),
        fix_ms: fix.at.0,
        received_ms: fix.received.0,
        lat: fix.position.lat.0,
        lon: fix.position.lon.0,
        speed_mps: fix.speed.0,
        course_deg: fix.course.map(|d| d.0),
        altitude_m: fix.altitude.map(|m| m.0),
        valid: fix.valid,
        protocol: fix.protocol.clone(),
        doors_open: fix.told.doors_open,
        engine_on: fix.told.engine_on,
        sos: fix.told.sos,
        driver: fix.told.driver.clone(),
        signed_trip: signed(|s| Some(s.trip.as_ref()?.as_str())),
        signed_block: signed(|s| Some(s.block.as_ref()?.as_str())),
        signed_route: signed(|s| Some(s.route.as_ref()?.as_str())),
    }
}

/// # Errors
/// [`BadMessage`] when the vehicle is not an id or the position is not on the earth.
pub fn fix_from_wire(m: v1::Fix) -> Result<Fix, BadMessage> {
    let position = LatLon::new(m.lat, m.lon);
    if !position.is_sane() {
        return Err(BadMessage::new("fix.lat", format!("{}, {} is not on the earth", m.lat, m.lon)));
    }
    Ok(Fix {
        vehicle: id("fix.vehicle", m.vehicle)?,
        at: UtcMillis(m.fix_ms),
        received: UtcMillis(m.received_ms),
        position,
        speed: MetersPerSecond(m.speed_mps),
        course: m.course_deg.map(Degrees),
        altitude: m.altitude_m.map(Meters),
        valid: m.valid,
        protocol: m.protocol,
        told: Told {
            doors_open: m.doors_open,
            engine_on: m.engine_on,
            sos: m.sos,
            driver: m.driver,
            signed: SignOn::of(m.signed_trip, m.signed_block, m.signed_route),
        },
    })
}

pub fn class_to_wire(class: Class) -> v1::RoadUser {
    match class {
        Class::Person => v1::RoadUser::Person,
        Class::Bicycle => v1::RoadUser::Bicycle,
        Class::Motorcycle => v1::RoadUser::Motorcycle,
        Class::Car => v1::RoadUser::Car,
        Class::Bus => v1::RoadUser::Bus,
        Class::Truck => v1::RoadUser::Truck,
    }
}

pub fn direction_to_wire(direction: Direction) -> v1::Direction {
    match direction {
        Direction::ToRight => v1::Direction::ToRight,
        Direction::ToLeft => v1::Direction::ToLeft,
    }
}

pub fn link_to_wire(link: Link) -> v1::Link {
    match link {
        Link::Connecting => v1::Link::Connecting,
        Link::Up => v1::Link::Up,
        Link::Down => v1::Link::Down,
    }
}

pub fn box_to_wire(b: &BBox) -> v1::Box {
    v1::Box { x: b.x as f32, y: b.y as f32, w: b.w as f32, h: b.h as f32 }
}

pub fn box_from_wire(b: &v1::Box) -> BBox {
    BBox::new(f64::from(b.x), f64::from(b.y), f64::from(b.w), f64::from(b.h))
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn class_from_wire(field: &'static str, value: i32) -> Result<Class, BadMessage> {
    match v1::RoadUser::try_from(value) {
        Ok(v1::RoadUser::Person) => Ok(Class::Person),
        Ok(v1::RoadUser::Bicycle) => Ok(Class::Bicycle),
        Ok(v1::RoadUser::Motorcycle) => Ok(Class::Motorcycle),
        Ok(v1::RoadUser::Car) => Ok(Class::Car),
        Ok(v1::RoadUser::Bus) => Ok(Class::Bus),
        Ok(v1::RoadUser::Truck) => Ok(Class::Truck),
        Ok(v1::RoadUser::Unspecified) | Err(_) => {
            Err(BadMessage::new(field, format!("{value} is not known")))
        }
    }
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn direction_from_wire(field: &'static str, value: i32) -> Result<Direction, BadMessage> {
    match v1::Direction::try_from(value) {
        Ok(v1::Direction::ToRight) => Ok(Direction::ToRight),
        Ok(v1::Direction::ToLeft) => Ok(Direction::ToLeft),
        Ok(v1::Direction::Unspecified) | Err(_) => {
            Err(BadMessage::new(field, format!("{value} is not known")))
        }
    }
}

pub fn link_from_wire(field: &'static str, value: i32) -> Result<Link, BadMessage> {
    match v1::Link::try_from(value) {
        Ok(v1::Link::Connecting) => Ok(Link::Connecting),
        Ok(v1::Link::Up) => Ok(Link::Up),
        Ok(v1::Link::Down) => Ok(Link::Down),
        Ok(v1::Link::Unspecified) | Err(_) => Err(BadMessage::new(field, format!("{value} is not known"))),
    }
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn id<T: TryFrom<String>>(field: &'static str, text: String) -> Result<T, BadMessage>
where
    T::Error: ToString,
{
    T::try_from(text).map_err(|e| BadMessage::new(field, e))
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
