//! One scene watched: detections in, tracks and facts out. The service and `edge-agent analyze` both run this.

use crate::count::LineCounter;
use crate::detection::Detection;
use crate::event::{EventBody, RuleEvent};
use crate::health::{PictureHealth, Thumb};
use crate::ids::CameraId;
use crate::rules::{self, Rule};
use crate::scene::Scene;
use crate::scenery::Scenery;
use crate::track::{Settings, Track, Tracker};
use crate::units::UtcMillis;

/// Tracker, line counters and rules of one camera.
pub struct Watch {
    camera: CameraId,
    tracker: Tracker,
    /// As of the last step, with what the picture says of them.
    tracks: Vec<Track>,
    scenery: Scenery,
    counters: Vec<LineCounter>,
    rules: Vec<Box<dyn Rule>>,
    health: PictureHealth,
    settings: Settings,
    /// Of the last step.
    last: UtcMillis,
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
        let (tracker, health) = (Tracker::new(settings), PictureHealth::new(scene.health.clone()));
        let (tracks, scenery, last) = (Vec::new(), Scenery::new(scene.size), UtcMillis(0));
        Ok(Self { camera, tracker, tracks, scenery, counters, rules, health, settings, last, area })
    }

    /// Follows `detections`, boxes in pixels of the scene, and returns all confirmed tracks. Appends what became certain
    /// at `at`, each with the time it happened in the street, which may be a little earlier.
    ///
    /// `still`: nothing moves in the picture by its brightness. Whatever the network's boxes do, nobody crosses a line in it, and
    /// who appears in it has done nothing; who moved all the same is found to have in the next picture with motion.
    pub fn step(
        &mut self,
        at: UtcMillis,
        detections: &[Detection],
        still: bool,
        out: &mut Vec<(UtcMillis, EventBody)>,
    ) -> &[Track] {
        self.follow(at, detections, still);
        self.judge(at, still, out);
        &self.tracks
    }

    /// The first half of [`Watch::step`]. True when a look at this picture, by [`Watch::place`], would tell whether somebody has come.
    pub fn follow(&mut self, at: UtcMillis, detections: &[Detection], still: bool) -> bool {
        let plausible =
            |d: &&Detection| d.score >= self.settings.sure || d.bbox.area() <= DOUBTFUL_AREA * self.area;
        let detections: Vec<Detection> = detections.iter().filter(plausible).copied().collect();
        self.last = at;
        let tracks = match still {
            false => self.tracker.step(at, &detections),
            true => self.tracker.step_still(at, &detections),
        };
        self.tracks.clear();
        self.tracks.extend_from_slice(tracks);
        self.scenery.step(at, &mut self.tracks)
    }

    /// Holds the tracks against what the picture looked like before they came.
    pub fn place(&mut self, at: UtcMillis, thumb: &Thumb) {
        self.scenery.look(at, thumb, &mut self.tracks);
    }

    /// The second half of [`Watch::step`]: what becomes certain by the tracks.
    pub fn judge(&mut self, at: UtcMillis, still: bool, out: &mut Vec<(UtcMillis, EventBody)>) {
        judge(&self.camera, &mut self.counters, &mut self.rules, (at, still), &self.tracks, out);
    }

    /// Looks at the picture itself, about once a second, after the step with the same `at`.
    pub fn look(&mut self, at: UtcMillis, thumb: &Thumb, out: &mut Vec<(UtcMillis, EventBody)>) {
        let mut found = Vec::new();
        self.health.look(at, thumb, &mut found);
        self.scenery.look(at, thumb, &mut self.tracks);
        for rule in &mut self.rules {
            rule.look(at, thumb, &self.tracks, &mut found);
        }
        tell(&self.camera, at, found, out);
    }

    /// Looks at a picture of a stream that nobody follows: only whether the camera shows what it should. True when the next
    /// one should be looked at soon, lest it takes long to be sure.
    pub fn glance(&mut self, at: UtcMillis, thumb: &Thumb, out: &mut Vec<(UtcMillis, EventBody)>) -> bool {
        let mut found = Vec::new();
        self.health.look(at, thumb, &mut found);
        self.scenery.keep(at, thumb);
        tell(&self.camera, at, found, out);
        self.health.is_unsure()
    }

    /// Between these moments nobody watched the stream. Told before the next picture.
    pub fn unwatched(&mut self, from: UtcMillis, until: UtcMillis) {
        self.rules.iter_mut().for_each(|rule| rule.unwatched(from, until));
    }

    /// The same as [`Watch::follow`] for tracks that come from elsewhere.
    pub fn follow_tracks(&mut self, at: UtcMillis, tracks: &[Track]) -> bool {
        self.last = at;
        self.tracks.clear();
        self.tracks.extend_from_slice(tracks);
        self.scenery.step(at, &mut self.tracks)
    }

    /// All confirmed tracks as of the last step.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
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
        let mut found = Vec::new();
        for rule in &mut self.rules {
            rule.finish(&mut found);
        }
        tell(&self.camera, self.last, found, out);
    }
}

fn tell(camera: &CameraId, at: UtcMillis, found: Vec<RuleEvent>, out: &mut Vec<(UtcMillis, EventBody)>) {
    out.extend(found.into_iter().map(|event| (at, EventBody::Rule { camera: camera.clone(), event })));
}

fn judge(
    camera: &CameraId,
    counters: &mut [LineCounter],
    rules: &mut [Box<dyn Rule>],
    (at, still): (UtcMillis, bool),
    tracks: &[Track],
    out: &mut Vec<(UtcMillis, EventBody)>,
) {
    let mut crossings = Vec::new();
    for counter in counters {
        match still {
            false => counter.step(at, tracks, &mut crossings),
            true => counter.still(at, tracks, &mut crossings),
        }
    }
    out.extend(
        crossings
            .into_iter()
            .map(|(when, crossing)| (when, EventBody::LineCrossing { camera: camera.clone(), crossing })),
    );
    let mut found = Vec::new();
    for rule in rules {
        match still {
            false => rule.step(at, tracks, &mut found),
            true => rule.still(at, tracks, &mut found),
        }
    }
    tell(camera, at, found, out);
}
