//! How luma and chroma become red, green and blue.

use hardware_ports::camera::{Levels, Matrix, Picture};

/// Factors of a picture's matrix and levels (ITU-T H.273 table 4), for colours of 0..=255 before rounding and cutting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    black: f32,
    gain: f32,
    red_by_v: f32,
    green_by_u: f32,
    green_by_v: f32,
    blue_by_u: f32,
}

impl Default for Conversion {
    fn default() -> Self {
        Self::with(Matrix::default(), Levels::default())
    }
}

impl Conversion {
    /// What the picture says of itself.
    pub fn of(picture: &Picture) -> Self {
        Self::with(picture.planes.matrix(), picture.planes.levels())
    }

    fn with(matrix: Matrix, levels: Levels) -> Self {
        // Of red and blue in luma; green is the rest.
        let (red, blue) = match matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.212_6, 0.072_2),
        };
        let green = 1.0 - red - blue;
        let (black, gain, tint) = match levels {
            Levels::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
            Levels::Full => (0.0, 1.0, 1.0),
        };
        let (red_by_v, blue_by_u) = (2.0 * (1.0 - red) * tint, 2.0 * (1.0 - blue) * tint);
        Self {
            black,
            gain,
            red_by_v,
            green_by_u: -blue_by_u * blue / green,
            green_by_v: -red_by_v * red / green,
            blue_by_u,
        }
    }

    #[inline(always)]
    pub fn rgb(self, y: u8, u: u8, v: u8) -> [f32; 3] {
        self.tint(u, v).map(|tint| self.light(y) + tint)
    }

    /// What all three colours of a pixel have in common.
    #[inline(always)]
    pub fn light(self, y: u8) -> f32 {
        (f32::from(y) - self.black) * self.gain
    }

    /// What red, green and blue have beyond that.
    #[inline(always)]
    pub fn tint(self, u: u8, v: u8) -> [f32; 3] {
        let (u, v) = (f32::from(u) - 128.0, f32::from(v) - 128.0);
        [self.red_by_v * v, self.green_by_u * u + self.green_by_v * v, self.blue_by_u * u]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_matrix_and_the_levels() {
        let near = |matrix: Matrix, levels: Levels, yuv: [u8; 3], want: [f32; 3]| {
            let found = Conversion::with(matrix, levels).rgb(yuv[0], yuv[1], yuv[2]);
            let near = found.iter().zip(want).all(|(a, b)| (a - b).abs() < 2.0);
            assert!(near, "{matrix:?} {levels:?} {yuv:?}: {found:?}");
        };
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            near(matrix, Levels::Limited, [16, 128, 128], [0.0, 0.0, 0.0]);
            near(matrix, Levels::Limited, [235, 128, 128], [255.0, 255.0, 255.0]);
            near(matrix, Levels::Full, [0, 128, 128], [0.0, 0.0, 0.0]);
            near(matrix, Levels::Full, [255, 128, 128], [255.0, 255.0, 255.0]);
        }
        near(Matrix::Bt601, Levels::Limited, [81, 90, 240], [255.0, 0.0, 0.0]);
        near(Matrix::Bt601, Levels::Limited, [145, 54, 34], [0.0, 255.0, 0.0]);
        near(Matrix::Bt601, Levels::Limited, [41, 240, 110], [0.0, 0.0, 255.0]);
        near(Matrix::Bt601, Levels::Full, [76, 85, 255], [255.0, 0.0, 0.0]);
        near(Matrix::Bt601, Levels::Full, [150, 44, 21], [0.0, 255.0, 0.0]);
        near(Matrix::Bt601, Levels::Full, [29, 255, 107], [0.0, 0.0, 255.0]);
        near(Matrix::Bt709, Levels::Limited, [63, 102, 240], [255.0, 0.0, 0.0]);
        near(Matrix::Bt709, Levels::Limited, [173, 42, 26], [0.0, 255.0, 0.0]);
        near(Matrix::Bt709, Levels::Limited, [32, 240, 118], [0.0, 0.0, 255.0]);
        near(Matrix::Bt709, Levels::Full, [54, 99, 255], [255.0, 0.0, 0.0]);
    }
}
