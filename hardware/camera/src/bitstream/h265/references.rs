//! Short-term reference picture sets of H.265 (ITU-T H.265 §7.3.7 and §7.4.8): read only for how much room they take.

use crate::bitstream::bits::Bits;

/// Pictures referred to: distance in display order and whether this picture itself uses it. Before it, nearest first;
/// then after it, nearest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferenceSet {
    before: Vec<(i32, bool)>,
    after: Vec<(i32, bool)>,
}

/// No level allows more pictures than this to be kept (annex A.4.2).
const MAX_PICTURES: usize = 16;

impl ReferenceSet {
    pub fn used(&self) -> u32 {
        let used = self.before.iter().chain(&self.after).filter(|(_, used)| *used).count();
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }
}

/// All sets of a sequence parameter set.
pub fn sets(r: &mut Bits<'_>) -> Option<Vec<ReferenceSet>> {
    let mut sets = Vec::new();
    for _ in 0..r.ue_max(64)? {
        let next = set(r, &sets, false)?;
        sets.push(next);
    }
    Some(sets)
}

/// The set that comes after `known`; of a slice header when `in_slice`.
pub fn set(r: &mut Bits<'_>, known: &[ReferenceSet], in_slice: bool) -> Option<ReferenceSet> {
    if !known.is_empty() && r.flag()? {
        return predicted(r, known, in_slice);
    }
    let (before, after) = (r.ue_max(16)?, r.ue_max(16)?);
    let mut run = |count: u32, sign: i32| {
        let mut distance = 0i32;
        (0..count)
            .map(|_| {
                distance += i32::try_from(r.ue_max(1 << 15)?).ok()? + 1;
                Some((sign * distance, r.flag()?))
            })
            .collect::<Option<Vec<_>>>()
    };
    Some(ReferenceSet { before: run(before, -1)?, after: run(after, 1)? })
}

/// A set told as the difference to another (equations 7-61 and 7-62).
fn predicted(r: &mut Bits<'_>, known: &[ReferenceSet], in_slice: bool) -> Option<ReferenceSet> {
    let back = if in_slice { usize::try_from(r.ue_max(63)?).ok()? + 1 } else { 1 };
    let from = known.get(known.len().checked_sub(back)?)?;
    let sign = if r.flag()? { -1 } else { 1 };
    let delta = sign * (i32::try_from(r.ue_max(1 << 15)?).ok()? + 1);
    // For each picture of the other set, and last the one in whose header that stood: kept here, and used?
    let mut kept = Vec::with_capacity(from.len() + 1);
    for _ in 0..=from.len() {
        let used = r.flag()?;
        kept.push((used || r.flag()?, used));
    }
    let moved = |entries: &[(i32, bool)], kept: &[(bool, bool)]| -> Vec<(i32, bool)> {
        let both = entries.iter().zip(kept);
        both.filter(|(_, (kept, _))| *kept)
            .map(|((distance, _), (_, used))| (distance + delta, *used))
            .collect()
    };
    let (before_kept, after_kept) = kept.split_at_checked(from.before.len())?;
    let (before, after) = (moved(&from.before, before_kept), moved(&from.after, after_kept));
    let itself = kept.last().filter(|(kept, _)| *kept).map(|(_, used)| (delta, *used));
    let in_order = |first: &[(i32, bool)], last: &[(i32, bool)], sign: i32| -> Vec<(i32, bool)> {
        let all = first.iter().rev().chain(&itself).chain(last);
        all.copied().filter(|(distance, _)| distance * sign > 0).collect()
    };
    let set = ReferenceSet { before: in_order(&after, &before, -1), after: in_order(&before, &after, 1) };
    (set.len() <= MAX_PICTURES).then_some(set)
}
