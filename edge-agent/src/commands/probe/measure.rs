//! Measuring, in CPU time of this process: decoding, and what the network takes of a picture.

use std::time::Duration;

use anyhow::Context;
use hardware_camera::probe::{self, Clip, Which};
use hardware_infer::Options;
use hardware_ports::Clock;
use hardware_ports::camera::Picture;
use hardware_ports::infer::Detector;
use serde::Serialize;

use super::report;
use crate::models;
use crate::usage::cpu_seconds;

/// CPU milliseconds of one decoder on one clip.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decoding {
    pub codec: &'static str,
    /// Pixels.
    pub size: (u32, u32),
    pub decoder: String,
    /// Of the clip that was measured; a street at the same size and rate costs somewhat more.
    pub mbit_per_s: f64,
    /// One picture of many, all of them decoded.
    pub full_ms: f64,
    /// One key frame, the others left out.
    pub key_frame_ms: f64,
}

/// CPU milliseconds of one picture, prepared, judged and its boxes read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inference {
    pub model: String,
    /// What it was prepared from.
    pub picture: (u32, u32),
    pub picture_ms: f64,
    /// Wall time of one picture on one thread of this machine as busy as it was.
    pub latency_ms: f64,
}

pub struct Meter<'a> {
    pub clock: &'a dyn Clock,
    /// How long one measurement takes.
    pub each: Duration,
}

/// Pictures and CPU time between the first picture and the end.
#[derive(Default)]
struct Span {
    first: Option<(u64, f64)>,
    last: (u64, f64),
}

impl Span {
    fn note(&mut self, pictures: u64) {
        let now = (pictures, cpu_seconds());
        // What comes before is loading, not decoding.
        if pictures > 0 && self.first.is_none() {
            self.first = Some(now);
        }
        self.last = now;
    }

    fn ms_each(&self) -> Result<f64, String> {
        let (first, began) = self.first.ok_or("nothing came out of it")?;
        let (last, ended) = self.last;
        match last.checked_sub(first) {
            None | Some(0) => Err("too few pictures came to measure anything; give it more --seconds".into()),
            Some(pictures) => Ok((ended - began) * 1_000.0 / pictures as f64),
        }
    }
}

impl Meter<'_> {
    /// Decodes the clip in full, then its key frames only; the last picture too.
    pub fn decoding(&self, clip: &Clip, decoder: &str) -> Result<(Decoding, Picture), String> {
        let (full_ms, picture) = self.decode(clip, decoder, Which::All)?;
        let (key_frame_ms, _) = self.decode(clip, decoder, Which::KeyFrames)?;
        let measured = Decoding {
            codec: report::name(clip.codec),
            size: clip.size,
            decoder: decoder.to_owned(),
            mbit_per_s: clip.bits_per_second() / 1e6,
            full_ms,
            key_frame_ms,
        };
        Ok((measured, picture))
    }

    fn decode(&self, clip: &Clip, decoder: &str, which: Which) -> Result<(f64, Picture), String> {
        let (mut span, began) = (Span::default(), self.clock.elapsed());
        let picture = probe::decode(clip, decoder, which, &mut |pictures| {
            span.note(pictures);
            self.clock.elapsed().saturating_sub(began) < self.each
        })?;
        Ok((span.ms_each()?, picture))
    }

    /// Runs the network on `picture`, one at a time on one thread.
    ///
    /// # Errors
    /// When there is no network, or it fails.
    pub fn inference(&self, model: Option<&str>, picture: &Picture) -> anyhow::Result<Inference> {
        let detector = models::open(model, &Options::default())?;
        let (mut pictures, began, cpu) = (0_u32, self.clock.elapsed(), cpu_seconds());
        let ended = loop {
            detector.detect(picture).context("running it")?;
            pictures += 1;
            let now = self.clock.elapsed();
            if now.saturating_sub(began) >= self.each * 2 {
                break now;
            }
        };
        let each = |seconds: f64| seconds * 1_000.0 / f64::from(pictures);
        Ok(Inference {
            model: detector.manifest().name.clone(),
            picture: (picture.width, picture.height),
            picture_ms: each(cpu_seconds() - cpu),
            latency_ms: each(ended.saturating_sub(began).as_secs_f64()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loading_is_not_counted_and_too_little_is_told() {
        let mut span = Span::default();
        span.note(0);
        assert!(span.ms_each().is_err());
        span.note(2);
        assert!(span.ms_each().unwrap_err().contains("--seconds"));
        span.last = (12, span.first.unwrap().1 + 0.050);
        assert!((span.ms_each().unwrap() - 5.0).abs() < 1e-6);
    }
}
