//! `MinuteCounts` <-> `ngatu.v1.MinuteCounts`.

use models_domain::count::minutes::{MINUTE, minute_of};
use models_domain::count::{MinuteCount, MinuteCounts};
use models_domain::{CameraId, DurationMs, UtcMillis};

use super::BadMessage;
use super::event::{class_from_wire, class_to_wire, direction_from_wire, direction_to_wire, id};
use crate::v1;

pub fn counts_to_wire(camera: &CameraId, counts: &MinuteCounts) -> v1::MinuteCounts {
    let count = |c: &MinuteCount| v1::MinuteCount {
        line: c.line.to_string(),
        road_user: class_to_wire(c.class).into(),
        direction: direction_to_wire(c.direction).into(),
        crossings: c.crossings,
    };
    v1::MinuteCounts {
        camera: camera.to_string(),
        minute_ms: counts.minute.0,
        watched_ms: counts.watched.0,
        analysed_ms: counts.analysed.0,
        counts: counts.crossings.iter().map(count).collect(),
    }
}

/// # Errors
/// [`BadMessage`] naming the field that is no id, not known, no minute, or longer than one.
pub fn counts_from_wire(m: v1::MinuteCounts) -> Result<(CameraId, MinuteCounts), BadMessage> {
    let minute = UtcMillis(m.minute_ms);
    if minute != minute_of(minute) {
        let why = format!("{} is not the begin of a minute", m.minute_ms);
        return Err(BadMessage::new("minute_counts.minute_ms", why));
    }
    let count = |c: v1::MinuteCount| -> Result<MinuteCount, BadMessage> {
        Ok(MinuteCount {
            line: id("minute_counts.line", c.line)?,
            class: class_from_wire("minute_counts.road_user", c.road_user)?,
            direction: direction_from_wire("minute_counts.direction", c.direction)?,
            crossings: c.crossings,
        })
    };
    let counts = MinuteCounts {
        minute,
        watched: part("minute_counts.watched_ms", m.watched_ms)?,
        analysed: part("minute_counts.analysed_ms", m.analysed_ms)?,
        crossings: m.counts.into_iter().map(count).collect::<Result<_, _>>()?,
    };
    Ok((id("minute_counts.camera", m.camera)?, counts))
}

fn part(field: &'static str, ms: i64) -> Result<DurationMs, BadMessage> {
    if (0..=MINUTE.0).contains(&ms) {
        Ok(DurationMs(ms))
    } else {
        Err(BadMessage::new(field, format!("{ms} is not within 0 and {}", MINUTE.0)))
    }
}
