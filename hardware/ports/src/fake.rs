//! Scripted doors for tests of pure logic: a street that plays a list of steps and moves a [`FakeClock`] with it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use models_domain::ladder::{UnitFacts, UnitKind};
use models_domain::{Detection, DurationMs, UtcMillis};

use crate::Clock as _;
use crate::camera::{CameraError, CameraSource, Frame, Picture};
use crate::clock::FakeClock;
use crate::infer::{Detector, InferError};
use crate::units::{AccessUnit, Codec, NextUnit, PictureDecoder, StreamFormat, UnitDriver, UnitStream};

/// One thing a scripted stream does when asked for the next unit.
#[derive(Debug, Clone)]
pub enum Step {
    /// A key frame, this long after the step before.
    Key(DurationMs),
    /// A picture that needs the one before it, this long after the step before.
    Delta(DurationMs),
    /// A picture that needs the one before it, of so many bytes.
    Large(DurationMs, u32),
    /// Packets are missing from here on.
    Lost,
    /// Nothing more comes, and the connection stays.
    Silence,
    End,
    Fail(CameraError),
}

/// Number of the unit that a scripted picture was made of.
pub fn number_of(picture: &Picture) -> u64 {
    picture.planes.plane(0).data.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Gives the scripted streams one after the other; when none is left, nobody answers any more. Its decoders are as
/// strict as real ones: a picture whose predecessor they were not given is left out.
pub struct ScriptedCamera {
    clock: Arc<FakeClock>,
    opens: Mutex<VecDeque<Result<Vec<Step>, CameraError>>>,
    decoded: Arc<Mutex<Decoded>>,
}

/// What all decoders of a [`ScriptedCamera`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Numbers of the units that gave a picture, in the order they were decoded.
    pub units: Vec<u64>,
    /// Units whose predecessor was missing.
    pub damaged: Vec<u64>,
    /// Decoders that were made, and the ones that are still there.
    pub made: usize,
    pub open: usize,
}

/// Bytes of a scripted picture that is not [`Step::Large`].
pub const KEY_BYTES: u32 = 10_000;
pub const DELTA_BYTES: u32 = 500;

impl ScriptedCamera {
    pub fn new(clock: Arc<FakeClock>, opens: Vec<Result<Vec<Step>, CameraError>>) -> Self {
        Self { clock, opens: Mutex::new(opens.into()), decoded: Arc::default() }
    }

    /// The clock that moves with the script.
    pub fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// How many scripted openings are still to come.
    pub fn left(&self) -> usize {
        held(&self.opens).len()
    }

    pub fn decoded(&self) -> Decoded {
        held(&self.decoded).clone()
    }
}

#[async_trait]
impl UnitDriver for ScriptedCamera {
    async fn open(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
        let gone =
            CameraError::Unreachable { camera: source.to_string(), why: "the script is over".to_owned() };
        let steps = held(&self.opens).pop_front().unwrap_or(Err(gone))?;
        let format = StreamFormat { codec: Codec::H264, size: (16, 16), parameter_sets: Vec::new() };
        Ok(Box::new(ScriptedStream {
            clock: Arc::clone(&self.clock),
            steps: steps.into(),
            format: Arc::new(format),
            number: 0,
        }))
    }

    fn decoder(
        &self,
        _source: &CameraSource,
        _format: &Arc<StreamFormat>,
    ) -> Result<Box<dyn PictureDecoder>, CameraError> {
        let mut decoded = held(&self.decoded);
        decoded.made += 1;
        decoded.open += 1;
        Ok(Box::new(ScriptedDecoder { decoded: Arc::clone(&self.decoded), last: None }))
    }
}

struct ScriptedStream {
    clock: Arc<FakeClock>,
    steps: VecDeque<Step>,
    format: Arc<StreamFormat>,
    /// Of the unit to come, counted from 0.
    number: u64,
}

impl ScriptedStream {
    fn unit(&mut self, after: DurationMs, kind: UnitKind, bytes: u32) -> NextUnit {
        self.clock.advance(after);
        let at = self.clock.now();
        let number = self.number;
        self.number += 1;
        NextUnit::Unit(AccessUnit {
            facts: UnitFacts { at, bytes, kind, qp: None },
            number,
            uncertainty: DurationMs(0),
            pts: at.since(UtcMillis(0)),
            format: Arc::clone(&self.format),
            data: Arc::from([0; 8]),
        })
    }
}

#[async_trait]
impl UnitStream for ScriptedStream {
    async fn next(&mut self) -> Result<NextUnit, CameraError> {
        match self.steps.pop_front() {
            Some(Step::Key(after)) => Ok(self.unit(after, UnitKind::Key, KEY_BYTES)),
            Some(Step::Delta(after)) => Ok(self.unit(after, UnitKind::Delta, DELTA_BYTES)),
            Some(Step::Large(after, bytes)) => Ok(self.unit(after, UnitKind::Delta, bytes)),
            Some(Step::Lost) => {
                self.number += 1;
                Ok(NextUnit::Lost)
            }
            Some(Step::Silence) => {
                self.steps.push_front(Step::Silence);
                std::future::pending().await
            }
            Some(Step::Fail(err)) => Err(err),
            Some(Step::End) | None => Ok(NextUnit::End),
        }
    }
}

struct ScriptedDecoder {
    decoded: Arc<Mutex<Decoded>>,
    last: Option<u64>,
}

impl PictureDecoder for ScriptedDecoder {
    fn decode(&mut self, unit: &AccessUnit, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        let number = unit.number;
        let follows = unit.facts.kind == UnitKind::Key || (number > 0 && self.last == Some(number - 1));
        if !follows {
            held(&self.decoded).damaged.push(number);
            return Ok(());
        }
        self.last = Some(number);
        held(&self.decoded).units.push(number);
        // The first pixels tell which one it is.
        let mut pixels = vec![0; 16 * 16 * 3];
        pixels[..8].copy_from_slice(&number.to_be_bytes());
        let picture = Picture::from_rgb(16, 16, pixels);
        out.push(Frame { at: unit.facts.at, pts: unit.pts, picture });
        Ok(())
    }

    fn drain(&mut self, _out: &mut Vec<Frame>) -> Result<(), CameraError> {
        self.last = None;
        Ok(())
    }
}

impl Drop for ScriptedDecoder {
    fn drop(&mut self) {
        held(&self.decoded).open -= 1;
    }
}

/// Sees the scripted road users, one list a picture; when the script is over, nobody.
#[derive(Default)]
pub struct ScriptedDetector {
    pictures: Mutex<VecDeque<Result<Vec<Detection>, InferError>>>,
}

impl ScriptedDetector {
    pub fn new(pictures: Vec<Result<Vec<Detection>, InferError>>) -> Self {
        Self { pictures: Mutex::new(pictures.into()) }
    }
}

impl Detector for ScriptedDetector {
    fn detect(&self, _picture: &Picture) -> Result<Vec<Detection>, InferError> {
        held(&self.pictures).pop_front().unwrap_or(Ok(Vec::new()))
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
