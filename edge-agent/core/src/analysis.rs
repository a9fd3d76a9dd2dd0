//! One camera's pictures judged: detect, track, count, rules. The service and `edge-agent analyze` run exactly this.

use std::sync::Arc;

use hardware_ports::camera::{Frame, Picture};
use hardware_ports::infer::{Detector, InferError, PictureMeter};
use models_domain::health::Thumb;
use models_domain::ladder::Steady;
use models_domain::scene::Scene;
use models_domain::track::{Settings, Track};
use models_domain::watch::Watch;
use models_domain::{BBox, CameraId, Detection, DurationMs, EventBody, UtcMillis};

use crate::red_lights::Eyes;
use crate::witness::Witness;

/// Weakest box that the tracker has a use for: a detector that feeds an [`Analysis`] must not leave it out.
pub fn min_score() -> f32 {
    Settings::default().low
}

/// The picture itself is looked at this often: is the camera covered, turned, blurred, frozen, dark; was something left.
const LOOK_EVERY: DurationMs = DurationMs(1_000);

/// The analysis of one camera. Feed it pictures in time order.
pub struct Analysis {
    detector: Arc<dyn Detector>,
    watch: Watch,
    size: (u32, u32),
    meter: Option<Arc<dyn PictureMeter>>,
    looked: Option<UtcMillis>,
    witness: Option<Witness>,
    lights: Option<Eyes>,
    /// What the network saw in the newest pictures it was shown, boxes in pixels of the scene.
    seen: Steady,
}

/// A picture held against those before it, by its brightness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// Something may have moved since the last one that the network saw.
    pub anew: bool,
    /// Nothing moves in it, nor did a moment ago: boxes that the network moves about are no crossings.
    pub still: bool,
}

/// What one picture told.
#[derive(Debug)]
pub struct Analysed<'a> {
    /// All confirmed tracks, boxes in pixels of the scene.
    pub tracks: &'a [Track],
    /// Boxes that the network saw, or that still hold.
    pub detections: usize,
    /// What became certain with this picture; its time may be a little earlier than the picture's.
    pub events: Vec<(UtcMillis, EventBody)>,
}

impl Analysis {
    /// # Errors
    /// Every rule of the scene that is unknown or has a wrong key.
    pub fn new(camera: CameraId, scene: &Scene, detector: Arc<dyn Detector>) -> Result<Self, Vec<String>> {
        let watch = Watch::new(camera, scene, Settings::default())?;
        Ok(Self {
            detector,
            watch,
            size: scene.size,
            meter: None,
            looked: None,
            witness: None,
            lights: None,
            seen: Steady::default(),
        })
    }

    /// Looks at the pictures themselves too, now and then; without a meter nothing is said of the camera's health.
    #[must_use]
    pub fn with_meter(self, meter: Option<Arc<dyn PictureMeter>>) -> Self {
        Self { meter, ..self }
    }

    /// Remembers tracks from now on.
    pub fn remember(&mut self, witness: Witness) {
        self.witness = Some(witness);
    }

    /// Watches stop lines from now on.
    pub fn watch_lights(&mut self, lights: Eyes) {
        self.lights = Some(lights);
    }

    /// Width, height of the scene: what the tracks' boxes are pixels of.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// # Errors
    /// [`InferError`] when the network fails or the picture is not what it says; the analysis can go on with the next.
    pub fn step(&mut self, frame: &Frame, compared: Compared) -> Result<Analysed<'_>, InferError> {
        let mut seen = self.detector.detect(&frame.picture)?;
        to_scene(&mut seen, &frame.picture, self.size);
        self.seen.look(seen, compared.anew);
        self.judge(frame, |looks| looks.newest(), compared.still)
    }

    /// The same for a picture in which nothing moves: what the network saw in half of its last looks is still there.
    ///
    /// # Errors
    /// As [`Analysis::step`].
    pub fn still(&mut self, frame: &Frame) -> Result<Analysed<'_>, InferError> {
        self.judge(frame, Steady::there, true)
    }

    /// `of`: what of the looks is there in this picture.
    fn judge(
        &mut self,
        frame: &Frame,
        of: fn(&mut Steady) -> &[Detection],
        still: bool,
    ) -> Result<Analysed<'_>, InferError> {
        let mut events = Vec::new();
        let seen = of(&mut self.seen);
        let detections = seen.len();
        let asks = self.watch.follow(frame.at, seen, still);
        let meter = self.meter.as_ref().filter(|_| asks);
        let thumb = meter.map(|meter| meter.thumb(&frame.picture)).transpose();
        if let Ok(Some(thumb)) = &thumb {
            self.watch.place(frame.at, thumb);
        }
        self.watch.judge(frame.at, still, &mut events);
        if let Some(witness) = &mut self.witness {
            witness.picture(frame, self.watch.tracks(), &events);
        }
        if let Some(lights) = &mut self.lights {
            lights.picture(frame, self.watch.tracks());
        }
        self.look(frame, thumb?, &mut events)?;
        Ok(Analysed { tracks: self.watch.tracks(), detections, events })
    }

    /// `thumb`: of the picture, where it was made already.
    fn look(
        &mut self,
        frame: &Frame,
        thumb: Option<Thumb>,
        events: &mut Vec<(UtcMillis, EventBody)>,
    ) -> Result<(), InferError> {
        let Some(meter) = &self.meter else { return Ok(()) };
        let soon = |looked: UtcMillis| (DurationMs(0)..LOOK_EVERY).contains(&frame.at.since(looked));
        if self.looked.is_some_and(soon) {
            return Ok(());
        }
        self.looked = Some(frame.at);
        let thumb = thumb.map_or_else(|| meter.thumb(&frame.picture), Ok)?;
        self.watch.look(frame.at, &thumb, events);
        Ok(())
    }

    /// A picture of a stream that is only watched: whether the camera shows what it should. True when another one should
    /// be looked at soon.
    ///
    /// # Errors
    /// [`InferError`] when the picture is not what it says.
    pub fn glance(
        &mut self,
        frame: &Frame,
        events: &mut Vec<(UtcMillis, EventBody)>,
    ) -> Result<bool, InferError> {
        let Some(meter) = &self.meter else { return Ok(false) };
        self.looked = Some(frame.at);
        Ok(self.watch.glance(frame.at, &meter.thumb(&frame.picture)?, events))
    }

    /// Between these moments nobody watched the stream. Told before the next picture.
    pub fn unwatched(&mut self, from: UtcMillis, until: UtcMillis) {
        self.watch.unwatched(from, until);
    }

    /// The stream is over: decides what was still open.
    pub fn finish(&mut self) -> Vec<(UtcMillis, EventBody)> {
        let mut events = Vec::new();
        self.watch.finish(&mut events);
        if let Some(witness) = &mut self.witness {
            witness.finish();
        }
        events
    }
}

/// Boxes in pixels of the picture become boxes in pixels of the scene.
fn to_scene(seen: &mut [Detection], picture: &Picture, size: (u32, u32)) {
    if (picture.width, picture.height) == size {
        return;
    }
    let x = f64::from(size.0) / f64::from(picture.width.max(1));
    let y = f64::from(size.1) / f64::from(picture.height.max(1));
    for detection in seen {
        let b = detection.bbox;
        detection.bbox = BBox::new(b.x * x, b.y * y, b.w * x, b.h * y);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use models_domain::Class;

    use super::*;

    /// Sees a car at each of these places, picture by picture.
    struct Scripted(Mutex<std::vec::IntoIter<Vec<f64>>>);

    impl Detector for Scripted {
        fn detect(&self, _: &Picture) -> Result<Vec<Detection>, InferError> {
            let places = self.0.lock().unwrap().next().unwrap();
            let car = |x| Detection { class: Class::Car, bbox: BBox::new(x, 50.0, 40.0, 30.0), score: 0.8 };
            Ok(places.into_iter().map(car).collect())
        }
    }

    #[test]
    fn what_comes_and_goes_in_a_street_where_nothing_moves_is_judged_by_several_looks() {
        // The first car is left out once; the second is seen but in the last look.
        let sees = vec![vec![10.0], vec![10.0], vec![10.0], vec![10.0], vec![200.0]];
        let looks = sees.len();
        let detector = Arc::new(Scripted(Mutex::new(sees.into_iter())));
        let scene = Scene::empty((320, 240));
        let mut analysis = Analysis::new("c".parse().unwrap(), &scene, detector).unwrap();
        let frame = |n: usize| {
            let at = n as i64 * 167;
            let picture = Picture::from_rgb(320, 240, vec![0; 320 * 240 * 3]);
            Frame { at: UtcMillis(at), pts: DurationMs(at), picture }
        };
        for n in 0..looks {
            let told = analysis.step(&frame(n), Compared { anew: n == 0, still: n > 0 }).unwrap();
            assert_eq!(told.detections, 1, "what is seen now counts now");
        }
        for n in looks..4 * looks {
            let told = analysis.still(&frame(n)).unwrap();
            let places: Vec<f64> = told.tracks.iter().map(|t| t.bbox.x.round()).collect();
            assert_eq!((told.detections, places), (1, vec![10.0]), "picture {n}");
            assert!(told.tracks[0].is_seen(UtcMillis(n as i64 * 167)), "picture {n}");
        }
    }
}
