//! What a camera's worker is given: what to watch, and the doors to everything else.

use std::sync::Arc;

use hardware_ports::Clock;
use hardware_ports::camera::CameraSource;
use hardware_ports::colour::ColourReader;
use hardware_ports::infer::{Detector, PictureMeter, Priority};
use hardware_ports::units::UnitDriver;
use models_domain::CameraId;
use models_domain::ladder::Rung;
use models_domain::scene::Scene;

use super::Crossings;
use super::eye::Decoders;
use crate::board::Board;
use crate::keep::{KeepEvents, KeepStills, KeepTracks};
use crate::lanes::Lanes;
use crate::red_lights::{RedLights, StopLineSpec};

/// One camera and what is to be watched in its picture.
#[derive(Debug, Clone)]
pub struct CameraTask {
    pub id: CameraId,
    pub source: CameraSource,
    pub scene: Scene,
    /// Most pictures analysed a second; the others are counted and left.
    pub analyze_fps: f64,
    /// Never less than this is decoded.
    pub pinned: Option<Rung>,
    pub priority: Priority,
    /// Whether each crossing is told, or only how many there were in each minute.
    pub crossings: Crossings,
    /// Lines at which a lamp says whether one may go on.
    pub red_lights: Vec<StopLineSpec>,
    /// Spreads the pauses between two tries, so that many cameras do not come back in step.
    pub seed: u64,
}

/// What is behind the doors of a worker.
#[derive(Clone)]
pub struct Doors {
    pub driver: Arc<dyn UnitDriver>,
    pub detector: Arc<dyn Detector>,
    pub meter: Option<Arc<dyn PictureMeter>>,
    pub lanes: Arc<Lanes>,
    pub decoders: Arc<Decoders>,
    pub events: Arc<dyn KeepEvents>,
    pub stills: Arc<dyn KeepStills>,
    pub tracks: Arc<dyn KeepTracks>,
    pub colours: Arc<dyn ColourReader>,
    pub board: Arc<Board>,
    /// `None` where no stop line has a lamp.
    pub red_lights: Option<Arc<RedLights>>,
    pub clock: Arc<dyn Clock>,
}
