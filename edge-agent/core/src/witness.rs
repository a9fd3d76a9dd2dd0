//! What one camera's pictures leave behind besides events: minute counts for the hall, finished tracks for the archive.

use std::sync::Arc;

use hardware_ports::camera::{Frame, Picture};
use hardware_ports::colour::ColourReader;
use models_domain::archive::gather::LineCrossingAt;
use models_domain::archive::{ColourVotes, Gatherer, TrackRecord};
use models_domain::count::minutes::MINUTE;
use models_domain::count::{MinuteCounts, Tally};
use models_domain::scene::Scene;
use models_domain::track::Track;
use models_domain::{BBox, CameraId, Class, EventBody, UtcMillis};

use crate::keep::KeepTracks;

/// Whether every single crossing goes to the hall beside the counts of its minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossings {
    /// Each is an event with its picture: for lines where each one matters, and for a few cameras.
    Each,
    /// Only the counts; each crossing stays at the gateway in the record of its track.
    Counted,
}

/// Events of one camera, each with the time it happened.
type Events = Vec<(UtcMillis, EventBody)>;

/// One camera's memory. All times but that of [`Witness::tick`] are the street's.
pub struct Witness {
    camera: CameraId,
    size: (u32, u32),
    crossings: Crossings,
    tally: Tally,
    gatherer: Gatherer,
    tracks: Arc<dyn KeepTracks>,
    colours: Arc<dyn ColourReader>,
    finished: Vec<TrackRecord>,
}

impl Witness {
    pub fn new(
        camera: CameraId,
        scene: &Scene,
        crossings: Crossings,
        tracks: Arc<dyn KeepTracks>,
        colours: Arc<dyn ColourReader>,
    ) -> Self {
        let gatherer = Gatherer::new(camera.clone(), scene.zones.clone(), scene.ground.clone());
        let tally = Tally::default();
        Self { camera, size: scene.size, crossings, tally, gatherer, tracks, colours, finished: Vec::new() }
    }

    /// The stream was there at `at`, whatever became of the picture.
    pub fn watched(&mut self, at: UtcMillis) {
        self.tally.watched(at);
    }

    /// A picture that was analysed, and what was found in it. Takes the crossings out of `events` where they are only
    /// counted.
    pub fn picture(&mut self, frame: &Frame, tracks: &[Track], events: &mut Events) {
        self.tally.analysed(frame.at);
        let crossings = self.take_crossings(events);
        let (size, colours) = (self.size, &self.colours);
        let mut look = |bbox: &BBox, class| look(&**colours, &frame.picture, size, bbox, class);
        self.gatherer.step(frame.at, tracks, &crossings, &mut look, &mut self.finished);
        self.hand_over();
    }

    /// Minutes that are over. `now` is the gateway's time; call it a few times a second, pictures or not.
    pub fn tick(&mut self, now: UtcMillis) -> Events {
        let mut minutes = Vec::new();
        self.tally.tick(now, &mut minutes);
        self.told(minutes)
    }

    /// The stream is over for good: `events` are the last ones; adds what is still open.
    pub fn finish(&mut self, events: &mut Events) {
        self.take_crossings(events);
        self.gatherer.finish(&mut self.finished);
        self.hand_over();
        let mut minutes = Vec::new();
        self.tally.finish(&mut minutes);
        events.extend(self.told(minutes));
    }

    fn take_crossings(&mut self, events: &mut Events) -> Vec<LineCrossingAt> {
        let mut crossings = Vec::new();
        events.retain(|(at, body)| {
            let EventBody::LineCrossing { crossing, .. } = body else { return true };
            self.tally.crossing(*at, crossing);
            crossings.push((*at, crossing.clone()));
            self.crossings == Crossings::Each
        });
        crossings
    }

    fn hand_over(&mut self) {
        for record in self.finished.drain(..) {
            self.tracks.keep_track(record);
        }
    }

    fn told(&self, minutes: Vec<MinuteCounts>) -> Events {
        let event = |counts: MinuteCounts| {
            (counts.minute + MINUTE, EventBody::Counts { camera: self.camera.clone(), counts })
        };
        minutes.into_iter().map(event).collect()
    }
}

/// Boxes in pixels of the scene become boxes in pixels of the picture.
fn look(
    colours: &dyn ColourReader,
    picture: &Picture,
    size: (u32, u32),
    bbox: &BBox,
    class: Class,
) -> Option<ColourVotes> {
    let x = f64::from(picture.width) / f64::from(size.0.max(1));
    let y = f64::from(picture.height) / f64::from(size.1.max(1));
    let bbox = BBox::new(bbox.x * x, bbox.y * y, bbox.w * x, bbox.h * y);
    match colours.colours(picture, &bbox, class) {
        Ok(votes) => votes,
        Err(err) => {
            tracing::debug!("reading colours: {err}");
            None
        }
    }
}
