//! What one camera sees at its stop lines: passages with their pictures. Works where the pictures are analysed.

use std::collections::VecDeque;
use std::sync::Arc;

use hardware_ports::camera::{Frame, Picture};
use models_domain::scene::Scene;
use models_domain::signal::Aspect;
use models_domain::signal::red_light::stop_line::{Found, Passed, StopLine};
use models_domain::track::Track;
use models_domain::{CameraId, UtcMillis};

use super::{RedLights, StopLineSpec};

/// Pictures that are held for whoever is on a line; each holds a decoder's buffer.
const HELD: usize = 24;
/// Of 100, and pixels: what an officer looks at is larger and sharper than what a list shows.
const QUALITY: u8 = 88;
const WIDTH_MAX: u32 = 1920;

/// The stop lines of one camera.
pub struct Eyes {
    camera: CameraId,
    lines: Vec<(StopLineSpec, StopLine)>,
    held: VecDeque<(UtcMillis, Picture)>,
    /// Of the newest picture that had to go though somebody was still on a line.
    gone: Option<UtcMillis>,
    lights: Arc<RedLights>,
    found: Vec<Found>,
}

impl Eyes {
    /// # Errors
    /// Every stop line that the scene has not.
    pub fn new(
        camera: CameraId,
        scene: &Scene,
        specs: &[StopLineSpec],
        lights: &Arc<RedLights>,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut lines = Vec::new();
        for spec in specs {
            match scene.lines.iter().find(|line| line.id == spec.line) {
                Some(line) => {
                    let line = StopLine::new(line.clone(), spec.direction, scene.ground.clone());
                    lines.push((spec.clone(), line));
                }
                None => problems.push(format!("red_light: the scene has no line {}", spec.line)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let (held, lights) = (VecDeque::new(), Arc::clone(lights));
        Ok(Self { camera, lines, held, gone: None, lights, found: Vec::new() })
    }

    /// A picture that was analysed, and who was in it.
    pub fn picture(&mut self, frame: &Frame, tracks: &[Track]) {
        let mut wanted = false;
        let mut passed: Vec<(usize, Passed)> = Vec::new();
        for (index, (spec, line)) in self.lines.iter_mut().enumerate() {
            self.found.clear();
            line.step(frame.at, tracks, &mut self.found);
            for found in self.found.drain(..) {
                match found {
                    Found::Passed(one) => passed.push((index, one)),
                    Found::Unseen(_) => self.lights.unseen(&self.camera, spec),
                }
            }
            // Nobody begins to run a light that is green.
            let may_run = matches!(
                self.lights.shows(&spec.junction, spec.group),
                Aspect::Red | Aspect::RedYellow | Aspect::Yellow
            );
            wanted |= line.crossed(frame.at) || (may_run && line.needs(frame.at));
        }
        for (index, one) in passed {
            self.hand_over(index, one, frame);
        }
        let lines = &self.lines;
        self.held.retain(|(at, _)| lines.iter().any(|(_, line)| line.needs(*at)));
        if wanted {
            if self.held.len() == HELD {
                self.gone = self.held.pop_front().map(|(at, _)| at);
            }
            self.held.push_back((frame.at, frame.picture.clone()));
        }
    }

    /// Somebody who came to the line while it was green for all that was known has no pictures, and needs no judgement.
    fn hand_over(&self, index: usize, passed: Passed, frame: &Frame) {
        let Some((spec, _)) = self.lines.get(index) else { return };
        let [before, crossed, _] = passed.sights;
        let held = |at: UtcMillis| self.held.iter().find(|(of, _)| *of == at).map(|(_, picture)| picture);
        let Some(first) = held(before.at) else {
            if self.gone.is_some_and(|gone| before.at <= gone) {
                self.lights.unseen(&self.camera, spec);
            }
            return;
        };
        let Some(second) = held(crossed.at) else { return self.lights.unseen(&self.camera, spec) };
        let jpeg = |picture: &Picture| self.lights.encoder.jpeg(picture, WIDTH_MAX, QUALITY);
        let jpegs: Result<Vec<Vec<u8>>, _> = [second, first, &frame.picture].into_iter().map(jpeg).collect();
        match jpegs {
            Ok(jpegs) => self.lights.passed(&self.camera, spec, passed, jpegs),
            Err(err) => {
                tracing::warn!(camera = %self.camera, "the pictures of a passage cannot be kept: {err}");
                self.lights.unseen(&self.camera, spec);
            }
        }
    }
}
