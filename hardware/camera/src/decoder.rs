//! Pictures out of access units, on the thread that asks: no pipeline and no thread of its own. The decoder hangs between
//! two pads of ours; what is pushed into the first comes out of the second before the push returns, or later.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;
use gst_video::VideoInfo;
use hardware_ports::camera::{CameraError, Frame, Picture};
use hardware_ports::units::{AccessUnit, Codec, PictureDecoder, StreamFormat};
use models_domain::ladder::UnitKind;
use models_domain::{DurationMs, UtcMillis};

use crate::decode::{self, DecoderKind, Preference, make};
use crate::picture::{self, FORMATS};
use crate::problem::{self, Named};

/// Presentation times may be negative, GStreamer's may not: this is added on the way in.
const SHIFT_MS: i64 = 1_000_000_000;
/// Most units whose picture may still come: more than any codec reorders, so that those without one do not pile up.
const WAITING_MAX: usize = 64;

pub struct UnitDecoder {
    named: Named,
    codec: Codec,
    caps: gst::Caps,
    chain: Chain,
    prefer: Preference,
    /// The delta unit that may come next.
    next: Option<u64>,
    /// Units whose picture has not come yet.
    waiting: VecDeque<Unit>,
    /// The unit whose picture came last.
    last: Option<Unit>,
}

/// The times of a unit.
#[derive(Clone, Copy)]
struct Unit {
    pts: DurationMs,
    at: UtcMillis,
}

impl UnitDecoder {
    /// # Errors
    /// [`CameraError::Undecodable`] naming what must be installed.
    pub fn new(named: Named, format: &StreamFormat, prefer: &Preference) -> Result<Self, CameraError> {
        let caps = caps_of(format).map_err(|why| named.undecodable(&why))?;
        let (codec, prefer) = (format.codec, prefer.clone());
        let chain = start(&named, &caps, &prefer)?;
        Ok(Self { named, codec, caps, chain, prefer, next: None, waiting: VecDeque::new(), last: None })
    }

    fn push(&mut self, unit: &AccessUnit) -> Result<(), CameraError> {
        while let Err(why) = self.chain.push(unit) {
            let err = self.named.undecodable(&why);
            if self.chain.kind == DecoderKind::Software {
                return Err(err);
            }
            self.prefer.give_up(self.chain.kind, &err);
            self.chain = start(&self.named, &self.caps, &self.prefer)?;
            if unit.facts.kind == UnitKind::Delta {
                self.next = None;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Hands out what has come, with the times of the units it was made of.
    fn collect(&mut self, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        for (shifted, picture) in self.chain.take() {
            let picture = picture.map_err(|why| self.named.undecodable(&why))?;
            let Some(of) = self.unit_of(shifted) else { continue };
            if of.pts.0 >= 0 {
                out.push(Frame { at: of.at, pts: of.pts, picture });
            }
        }
        Ok(())
    }

    /// The unit that a picture of this time belongs to. Where units bear times in decoding order (bare streams with
    /// B-frames), the next time that keeps the order.
    fn unit_of(&mut self, shifted: Option<gst::ClockTime>) -> Option<Unit> {
        let ms = shifted.and_then(|time| i64::try_from(time.mseconds()).ok()).map(|ms| ms - SHIFT_MS);
        let off = |unit: &Unit| ms.map_or(unit.pts.0, |ms| (unit.pts.0 - ms).abs());
        let nearest = self.waiting.iter().min_by_key(|unit| off(unit)).copied()?;
        let last = self.last;
        let unit = match last.filter(|last| nearest.pts <= last.pts) {
            None => nearest,
            Some(last) => {
                let later = self.waiting.iter().filter(|unit| unit.pts > last.pts);
                let none = Unit { pts: DurationMs(last.pts.0 + 1), at: UtcMillis(last.at.0 + 1) };
                later.min_by_key(|unit| unit.pts).copied().unwrap_or(none)
            }
        };
        self.waiting.retain(|waiting| waiting.pts != unit.pts);
        self.last = Some(unit);
        Some(unit)
    }

    /// What was pushed so far has nothing to do with what comes now.
    fn forget(&mut self) {
        self.waiting.clear();
        self.last = None;
    }
}

impl PictureDecoder for UnitDecoder {
    fn decode(&mut self, unit: &AccessUnit, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        if unit.format.codec != self.codec {
            let (now, then) = (unit.format.codec, self.codec);
            return Err(self.named.undecodable(&format!("it is coded as {now:?}, no longer as {then:?}")));
        }
        if self.next != Some(unit.number) {
            if unit.facts.kind == UnitKind::Delta {
                self.next = None;
                return Ok(());
            }
            // What refers to pictures before the gap must not be guessed: the decoder forgets them.
            if self.next.is_some() || !self.waiting.is_empty() {
                self.chain.drain();
                self.collect(out)?;
                self.forget();
            }
        }
        self.next = Some(unit.number + 1);
        self.waiting.push_back(Unit { pts: unit.pts, at: unit.facts.at });
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
        self.push(unit)?;
        self.collect(out)
    }

    fn drain(&mut self, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        self.chain.drain();
        let collected = self.collect(out);
        self.forget();
        self.next = None;
        collected
    }
}

/// The first chain that starts, in the order of preference.
fn start(named: &Named, caps: &gst::Caps, prefer: &Preference) -> Result<Chain, CameraError> {
    loop {
        match Chain::new(caps, prefer) {
            Ok(chain) => return Ok(chain),
            Err(NoChain { text, kind: DecoderKind::Software }) => return Err(named.undecodable(&text)),
            Err(NoChain { text, kind }) => prefer.give_up(kind, &named.undecodable(&text)),
        }
    }
}

/// How GStreamer names the format.
fn caps_of(format: &StreamFormat) -> Result<gst::Caps, String> {
    let nal = |name: &str| {
        gst::Caps::builder(name).field("stream-format", "byte-stream").field("alignment", "au").build()
    };
    match format.codec {
        Codec::H264 => Ok(nal("video/x-h264")),
        Codec::H265 => Ok(nal("video/x-h265")),
        Codec::Jpeg => Ok(gst::Caps::builder("image/jpeg").field("parsed", true).build()),
        Codec::Mpeg4 | Codec::Other => {
            let text = String::from_utf8_lossy(&format.parameter_sets);
            text.parse::<gst::Caps>().map_err(|_| format!("{text:?} does not describe a video"))
        }
    }
}

/// Decoder and converter between our two pads.
struct Chain {
    input: gst::Pad,
    elements: Vec<gst::Element>,
    output: gst::Pad,
    found: Arc<Mutex<Found>>,
    kind: DecoderKind,
}

/// What came out of the chain, and what went wrong in it.
#[derive(Default)]
struct Found {
    info: Option<VideoInfo>,
    pictures: Vec<Came>,
    error: Option<String>,
}

/// A picture and its time; or why there is none.
type Came = (Option<gst::ClockTime>, Result<Picture, String>);

/// Why there is no chain.
struct NoChain {
    text: String,
    /// Whose fault it is.
    kind: DecoderKind,
}

impl Chain {
    fn new(caps: &gst::Caps, prefer: &Preference) -> Result<Self, NoChain> {
        let soft = |text: String| NoChain { text, kind: DecoderKind::Software };
        let raw = caps.structure(0).is_some_and(|s| s.name() == "video/x-raw");
        let mut elements = Vec::new();
        let mut kind = DecoderKind::Software;
        if !raw {
            let chosen = prefer.choose(caps).ok_or_else(|| soft(problem::missing_decoder(caps)))?;
            kind = chosen.0;
            tracing::debug!(decoder = %chosen.1.name(), "decoder chosen");
            if let Some(parser) = parser(caps).filter(|_| kind != DecoderKind::Software) {
                elements.push(make(parser).map_err(soft)?);
            }
            let blame = |err: gst::glib::BoolError| NoChain { text: err.to_string(), kind };
            elements.push(chosen.1.create().build().map_err(blame)?);
        }
        elements.push(make("videoconvert").map_err(soft)?);
        let found = Arc::new(Mutex::new(Found::default()));
        let chain = Self { input: input_pad(), output: output_pad(&found), elements, found, kind };
        chain.start(caps).map_err(|text| NoChain { text, kind })?;
        Ok(chain)
    }

    fn start(&self, caps: &gst::Caps) -> Result<(), String> {
        let bus = gst::Bus::new();
        let found = Arc::clone(&self.found);
        bus.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(err) = message.view() {
                held(&found).error.get_or_insert_with(|| problem::text(err));
            }
            gst::BusSyncReply::Drop
        });
        for element in &self.elements {
            decode::tune(element);
            element.set_bus(Some(&bus));
        }
        let pads = |element: Option<&gst::Element>, name| element.and_then(|e| e.static_pad(name));
        let first = pads(self.elements.first(), "sink").ok_or("the decoder has no input")?;
        let last = pads(self.elements.last(), "src").ok_or("the decoder has no output")?;
        self.input.link(&first).map_err(|err| err.to_string())?;
        gst::Element::link_many(&self.elements).map_err(|err| err.to_string())?;
        last.link(&self.output).map_err(|err| err.to_string())?;
        self.output.set_active(true).map_err(|err| err.to_string())?;
        for element in self.elements.iter().rev() {
            element.set_state(gst::State::Paused).map_err(|_| self.error("it cannot be started"))?;
        }
        self.input.set_active(true).map_err(|err| err.to_string())?;
        let events = [gst::event::StreamStart::new("units"), gst::event::Caps::new(caps), segment()];
        match events.into_iter().all(|event| self.input.push_event(event)) {
            true => Ok(()),
            false => Err(self.error("it does not take the stream")),
        }
    }

    fn push(&self, unit: &AccessUnit) -> Result<(), String> {
        let mut buffer = gst::Buffer::from_slice(Arc::clone(&unit.data));
        {
            let buffer = buffer.make_mut();
            let ms = u64::try_from(unit.pts.0.saturating_add(SHIFT_MS)).unwrap_or(0);
            buffer.set_pts(gst::ClockTime::from_mseconds(ms));
            if unit.facts.kind == UnitKind::Delta {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        let pushed = self.input.push(buffer);
        match (pushed, held(&self.found).error.take()) {
            (_, Some(why)) => Err(why),
            (Ok(_), None) => Ok(()),
            (Err(why), None) => Err(format!("the decoder gave up ({why:?})")),
        }
    }

    /// Makes the decoder give what it holds back, and forget all pictures. GStreamer has a milder way to ask for it
    /// (stream-group-done), which libav's decoders of version 1.22 do not listen to; flushed, they go on after the end.
    fn drain(&self) {
        let events = [
            gst::event::Eos::new(),
            gst::event::FlushStart::new(),
            gst::event::FlushStop::new(false),
            segment(),
        ];
        for event in events {
            if !self.input.push_event(event) {
                tracing::debug!("the decoder could not be drained");
            }
        }
    }

    fn take(&self) -> Vec<Came> {
        std::mem::take(&mut held(&self.found).pictures)
    }

    fn error(&self, otherwise: &str) -> String {
        held(&self.found).error.take().unwrap_or_else(|| otherwise.to_owned())
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.input.set_active(false);
        for element in &self.elements {
            if element.set_state(gst::State::Null).is_err() {
                tracing::warn!(element = %element.name(), "the decoder could not be stopped");
            }
        }
        let _ = self.output.set_active(false);
    }
}

/// Decoders in hardware want more of the stream told than its name.
fn parser(caps: &gst::Caps) -> Option<&'static str> {
    match caps.structure(0)?.name().as_str() {
        "video/x-h264" => Some("h264parse"),
        "video/x-h265" => Some("h265parse"),
        "image/jpeg" => Some("jpegparse"),
        _ => None,
    }
}

fn segment() -> gst::Event {
    gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())
}

fn input_pad() -> gst::Pad {
    gst::Pad::new(gst::PadDirection::Src)
}

/// Where pictures come out.
fn output_pad(found: &Arc<Mutex<Found>>) -> gst::Pad {
    let caps = gst_video::VideoCapsBuilder::new().format_list(FORMATS.map(|(theirs, _)| theirs)).build();
    let (on_picture, on_event) = (Arc::clone(found), Arc::clone(found));
    let builder =
        match gst::PadTemplate::new("sink", gst::PadDirection::Sink, gst::PadPresence::Always, &caps) {
            Ok(template) => gst::Pad::builder_from_template(&template),
            Err(_) => gst::Pad::builder(gst::PadDirection::Sink),
        };
    builder
        .chain_function(move |_, _, buffer| {
            let mut found = held(&on_picture);
            if buffer.flags().contains(gst::BufferFlags::CORRUPTED) {
                tracing::trace!("damaged picture left out");
                return Ok(gst::FlowSuccess::Ok);
            }
            let pts = buffer.pts();
            let info = found.info.as_ref().ok_or_else(|| "a picture came without a description".to_owned());
            let picture = info.and_then(|info| picture::picture(buffer, info));
            found.pictures.push((pts, picture));
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(move |_, _, event| {
            if let gst::EventView::Caps(caps) = event.view() {
                held(&on_event).info = VideoInfo::from_caps(caps.caps()).ok();
            }
            true
        })
        .query_function(|pad, parent, query| {
            // Rows may be padded: the decoder then needs no copy to close the gaps between them.
            if let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
                allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
                return true;
            }
            gst::Pad::query_default(pad, parent, query)
        })
        .build()
}

fn held(found: &Mutex<Found>) -> std::sync::MutexGuard<'_, Found> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}
