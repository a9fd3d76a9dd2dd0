//! Bits of a NAL unit's payload, read as the standards write them (H.264 §7.2 and §9.1, H.265 §7.2 and §9.2).

/// Reads from the front; emulation prevention bytes (00 00 **03**) are passed over. Everything past the end is `None`.
#[derive(Debug, Clone)]
pub struct Bits<'a> {
    data: &'a [u8],
    /// Byte under the reader, and how many of its bits are read.
    byte: usize,
    bit: u32,
    /// Zero bytes right before `byte`.
    zeros: u32,
}

impl<'a> Bits<'a> {
    /// `payload`: a NAL unit without its header.
    pub fn new(payload: &'a [u8]) -> Self {
        Self { data: payload, byte: 0, bit: 0, zeros: 0 }
    }

    pub fn flag(&mut self) -> Option<bool> {
        let byte = *self.data.get(self.byte)?;
        let bit = (byte >> (7 - self.bit)) & 1;
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            self.byte += 1;
            self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
            if self.zeros >= 2 && self.data.get(self.byte) == Some(&3) {
                self.byte += 1;
                self.zeros = 0;
            }
        }
        Some(bit == 1)
    }

    /// u(n), n at most 32.
    pub fn bits(&mut self, n: u32) -> Option<u32> {
        (0..n).try_fold(0u32, |value, _| Some((value << 1) | u32::from(self.flag()?)))
    }

    pub fn skip(&mut self, n: u32) -> Option<()> {
        (0..n).try_for_each(|_| self.flag().map(drop))
    }

    /// ue(v).
    pub fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// ue(v) that may not be larger than `max`: what the standard bounds is damaged when it is not.
    pub fn ue_max(&mut self, max: u32) -> Option<u32> {
        self.ue().filter(|&value| value <= max)
    }

    /// se(v).
    pub fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = (code + 1) / 2;
        i32::try_from(if code % 2 == 1 { value } else { -value }).ok()
    }
}

/// Ceil(Log2(n)): how many bits hold 0..n.
pub fn width_of(n: u32) -> u32 {
    n.saturating_sub(1).checked_ilog2().map_or(0, |log| log + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golomb_codes() {
        // 1 | 010 | 011 | 00100 | 00101 ...
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!(
            (bits.ue(), bits.ue(), bits.ue(), bits.ue(), bits.ue()),
            (Some(0), Some(1), Some(2), Some(3), Some(4))
        );
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!(
            (bits.se(), bits.se(), bits.se(), bits.se(), bits.se()),
            (Some(0), Some(1), Some(-1), Some(2), Some(-2))
        );
        assert_eq!(Bits::new(&[0; 4]).ue(), None);
        assert_eq!(Bits::new(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).ue(), Some(u32::MAX - 1));
    }

    #[test]
    fn emulation_prevention_is_passed_over() {
        let mut bits = Bits::new(&[0, 0, 3, 1, 0, 0, 3]);
        assert_eq!((bits.bits(24), bits.bits(16), bits.flag()), (Some(1), Some(0), None));
    }

    #[test]
    fn widths() {
        assert_eq!([0, 1, 2, 3, 4, 5, 8, 9].map(width_of), [0, 0, 1, 2, 2, 3, 3, 4]);
    }
}
