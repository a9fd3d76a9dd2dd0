//! Access units as RTP packets, made once for all who look (RFC 6184 §5.8, RFC 7798 §4.4.3), and sender reports.

use crate::clip::Clip;
use crate::config::Codec;

/// Payload of a packet on an Ethernet.
const PAYLOAD: usize = 1400;
/// Ticks of RTP video a second.
const RATE: u64 = 90_000;
/// Seconds from NTP's epoch to that of UTC.
const NTP: u64 = 2_208_988_800;

/// A clip, packed. Headers are filled in when a packet is sent.
pub struct Packed {
    pub codec: Codec,
    pub units: Vec<PackedUnit>,
    /// Milliseconds from the first unit to the moment the first one is due again.
    pub length_ms: u64,
    /// Of the first key frame.
    pub sets: Vec<Vec<u8>>,
}

pub struct PackedUnit {
    pub at_ms: u64,
    payloads: Vec<Vec<u8>>,
    /// The first payload bears a mark too.
    marks_first: bool,
}

/// What of a packet's header changes from packet to packet.
#[derive(Clone, Copy)]
pub struct Place {
    pub sequence: u16,
    /// Ticks.
    pub stamp: u32,
    pub source: u32,
}

/// Packs a clip; without its parameter sets when these are to be told beside the stream alone, and with marked delimiters
/// when it is to be `delimited`.
pub fn pack(clip: &Clip, codec: Codec, in_band: bool, delimited: bool) -> Packed {
    let mut sets: Vec<Vec<u8>> = Vec::new();
    let mut units = Vec::new();
    for unit in clip.units.iter() {
        let Ok(map) = unit.buffer.map_readable() else { continue };
        let nals = nals(map.as_slice());
        for nal in nals.iter().filter(|nal| codec.is_set(nal)) {
            if sets.iter().all(|known| codec.kind(known) != codec.kind(nal)) {
                sets.push(nal.to_vec());
            }
        }
        let sent = nals.into_iter().filter(|nal| in_band || !codec.is_set(nal));
        let sent = sent.filter(|nal| !delimited || !codec.is_delimiter(nal));
        let delimiter = delimited.then(|| codec.delimiter()).into_iter();
        let payloads = delimiter.chain(sent.flat_map(|nal| payloads(nal, codec))).collect();
        units.push(PackedUnit { at_ms: unit.at.mseconds(), payloads, marks_first: delimited });
    }
    Packed { codec, units, length_ms: clip.length.mseconds(), sets }
}

impl Codec {
    pub fn kind(self, nal: &[u8]) -> u8 {
        let first = nal.first().copied().unwrap_or(0);
        match self {
            Codec::H264 => first & 31,
            Codec::H265 => (first >> 1) & 63,
            // It has no NAL units, and does not get as far as here.
            Codec::Mjpeg => 0,
        }
    }

    fn is_set(self, nal: &[u8]) -> bool {
        match self {
            Codec::H264 => (7..=8).contains(&self.kind(nal)),
            Codec::H265 => (32..=34).contains(&self.kind(nal)),
            Codec::Mjpeg => false,
        }
    }

    fn is_delimiter(self, nal: &[u8]) -> bool {
        match self {
            Codec::H264 => self.kind(nal) == 9,
            Codec::H265 => self.kind(nal) == 35,
            Codec::Mjpeg => false,
        }
    }

    /// An access unit delimiter before a picture of any kind.
    fn delimiter(self) -> Vec<u8> {
        match self {
            Codec::H264 | Codec::Mjpeg => vec![9, 0xf0],
            Codec::H265 => vec![35 << 1, 1, 0x50],
        }
    }
}

impl PackedUnit {
    /// The whole unit as RTP packets, the first at `place`; the last bears the mark, and a delimiter where it is to.
    pub fn packets(&self, place: Place) -> impl Iterator<Item = Vec<u8>> {
        let last = self.payloads.len().saturating_sub(1);
        self.payloads.iter().enumerate().map(move |(n, payload)| {
            let mark = if n == last || (n == 0 && self.marks_first) { 0x80 } else { 0 };
            let sequence = place.sequence.wrapping_add(n as u16);
            let mut packet = Vec::with_capacity(12 + payload.len());
            packet.extend([0x80, mark | 96]);
            packet.extend(sequence.to_be_bytes());
            packet.extend(place.stamp.to_be_bytes());
            packet.extend(place.source.to_be_bytes());
            packet.extend(payload);
            packet
        })
    }

    pub fn len(&self) -> u16 {
        self.payloads.len() as u16
    }
}

pub fn ticks(ms: u64) -> u32 {
    (ms * RATE / 1000) as u32
}

/// A sender report (RFC 3550 §6.4.1): at `stamp` the camera's clock showed `utc_ms`.
pub fn report(source: u32, stamp: u32, utc_ms: u64) -> Vec<u8> {
    let ntp = ((utc_ms / 1000 + NTP) << 32) | (((utc_ms % 1000) << 32) / 1000);
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(source.to_be_bytes());
    packet.extend(ntp.to_be_bytes());
    packet.extend(stamp.to_be_bytes());
    packet.extend([0; 8]);
    packet
}

fn payloads(nal: &[u8], codec: Codec) -> Vec<Vec<u8>> {
    if nal.len() <= PAYLOAD {
        return vec![nal.to_vec()];
    }
    let (header, body) = nal.split_at(match codec {
        Codec::H264 | Codec::Mjpeg => 1,
        Codec::H265 => 2,
    });
    let count = body.len().div_ceil(PAYLOAD);
    let piece = |(n, piece): (usize, &[u8])| {
        let ends = if n == 0 { 0x80 } else { 0 } | if n + 1 == count { 0x40 } else { 0 };
        let mut payload = match codec {
            Codec::H264 | Codec::Mjpeg => vec![(header[0] & 0xe0) | 28, ends | (header[0] & 31)],
            Codec::H265 => vec![(header[0] & 0x81) | (49 << 1), header[1], ends | ((header[0] >> 1) & 63)],
        };
        payload.extend(piece);
        payload
    };
    body.chunks(PAYLOAD).enumerate().map(piece).collect()
}

/// NAL units between start codes.
fn nals(data: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        (0..data.len().saturating_sub(2)).filter(|&at| data[at..at + 3] == [0, 0, 1]).collect();
    let ends = starts.iter().skip(1).copied().chain([data.len()]);
    let cut = |(&start, end): (&usize, usize)| {
        let nal = &data[start + 3..end];
        let zeros = nal.iter().rev().take_while(|&&byte| byte == 0).count();
        &nal[..nal.len() - zeros]
    };
    starts.iter().zip(ends).map(cut).filter(|nal| !nal.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_cut_and_packed() {
        let mut data = vec![0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65];
        data.extend([7; 3000]);
        let nals = nals(&data);
        assert_eq!((nals.len(), nals[0], nals[1].len()), (2, &[0x67, 1][..], 3001));
        let packed = payloads(nals[1], Codec::H264);
        let heads: Vec<[u8; 2]> = packed.iter().map(|p| [p[0], p[1]]).collect();
        assert_eq!(heads, [[0x7c, 0x85], [0x7c, 5], [0x7c, 0x45]]);
        assert_eq!(packed.iter().map(|p| p.len() - 2).sum::<usize>(), 3000);
    }

    #[test]
    fn a_report_tells_the_time() {
        let report = report(7, 9, 1500);
        assert_eq!(report.len(), 28);
        assert_eq!(&report[8..16], &(((NTP + 1) << 32) | (1 << 31)).to_be_bytes());
    }
}
