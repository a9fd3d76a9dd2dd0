//! A clip as the access units that a camera would send: encoded once, kept in the cache, held in memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use gst::prelude::*;

use crate::config::{Codec, cache};

/// A new number makes the cached encodings anew.
const RECIPE: u32 = 1;
/// Longest time to encode or read a clip.
const WAIT: gst::ClockTime = gst::ClockTime::from_seconds(300);

/// A whole clip that can be played again and again. The first access unit is a key frame.
#[derive(Debug, Clone)]
pub struct Clip {
    pub caps: gst::Caps,
    pub units: Arc<Vec<Unit>>,
    /// From the first picture to the moment the first one is due again.
    pub length: gst::ClockTime,
}

/// One access unit, byte-stream format.
#[derive(Debug)]
pub struct Unit {
    /// From the start of the clip.
    pub at: gst::ClockTime,
    pub key: bool,
    pub buffer: gst::Buffer,
}

/// The clip in the wanted codec, with a key frame every two seconds and no pictures out of order, as cameras send it.
pub fn prepare(path: &Path, codec: Codec) -> anyhow::Result<Clip> {
    let cached = cached_path(path, codec)?;
    if !cached.is_file() {
        encode(path, codec, &cached)?;
    }
    load(&cached, codec)
}

fn cached_path(path: &Path, codec: Codec) -> anyhow::Result<PathBuf> {
    let about = std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = cache().join("street");
    std::fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
    Ok(folder.join(format!("{name}-{}-{}-{RECIPE}.mkv", about.len(), codec.name())))
}

impl Codec {
    fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::Mjpeg => "mjpeg",
        }
    }

    fn encoder(self) -> &'static str {
        match self {
            Codec::H264 => {
                "x264enc name=encoder pass=qual quantizer=24 speed-preset=veryfast bframes=0 key-int-max=50"
            }
            Codec::H265 => {
                "x265enc name=encoder speed-preset=superfast key-int-max=50 \
                 option-string=bframes=0:crf=26:open-gop=0:log-level=0"
            }
            Codec::Mjpeg => "jpegenc name=encoder quality=75",
        }
    }

    /// Into the parser goes what the encoder made, out of it come whole access units.
    fn parser(self) -> &'static str {
        match self {
            Codec::H264 => "h264parse",
            Codec::H265 => "h265parse",
            Codec::Mjpeg => "jpegparse",
        }
    }

    fn reader(self) -> &'static str {
        match self {
            Codec::H264 => {
                "h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au"
            }
            Codec::H265 => {
                "h265parse config-interval=-1 ! video/x-h265,stream-format=byte-stream,alignment=au"
            }
            Codec::Mjpeg => "jpegparse ! image/jpeg",
        }
    }

    fn packer(self) -> &'static str {
        match self {
            Codec::H264 => "rtph264pay name=pay0 pt=96 config-interval=-1",
            Codec::H265 => "rtph265pay name=pay0 pt=96 config-interval=-1",
            // RFC 3551 §6: its number is fixed.
            Codec::Mjpeg => "rtpjpegpay name=pay0 pt=26",
        }
    }

    /// From access units in `appsrc` to RTP, at the clip's own speed.
    pub fn launch(self) -> String {
        format!(
            "( appsrc name=units is-live=true format=time max-buffers=4 max-bytes=0 ! clocksync ! \
             {} )",
            self.packer()
        )
    }
}

/// Whole or not at all: a cached file is complete.
fn encode(path: &Path, codec: Codec, into: &Path) -> anyhow::Result<()> {
    eprintln!("camera-simulator: encoding {} as {}, once", path.display(), codec.name());
    let part = into.with_extension(format!("part-{}", std::process::id()));
    let launch = format!(
        "filesrc name=in ! decodebin ! videoconvert ! video/x-raw,format=I420 ! {} ! {} ! matroskamux ! \
         filesink name=out",
        codec.encoder(),
        codec.parser()
    );
    let pipeline = pipeline(&launch, &[("in", path), ("out", &part)])?;
    let done = run(&pipeline).with_context(|| format!("encoding {} as {}", path.display(), codec.name()));
    match done
        .and_then(|()| std::fs::rename(&part, into).with_context(|| format!("renaming {}", part.display())))
    {
        Ok(()) => Ok(()),
        Err(err) => {
            // What is left of it is of no use; that it cannot be removed is no second error.
            let _ = std::fs::remove_file(&part);
            Err(err)
        }
    }
}

/// A clip that is Matroska in this codec already.
pub fn load(path: &Path, codec: Codec) -> anyhow::Result<Clip> {
    let launch = format!(
        "filesrc name=in ! matroskademux ! {} ! appsink name=out sync=false max-buffers=0",
        codec.reader()
    );
    let pipeline = pipeline(&launch, &[("in", path)])?;
    let sink = pipeline.by_name("out").and_then(|e| e.downcast::<gst_app::AppSink>().ok());
    let sink = sink.context("GStreamer has no appsink; install gstreamer1.0-plugins-base")?;
    let (units, caps) = collect(&pipeline, &sink).with_context(|| format!("reading {}", path.display()))?;
    let skip = units.iter().position(|u| u.key).unwrap_or(0);
    let start = units.get(skip).with_context(|| format!("{} has no picture", path.display()))?.at;
    let units: Vec<Unit> = units.into_iter().skip(skip).map(|u| Unit { at: u.at - start, ..u }).collect();
    let last = units.last().map_or(gst::ClockTime::ZERO, |u| u.at);
    // The last picture stands as long as the others did on average.
    let interval = last / (units.len() as u64 - 1).max(1);
    let length = last + interval.max(gst::ClockTime::from_mseconds(20));
    Ok(Clip { caps, units: Arc::new(units), length })
}

/// Every access unit of a pipeline that ends in `sink`.
fn collect(pipeline: &gst::Pipeline, sink: &gst_app::AppSink) -> anyhow::Result<(Vec<Unit>, gst::Caps)> {
    let gathered = Arc::new(Mutex::new((Vec::new(), None)));
    let into = Arc::clone(&gathered);
    let new_sample = move |sink: &gst_app::AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let (Some(buffer), Ok(mut into)) = (sample.buffer_owned(), into.lock()) else {
            return Err(gst::FlowError::Error);
        };
        let at = buffer.pts().or(into.0.last().map(|u: &Unit| u.at)).unwrap_or_default();
        let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        into.0.push(Unit { at, key, buffer });
        into.1 = sample.caps_owned().or(into.1.take());
        Ok(gst::FlowSuccess::Ok)
    };
    sink.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(new_sample).build());
    run(pipeline)?;
    let mut gathered = gathered.lock().map_err(|_| anyhow::anyhow!("the reader broke"))?;
    let (units, caps) = std::mem::take(&mut *gathered);
    Ok((units, caps.context("no description of the pictures")?))
}

fn pipeline(launch: &str, files: &[(&str, &Path)]) -> anyhow::Result<gst::Pipeline> {
    let pipeline = gst::parse::launch(launch).with_context(|| format!("GStreamer cannot build: {launch}"))?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().ok().context("not a pipeline")?;
    for (name, path) in files {
        let element = pipeline.by_name(name).with_context(|| format!("no element {name}"))?;
        element.set_property("location", path);
    }
    Ok(pipeline)
}

/// Plays a pipeline to its end.
fn run(pipeline: &gst::Pipeline) -> anyhow::Result<()> {
    let bus = pipeline.bus().context("a pipeline without a bus")?;
    let started = pipeline.set_state(gst::State::Playing);
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = started.ok().and_then(|_| bus.timed_pop_filtered(WAIT, &kinds));
    let stopped = pipeline.set_state(gst::State::Null);
    match message.as_ref().map(|m| m.view()) {
        Some(gst::MessageView::Error(err)) => bail!("{} ({})", err.error(), err.debug().unwrap_or_default()),
        Some(_) => stopped.map(drop).context("stopping the pipeline"),
        None => bail!("it took longer than {} s or did not start", WAIT.seconds()),
    }
}
