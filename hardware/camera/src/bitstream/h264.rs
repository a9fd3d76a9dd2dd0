//! H.264 read just far enough to know the picture's size and its slices' quantiser (ITU-T H.264 §7.3).

use super::bits::Bits;

/// NAL unit types (table 7-1).
pub const SLICE: u8 = 1;
pub const IDR: u8 = 5;
pub const SEI: u8 = 6;
pub const SPS: u8 = 7;
pub const PPS: u8 = 8;

/// SEI payload type of a recovery point (annex D.1.8): pictures can be decoded from here on.
const RECOVERY_POINT: u32 = 6;
/// Profiles whose parameter sets tell the chroma format (§7.3.2.1.1).
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    pub id: u32,
    /// Pixels after cropping.
    pub size: (u32, u32),
    chroma_array_type: u32,
    separate_planes: bool,
    frame_num_bits: u32,
    poc_type: u32,
    poc_lsb_bits: u32,
    delta_poc_always_zero: bool,
    frame_mbs_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pps {
    pub id: u32,
    pub sps_id: u32,
    cabac: bool,
    poc_in_both_fields: bool,
    /// Entries of the two reference lists where the slice tells nothing else.
    references: [u32; 2],
    weighted: bool,
    weighted_b: u32,
    qp: i32,
    redundant_pictures: bool,
}

/// `nal`: with its header of one byte, here and below.
pub fn sps(nal: &[u8]) -> Option<Sps> {
    let mut r = Bits::new(nal.get(1..)?);
    let profile = r.bits(8)?;
    r.skip(16)?;
    let id = r.ue_max(31)?;
    let (mut chroma, mut separate_planes) = (1, false);
    if HIGH_PROFILES.contains(&profile) {
        chroma = r.ue_max(3)?;
        separate_planes = chroma == 3 && r.flag()?;
        r.ue()?;
        r.ue()?;
        r.skip(1)?;
        if r.flag()? {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if r.flag()? {
                    scaling_list(&mut r, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    let frame_num_bits = r.ue_max(12)? + 4;
    let poc_type = r.ue_max(2)?;
    let (mut poc_lsb_bits, mut delta_poc_always_zero) = (0, false);
    if poc_type == 0 {
        poc_lsb_bits = r.ue_max(12)? + 4;
    } else if poc_type == 1 {
        delta_poc_always_zero = r.flag()?;
        r.se()?;
        r.se()?;
        for _ in 0..r.ue_max(255)? {
            r.se()?;
        }
    }
    r.ue()?;
    r.skip(1)?;
    let (columns, rows) = (r.ue_max(1 << 12)? + 1, r.ue_max(1 << 12)? + 1);
    let frame_mbs_only = r.flag()?;
    if !frame_mbs_only {
        r.skip(1)?;
    }
    r.skip(1)?;
    let chroma_array_type = if separate_planes { 0 } else { chroma };
    let fields = if frame_mbs_only { 1 } else { 2 };
    let mut size = (columns * 16, rows * 16 * fields);
    if r.flag()? {
        let unit = match chroma_array_type {
            1 => (2, 2 * fields),
            2 => (2, fields),
            _ => (1, fields),
        };
        let mut crop = || r.ue_max(1 << 16);
        let (left, right, top, bottom) = (crop()?, crop()?, crop()?, crop()?);
        size = (
            size.0.checked_sub(unit.0 * (left + right)).filter(|&w| w > 0)?,
            size.1.checked_sub(unit.1 * (top + bottom)).filter(|&h| h > 0)?,
        );
    }
    Some(Sps {
        id,
        size,
        chroma_array_type,
        separate_planes,
        frame_num_bits,
        poc_type,
        poc_lsb_bits,
        delta_poc_always_zero,
        frame_mbs_only,
    })
}

/// §7.3.2.1.1.1.
fn scaling_list(r: &mut Bits<'_>, entries: u32) -> Option<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..entries {
        if next != 0 {
            next = (last.wrapping_add(r.se()?)).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// `None` also for slice groups, which no camera sends.
pub fn pps(nal: &[u8]) -> Option<Pps> {
    let mut r = Bits::new(nal.get(1..)?);
    let (id, sps_id) = (r.ue_max(255)?, r.ue_max(31)?);
    let (cabac, poc_in_both_fields) = (r.flag()?, r.flag()?);
    r.ue_max(0)?;
    let references = [r.ue_max(31)? + 1, r.ue_max(31)? + 1];
    let (weighted, weighted_b) = (r.flag()?, r.bits(2)?);
    let qp = 26 + r.se().filter(|qp| qp.abs() <= 62)?;
    r.se()?;
    r.se()?;
    r.skip(2)?;
    let redundant_pictures = r.flag()?;
    Some(Pps {
        id,
        sps_id,
        cabac,
        poc_in_both_fields,
        references,
        weighted,
        weighted_b,
        qp,
        redundant_pictures,
    })
}

/// The identifier of the picture parameter set that a slice is read by.
pub fn slice_pps(nal: &[u8]) -> Option<u32> {
    let mut r = Bits::new(nal.get(1..)?);
    r.ue()?;
    r.ue()?;
    r.ue_max(255)
}

/// Whether a slice refers to no other picture (table 7-6: I or SI).
pub fn is_intra(nal: &[u8]) -> bool {
    let kind = || -> Option<u32> {
        let mut r = Bits::new(nal.get(1..)?);
        r.ue()?;
        r.ue_max(9)
    };
    kind().is_some_and(|kind| kind % 5 == 2 || kind % 5 == 4)
}

/// The quantiser with which a slice begins (§7.4.3: SliceQPY).
pub fn slice_qp(nal: &[u8], sps: &Sps, pps: &Pps) -> Option<i32> {
    let header = *nal.first()?;
    let (reference, idr) = ((header >> 5) & 3 != 0, header & 31 == IDR);
    let mut r = Bits::new(&nal[1..]);
    r.ue()?;
    let kind = r.ue_max(9)? % 5;
    let (p, b, intra) = (kind == 0 || kind == 3, kind == 1, kind == 2 || kind == 4);
    r.ue()?;
    if sps.separate_planes {
        r.skip(2)?;
    }
    r.skip(sps.frame_num_bits)?;
    let field = !sps.frame_mbs_only && r.flag()?;
    if field {
        r.skip(1)?;
    }
    if idr {
        r.ue()?;
    }
    order_count(&mut r, sps, pps, field)?;
    if pps.redundant_pictures {
        r.ue()?;
    }
    if b {
        r.skip(1)?;
    }
    let mut references = pps.references;
    if (p || b) && r.flag()? {
        references[0] = r.ue_max(31)? + 1;
        if b {
            references[1] = r.ue_max(31)? + 1;
        }
    }
    let lists = if intra {
        0
    } else if b {
        2
    } else {
        1
    };
    for _ in 0..lists {
        list_modification(&mut r)?;
    }
    if (pps.weighted && p) || (pps.weighted_b == 1 && b) {
        weights(&mut r, sps.chroma_array_type != 0, &references[..lists])?;
    }
    if reference {
        marking(&mut r, idr)?;
    }
    if pps.cabac && !intra {
        r.ue()?;
    }
    let qp = pps.qp.checked_add(r.se()?)?;
    (-48..=51).contains(&qp).then_some(qp)
}

fn order_count(r: &mut Bits<'_>, sps: &Sps, pps: &Pps, field: bool) -> Option<()> {
    if sps.poc_type == 0 {
        r.skip(sps.poc_lsb_bits)?;
    }
    let told = sps.poc_type == 0 || (sps.poc_type == 1 && !sps.delta_poc_always_zero);
    if sps.poc_type == 1 && told {
        r.se()?;
    }
    if told && pps.poc_in_both_fields && !field {
        r.se()?;
    }
    Some(())
}

/// §7.3.3.1.
fn list_modification(r: &mut Bits<'_>) -> Option<()> {
    if r.flag()? {
        while r.ue_max(3)? != 3 {
            r.ue()?;
        }
    }
    Some(())
}

/// §7.3.3.2.
fn weights(r: &mut Bits<'_>, chroma: bool, references: &[u32]) -> Option<()> {
    r.ue()?;
    if chroma {
        r.ue()?;
    }
    for &entries in references {
        for _ in 0..entries {
            for (told, values) in [(true, 2), (chroma, 4)] {
                if told && r.flag()? {
                    (0..values).try_for_each(|_| r.se().map(drop))?;
                }
            }
        }
    }
    Some(())
}

/// §7.3.3.3.
fn marking(r: &mut Bits<'_>, idr: bool) -> Option<()> {
    if idr {
        return r.skip(2);
    }
    if r.flag()? {
        loop {
            match r.ue_max(6)? {
                0 => break,
                3 => {
                    r.ue()?;
                    r.ue()?;
                }
                5 => {}
                _ => {
                    r.ue()?;
                }
            }
        }
    }
    Some(())
}

/// Whether a SEI message says that decoding may begin at this picture.
pub fn has_recovery_point(nal: &[u8]) -> bool {
    let mut r = Bits::new(nal.get(1..).unwrap_or(&[]));
    while let Some((kind, size)) = number(&mut r).and_then(|kind| Some((kind, number(&mut r)?))) {
        if kind == RECOVERY_POINT && size > 0 {
            return true;
        }
        if r.skip(size.saturating_mul(8)).is_none() {
            return false;
        }
    }
    false
}

/// A number as SEI messages write it: 255 goes on (§7.3.2.3.1).
fn number(r: &mut Bits<'_>) -> Option<u32> {
    let mut sum = 0u32;
    loop {
        let byte = r.bits(8)?;
        sum = sum.checked_add(byte)?;
        if byte != 255 {
            return Some(sum);
        }
    }
}
