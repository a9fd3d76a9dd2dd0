//! One file per way of getting access units, and who reads which address.

mod file;
mod pipeline;
mod queue;
mod rtsp;
mod rtspsrc;
mod unit;

use std::sync::Arc;

use async_trait::async_trait;
use hardware_ports::camera::{CameraError, CameraSource};
use hardware_ports::units::{PictureDecoder, StreamFormat, UnitDriver, UnitStream};

use crate::address;
use crate::decoder::UnitDecoder;
use crate::drivers::Cameras;
use crate::problem::Named;

pub use file::clip_length;

#[async_trait]
impl UnitDriver for Cameras {
    async fn open(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
        let scheme = source.url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        match scheme.as_str() {
            "" | "file" => file::open(source).await,
            "rtsps" => rtspsrc::open(source, false, &self.clock).await,
            "rtsp" => match rtsp::open(source, &self.clock).await? {
                rtsp::Opened::Playing(units) => Ok(units),
                rtsp::Opened::NotForUs => rtspsrc::open(source, true, &self.clock).await,
            },
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
        Ok(Box::new(UnitDecoder::new(named, format, &self.hardware_failed)?))
    }
}
