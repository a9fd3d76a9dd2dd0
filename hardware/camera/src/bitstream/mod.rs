//! What a coded picture says of itself without being decoded: key or delta, how much slice data, which quantiser. Pure;
//! nothing here can fail or panic on damaged bytes, it only knows less.

pub mod annexb;
mod bits;
mod h264;
mod h265;
#[cfg(test)]
mod tests;

use models_domain::ladder::UnitKind;

/// The codecs whose NAL units are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NalCodec {
    H264,
    H265,
}

impl NalCodec {
    /// Whether the first slice among these is not the first of its picture (H.264 §7.4.3, first_mb_in_slice above 0; H.265
    /// §7.4.7.1, first_slice_segment_in_pic_flag): they go on with a picture, or its begin is missing.
    pub fn goes_on<'a>(self, mut nals: impl Iterator<Item = &'a [u8]>) -> bool {
        nals.find_map(|nal| self.begins_picture(nal)) == Some(false)
    }

    /// `None` for what is no slice. Of both codecs the first bit behind the header tells.
    fn begins_picture(self, nal: &[u8]) -> Option<bool> {
        let (is_slice, header_bytes) = match self {
            NalCodec::H264 => ([h264::SLICE, h264::IDR].contains(&(nal.first()? & 31)), 1),
            NalCodec::H265 => (h265::SLICES.contains(&h265::nal_type(nal)?), 2),
        };
        let first = nal.get(header_bytes).filter(|_| is_slice)?;
        Some(first & 0x80 != 0)
    }
}

/// One access unit, looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Looked {
    /// Slice data without parameter sets, SEI and filler.
    pub bytes: u32,
    pub kind: UnitKind,
    /// Mean over the slices that tell it.
    pub qp: Option<f32>,
    /// It brings a sequence parameter set of its own.
    pub has_sets: bool,
    /// It changed a sequence parameter set: other pictures than before follow.
    pub is_news: bool,
}

/// Most parameter sets that are kept; the standards allow more, cameras send three.
const MAX_SETS: usize = 64;

/// After so many pictures that refer to no other, without one that says that decoding may begin there, decoding begins at them too:
/// some H.264 encoders send an IDR picture at the start and never again. One or two of them between keys are cuts of the scene.
const INTRAS_MAX: u32 = 4;

/// Keeps the parameter sets of a stream and looks at its access units by them.
#[derive(Debug, Clone)]
pub struct Inspector {
    codec: NalCodec,
    sets: Vec<Set>,
    /// Pictures that refer to no other since the last one that says that decoding may begin there.
    intras: u32,
}

#[derive(Debug, Clone)]
struct Set {
    nal: Vec<u8>,
    parsed: Parsed,
}

/// What of a parameter set is needed; only identified where it cannot be read.
#[derive(Debug, Clone)]
enum Parsed {
    Vps,
    Sps264(Option<h264::Sps>),
    Pps264(Option<h264::Pps>),
    Sps265(Option<h265::Sps>),
    Pps265(Option<h265::Pps>),
}

impl Parsed {
    /// Two sets with the same place replace each other.
    fn place(&self) -> (u8, Option<u32>) {
        match self {
            Parsed::Vps => (0, None),
            Parsed::Sps264(sps) => (1, sps.as_ref().map(|s| s.id)),
            Parsed::Sps265(sps) => (1, sps.as_ref().map(|s| s.id)),
            Parsed::Pps264(pps) => (2, pps.as_ref().map(|p| p.id)),
            Parsed::Pps265(pps) => (2, pps.as_ref().map(|p| p.id)),
        }
    }
}

/// What a NAL unit is for.
enum Role {
    Slice { key: bool },
    Sei,
    Set,
    Other,
}

impl Inspector {
    pub fn new(codec: NalCodec) -> Self {
        Self { codec, sets: Vec::new(), intras: 0 }
    }

    /// Takes note of a parameter set; whether it is a sequence parameter set that was not known.
    pub fn learn(&mut self, nal: &[u8]) -> bool {
        if nal.len() > usize::from(u16::MAX) || self.sets.iter().any(|set| set.nal == nal) {
            return false;
        }
        let Some(parsed) = self.parse(nal) else { return false };
        let place = parsed.place();
        let set = Set { nal: nal.to_vec(), parsed };
        match self.sets.iter().position(|known| known.parsed.place() == place) {
            Some(at) => self.sets[at] = set,
            None if self.sets.len() < MAX_SETS => {
                self.sets.push(set);
                self.sets.sort_by_key(|set| set.parsed.place());
            }
            None => return false,
        }
        place.0 == 1
    }

    fn parse(&self, nal: &[u8]) -> Option<Parsed> {
        match (self.codec, self.nal_type(nal)?) {
            (NalCodec::H264, h264::SPS) => Some(Parsed::Sps264(h264::sps(nal))),
            (NalCodec::H264, h264::PPS) => Some(Parsed::Pps264(h264::pps(nal))),
            (NalCodec::H265, h265::VPS) => Some(Parsed::Vps),
            (NalCodec::H265, h265::SPS) => Some(Parsed::Sps265(h265::sps(nal))),
            (NalCodec::H265, h265::PPS) => Some(Parsed::Pps265(h265::pps(nal))),
            (NalCodec::H264 | NalCodec::H265, _) => None,
        }
    }

    /// The parameter sets in use with start codes, in the order a decoder wants them; empty when none is known.
    pub fn parameter_sets(&self) -> Vec<u8> {
        self.sets.iter().flat_map(|set| annexb::START.iter().chain(&set.nal)).copied().collect()
    }

    /// Width and height in pixels, of the newest sequence parameter set that could be read.
    pub fn size(&self) -> Option<(u32, u32)> {
        self.sets.iter().rev().find_map(|set| match &set.parsed {
            Parsed::Sps264(sps) => sps.as_ref().map(|sps| sps.size),
            Parsed::Sps265(sps) => sps.as_ref().map(|sps| sps.size),
            Parsed::Vps | Parsed::Pps264(_) | Parsed::Pps265(_) => None,
        })
    }

    /// Looks at the NAL units of one access unit, and takes note of its parameter sets.
    pub fn look<'a>(&mut self, nals: impl Iterator<Item = &'a [u8]>) -> Looked {
        let (mut bytes, mut key, mut has_sets, mut is_news) = (0usize, false, false, false);
        let mut intra = self.codec == NalCodec::H264;
        let (mut sum, mut told) = (0i32, 0u16);
        for nal in nals {
            match self.role(nal) {
                Role::Slice { key: here } => {
                    bytes += nal.len();
                    key |= here;
                    intra = intra && h264::is_intra(nal);
                    if told < u16::MAX
                        && let Some(qp) = self.slice_qp(nal)
                    {
                        sum += qp;
                        told += 1;
                    }
                }
                Role::Sei => key |= self.codec == NalCodec::H264 && h264::has_recovery_point(nal),
                Role::Set => {
                    is_news |= self.learn(nal);
                    has_sets |= self.is_sps(nal);
                }
                Role::Other => {}
            }
        }
        if key {
            self.intras = 0;
        } else if intra && bytes > 0 {
            self.intras = self.intras.saturating_add(1);
            key = self.intras > INTRAS_MAX;
        }
        Looked {
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            kind: if key { UnitKind::Key } else { UnitKind::Delta },
            qp: (told > 0).then(|| sum as f32 / f32::from(told)),
            has_sets,
            is_news,
        }
    }

    fn nal_type(&self, nal: &[u8]) -> Option<u8> {
        match self.codec {
            NalCodec::H264 => Some(nal.first()? & 31),
            NalCodec::H265 => h265::nal_type(nal),
        }
    }

    fn is_sps(&self, nal: &[u8]) -> bool {
        let sps = match self.codec {
            NalCodec::H264 => h264::SPS,
            NalCodec::H265 => h265::SPS,
        };
        self.nal_type(nal) == Some(sps)
    }

    fn role(&self, nal: &[u8]) -> Role {
        let Some(kind) = self.nal_type(nal) else { return Role::Other };
        match self.codec {
            NalCodec::H264 => match kind {
                // Those of partitioned slices, which no camera sends, look like packets of H.265.
                h264::SLICE | h264::IDR => Role::Slice { key: kind == h264::IDR },
                h264::SEI => Role::Sei,
                h264::SPS | h264::PPS => Role::Set,
                _ => Role::Other,
            },
            NalCodec::H265 if h265::SLICES.contains(&kind) => Role::Slice { key: h265::IRAP.contains(&kind) },
            NalCodec::H265 => match kind {
                h265::VPS..=h265::PPS => Role::Set,
                _ => Role::Other,
            },
        }
    }

    fn slice_qp(&self, nal: &[u8]) -> Option<i32> {
        match self.codec {
            NalCodec::H264 => {
                let id = h264::slice_pps(nal)?;
                let pps = self.sets.iter().filter_map(Set::pps264).find(|pps| pps.id == id)?;
                let sps = self.sets.iter().filter_map(Set::sps264).find(|sps| sps.id == pps.sps_id)?;
                h264::slice_qp(nal, sps, pps)
            }
            NalCodec::H265 => {
                let id = h265::slice_pps(nal)?;
                let pps = self.sets.iter().filter_map(Set::pps265).find(|pps| pps.id == id)?;
                let sps = self.sets.iter().filter_map(Set::sps265).find(|sps| sps.id == pps.sps_id)?;
                h265::slice_qp(nal, sps, pps)
            }
        }
    }
}

impl Set {
    fn sps264(&self) -> Option<&h264::Sps> {
        if let Parsed::Sps264(sps) = &self.parsed { sps.as_ref() } else { None }
    }

    fn pps264(&self) -> Option<&h264::Pps> {
        if let Parsed::Pps264(pps) = &self.parsed { pps.as_ref() } else { None }
    }

    fn sps265(&self) -> Option<&h265::Sps> {
        if let Parsed::Sps265(sps) = &self.parsed { sps.as_ref() } else { None }
    }

    fn pps265(&self) -> Option<&h265::Pps> {
        if let Parsed::Pps265(pps) = &self.parsed { pps.as_ref() } else { None }
    }
}
