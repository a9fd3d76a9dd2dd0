//! The eye of one camera: decoders and [`Analysis`]. Blocking; it works on a lane, and in `edge-agent analyze` by itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use hardware_ports::camera::{CameraError, CameraSource, Frame, Picture};
use hardware_ports::units::{AccessUnit, Codec, PictureDecoder, StreamFormat, UnitDriver};
use models_domain::ladder::{Care, Shown, UnitKind};
use models_domain::track::{Track, size_of};
use models_domain::{DurationMs, EventBody, UtcMillis};

use super::climb::Work;
use super::gate::{Gate, Pass};
use super::pace::{AnalyzePace, Turn};
use crate::analysis::Analysis;

/// A track is moving at this many of its own sizes a second.
const MOVING: f64 = 0.25;
/// Who was not seen for longer is not said to move: its speed is a guess.
const SEEN_LATELY: DurationMs = DurationMs(1_000);
/// Pictures that a decoder may hold back, at most; H.264 and H.265 allow 16.
const HELD_BACK: usize = 64;

/// After so many units in a row without a picture it is blank: more than decoders hold back. A key frame by itself must give
/// its picture, and counts as many.
const BLANK: u32 = 128;
const BLANK_ALONE: u32 = 43;

/// Decoders and analysis of one camera.
pub struct Eye {
    driver: Arc<dyn UnitDriver>,
    source: CameraSource,
    /// For key frames by themselves.
    lent: Arc<Decoders>,
    own: Option<Open>,
    analysis: Analysis,
    /// `None`: every picture that the gate lets through is analysed.
    pace: Option<AnalyzePace>,
    gate: Gate,
    /// Presentation times of pictures on their way through the decoder that are not to be looked at.
    pass: VecDeque<DurationMs>,
    frames: Vec<Frame>,
    /// Units in a row that gave no picture.
    without: u32,
}

struct Open {
    format: Arc<StreamFormat>,
    decoder: Box<dyn PictureDecoder>,
}

/// What came of one or a few units.
#[derive(Default)]
pub struct Seen {
    /// Pictures decoded, those included that were decoded before.
    pub decoded: u64,
    /// Pictures left out because of the load.
    pub shed: u64,
    pub looks: Vec<Look>,
    /// What glances told, each with its picture.
    pub glanced: Vec<(UtcMillis, EventBody, Picture)>,
    /// A glance was not sure: another one should come soon.
    pub unsure: bool,
    /// Pictures in which something moves by their brightness.
    pub moved: Vec<UtcMillis>,
    /// Why pictures could not be decoded or glanced at, and none was since.
    pub unseen: Option<String>,
    /// Why a picture could not be analysed.
    pub trouble: Option<String>,
}

/// One picture, analysed or known to show what the one before it showed.
pub struct Look {
    pub frame: Frame,
    pub tracks: Vec<Track>,
    /// Boxes that the network saw; `None`: it did not go through the network.
    pub detections: Option<usize>,
    pub events: Vec<(UtcMillis, EventBody)>,
    pub shown: Shown,
}

impl Eye {
    pub fn new(
        driver: Arc<dyn UnitDriver>,
        source: CameraSource,
        lent: Arc<Decoders>,
        analysis: Analysis,
        pace: Option<AnalyzePace>,
    ) -> Self {
        let (own, pass, frames, gate) = (None, VecDeque::new(), Vec::new(), Gate::new());
        Self { driver, source, lent, own, analysis, pace, gate, pass, frames, without: 0 }
    }

    /// Which of the pictures are analysed from now on; all before the first call.
    pub fn careful(&mut self, care: Care) {
        self.gate.careful(care);
    }

    /// Whether units are decoded and no picture comes of them: decoders leave damaged ones out without a word.
    pub fn is_blank(&self) -> bool {
        self.without >= BLANK
    }

    /// Width, height of the scene: what the tracks' boxes are pixels of.
    pub fn size(&self) -> (u32, u32) {
        self.analysis.size()
    }

    /// Between these moments nobody watched the stream. Told before the work that comes after.
    pub fn unwatched(&mut self, from: UtcMillis, until: UtcMillis) {
        self.analysis.unwatched(from, until);
    }

    /// Does one piece of work. `share`: this part of the pictures whose turn it is are analysed, the others shed.
    pub fn work(&mut self, work: Work, share: f64, seen: &mut Seen) {
        let glance = matches!(work, Work::Glance(_));
        let alone = matches!(work, Work::Alone(_));
        let closes = matches!(work, Work::Close);
        let decoded = match work {
            Work::Alone(unit) | Work::Glance(unit) => self.alone(&unit),
            Work::Look(unit) => self.decode(&unit),
            Work::Pass(unit) => {
                if self.pass.len() == HELD_BACK {
                    self.pass.pop_front();
                }
                self.pass.push_back(unit.pts);
                self.decode(&unit)
            }
            Work::Close => self.close(),
        };
        match decoded {
            Ok(()) if self.frames.is_empty() => {}
            Ok(()) => seen.unseen = None,
            Err(err) => {
                self.own = None;
                self.pass.clear();
                seen.unseen = Some(format!("its pictures cannot be decoded: {err}"));
            }
        }
        self.without = match (self.frames.is_empty(), closes) {
            (false, _) => 0,
            (true, true) => self.without,
            (true, false) => self.without.saturating_add(if alone || glance { BLANK_ALONE } else { 1 }),
        };
        let mut frames = std::mem::take(&mut self.frames);
        for frame in frames.drain(..) {
            seen.decoded += 1;
            if glance {
                self.glance(&frame, seen);
            } else if let Some(passed) = self.pass.iter().position(|pts| *pts == frame.pts) {
                self.pass.remove(passed);
            } else {
                self.look(frame, share, alone, seen);
            }
        }
        self.frames = frames;
    }

    /// The stream is over: decides what was still open.
    pub fn finish(&mut self) -> Vec<(UtcMillis, EventBody)> {
        self.analysis.finish()
    }

    fn glance(&mut self, frame: &Frame, seen: &mut Seen) {
        let mut events = Vec::new();
        match self.analysis.glance(frame, &mut events) {
            Ok(unsure) => seen.unsure |= unsure,
            Err(err) => seen.unseen = Some(format!("its pictures cannot be looked at: {err}")),
        }
        seen.glanced.extend(events.into_iter().map(|(at, body)| (at, body, frame.picture.clone())));
    }

    fn look(&mut self, frame: Frame, share: f64, alone: bool, seen: &mut Seen) {
        match self.pace.as_mut().map_or(Turn::Yes, |pace| pace.turn(frame.at, share)) {
            Turn::Yes => {}
            Turn::No => return,
            Turn::Shed => return seen.shed += 1,
        }
        let mut moves = false;
        let pass = self.gate.picture(&frame, alone, &mut moves);
        if moves {
            seen.moved.push(frame.at);
        }
        let (judged, still) = match pass {
            Pass::Old | Pass::Later => return,
            Pass::Still => (self.analysis.still(&frame), true),
            Pass::Analyse(compared) => (self.analysis.step(&frame, compared), compared.still),
        };
        match judged {
            Ok(judged) => {
                let moving = judged.tracks.iter().filter(|t| is_moving(t, frame.at)).count();
                // The minute's figures come with any picture: they say nothing of what this one shows.
                let told = judged.events.iter().filter(|(_, body)| body.wants_still()).count();
                let shown = Shown { tracks: judged.tracks.len(), moving, events: told, still };
                let detections = (pass != Pass::Still).then_some(judged.detections);
                let (tracks, events) = (judged.tracks.to_vec(), judged.events);
                if detections.is_some() {
                    self.gate.showed(frame.at, still, moving, told);
                }
                seen.looks.push(Look { frame, tracks, detections, events, shown });
            }
            Err(err) => seen.trouble = Some(format!("its pictures cannot be analysed: {err}")),
        }
    }

    /// A key frame in a borrowed decoder, which gives the picture at once and keeps nothing.
    fn alone(&mut self, unit: &AccessUnit) -> Result<(), CameraError> {
        if let Some(mut lent) = self.lent.lend(&unit.format) {
            if by_itself(&mut *lent, unit, &mut self.frames).is_ok() {
                self.lent.give_back(&unit.format, lent);
                return Ok(());
            }
            // Another camera may have spoilt it, and its errors name the camera that it was made for.
            self.frames.clear();
        }
        let mut decoder = self.driver.decoder(&self.source, &unit.format)?;
        by_itself(&mut *decoder, unit, &mut self.frames)?;
        self.lent.give_back(&unit.format, decoder);
        Ok(())
    }

    fn decode(&mut self, unit: &AccessUnit) -> Result<(), CameraError> {
        let is_key = unit.facts.kind == UnitKind::Key;
        if self.own.as_ref().is_some_and(|own| !Arc::ptr_eq(&own.format, &unit.format)) {
            self.close()?;
        }
        let own = match &mut self.own {
            Some(own) => own,
            // After a failure only a key frame begins again.
            None if !is_key => return Ok(()),
            None => {
                let decoder = self.driver.decoder(&self.source, &unit.format)?;
                self.own.insert(Open { format: Arc::clone(&unit.format), decoder })
            }
        };
        own.decoder.decode(unit, &mut self.frames)
    }

    fn close(&mut self) -> Result<(), CameraError> {
        match self.own.take() {
            Some(mut own) => own.decoder.drain(&mut self.frames),
            None => Ok(()),
        }
    }
}

fn by_itself(
    decoder: &mut dyn PictureDecoder,
    unit: &AccessUnit,
    out: &mut Vec<Frame>,
) -> Result<(), CameraError> {
    decoder.decode(unit, out)?;
    decoder.drain(out)
}

fn is_moving(track: &Track, at: UtcMillis) -> bool {
    let speed = track.velocity.0.hypot(track.velocity.1);
    at.since(track.seen) <= SEEN_LATELY && speed >= MOVING * size_of(&track.bbox)
}

/// Decoders that stand ready for single key frames, shared by all cameras: one of its own would cost each some 20 MB.
pub struct Decoders {
    ready: Mutex<Vec<(StreamFormat, Box<dyn PictureDecoder>)>>,
    most: usize,
}

impl Decoders {
    /// Keeps at most `most`; more are made and thrown away when more are needed at once.
    pub fn new(most: usize) -> Self {
        Self { ready: Mutex::default(), most }
    }

    fn lend(&self, format: &StreamFormat) -> Option<Box<dyn PictureDecoder>> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = ready.iter().rposition(|(of, _)| is_same(of, format))?;
        Some(ready.remove(fits).1)
    }

    fn give_back(&self, format: &StreamFormat, decoder: Box<dyn PictureDecoder>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.len() >= self.most && !ready.is_empty() {
            ready.remove(0);
        }
        ready.push((format.clone(), decoder));
    }
}

/// One decoder does for both: key frames bring their parameter sets along, but for what only files hold.
fn is_same(a: &StreamFormat, b: &StreamFormat) -> bool {
    let in_band = match a.codec {
        Codec::H264 | Codec::H265 | Codec::Jpeg => true,
        Codec::Mpeg4 | Codec::Other => false,
    };
    a.codec == b.codec && a.size == b.size && (in_band || a.parameter_sets == b.parameter_sets)
}
