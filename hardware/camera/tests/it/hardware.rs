//! Decoders in hardware: tried in the order of preference, each kind until it has failed once, then software.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gst::glib;
use gst::prelude::*;
use hardware_camera::{Cameras, DecoderKind};
use hardware_ports::SystemClock;
use hardware_ports::units::UnitDriver;

use crate::clips::{make, source, units};

/// How often each was started.
static DEAD: AtomicUsize = AtomicUsize::new(0);
static FRAIL: AtomicUsize = AtomicUsize::new(0);

/// Does not start, as where the driver is missing.
mod dead {
    use gst::glib;
    use gst::subclass::prelude::*;

    use super::{DEAD, Ordering, templates};

    #[derive(Default)]
    pub struct Imp;

    #[glib::object_subclass]
    impl ObjectSubclass for Imp {
        const NAME: &'static str = "NgatuDeadDecoder";
        type Type = super::Dead;
        type ParentType = gst::Element;
    }

    impl ObjectImpl for Imp {
        fn constructed(&self) {
            self.parent_constructed();
            super::add_pads(self.obj().as_ref(), Ok(gst::FlowSuccess::Ok));
        }
    }
    impl GstObjectImpl for Imp {}
    impl ElementImpl for Imp {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            super::metadata()
        }
        fn pad_templates() -> &'static [gst::PadTemplate] {
            templates()
        }
        fn change_state(
            &self,
            transition: gst::StateChange,
        ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
            if transition == gst::StateChange::NullToReady {
                DEAD.fetch_add(1, Ordering::Relaxed);
                return Err(gst::StateChangeError);
            }
            self.parent_change_state(transition)
        }
    }
}

/// Starts, and gives up at the first unit, as where the chip does not take the stream.
mod frail {
    use gst::glib;
    use gst::subclass::prelude::*;

    use super::{FRAIL, Ordering, templates};

    #[derive(Default)]
    pub struct Imp;

    #[glib::object_subclass]
    impl ObjectSubclass for Imp {
        const NAME: &'static str = "NgatuFrailDecoder";
        type Type = super::Frail;
        type ParentType = gst::Element;
    }

    impl ObjectImpl for Imp {
        fn constructed(&self) {
            self.parent_constructed();
            super::add_pads(self.obj().as_ref(), Err(gst::FlowError::Error));
        }
    }
    impl GstObjectImpl for Imp {}
    impl ElementImpl for Imp {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            super::metadata()
        }
        fn pad_templates() -> &'static [gst::PadTemplate] {
            templates()
        }
        fn change_state(
            &self,
            transition: gst::StateChange,
        ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
            if transition == gst::StateChange::NullToReady {
                FRAIL.fetch_add(1, Ordering::Relaxed);
            }
            self.parent_change_state(transition)
        }
    }
}

glib::wrapper! {
    pub struct Dead(ObjectSubclass<dead::Imp>) @extends gst::Element, gst::Object;
}
glib::wrapper! {
    pub struct Frail(ObjectSubclass<frail::Imp>) @extends gst::Element, gst::Object;
}

fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
    static METADATA: std::sync::LazyLock<gst::subclass::ElementMetadata> = std::sync::LazyLock::new(|| {
        let klass = "Codec/Decoder/Video/Hardware";
        gst::subclass::ElementMetadata::new("broken decoder", klass, "decodes nothing", "tests")
    });
    Some(&METADATA)
}

fn templates() -> &'static [gst::PadTemplate] {
    static TEMPLATES: std::sync::LazyLock<Vec<gst::PadTemplate>> = std::sync::LazyLock::new(|| {
        let of = |name, direction, caps: &str| {
            let caps = gst::Caps::builder(caps).build();
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).unwrap()
        };
        vec![
            of("sink", gst::PadDirection::Sink, "video/x-h264"),
            of("src", gst::PadDirection::Src, "video/x-raw"),
        ]
    });
    &TEMPLATES
}

fn add_pads(element: &impl IsA<gst::Element>, answer: Result<gst::FlowSuccess, gst::FlowError>) {
    let [sink, src] = ["sink", "src"].map(|name| element.as_ref().pad_template(name).unwrap());
    let sink = gst::Pad::builder_from_template(&sink).chain_function(move |_, _, _| answer).build();
    element.as_ref().add_pad(&sink).unwrap();
    element.as_ref().add_pad(&gst::Pad::from_template(&src)).unwrap();
}

#[test]
fn a_kind_that_failed_is_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mp4");
    make(&clip, 30, (160, 120), "mp4mux");
    // Without a rank, as some versions of GStreamer have their plug-ins for hardware.
    gst::Element::register(None, "vangatudec", gst::Rank::NONE, Dead::static_type()).unwrap();
    gst::Element::register(None, "v4l2ngatudec", gst::Rank::NONE, Frail::static_type()).unwrap();
    let units = units(&clip).unwrap();
    let pictures = |cameras: &Cameras| {
        let (mut decoder, mut frames) =
            (cameras.decoder(&source(&clip), &units[0].format).unwrap(), Vec::new());
        units.iter().for_each(|unit| decoder.decode(unit, &mut frames).unwrap());
        decoder.drain(&mut frames).unwrap();
        frames.len()
    };
    let started = || (DEAD.load(Ordering::Relaxed), FRAIL.load(Ordering::Relaxed));
    let with = |kinds: &[DecoderKind]| Cameras::new(Arc::new(SystemClock::new()), kinds).unwrap();

    assert_eq!(pictures(&with(&[DecoderKind::Nvdec])), 30);
    assert_eq!(started(), (0, 0), "only what is named is tried");
    assert_eq!(pictures(&with(&[DecoderKind::Software, DecoderKind::Va])), 30);
    assert_eq!(started(), (0, 0), "software was to come first");
    let cameras = with(&[DecoderKind::Va, DecoderKind::V4l2, DecoderKind::Software]);
    assert_eq!([(); 3].map(|()| pictures(&cameras)), [30, 30, 30]);
    assert_eq!(started(), (1, 1));
}

#[test]
fn kinds_by_name() {
    for kind in DecoderKind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    let err = "vdpau".parse::<DecoderKind>().unwrap_err();
    assert_eq!(err, "\"vdpau\" is no kind of decoder; known are nvdec, va, v4l2, software");
}
