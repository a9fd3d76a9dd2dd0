//! Measuring, in CPU time of this process: receiving, decoding, and what the network takes of a picture.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use edge_agent_core::camera_worker::climb::Climb;
use hardware_camera::Cameras;
use hardware_camera::probe::{self, Clip, Sender, Which};
use hardware_infer::Options;
use hardware_ports::Clock;
use hardware_ports::camera::{CameraSource, Picture};
use hardware_ports::infer::Detector;
use hardware_ports::units::{NextUnit, UnitDriver, UnitStream};
use models_domain::ladder::{Ladder, Rung};
use serde::Serialize;
use tokio::task::JoinSet;

use super::report;
use crate::models;
use crate::usage::{cpu_seconds, thread_cpu_seconds};

/// Streams that are received at once while that is measured: enough to be seen, few enough for any machine.
const STREAMS: u32 = 32;

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

/// CPU milliseconds of receiving: by the service's own client over TCP from this machine itself, put together, parsed, judged by a
/// ladder and kept. Without what the kernel and the network card take until the bytes are at the socket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watching {
    pub codec: &'static str,
    /// Pixels.
    pub size: (u32, u32),
    pub mbit_per_s: f64,
    /// Streams received at once, at the pace of cameras.
    pub streams: u32,
    /// One coded picture.
    pub picture_ms: f64,
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

pub struct Meter {
    pub clock: Arc<dyn Clock>,
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

impl Meter {
    /// Receives the clip as so many cameras, and decodes nothing of it. All that is counted is done on the thread that calls.
    pub fn watching(&self, clip: &Clip) -> Result<Watching, String> {
        let sender = Sender::play(clip)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|err| format!("starting to receive: {err}"))?;
        let picture_ms = runtime.block_on(self.receive(sender.url()))?;
        Ok(Watching {
            codec: report::name(clip.codec),
            size: clip.size,
            mbit_per_s: clip.bits_per_second() / 1e6,
            streams: STREAMS,
            picture_ms,
        })
    }

    async fn receive(&self, url: &str) -> Result<f64, String> {
        let cameras = Cameras::new(Arc::clone(&self.clock), &[]).map_err(|err| err.to_string())?;
        let source = CameraSource { url: url.to_owned(), ..CameraSource::default() };
        let pictures = Arc::new(AtomicU64::new(0));
        let mut watchers = JoinSet::new();
        for number in 0..STREAMS {
            let stream = cameras.open(&source).await.map_err(|err| err.to_string())?;
            watchers.spawn(watch(stream, number, Arc::clone(&pictures), Arc::clone(&self.clock)));
        }
        // What opening left to be done is not receiving.
        tokio::time::sleep(self.each / 5).await;
        let now = || (pictures.load(Ordering::Relaxed), thread_cpu_seconds());
        let (before, began) = now();
        tokio::select! {
            () = tokio::time::sleep(self.each * 4 / 5) => {}
            Some(over) = watchers.join_next() => {
                return Err(over.unwrap_or_else(|err| format!("receiving: {err}")));
            }
        }
        let (after, ended) = now();
        watchers.shutdown().await;
        match after.saturating_sub(before) {
            0 => Err("no picture came; give it more --seconds".to_owned()),
            pictures => Ok((ended - began) * 1_000.0 / pictures as f64),
        }
    }

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

/// What a camera costs that is only watched, until its stream is over: why.
async fn watch(
    mut stream: Box<dyn UnitStream>,
    number: u32,
    pictures: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
) -> String {
    let (mut ladder, mut climb) = (Ladder::new(None, u64::from(number)), Climb::new());
    loop {
        match stream.next().await {
            Ok(NextUnit::Unit(unit)) => {
                // Whatever it wants, the stream stays watched: much moves in the clip.
                ladder.unit(&unit.facts);
                climb.unit(unit, Rung::Watch, clock.elapsed());
                pictures.fetch_add(1, Ordering::Relaxed);
            }
            Ok(NextUnit::Lost) => climb.lost(),
            Ok(NextUnit::End) => return "the stream ended".to_owned(),
            Err(err) => return err.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hardware_ports::SystemClock;
    use hardware_ports::units::Codec;

    use super::*;

    #[test]
    fn receiving_is_measured_by_receiving() {
        let meter = Meter { clock: Arc::new(SystemClock::new()), each: Duration::from_secs(1) };
        for codec in [Codec::H264, Codec::H265] {
            let watching = meter.watching(&probe::clip(codec, (320, 192), 1).unwrap()).unwrap();
            assert_eq!((watching.codec, watching.streams), (report::name(codec), STREAMS));
            // Whatever the machine: more than nothing, and less than a core for one stream.
            assert!(watching.picture_ms > 0.0 && watching.picture_ms < 40.0, "{watching:?}");
        }
    }

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
