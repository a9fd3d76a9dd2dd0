//! GStreamer's decoders: which of them this machine has, in which order they are tried, and how they are set.

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::prelude::*;

use crate::problem;

/// Where pictures are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecoderKind {
    Software,
    /// VA-API: Intel's and AMD's graphics.
    Va,
    /// Video4Linux memory-to-memory: Arm boards.
    V4l2,
    /// NVIDIA.
    Nvdec,
}

impl DecoderKind {
    pub const ALL: [Self; 4] = [Self::Nvdec, Self::Va, Self::V4l2, Self::Software];

    /// As it is written in profiles.
    pub fn name(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Va => "va",
            Self::V4l2 => "v4l2",
            Self::Nvdec => "nvdec",
        }
    }

    /// By the first letters of an element's name, which their makers keep apart: vah264dec, vaapih264dec, v4l2slh264dec,
    /// nvh264dec, nvv4l2decoder. `None`: hardware of another kind.
    fn of(factory: &gst::ElementFactory) -> Option<Self> {
        let name = factory.name();
        let makers = [("va", Self::Va), ("v4l2", Self::V4l2), ("nv", Self::Nvdec)];
        let hardware = factory.metadata("klass").is_some_and(|klass| klass.contains("Hardware"));
        let by_name = makers.iter().find(|(first, _)| name.starts_with(first)).map(|(_, kind)| *kind);
        by_name.or((!hardware).then_some(Self::Software))
    }
}

impl FromStr for DecoderKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is no kind of decoder; known are {known}")
        })
    }
}

/// The kinds that may be tried, in this order. Shared by all streams of the program: a kind that has failed once is not
/// tried again until the program starts anew.
#[derive(Clone)]
pub struct Preference {
    left: Arc<Mutex<Vec<DecoderKind>>>,
}

impl Preference {
    /// Software is what is left in the end, named or not.
    pub fn new(kinds: &[DecoderKind]) -> Self {
        let mut left = kinds.to_vec();
        if !left.contains(&DecoderKind::Software) {
            left.push(DecoderKind::Software);
        }
        Self { left: Arc::new(Mutex::new(left)) }
    }

    /// The decoder for `caps` of the kind that comes first, of the highest rank in its kind.
    pub fn choose(&self, caps: &gst::Caps) -> Option<(DecoderKind, gst::ElementFactory)> {
        let kinds = self.held().clone();
        let class = gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO;
        // Plug-ins for hardware have no rank in some versions, lest somebody use them unasked; here they are asked for.
        let found = gst::ElementFactory::factories_with_type(class, gst::Rank::NONE).into_iter();
        let candidates = found.filter_map(|factory| {
            let kind = DecoderKind::of(&factory)?;
            let place = kinds.iter().position(|k| *k == kind)?;
            let takes = match kind {
                DecoderKind::Software => {
                    factory.rank() >= gst::Rank::MARGINAL && factory.can_sink_all_caps(caps)
                }
                // They name sizes and profiles that only their parser will find out.
                DecoderKind::Va | DecoderKind::V4l2 | DecoderKind::Nvdec => factory.can_sink_any_caps(caps),
            };
            takes.then_some((place, kind, factory))
        });
        let best = candidates.max_by_key(|(place, _, factory)| (std::cmp::Reverse(*place), factory.rank()));
        best.map(|(_, kind, factory)| (kind, factory))
    }

    /// Not again; says so in one line, once. Software is never given up.
    pub fn give_up(&self, kind: DecoderKind, why: &dyn std::fmt::Display) {
        let mut left = self.held();
        let before = left.len();
        left.retain(|k| *k != kind || *k == DecoderKind::Software);
        if left.len() < before {
            let next: Vec<&str> = left.iter().map(|kind| kind.name()).collect();
            tracing::warn!("decoding by {} failed; {} from now on: {why}", kind.name(), next.join(", "));
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<DecoderKind>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An element by its factory name.
///
/// # Errors
/// A text that names the Debian package to install.
pub fn make(factory: &str) -> Result<gst::Element, String> {
    gst::ElementFactory::make(factory).build().map_err(|_| problem::missing_element(factory))
}

/// A video track, compressed or not.
pub fn is_video(caps: &gst::Caps) -> bool {
    caps.structure(0).is_some_and(|s| s.name().starts_with("video/") || s.name() == "image/jpeg")
}

/// Settings of decoders, where they have them.
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
