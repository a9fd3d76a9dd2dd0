//! Pictures for people, and pictures out of files.

use std::path::Path;

use hardware_ports::camera::Picture;
use hardware_ports::infer::{InferError, PictureEncoder};
use image::codecs::jpeg::JpegEncoder as Encoder;
use image::{ExtendedColorType, ImageReader, Limits};
use models_vision::letterbox::SIDES;

use crate::rgb::Rgb;

/// [`PictureEncoder`] on the processor.
#[derive(Debug, Clone, Copy, Default)]
pub struct JpegEncoder;

impl PictureEncoder for JpegEncoder {
    fn jpeg(&self, picture: &Picture, max_width: u32, quality: u8) -> Result<Vec<u8>, InferError> {
        let rgb = Rgb::scaled(picture, at_most(max_width, (picture.width, picture.height)))?;
        let mut out = Vec::new();
        Encoder::new_with_quality(&mut out, quality.clamp(1, 100))
            .encode(&rgb.data, rgb.width, rgb.height, ExtendedColorType::Rgb8)
            .map_err(|err| InferError::Picture(format!("writing {picture:?} as JPEG: {err}")))?;
        Ok(out)
    }
}

/// The size in the same shape, no wider than `max_width`.
fn at_most(max_width: u32, (width, height): (u32, u32)) -> (u32, u32) {
    let new = max_width.clamp(*SIDES.start(), *SIDES.end());
    if width <= new {
        return (width, height);
    }
    let scaled = (u64::from(height) * u64::from(new) + u64::from(width) / 2) / u64::from(width);
    (new, u32::try_from(scaled).unwrap_or(u32::MAX).max(*SIDES.start()))
}

/// Reads a JPEG or PNG file.
///
/// # Errors
/// [`InferError::Picture`] naming the file.
pub fn read_picture(path: &Path) -> Result<Picture, InferError> {
    let failed = |err: &dyn std::fmt::Display| InferError::Picture(format!("{}: {err}", path.display()));
    let mut reader =
        ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|err| failed(&err))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(*SIDES.end());
    limits.max_image_height = Some(*SIDES.end());
    reader.limits(limits);
    let read = reader.decode().map_err(|err| failed(&err))?.into_rgb8();
    let (width, height) = read.dimensions();
    Ok(Picture::from_rgb(width, height, read.into_raw()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hardware_ports::camera::{OwnedPlanes, PixelFormat};

    use super::*;

    #[test]
    fn sizes_keep_their_shape() {
        for (max, from, want) in [
            (640, (1920, 1080), (640, 360)),
            (640, (320, 200), (320, 200)),
            (0, (1920, 1080), (2, 2)),
            (333, (1000, 1), (333, 2)),
        ] {
            assert_eq!(at_most(max, from), want);
        }
    }

    #[test]
    fn a_picture_survives_the_way_through_jpeg() {
        let (w, h) = (66, 50);
        let planes = OwnedPlanes {
            data: [vec![81; w * h], vec![90; w * h / 4 + 1], vec![240; w * h / 4 + 1]].concat(),
            planes: vec![(0, w), (w * h, w / 2), (w * h + w * h / 4 + 1, w / 2)],
        };
        let picture = Picture { width: 66, height: 50, format: PixelFormat::I420, planes: Arc::new(planes) };
        let jpeg = JpegEncoder.jpeg(&picture, 33, 90).unwrap();
        let back = image::load_from_memory(&jpeg).unwrap().into_rgb8();
        assert_eq!(back.dimensions(), (33, 25));
        let pixel = back.get_pixel(16, 12).0;
        assert!(pixel[0] > 245 && pixel[1] < 10 && pixel[2] < 10, "{pixel:?}");
    }

    #[test]
    fn bad_pictures_are_errors() {
        let short = Picture::from_rgb(100, 100, vec![0; 10]);
        assert!(JpegEncoder.jpeg(&short, 50, 80).is_err());
        let err = read_picture(Path::new("/no/such.jpg")).unwrap_err().to_string();
        assert!(err.contains("/no/such.jpg: No such file"), "{err}");
    }
}
