//! Any picture as plain RGB bytes, at any size.

use hardware_ports::camera::Picture;
use hardware_ports::infer::InferError;
use models_vision::letterbox::SIDES;

use crate::conversion::Conversion;
use crate::pixels::{Resized, Row, check, whole};

/// Rows of red, green, blue without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    pub data: Vec<u8>,
}

impl Rgb {
    /// The picture at its own size.
    ///
    /// # Errors
    /// [`InferError::Picture`] when the picture is not what it says.
    pub fn of(picture: &Picture) -> Result<Self, InferError> {
        Self::scaled(picture, (picture.width, picture.height))
    }

    /// The picture, stretched to `size`.
    ///
    /// # Errors
    /// [`InferError::Picture`] when the picture is not what it says, or the size is no picture's.
    pub fn scaled(picture: &Picture, size: (u32, u32)) -> Result<Self, InferError> {
        check(picture)?;
        let (width, height) = size;
        if !SIDES.contains(&width) || !SIDES.contains(&height) {
            return Err(InferError::Picture(format!(
                "{width} x {height} is no size to scale {picture:?} to"
            )));
        }
        let mut resized = Resized::default();
        resized.load(picture, &whole(picture), size)?;
        let mut data = Vec::with_capacity(width as usize * height as usize * 3);
        let by = resized.conversion();
        resized.rows(size, |_, row| match row {
            Row::Rgb(rgb) => data.extend_from_slice(rgb),
            Row::Planar { y, u, v } => {
                data.extend(y.iter().enumerate().flat_map(|(x, y)| bytes(by, *y, u[x / 2], v[x / 2])));
            }
            Row::Interleaved { y, uv } => {
                let of = |(x, y): (usize, &u8)| bytes(by, *y, uv[x / 2 * 2], uv[x / 2 * 2 + 1]);
                data.extend(y.iter().enumerate().flat_map(of));
            }
        })?;
        Ok(Self { width, height, data })
    }

    pub fn into_picture(self) -> Picture {
        Picture::from_rgb(self.width, self.height, self.data)
    }
}

/// `as` cuts to 0..=255, and makes 0 of what is no number.
fn bytes(by: Conversion, y: u8, u: u8, v: u8) -> [u8; 3] {
    by.rgb(y, u, v).map(|value| (value + 0.5) as u8)
}
