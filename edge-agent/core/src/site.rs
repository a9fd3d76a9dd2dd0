//! What stands at this pole and does not change while it runs: names, positions, scenes.

use models_domain::geo::LatLon;
use models_domain::scene::Scene;
use models_domain::signal::order::Orderable;
use models_domain::{CameraId, JunctionId};

#[derive(Debug, Clone, Default)]
pub struct Site {
    pub cameras: Vec<CameraSite>,
    pub junctions: Vec<JunctionSite>,
}

#[derive(Debug, Clone)]
pub struct CameraSite {
    pub id: CameraId,
    /// For people, in the city's language.
    pub name: String,
    pub position: Option<LatLon>,
    pub scene: Scene,
}

#[derive(Debug, Clone)]
pub struct JunctionSite {
    pub id: JunctionId,
    /// For people, in the city's language.
    pub name: String,
    pub position: Option<LatLon>,
    /// `None`: nothing may be ordered here.
    pub can: Option<Orderable>,
    /// The controller can be told that an alarm is acknowledged, suspended or resumed.
    pub handles_alarms: bool,
}
