//! What one camera's pictures leave behind at the gateway: finished tracks with their colours, for the archive.

use std::sync::Arc;

use hardware_ports::camera::{Frame, Picture};
use hardware_ports::colour::ColourReader;
use models_domain::archive::gather::LineCrossingAt;
use models_domain::archive::{ColourVotes, Gatherer, TrackRecord};
use models_domain::scene::Scene;
use models_domain::track::Track;
use models_domain::{BBox, CameraId, Class, EventBody, UtcMillis};

use crate::keep::KeepTracks;

/// One camera's memory. Works where the pictures are analysed, while their pixels are there.
pub struct Witness {
    size: (u32, u32),
    gatherer: Gatherer,
    tracks: Arc<dyn KeepTracks>,
    colours: Arc<dyn ColourReader>,
    finished: Vec<TrackRecord>,
}

impl Witness {
    pub fn new(
        camera: CameraId,
        scene: &Scene,
        tracks: Arc<dyn KeepTracks>,
        colours: Arc<dyn ColourReader>,
    ) -> Self {
        let gatherer = Gatherer::new(camera, scene.zones.clone(), scene.ground.clone());
        Self { size: scene.size, gatherer, tracks, colours, finished: Vec::new() }
    }

    /// A picture that was analysed, and what was found in it.
    pub fn picture(&mut self, frame: &Frame, tracks: &[Track], events: &[(UtcMillis, EventBody)]) {
        let crossing = |(at, body): &(UtcMillis, EventBody)| -> Option<LineCrossingAt> {
            let EventBody::LineCrossing { crossing, .. } = body else { return None };
            Some((*at, crossing.clone()))
        };
        let crossings: Vec<LineCrossingAt> = events.iter().filter_map(crossing).collect();
        let (size, colours) = (self.size, &self.colours);
        let mut look = |bbox: &BBox, class| look(&**colours, &frame.picture, size, bbox, class);
        self.gatherer.step(frame.at, tracks, &crossings, &mut look, &mut self.finished);
        self.hand_over();
    }

    /// The stream is over for good: who was there is kept as far as is known.
    pub fn finish(&mut self) {
        self.gatherer.finish(&mut self.finished);
        self.hand_over();
    }

    fn hand_over(&mut self) {
        for record in self.finished.drain(..) {
            self.tracks.keep_track(record);
        }
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
