//! Live cameras over RTSP by GStreamer's rtspsrc, for what `retina` does not read: TLS, multicast, other codecs. Costs four
//! threads a stream.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gio::prelude::*;
use gst::prelude::*;
use hardware_ports::Clock;
use hardware_ports::camera::{CameraError, CameraSource, Transport};
use hardware_ports::units::UnitStream;

use super::interface;
use super::pipeline::{Pipeline, PipelineUnits, TakenAt};
use super::queue::Over;
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
            // What TLS carries is TCP; its own flag of GStreamer is no transport.
            (_, true, _) => "tcp",
            (_, false, true) => "udp-mcast+tcp+udp",
            (Transport::Tcp, false, false) => "tcp",
            (Transport::Udp, false, false) => "udp",
            (Transport::Multicast, false, false) => "udp-mcast",
        },
    );
    if !address.tls {
        // Else the packets are waited for where the default route leads, and cameras have a network of their own.
        rtsp.set_property("multicast-iface", interface::towards(&address.url).await);
    }
    if let Some(file) = &source.certificates {
        trust(&rtsp, file).map_err(|why| named.untrusted(&why))?;
    }
    rtsp.set_property("tcp-timeout", ANSWER_WAIT_US);
    rtsp.set_property("timeout", ANSWER_WAIT_US);
    rtsp.set_property("latency", REORDER_MS);
    rtsp.set_property("user-agent", "Nga-Tu");
    tell_untrusted(&rtsp, &pipeline);
    only_video(&rtsp);
    link_video(&rtsp, &pipeline.parser);
    pipeline.add_live(&rtsp)?;
    pipeline.play();
    pipeline.started(CONNECT).await?;
    let time = TakenAt::Arrival(FrameTime::default(), Arc::clone(clock));
    Ok(Box::new(PipelineUnits::new(pipeline, time)))
}

/// Only who holds one of the file's certificates, or one that they signed, is let in. Cameras are addressed by numbers and
/// their certificates made out to anything: names are not compared.
fn trust(rtsp: &gst::Element, file: &Path) -> Result<(), String> {
    let anchors = gio::TlsFileDatabase::new(file).map_err(|err| format!("{}: {err}", file.display()))?;
    rtsp.set_property("tls-database", &anchors);
    rtsp.set_property(
        "tls-validation-flags",
        gio::TlsCertificateFlags::VALIDATE_ALL - gio::TlsCertificateFlags::BAD_IDENTITY,
    );
    Ok(())
}

/// GStreamer itself calls a certificate that is not trusted a "generic error".
fn tell_untrusted(rtsp: &gst::Element, pipeline: &Pipeline) {
    let (queue, named) = (Arc::clone(&pipeline.queue), pipeline.named.clone());
    rtsp.connect("accept-certificate", false, move |values| {
        let flags = values.get(3).and_then(|value| value.get::<gio::TlsCertificateFlags>().ok());
        queue.over(Over::Failed(named.untrusted(flags.map_or("it is not sound", why_untrusted))));
        Some(false.to_value())
    });
}

fn why_untrusted(flags: gio::TlsCertificateFlags) -> &'static str {
    let known = [
        (gio::TlsCertificateFlags::UNKNOWN_CA, "nobody trusted here has signed it"),
        (gio::TlsCertificateFlags::EXPIRED, "it has expired"),
        (gio::TlsCertificateFlags::NOT_ACTIVATED, "its time has not come; are the clocks right?"),
        (gio::TlsCertificateFlags::REVOKED, "it was revoked"),
        (gio::TlsCertificateFlags::BAD_IDENTITY, "it is made out to another name"),
    ];
    known.iter().find(|(flag, _)| flags.contains(*flag)).map_or("it is not sound", |(_, why)| why)
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
