//! What this machine decodes and how fast: its decoders, each hardware one tried once, and clips made on the spot. `sender` plays
//! them to this machine's own receiver.

mod sender;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;
use gst_video::VideoFrameExt;
use hardware_ports::camera::{OwnedPlanes, Picture, PixelFormat};
use hardware_ports::units::Codec;

use crate::problem;

pub use self::sender::Sender;

/// Pictures a second of the clips, as city cameras have it.
pub const FPS: u32 = 25;
/// How long GStreamer may take for one step of a clip that is being made or decoded.
const STEP_MAX: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// Coded pictures that wait before the decoder.
const WAITING_MAX: u64 = 4;
/// How long it is waited for room among them before looking again.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(1);

/// A decoder that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderFound {
    pub codec: Codec,
    /// GStreamer's element.
    pub name: String,
    pub rank: i32,
    pub hardware: bool,
    /// Of a hardware decoder that was tried: why it does not work; `None` when it does, or was not tried.
    pub fails: Option<String>,
}

/// Coded pictures in decoding order, in memory.
pub struct Clip {
    pub codec: Codec,
    /// Pixels.
    pub size: (u32, u32),
    caps: gst::Caps,
    units: Vec<gst::Buffer>,
}

impl Clip {
    pub fn bits_per_second(&self) -> f64 {
        let bytes: usize = self.units.iter().map(|unit| unit.size()).sum();
        bytes as f64 * 8.0 * f64::from(FPS) / self.units.len().max(1) as f64
    }

    pub fn pictures(&self) -> usize {
        self.units.len()
    }

    pub fn key_pictures(&self) -> usize {
        self.units.iter().filter(|unit| is_key(unit)).count()
    }
}

/// What is decoded of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    KeyFrames,
    All,
}

/// Makes a clip of `seconds` with two key frames a second, of a moving pattern at about 4 Mbit/s. It is easier to decode than a
/// street of the same size, where more moves.
///
/// # Errors
/// A text that names what must be installed.
pub fn clip(codec: Codec, size: (u32, u32), seconds: u32) -> Result<Clip, String> {
    gst::init().map_err(|err| format!("GStreamer cannot be started: {err}"))?;
    let keys = FPS / 2;
    let encoder = match codec {
        Codec::H264 => format!(
            "x264enc bitrate=4000 speed-preset=superfast tune=zerolatency threads=1 key-int-max={keys} ! \
             h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au"
        ),
        Codec::H265 => format!(
            "x265enc bitrate=4000 speed-preset=ultrafast tune=zerolatency key-int-max={keys} \
             option-string=pools=1:frame-threads=1:log-level=none ! \
             h265parse config-interval=-1 ! video/x-h265,stream-format=byte-stream,alignment=au"
        ),
        Codec::Jpeg => "jpegenc quality=80".to_owned(),
        Codec::Mpeg4 | Codec::Other => return Err(format!("no clip is made of {codec:?}")),
    };
    let (width, height) = size;
    let description = format!(
        "videotestsrc num-buffers={} pattern=zone-plate kx2=12 ky2=12 kt=2 ! \
         video/x-raw,format=I420,width={width},height={height},framerate={FPS}/1 ! {encoder} ! \
         appsink name=out sync=false max-buffers=4",
        FPS * seconds
    );
    let pipeline = launch(&description)?;
    let out = sink(&pipeline)?;
    start(&pipeline)?;
    let (mut units, mut caps) = (Vec::new(), None);
    while let Some(sample) = out.try_pull_sample(STEP_MAX) {
        caps = sample.caps_owned().or(caps);
        units.extend(sample.buffer_owned());
    }
    let failed = failure(&pipeline);
    let _ = pipeline.set_state(gst::State::Null);
    match (caps, failed) {
        (Some(caps), None) if !units.is_empty() => Ok(Clip { codec, size, caps, units }),
        (_, Some(why)) => Err(format!("making a clip of {codec:?} at {width}x{height}: {why}")),
        (_, None) => Err(format!("making a clip of {codec:?} at {width}x{height}: nothing came of it")),
    }
}

/// Every decoder for the clip's codec: first those in hardware that work on the clip, then by rank.
pub fn decoders(clip: &Clip) -> Vec<DecoderFound> {
    let kind = gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO;
    let all = gst::ElementFactory::factories_with_type(kind, gst::Rank::NONE);
    let mut found: Vec<_> = all
        .into_iter()
        .filter(|factory| factory.can_sink_any_caps(&clip.caps))
        .map(|factory| {
            let hardware = factory.metadata("klass").is_some_and(|klass| klass.contains("Hardware"));
            let name = factory.name().to_string();
            let tried = || decode(clip, &name, Which::KeyFrames, &mut |pictures| pictures < 1).err();
            let fails = if hardware { tried() } else { None };
            DecoderFound { codec: clip.codec, rank: i32::from(factory.rank()), hardware, fails, name }
        })
        .collect();
    found.sort_by_key(|d| std::cmp::Reverse((d.hardware && d.fails.is_none(), d.rank)));
    found
}

/// Decodes the clip with this decoder, from its beginning again whenever it ends, on one thread as the service does, for as
/// long as `goes_on` (which is told how many pictures have come, after each coded one). The last picture that came.
///
/// # Errors
/// A text of GStreamer's when it does not work.
pub fn decode(
    clip: &Clip,
    decoder: &str,
    which: Which,
    goes_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Picture, String> {
    let pipeline = launch(&format!(
        "appsrc name=in format=time ! {decoder} name=decoder ! videoconvert ! \
         video/x-raw,format=(string){{ I420, NV12 }} ! appsink name=out sync=false max-buffers=2"
    ))?;
    let input = pipeline.by_name("in").and_then(|e| e.downcast::<gst_app::AppSrc>().ok());
    let input = input.ok_or("GStreamer made no appsrc")?;
    if let Some(element) = pipeline.by_name("decoder") {
        let whole =
            element.find_property("max-threads").is_some_and(|p| p.value_type() == i32::static_type());
        if whole {
            element.set_property("max-threads", 1i32);
        }
    }
    input.set_caps(Some(&clip.caps));
    let (pictures, last) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(None)));
    let (count, keep) = (Arc::clone(&pictures), Arc::clone(&last));
    let new_sample = move |sink: &gst_app::AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        // Only one is looked at; to take them all would be counted as decoding.
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(sample);
        }
        Ok(gst::FlowSuccess::Ok)
    };
    sink(&pipeline)?.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(new_sample).build());
    start(&pipeline)?;
    let frame = gst::ClockTime::SECOND / u64::from(FPS);
    let units = clip.units.iter().filter(|unit| which == Which::All || is_key(unit)).cycle();
    let (mut fed, mut failed) = (Ok(gst::FlowSuccess::Ok), None);
    for (n, unit) in (0_u64..).zip(units) {
        let mut unit = unit.copy();
        let buffer = unit.make_mut();
        buffer.set_pts(frame * n);
        buffer.set_dts(frame * n);
        failed = room(&input, &pipeline);
        fed = input.push_buffer(unit);
        if fed.is_err() || failed.is_some() || !goes_on(pictures.load(Ordering::Relaxed)) {
            break;
        }
        // A decoder that takes everything and gives nothing would never end.
        if n > 500 && pictures.load(Ordering::Relaxed) == 0 {
            break;
        }
    }
    if fed.is_ok() && failed.is_none() {
        let _ = input.end_of_stream();
        failed = end(&pipeline);
    }
    let failed = failed.or_else(|| failure(&pipeline));
    let _ = pipeline.set_state(gst::State::Null);
    let sample = last.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (sample, failed) {
        (Some(sample), None) => picture(&sample),
        (_, Some(why)) => Err(why),
        (None, None) => Err("no picture came out of it".to_owned()),
    }
}

fn is_key(unit: &gst::Buffer) -> bool {
    !unit.flags().contains(gst::BufferFlags::DELTA_UNIT)
}

fn launch(description: &str) -> Result<gst::Pipeline, String> {
    let made = gst::parse::launch(description).map_err(|err| missing(&err))?;
    made.downcast::<gst::Pipeline>().map_err(|_| "GStreamer made no pipeline".to_owned())
}

fn missing(err: &gst::glib::Error) -> String {
    match err.message().split_once("no element \"").and_then(|(_, rest)| rest.split_once('"')) {
        Some(("x265enc", _)) => {
            "GStreamer has no x265enc; install the Debian package gstreamer1.0-plugins-bad".into()
        }
        Some((factory, _)) => problem::missing_element(factory),
        None => err.message().to_owned(),
    }
}

fn sink(pipeline: &gst::Pipeline) -> Result<gst_app::AppSink, String> {
    let sink = pipeline.by_name("out").and_then(|e| e.downcast::<gst_app::AppSink>().ok());
    sink.ok_or_else(|| "GStreamer made no appsink".to_owned())
}

fn start(pipeline: &gst::Pipeline) -> Result<(), String> {
    if pipeline.set_state(gst::State::Playing).is_err() {
        let why = failure(pipeline).unwrap_or_else(|| "GStreamer did not start".to_owned());
        let _ = pipeline.set_state(gst::State::Null);
        return Err(why);
    }
    Ok(())
}

/// Waits until few pictures wait before the decoder; what went wrong meanwhile. appsrc itself would wait for ever in front of a
/// decoder that has failed.
fn room(input: &gst_app::AppSrc, pipeline: &gst::Pipeline) -> Option<String> {
    let mut left = STEP_MAX;
    loop {
        let waits = input.current_level_buffers() >= WAITING_MAX;
        let patience = if waits { LOOK } else { gst::ClockTime::ZERO };
        if let Some(message) = pipeline.bus()?.timed_pop_filtered(patience, &[gst::MessageType::Error]) {
            return error(&message);
        }
        if !waits {
            return None;
        }
        left = match left.checked_sub(LOOK) {
            Some(left) => left,
            None => return Some(format!("it took no picture for {} s", STEP_MAX.seconds())),
        };
    }
}

/// The first error on the pipeline's bus, when there is one.
fn failure(pipeline: &gst::Pipeline) -> Option<String> {
    error(&pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?)
}

/// Waits until everything has come out; what went wrong on the way.
fn end(pipeline: &gst::Pipeline) -> Option<String> {
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    match pipeline.bus()?.timed_pop_filtered(STEP_MAX, &ends) {
        Some(message) => error(&message),
        None => Some(format!("it did not end within {} s", STEP_MAX.seconds())),
    }
}

fn error(message: &gst::Message) -> Option<String> {
    if let gst::MessageView::Error(err) = message.view() { Some(problem::text(err)) } else { None }
}

/// A copy: the decoder's memory ends with its pipeline.
fn picture(sample: &gst::Sample) -> Result<Picture, String> {
    let caps = sample.caps().ok_or("a picture came without a description")?;
    let info = gst_video::VideoInfo::from_caps(caps).map_err(|err| err.to_string())?;
    let buffer = sample.buffer().ok_or("a picture came without its pixels")?;
    let frame =
        gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).map_err(|err| err.to_string())?;
    let format =
        if info.format() == gst_video::VideoFormat::Nv12 { PixelFormat::Nv12 } else { PixelFormat::I420 };
    let (mut data, mut planes) = (Vec::new(), Vec::new());
    for plane in 0..frame.n_planes() {
        let stride = frame.plane_stride().get(plane as usize).copied().unwrap_or(0);
        planes.push((data.len(), usize::try_from(stride).unwrap_or(0)));
        data.extend_from_slice(frame.plane_data(plane).map_err(|err| err.to_string())?);
    }
    let (width, height) = (frame.width(), frame.height());
    Ok(Picture { width, height, format, planes: Arc::new(OwnedPlanes { data, planes }) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_is_made_and_decoded_by_what_is_there() {
        for codec in [Codec::H264, Codec::H265] {
            let clip = clip(codec, (320, 192), 1).unwrap();
            assert_eq!((clip.pictures(), clip.key_pictures()), (25, 3), "{codec:?}");
            let found = decoders(&clip);
            assert!(found.is_sorted_by_key(|d| std::cmp::Reverse(d.rank)), "{found:?}");
            let software = found.iter().find(|d| !d.hardware).expect("a decoder in software");
            for (which, coded) in [(Which::All, 60), (Which::KeyFrames, 6)] {
                let (mut told, mut seen) = (0, 0);
                let picture = decode(&clip, &software.name, which, &mut |pictures| {
                    told += 1;
                    seen = pictures;
                    told < coded
                });
                let picture = picture.unwrap();
                assert_eq!((picture.width, picture.height, told), (320, 192, coded));
                assert!(seen <= told && picture.planes.plane(0).data.len() >= 320 * 192);
            }
        }
        let small = clip(Codec::H264, (64, 64), 1).unwrap();
        let refused = decode(&small, "avdec_mpeg4", Which::All, &mut |_| true).err();
        assert!(refused.is_some(), "what cannot be decoded is told");
        let missing = decode(&small, "nosuchdec", Which::All, &mut |_| true).unwrap_err();
        assert!(missing.contains("GStreamer has no nosuchdec"), "{missing}");
    }
}
