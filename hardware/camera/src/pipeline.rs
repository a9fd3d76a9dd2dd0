//! What the drivers share: a running pipeline as a [`CameraStream`], stopped and emptied when it is dropped.

use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use hardware_ports::Clock;
use hardware_ports::camera::{CameraError, CameraStream, Frame, Next, Pace};
use models_domain::{DurationMs, UtcMillis};

use crate::decode::{self, Decoders, Found};
use crate::mailbox::{Mailbox, Over};
use crate::picture;
use crate::problem::Named;

/// When a picture was taken.
#[derive(Clone)]
pub enum TakenAt {
    /// Its presentation time, counted from 0.
    Pts,
    /// When it arrived, by this clock.
    Arrival(Arc<dyn Clock>),
}

/// How a pipeline is to be read.
pub struct Reading {
    pub named: Named,
    pub pace: Pace,
    pub decoders: Decoders,
    pub taken_at: TakenAt,
    /// Hold each picture back until its time has come.
    pub in_real_time: bool,
    /// What an error message means for this kind of source; `None` when the pictures so far are all there is.
    pub explain: fn(&Named, &gst::message::Error, &Found, delivered: u64) -> Option<CameraError>,
}

/// A pipeline that fills a [`Mailbox`].
pub struct Running {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    source: Vec<gst::Element>,
    pub parser: gst::Element,
    pub mailbox: Arc<Mailbox>,
    pub found: Found,
    pub named: Named,
}

impl Running {
    /// Parser, decoder and sink, still without their source and not started.
    ///
    /// # Errors
    /// [`CameraError`] when an element of GStreamer is missing.
    pub fn new(reading: Reading) -> Result<Self, CameraError> {
        let Reading { named, pace, decoders, taken_at, in_real_time, explain } = reading;
        let pipeline = gst::Pipeline::new();
        let sink =
            gst_app::AppSink::builder().sync(in_real_time).max_buffers(1).enable_last_sample(false).build();
        let found = Found::default();
        let parser =
            decode::add(&pipeline, &sink, decoders, &found).map_err(|why| named.undecodable(&why))?;
        let mailbox = Arc::new(Mailbox::new(pace));
        fill(&sink, &mailbox, &named, taken_at);
        if let Some(bus) = pipeline.bus() {
            let (mailbox, named, found) = (Arc::clone(&mailbox), named.clone(), found.clone());
            bus.set_sync_handler(move |_, message| {
                listen(message, &mailbox, |err| explain(&named, err, &found, mailbox.delivered()));
                gst::BusSyncReply::Drop
            });
        }
        Ok(Self { pipeline, sink, source: Vec::new(), parser, mailbox, found, named })
    }

    /// Adds the elements of the source, upstream first. They stay still until [`Self::play`].
    ///
    /// # Errors
    /// [`CameraError::Stream`] when GStreamer refuses them.
    pub fn add(&mut self, source: &[&gst::Element]) -> Result<(), CameraError> {
        for &element in source {
            element.set_locked_state(true);
            self.pipeline.add(element).map_err(|err| self.named.stream(&err.to_string()))?;
            self.source.push(element.clone());
        }
        Ok(())
    }

    /// Adds a live source, which starts with all others: it has nothing to push before the network has answered, and the
    /// pipeline must know that no picture will come while it is paused.
    ///
    /// # Errors
    /// [`CameraError::Stream`] when GStreamer refuses it.
    pub fn add_live(&mut self, source: &gst::Element) -> Result<(), CameraError> {
        self.pipeline.add(source).map_err(|err| self.named.stream(&err.to_string()))
    }

    pub fn pipeline(&self) -> &gst::Pipeline {
        &self.pipeline
    }

    /// Starts. What goes wrong from here on is found in the mailbox.
    pub fn play(&self) {
        if self.start().is_err() {
            // Where there was a message on the bus, it has been handled before this and says it better.
            self.mailbox.over(Over::Failed(self.named.stream("GStreamer did not start")));
        }
    }

    /// The source goes last: it is linked only once it knows what it has, so GStreamer cannot know that it comes first,
    /// and what it pushes into a sleeping element is lost without an error.
    fn start(&self) -> Result<(), gst::glib::BoolError> {
        let started = |_| gst::glib::bool_error!("state change");
        if !self.source.is_empty() {
            self.pipeline.set_state(gst::State::Paused).map_err(started)?;
        }
        for element in self.source.iter().rev() {
            element.set_locked_state(false);
            element.sync_state_with_parent()?;
        }
        self.pipeline.set_state(gst::State::Playing).map(drop).map_err(started)
    }
}

impl CameraStream for Running {
    fn next(&mut self, wait: Duration) -> Result<Next, CameraError> {
        self.mailbox.next(wait)
    }

    fn take_dropped(&mut self) -> u64 {
        self.mailbox.take_dropped()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // First the sender that may wait for room, else stopping would wait for it.
        self.mailbox.close();
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!(camera = %self.named.camera, "the pipeline could not be stopped");
        }
        self.sink.set_callbacks(gst_app::AppSinkCallbacks::builder().build());
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// Brings each decoded picture into the mailbox.
fn fill(sink: &gst_app::AppSink, mailbox: &Arc<Mailbox>, named: &Named, taken_at: TakenAt) {
    let (into, at_end, named) = (Arc::clone(mailbox), Arc::clone(mailbox), named.clone());
    let mut last = DurationMs(0);
    let new_sample = move |sink: &gst_app::AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        if sample.buffer().is_none_or(|b| b.flags().contains(gst::BufferFlags::CORRUPTED)) {
            tracing::trace!(camera = %named.camera, "damaged picture left out");
            return Ok(gst::FlowSuccess::Ok);
        }
        let picture = match picture::of_sample(&sample) {
            Ok(picture) => picture,
            Err(why) => {
                into.over(Over::Failed(named.undecodable(&why)));
                return Err(gst::FlowError::NotSupported);
            }
        };
        last = presentation_time(&sample).unwrap_or(last);
        let at = match &taken_at {
            TakenAt::Pts => UtcMillis(last.0),
            TakenAt::Arrival(clock) => clock.now(),
        };
        match into.push(Frame { at, pts: last, picture }) {
            true => Ok(gst::FlowSuccess::Ok),
            false => Err(gst::FlowError::Flushing),
        }
    };
    let eos = move |_: &gst_app::AppSink| at_end.over(Over::End);
    sink.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(new_sample).eos(eos).build());
}

/// The container's presentation time: what remains after its edit list, whose start GStreamer keeps in the segment.
fn presentation_time(sample: &gst::Sample) -> Option<DurationMs> {
    let pts = sample.buffer()?.pts()?;
    let time = sample.segment()?.downcast_ref::<gst::ClockTime>()?.to_stream_time(pts)?;
    // Rounded, not cut off: 1001/30000 s must not lose a millisecond at every second frame.
    Some(DurationMs(i64::try_from((time.nseconds() + 500_000) / 1_000_000).unwrap_or(i64::MAX)))
}

/// One message of the pipeline, on whatever thread posted it.
fn listen(
    message: &gst::Message,
    mailbox: &Mailbox,
    explain: impl FnOnce(&gst::message::Error) -> Option<CameraError>,
) {
    if let gst::MessageView::Error(err) = message.view() {
        tracing::debug!(error = %err.error(), debug = ?err.debug(), "GStreamer");
        mailbox.over(explain(err).map_or(Over::End, Over::Failed));
    } else if let gst::MessageView::Progress(progress) = message.view() {
        let (kind, code, _) = progress.get();
        // What rtspsrc says once the camera has answered PLAY.
        if kind == gst::ProgressType::Complete && code == "request" {
            mailbox.connected();
        }
    }
}
