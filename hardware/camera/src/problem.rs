//! GStreamer's troubles in the words of [`CameraError`]: what failed, with which camera, and what to do.

use hardware_ports::camera::{CameraError, CameraSource};
use hardware_ports::secrets::without_pairs;

/// The camera as it is named to people, and the words that must never be seen in a text about it.
#[derive(Debug, Clone)]
pub struct Named {
    pub camera: String,
    secrets: Vec<String>,
}

impl Named {
    pub fn new(source: &CameraSource, secrets: Vec<String>) -> Self {
        Self { camera: source.to_string(), secrets: secrets.into_iter().filter(|s| !s.is_empty()).collect() }
    }

    pub fn unreachable(&self, why: &str) -> CameraError {
        CameraError::Unreachable { camera: self.camera.clone(), why: self.strike(why) }
    }

    pub fn unauthorized(&self) -> CameraError {
        CameraError::Unauthorized { camera: self.camera.clone() }
    }

    pub fn untrusted(&self, why: &str) -> CameraError {
        self.unreachable(&format!(
            "its certificate is not trusted ({why}); name a file with it, or with that of the authority which signed it, under \
             `certificates`"
        ))
    }

    pub fn not_found(&self, why: &str) -> CameraError {
        CameraError::NotFound { camera: self.camera.clone(), why: self.strike(why) }
    }

    pub fn undecodable(&self, why: &str) -> CameraError {
        CameraError::Undecodable { camera: self.camera.clone(), why: self.strike(why) }
    }

    pub fn stream(&self, why: &str) -> CameraError {
        CameraError::Stream { camera: self.camera.clone(), why: self.strike(why) }
    }

    /// GStreamer's texts may repeat a URL or a header.
    fn strike(&self, text: &str) -> String {
        self.secrets.iter().fold(without_pairs(text), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

/// What an error message of GStreamer says: its sentence, and of its debug part what follows the place in the code.
pub fn text(err: &gst::message::Error) -> String {
    let sentence = err.error().message().trim_end_matches('.').to_owned();
    let debug = err.debug().unwrap_or_default();
    match debug.split_once(":\n").map(|(_, detail)| detail.lines().next().unwrap_or("").trim_end_matches('.'))
    {
        Some(detail) if !detail.is_empty() && detail != sentence => format!("{sentence} ({detail})"),
        _ => sentence,
    }
}

/// The text for an element that this machine does not have.
pub fn missing_element(factory: &str) -> String {
    format!("GStreamer has no {factory}; install the Debian package {}", package(factory))
}

/// The text for a codec that nothing here decodes.
pub fn missing_decoder(caps: &gst::Caps) -> String {
    let codec = caps.structure(0).map_or("an unknown codec", |s| s.name().as_str());
    format!("no decoder for {codec} is installed; install the Debian package gstreamer1.0-libav")
}

/// The Debian package of a GStreamer element.
fn package(factory: &str) -> &'static str {
    match factory {
        "appsrc" | "appsink" | "parsebin" | "videoconvert" => "gstreamer1.0-plugins-base",
        "rtspsrc" | "qtdemux" | "avidemux" | "mp4mux" => "gstreamer1.0-plugins-good",
        "h264parse" | "h265parse" => "gstreamer1.0-plugins-bad",
        "x264enc" => "gstreamer1.0-plugins-ugly",
        "filesrc" | "fakesink" => "libgstreamer1.0-0",
        _ => "gstreamer1.0-libav",
    }
}
