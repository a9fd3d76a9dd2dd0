//! `--annotated`: the clip again, with tracks, lines and zones drawn on it.

use std::path::{Path, PathBuf};

use hardware_camera::Mp4Writer;
use hardware_infer::{Drawing, Label, annotate};
use hardware_ports::camera::Frame;
use models_domain::scene::Scene;
use models_domain::track::Track;
use models_domain::{DurationMs, UtcMillis};

/// Begins the file with the first picture, whose size the clip has.
pub struct Annotated {
    path: PathBuf,
    scene: Scene,
    writer: Option<Mp4Writer>,
    first: DurationMs,
    last: DurationMs,
}

impl Annotated {
    pub fn new(path: &Path, scene: &Scene) -> Self {
        let (first, last) = (DurationMs(0), DurationMs(-1));
        Self { path: path.to_owned(), scene: scene.clone(), writer: None, first, last }
    }

    pub fn picture(&mut self, frame: &Frame, tracks: &[Track]) -> anyhow::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                self.first = frame.pts;
                let (width, height) = (frame.picture.width, frame.picture.height);
                self.writer.insert(Mp4Writer::create(&self.path, width, height)?)
            }
        };
        let pts = DurationMs(frame.pts.0 - self.first.0);
        if pts <= self.last {
            return Ok(());
        }
        self.last = pts;
        let labels: Vec<Label> =
            tracks.iter().filter(|t| t.is_seen(UtcMillis(frame.pts.0))).map(label).collect();
        let (lines, zones) = (&self.scene.lines, &self.scene.zones);
        let drawing = Drawing { size: self.scene.size, labels: &labels, lines, zones };
        writer.write(&annotate(&frame.picture, &drawing)?, pts)?;
        Ok(())
    }

    pub fn close(self) -> anyhow::Result<()> {
        match self.writer {
            Some(writer) => Ok(writer.close()?),
            None => Ok(()),
        }
    }
}

fn label(track: &Track) -> Label {
    Label { bbox: track.bbox, class: track.class, text: format!("{} {}", track.class, track.id.0) }
}
