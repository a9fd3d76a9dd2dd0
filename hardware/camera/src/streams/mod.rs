//! One file per way of getting access units, and who reads which address.

mod file;
mod interface;
mod misread;
mod parts;
mod pipeline;
mod queue;
mod rtsp;
mod rtspsrc;
mod unit;

use std::sync::Arc;

use async_trait::async_trait;
use hardware_ports::Clock;
use hardware_ports::camera::{CameraError, CameraSource, Transport};
use hardware_ports::units::{PictureDecoder, StreamFormat, UnitDriver, UnitStream};

use crate::address;
use crate::decode::{DecoderKind, Preference};
use crate::decoder::UnitDecoder;
use crate::problem::Named;

use misread::Misread;

pub use file::clip_length;

/// Opens every kind of camera address that this house reads, and decodes what comes.
pub struct Cameras {
    clock: Arc<dyn Clock>,
    prefer: Preference,
    misread: Arc<Misread>,
}

impl Cameras {
    /// `clock` gives live pictures their time. Decoders are tried in the order of `prefer`, each kind until it has failed
    /// once; software is what is left.
    ///
    /// # Errors
    /// [`CameraError::Stream`] when GStreamer cannot be started.
    pub fn new(clock: Arc<dyn Clock>, prefer: &[DecoderKind]) -> Result<Self, CameraError> {
        gst::init().map_err(|err| CameraError::Stream {
            camera: "GStreamer".to_owned(),
            why: format!("cannot be started: {err}; install the Debian package gstreamer1.0-plugins-base"),
        })?;
        Ok(Self { clock, prefer: Preference::new(prefer), misread: Arc::default() })
    }

    /// By `retina` where it can be.
    async fn rtsp(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
        let mark = self.misread.mark(&source.url);
        if mark.is_set(self.clock.elapsed()) {
            let opened = rtspsrc::open(source, false, &self.clock).await;
            // Neither of the two can read it, or it is another camera by now. One that is off stays what it is.
            if let Err(
                CameraError::NotFound { .. } | CameraError::Undecodable { .. } | CameraError::Stream { .. },
            ) = &opened
            {
                mark.clear();
            }
            return opened;
        }
        match rtsp::open(source, &self.clock, &mark).await? {
            rtsp::Opened::Playing(units) => Ok(units),
            rtsp::Opened::NotForUs => rtspsrc::open(source, true, &self.clock).await,
            rtsp::Opened::NotUnderstood => rtspsrc::open(source, false, &self.clock).await,
        }
    }
}

#[async_trait]
impl UnitDriver for Cameras {
    async fn open(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
        let scheme = source.url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        match scheme.as_str() {
            "" | "file" => file::open(source).await,
            "rtsps" => rtspsrc::open(source, false, &self.clock).await,
            // `retina` reads no multicast.
            "rtsp" if source.transport == Transport::Multicast => {
                rtspsrc::open(source, false, &self.clock).await
            }
            "rtsp" => self.rtsp(source).await,
            _ => Err(Named::new(source, Vec::new()).not_found(&format!(
                "{scheme}:// is not read; known are file, rtsp, rtsps, and the path of a file"
            ))),
        }
    }

    fn decoder(
        &self,
        source: &CameraSource,
        format: &Arc<StreamFormat>,
    ) -> Result<Box<dyn PictureDecoder>, CameraError> {
        let named = Named::new(source, address::parse(&source.url).secrets());
        Ok(Box::new(UnitDecoder::new(named, format, &self.prefer)?))
    }
}
