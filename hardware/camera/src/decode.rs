//! From a container or RTP packets to pictures: parser, the best decoder this machine has, and the sink.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

use crate::picture::FORMATS;
use crate::problem;

/// Which decoders may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoders {
    /// By GStreamer's rank: hardware before software where its plug-in is installed.
    Any,
    /// After hardware has failed once.
    Software,
}

/// What was found out while a pipeline was being built, on GStreamer's threads.
#[derive(Clone, Default)]
pub struct Found {
    /// A decoder in hardware is in use.
    pub hardware: Arc<AtomicBool>,
    video: Arc<AtomicBool>,
    refused: Arc<Mutex<Option<String>>>,
}

impl Found {
    /// Why a stream could not be decoded, in plainer words than GStreamer's.
    pub fn refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A video track was seen.
    pub fn video(&self) -> bool {
        self.video.load(Ordering::Relaxed)
    }

    fn refuse(&self, why: String) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }
}

/// Adds parser, decoder and `sink` to the pipeline; returns the parser, to which the source is linked. The first video
/// track is decoded; sound and everything else is never touched.
///
/// # Errors
/// A text for people when an element of GStreamer is missing.
pub fn add(
    pipeline: &gst::Pipeline,
    sink: &gst_app::AppSink,
    decoders: Decoders,
    found: &Found,
) -> Result<gst::Element, String> {
    let parser = make("parsebin")?;
    let convert = make("videoconvert")?;
    pipeline.add_many([&parser, &convert, sink.upcast_ref()]).map_err(|e| e.to_string())?;
    convert.link(sink).map_err(|e| e.to_string())?;
    sink.set_caps(Some(
        &gst_video::VideoCapsBuilder::new().format_list(FORMATS.map(|(theirs, _)| theirs)).build(),
    ));
    accept_padded_rows(sink);

    pipeline.connect_deep_element_added(|_, _, element| tune(element));
    let (weak, tail, state) = (pipeline.downgrade(), convert.downgrade(), found.clone());
    parser.connect_pad_added(move |parser, pad| {
        let (Some(pipeline), Some(tail)) = (weak.upgrade(), tail.upgrade()) else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        if !is_video(&caps) || state.video.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Err(why) = attach(&pipeline, pad, &caps, &tail, decoders, &state) {
            state.refuse(why.clone());
            gst::element_error!(parser, gst::StreamError::CodecNotFound, ("{}", why));
        }
    });
    Ok(parser)
}

/// An element by its factory name.
///
/// # Errors
/// A text that names the Debian package to install.
pub fn make(factory: &str) -> Result<gst::Element, String> {
    gst::ElementFactory::make(factory).build().map_err(|_| problem::missing_element(factory))
}

/// Puts the best decoder between the parsed stream and `tail`.
fn attach(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    caps: &gst::Caps,
    tail: &gst::Element,
    decoders: Decoders,
    found: &Found,
) -> Result<(), String> {
    let into = tail.static_pad("sink").ok_or("videoconvert has no input")?;
    if caps.structure(0).is_some_and(|s| s.name() == "video/x-raw") {
        return pad.link(&into).map(drop).map_err(|e| e.to_string());
    }
    let factory = choose(caps, decoders).ok_or_else(|| problem::missing_decoder(caps))?;
    found.hardware.store(is_hardware(&factory), Ordering::Relaxed);
    tracing::debug!(decoder = %factory.name(), "decoder chosen");
    let decoder = factory.create().build().map_err(|e| e.to_string())?;
    pipeline.add(&decoder).map_err(|e| e.to_string())?;
    decoder.link(tail).map_err(|e| e.to_string())?;
    let input = decoder.static_pad("sink").ok_or("the decoder has no input")?;
    wait_for_key_frame(&input);
    pad.link(&input).map_err(|e| e.to_string())?;
    decoder.sync_state_with_parent().map_err(|e| e.to_string())
}

/// The decoder of highest rank that takes `caps`.
pub fn choose(caps: &gst::Caps, decoders: Decoders) -> Option<gst::ElementFactory> {
    let kind = gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO;
    gst::ElementFactory::factories_with_type(kind, gst::Rank::MARGINAL)
        .into_iter()
        .filter(|f| decoders == Decoders::Any || !is_hardware(f))
        // Decoders in hardware name sizes and profiles that only their parser will find out.
        .filter(|f| if is_hardware(f) { f.can_sink_any_caps(caps) } else { f.can_sink_all_caps(caps) })
        .max_by_key(|f| f.rank())
}

pub fn is_hardware(factory: &gst::ElementFactory) -> bool {
    factory.metadata("klass").is_some_and(|klass| klass.contains("Hardware"))
}

/// A video track, compressed or not.
pub fn is_video(caps: &gst::Caps) -> bool {
    caps.structure(0).is_some_and(|s| s.name().starts_with("video/") || s.name() == "image/jpeg")
}

/// Settings of elements that GStreamer itself put in, where they have them.
pub fn tune(element: &gst::Element) {
    // One thread a decoder: many cameras share the machine, and threads of one stream multiply memory and waiting.
    set(element, "max-threads", 1i32);
    // Damaged pictures become false road users: none is better.
    set(element, "output-corrupt", false);
    set(element, "discard-corrupted-frames", true);
    set(element, "wait-for-keyframe", true);
}

fn set(element: &gst::Element, property: &str, value: impl Into<gst::glib::Value>) {
    let value = value.into();
    if element.find_property(property).is_some_and(|p| p.value_type() == value.type_()) {
        element.set_property(property, value);
    }
}

/// Keeps everything before the first key frame from the decoder: it could only guess pictures out of it.
fn wait_for_key_frame(pad: &gst::Pad) {
    let seen = AtomicBool::new(false);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let delta = info.buffer().is_some_and(|b| b.flags().contains(gst::BufferFlags::DELTA_UNIT));
        if delta && !seen.load(Ordering::Relaxed) {
            return gst::PadProbeReturn::Handled;
        }
        seen.store(true, Ordering::Relaxed);
        gst::PadProbeReturn::Remove
    });
}

/// Tells the decoder that rows may be padded, so that it needs no copy to close the gaps between them.
fn accept_padded_rows(sink: &gst_app::AppSink) {
    let Some(pad) = sink.static_pad("sink") else { return };
    pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
        if let Some(query) = info.query_mut()
            && let gst::QueryViewMut::Allocation(allocation) = query.view_mut()
        {
            allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}
