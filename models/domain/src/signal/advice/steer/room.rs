//! For how long a stage may be shown so that nobody stands at red for too long.

use super::{Bounds, Look};
use crate::signal::Aspect;
use crate::signal::group_set::GroupSet;
use crate::signal::plan::GroupKind;
use crate::units::{DurationMs, UtcMillis};

/// Longer than anybody waits.
const LONG: DurationMs = DurationMs(3_600_000);

/// The last moment at which the green of `stage` may end: from then on the plan, in its order and with its own greens, must come
/// to everybody who is at red now within the longest wait. `None`: nobody is. A group that no stage lets go is left to safety.
pub fn latest_end(
    bounds: &Bounds,
    (look, at): (&Look<'_>, UtcMillis),
    greens: &[DurationMs],
    stage: usize,
) -> Option<UtcMillis> {
    let groups = (0..=u8::MAX).zip(look.seen.groups());
    let red = groups.filter(|(_, lamp)| lamp.aspect == Aspect::Red);
    let until = |(group, lamp): (u8, &crate::signal::order::SeenGroup)| {
        let limit = longest(bounds, look, group)?;
        let reach = reach(look, greens, stage, group)?;
        // Nobody knows for how long they have waited.
        Some(if lamp.begun && lamp.since <= at { lamp.since + limit - reach } else { at - LONG })
    };
    red.filter_map(until).min()
}

/// Whether groups at red that conflict with `wanted` may go on waiting until `until`.
pub fn may_wait(
    bounds: &Bounds,
    (look, at): (&Look<'_>, UtcMillis),
    wanted: &GroupSet,
    until: UtcMillis,
) -> bool {
    let mut groups = (0..=u8::MAX).zip(look.seen.groups());
    groups.all(|(group, lamp)| {
        let against = lamp.aspect == Aspect::Red && !look.layout.conflicts(group).and(wanted).is_empty();
        let limit = longest(bounds, look, group);
        !against
            || limit.is_none_or(|limit| lamp.begun && lamp.since <= at && until.since(lamp.since) <= limit)
    })
}

/// How long those on foot who conflict with `wanted` take to leave the road.
pub fn walk(look: &Look<'_>, wanted: &GroupSet) -> DurationMs {
    let against = |group: &u8| !look.layout.conflicts(*group).and(wanted).is_empty();
    let groups = (0..=u8::MAX).zip(&look.layout.groups);
    let on_foot = groups.filter(|(group, times)| times.kind == GroupKind::Pedestrian && against(group));
    on_foot.map(|(_, times)| times.clearance).max().unwrap_or_default()
}

fn longest(bounds: &Bounds, look: &Look<'_>, group: u8) -> Option<DurationMs> {
    let red_max = look.layout.group(group)?.red_max;
    Some(bounds.longest_wait.map_or(red_max, |longest| longest.min(red_max)))
}

/// From the end of `stage` to the begin of `group`'s green, by the plan.
fn reach(look: &Look<'_>, greens: &[DurationMs], stage: usize, group: u8) -> Option<DurationMs> {
    let stages = &look.plan.stages;
    let served = look.plan.served().contains(group);
    let lets_go = |greens: &GroupSet| {
        // Those on foot are in no stage of the setup: they walk where nobody conflicts.
        if served { greens.contains(group) } else { look.layout.conflicts(group).and(greens).is_empty() }
    };
    let mut from = stages.get(stage)?;
    let mut time = DurationMs(0);
    for ahead in 1..=stages.len() {
        let index = (stage + ahead) % stages.len();
        let to = stages.get(index)?;
        time = time + look.layout.change_time(&from.greens, &to.greens);
        if lets_go(&to.greens) {
            return Some(time);
        }
        time = time + *greens.get(index)?;
        from = to;
    }
    None
}
