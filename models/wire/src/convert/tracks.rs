//! `TrackRecord` and `TrackQuery` <-> protobuf.

use models_domain::archive::{Colour, Cursor, LineTouch, PathPoint, TrackQuery, TrackRecord, ZoneTouch};
use models_domain::geo::Point;
use models_domain::{DurationMs, MetersPerSecond, TrackId, UtcMillis};

use super::BadMessage;
use super::event::{
    box_from_wire, box_to_wire, class_from_wire, class_to_wire, direction_from_wire, direction_to_wire, id,
};
use crate::v1;

/// Points are rounded to whole pixels.
pub fn record_to_wire(number: u64, record: &TrackRecord) -> v1::TrackRow {
    let began = record.began;
    let after = |at: UtcMillis| clamp(at.since(began).0);
    let times = record.path.iter().map(|p| after(p.at));
    let line = |l: &LineTouch| v1::TrackLine {
        line: l.line.to_string(),
        direction: direction_to_wire(l.direction).into(),
        after_ms: after(l.at),
    };
    let zone = |z: &ZoneTouch| v1::TrackZone {
        zone: z.zone.to_string(),
        from_ms: after(z.from),
        to_ms: after(z.to),
    };
    v1::TrackRow {
        number,
        camera: record.camera.to_string(),
        track: record.track.0,
        road_user: class_to_wire(record.class).into(),
        began_ms: began.0,
        ended_ms: record.ended.0,
        path_ms: differences(times),
        path_x: differences(record.path.iter().map(|p| pixel(p.p.x))),
        path_y: differences(record.path.iter().map(|p| pixel(p.p.y))),
        lines: record.lines.iter().map(line).collect(),
        zones: record.zones.iter().map(zone).collect(),
        best_ms: record.best_at.0,
        best_box: Some(box_to_wire(&record.best_box)),
        best_score: record.best_score,
        colour: colour_to_wire(record.colour).into(),
        mean_speed_mps: record.mean_speed.map(|s| s.0 as f32),
    }
}

/// # Errors
/// [`BadMessage`] naming the field that is no id, not known, or of uneven length.
pub fn record_from_wire(m: v1::TrackRow) -> Result<TrackRecord, BadMessage> {
    let began = UtcMillis(m.began_ms);
    if m.path_ms.len() != m.path_x.len() || m.path_ms.len() != m.path_y.len() {
        return Err(BadMessage::new("track.path", "has not as many times as places"));
    }
    let path = sums(&m.path_ms).zip(sums(&m.path_x)).zip(sums(&m.path_y));
    let point = |((ms, x), y): ((i64, i64), i64)| PathPoint {
        at: began + DurationMs(ms),
        p: Point::new(x as f64, y as f64),
    };
    let after = |ms: i32| began + DurationMs(i64::from(ms));
    let line = |l: v1::TrackLine| -> Result<LineTouch, BadMessage> {
        Ok(LineTouch {
            line: id("track.line", l.line)?,
            direction: direction_from_wire("track.direction", l.direction)?,
            at: after(l.after_ms),
        })
    };
    let zone = |z: v1::TrackZone| -> Result<ZoneTouch, BadMessage> {
        Ok(ZoneTouch { zone: id("track.zone", z.zone)?, from: after(z.from_ms), to: after(z.to_ms) })
    };
    Ok(TrackRecord {
        camera: id("track.camera", m.camera)?,
        track: TrackId(m.track),
        class: class_from_wire("track.road_user", m.road_user)?,
        began,
        ended: UtcMillis(m.ended_ms),
        path: path.map(point).collect(),
        lines: m.lines.into_iter().map(line).collect::<Result<_, _>>()?,
        zones: m.zones.into_iter().map(zone).collect::<Result<_, _>>()?,
        best_at: UtcMillis(m.best_ms),
        best_box: m.best_box.map(|b| box_from_wire(&b)).unwrap_or_default(),
        best_score: m.best_score,
        colour: colour_from_wire("track.colour", m.colour)?,
        mean_speed: m.mean_speed_mps.map(|s| MetersPerSecond(f64::from(s))),
    })
}

pub fn query_to_wire(query: &TrackQuery) -> v1::TrackQuery {
    let place = |c: Cursor| v1::TrackPlace { ended_ms: c.ended.0, number: c.number };
    v1::TrackQuery {
        from_ms: query.from.0,
        to_ms: query.to.0,
        cameras: query.cameras.iter().map(ToString::to_string).collect(),
        road_users: query.classes.iter().map(|c| class_to_wire(*c).into()).collect(),
        colours: query.colours.iter().map(|c| colour_to_wire(Some(*c)).into()).collect(),
        line: query.line.as_ref().map(ToString::to_string),
        direction: query.direction.map(|d| direction_to_wire(d).into()),
        zone: query.zone.as_ref().map(ToString::to_string),
        height_min: query.height_min,
        height_max: query.height_max,
        after: query.after.map(place),
        limit: u32::try_from(query.limit).unwrap_or(u32::MAX),
    }
}

/// # Errors
/// [`BadMessage`] naming the field that is no id or not known, or that cannot be meant so ([`TrackQuery::check`]).
pub fn query_from_wire(m: v1::TrackQuery) -> Result<TrackQuery, BadMessage> {
    let colour = |c: i32| {
        let unknown = || BadMessage::new("colours", format!("{c} is not known"));
        colour_from_wire("colours", c)?.ok_or_else(unknown)
    };
    let query = TrackQuery {
        from: UtcMillis(m.from_ms),
        to: UtcMillis(m.to_ms),
        cameras: m.cameras.into_iter().map(|c| id("cameras", c)).collect::<Result<_, _>>()?,
        classes: m
            .road_users
            .into_iter()
            .map(|c| class_from_wire("road_users", c))
            .collect::<Result<_, _>>()?,
        colours: m.colours.into_iter().map(colour).collect::<Result<_, _>>()?,
        line: m.line.map(|l| id("line", l)).transpose()?,
        direction: m.direction.map(|d| direction_from_wire("direction", d)).transpose()?,
        zone: m.zone.map(|z| id("zone", z)).transpose()?,
        height_min: m.height_min,
        height_max: m.height_max,
        after: m.after.map(|p| Cursor { ended: UtcMillis(p.ended_ms), number: p.number }),
        limit: m.limit as usize,
    };
    query.check().map_err(|bad| BadMessage::new(bad.field, bad.why))?;
    Ok(query)
}

pub fn colour_to_wire(colour: Option<Colour>) -> v1::Colour {
    match colour {
        None => v1::Colour::Unspecified,
        Some(Colour::White) => v1::Colour::White,
        Some(Colour::Grey) => v1::Colour::Grey,
        Some(Colour::Black) => v1::Colour::Black,
        Some(Colour::Red) => v1::Colour::Red,
        Some(Colour::Orange) => v1::Colour::Orange,
        Some(Colour::Yellow) => v1::Colour::Yellow,
        Some(Colour::Green) => v1::Colour::Green,
        Some(Colour::Blue) => v1::Colour::Blue,
        Some(Colour::Purple) => v1::Colour::Purple,
        Some(Colour::Brown) => v1::Colour::Brown,
    }
}

fn colour_from_wire(field: &'static str, value: i32) -> Result<Option<Colour>, BadMessage> {
    match v1::Colour::try_from(value) {
        Ok(v1::Colour::Unspecified) => Ok(None),
        Ok(v1::Colour::White) => Ok(Some(Colour::White)),
        Ok(v1::Colour::Grey) => Ok(Some(Colour::Grey)),
        Ok(v1::Colour::Black) => Ok(Some(Colour::Black)),
        Ok(v1::Colour::Red) => Ok(Some(Colour::Red)),
        Ok(v1::Colour::Orange) => Ok(Some(Colour::Orange)),
        Ok(v1::Colour::Yellow) => Ok(Some(Colour::Yellow)),
        Ok(v1::Colour::Green) => Ok(Some(Colour::Green)),
        Ok(v1::Colour::Blue) => Ok(Some(Colour::Blue)),
        Ok(v1::Colour::Purple) => Ok(Some(Colour::Purple)),
        Ok(v1::Colour::Brown) => Ok(Some(Colour::Brown)),
        Err(_) => Err(BadMessage::new(field, format!("{value} is not known"))),
    }
}

fn clamp(n: i64) -> i32 {
    i32::try_from(n).unwrap_or(if n < 0 { i32::MIN } else { i32::MAX })
}

fn pixel(x: f64) -> i32 {
    x.round() as i32
}

fn differences(values: impl Iterator<Item = i32>) -> Vec<i32> {
    let mut before = 0;
    values.map(|v| v.wrapping_sub(std::mem::replace(&mut before, v))).collect()
}

fn sums(differences: &[i32]) -> impl Iterator<Item = i64> {
    differences.iter().scan(0_i32, |sum, d| {
        *sum = sum.wrapping_add(*d);
        Some(i64::from(*sum))
    })
}

#[cfg(test)]
#[path = "tracks_tests.rs"]
mod tests;
