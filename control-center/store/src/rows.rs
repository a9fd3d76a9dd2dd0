//! Columns of each kind of event.

use models_domain::EventBody;
use models_domain::event::CameraStats;

/// The camera, junction or vehicle that an event tells of.
pub(crate) fn subject(body: &EventBody) -> &str {
    match body {
        EventBody::LineCrossing { camera, .. }
        | EventBody::Counts { camera, .. }
        | EventBody::Rule { camera, .. }
        | EventBody::RedLight { camera, .. }
        | EventBody::CameraStats { camera, .. }
        | EventBody::CameraState { camera, .. } => camera.as_str(),
        EventBody::Fix(fix) => fix.vehicle.as_str(),
        EventBody::Signal { junction, .. }
        | EventBody::SignalAlarm { junction, .. }
        | EventBody::SignalState { junction, .. }
        | EventBody::SignalOrder { junction, .. }
        | EventBody::Detectors { junction, .. } => junction.as_str(),
    }
}

/// SQLite counts to 2^63 - 1; nothing of ours comes near, a hostile gateway might.
pub(crate) fn clamp(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Sums must not overflow either: a thousand pictures a millisecond are enough for every camera.
pub(crate) fn stats(stats: &CameraStats) -> [i64; 4] {
    [stats.frames, stats.inferred, stats.detections, stats.dropped].map(|n| clamp(n.min(1 << 40)))
}
