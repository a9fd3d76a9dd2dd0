//! Live cameras over RTSP by GStreamer's rtspsrc, for what `retina` does not read: TLS, multicast, other codecs. Costs four
//! threads a stream.

use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use hardware_ports::Clock;
use hardware_ports::camera::{CameraError, CameraSource, Transport};
use hardware_ports::units::UnitStream;

use super::pipeline::{Pipeline, PipelineUnits, TakenAt};
use crate::address;
use crate::decode::make;
use crate::frame_time::FrameTime;
use crate::problem::{self, Named};

/// How long the camera may take until it plays.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the camera may take over one answer, and how long UDP packets may stay away, in microseconds.
const ANSWER_WAIT_US: u64 = 5_000_000;
/// How long packets that overtook others are held back, in milliseconds. TCP keeps their order by itself.
const REORDER_MS: u32 = 200;

/// `refused`: the transports of [`Transport`] were tried and the camera wants neither.
///
/// # Errors
/// [`CameraError`] naming the camera without its password.
pub async fn open(
    source: &CameraSource,
    refused: bool,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn UnitStream>, CameraError> {
    let address = address::parse(&source.url);
    let named = Named::new(source, address.secrets());
    let pipeline = Pipeline::new(named.clone(), explain)?;
    let rtsp = make("rtspsrc").map_err(|why| named.undecodable(&why))?;
    // The credentials travel apart from the address, so that no text of GStreamer can repeat them.
    rtsp.set_property("location", &address.url);
    if let Some(user) = &address.user {
        rtsp.set_property("user-id", user);
        rtsp.set_property("user-pw", address.password.as_deref().unwrap_or(""));
    }
    rtsp.set_property_from_str(
        "protocols",
        match (source.transport, address.tls, refused) {
            (_, true, _) => "tls",
            (_, false, true) => "udp-mcast+tcp+udp",
            (Transport::Tcp, false, false) => "tcp",
            (Transport::Udp, false, false) => "udp",
        },
    );
    rtsp.set_property("tcp-timeout", ANSWER_WAIT_US);
    rtsp.set_property("timeout", ANSWER_WAIT_US);
    rtsp.set_property("latency", REORDER_MS);
    rtsp.set_property("user-agent", "Nga-Tu");
    only_video(&rtsp);
    link_video(&rtsp, &pipeline.parser);
    pipeline.add_live(&rtsp)?;
    pipeline.play();
    pipeline.started(CONNECT).await?;
    let time = TakenAt::Arrival(FrameTime::default(), Arc::clone(clock));
    Ok(Box::new(PipelineUnits::new(pipeline, time)))
}

fn link_video(rtsp: &gst::Element, parser: &gst::Element) {
    let parser = parser.downgrade();
    rtsp.connect_pad_added(move |_, pad| {
        let Some(into) = parser.upgrade().and_then(|parser| parser.static_pad("sink")) else { return };
        if !into.is_linked()
            && is_video(&pad.current_caps().unwrap_or_else(|| pad.query_caps(None)))
            && pad.link(&into).is_err()
        {
            tracing::warn!(pad = %pad.name(), "a video stream could not be linked");
        }
    });
}

/// Sound is never asked for.
fn only_video(rtsp: &gst::Element) {
    rtsp.connect("select-stream", false, |values| {
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        Some(is_video(&caps).to_value())
    });
}

fn is_video(caps: &gst::Caps) -> bool {
    caps.structure(0).is_some_and(|s| s.get::<&str>("media") == Ok("video"))
}

fn explain(named: &Named, err: &gst::message::Error, _video: bool, delivered: u64) -> Option<CameraError> {
    let text = problem::text(err);
    Some(match err.error().kind::<gst::ResourceError>() {
        Some(gst::ResourceError::NotAuthorized) => named.unauthorized(),
        Some(gst::ResourceError::NotFound) => {
            named.not_found(&format!("the camera has no such stream; check the path of the address ({text})"))
        }
        Some(gst::ResourceError::OpenRead | gst::ResourceError::OpenReadWrite) => named.unreachable(&text),
        Some(gst::ResourceError::Read | gst::ResourceError::Write) if delivered == 0 => {
            named.unreachable(&text)
        }
        Some(_) => named.stream(&format!("the stream broke: {text}")),
        None => match err.error().kind::<gst::StreamError>() {
            Some(_) => named.undecodable(&text),
            None => named.stream(&text),
        },
    })
}
