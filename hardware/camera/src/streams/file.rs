//! Clips as units: whatever container GStreamer knows, the first video track.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::prelude::*;
use hardware_ports::camera::{CameraError, CameraSource};
use hardware_ports::units::UnitStream;
use models_domain::DurationMs;

use super::pipeline::{Pipeline, PipelineUnits, TakenAt};
use crate::decode::{self, make};
use crate::problem::{self, Named};

/// How long a clip may take to give its first unit.
const CONNECT: Duration = Duration::from_secs(30);
/// How long a clip may take to say its length: a progress bar is not worth more.
const LENGTH_WAIT: Duration = Duration::from_secs(5);

/// # Errors
/// [`CameraError`] naming the file and what is wrong with it.
pub async fn open(source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
    let named = Named::new(source, Vec::new());
    let pipeline = build(&named, &source.url)?;
    pipeline.play();
    pipeline.started(CONNECT).await?;
    Ok(Box::new(PipelineUnits::new(pipeline, TakenAt::Pts)))
}

/// The length that the container states; `None` when it states none or cannot be read.
pub fn clip_length(path: &Path) -> Option<DurationMs> {
    gst::init().ok()?;
    let source = CameraSource { url: path.to_str()?.to_owned(), ..CameraSource::default() };
    let pipeline = build(&Named::new(&source, Vec::new()), &source.url).ok()?;
    pipeline.play();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    let started =
        runtime.block_on(async { tokio::time::timeout(LENGTH_WAIT, pipeline.queue.started()).await });
    started.ok()?;
    let length = pipeline.pipeline.query_duration::<gst::ClockTime>()?;
    i64::try_from(length.mseconds()).ok().map(DurationMs)
}

/// A pipeline that reads the file, not started.
///
/// # Errors
/// [`CameraError`] when the file cannot be opened or an element of GStreamer is missing.
fn build(named: &Named, url: &str) -> Result<Pipeline, CameraError> {
    let path = path_of(url).ok_or_else(|| named.not_found("is not the path of a file"))?;
    // Opening it here gives the system's own reason, which GStreamer would hide.
    match std::fs::File::open(&path).and_then(|f| f.metadata()) {
        Ok(about) if about.is_dir() => return Err(named.not_found("is a folder, not a clip")),
        Ok(about) if about.len() == 0 => return Err(named.undecodable("the file is empty")),
        Ok(_) => {}
        Err(err) => return Err(named.not_found(&format!("cannot be opened: {err}"))),
    }
    let mut pipeline = Pipeline::new(named.clone(), explain)?;
    let elements = || -> Result<[gst::Element; 2], String> { Ok([make("filesrc")?, make("typefind")?]) };
    let [source, typefind] = elements().map_err(|why| named.undecodable(&why))?;
    source.set_property("location", &path);
    pipeline.add(&[&source, &typefind])?;
    source.link(&typefind).map_err(|err| named.stream(&err.to_string()))?;
    open_container(&pipeline, &typefind);
    Ok(pipeline)
}

/// Puts the demuxer of the container behind `typefind` once that is known. parsebin could do this too, but loses the
/// error of a demuxer that fails while it is being put in, and then waits for ever.
fn open_container(pipeline: &Pipeline, typefind: &gst::Element) {
    let (pipeline, parser) = (pipeline.pipeline.downgrade(), pipeline.parser.downgrade());
    typefind.connect("have-type", false, move |values| {
        let typefind = values.first()?.get::<gst::Element>().ok()?;
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        if let Err(why) = link_container(&pipeline.upgrade()?, &parser.upgrade()?, &typefind, &caps) {
            gst::element_error!(typefind, gst::StreamError::WrongType, ("{}", why));
        }
        None
    });
}

fn link_container(
    pipeline: &gst::Pipeline,
    parser: &gst::Element,
    typefind: &gst::Element,
    caps: &gst::Caps,
) -> Result<(), String> {
    let demuxers =
        gst::ElementFactory::factories_with_type(gst::ElementFactoryType::DEMUXER, gst::Rank::MARGINAL);
    let best = demuxers.into_iter().filter(|f| f.can_sink_any_caps(caps)).max_by_key(|f| f.rank());
    let Some(best) = best else {
        // A bare stream without a container, or nothing that is known: the parser says which.
        return typefind.link(parser).map_err(|err| err.to_string());
    };
    let demuxer = best.create().build().map_err(|err| err.to_string())?;
    pipeline.add(&demuxer).map_err(|err| err.to_string())?;
    let (into, video) = (parser.downgrade(), AtomicBool::new(false));
    demuxer.connect_pad_added(move |_, pad| {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let Some(into) = into.upgrade().and_then(|parser| parser.static_pad("sink")) else { return };
        if decode::is_video(&caps) && !video.swap(true, Ordering::Relaxed) && pad.link(&into).is_err() {
            tracing::warn!(%caps, "a video track could not be linked");
        }
    });
    typefind.link(&demuxer).map_err(|err| err.to_string())?;
    demuxer.sync_state_with_parent().map_err(|err| err.to_string())
}

/// The path in `file://…` (percent-decoded) or a plain path.
fn path_of(url: &str) -> Option<PathBuf> {
    if url.contains("://") {
        url::Url::parse(url).ok()?.to_file_path().ok()
    } else {
        Some(Path::new(url).to_owned())
    }
}

fn explain(named: &Named, err: &gst::message::Error, video: bool, delivered: u64) -> Option<CameraError> {
    let text = problem::text(err);
    if delivered > 0 {
        // A clip cut short by a full disk or a broken copy: what is there was read.
        tracing::warn!(camera = %named.camera, units = delivered, "the clip breaks off: {text}");
        return None;
    }
    Some(named.undecodable(&match err.error().kind::<gst::StreamError>() {
        Some(gst::StreamError::TypeNotFound | gst::StreamError::WrongType) => {
            format!("it is not a video that GStreamer knows ({text})")
        }
        Some(gst::StreamError::Demux) => {
            format!("its container is broken or cut short; copy or record it again ({text})")
        }
        _ if !video => "there is no video in it".to_owned(),
        _ => text,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, want: Option<&str>) {
        assert_eq!(path_of(url), want.map(PathBuf::from));
    }

    #[test]
    fn paths() {
        check("clips/a b.mp4", Some("clips/a b.mp4"));
        check("file:///clips/a%20b.mp4", Some("/clips/a b.mp4"));
        check("file://elsewhere/clip.mp4", None);
    }
}
