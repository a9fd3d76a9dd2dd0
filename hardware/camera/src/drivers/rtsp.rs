//! Live cameras over RTSP, by GStreamer's rtspsrc: TCP or UDP, basic or digest authentication, H.264, H.265, MJPEG.

use std::time::Duration;

use gst::prelude::*;
use hardware_ports::camera::{CameraError, Transport};

use super::{Driver, Opening};
use crate::address;
use crate::decode::{Found, make};
use crate::pipeline::{Reading, Running, TakenAt};
use crate::problem::{self, Named};

pub const DRIVER: Driver = Driver {
    schemes: &["rtsp", "rtsps"],
    prepare,
    connect: Duration::from_secs(10),
    first_picture: Duration::from_secs(5),
};

/// How long the camera may take over one answer, and how long UDP packets may stay away, in microseconds.
const ANSWER_WAIT_US: u64 = 5_000_000;
/// How long packets that overtook others are held back, in milliseconds. TCP keeps their order by itself.
const REORDER_MS: u32 = 200;

fn prepare(opening: &Opening<'_>) -> Result<Running, CameraError> {
    let address = address::parse(&opening.source.url);
    let named = Named::new(opening.source, address.secrets());
    let mut running = Running::new(Reading {
        named: named.clone(),
        pace: opening.pace,
        decoders: opening.decoders,
        taken_at: TakenAt::Arrival(opening.clock.clone()),
        in_real_time: false,
        explain,
    })?;
    let source = make("rtspsrc").map_err(|why| named.undecodable(&why))?;
    // The credentials travel apart from the address, so that no text of GStreamer can repeat them.
    source.set_property("location", &address.url);
    if let Some(user) = &address.user {
        source.set_property("user-id", user);
        source.set_property("user-pw", address.password.as_deref().unwrap_or(""));
    }
    source.set_property_from_str(
        "protocols",
        match (opening.source.transport, address.tls) {
            (_, true) => "tls",
            (Transport::Tcp, false) => "tcp",
            (Transport::Udp, false) => "udp",
        },
    );
    source.set_property("tcp-timeout", ANSWER_WAIT_US);
    source.set_property("timeout", ANSWER_WAIT_US);
    source.set_property("latency", REORDER_MS);
    source.set_property("user-agent", "Nga-Tu");
    only_video(&source);
    let parser = running.parser.downgrade();
    source.connect_pad_added(move |_, pad| {
        let Some(into) = parser.upgrade().and_then(|parser| parser.static_pad("sink")) else { return };
        if !into.is_linked()
            && is_video(&pad.current_caps().unwrap_or_else(|| pad.query_caps(None)))
            && pad.link(&into).is_err()
        {
            tracing::warn!(pad = %pad.name(), "a video stream could not be linked");
        }
    });
    running.add_live(&source)?;
    Ok(running)
}

/// Sound is never asked for.
fn only_video(source: &gst::Element) {
    source.connect("select-stream", false, |values| {
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        Some(is_video(&caps).to_value())
    });
}

fn is_video(caps: &gst::Caps) -> bool {
    caps.structure(0).is_some_and(|s| s.get::<&str>("media") == Ok("video"))
}

fn explain(named: &Named, err: &gst::message::Error, found: &Found, delivered: u64) -> Option<CameraError> {
    let text = problem::text(err);
    if let Some(why) = found.refused() {
        return Some(named.undecodable(&why));
    }
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
