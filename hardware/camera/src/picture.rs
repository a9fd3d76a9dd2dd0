//! A decoded buffer of GStreamer as a [`Picture`], read in place.

use std::sync::Arc;

use gst_video::{
    VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrame, VideoFrameExt, VideoInfo,
    video_frame::Readable,
};
use hardware_ports::camera::{Levels, Matrix, Picture, PixelFormat, Plane, Planes};

/// What the sink asks the decoder for. `videoconvert` before it makes these of anything else (10 bit, 4:2:2 …).
pub const FORMATS: [(VideoFormat, PixelFormat); 2] =
    [(VideoFormat::I420, PixelFormat::I420), (VideoFormat::Nv12, PixelFormat::Nv12)];

/// The picture in `buffer`; keeps the decoder's buffer mapped until its last reader is gone, and copies no pixel.
/// Rows may be padded: strides and offsets are those of the buffer's video meta.
///
/// # Errors
/// A text for people when it is not a picture of one of [`FORMATS`].
pub fn picture(buffer: gst::Buffer, info: &VideoInfo) -> Result<Picture, String> {
    let format = FORMATS.iter().find(|(theirs, _)| *theirs == info.format()).map(|(_, ours)| *ours);
    let format = format.ok_or_else(|| format!("pictures of format {} are not read", info.format()))?;
    let frame = VideoFrame::from_buffer_readable(buffer, info)
        .map_err(|_| "the decoder's memory cannot be read".to_owned())?;
    let (width, height) = (frame.width(), frame.height());
    Ok(Picture { width, height, format, planes: Arc::new(Mapped(frame)) })
}

struct Mapped(VideoFrame<Readable>);

impl Planes for Mapped {
    fn plane(&self, index: usize) -> Plane<'_> {
        let data = u32::try_from(index).ok().and_then(|i| self.0.plane_data(i).ok());
        let stride = self.0.plane_stride().get(index).and_then(|&s| usize::try_from(s).ok());
        match (data, stride) {
            (Some(data), Some(stride)) => Plane { data, stride },
            _ => Plane { data: &[], stride: 0 },
        }
    }

    fn levels(&self) -> Levels {
        if self.0.info().colorimetry().range() == VideoColorRange::Range0_255 {
            Levels::Full
        } else {
            Levels::Limited
        }
    }

    fn matrix(&self) -> Matrix {
        // Where the stream says nothing, GStreamer has decided by the picture's size.
        // BT.2020 and SMPTE 240M are much nearer to BT.709 than to the other.
        let near_bt709 = [VideoColorMatrix::Bt709, VideoColorMatrix::Bt2020, VideoColorMatrix::Smpte240m];
        if near_bt709.contains(&self.0.info().colorimetry().matrix()) { Matrix::Bt709 } else { Matrix::Bt601 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

    use super::*;

    #[test]
    fn the_matrix_is_told_or_follows_from_the_size() {
        gst::init().unwrap();
        for (colorimetry, size, want) in [
            (Some("bt709"), (64, 48), Matrix::Bt709),
            (Some("bt601"), (1920, 1080), Matrix::Bt601),
            (None, (640, 480), Matrix::Bt601),
            (None, (1920, 1080), Matrix::Bt709),
            (None, (3840, 2160), Matrix::Bt709),
        ] {
            let mut caps = gst::Caps::builder("video/x-raw").field("format", "I420");
            caps = caps
                .field("width", size.0)
                .field("height", size.1)
                .field("framerate", gst::Fraction::new(25, 1));
            let caps = colorimetry.iter().fold(caps, |caps, text| caps.field("colorimetry", *text)).build();
            let info = VideoInfo::from_caps(&caps).unwrap();
            let buffer = gst::Buffer::with_size(info.size()).unwrap();
            assert_eq!(picture(buffer, &info).unwrap().planes.matrix(), want, "{colorimetry:?} {size:?}");
        }
    }

    #[test]
    fn full_range_is_told() {
        gst::init().unwrap();
        // Range, matrix, transfer, primaries, as GStreamer writes them; the third says nothing of its range.
        for (colorimetry, want) in [
            ("1:4:0:0", Levels::Full),
            ("2:4:0:0", Levels::Limited),
            ("0:4:0:0", Levels::Limited),
            ("bt709", Levels::Limited),
        ] {
            let info = VideoInfo::builder(VideoFormat::I420, 64, 48);
            let info = info.colorimetry(&colorimetry.parse().unwrap()).build().unwrap();
            let buffer = gst::Buffer::with_size(info.size()).unwrap();
            assert_eq!(picture(buffer, &info).unwrap().planes.levels(), want, "{colorimetry}");
        }
    }
}
