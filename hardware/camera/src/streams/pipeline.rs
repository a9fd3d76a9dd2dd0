//! Units out of a GStreamer pipeline: a source of any kind, a parser, and a sink of compressed buffers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gst::prelude::*;
use hardware_ports::Clock;
use hardware_ports::camera::CameraError;
use hardware_ports::units::{AccessUnit, Codec, NextUnit, UnitStream};
use models_domain::ladder::{UnitFacts, UnitKind};
use models_domain::{DurationMs, UtcMillis};

use super::queue::{Over, Queue, Taken};
use super::unit::{Coded, Coding};
use crate::decode::{self, make};
use crate::frame_time::{Came, FrameTime};
use crate::problem::Named;

/// When a unit was taken.
pub enum TakenAt {
    /// Its presentation time, counted from 0.
    Pts,
    /// By its timestamp and its arrival on this clock.
    Arrival(FrameTime, Arc<dyn Clock>),
}

/// What an error message of GStreamer means for a kind of source; `None` when the units so far are all there is.
pub type Explain = fn(&Named, &gst::message::Error, video: bool, delivered: u64) -> Option<CameraError>;

/// A pipeline that fills a [`Queue`]; stopped and emptied when it is dropped.
pub struct Pipeline {
    pub pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    sources: Vec<gst::Element>,
    pub parser: gst::Element,
    pub queue: Arc<Queue>,
    pub named: Named,
}

impl Pipeline {
    /// Parser and sink, still without their source and not started.
    ///
    /// # Errors
    /// [`CameraError`] when an element of GStreamer is missing.
    pub fn new(named: Named, explain: Explain) -> Result<Self, CameraError> {
        let pipeline = gst::Pipeline::new();
        let sink = gst_app::AppSink::builder().sync(false).max_buffers(1).enable_last_sample(false).build();
        let parser = make("parsebin").map_err(|why| named.undecodable(&why))?;
        pipeline.add_many([&parser, sink.upcast_ref()]).map_err(|err| named.stream(&err.to_string()))?;
        let video = Arc::new(AtomicBool::new(false));
        link_first_video(&pipeline, &parser, &sink, &video);
        let queue = Arc::new(Queue::default());
        fill(&sink, &queue);
        if let Some(bus) = pipeline.bus() {
            let (queue, named) = (Arc::clone(&queue), named.clone());
            bus.set_sync_handler(move |_, message| {
                listen(message, &queue, |err| {
                    explain(&named, err, video.load(Ordering::Relaxed), queue.delivered())
                });
                gst::BusSyncReply::Drop
            });
        }
        Ok(Self { pipeline, sink, sources: Vec::new(), parser, queue, named })
    }

    /// Adds the elements of the source, upstream first. They stay still until [`Self::play`].
    ///
    /// # Errors
    /// [`CameraError::Stream`] when GStreamer refuses them.
    pub fn add(&mut self, sources: &[&gst::Element]) -> Result<(), CameraError> {
        for &element in sources {
            element.set_locked_state(true);
            self.pipeline.add(element).map_err(|err| self.named.stream(&err.to_string()))?;
            self.sources.push(element.clone());
        }
        Ok(())
    }

    /// Adds a live source, which starts with all others: it has nothing to push before the network has answered, and the
    /// pipeline must know that nothing will come while it is paused.
    ///
    /// # Errors
    /// [`CameraError::Stream`] when GStreamer refuses it.
    pub fn add_live(&self, source: &gst::Element) -> Result<(), CameraError> {
        self.pipeline.add(source).map_err(|err| self.named.stream(&err.to_string()))
    }

    /// Starts. What goes wrong from here on is found in the queue.
    pub fn play(&self) {
        if self.start().is_err() {
            // Where there was a message on the bus, it has been handled before this and says it better.
            self.queue.over(Over::Failed(self.named.stream("GStreamer did not start")));
        }
    }

    /// Waits until the source plays or gives its first unit.
    ///
    /// # Errors
    /// [`CameraError`] when it fails, is over at once, or says nothing for so long.
    pub async fn started(&self, within: Duration) -> Result<(), CameraError> {
        if tokio::time::timeout(within, self.queue.started()).await.is_err() {
            return Err(self.named.unreachable(&format!("no answer within {} s", within.as_secs())));
        }
        match self.queue.failed_at_once() {
            Some(Over::End) => Err(self.named.undecodable("it ended before the first whole picture")),
            Some(Over::Failed(err)) => Err(err),
            None => Ok(()),
        }
    }

    /// The source goes last: it is linked only once it knows what it has, so GStreamer cannot know that it comes first,
    /// and what it pushes into a sleeping element is lost without an error.
    fn start(&self) -> Result<(), gst::glib::BoolError> {
        let started = |_| gst::glib::bool_error!("state change");
        if !self.sources.is_empty() {
            self.pipeline.set_state(gst::State::Paused).map_err(started)?;
        }
        for element in self.sources.iter().rev() {
            element.set_locked_state(false);
            element.sync_state_with_parent()?;
        }
        self.pipeline.set_state(gst::State::Playing).map(drop).map_err(started)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // First the sender that may wait for room, else stopping would wait for it.
        self.queue.close();
        let (pipeline, sink, camera) = (self.pipeline.clone(), self.sink.clone(), self.named.camera.clone());
        let stop = move || {
            if pipeline.set_state(gst::State::Null).is_err() {
                tracing::warn!(%camera, "the pipeline could not be stopped");
            }
            sink.set_callbacks(gst_app::AppSinkCallbacks::builder().build());
            if let Some(bus) = pipeline.bus() {
                bus.unset_sync_handler();
            }
        };
        // Stopping waits for GStreamer's threads: not on a thread that other cameras' tasks run on.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(stop)),
            Err(_) => stop(),
        }
    }
}

/// Links the first video track behind its parser to the sink; sound and everything else is never touched.
fn link_first_video(
    pipeline: &gst::Pipeline,
    parser: &gst::Element,
    sink: &gst_app::AppSink,
    video: &Arc<AtomicBool>,
) {
    let (pipeline, sink, video) = (pipeline.downgrade(), sink.downgrade(), Arc::clone(video));
    parser.connect_pad_added(move |parser, pad| {
        let (Some(pipeline), Some(sink)) = (pipeline.upgrade(), sink.upgrade()) else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        if !decode::is_video(&caps) || video.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Err(why) = attach(&pipeline, pad, &caps, &sink) {
            gst::element_error!(parser, gst::StreamError::CodecNotFound, ("{}", why));
        }
    });
}

/// H.264 and H.265 leave as whole access units with start codes, everything else as it is.
fn attach(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    caps: &gst::Caps,
    sink: &gst_app::AppSink,
) -> Result<(), String> {
    let name = caps.structure(0).map_or("", |s| s.name().as_str());
    let into = sink.static_pad("sink").ok_or("appsink has no input")?;
    let parser = match name {
        "video/x-h264" => "h264parse",
        "video/x-h265" => "h265parse",
        _ => return pad.link(&into).map(drop).map_err(|err| err.to_string()),
    };
    let units =
        gst::Caps::builder(name).field("stream-format", "byte-stream").field("alignment", "au").build();
    sink.set_caps(Some(&units));
    let parser = make(parser)?;
    pipeline.add(&parser).map_err(|err| err.to_string())?;
    parser.link(sink).map_err(|err| err.to_string())?;
    let input = parser.static_pad("sink").ok_or("the parser has no input")?;
    parser.sync_state_with_parent().map_err(|err| err.to_string())?;
    pad.link(&input).map(drop).map_err(|err| err.to_string())
}

/// Brings each compressed buffer into the queue.
fn fill(sink: &gst_app::AppSink, queue: &Arc<Queue>) {
    let (into, at_end) = (Arc::clone(queue), Arc::clone(queue));
    let new_sample = move |sink: &gst_app::AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        match into.push(sample) {
            true => Ok(gst::FlowSuccess::Ok),
            false => Err(gst::FlowError::Flushing),
        }
    };
    let eos = move |_: &gst_app::AppSink| at_end.over(Over::End);
    sink.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(new_sample).eos(eos).build());
}

/// One message of the pipeline, on whatever thread posted it.
fn listen(
    message: &gst::Message,
    queue: &Queue,
    explain: impl FnOnce(&gst::message::Error) -> Option<CameraError>,
) {
    if let gst::MessageView::Error(err) = message.view() {
        tracing::debug!(error = %err.error(), debug = ?err.debug(), "GStreamer");
        queue.over(explain(err).map_or(Over::End, Over::Failed));
    } else if let gst::MessageView::Progress(progress) = message.view() {
        let (kind, code, _) = progress.get();
        // What rtspsrc says once the camera has answered PLAY.
        if kind == gst::ProgressType::Complete && code == "request" {
            queue.connected();
        }
    }
}

/// The pipeline's buffers as units.
pub struct PipelineUnits {
    pipeline: Pipeline,
    taken_at: TakenAt,
    caps: Option<gst::Caps>,
    coding: Option<Coding>,
    last_pts_us: Option<i64>,
    number: u64,
    /// A unit that waits behind the loss before it.
    held: Option<AccessUnit>,
}

impl PipelineUnits {
    pub fn new(pipeline: Pipeline, taken_at: TakenAt) -> Self {
        Self { pipeline, taken_at, caps: None, coding: None, last_pts_us: None, number: 0, held: None }
    }

    fn unit(&mut self, sample: &gst::Sample) -> Result<NextUnit, CameraError> {
        let named = &self.pipeline.named;
        let (Some(buffer), Some(caps)) = (sample.buffer(), sample.caps()) else {
            return Err(named.stream("a unit came without its bytes"));
        };
        if self.caps.as_deref() != Some(caps) {
            let codec = codec_of(caps);
            // New sizes and rates of H.264 and H.265 are told by the units themselves.
            let nal = codec == Codec::H264 || codec == Codec::H265;
            let goes_on = nal && self.coding.as_ref().is_some_and(|coding| coding.is(codec));
            if !goes_on {
                self.coding = Some(Coding::new(codec, size_of(caps), caps.to_string().into_bytes()));
            }
            self.caps = Some(caps.to_owned());
        }
        let Some(coding) = self.coding.as_mut() else {
            return Err(named.stream("a unit came without its codec"));
        };
        let map = buffer.map_readable().map_err(|_| named.stream("a unit's memory cannot be read"))?;
        let delta = buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let kind = if delta { UnitKind::Delta } else { UnitKind::Key };
        let coded = coding.annex_b(map.as_slice(), kind);
        // What rtpjitterbuffer sets when packets are missing.
        let lost = buffer.flags().contains(gst::BufferFlags::DISCONT) && self.number > 0;
        let live = matches!(self.taken_at, TakenAt::Arrival(..));
        let pts_us = self.presentation_time(sample);
        let unit = self.timed(coded, pts_us, lost && live);
        if lost && live {
            self.held = Some(unit);
            return Ok(NextUnit::Lost);
        }
        Ok(NextUnit::Unit(unit))
    }

    fn timed(&mut self, coded: Coded, pts_us: i64, lost: bool) -> AccessUnit {
        let (at, uncertainty, pts) = match &mut self.taken_at {
            TakenAt::Pts => {
                // Rounded, not cut off: 1001/30000 s must not lose a millisecond at every second frame.
                let ms = (pts_us + 500).div_euclid(1000);
                (UtcMillis(ms), DurationMs(0), DurationMs(ms))
            }
            TakenAt::Arrival(time, clock) => {
                let taken = time.unit(pts_us, Came { now: clock.now(), elapsed: clock.elapsed() });
                (taken.at, taken.uncertainty, taken.pts)
            }
        };
        self.number += if lost { 2 } else { 1 };
        let facts = UnitFacts { at, bytes: coded.bytes, kind: coded.kind, qp: coded.qp };
        AccessUnit { facts, number: self.number, uncertainty, pts, format: coded.format, data: coded.data }
    }

    /// The container's presentation time in microseconds: what remains after its edit list, whose start GStreamer keeps in
    /// the segment; negative for what is only decoded for the sake of later pictures.
    fn presentation_time(&mut self, sample: &gst::Sample) -> i64 {
        let buffer = sample.buffer();
        let time = buffer.and_then(|b| b.pts().or(b.dts()));
        let segment = sample.segment().and_then(|s| s.downcast_ref::<gst::ClockTime>());
        let stream_time = time.zip(segment).and_then(|(time, segment)| segment.to_stream_time_full(time));
        let us = stream_time.map(|time| {
            let ns = i128::from(time.abs().nseconds()) * if time.is_positive() { 1 } else { -1 };
            i64::try_from((ns + 500).div_euclid(1000)).unwrap_or(i64::MAX / 4)
        });
        let step = buffer
            .and_then(|b| b.duration())
            .map_or(40_000, |d| i64::try_from(d.useconds()).unwrap_or(40_000));
        let us = us.unwrap_or_else(|| self.last_pts_us.map_or(0, |last| last + step));
        self.last_pts_us = Some(us);
        us
    }
}

#[async_trait]
impl UnitStream for PipelineUnits {
    async fn next(&mut self) -> Result<NextUnit, CameraError> {
        if let Some(unit) = self.held.take() {
            return Ok(NextUnit::Unit(unit));
        }
        match self.pipeline.queue.next().await {
            Taken::Sample(sample) => self.unit(&sample),
            Taken::Over(Over::End) => Ok(NextUnit::End),
            Taken::Over(Over::Failed(err)) => Err(err),
        }
    }
}

fn codec_of(caps: &gst::CapsRef) -> Codec {
    let Some(structure) = caps.structure(0) else { return Codec::Other };
    match structure.name().as_str() {
        "video/x-h264" => Codec::H264,
        "video/x-h265" => Codec::H265,
        "image/jpeg" => Codec::Jpeg,
        "video/mpeg" if structure.get::<i32>("mpegversion") == Ok(4) => Codec::Mpeg4,
        _ => Codec::Other,
    }
}

fn size_of(caps: &gst::CapsRef) -> (u32, u32) {
    let field =
        |name| caps.structure(0).and_then(|s| s.get::<i32>(name).ok()).and_then(|v| u32::try_from(v).ok());
    (field("width").unwrap_or(0), field("height").unwrap_or(0))
}
