//! One scene watched: detections in, tracks and facts out. The service and `edge-agent analyze` both run this.

use crate::count::LineCounter;
use crate::detection::Detection;
use crate::event::EventBody;
use crate::ids::CameraId;
use crate::rules::{self, Rule};
use crate::scene::Scene;
use crate::track::{Settings, Track, Tracker};
use crate::units::UtcMillis;

/// Tracker, line counters and rules of one camera.
pub struct Watch {
    camera: CameraId,
    tracker: Tracker,
    counters: Vec<LineCounter>,
    rules: Vec<Box<dyn Rule>>,
    settings: Settings,
    /// Pixels of the whole scene.
    area: f64,
}

/// A doubtful box over more of the picture than this is no road user.
const DOUBTFUL_AREA: f64 = 0.4;

impl Watch {
    /// # Errors
    /// Every rule of the scene that is unknown or has a wrong key.
    pub fn new(camera: CameraId, scene: &Scene, settings: Settings) -> Result<Self, Vec<String>> {
        let rules = rules::make_all(scene)?;
        let counters = scene.lines.iter().cloned().map(LineCounter::new).collect();
        let area = f64::from(scene.size.0) * f64::from(scene.size.1);
        Ok(Self { camera, tracker: Tracker::new(settings), counters, rules, settings, area })
    }

    /// Follows `detections`, boxes in pixels of the scene, and returns all confirmed tracks. Appends what became certain
    /// at `at`, each with the time it happened in the street, which may be a little earlier.
    pub fn step(
        &mut self,
        at: UtcMillis,
        detections: &[Detection],
        out: &mut Vec<(UtcMillis, EventBody)>,
    ) -> &[Track] {
        let plausible =
            |d: &&Detection| d.score >= self.settings.sure || d.bbox.area() <= DOUBTFUL_AREA * self.area;
        let detections: Vec<Detection> = detections.iter().filter(plausible).copied().collect();
        let tracks = self.tracker.step(at, &detections);
        judge(&self.camera, &mut self.counters, &mut self.rules, at, tracks, out);
        tracks
    }

    /// The same for tracks that come from elsewhere.
    pub fn step_tracks(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<(UtcMillis, EventBody)>) {
        judge(&self.camera, &mut self.counters, &mut self.rules, at, tracks, out);
    }

    /// Nothing more will come: decides what is still open.
    pub fn finish(&mut self, out: &mut Vec<(UtcMillis, EventBody)>) {
        let mut crossings = Vec::new();
        for counter in &mut self.counters {
            counter.finish(&mut crossings);
        }
        let camera = &self.camera;
        out.extend(
            crossings
                .into_iter()
                .map(|(when, crossing)| (when, EventBody::LineCrossing { camera: camera.clone(), crossing })),
        );
    }
}

fn judge(
    camera: &CameraId,
    counters: &mut [LineCounter],
    rules: &mut [Box<dyn Rule>],
    at: UtcMillis,
    tracks: &[Track],
    out: &mut Vec<(UtcMillis, EventBody)>,
) {
    let mut crossings = Vec::new();
    for counter in counters {
        counter.step(at, tracks, &mut crossings);
    }
    out.extend(
        crossings
            .into_iter()
            .map(|(when, crossing)| (when, EventBody::LineCrossing { camera: camera.clone(), crossing })),
    );
    let mut found = Vec::new();
    for rule in rules {
        rule.step(at, tracks, &mut found);
    }
    out.extend(found.into_iter().map(|event| (at, EventBody::Rule { camera: camera.clone(), event })));
}
