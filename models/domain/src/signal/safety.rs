//! What stands between every wish and every lamp: checked in the hall before sending and at the pole before acting, by
//! this one code. Nobody's right switches it off; there is no argument that does.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Aspect;
use super::group_set::GroupSet;
use super::lights::{Light, Lights};
use super::order::{Book, ORDERS_MAX, ORDERS_WINDOW, Order, PATIENCE_MAX, STOPS_MAX, Seen, Wanted};
use super::plan::{GroupKind, Layout};
use crate::units::{DurationMs, UtcMillis};

/// A wish that a junction shows these groups green, and all others red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub greens: GroupSet,
    pub made_at: UtcMillis,
    pub expires_at: UtcMillis,
}

/// Why a wish is not granted. Groups are indices from 0; the texts number them from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
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
    #[error("what the junction shows now is not known")]
    NotSeen,
    #[error("the junction has no plan {plan}")]
    NoSuchPlan { plan: u8 },
    #[error("no signal group is named")]
    NoGroup,
    #[error("order {number} is not newer than order {last}: it was kept back or doubled")]
    Doubled { number: u64, last: u64 },
    #[error("at most {} s may be ordered, not {}", max.seconds(), asked.seconds())]
    TooLong { asked: DurationMs, max: DurationMs },
    #[error("those on foot leave the road before signal group {} until {}", u16::from(*group) + 1, until.0)]
    PedestrianClearance { group: u8, until: UtcMillis },
}

impl Refusal {
    /// Whether the same wish may be granted a little later.
    pub fn comes_too_early(&self) -> bool {
        self.may_wait() || matches!(self, Refusal::TooManyChanges { .. } | Refusal::MaximumRed { .. })
    }

    /// Whether a pole waits for the moment at which nothing of it is left. Too many orders, or a bound of red, will not have changed within
    /// [`PATIENCE_MAX`].
    pub fn may_wait(&self) -> bool {
        match self {
            Refusal::MinimumGreen { .. } | Refusal::Changing { .. } | Refusal::PedestrianClearance { .. } => {
                true
            }
            Refusal::TooManyChanges { .. }
            | Refusal::MaximumRed { .. }
            | Refusal::NoSuchGroup { .. }
            | Refusal::Conflict { .. }
            | Refusal::TooOld { .. }
            | Refusal::FromTheFuture { .. }
            | Refusal::NotSeen
            | Refusal::NoSuchPlan { .. }
            | Refusal::NoGroup
            | Refusal::Doubled { .. }
            | Refusal::TooLong { .. } => false,
        }
    }

    /// Short stable name for tables and the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::NoSuchGroup { .. } => "no_such_group",
            Refusal::Conflict { .. } => "conflict",
            Refusal::MinimumGreen { .. } => "minimum_green",
            Refusal::Changing { .. } => "changing",
            Refusal::MaximumRed { .. } => "maximum_red",
            Refusal::TooManyChanges { .. } => "too_many_changes",
            Refusal::TooOld { .. } => "too_old",
            Refusal::FromTheFuture { .. } => "from_the_future",
            Refusal::NotSeen => "not_seen",
            Refusal::NoSuchPlan { .. } => "no_such_plan",
            Refusal::NoGroup => "no_group",
            Refusal::Doubled { .. } => "doubled",
            Refusal::TooLong { .. } => "too_long",
            Refusal::PedestrianClearance { .. } => "pedestrian_clearance",
        }
    }
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

/// What a person's order is held to besides the lamps: the plans that the controller has, and what was ordered before.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub layout: &'a Layout,
    pub plans: &'a [u8],
    pub seen: &'a Seen,
    pub book: &'a Book,
}

/// Everything that speaks against `order` at `at`; empty when nothing does. What lies ahead of `at` in the book counts: after a clock was set
/// back, [`Book::look`] is to come first. Going back to the own plan needs no more than an order that is fresh: the controller does it within
/// its own times.
pub fn check_order(known: Known<'_>, at: UtcMillis, order: &Order) -> Vec<Refusal> {
    let Known { layout, plans, seen, book } = known;
    let wish = Wish { greens: GroupSet::EMPTY, made_at: order.made_at, expires_at: order.expires_at };
    let mut refusals = age(layout, at, &wish);
    if order.number <= book.last_number {
        refusals.push(Refusal::Doubled { number: order.number, last: book.last_number });
    }
    if order.wanted == Wanted::OwnPlan {
        return refusals;
    }
    let (asked, max) = (order.expires_at.since(order.made_at), order.wanted.longest());
    if asked > max {
        refusals.push(Refusal::TooLong { asked, max });
    }
    refusals.extend(too_many(book, seen, at, &order.wanted));
    match &order.wanted {
        Wanted::Plan(plan) if !plans.contains(plan) => refusals.push(Refusal::NoSuchPlan { plan: *plan }),
        Wanted::Groups(groups) => refusals.extend(groups_wanted(layout, groups)),
        Wanted::Plan(_) | Wanted::Flash | Wanted::Dark | Wanted::AllRed | Wanted::OwnPlan => {}
    }
    refusals.extend(order_moment(layout, seen, at, order));
    refusals
}

/// What is left of `refusals` where a pole may wait for `patience`: nothing is begun, nor is the moment waited for, while there is any.
pub fn not_waited_out(refusals: &[Refusal], patience: DurationMs) -> Vec<Refusal> {
    let waits = patience > DurationMs(0) && patience <= PATIENCE_MAX;
    refusals.iter().filter(|refusal| !(waits && refusal.may_wait())).copied().collect()
}

/// The same once the order was taken, for as long as it waits for its moment: its age and number were judged already.
pub fn check_moment(layout: &Layout, seen: &Seen, at: UtcMillis, order: &Order) -> Vec<Refusal> {
    // The way back is never refused for having had to wait.
    if order.wanted == Wanted::OwnPlan {
        return Vec::new();
    }
    let waited = at.since(order.made_at);
    if at >= order.expires_at || waited > PATIENCE_MAX + layout.limits.wish_age_max {
        return vec![Refusal::TooOld { age: waited }];
    }
    order_moment(layout, seen, at, order)
}

/// What the rate says against beginning `order` now, if it was let pass as one that goes on with a green: that may have ended since.
pub fn check_begin(book: &Book, seen: &Seen, at: UtcMillis, order: &Order) -> Option<Refusal> {
    if book.uncounted == Some(order.number) { too_many(book, seen, at, &order.wanted) } else { None }
}

/// What stops service takes two people, so it is none of what is ordered by machine, and counts by itself: whatever orders greens again and
/// again keeps nobody from flash. The rate is there to bound changes: a green that goes on is none, and what it costs others their bound of
/// red has.
fn too_many(book: &Book, seen: &Seen, at: UtcMillis, wanted: &Wanted) -> Option<Refusal> {
    if book.goes_on(at, wanted, &seen.greens()) {
        return None;
    }
    let (taken, max) =
        if wanted.stops_service() { (&book.stops, STOPS_MAX) } else { (&book.taken, ORDERS_MAX) };
    let changes = taken.iter().filter(|then| at.since(**then) < ORDERS_WINDOW).count();
    (changes >= max).then_some(Refusal::TooManyChanges { changes, window: ORDERS_WINDOW })
}

fn groups_wanted(layout: &Layout, groups: &GroupSet) -> Vec<Refusal> {
    let known = layout.groups.len();
    let mut refusals: Vec<Refusal> = groups
        .iter()
        .filter(|g| usize::from(*g) >= known)
        .map(|group| Refusal::NoSuchGroup { group })
        .collect();
    if groups.is_empty() {
        refusals.push(Refusal::NoGroup);
    }
    refusals.extend(layout.conflict_in(groups).map(|(one, other)| Refusal::Conflict { one, other }));
    refusals
}

/// What the lamps, as they were last reported, say against beginning now.
fn order_moment(layout: &Layout, seen: &Seen, at: UtcMillis, order: &Order) -> Vec<Refusal> {
    if seen.groups().len() != layout.groups.len() {
        return vec![Refusal::NotSeen];
    }
    let mut refusals = Vec::new();
    for (group, (lamp, times)) in (0..=u8::MAX).zip(seen.groups().iter().zip(&layout.groups)) {
        // Under a plan the controller keeps its own minimum times; a mode and a group's green cut into them.
        let (cut, waits) = match &order.wanted {
            Wanted::Plan(_) | Wanted::OwnPlan => (false, false),
            Wanted::Flash | Wanted::Dark => (true, false),
            Wanted::AllRed => (true, true),
            Wanted::Groups(greens) => {
                let against = !layout.conflicts(group).and(greens).is_empty();
                (against, against)
            }
        };
        if !cut {
            continue;
        }
        let on_foot = times.kind == GroupKind::Pedestrian;
        // A red that was found so may have begun just before: people may be on the road.
        let red_from = lamp.green_ended.unwrap_or(lamp.since);
        match lamp.aspect {
            Aspect::Green if at.since(lamp.since) < times.green_min => {
                refusals.push(Refusal::MinimumGreen { group, until: lamp.since + times.green_min });
            }
            Aspect::FlashingGreen if on_foot => {
                refusals.push(Refusal::PedestrianClearance { group, until: lamp.since + times.clearance });
            }
            Aspect::Red if on_foot && at.since(red_from) < times.clearance => {
                refusals.push(Refusal::PedestrianClearance { group, until: red_from + times.clearance });
            }
            Aspect::Yellow | Aspect::RedYellow | Aspect::FlashingGreen | Aspect::Unknown => {
                refusals.push(Refusal::Changing { group });
            }
            Aspect::Green | Aspect::Red | Aspect::FlashingYellow | Aspect::FlashingRed | Aspect::Dark => {}
        }
        // Nobody tells who waits: somebody always does.
        let red_since = if lamp.aspect == Aspect::Red { at.min(lamp.red_from) } else { at };
        if waits && order.expires_at.since(red_since) > times.red_max {
            refusals.push(Refusal::MaximumRed { group, until: red_since + times.red_max });
        }
    }
    refusals
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
