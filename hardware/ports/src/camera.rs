//! What the camera door speaks of: pictures, where they come from, and why there are none. `units` opens it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use models_domain::{DurationMs, UtcMillis};

pub use crate::secrets::without_password;

/// Where a picture's bytes lie in one plane: row `y` starts at `data[y * stride]`.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    pub data: &'a [u8],
    pub stride: usize,
}

/// Memory of a decoded picture, read in place: whoever decoded it keeps it alive until the last reader is gone.
pub trait Planes: Send + Sync {
    fn plane(&self, index: usize) -> Plane<'_>;

    /// Which numbers stand for black and white.
    fn levels(&self) -> Levels {
        Levels::Limited
    }

    /// How luma was made of red, green and blue.
    fn matrix(&self) -> Matrix {
        Matrix::Bt601
    }
}

/// From which luma to which a picture reaches; RGB is always full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Levels {
    /// 16 to 235, as television has it: whatever says nothing else.
    #[default]
    Limited,
    /// 0 to 255, as JPEG has it, and many cameras whose stream says so (H.264 annex E, `video_full_range_flag`).
    Full,
}

/// Shares of red, green and blue in luma (ITU-T H.273 table 4); RGB has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matrix {
    /// Of small pictures that say nothing else.
    #[default]
    Bt601,
    /// Of larger ones (more than 576 rows).
    Bt709,
}

/// Layout of a picture's planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelFormat {
    /// Y full size; U, V at half width and half height.
    I420,
    /// Y full size; UV interleaved at half height.
    Nv12,
    /// One plane, three bytes a pixel: red, green, blue.
    Rgb,
}

/// One decoded picture. Cloning copies no pixel.
#[derive(Clone)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    pub format: PixelFormat,
    pub planes: Arc<dyn Planes>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}x{} {:?})", self.width, self.height, self.format)
    }
}

/// Planes in one vector, for pictures that were not decoded from a stream. `starts[i]..` is plane i.
pub struct OwnedPlanes {
    pub data: Vec<u8>,
    /// Byte offset and stride of each plane.
    pub planes: Vec<(usize, usize)>,
}

impl Planes for OwnedPlanes {
    fn plane(&self, index: usize) -> Plane<'_> {
        match self.planes.get(index) {
            Some(&(start, stride)) => Plane { data: self.data.get(start..).unwrap_or(&[]), stride },
            None => Plane { data: &[], stride: 0 },
        }
    }
}

impl Picture {
    /// A picture of `width` x `height` RGB bytes, row by row without padding.
    pub fn from_rgb(width: u32, height: u32, data: Vec<u8>) -> Self {
        let planes = OwnedPlanes { data, planes: vec![(0, width as usize * 3)] };
        Self { width, height, format: PixelFormat::Rgb, planes: Arc::new(planes) }
    }
}

/// A decoded picture and its time.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When it was taken, as well as is known: for a file, its presentation time counted from 0.
    pub at: UtcMillis,
    /// Presentation time on the stream's own clock, as the container or RTP says, not rebased.
    pub pts: DurationMs,
    pub picture: Picture,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    #[default]
    Tcp,
    Udp,
    /// One sending for all who look, by UDP; the camera names the group.
    Multicast,
}

/// Where the pictures come from. `Debug` and `Display` never show the password.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CameraSource {
    /// `rtsp://user:password@host/path`, `rtsps://`, `file:///clip.mp4` or a plain path.
    pub url: String,
    pub transport: Transport,
    /// For `rtsps://`, a PEM file: the camera's own certificate, or that of the authority which signed it. `None`: the
    /// authorities that this machine trusts, and the certificate must be for the host of the address.
    pub certificates: Option<PathBuf>,
}

impl CameraSource {
    /// A clip, not a camera: it is there at once and comes as fast as it is read.
    pub fn is_file(&self) -> bool {
        !self.url.contains("://") || self.url.starts_with("file://")
    }
}

impl fmt::Display for CameraSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.url))
    }
}

impl fmt::Debug for CameraSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CameraSource({self}, {:?})", self.transport)
    }
}

/// Why a camera gives no pictures; the text says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraError {
    #[error(
        "{camera}: cannot be reached: {why}; check that it is on and that the address and port are right"
    )]
    Unreachable { camera: String, why: String },
    #[error("{camera}: refused the user name or password; check both in the configuration")]
    Unauthorized { camera: String },
    #[error("{camera}: {why}")]
    NotFound { camera: String, why: String },
    #[error("{camera}: cannot be decoded: {why}")]
    Undecodable { camera: String, why: String },
    #[error("{camera}: {why}")]
    Stream { camera: String, why: String },
}
