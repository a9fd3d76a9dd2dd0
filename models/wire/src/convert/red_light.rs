//! `RedLightRun` <-> `ngatu.v1.RedLight`.

use models_domain::signal::red_light::{EvidenceStill, LampState, Passage, RedLightRun};
use models_domain::{CameraId, DurationMs, TrackId, UtcMillis};

use super::BadMessage;
use super::event::{
    box_from_wire, box_to_wire, class_from_wire, class_to_wire, direction_from_wire, direction_to_wire, id,
};
use crate::v1;

pub fn run_to_wire(camera: &CameraId, run: &RedLightRun) -> v1::RedLight {
    v1::RedLight {
        camera: camera.to_string(),
        line: run.line.to_string(),
        direction: direction_to_wire(run.direction).into(),
        junction: run.junction.to_string(),
        group: u32::from(run.group),
        road_user: class_to_wire(run.class).into(),
        track: run.track.0,
        red_for_ms: run.red_for.0,
        into_red_ms: run.into_red.0,
        camera_error_ms: run.camera_error.0,
        signal_error_ms: run.signal_error.0,
        clock_ahead_ms: run.clock_ahead.0,
        known_until_ms: run.known_until.0,
        before_ms: run.passage.before.0,
        met_ms: run.passage.at.0,
        beyond_ms: run.passage.beyond.0,
        after_ms: run.passage.after.0,
        lamp: run.lamp.iter().map(lamp_to_wire).collect(),
        stills: run.stills.iter().map(still_to_wire).collect(),
    }
}

/// # Errors
/// [`BadMessage`] naming the field that is missing, unknown or not an id.
pub fn run_from_wire(m: v1::RedLight) -> Result<(CameraId, RedLightRun), BadMessage> {
    let camera = id("red_light.camera", m.camera)?;
    let run = RedLightRun {
        line: id("red_light.line", m.line)?,
        direction: direction_from_wire("red_light.direction", m.direction)?,
        junction: id("red_light.junction", m.junction)?,
        group: u16::try_from(m.group).map_err(|e| BadMessage::new("red_light.group", e))?,
        class: class_from_wire("red_light.road_user", m.road_user)?,
        track: TrackId(m.track),
        passage: Passage {
            before: UtcMillis(m.before_ms),
            at: UtcMillis(m.met_ms),
            beyond: UtcMillis(m.beyond_ms),
            after: UtcMillis(m.after_ms),
        },
        red_for: DurationMs(m.red_for_ms),
        into_red: DurationMs(m.into_red_ms),
        camera_error: DurationMs(m.camera_error_ms),
        signal_error: DurationMs(m.signal_error_ms),
        clock_ahead: DurationMs(m.clock_ahead_ms),
        known_until: UtcMillis(m.known_until_ms),
        lamp: m.lamp.iter().map(lamp_from_wire).collect::<Result<_, _>>()?,
        stills: m.stills.into_iter().map(still_from_wire).collect::<Result<_, _>>()?,
    };
    Ok((camera, run))
}

fn lamp_to_wire(lamp: &LampState) -> v1::LampState {
    v1::LampState {
        state: lamp.state.to_string(),
        at_ms: lamp.at.0,
        by_ms: lamp.by.0,
        controller_ms: lamp.controller_at.0,
    }
}

fn lamp_from_wire(m: &v1::LampState) -> Result<LampState, BadMessage> {
    let mut states = m.state.chars();
    let (Some(state), None) = (states.next(), states.next()) else {
        return Err(BadMessage::new("red_light.lamp.state", format!("{:?} is not one character", m.state)));
    };
    let (at, by) = (UtcMillis(m.at_ms), UtcMillis(m.by_ms));
    Ok(LampState { state, at, by, controller_at: UtcMillis(m.controller_ms) })
}

fn still_to_wire(still: &EvidenceStill) -> v1::EvidenceStill {
    v1::EvidenceStill {
        at_ms: still.at.0,
        r#box: Some(box_to_wire(&still.bbox)),
        sha256: still.sha256.to_vec(),
    }
}

fn still_from_wire(m: v1::EvidenceStill) -> Result<EvidenceStill, BadMessage> {
    let length = m.sha256.len();
    let sha256 = m.sha256.try_into();
    let sha256 = sha256
        .map_err(|_| BadMessage::new("red_light.stills.sha256", format!("{length} bytes instead of 32")))?;
    let bbox = m.r#box.ok_or_else(|| BadMessage::new("red_light.stills.box", "is missing"))?;
    Ok(EvidenceStill { at: UtcMillis(m.at_ms), bbox: box_from_wire(&bbox), sha256 })
}
