//! The latest value of everything at this pole: what live pictures and the gateway's state are made of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardware_ports::camera::Frame;
use models_domain::effort::Effort;
use models_domain::event::{Link, LinkState};
use models_domain::signal::order::{self, ControllerNow, EndedBy};
use models_domain::signal::{Aggregated, Change, SignalAlarm};
use models_domain::track::Track;
use models_domain::{CameraId, JunctionId};
use tokio::sync::Notify;

/// Latest values by camera and by junction. A writer never waits for a reader longer than a clone takes.
#[derive(Default)]
pub struct Board {
    cameras: Mutex<BTreeMap<CameraId, CameraNow>>,
    junctions: Mutex<BTreeMap<JunctionId, JunctionNow>>,
    /// How often somebody asked for the camera's picture.
    asked: Mutex<BTreeMap<CameraId, u64>>,
    /// Something changed that the hall is to hear at once.
    urgent: Notify,
}

#[derive(Debug, Clone)]
pub struct CameraNow {
    pub state: LinkState,
    /// Pictures analysed a second, over the last 10 s.
    pub fps: f32,
    pub seen: Option<Seen>,
    /// `None` before the camera was first looked after.
    pub effort: Option<Effort>,
}

/// The last analysed picture and who was in it. Cloning copies no pixel.
#[derive(Debug, Clone)]
pub struct Seen {
    pub frame: Frame,
    /// Boxes in pixels of the scene, not of the picture.
    pub tracks: Vec<Track>,
    /// Width, height of the scene.
    pub size: (u32, u32),
}

#[derive(Debug, Clone)]
pub struct JunctionNow {
    pub state: LinkState,
    /// One character a signal group; empty before the first report.
    pub groups: String,
    /// The same by group, with when each became so; empty while the link is down.
    pub seen: order::Seen,
    /// When groups may change, as far as the controller tells; empty while the link is down.
    pub changes: Vec<Option<Change>>,
    /// What the controller says of itself.
    pub now: ControllerNow,
    /// The order in force.
    pub order: Option<u64>,
    /// The order is over and the controller not yet back on its own plan: why.
    pub ending: Option<EndedBy>,
    /// Those that are there or suspended; while the link is down as they were told last.
    pub alarms: Arc<[SignalAlarm]>,
    /// What the controller says of its whole state; `None` while the link is down.
    pub aggregated: Option<Aggregated>,
}

fn connecting() -> LinkState {
    LinkState { link: Link::Connecting, reason: String::new() }
}

impl Board {
    pub fn update_camera(&self, camera: &CameraId, change: impl FnOnce(&mut CameraNow)) {
        let mut cameras = held(&self.cameras);
        let new = || CameraNow { state: connecting(), fps: 0.0, seen: None, effort: None };
        change(cameras.entry(camera.clone()).or_insert_with(new));
    }

    pub fn camera(&self, camera: &CameraId) -> Option<CameraNow> {
        held(&self.cameras).get(camera).cloned()
    }

    /// Somebody wants to see this camera's picture now.
    pub fn ask(&self, camera: &CameraId) {
        *held(&self.asked).entry(camera.clone()).or_default() += 1;
    }

    /// How often [`Self::ask`] was called for it.
    pub fn asked(&self, camera: &CameraId) -> u64 {
        held(&self.asked).get(camera).copied().unwrap_or(0)
    }

    pub fn update_junction(&self, junction: &JunctionId, change: impl FnOnce(&mut JunctionNow)) {
        let mut junctions = held(&self.junctions);
        let new = || JunctionNow {
            state: connecting(),
            groups: String::new(),
            seen: order::Seen::default(),
            changes: Vec::new(),
            now: ControllerNow::default(),
            order: None,
            ending: None,
            alarms: Arc::default(),
            aggregated: None,
        };
        let junction = junctions.entry(junction.clone()).or_insert_with(new);
        let before = (junction.now, junction.order, junction.ending);
        let listed = |now: &JunctionNow| (now.changes.clone(), now.alarms.clone(), now.aggregated.clone());
        let lists = listed(junction);
        change(junction);
        let now = (junction.now, junction.order, junction.ending);
        // A clock that drifts, and a cycle that goes on, are told with the next state.
        let no_clock = |(now, order, ending): (ControllerNow, _, _)| {
            (ControllerNow { clock_ahead: None, cycle: None, ..now }, order, ending)
        };
        if no_clock(before) != no_clock(now) || listed(junction) != lists {
            self.urgent.notify_one();
        }
    }

    /// Waits until a junction's mode, plan, order, times of change, alarms or whole state are others.
    pub async fn urgent(&self) {
        self.urgent.notified().await;
    }

    pub fn junction(&self, junction: &JunctionId) -> Option<JunctionNow> {
        held(&self.junctions).get(junction).cloned()
    }
}

/// The maps hold plain values that no panic can leave half written.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
