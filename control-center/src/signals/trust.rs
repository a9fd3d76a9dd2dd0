//! Which counters are not to be believed: detectors that an alarm takes out, cameras whose picture is not what it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use control_center_core::city::Junction;
use control_center_store::{StoreError, TroubleRow};
use models_domain::{CameraId, UtcMillis};

use super::advice::Counter;
use crate::hall::Hall;

/// Who is not believed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untrusted {
    /// By the auto-fail rules or the controller's own word: the alarm's code.
    Detector { detector: u16, fault: String },
    /// By its own events, such as `camera_covered`, or by the auto-fail rules: `noHits`, `chatter`.
    Camera { camera: CameraId, fault: String },
}

/// As the records have it, in English.
impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Untrusted::Detector { detector, fault } => write!(f, "detector {detector}: {fault}"),
            Untrusted::Camera { camera, fault } => write!(f, "camera {camera}: {fault}"),
        }
    }
}

/// What is wrong with pictures of any camera, or was since; nothing is asked for where no camera counts.
///
/// # Errors
/// [`StoreError`].
pub async fn troubles(
    hall: &Hall,
    cameras: &BTreeSet<&CameraId>,
    since: UtcMillis,
) -> Result<Vec<TroubleRow>, StoreError> {
    if cameras.is_empty() { Ok(Vec::new()) } else { hall.store.camera_troubles(since).await }
}

/// The first of these counters that is not to be believed. A trouble that is over takes nobody out: its minutes are left out
/// where counts are read.
pub fn untrusted(junction: &Junction, troubles: &[TroubleRow], counters: &[Counter]) -> Option<Untrusted> {
    let out: BTreeMap<u16, &str> = junction
        .active_alarms()
        .filter_map(|alarm| Some((detector_of(&alarm.code, &alarm.component)?, alarm.code.as_str())))
        .collect();
    counters.iter().find_map(|counter| match counter {
        Counter::Detector(detector) => {
            let fault = (*out.get(detector)?).to_owned();
            Some(Untrusted::Detector { detector: *detector, fault })
        }
        Counter::Line { camera, .. } => {
            let open = |row: &&TroubleRow| row.camera == camera.as_str() && row.ended.is_none();
            let fault = troubles.iter().find(open)?.trouble.clone();
            Some(Untrusted::Camera { camera: camera.clone(), fault })
        }
    })
}

/// The detector that an alarm takes out: the gateway's auto-fail rules name it `detector 3`, a controller (RSMP A0301, A0302)
/// by its component, such as `HN+A=001DL003`.
fn detector_of(code: &str, component: &str) -> Option<u16> {
    match code {
        "noHits" | "chatter" | "lockedOn" | "noChange" | "spike" => {
            component.strip_prefix("detector ")?.parse().ok()
        }
        "A0301" | "A0302" => component.rsplit_once("DL")?.1.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use control_center_core::city::JunctionInfo;
    use models_domain::count::Direction;
    use models_domain::event::{Link, LinkState};
    use models_domain::signal::SignalAlarm;
    use models_domain::signal::order::ControllerNow;

    use super::*;

    #[test]
    fn which_detector_an_alarm_takes_out() {
        let check = |code: &str, component: &str, want: Option<u16>| {
            assert_eq!(detector_of(code, component), want, "{code} {component}");
        };
        check("chatter", "detector 3", Some(3));
        check("A0302", "HN+AG0101=001DL012", Some(12));
        check("A0008", "HN+AG0101=001SG001", None);
        check("A0302", "HN+AG0101=001TC000", None);
        check("noHits", "HN+AG0101=001DL012", None);
    }

    /// Its second detector chatters.
    fn junction() -> Junction {
        let alarm = SignalAlarm {
            code: "chatter".into(),
            component: "detector 2".into(),
            active: true,
            acknowledged: false,
            suspended: false,
            priority: 2,
            description: String::new(),
        };
        let info = JunctionInfo {
            id: "j".parse().unwrap(),
            name: String::new(),
            position: None,
            state: LinkState { link: Link::Up, reason: String::new() },
            groups: "1B".into(),
            changes: Vec::new(),
            now: ControllerNow::default(),
            aggregated: None,
            order: 0,
            ending: String::new(),
            can: None,
            handles_alarms: false,
            alarms: Some(vec![alarm]),
        };
        Junction::new("g".parse().unwrap(), info, UtcMillis(1))
    }

    fn line(camera: &str) -> Counter {
        let (camera, line) = (camera.parse().unwrap(), "north".parse().unwrap());
        Counter::Line { camera, line, direction: Direction::ToLeft }
    }

    #[test]
    fn a_camera_that_does_not_see_is_believed_as_little_as_a_detector_that_chatters() {
        let row = |camera: &str, trouble: &str, ended: Option<i64>| TroubleRow {
            camera: camera.into(),
            trouble: trouble.into(),
            began: UtcMillis(5),
            ended: ended.map(UtcMillis),
        };
        let troubles = [row("c-1", "camera_covered", None), row("c-2", "camera_frozen", Some(9))];
        let check = |counters: &[Counter], want: Option<&str>| {
            let found = untrusted(&junction(), &troubles, counters).map(|one| one.to_string());
            assert_eq!(found.as_deref(), want, "{counters:?}");
        };
        check(&[Counter::Detector(1), line("c-2"), line("c-3")], None);
        check(&[Counter::Detector(1), line("c-1")], Some("camera c-1: camera_covered"));
        check(&[line("c-2"), Counter::Detector(2), line("c-1")], Some("detector 2: chatter"));
    }
}
