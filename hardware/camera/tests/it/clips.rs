//! Clips for the tests: some made by GStreamer at test time, real ones from the cache.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use hardware_camera::Cameras;
use hardware_ports::SystemClock;
use hardware_ports::camera::{CameraError, CameraSource, Frame};
use hardware_ports::units::{AccessUnit, NextUnit, PictureDecoder, StreamFormat, UnitDriver};

/// Long enough for a busy machine; reached only by a test that fails.
pub const LONG: Duration = Duration::from_secs(60);

pub fn cameras() -> Cameras {
    Cameras::new(Arc::new(SystemClock::new()), &[]).unwrap()
}

/// Runs a gst-launch description to its end.
pub fn launch(description: &str) {
    gst::init().unwrap();
    let pipeline = gst::parse::launch(description).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let message =
        pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(60), &kinds).unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
}

/// A clip of moving colours: `frames` pictures at 25 a second.
pub fn make(path: &Path, frames: u32, size: (u32, u32), mux: &str) {
    launch(&format!(
        "videotestsrc num-buffers={frames} pattern=smpte ! video/x-raw,format=I420,framerate=25/1,\
         width={},height={} ! x264enc speed-preset=ultrafast key-int-max=10 ! {mux} ! filesink location={}",
        size.0,
        size.1,
        path.display()
    ));
}

/// A clip of the cache, or none, said aloud.
pub fn cached(name: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("NGATU_CACHE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/ngatu")))?;
    there(cache.join("clips").join(name))
}

/// A clip of the field material beside the checkout, or none, said aloud.
pub fn field(name: &str) -> Option<PathBuf> {
    there(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/field/video").join(name))
}

fn there(path: PathBuf) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// Runs a future on a runtime of its own.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LONG, future).await }).unwrap()
}

pub fn source(clip: &Path) -> CameraSource {
    CameraSource { url: clip.display().to_string(), ..CameraSource::default() }
}

/// Every picture until the end.
pub fn pictures(clip: &Path) -> Vec<Frame> {
    decoded(&units(clip).unwrap())
}

/// Every unit until the end.
pub fn units(clip: &Path) -> Result<Vec<AccessUnit>, CameraError> {
    let cameras = cameras();
    wait(async {
        let mut stream = UnitDriver::open(&cameras, &source(clip)).await?;
        let mut units = Vec::new();
        loop {
            match stream.next().await? {
                NextUnit::Unit(unit) => units.push(unit),
                NextUnit::Lost => panic!("a file lost something"),
                NextUnit::End => return Ok(units),
            }
        }
    })
}

/// The pictures of these units; a decoder anew wherever the format changes, as users of the door do.
pub fn decoded(units: &[AccessUnit]) -> Vec<Frame> {
    let (cameras, mut out) = (cameras(), Vec::new());
    let mut decoder: Option<(Arc<StreamFormat>, Box<dyn PictureDecoder>)> = None;
    for unit in units {
        if decoder.as_ref().is_none_or(|(format, _)| !Arc::ptr_eq(format, &unit.format)) {
            if let Some((_, decoder)) = &mut decoder {
                decoder.drain(&mut out).unwrap();
            }
            decoder = Some((Arc::clone(&unit.format), new_decoder(&cameras, unit)));
        }
        decoder.as_mut().unwrap().1.decode(unit, &mut out).unwrap();
    }
    if let Some((_, mut decoder)) = decoder {
        decoder.drain(&mut out).unwrap();
    }
    out
}

pub fn new_decoder(cameras: &Cameras, unit: &AccessUnit) -> Box<dyn PictureDecoder> {
    cameras.decoder(&source(Path::new("/clip")), &unit.format).unwrap()
}
