//! What stands between every wish and every lamp: checked in the hall before sending and at the pole before acting, by
//! this one code. Nobody's right switches it off; there is no argument that does.

use thiserror::Error;

use super::group_set::GroupSet;
use super::lights::{Light, Lights};
use super::plan::Layout;
use crate::units::{DurationMs, UtcMillis};

/// A wish that a junction shows these groups green, and all others red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub greens: GroupSet,
    pub made_at: UtcMillis,
    pub expires_at: UtcMillis,
}

/// Why a wish is not granted. Groups are indices from 0; the texts number them from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("the junction has no signal group {}", u16::from(*group) + 1)]
    NoSuchGroup { group: u8 },
    #[error("signal groups {} and {} conflict", u16::from(*one) + 1, u16::from(*other) + 1)]
    Conflict { one: u8, other: u8 },
    #[error("signal group {} has its minimum green until {}", u16::from(*group) + 1, until.0)]
    MinimumGreen { group: u8, until: UtcMillis },
    #[error("a change is under way: signal group {} is not at rest yet", u16::from(*group) + 1)]
    Changing { group: u8 },
    #[error("signal group {} would wait at red for longer than its maximum, until {}", u16::from(*group) + 1, until.0)]
    MaximumRed { group: u8, until: UtcMillis },
    #[error("{changes} changes within the last {} s are enough", window.seconds())]
    TooManyChanges { changes: usize, window: DurationMs },
    #[error("the wish is {} s old, or has expired", age.seconds())]
    TooOld { age: DurationMs },
    #[error("the wish comes {} s from the future; compare the clocks", ahead.seconds())]
    FromTheFuture { ahead: DurationMs },
}

/// Everything that speaks against `wish` now; empty when nothing does.
pub fn check(layout: &Layout, lights: &Lights, at: UtcMillis, wish: &Wish) -> Vec<Refusal> {
    let mut refusals = age(layout, at, wish);
    let known = layout.groups.len();
    refusals.extend(
        wish.greens
            .iter()
            .filter(|group| usize::from(*group) >= known)
            .map(|group| Refusal::NoSuchGroup { group }),
    );
    if let Some((one, other)) = layout.conflict_in(&wish.greens) {
        refusals.push(Refusal::Conflict { one, other });
    }
    if wish.greens != *lights.wanted() {
        refusals.extend(change(layout, lights, at, wish));
    }
    refusals.extend(maximum_red(layout, lights, at, wish));
    refusals
}

/// Grants `wish`, if nothing speaks against it: the only way to begin a change.
///
/// # Errors
/// Everything that speaks against it.
pub fn steer(layout: &Layout, lights: &mut Lights, at: UtcMillis, wish: &Wish) -> Result<(), Vec<Refusal>> {
    let refusals = check(layout, lights, at, wish);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    lights.begin(layout, at, &wish.greens);
    Ok(())
}

/// The group whose longest wait at red ends first, and that a stage chosen at `at` must serve or else be too late.
pub fn overdue(
    layout: &Layout,
    lights: &Lights,
    at: UtcMillis,
    greens: &GroupSet,
) -> Option<(u8, UtcMillis)> {
    let late = |group: u8| {
        let lamp = lights.lamp(group)?;
        let until = lamp.waiting_since? + layout.group(group)?.red_max;
        (earliest_after(layout, lights, at, greens, group) > until).then_some((group, until))
    };
    let waiting = (0..=u8::MAX).take(layout.groups.len()).filter_map(late);
    waiting.min_by_key(|(group, until)| (*until, *group))
}

fn age(layout: &Layout, at: UtcMillis, wish: &Wish) -> Vec<Refusal> {
    let age = at.since(wish.made_at);
    if age > layout.limits.wish_age_max || at >= wish.expires_at {
        return vec![Refusal::TooOld { age }];
    }
    if age.0 < -layout.limits.clock_error_max.0 {
        return vec![Refusal::FromTheFuture { ahead: DurationMs(-age.0) }];
    }
    Vec::new()
}

/// What speaks against leaving the present stage now.
fn change(layout: &Layout, lights: &Lights, at: UtcMillis, wish: &Wish) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for (group, (lamp, times)) in (0..=u8::MAX).zip(lights.lamps().iter().zip(&layout.groups)) {
        let wanted = wish.greens.contains(group);
        match lamp.light {
            Light::Green if !wanted && at.since(lamp.since) < times.green_min => {
                refusals.push(Refusal::MinimumGreen { group, until: lamp.since + times.green_min });
            }
            // A lamp between two colours is left to finish: neither back to green nor on to another stage.
            Light::Clearing => refusals.push(Refusal::Changing { group }),
            Light::Red if lights.wanted().contains(group) => refusals.push(Refusal::Changing { group }),
            Light::Green | Light::Red => {}
        }
    }
    let limits = &layout.limits;
    let changes = lights.changes().iter().filter(|then| at.since(**then) < limits.changes_window).count();
    if changes >= limits.changes_max {
        refusals.push(Refusal::TooManyChanges { changes, window: limits.changes_window });
    }
    refusals
}

/// Whoever has waited for too long goes first: a wish that serves others makes them wait beyond the bound.
fn maximum_red(layout: &Layout, lights: &Lights, at: UtcMillis, wish: &Wish) -> Option<Refusal> {
    let (group, until) = overdue(layout, lights, at, &wish.greens)?;
    // Two may be overdue at once, and conflict: then the one whose time ends first has the right.
    let first = (0..=u8::MAX)
        .zip(lights.lamps().iter().zip(&layout.groups))
        .filter_map(|(group, (lamp, times))| Some((lamp.waiting_since? + times.red_max, group)))
        .min();
    let serves_first = first.is_some_and(|(_, first)| wish.greens.contains(first));
    (!serves_first).then_some(Refusal::MaximumRed { group, until })
}

/// When `group` can be green at the earliest if `greens` are chosen now, and after them a stage with it.
fn earliest_after(
    layout: &Layout,
    lights: &Lights,
    at: UtcMillis,
    greens: &GroupSet,
    group: u8,
) -> UtcMillis {
    if greens.contains(group) {
        return at;
    }
    let into = |from: &GroupSet| {
        let times = from.iter().filter_map(|other| layout.intergreen(other, group));
        times.max().unwrap_or_default()
    };
    let before = if greens == lights.wanted() {
        // The present stage stays, at least until the next look.
        DurationMs(0)
    } else {
        let least =
            greens.minus(lights.wanted()).iter().filter_map(|g| layout.group(g)).map(|g| g.green_min).max();
        DurationMs(layout.change_time(lights.wanted(), greens).0 + least.unwrap_or_default().0)
    };
    at + DurationMs(before.0 + into(greens).0)
}
