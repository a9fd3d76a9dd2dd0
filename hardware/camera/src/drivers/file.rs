//! Clips: whatever container GStreamer knows, one video track.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::prelude::*;
use hardware_ports::camera::{CameraError, CameraSource, Pace};

use super::{Driver, Opening};
use crate::decode::{self, Decoders, Found, make};
use crate::pipeline::{Reading, Running, TakenAt};
use crate::problem::{self, Named};

pub const DRIVER: Driver = Driver {
    schemes: &["", "file"],
    prepare,
    connect: Duration::from_secs(30),
    first_picture: Duration::ZERO,
};

fn prepare(opening: &Opening<'_>) -> Result<Running, CameraError> {
    build(opening.source, opening.pace, opening.decoders)
}

fn build(source: &CameraSource, pace: Pace, decoders: Decoders) -> Result<Running, CameraError> {
    let named = Named::new(source, Vec::new());
    let path = path_of(&source.url).ok_or_else(|| named.not_found("is not the path of a file"))?;
    // Opening it here gives the system's own reason, which GStreamer would hide.
    match std::fs::File::open(&path).and_then(|f| f.metadata()) {
        Ok(about) if about.is_dir() => return Err(named.not_found("is a folder, not a clip")),
        Ok(about) if about.len() == 0 => return Err(named.undecodable("the file is empty")),
        Ok(_) => {}
        Err(err) => return Err(named.not_found(&format!("cannot be opened: {err}"))),
    }
    let mut running = Running::new(Reading {
        named: named.clone(),
        pace,
        decoders,
        taken_at: TakenAt::Pts,
        in_real_time: pace == Pace::NewestWins,
        explain,
    })?;
    let elements = || -> Result<[gst::Element; 2], String> { Ok([make("filesrc")?, make("typefind")?]) };
    let [source, typefind] = elements().map_err(|why| named.undecodable(&why))?;
    source.set_property("location", &path);
    running.add(&[&source, &typefind])?;
    source.link(&typefind).map_err(|err| named.stream(&err.to_string()))?;
    open_container(&running, &typefind);
    Ok(running)
}

/// Puts the demuxer of the container behind `typefind` once that is known. parsebin could do this too, but loses the
/// error of a demuxer that fails while it is being put in, and then waits for ever.
fn open_container(running: &Running, typefind: &gst::Element) {
    let (pipeline, parser) = (running.pipeline().downgrade(), running.parser.downgrade());
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
        Some(PathBuf::from(url))
    }
}

fn explain(named: &Named, err: &gst::message::Error, found: &Found, delivered: u64) -> Option<CameraError> {
    let text = problem::text(err);
    if delivered > 0 {
        // A clip cut short by a full disk or a broken copy: what is there was decoded.
        tracing::warn!(camera = %named.camera, pictures = delivered, "the clip breaks off: {text}");
        return None;
    }
    if let Some(why) = found.refused() {
        return Some(named.undecodable(&why));
    }
    Some(named.undecodable(&match err.error().kind::<gst::StreamError>() {
        Some(gst::StreamError::TypeNotFound | gst::StreamError::WrongType) => {
            format!("it is not a video that GStreamer knows ({text})")
        }
        Some(gst::StreamError::Demux) => {
            format!("its container is broken or cut short; copy or record it again ({text})")
        }
        _ if !found.video() => "there is no video in it".to_owned(),
        _ => text,
    }))
}
