//! H.265 read just far enough to know the picture's size and its slices' quantiser (ITU-T H.265 §7.3).

mod references;

use super::bits::{Bits, width_of};
use references::ReferenceSet;

/// NAL unit types (table 7-1). Slices are those below 32; random access pictures (IRAP) 16..=23.
pub const IRAP: std::ops::RangeInclusive<u8> = 16..=23;
pub const SLICES: std::ops::RangeInclusive<u8> = 0..=31;
pub const VPS: u8 = 32;
pub const SPS: u8 = 33;
pub const PPS: u8 = 34;
const IDR_W_RADL: u8 = 19;
const IDR_N_LP: u8 = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    pub id: u32,
    /// Pixels inside the conformance window.
    pub size: (u32, u32),
    chroma_array_type: u32,
    separate_planes: bool,
    poc_lsb_bits: u32,
    address_bits: u32,
    sao: bool,
    sets: Vec<ReferenceSet>,
    /// Whether each long-term reference of the parameter set is used by the picture itself.
    long_term: Option<Vec<bool>>,
    temporal_motion: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pps {
    pub id: u32,
    pub sps_id: u32,
    dependent_slices: bool,
    output_flag: bool,
    extra_bits: u32,
    cabac_init: bool,
    references: [u32; 2],
    qp: i32,
    weighted: bool,
    weighted_b: bool,
    lists_modified: bool,
}

/// `nal`: with its header of two bytes, here and below.
pub fn nal_type(nal: &[u8]) -> Option<u8> {
    Some((nal.first()? >> 1) & 63)
}

/// §7.3.2.2.1, up to and without the VUI.
pub fn sps(nal: &[u8]) -> Option<Sps> {
    let mut r = Bits::new(nal.get(2..)?);
    r.skip(4)?;
    let sub_layers = r.bits(3)?;
    r.skip(1)?;
    profile_and_level(&mut r, sub_layers)?;
    let id = r.ue_max(15)?;
    let chroma = r.ue_max(3)?;
    let separate_planes = chroma == 3 && r.flag()?;
    let chroma_array_type = if separate_planes { 0 } else { chroma };
    let coded = (r.ue_max(1 << 16)?, r.ue_max(1 << 16)?);
    let size = if r.flag()? { windowed(&mut r, coded, chroma_array_type)? } else { coded };
    r.ue()?;
    r.ue()?;
    let poc_lsb_bits = r.ue_max(12)? + 4;
    let told = if r.flag()? { sub_layers + 1 } else { 1 };
    for _ in 0..told * 3 {
        r.ue()?;
    }
    let block_log = r.ue_max(3)? + 3 + r.ue_max(3)?;
    for _ in 0..4 {
        r.ue()?;
    }
    if r.flag()? && r.flag()? {
        scaling_lists(&mut r)?;
    }
    r.skip(1)?;
    let sao = r.flag()?;
    if r.flag()? {
        r.skip(8)?;
        r.ue()?;
        r.ue()?;
        r.skip(1)?;
    }
    let sets = references::sets(&mut r)?;
    let mut long_term = None;
    if r.flag()? {
        let mut used = Vec::new();
        for _ in 0..r.ue_max(32)? {
            r.skip(poc_lsb_bits)?;
            used.push(r.flag()?);
        }
        long_term = Some(used);
    }
    let temporal_motion = r.flag()?;
    let blocks = |pixels: u32| pixels.div_ceil(1 << block_log);
    let address_bits = width_of(blocks(coded.0).checked_mul(blocks(coded.1))?);
    Some(Sps {
        id,
        size,
        chroma_array_type,
        separate_planes,
        poc_lsb_bits,
        address_bits,
        sao,
        sets,
        long_term,
        temporal_motion,
    })
}

/// §7.3.3.
fn profile_and_level(r: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    const PROFILE: u32 = 88;
    const LEVEL: u32 = 8;
    r.skip(PROFILE + LEVEL)?;
    let mut told = 0;
    for _ in 0..sub_layers {
        told += if r.flag()? { PROFILE } else { 0 };
        told += if r.flag()? { LEVEL } else { 0 };
    }
    if sub_layers > 0 {
        r.skip(2 * (8 - sub_layers))?;
    }
    r.skip(told)
}

fn windowed(r: &mut Bits<'_>, coded: (u32, u32), chroma_array_type: u32) -> Option<(u32, u32)> {
    let unit = match chroma_array_type {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let mut offset = || r.ue_max(1 << 16);
    let (left, right, top, bottom) = (offset()?, offset()?, offset()?, offset()?);
    let inside = |coded: u32, unit: u32, off: u32| coded.checked_sub(unit * off).filter(|&left| left > 0);
    Some((inside(coded.0, unit.0, left + right)?, inside(coded.1, unit.1, top + bottom)?))
}

/// §7.3.4.
fn scaling_lists(r: &mut Bits<'_>) -> Option<()> {
    for size in 0..4u32 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !r.flag()? {
                r.ue()?;
            } else {
                let entries = 64.min(1 << (4 + 2 * size)) + u32::from(size > 1);
                (0..entries).try_for_each(|_| r.se().map(drop))?;
            }
        }
    }
    Some(())
}

/// §7.3.2.3.1, up to `lists_modification_present_flag`.
pub fn pps(nal: &[u8]) -> Option<Pps> {
    let mut r = Bits::new(nal.get(2..)?);
    let (id, sps_id) = (r.ue_max(63)?, r.ue_max(15)?);
    let (dependent_slices, output_flag) = (r.flag()?, r.flag()?);
    let extra_bits = r.bits(3)?;
    r.skip(1)?;
    let cabac_init = r.flag()?;
    let references = [r.ue_max(14)? + 1, r.ue_max(14)? + 1];
    let qp = 26 + r.se().filter(|qp| qp.abs() <= 74)?;
    r.skip(2)?;
    if r.flag()? {
        r.ue()?;
    }
    r.se()?;
    r.se()?;
    r.skip(1)?;
    let (weighted, weighted_b) = (r.flag()?, r.flag()?);
    r.skip(1)?;
    let tiles = r.flag()?;
    r.skip(1)?;
    if tiles {
        let (columns, rows) = (r.ue_max(63)?, r.ue_max(63)?);
        if !r.flag()? {
            (0..columns + rows).try_for_each(|_| r.ue().map(drop))?;
        }
        r.skip(1)?;
    }
    r.skip(1)?;
    if r.flag()? {
        r.skip(1)?;
        if !r.flag()? {
            r.se()?;
            r.se()?;
        }
    }
    if r.flag()? {
        scaling_lists(&mut r)?;
    }
    let lists_modified = r.flag()?;
    Some(Pps {
        id,
        sps_id,
        dependent_slices,
        output_flag,
        extra_bits,
        cabac_init,
        references,
        qp,
        weighted,
        weighted_b,
        lists_modified,
    })
}

/// The identifier of the picture parameter set that a slice segment is read by.
pub fn slice_pps(nal: &[u8]) -> Option<u32> {
    let mut r = Bits::new(nal.get(2..)?);
    r.skip(1)?;
    if IRAP.contains(&nal_type(nal)?) {
        r.skip(1)?;
    }
    r.ue_max(63)
}

/// The quantiser with which a slice begins (§7.4.7.1: SliceQpY); `None` too for a slice segment that leans on the one
/// before it and does not tell.
pub fn slice_qp(nal: &[u8], sps: &Sps, pps: &Pps) -> Option<i32> {
    let kind = nal_type(nal)?;
    let mut r = Bits::new(nal.get(2..)?);
    let first = r.flag()?;
    if IRAP.contains(&kind) {
        r.skip(1)?;
    }
    r.ue()?;
    if !first {
        if pps.dependent_slices && r.flag()? {
            return None;
        }
        r.skip(sps.address_bits)?;
    }
    r.skip(pps.extra_bits)?;
    let slice = r.ue_max(2)?;
    let (b, p) = (slice == 0, slice == 1);
    if pps.output_flag {
        r.skip(1)?;
    }
    if sps.separate_planes {
        r.skip(2)?;
    }
    let idr = kind == IDR_W_RADL || kind == IDR_N_LP;
    let (mut used, mut temporal_motion) = (0, false);
    if !idr {
        used = references(&mut r, sps)?;
        temporal_motion = sps.temporal_motion && r.flag()?;
    }
    if sps.sao {
        r.skip(if sps.chroma_array_type == 0 { 1 } else { 2 })?;
    }
    if p || b {
        prediction(&mut r, sps, pps, b, used, temporal_motion)?;
    }
    let qp = pps.qp.checked_add(r.se()?)?;
    (-48..=51).contains(&qp).then_some(qp)
}

/// Reads which pictures are referred to; how many of them the picture itself uses (NumPicTotalCurr).
fn references(r: &mut Bits<'_>, sps: &Sps) -> Option<u32> {
    r.skip(sps.poc_lsb_bits)?;
    let told = u32::try_from(sps.sets.len()).ok()?;
    let mut used = if !r.flag()? {
        references::set(r, &sps.sets, true)?.used()
    } else {
        let index = if told > 1 { r.bits(width_of(told))? } else { 0 };
        sps.sets.get(usize::try_from(index).ok()?)?.used()
    };
    let Some(listed) = &sps.long_term else { return Some(used) };
    let entries = u32::try_from(listed.len()).ok()?;
    let from_list = if entries > 0 { r.ue_max(32)? } else { 0 };
    for n in 0..from_list + r.ue_max(32)? {
        if n < from_list {
            let index = if entries > 1 { r.bits(width_of(entries))? } else { 0 };
            used += u32::from(*listed.get(usize::try_from(index).ok()?)?);
        } else {
            r.skip(sps.poc_lsb_bits)?;
            used += u32::from(r.flag()?);
        }
        if r.flag()? {
            r.ue()?;
        }
    }
    Some(used)
}

/// What slices of types P and B tell between the loop filter and the quantiser.
fn prediction(r: &mut Bits<'_>, sps: &Sps, pps: &Pps, b: bool, used: u32, temporal: bool) -> Option<()> {
    let mut references = pps.references;
    if r.flag()? {
        references[0] = r.ue_max(14)? + 1;
        if b {
            references[1] = r.ue_max(14)? + 1;
        }
    }
    let lists = &references[..if b { 2 } else { 1 }];
    if pps.lists_modified && used > 1 {
        for &entries in lists {
            if r.flag()? {
                r.skip(entries * width_of(used))?;
            }
        }
    }
    if b {
        r.skip(1)?;
    }
    if pps.cabac_init {
        r.skip(1)?;
    }
    if temporal {
        let list = if b && !r.flag()? { 1 } else { 0 };
        if references[list] > 1 {
            r.ue()?;
        }
    }
    if (pps.weighted && !b) || (pps.weighted_b && b) {
        weights(r, sps.chroma_array_type != 0, lists)?;
    }
    r.ue_max(4).map(drop)
}

/// §7.3.6.3.
fn weights(r: &mut Bits<'_>, chroma: bool, lists: &[u32]) -> Option<()> {
    r.ue()?;
    if chroma {
        r.se()?;
    }
    for &entries in lists {
        let luma = (0..entries).map(|_| r.flag()).collect::<Option<Vec<_>>>()?;
        let colour =
            (0..entries).map(|_| if chroma { r.flag() } else { Some(false) }).collect::<Option<Vec<_>>>()?;
        for (luma, colour) in luma.into_iter().zip(colour) {
            let values = if luma { 2 } else { 0 } + if colour { 4 } else { 0 };
            (0..values).try_for_each(|_| r.se().map(drop))?;
        }
    }
    Some(())
}
